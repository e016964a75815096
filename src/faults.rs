//! Panics to order, for the tests of the lab: a file `synch/panic-NAME` in Asterisk's variable data makes the point of
//! that name panic once. Without the feature `faults`, which no release has, a point is nothing at all.

/// Nothing.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub const fn point(_name: &str) {}

#[cfg(feature = "faults")]
pub use ordered::{listen, point};

#[cfg(feature = "faults")]
mod ordered {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use once_cell::sync::OnceCell;

    static FOLDER: OnceCell<PathBuf> = OnceCell::new();

    /// Orders are put into this folder from now on.
    pub fn listen(data: &Path) {
        FOLDER.get_or_init(|| data.join("synch"));
    }

    /// Panics if that is ordered, once.
    #[track_caller]
    #[expect(clippy::panic, reason = "it is what was ordered")]
    pub fn point(name: &str) {
        let order = FOLDER.get().map(|folder| folder.join(format!("panic-{name}")));
        if order.is_some_and(|order| fs::remove_file(order).is_ok()) {
            panic!("ordered at {name}");
        }
    }
}
