//! A held mode: when it ends by itself, what a maintenance has besides, and what of that a restart knows.

use std::time::{Duration, Instant, SystemTime};

use super::Told;
use crate::{
    engine::{host::Host, work::sync::Claim},
    maintenance::{Drain, Until, readable},
    operator::{control::Start, status::MaintenanceStatus},
    settings::Settings,
    words::state::Mode,
};

/// Where the mode, its end and the reason of a maintenance are remembered across restarts, and why the main was not let have
/// its phones.
pub(super) const MODE: &str = "mode";
pub(super) const UNTIL: &str = "until";
pub(super) const REASON: &str = "reason";
pub(super) const REFUSED: &str = "refused";

/// How often it is looked whether a main that is in doubt at the end of a maintenance is well or dead.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a held mode has besides the mode.
#[derive(Default)]
pub(in crate::engine::turn) struct Hold {
    /// When it ends by itself; the second is what counts: a clock that jumps moves no phone.
    pub(super) until: Option<(Until, Instant)>,
    /// Why there is a maintenance.
    pub(super) reason: String,
    /// The calls on the main; `None` without a maintenance.
    pub(super) drain: Option<Drain>,
    pub(super) waits: Waits,
    /// Why the phones stayed when they were last to go home.
    pub(super) refused: String,
    /// Whether the main was asked, and did not have what the phones need: then it is an operator, or the same questions, who
    /// let them go.
    pub(super) is_barred: bool,
    /// Whether what comes at the end has been done or told.
    pub(super) is_told: bool,
    /// Before that, a main that did not answer at the end is not asked again.
    pub(super) not_before: Option<Instant>,
    /// The number of the last order to the sync.
    pub(super) number: u64,
}

/// What a maintenance waits for.
#[derive(Default)]
pub(super) enum Waits {
    #[default]
    Nothing,
    /// The last sync.
    Last(Start, Told, Claim),
    /// The main's answers. Nobody waits for them at the end of a maintenance.
    Gate(Option<Told>, Claim),
}

impl Hold {
    /// Returns the mode that was held before this start, and what it has besides.
    pub(in crate::engine::turn) fn recall(host: &dyn Host, settings: &Settings) -> (Mode, Self) {
        let mode = host.recall(MODE).and_then(|word| Mode::from_word(&word)).unwrap_or(Mode::Auto);
        if mode == Mode::Auto {
            return (mode, Self::default());
        }
        let mut until = host.recall(UNTIL).and_then(|memo| Until::from_memo(&memo));
        if mode == Mode::Maintenance && until.is_none() {
            // It could not be written, or was not whole. Each maintenance has an end.
            let given = Until::after(settings.maintenance.minutes, SystemTime::now());
            let _ = host.remember(UNTIL, Some(&given.memo()));
            until = Some(given);
        }
        let until = until.map(|until| (until, Instant::now() + until.left(SystemTime::now())));
        let reason = host.recall(REASON).unwrap_or_default();
        let drain = (mode == Mode::Maintenance).then(|| Drain::begin(Instant::now()));
        let refused = host.recall(REFUSED).filter(|_| mode == Mode::Maintenance);
        let is_barred = refused.is_some();
        let refused = refused.unwrap_or_default();
        (mode, Self { until, reason, drain, refused, is_barred, ..Self::default() })
    }

    /// Returns the same for who looks.
    pub(in crate::engine::turn) fn status(&self, host: &dyn Host, main_starts: bool) -> MaintenanceStatus {
        MaintenanceStatus {
            until: self.until.map(|(until, _)| (until, host.local_time(until.time()))),
            reason: self.reason.clone(),
            drain: self.drain.as_ref().map(Drain::state),
            main_calls: self.drain.as_ref().and_then(Drain::calls),
            refused: self.refused.clone(),
            main_starts,
            begins: matches!(self.waits, Waits::Last(..)),
            asks: matches!(self.waits, Waits::Gate(..)),
        }
    }

    /// Returns how soon it has something to do; `None` where only an operator ends it.
    pub(in crate::engine::turn) fn due(&self, now: Instant) -> Option<Duration> {
        let ends = self.until.filter(|_| !self.is_told).map(|(_, at)| at);
        let late = match &self.waits {
            Waits::Nothing => None,
            Waits::Last(_, _, claim) | Waits::Gate(_, claim) => Some(claim.until),
        };
        let left = |at: Instant| match at.saturating_duration_since(now) {
            // What is over waits for the monitor.
            Duration::ZERO => LOOK_AGAIN,
            left => left,
        };
        ends.into_iter().chain(late).map(left).min()
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|(_, at)| at <= now)
    }

    /// ` until 2026-11-29 14:30`, or nothing.
    pub(super) fn until_shown(&self, host: &dyn Host) -> String {
        let shown = |until: Until| format!(" until {}", readable(&host.local_time(until.time())));
        self.until.map_or_else(String::new, |(until, _)| shown(until))
    }

    /// Returns what is to be remembered of it in this mode, in order. A held one has its end first, and auto has none left
    /// behind: whatever fails, none is held without its end.
    pub(super) fn words(&self, mode: Mode) -> [(&'static str, Option<String>); 4] {
        let until = self.until.map(|(until, _)| until.memo());
        let reason = Some(self.reason.clone()).filter(|reason| !reason.is_empty());
        let refused = Some(self.refused.clone()).filter(|_| self.is_barred);
        let mut words =
            [(UNTIL, until), (REASON, reason), (REFUSED, refused), (MODE, Some(mode.word().to_owned()))];
        if mode == Mode::Auto {
            words.reverse();
        }
        words
    }
}
