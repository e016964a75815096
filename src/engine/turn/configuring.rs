//! New settings, taken in while everything runs.

use std::{mem, sync::Arc, time::Instant};

use super::{
    Running,
    question::Question,
    verdict::{has_sip_answered, monitor, pace, sip_place},
    warn,
};
use crate::{
    engine::host::Level,
    operator::status::{ExportStatus, LoginStatus, SyncStatus},
    settings::Settings,
    verdict::probe::Burden,
    words::{faults, state::LoginState},
};

/// How much of the settings is in force: a panic may come while they are taken in.
pub(super) enum TakenIn {
    /// All of them.
    Whole,
    /// Some of them; it is tried a second time.
    Begun {
        /// The settings before.
        old: Arc<Settings>,
        /// Whether what is in force may be of others still.
        anew: bool,
    },
    /// Some of them, and a second panic: the next settings are taken in as a whole.
    Half,
}

impl Running {
    /// Restarts the workers whose settings have changed; the others go on undisturbed.
    pub(super) fn configure(&mut self, settings: Arc<Settings>) {
        let old = mem::replace(&mut self.settings, settings);
        let anew = !matches!(self.taken_in, TakenIn::Whole);
        self.taken_in = TakenIn::Begun { old: Arc::clone(&old), anew };
        self.take_in(&old, anew);
        self.taken_in = TakenIn::Whole;
    }

    /// Takes the settings in a second time, where the first one has panicked.
    pub(super) fn take_in_again(&mut self) {
        let TakenIn::Begun { old, anew } = &self.taken_in else { return };
        let (old, anew) = (Arc::clone(old), *anew);
        self.taken_in = TakenIn::Half;
        self.take_in(&old, anew);
        self.taken_in = TakenIn::Whole;
    }

    /// Takes in what differs from the old settings, or all of it anew.
    fn take_in(&mut self, old: &Arc<Settings>, anew: bool) {
        let new = Arc::clone(&self.settings);
        faults::point("configure");
        // Who reloads may have mended the account on the main.
        self.roster.try_now();
        // Its password may be another one in the same file.
        self.open_page();
        if *old == new && !anew {
            self.log(Level::Notice, "The settings are unchanged.");
            return;
        }
        warn(&new, &*self.kit.host);
        // Who was asked may be replaced, and would not answer.
        self.cancel("the settings were changed meanwhile; try again");
        self.kit.desk.set_serves(new.export.is_some());
        self.roster.fit(&new);
        // Whoever read is ended, or tells of the next piece.
        self.burden = Burden::new(&new.probe);
        self.failover.configure(&new.failover);
        let other_main = anew || old.main != new.main;
        if other_main || old.probe != new.probe {
            let before = self.monitor.verdict().state;
            let starting = !other_main && new.probe.events && self.monitor.is_starting();
            self.sip_answered = has_sip_answered(&new, &*self.kit.host);
            self.question = Question::recall(&*self.kit.host, &sip_place(&new));
            self.monitor = monitor(&new, self.sip_answered);
            self.monitor.set_starting(starting);
            // The health of another main, or by other rules, is none.
            self.failover.main_is_unwell(Instant::now());
            self.pace = pace(&new);
            let after = self.monitor.verdict().state;
            self.failover.monitor_changed(after, "");
            self.show_monitor();
            if before != after {
                self.announce(before, after, "[main] or [probe] was changed");
            }
        }
        if other_main {
            self.snapshot.main_version.clear();
            self.snapshot.export = ExportStatus::default();
            self.snapshot.counts.certificate_end = None;
            self.snapshot.counts.asks_another();
            self.snapshot.monitor.last_answer_ms = None;
            self.snapshot.login = LoginStatus { state: LoginState::Init, reason: String::new() };
        }
        if new.state.is_none() {
            self.snapshot.state = Arc::default();
        }
        if new.sync.is_none() {
            self.snapshot.sync = Arc::new(SyncStatus::before_the_first(false));
            self.failover.set_sync_is_held(false);
        }
        self.count_without_sync();
        self.end_without_main();
        self.serve();
        self.start_workers();
        self.log(Level::Notice, "The new settings are in force.");
    }
}
