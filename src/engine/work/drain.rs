//! The drain worker: counts the calls of this site's users on the main while there is a maintenance, over the kept session.
//! It cuts nothing.

use std::{
    io,
    time::{Duration, Instant},
};

use super::session::{Session, Unanswered};
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
    fn run(&self, stop: &Stop) -> Result<(), Stopped> {
        loop {
            faults::point("drain");
            let snapshot = self.kit.published.read();
            let pause = if snapshot.service.mode == Mode::Maintenance {
                let began = Instant::now();
                let calls = self.count(&snapshot, stop)?;
                self.teller.tell(Event::MainCalls(calls));
                if calls.is_some() { AGAIN.max(began.elapsed() * REST) } else { UNTOLD_AGAIN }
            } else {
                LOOK
            };
            if stop.wait_until(Instant::now() + pause) {
                return Err(Stopped);
            }
        }
    }

    /// Counts the calls; `None` where the main does not say.
    fn count(&self, snapshot: &Snapshot, stop: &Stop) -> Result<Option<usize>, Stopped> {
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
            Ok(()) => Ok(Some(calls.count())),
            Err(Unanswered::Stopped) => Err(Stopped),
            Err(_) => stop.check().map(|()| None),
        }
    }
}
