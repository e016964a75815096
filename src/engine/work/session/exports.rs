//! What the keeper of the session knows of the main's export, and what the others have taken of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;

use crate::export::{Digest, Part};

/// Shared by the keeper and whoever takes from the main; clones are the same.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Exports(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Whether the main exports over the kept session.
    on: bool,
    /// The longest time that the kept session is away, waiting at the main.
    longest: Duration,
    /// Whether the main may be asked over other connections whether it exports by now.
    may_ask: bool,
    /// Whether somebody has seen that it does.
    seen: bool,
    /// Whether an administrator may have mended why it did not.
    mended: bool,
    /// What the branch has of each part.
    digests: BTreeMap<Part, Digest>,
    /// Of what the main has another one, or what could not be taken: the main tells of these no more.
    awaited: BTreeSet<Part>,
    /// The contexts that the branch takes.
    contexts: String,
}

impl Exports {
    /// Returns whether the main exports over the kept session.
    pub(in crate::engine) fn is_on(&self) -> bool {
        self.0.lock().on
    }

    /// The branch has this of a part now: the main is to tell where it has another one.
    pub(in crate::engine) fn has(&self, part: Part, digest: Digest) {
        let mut known = self.0.lock();
        known.digests.insert(part, digest);
        known.awaited.remove(&part);
    }

    /// This part could not be taken.
    pub(in crate::engine) fn lacks(&self, part: Part) {
        self.0.lock().awaited.insert(part);
    }

    /// The main does not export this part.
    pub(in crate::engine) fn is_without(&self, part: Part) {
        self.0.lock().awaited.remove(&part);
    }

    /// Returns whether syncs have left something that the main has told of and tells of no more, or that could not be taken:
    /// over this session, or one before it.
    pub(in crate::engine) fn awaits(&self) -> bool {
        self.0.lock().awaited.iter().any(|part| *part != Part::Contacts)
    }

    /// A sync has ended well: of a main that does not export, it has read all there is.
    pub(in crate::engine) fn synced(&self) {
        let mut known = self.0.lock();
        if !known.on {
            known.awaited.clear();
        }
    }

    /// These are the contexts that the branch takes.
    pub(in crate::engine) fn takes_contexts(&self, contexts: &str) {
        let mut known = self.0.lock();
        if known.contexts != contexts {
            contexts.clone_into(&mut known.contexts);
            known.digests.remove(&Part::Contexts);
        }
    }

    /// Returns the longest time that the kept session is away.
    pub(super) fn longest(&self) -> Duration {
        let known = self.0.lock();
        if known.on { known.longest } else { Duration::ZERO }
    }

    /// The main exports.
    pub(super) fn turn_on(&self, longest: Duration) {
        let mut known = self.0.lock();
        (known.on, known.longest, known.seen) = (true, longest, false);
    }

    /// It does not. `may_ask`: whether it can be asked again over other connections.
    pub(super) fn turn_off(&self, may_ask: bool) {
        let mut known = self.0.lock();
        (known.on, known.may_ask, known.seen) = (false, may_ask, false);
        known.digests.clear();
    }

    /// Returns whether a connection for something else may ask whether the main exports by now.
    pub(super) fn may_ask(&self) -> bool {
        let known = self.0.lock();
        !known.on && known.may_ask && !known.seen
    }

    /// An administrator may have mended why it does not.
    pub(in crate::engine) fn mended(&self) {
        self.0.lock().mended = true;
    }

    /// Returns once that an administrator may have mended it.
    pub(super) fn take_mended(&self) -> bool {
        std::mem::take(&mut self.0.lock().mended)
    }

    /// Somebody has seen that it does.
    pub(super) fn seen(&self) {
        self.0.lock().seen = true;
    }

    /// Returns once that somebody has seen it.
    pub(super) fn take_seen(&self) -> bool {
        std::mem::take(&mut self.0.lock().seen)
    }

    /// Returns what the branch has, and the contexts that it takes.
    pub(super) fn digests(&self) -> (BTreeMap<Part, Digest>, String) {
        let known = self.0.lock();
        (known.digests.clone(), known.contexts.clone())
    }

    /// The main has another one of these: what the branch has is not worth waiting with until it has taken that.
    pub(super) fn forget(&self, parts: &[Part]) {
        let mut known = self.0.lock();
        known.digests.retain(|part, _| !parts.contains(part));
        known.awaited.extend(parts);
    }

    /// Returns whether the branch has something of each of these.
    pub(super) fn has_all(&self, parts: &[Part]) -> bool {
        let known = self.0.lock();
        parts.iter().all(|part| known.digests.contains_key(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(letter: &str) -> Digest {
        Digest::read(&letter.repeat(64)).unwrap()
    }

    #[test]
    fn what_has_changed_is_not_waited_with_until_it_is_taken() {
        let exports = Exports::default();
        exports.turn_on(Duration::from_secs(6));
        exports.has(Part::Users, digest("a"));
        exports.has(Part::Boxes, digest("b"));
        exports.forget(&[Part::Users]);
        assert_eq!(exports.digests().0.keys().copied().collect::<Vec<_>>(), [Part::Boxes]);
        assert!(!exports.has_all(&[Part::Users, Part::Boxes]));
        exports.has(Part::Users, digest("c"));
        assert!(exports.has_all(&[Part::Users, Part::Boxes]));
    }

    #[test]
    fn what_was_told_of_and_not_taken_is_awaited_until_it_is() {
        let exports = Exports::default();
        exports.turn_on(Duration::from_secs(6));
        assert!(!exports.awaits());
        // Somebody else takes these.
        exports.forget(&[Part::Contacts]);
        assert!(!exports.awaits());
        exports.forget(&[Part::Users, Part::Boxes]);
        exports.has(Part::Users, digest("a"));
        assert!(exports.awaits());
        exports.is_without(Part::Boxes);
        assert!(!exports.awaits());
        exports.lacks(Part::Directory);
        // Another session does not know what the one before was told.
        exports.turn_off(false);
        exports.turn_on(Duration::from_secs(6));
        exports.synced();
        assert!(exports.awaits());
        exports.turn_off(false);
        exports.synced();
        assert!(!exports.awaits());
    }

    #[test]
    fn other_contexts_are_another_part() {
        let exports = Exports::default();
        exports.takes_contexts("a");
        exports.has(Part::Contexts, digest("a"));
        exports.takes_contexts("a");
        assert!(exports.has_all(&[Part::Contexts]));
        exports.takes_contexts("a,b");
        assert!(!exports.has_all(&[Part::Contexts]));
    }

    #[test]
    fn others_ask_a_main_that_has_said_no_and_once_it_says_yes_nobody_does() {
        let exports = Exports::default();
        assert!(!exports.may_ask(), "nothing is known yet");
        exports.turn_off(true);
        assert!(exports.may_ask());
        exports.seen();
        assert!(!exports.may_ask() && exports.take_seen() && !exports.take_seen());
        exports.turn_off(false);
        assert!(!exports.may_ask());
        exports.turn_on(Duration::from_secs(6));
        assert!(!exports.may_ask() && exports.is_on());
        assert_eq!(exports.longest(), Duration::from_secs(6));
        exports.turn_off(true);
        assert_eq!(exports.longest(), Duration::ZERO);
    }
}
