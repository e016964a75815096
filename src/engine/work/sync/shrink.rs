//! What the main has lost stays here until a person has seen it: users, mailboxes, the directory, contexts.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Failure, common::Common};
use crate::{
    engine::host::Level,
    site::shrink::{Guarded, Held, Losses, Names, Removals},
};

/// Names in a log line at most.
const NAMED: usize = 20;
/// What the log hears where a loss can't be written down.
const NOT_KEPT: &str = "Cannot save for a restart what the main has lost within 24 hours";

/// What has gone, and what may go.
#[derive(Default)]
pub(super) struct Lost {
    /// Within a day.
    losses: BTreeMap<Guarded, Losses>,
    /// What may go by the order that is carried out.
    accepted: Arc<Removals>,
    /// Numbers of users who went by it: the directory may lose them, too.
    freed: Names,
}

impl Lost {
    /// Another order begins, with which a person has accepted this.
    pub(super) fn accept(&mut self, accepted: Arc<Removals>) {
        self.accepted = accepted;
        self.freed.clear();
    }

    /// Users with these numbers go by a person's word.
    pub(super) fn free(&mut self, numbers: Names) {
        self.freed = numbers;
    }

    /// Returns what a person has accepted, for what goes on after the order.
    pub(super) fn permit(&self) -> Permit {
        Permit { accepted: Arc::clone(&self.accepted), freed: self.freed.clone() }
    }

    /// Goes by what a person had accepted then.
    pub(super) fn resume(&mut self, permit: &Permit) {
        self.accepted.clone_from(&permit.accepted);
        self.freed.clone_from(&permit.freed);
    }

    /// Whether the number was that of a user who went by a person's word.
    pub(super) fn is_free(&self, number: &str) -> bool {
        self.freed.contains(number)
    }

    /// What has gone of it so far.
    pub(super) fn losses_of(&self, guarded: Guarded) -> Losses {
        self.losses.get(&guarded).cloned().unwrap_or_default()
    }

    /// What of it a person has accepted with this order.
    pub(super) fn accepted_of(&self, guarded: Guarded) -> Names {
        self.accepted.get(&guarded).cloned().unwrap_or_default()
    }
}

/// What a person has accepted with an order.
#[derive(Default)]
pub(super) struct Permit {
    accepted: Arc<Removals>,
    freed: Names,
}

impl Common<'_> {
    /// Reads what an earlier life has noted.
    pub(super) fn read_losses(&mut self) {
        let Ok(store) = self.store() else { return };
        let losses = |guarded: Guarded| {
            let text = store.read_beside(guarded.file()).ok().flatten()?;
            Some((guarded, Losses::from_text(&String::from_utf8_lossy(&text))))
        };
        self.lost.losses = Guarded::ALL.into_iter().filter_map(losses).collect();
    }

    /// Lets what is in place become what is new, where a day has not lost too much. What a person has accepted may go.
    pub(super) fn may_become(
        &mut self,
        guarded: Guarded,
        in_place: &Names,
        new: &Names,
    ) -> Result<(), Failure> {
        let max_shrink = self.syncing.settings.max_shrink;
        let (losses, accepted) = (self.lost.losses_of(guarded), self.lost.accepted_of(guarded));
        match losses.judge(now(), in_place, new, max_shrink, &accepted) {
            Ok(()) => {
                self.note_change(guarded, in_place, new);
                Ok(())
            }
            Err(held) => Err(self.hold_removal(guarded, held)),
        }
    }

    /// What is in place becomes what is new: nothing of it is held any more.
    pub(super) fn note_change(&mut self, guarded: Guarded, in_place: &Names, new: &Names) {
        let accepted = self.lost.accepted_of(guarded);
        let losses = self.lost.losses.entry(guarded).or_default();
        if losses.note(now(), in_place, new, &accepted) {
            let text = losses.to_text();
            let kept = self.write_beside(guarded.file(), &text);
            self.syncing.kit.log_outcome(
                &kept,
                NOT_KEPT,
                "What the main has lost within 24 hours is saved for a restart again.",
            );
        }
        self.nothing_held(guarded);
    }

    /// Nothing of it is missing on the main.
    pub(super) fn nothing_held(&mut self, guarded: Guarded) {
        if self.status.held_removals.contains_key(&guarded) {
            Arc::make_mut(&mut self.status.held_removals).remove(&guarded);
        }
    }

    /// Shows who would go, and says so in the log where it is somebody else than before.
    pub(super) fn hold_removal(&mut self, guarded: Guarded, held: Held) -> Failure {
        let Held { names, earlier, of } = held;
        let removed = names.len();
        if self.status.held_removals.get(&guarded) != Some(&names) {
            let named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
            let more = if removed > named.len() {
                format!(" and more: '{}' names all", guarded.shown_by())
            } else {
                String::new()
            };
            let (what, named) = (guarded.counted(removed), named.join(", "));
            let text = format!("Held: the sync would remove {what}: {named}{more}");
            self.host.log(Level::Warning, &text);
            Arc::make_mut(&mut self.status.held_removals).insert(guarded, names);
        }
        Failure::Shrink { guarded, removed, earlier, of, max_shrink: self.syncing.settings.max_shrink }
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}
