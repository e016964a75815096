//! Whatever panics is run again: soon at first, then ever later.

use std::{
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use super::backoff::{Backoff, random};

/// What has run for this long is well: a panic after that is a first one again.
const RUNS_WELL: Duration = Duration::from_secs(600);

/// Runs a body again after each panic, until it ends by itself. Between two runs it rests, which says whether to end.
pub(in crate::engine) fn run_again(
    backoff: Backoff,
    mut rest: impl FnMut(Instant) -> bool,
    mut body: impl FnMut(),
) {
    let mut restarts = Restarts(backoff);
    loop {
        let began = Instant::now();
        // The panic hook tells what happened.
        if panic::catch_unwind(AssertUnwindSafe(&mut body)).is_ok() {
            return;
        }
        let pause = restarts.pause(began.elapsed(), random());
        if rest(Instant::now() + pause) {
            return;
        }
    }
}

/// When a body that has panicked is run again. Pure.
struct Restarts(Backoff);

impl Restarts {
    /// The pause after a run of that length.
    fn pause(&mut self, ran: Duration, random: u64) -> Duration {
        if ran >= RUNS_WELL {
            self.0.reset();
        }
        self.0.wait(random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(60);

    #[test]
    fn what_ran_well_for_long_is_run_again_as_soon_as_at_first() {
        let mut restarts = Restarts(Backoff::new(FIRST, LONGEST));
        let grown = (0..9).map(|_| restarts.pause(RUNS_WELL / 2, 0)).last().unwrap();
        assert_eq!(grown, LONGEST / 2);
        assert!(restarts.pause(RUNS_WELL, u64::MAX) <= FIRST);
        assert!(restarts.pause(Duration::ZERO, 0) >= FIRST);
    }

    #[test]
    fn a_rest_can_end_it() {
        let mut rests = 0;
        let rest = |_| {
            rests += 1;
            rests == 2
        };
        run_again(Backoff::new(Duration::ZERO, Duration::ZERO), rest, || panic!("always"));
        assert_eq!(rests, 2);
    }
}
