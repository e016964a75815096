//! When the main's files are read. Pure.
//!
//! What a reload has taken up is read at once. What nobody has reloaded may be half of a change: FreePBX writes one file after
//! the other, and an administrator goes to lunch. But a branch that asks for texts is not kept waiting for ever, and of some
//! files no reload is told.

use std::{path::Path, time::Duration};

use super::{BOXES, MANAGER, stamp::Stamp};

/// So long nothing may have been written before files are read that Asterisk itself may have written.
pub(super) const QUIET: Duration = Duration::from_secs(2);
/// The same of files that somebody has written and not reloaded.
const LEFT: Duration = Duration::from_secs(60);

/// Why it is looked at the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Why {
    /// The main has reloaded.
    pub(super) reloaded: bool,
    /// A branch wants texts that are not there.
    pub(super) texts: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Do {
    /// What is known is what there is.
    Nothing,
    /// They are read.
    Read,
    /// They are looked at again after so long.
    Wait(Duration),
}

/// Whether no reload of a file is told: app_voicemail writes a changed PIN into its own by itself, and of `manager reload` there
/// is no event.
fn is_untold(path: &Path) -> bool {
    let begins = |path: &Path, with: &str| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(with))
    };
    let manager = MANAGER.trim_end_matches(".conf");
    begins(path, BOXES)
        || begins(path, manager)
        || path.parent().is_some_and(|folder| begins(folder, manager))
}

/// Decides it. `known`: the files as they were read last, `None` where they were not, or not whole. `quiet`: how long nothing
/// has been written, `None` where the clock says nothing of it.
pub(super) fn decide(known: Option<&Stamp>, now: &Stamp, why: Why, quiet: Option<Duration>) -> Do {
    let after = |needed: Duration| match needed.checked_sub(quiet.unwrap_or(needed)) {
        None | Some(Duration::ZERO) => Do::Read,
        Some(left) => Do::Wait(left),
    };
    match known {
        // Files of other folders, of programs and of databases have no stamp.
        _ if why.reloaded => Do::Read,
        None => after(QUIET),
        Some(known) if known == now => match why.texts {
            true => Do::Read,
            false => Do::Nothing,
        },
        Some(known) if known.differs_only_in(now, is_untold) => after(QUIET),
        Some(_) if why.texts => after(LEFT),
        Some(_) => Do::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;

    const TEXTS: Why = Why { reloaded: false, texts: true };
    const RELOADED: Why = Why { reloaded: true, texts: false };

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            files.write("pjsip.conf", "a");
            files.write(BOXES, "a");
            files
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.path().join(name), text).unwrap();
        }

        fn stamp(&self) -> Stamp {
            Stamp::take(self.0.path(), &BTreeSet::new())
        }
    }

    #[test]
    fn what_is_known_is_read_again_for_its_texts_and_after_a_reload() {
        let stamp = Files::new().stamp();
        let decide = |why| decide(Some(&stamp), &stamp, why, None);
        assert_eq!(decide(Why::default()), Do::Nothing);
        assert_eq!((decide(TEXTS), decide(RELOADED)), (Do::Read, Do::Read));
    }

    #[test]
    fn what_is_not_known_is_read_once_nobody_writes_it() {
        let stamp = Files::new().stamp();
        let decide = |quiet| decide(None, &stamp, Why::default(), quiet);
        assert_eq!(decide(Some(Duration::ZERO)), Do::Wait(QUIET));
        assert_eq!((decide(Some(QUIET)), decide(None)), (Do::Read, Do::Read));
    }

    #[test]
    fn what_nobody_has_reloaded_is_left_alone_and_read_after_a_minute_for_a_branch_that_asks() {
        let files = Files::new();
        let known = files.stamp();
        files.write("pjsip.conf", "changed");
        let now = files.stamp();
        let decide = |why, quiet| decide(Some(&known), &now, why, quiet);
        assert_eq!(decide(Why::default(), Some(LEFT * 2)), Do::Nothing);
        assert_eq!(decide(TEXTS, Some(QUIET)), Do::Wait(LEFT - QUIET));
        assert_eq!(decide(TEXTS, Some(LEFT)), Do::Read);
        assert_eq!(decide(RELOADED, Some(Duration::ZERO)), Do::Read);
    }

    #[test]
    fn a_pin_that_was_changed_by_phone_and_an_account_are_read_without_a_reload_and_nothing_else_with_them() {
        let files = Files::new();
        for name in [BOXES, MANAGER, "manager_custom.conf"] {
            let known = files.stamp();
            files.write(name, "changed");
            let decide = |quiet| decide(Some(&known), &files.stamp(), Why::default(), Some(quiet));
            assert_eq!(decide(QUIET), Do::Read, "{name}");
            assert!(matches!(decide(QUIET / 2), Do::Wait(_)));
        }
        assert!(is_untold(Path::new("/etc/asterisk/manager.d/berlin.conf")));
        let known = files.stamp();
        files.write("pjsip.conf", "changed");
        assert_eq!(decide(Some(&known), &files.stamp(), Why::default(), Some(QUIET)), Do::Nothing);
    }
}
