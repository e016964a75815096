//! Many things at once, each again and again, and whether an Asterisk stands still of it.
//!
//! Whatever is done here has a bound of its own, so that a hung Asterisk ends the test, and never hangs it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::asterisk::Asterisk;
use crate::error::{Error, Result};

/// What every Asterisk answers at any time: the first needs no lock, the second those of channels, the third those of the
/// dialplan.
const QUESTIONS: [&str; 3] = ["core show uptime", "core show channels", "dialplan show"];
/// How often somebody looks whether the time is over.
const STEP: Duration = Duration::from_millis(50);

/// Something that is done again and again; it is told how often it has been done before.
type Act<'a> = Box<dyn FnMut(usize) -> Result + Send + 'a>;

/// Things that are done at once, on a thread each.
#[derive(Default)]
pub struct Together<'a>(Vec<(&'static str, Duration, Act<'a>)>);

impl<'a> Together<'a> {
    /// Does `act` as well, with such a pause between its end and the next time.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        pause: Duration,
        act: impl FnMut(usize) -> Result + Send + 'a,
    ) -> Self {
        self.0.push((name, pause, Box::new(act)));
        self
    }

    /// Does it all for such a time, or until something fails. How often each was done, in their order.
    pub fn run_for(self, time: Duration) -> Result<Vec<usize>> {
        let (start, failed) = (Instant::now(), AtomicBool::new(false));
        let over = || failed.load(Ordering::Relaxed) || start.elapsed() >= time;
        let done = scope(|scope| {
            let threads: Vec<_> = self
                .0
                .into_iter()
                .map(|(name, pause, act)| {
                    let failed = &failed;
                    let thread = scope.spawn(move || {
                        let done = again(pause, act, over);
                        failed.fetch_or(done.1.is_err(), Ordering::Relaxed);
                        done
                    });
                    (name, thread)
                })
                .collect();
            let panicked = || (0, Err(Error::new("a panic")));
            let joined = threads
                .into_iter()
                .map(|(name, thread)| (name, thread.join().unwrap_or_else(|_| panicked())));
            joined.collect::<Vec<_>>()
        });
        if done.iter().all(|(_, (_, outcome))| outcome.is_ok()) {
            return Ok(done.into_iter().map(|(_, (times, _))| times).collect());
        }
        let mut text = format!("after {:.0?}:", start.elapsed());
        for (name, (times, outcome)) in done {
            let outcome = outcome.map_or_else(|error| format!("then {error}"), |()| "no failure".to_owned());
            text.push_str(&format!("\n  {name}: {times} times, {}", outcome.trim_end()));
        }
        Err(Error::new(text))
    }
}

/// Does it until all is over; how often, and the first error.
fn again(pause: Duration, mut act: Act<'_>, over: impl Fn() -> bool) -> (usize, Result) {
    let mut times = 0;
    while !over() {
        if let Err(error) = act(times) {
            return (times, Err(error));
        }
        times += 1;
        let next = Instant::now() + pause;
        while !over() && Instant::now() < next {
            sleep(STEP.min(pause));
        }
    }
    (times, Ok(()))
}

impl Asterisk {
    /// An error where it does not answer, within such a time, what every Asterisk answers at any time.
    pub fn answers(&self, bound: Duration) -> Result {
        QUESTIONS.iter().try_for_each(|question| match self.rx_within(bound, question) {
            Ok(answer) if !answer.trim().is_empty() => Ok(()),
            Ok(_) => Err(Error::new(format!("the {} says nothing to '{question}'", self.role.name()))),
            Err(error) => Err(Error::new(format!("the {} hangs: {error}", self.role.name()))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn each_is_done_until_the_time_is_over() {
        let times = Together::default()
            .with("often", Duration::ZERO, |_| Ok(()))
            .with("once", LONG, |_| Ok(()))
            .run_for(Duration::from_millis(200))
            .unwrap();
        assert!(times[0] > 1 && times[1] == 1, "{times:?}");
    }

    #[test]
    fn the_first_failure_ends_all_and_says_how_far_each_came() {
        let failing = |before: usize| if before < 3 { Ok(()) } else { Err(Error::new("no answer")) };
        let start = Instant::now();
        let error = Together::default()
            .with("failing", Duration::ZERO, failing)
            .with("other", LONG, |_| Ok(()))
            .run_for(LONG)
            .unwrap_err()
            .to_string();
        assert!(start.elapsed() < LONG);
        assert!(error.contains("failing: 3 times, then no answer"), "{error}");
        // It may not have begun when the other one ended.
        assert!(error.contains(" times, no failure"), "{error}");
    }
}
