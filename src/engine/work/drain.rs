//! The drain worker: counts the calls of this site's users on the main while there is a maintenance, over the kept session.
//! It cuts nothing.

use std::{
    io,
    time::{Duration, Instant},
};

use super::session::{Session, Unanswered, state};
use crate::{
    engine::{
        crew::{
            kit::Kit,
            post::{Start, Work, no_reach},
            worker::{Role, Stop, Stopped, Worker},
        },
        event::{Event, Teller},
        host::device_of_channel,
    },
    export::asked::{WAIT, Waiting, calls},
    maintenance::Calls,
    operator::status::Snapshot,
    settings::{Main, Settings, Technology},
    words::{faults, state::Mode},
};

/// How often it is looked whether there is a maintenance.
const LOOK: Duration = Duration::from_secs(1);
/// From one count to the next. A channel of the main has some 435 bytes in the answer: with 1,000 that is 87 KB a second.
const AGAIN: Duration = Duration::from_secs(5);
/// The line has this many times as long for others as a count takes: a slow one is not kept busy by it.
const REST: u32 = 4;
/// The same where the main does not say: it is away, or this account may not ask.
const UNTOLD_AGAIN: Duration = Duration::from_secs(15);
/// The longest pause after counts that took too long: each of them ends the session that is kept.
const LONGEST: Duration = Duration::from_secs(600);
/// Bound of one count: 1,000 channels take 14 s at 256 kbit/s.
const ANSWER: Duration = Duration::from_secs(30);

/// What the worker needs.
pub(in crate::engine) struct Draining {
    kit: Kit,
    technology: Technology,
    session: Session,
    teller: Teller,
}

impl Work for Draining {
    const THREAD: &'static str = "drain";
    type Spec = (Main, Technology);
    type Line = ();

    fn spec(settings: &Settings) -> Option<Self::Spec> {
        settings.main.clone().zip(settings.sync.as_ref().map(|sync| sync.technology))
    }

    fn start(
        (_, technology): &Self::Spec,
        start: &Start<'_>,
        teller: Teller,
        role: Role,
    ) -> io::Result<((), Worker)> {
        let session = start.reach()?.session().ok_or_else(no_reach)?;
        let draining = Self { kit: start.kit.clone(), technology: *technology, session, teller };
        // All its waits are bounded, and end with the session at the latest.
        let worker = Worker::start(
            role,
            || {},
            move |stop| {
                // It only ever ends to stop.
                let _: Result<(), Stopped> = draining.run(stop);
            },
        )?;
        Ok(((), worker))
    }
}

impl Draining {
    /// Asks a main that exports, which counts itself, so that the account needs no class for it. `None`: its module is one of
    /// before, and does not.
    fn ask_count(&self, snapshot: &Snapshot, stop: &Stop) -> Result<Option<usize>, Unanswered> {
        let lease = self.session.lend(stop, Instant::now() + ANSWER)?;
        let question = Waiting { state: state(snapshot), calls: true, ..Waiting::default() };
        let answer = lease.ask(|link| link.own(WAIT, &question.headers(), Instant::now() + ANSWER))?;
        Ok(calls(&answer))
    }

    fn run(&self, stop: &Stop) -> Result<(), Stopped> {
        let mut pauses = Pauses::default();
        loop {
            faults::point("drain");
            let snapshot = self.kit.published.read();
            let pause = if snapshot.service.mode == Mode::Maintenance {
                let began = Instant::now();
                let counted = self.count(&snapshot, stop)?;
                self.teller.tell(Event::MainCalls(counted.as_ref().ok().copied()));
                let is_timed_out = counted.as_ref().is_err_and(Unanswered::is_timed_out);
                pauses.after(counted.is_ok(), is_timed_out, began.elapsed())
            } else {
                pauses = Pauses::default();
                LOOK
            };
            if stop.wait_until(Instant::now() + pause) {
                return Err(Stopped);
            }
        }
    }

    /// Counts the calls, where the main says them.
    fn count(&self, snapshot: &Snapshot, stop: &Stop) -> Result<Result<usize, Unanswered>, Stopped> {
        if self.session.exports().is_on() {
            match self.ask_count(snapshot, stop) {
                Ok(Some(calls)) => return Ok(Ok(calls)),
                Ok(None) => {}
                Err(Unanswered::Stopped) => return Err(Stopped),
                Err(error) => return stop.check().map(|()| Err(error)),
            }
        }
        let mut calls = Calls::of(snapshot.sync.users.iter().map(|user| user.name.as_str()));
        let asked = self.session.lend(stop, Instant::now() + ANSWER).map_err(Unanswered::from);
        let counted = asked.and_then(|lease| {
            lease.ask(|link| {
                link.channels(Instant::now() + ANSWER, &mut |channel, linked| {
                    if let Some(user) = device_of_channel(channel, self.technology) {
                        calls.take(user, linked);
                    }
                })
            })
        });
        match counted {
            Ok(()) => Ok(Ok(calls.count())),
            Err(Unanswered::Stopped) => Err(Stopped),
            Err(error) => stop.check().map(|()| Err(error)),
        }
    }
}

/// How long the main is left in peace between two counts.
#[derive(Default)]
struct Pauses {
    /// Counts in a row that took too long.
    timed_out: u32,
}

impl Pauses {
    /// Returns the pause after one.
    fn after(&mut self, is_counted: bool, is_timed_out: bool, took: Duration) -> Duration {
        if is_counted {
            self.timed_out = 0;
            return AGAIN.max(took * REST);
        }
        if !is_timed_out {
            return UNTOLD_AGAIN;
        }
        self.timed_out = self.timed_out.saturating_add(1);
        UNTOLD_AGAIN.saturating_mul(2_u32.saturating_pow(self.timed_out)).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_takes_too_long_is_made_more_and_more_seldom() {
        let mut pauses = Pauses::default();
        let moment = Duration::from_millis(10);
        assert_eq!(pauses.after(true, false, moment), AGAIN);
        assert_eq!(pauses.after(true, false, Duration::from_secs(5)), Duration::from_secs(20));
        assert_eq!(pauses.after(false, false, moment), UNTOLD_AGAIN);
        let [first, second] = [(); 2].map(|()| pauses.after(false, true, ANSWER));
        assert!(UNTOLD_AGAIN < first && first < second, "{first:?} {second:?}");
        for _ in 0..100 {
            assert!(pauses.after(false, true, ANSWER) <= LONGEST);
        }
        assert_eq!(pauses.after(true, false, moment), AGAIN);
        assert_eq!(pauses.after(false, true, ANSWER), first);
    }
}
