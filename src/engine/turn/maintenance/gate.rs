//! Whether the main may have its phones back: what is asked before a maintenance ends, and what follows from the answer.

use std::time::{Duration, Instant};

use super::{
    LATE, Told,
    hold::{REFUSED, Waits},
    sentence,
};
use crate::{
    engine::{
        host::Level,
        turn::Running,
        work::sync::{Claim, Order, Question},
    },
    maintenance::{Refusal, is_version, is_well},
    words::state::{MaintenanceState as State, Mode, ServiceState},
};

/// How soon a main that did not answer at the end of a maintenance is asked again: each time it is read as by a sync.
const ASK_AGAIN: Duration = Duration::from_secs(60);

impl Running {
    /// Ends a maintenance for an operator, where the main may have its phones back.
    pub(in crate::engine::turn) fn stop_maintenance(
        &mut self,
        version: Option<String>,
        force: bool,
        reply: Told,
    ) {
        if matches!(self.hold.waits, Waits::Last(..)) {
            self.cancel("an operator has stopped it");
            self.publish();
            return reply.give(Ok("The maintenance had not begun; no phone was moved.".to_owned()));
        }
        let mode = self.failover.mode();
        if mode != Mode::Maintenance {
            return reply.give(Err(format!("There is no maintenance; the mode is {mode}.")));
        }
        if force {
            self.cancel("an operator has ended the maintenance by force");
            // The word of a person goes before a sync that is held.
            self.failover.set_sync_is_held(false);
            self.end_maintenance("an operator has ended it by force, and the main was not asked");
            self.publish();
            return reply.give(Ok(self.ended()));
        }
        if matches!(self.hold.waits, Waits::Gate(..)) {
            let text = "The main is being asked already; 'synch show maintenance' shows how it answers.";
            return reply.give(Err(text.to_owned()));
        }
        self.ask_main(version, Some(reply));
    }

    /// Asks whether the main may have its phones back.
    pub(super) fn ask_main(&mut self, version: Option<String>, reply: Option<Told>) {
        if let Err(refusal) = self.is_main_well() {
            return self.refuse(&refusal, reply);
        }
        if self.settings.sync.is_none() {
            let says = Some(self.snapshot.main_version.as_str()).filter(|says| !says.is_empty());
            return match is_version(version.as_deref(), says) {
                Ok(()) => self.go_home(reply),
                Err(refusal) => self.refuse(&refusal, reply),
            };
        }
        self.hold.number += 1;
        let (claim, ticket) = Claim::new(self.hold.number, Instant::now() + LATE);
        if !self.roster.order(Order::Gate(Question { ticket, version })) {
            let why = self.why_not_ordered().to_owned();
            return self.refuse(&Refusal::Unanswered(why), reply);
        }
        self.hold.waits = Waits::Gate(reply, claim);
    }

    /// The main was asked.
    pub(in crate::engine::turn) fn gated(&mut self, number: u64, answer: Result<(), Refusal>) {
        let has_synced = answer.is_ok();
        if number != self.hold.number || !matches!(self.hold.waits, Waits::Gate(..)) {
            return self.show_held(has_synced);
        }
        let Waits::Gate(reply, _) = std::mem::take(&mut self.hold.waits) else { return };
        // It may have died meanwhile.
        match answer.and_then(|()| self.is_main_well()) {
            Ok(()) => self.go_home(reply),
            Err(refusal) => {
                self.refuse(&refusal, reply);
                self.show_held(has_synced);
            }
        }
    }

    /// Has the sync shown as held, where a gate has synced and the maintenance goes on.
    fn show_held(&self, has_synced: bool) {
        if has_synced && self.failover.mode() == Mode::Maintenance {
            self.order_due();
        }
    }

    fn is_main_well(&self) -> Result<(), Refusal> {
        let verdict = self.monitor.verdict();
        is_well(verdict.state, &verdict.reason, self.monitor.is_starting())
    }

    fn go_home(&mut self, reply: Option<Told>) {
        // What it has was looked at just now.
        self.failover.set_sync_is_held(false);
        self.end_maintenance("the main is well and has what the phones need");
        if let Some(reply) = reply {
            self.publish();
            reply.give(Ok(self.ended()));
        }
    }

    fn ended(&self) -> String {
        let (mode, service) = (self.failover.mode(), self.failover.service());
        match service {
            ServiceState::Normal => {
                format!("The maintenance has ended: mode is {mode}, phones go to the main.")
            }
            _ => format!("The maintenance has ended: mode is {mode}, service state is {service}."),
        }
    }

    /// The phones stay.
    pub(super) fn refuse(&mut self, refusal: &Refusal, reply: Option<Told>) {
        let text = refusal.to_string();
        let is_known = self.hold.refused == text;
        self.hold.refused = text;
        if refusal.is_of_the_main() {
            self.hold.is_barred = true;
            self.remember_word(REFUSED, Some(&self.hold.refused));
        }
        let Some(reply) = reply else { return self.refuse_at_end(refusal, is_known) };
        let text = format!("the phones stay here: {refusal}; 'synch maintenance stop' asks the main again");
        self.tell_maintenance(Level::Warning, State::Refused, &text);
        self.publish();
        reply.give(Err(sentence(&format!("The maintenance goes on, and the phones stay here: {refusal}"))));
    }

    /// The phones stay, though the time of the maintenance is over.
    fn refuse_at_end(&mut self, refusal: &Refusal, is_known: bool) {
        let again = if refusal.is_of_the_main() {
            "'synch maintenance stop' asks the main again"
        } else {
            self.hold.is_told = false;
            self.hold.not_before = Some(Instant::now() + ASK_AGAIN);
            "it is asked again within a minute"
        };
        // A main that goes on without an answer is told of once.
        if refusal.is_of_the_main() || !is_known {
            let text =
                format!("The time of the maintenance is over, but the phones stay here: {refusal}; {again}");
            self.tell_maintenance(Level::Warning, State::Refused, &text);
        }
    }

    pub(super) fn gate_is_late(&mut self) {
        if let Waits::Gate(reply, _) = std::mem::take(&mut self.hold.waits) {
            let late = format!("the main has not answered all questions within {} s", LATE.as_secs());
            self.refuse(&Refusal::Unanswered(late), reply);
        }
    }
}
