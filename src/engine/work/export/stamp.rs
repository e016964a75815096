//! Whether the main's files are the same as when they were read, and whether somebody writes them now.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// What the system says of each file: when it was written, to the nanosecond, its size, and which file it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::engine::work) struct Stamp(BTreeMap<PathBuf, (i64, i64, u64, u64)>);

impl Stamp {
    /// Of all configuration files in a folder, and of these. 300 take a fifth of a millisecond.
    pub(super) fn take(folder: &Path, besides: &BTreeSet<PathBuf>) -> Self {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let own = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "conf"));
        let besides = besides.iter().map(|path| folder.join(path));
        Self::of(own.chain(besides))
    }

    /// Of these files.
    pub(in crate::engine::work) fn of(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let all: BTreeSet<PathBuf> = files.into_iter().collect();
        let of = |path: PathBuf| {
            let found = fs::metadata(&path).ok()?;
            Some((path, (found.mtime(), found.mtime_nsec(), found.size(), found.ino())))
        };
        Self(all.into_iter().filter_map(of).collect())
    }

    /// Returns whether all that differs are such files.
    pub(super) fn differs_only_in(&self, other: &Self, is_such: fn(&Path) -> bool) -> bool {
        let besides = |stamp: &Self| -> Vec<_> {
            stamp.0.iter().filter(|(path, _)| !is_such(path)).map(|(path, of)| (path.clone(), *of)).collect()
        };
        besides(self) == besides(other)
    }

    /// Returns how long nothing has been written; `None` where the clock has been put back since.
    pub(super) fn quiet_for(&self, now: SystemTime) -> Option<Duration> {
        let newest = self.0.values().map(|(seconds, nanoseconds, ..)| (*seconds, *nanoseconds)).max()?;
        let since = Duration::new(u64::try_from(newest.0).ok()?, u32::try_from(newest.1).ok()?);
        now.duration_since(SystemTime::UNIX_EPOCH + since).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_differs_with_each_write_and_says_how_long_ago_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pjsip.conf");
        fs::write(&path, "a").unwrap();
        let take = || Stamp::take(folder.path(), &BTreeSet::new());
        let first = take();
        assert_eq!(take(), first);
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        assert_eq!(take(), first);
        fs::write(&path, "ab").unwrap();
        assert_ne!(take(), first);
        let second = take();
        fs::write(folder.path().join("pjsip_custom.conf"), "").unwrap();
        assert_ne!(take(), second);
        let later = SystemTime::now() + Duration::from_secs(10);
        assert!(take().quiet_for(later).unwrap() > Duration::from_secs(9));
        assert_eq!(take().quiet_for(SystemTime::UNIX_EPOCH), None);
        assert_eq!(Stamp::default().quiet_for(later), None);
    }
}
