//! The post of a worker that the settings ask for: what it goes by, who works there, and how the others reach it.

use std::{io, sync::Arc};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::{
    kit::Kit,
    roll::Roll,
    slot::Slot,
    worker::{Role, Worker},
};
use crate::{
    dns::{Counters, Situation},
    engine::{
        event::{Event, Teller, Told},
        reach::Reach,
    },
    settings::Settings,
};

/// A worker that the settings ask for. All that the engine has to know of it stands here, once.
pub(in crate::engine) trait Work {
    /// Name of its thread behind `synch/`: nine letters at most, Linux keeps fifteen.
    const THREAD: &'static str;
    /// What the log calls it.
    const NAME: &'static str = Self::THREAD;
    /// What of the settings it goes by. Where that changes, it ends, and another one starts.
    type Spec: PartialEq;
    /// How the engine reaches it as long as it works.
    type Line;

    /// Returns what it goes by; `None` where these settings have no use for it.
    fn spec(settings: &Settings) -> Option<Self::Spec>;

    /// Starts it.
    ///
    /// # Errors
    /// The system has no thread to give, or has none for the look-up of the main.
    fn start(
        spec: &Self::Spec,
        start: &Start<'_>,
        teller: Teller,
        role: Role,
    ) -> io::Result<(Self::Line, Worker)>;

    /// Takes settings by which it can go on.
    fn adapt(_: &mut Self::Line, _: &Settings) {}
}

/// What a worker is started with.
pub(in crate::engine) struct Start<'a> {
    pub(in crate::engine) kit: &'a Kit,
    pub(in crate::engine) settings: &'a Arc<Settings>,
    /// What the phones are told now.
    pub(in crate::engine) situation: Situation,
    /// What the name server counts in, which goes on over its replacement.
    pub(in crate::engine) counters: &'a Arc<Counters>,
    /// `None` where the look-up of the main got no thread.
    pub(in crate::engine) reach: Option<&'a Reach>,
}

impl Start<'_> {
    /// Returns the way to the main.
    ///
    /// # Errors
    /// There is none, because its thread could not be started.
    pub(in crate::engine) fn reach(&self) -> io::Result<&Reach> {
        self.reach.ok_or_else(no_reach)
    }
}

/// Returns the error for a missing thread of the look-up of the main.
pub(in crate::engine) fn no_reach() -> io::Error {
    io::Error::other("the look-up of the main could not be started either")
}

/// The post of one kind of worker.
pub(in crate::engine) struct Post<W: Work> {
    slot: Slot,
    /// What the settings want; `None` where they want nobody here.
    spec: Option<W::Spec>,
    line: Option<W::Line>,
}

impl<W: Work> Default for Post<W> {
    fn default() -> Self {
        Self { slot: Slot::default(), spec: None, line: None }
    }
}

impl<W: Work> Post<W> {
    /// Returns how who works here is reached; `None` where nobody does.
    pub(in crate::engine) fn line(&self) -> Option<&W::Line> {
        self.line.as_ref()
    }

    /// Returns the same, to be changed.
    pub(in crate::engine) fn line_mut(&mut self) -> Option<&mut W::Line> {
        self.line.as_mut()
    }
}

/// What the engine does with every post, whoever works there.
pub(in crate::engine) trait Manned {
    /// Takes note of what these settings want. Ends who can't go on under them, and has him take them who can.
    fn fit(&mut self, settings: &Settings);

    /// Starts who is wanted and missing.
    ///
    /// # Errors
    /// As [`Work::start`].
    fn man(&mut self, start: &Start<'_>, hall: &mut Hall) -> io::Result<()>;

    /// Returns whether somebody works here exactly where the settings want it.
    fn is_manned(&self) -> bool;

    /// Returns whether the worker of this number works here now.
    fn holds(&self, id: u64) -> bool;

    /// Tells who works here to end, and does not wait.
    fn end(&mut self);
}

impl<W: Work> Manned for Post<W> {
    fn fit(&mut self, settings: &Settings) {
        let wanted = W::spec(settings);
        match &mut self.line {
            Some(line) if self.spec == wanted => W::adapt(line, settings),
            Some(_) => self.end(),
            None => {}
        }
        self.spec = wanted;
    }

    fn man(&mut self, start: &Start<'_>, hall: &mut Hall) -> io::Result<()> {
        let Some(spec) = self.spec.as_ref().filter(|_| !self.slot.works()) else { return Ok(()) };
        let (teller, role) = hall.role(W::THREAD, W::NAME, &self.slot);
        let (line, worker) = W::start(spec, start, teller, role)?;
        hall.put(&mut self.slot, worker);
        self.line = Some(line);
        Ok(())
    }

    fn is_manned(&self) -> bool {
        self.slot.works() == self.spec.is_some()
    }

    fn holds(&self, id: u64) -> bool {
        self.slot.holds(id)
    }

    fn end(&mut self) {
        self.line = None;
        self.slot.end();
    }
}

/// Where workers come from and are heard.
pub(in crate::engine) struct Hall {
    roll: Roll,
    events: (Sender<Told>, Receiver<Told>),
    last_id: u64,
}

impl Hall {
    /// Makes a hall that nobody has left yet.
    pub(in crate::engine) fn new(roll: Roll) -> Self {
        Self { roll, events: unbounded(), last_id: 0 }
    }

    /// Returns where all of them are heard.
    pub(in crate::engine) fn events(&self) -> Receiver<Told> {
        self.events.1.clone()
    }

    /// Returns what a worker begins with who comes to this slot.
    pub(in crate::engine) fn role(
        &mut self,
        thread: &'static str,
        name: &'static str,
        slot: &Slot,
    ) -> (Teller, Role) {
        self.last_id += 1;
        let teller = Teller::new(self.last_id, self.events.0.clone());
        let of_panics = teller.clone();
        let role = Role {
            thread,
            id: self.last_id,
            after: slot.predecessor(),
            panicked: Box::new(move || of_panics.tell(Event::Panicked(name))),
        };
        (teller, role)
    }

    /// Enters a worker that was started.
    pub(in crate::engine) fn put(&self, slot: &mut Slot, worker: Worker) {
        self.roll.add(slot.put(worker));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        engine::{crew::worker::Stop, stand_in::StandIn},
        settings::read,
        words::{conf::ConfSection, state::Target},
    };

    /// A worker that goes by `[probe] interval`, takes `timeout` as it goes, and is unwanted where `sip` is off.
    enum Idle {}

    impl Work for Idle {
        const THREAD: &'static str = "idle";
        type Spec = Duration;
        /// The timeout that it goes by.
        type Line = Duration;

        fn spec(settings: &Settings) -> Option<Duration> {
            settings.probe.sip.then_some(settings.probe.interval)
        }

        fn start(_: &Duration, start: &Start<'_>, _: Teller, role: Role) -> io::Result<(Duration, Worker)> {
            // It ends as soon as it is told to, which is all that it does.
            let body = |stop: &Stop| {
                let _ = stop.receive::<()>(&crossbeam_channel::never());
            };
            Ok((start.settings.probe.timeout, Worker::start(role, || {}, body)?))
        }

        fn adapt(timeout: &mut Duration, settings: &Settings) {
            *timeout = settings.probe.timeout;
        }
    }

    fn settings(sip: &str, interval: &str, timeout: &str) -> Arc<Settings> {
        let sections = [
            ConfSection::new("main", [("host", "192.0.2.1"), ("username", "synch"), ("secret", "x")]),
            ConfSection::new("probe", [("sip", sip), ("interval", interval), ("timeout", timeout)]),
            ConfSection::new("sync", [("enabled", "no")]),
            ConfSection::new("dns", [("enabled", "no")]),
        ];
        Arc::new(read(&sections).unwrap())
    }

    #[test]
    fn a_post_is_manned_by_what_the_settings_want_and_no_more() {
        let mut hall = Hall::new(Roll::default());
        let mut post = Post::<Idle>::default();
        let mut take = |settings: &Arc<Settings>, post: &mut Post<Idle>| {
            let kit = Arc::new(StandIn::default()).kit(settings);
            let counters = Arc::default();
            let situation = Target::Main.into();
            let start = Start { kit: &kit, settings, situation, counters: &counters, reach: None };
            post.fit(settings);
            post.man(&start, &mut hall).unwrap();
            assert!(post.is_manned());
            (1..9).find(|id| post.holds(*id))
        };
        assert_eq!(take(&settings("yes", "5", "3"), &mut post), Some(1));
        // It goes on, with the other timeout.
        assert_eq!(take(&settings("yes", "5", "2"), &mut post), Some(1));
        assert_eq!(post.line(), Some(&Duration::from_secs(2)));
        // Another one takes its place.
        assert_eq!(take(&settings("yes", "6", "2"), &mut post), Some(2));
        assert_eq!(take(&settings("no", "6", "2"), &mut post), None);
        assert_eq!(post.line(), None);
    }
}
