//! The presence worker: looks again and again whose phone is registered at this branch.
//!
//! Whether it is comes out of Asterisk's cache of device states, a microsecond a user; its contact, which takes a look
//! into the database, is read only when a phone comes, and now and then.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    dialplan::device,
    engine::{
        crew::{
            kit::Kit,
            post::{Start, Work},
            worker::{Role, Stop, Worker},
        },
        event::{Event, Teller},
    },
    operator::status::Snapshot,
    settings::{Main, Settings, Technology},
    site::phones::{Here, Registered},
    words::faults,
};

/// How often it is looked: the time of a move is known to this.
const LOOK: Duration = Duration::from_secs(1);
/// Contacts that are read again at one look, in turn: a phone may register from elsewhere.
const CONTACTS: usize = 10;

/// What the worker needs.
pub(in crate::engine) struct Presence {
    kit: Kit,
    technology: Technology,
    teller: Teller,
}

impl Work for Presence {
    const THREAD: &'static str = "presence";
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
        let presence = Self { kit: start.kit.clone(), technology: *technology, teller };
        Ok(((), Worker::start(role, || {}, move |stop| presence.run(stop))?))
    }
}

impl Presence {
    fn run(&self, stop: &Stop) {
        let mut here = Arc::new(Here::new());
        let mut turn = 0;
        // Before that, the channel driver may not know its own contacts.
        while !self.kit.host.fully_booted() {
            if stop.wait_until(Instant::now() + LOOK) {
                return;
            }
        }
        loop {
            faults::point("presence");
            let found = self.look(&self.kit.published.read(), &here, turn);
            turn = turn.wrapping_add(1);
            if found != *here {
                here = Arc::new(found);
                self.teller.tell(Event::Here(Arc::clone(&here)));
            }
            if stop.wait_until(Instant::now() + LOOK) {
                return;
            }
        }
    }

    fn look(&self, snapshot: &Snapshot, before: &Here, turn: usize) -> Here {
        let host = &self.kit.host;
        let all = snapshot.sync.users.len();
        let again = |place: usize| (place + turn.wrapping_mul(CONTACTS)) % all.max(1) < CONTACTS;
        let registered = |name: &str, place: usize| {
            let known = before.get(name);
            let address = match known {
                Some(known) if !again(place) => known.address.clone(),
                _ => host.contact(self.technology, name).unwrap_or_default(),
            };
            let since = match known {
                Some(known) if known.address == address => known.since.clone(),
                _ => host.local_time(SystemTime::now()),
            };
            Registered { address, since }
        };
        let users = snapshot.sync.users.iter().enumerate();
        users
            .filter(|(_, user)| host.is_there(&device(self.technology, &user.name)))
            .map(|(place, user)| (user.name.clone(), registered(&user.name, place)))
            .collect()
    }
}
