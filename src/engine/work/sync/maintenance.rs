//! Before and after work on the main: one last sync, a main that is left alone, and the questions before its phones go back.

use std::time::Instant;

use super::{Failure, Question, Site, Ticket, Wish, failure::HELD_FOR_MAINTENANCE, reading::Reading};
use crate::{
    engine::{crew::worker::Stopped, event::Event},
    maintenance::{Refusal, is_version},
    words::state::SyncState,
};

impl Site<'_> {
    /// Shows that the main is left alone. A version that is held stays shown as held.
    pub(super) fn leave_main_alone(&mut self) {
        self.hang_up();
        let status = &mut self.common.status;
        if status.held.is_none() && status.reason != HELD_FOR_MAINTENANCE {
            status.state = SyncState::Unsynced;
            HELD_FOR_MAINTENANCE.clone_into(&mut status.reason);
            self.common.tell();
        }
    }

    /// Syncs once more, and tells how that ended and whether the branch could serve.
    pub(super) fn prepare(&mut self, ticket: &Ticket) -> Result<(), Stopped> {
        self.common.lost.accept(std::sync::Arc::default());
        let synced = self.unless_held(Wish::Asked, Some(ticket));
        self.conclude(&synced)?;
        if ticket.is_over(Instant::now()) && self.common.syncing.kit.leaves_main_alone() {
            // It goes on without this.
            self.leave_main_alone();
        }
        let problem = synced.err().map_or_else(String::new, |failure| failure.to_string());
        let live = self.parts.users.are_live(&self.common).map_err(|failure| failure.to_string());
        self.hang_up();
        self.common.syncing.teller.tell(Event::Prepared { number: ticket.number, problem, live });
        Ok(())
    }

    /// Asks whether the main may have its phones back. Takes over what it has then, and tells.
    pub(super) fn pass_gate(&mut self, question: &Question) -> Result<(), Stopped> {
        self.common.lost.accept(std::sync::Arc::default());
        self.hang_up();
        let answer = match self.ask_gate(question) {
            Ok(()) => Ok(()),
            Err(NotYet::Failure(Failure::Stopped)) => return Err(Stopped),
            Err(NotYet::Failure(failure @ Failure::File { .. })) => Err(Refusal::File(failure.to_string())),
            Err(NotYet::Failure(failure))
                if failure.is_about_the_line() || matches!(failure, Failure::Over) =>
            {
                Err(Refusal::Unanswered(failure.to_string()))
            }
            Err(NotYet::Failure(failure)) => Err(Refusal::NotSynced(failure.to_string())),
            Err(NotYet::Refusal(refusal)) => Err(refusal),
        };
        if answer.is_ok() {
            // As a sync that somebody asked for: a version that is held stays.
            let held = self.common.status.held.map_or(Ok(()), |version| Err(Failure::Held(version)));
            self.conclude(&held)?;
        } else {
            if self.common.syncing.kit.leaves_main_alone() {
                // It goes on.
                self.leave_main_alone();
            }
            self.common.tell();
        }
        self.common.syncing.teller.tell(Event::Gated { number: question.ticket.number, answer });
        Ok(())
    }

    fn ask_gate(&mut self, question: &Question) -> Result<(), NotYet> {
        let mut reading = Reading::open(&self.common, Some(&question.ticket))?;
        self.common.stamp.clone_from(&reading.stamp);
        let asked = self.ask_over(&mut reading, question);
        reading.tell(&mut self.common.gauge);
        asked?;
        reading.close();
        Ok(())
    }

    fn ask_over(&mut self, reading: &mut Reading, question: &Question) -> Result<(), NotYet> {
        // Only where it matters: whatever is between us and the main may not know the question, and be silent.
        if let Some(wanted) = &question.version {
            let says = match reading.exports() {
                // It has said so with the session.
                true => Some(self.common.syncing.kit.published.read().main_version.clone()),
                false => reading.version()?,
            };
            self.common.syncing.teller.tell(Event::MainVersion(says.clone().unwrap_or_default()));
            is_version(Some(wanted), says.as_deref())?;
        }
        self.parts.users.plan_only(reading, &mut self.common)?;
        let all = &self.common.syncing.all;
        let boxes = all.voicemail.as_ref().map(|voicemail| &voicemail.file);
        let contexts = all.dialplan.as_ref().map(|dialplan| &dialplan.contexts);
        let contexts = contexts.filter(|own| !own.chosen.is_empty()).map(|own| &own.file);
        let by_file = !reading.exports();
        for file in boxes.into_iter().chain(contexts).filter(|_| by_file) {
            reading.look_for(file)?;
        }
        if self.common.status.held.is_none() {
            self.sync_over(reading, Wish::Asked)?;
        }
        Ok(())
    }
}

/// Why the main may not have its phones back.
pub(super) enum NotYet {
    Refusal(Refusal),
    Failure(Failure),
}

impl From<Refusal> for NotYet {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<Failure> for NotYet {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
