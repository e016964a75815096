//! The service state, kept over a restart. Without it, a branch that restarts beside a healthy main would send its
//! phones to `[dns] default_target` for the seconds until the monitor has decided.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Running;
use crate::{
    engine::host::{Host, Level},
    words::state::ServiceState,
};

/// Where it is kept.
const SERVED: &str = "service";
/// How old it may be. A reboot or an upgrade takes minutes. After a longer pause the old state says nothing of the
/// main. A wrong state costs only the few seconds until the first verdict.
const FRESH: Duration = Duration::from_secs(600);
/// How often an unchanged state is kept again: much more often than it gets too old.
const AGAIN: Duration = Duration::from_secs(60);

/// Returns the service state before this start and its age; `None` where it is too old, or was stored under a wrong
/// clock.
pub(super) fn recall(host: &dyn Host, now: SystemTime) -> Option<(ServiceState, Duration)> {
    let memo = host.recall(SERVED)?;
    let (word, seconds) = memo.split_once(' ')?;
    let state = ServiceState::from_word(word).filter(|state| *state != ServiceState::Init)?;
    let kept = UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?))?;
    let age = now.duration_since(kept).ok()?;
    (age <= FRESH).then_some((state, age))
}

fn memo(state: ServiceState, now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    format!("{state} {seconds}")
}

impl Running {
    /// Resumes the service state from before this start, where it is recent.
    pub(super) fn resume(&mut self) {
        let Some((state, age)) = recall(&*self.kit.host, SystemTime::now()) else { return };
        let why = format!("kept from {} s before this start, until the monitor has decided", age.as_secs());
        self.failover.resume(state, &why);
        // The phones that the main knew are waited for again.
        let marks = self.phones.service_changed(state, Instant::now());
        self.note_move(&marks);
    }

    /// Keeps the service state, where it is new or was kept a while ago.
    pub(super) fn keep_served(&mut self) {
        let (state, now) = (self.failover.service(), Instant::now());
        let known = |(kept, at): (ServiceState, Instant)| kept == state && now - at < AGAIN;
        if state == ServiceState::Init || self.served.is_some_and(known) {
            return;
        }
        self.served = Some((state, now));
        if let Err(error) = self.kit.host.remember(SERVED, Some(&memo(state, SystemTime::now()))) {
            self.log(Level::Debug, &format!("Cannot save the service state for a restart: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::stand_in::StandIn;

    #[test]
    fn only_what_is_fresh_is_served_again() {
        let host = StandIn::default();
        let then = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let after = |seconds| recall(&host, then + Duration::from_secs(seconds));
        assert_eq!(after(0), None);
        host.remember(SERVED, Some(&memo(ServiceState::Normal, then))).unwrap();
        assert_eq!(after(600), Some((ServiceState::Normal, FRESH)));
        assert_eq!(after(601), None);
        // The clock was ahead then, or is behind now.
        assert_eq!(recall(&host, then - Duration::from_secs(1)), None);
        for odd in ["", "Normal", "Normal x", "Init 1800000000", "Up 1800000000"] {
            host.remember(SERVED, Some(odd)).unwrap();
            assert_eq!(after(0), None, "{odd}");
        }
    }
}
