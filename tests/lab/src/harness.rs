//! The same test on 22 and on 16.

/// Makes of each function `fn(Version) -> Result` two tests: `on_22::name` and `on_16::name`.
#[macro_export]
macro_rules! on_22_and_16 {
    ($($(#[$attribute:meta])* $test:ident),* $(,)?) => {
        $crate::tests_on!(on_22, V22, $($(#[$attribute])* $test),*);
        $crate::tests_on!(on_16, V16, $($(#[$attribute])* $test),*);
    };
}

/// Makes of each function a test in the module `$name`, on one version.
#[macro_export]
macro_rules! tests_on {
    ($name:ident, $version:ident, $($(#[$attribute:meta])* $test:ident),* $(,)?) => {
        mod $name {
            $($(#[$attribute])* #[test] fn $test() -> $crate::Result {
                super::$test($crate::Version::$version)
            })*
        }
    };
}
