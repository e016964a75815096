//! Faults to order, for the tests of the lab. A file `synch/panic-NAME` in Asterisk's variable data makes the point of
//! that name panic once; a file `synch/hang-NAME` makes it hang for as long as the file is there. A file `synch/hold-NAME` is for
//! the first thread alone that comes there: it makes `synch/held-NAME` of it, and hangs for as long as that is there. A key that
//! is stored in Asterisk's database is a point of its name. Without the feature
//! `faults`, which no release has, a point is nothing at all.

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
        thread,
        time::Duration,
    };

    use once_cell::sync::OnceCell;

    static FOLDER: OnceCell<PathBuf> = OnceCell::new();

    /// Orders are put into this folder from now on.
    pub fn listen(data: &Path) {
        FOLDER.get_or_init(|| data.join("synch"));
    }

    /// How often it is looked whether a thread is to hang on.
    const LOOK: Duration = Duration::from_millis(20);

    /// Panics if that is ordered, once; hangs as long as that is ordered.
    #[track_caller]
    #[expect(clippy::panic, reason = "it is what was ordered")]
    pub fn point(name: &str) {
        let order = |kind: &str| FOLDER.get().map(|folder| folder.join(format!("{kind}{name}")));
        while order("hang-").is_some_and(|order| order.exists()) {
            // So that a test sees it.
            let _ = order("hangs-").map(|said| fs::write(said, ""));
            thread::sleep(LOOK);
        }
        if let (Some(hold), Some(held)) = (order("hold-"), order("held-"))
            && fs::rename(hold, &held).is_ok()
        {
            while held.exists() {
                thread::sleep(LOOK);
            }
        }
        if order("panic-").is_some_and(|order| fs::remove_file(order).is_ok()) {
            panic!("ordered at {name}");
        }
    }
}
