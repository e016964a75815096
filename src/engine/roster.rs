//! The workers that the settings ask for: started, replaced and ended without the engine ever waiting for one.

use std::{io, sync::Arc, time::Instant};

use crossbeam_channel::Receiver;

use crate::{
    dialplan::Plan,
    dns::{Counters, Situation},
    engine::{
        crew::{
            kit::Kit,
            post::{Hall, Manned, Post, Start, Work, no_reach},
            roll::Roll,
            slot::Slot,
        },
        event::Told,
        reach::Reach,
        work::{
            branches::Watching,
            contacts::{self, Asking},
            dialplan::Dialplan,
            dns::Dns,
            doctor::{self, Examining},
            drain::Draining,
            drill::{self, Drilling},
            export::Exporting,
            presence::Presence,
            probe::{self, SipProbing},
            selfcheck::{OwnDialplan, OwnSip},
            session::{Access, Keeping},
            state::{Question, Sharing},
            sync::{Order, Syncing},
        },
    },
    operator::{control::Reply, doctor::Check, drill::Report},
    settings::Settings,
    verdict::selfcheck::Part,
};

/// Everybody who works for the engine.
pub(super) struct Roster {
    posts: Posts,
    /// What the DNS has answered, whoever did it: a counter never starts anew.
    counters: Arc<Counters>,
    doctor: Slot,
    drill: Slot,
    reach: Option<Reach>,
    hall: Hall,
}

macro_rules! posts {
    ($($name:ident: $work:ty),+ $(,)?) => {
        /// The posts of the workers that the settings ask for.
        #[derive(Default)]
        struct Posts {
            $($name: Post<$work>),+
        }

        impl Posts {
            const COUNT: usize = [$(stringify!($name)),+].len();
            /// What the log calls them.
            const NAMES: [&str; Self::COUNT] = [$(<$work as Work>::NAME),+];

            /// Returns all of them, in the order in which they are manned.
            fn all(&mut self) -> [&mut dyn Manned; Self::COUNT] {
                [$(&mut self.$name),+]
            }
        }
    };
}

// In the order in which they are manned: DNS first, because phones that ask meanwhile shall have an answer; what needs no
// main before what does.
posts! {
    dns: Dns,
    dialplan: Dialplan,
    own_sip: OwnSip,
    own_dialplan: OwnDialplan,
    session: Keeping,
    sip: SipProbing,
    sync: Syncing,
    presence: Presence,
    contacts: Asking,
    drain: Draining,
    state: Sharing,
    export: Exporting,
    branches: Watching,
}

impl Roster {
    /// Makes a roster of whom these settings want, on which nobody works yet.
    pub(super) fn new(roll: Roll, settings: &Settings) -> Self {
        let mut roster = Self {
            posts: Posts::default(),
            counters: Arc::default(),
            doctor: Slot::default(),
            drill: Slot::default(),
            reach: None,
            hall: Hall::new(roll),
        };
        roster.fit(settings);
        roster
    }

    /// Returns what all of them tell.
    pub(super) fn events(&self) -> Receiver<Told> {
        self.hall.events()
    }

    /// Returns the names of all who can work here.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        Posts::NAMES.into_iter().chain([doctor::THREAD, drill::THREAD])
    }

    /// Returns whether these are words of a worker of now.
    pub(super) fn holds(&mut self, id: u64) -> bool {
        self.doctor.holds(id)
            || self.drill.holds(id)
            || self.posts.all().into_iter().any(|post| post.holds(id))
    }

    /// Starts who is wanted and missing.
    ///
    /// # Errors
    /// The system has no thread to give; who works already, works.
    pub(super) fn man(
        &mut self,
        kit: &Kit,
        settings: &Arc<Settings>,
        situation: Situation,
    ) -> io::Result<()> {
        let opened = match (&mut self.reach, &settings.main) {
            (Some(reach), _) => reach.fit(settings),
            (None, Some(main)) => {
                Reach::open(main, settings, &kit.host).map(|reach| self.reach = Some(reach))
            }
            (None, None) => Ok(()),
        };
        let (reach, counters) = (self.reach.as_ref(), &self.counters);
        let start = Start { kit, settings, situation, counters, reach };
        let manned = self.posts.all().into_iter().try_for_each(|post| post.man(&start, &mut self.hall));
        opened.and(manned)
    }

    /// Returns whether everybody works who is wanted, and nobody else.
    pub(super) fn is_complete(&mut self) -> bool {
        self.posts.all().into_iter().all(|post| post.is_manned())
    }

    /// Ends who can't go on under these settings. The rest goes on undisturbed.
    pub(super) fn fit(&mut self, settings: &Settings) {
        for post in self.posts.all() {
            post.fit(settings);
        }
        self.reach.take_if(|reach| !reach.leads_to(settings.main.as_ref()));
    }

    /// Lets the DNS answer for this situation from the next question on.
    pub(super) fn serve(&mut self, situation: Situation) {
        if let Some(serving) = self.posts.dns.line_mut() {
            serving.serve(situation);
        }
    }

    /// Returns what the DNS has answered.
    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Returns whether this is wanted of the dialplan already.
    pub(super) fn dials(&self, plan: &Plan) -> bool {
        self.posts.dialplan.line().is_none_or(|dialling| dialling.wants(plan))
    }

    /// Wants this in the dialplan, and nothing else of ours.
    pub(super) fn dial(&self, plan: Plan) {
        if let Some(dialling) = self.posts.dialplan.line() {
            dialling.want(plan);
        }
    }

    /// Has what is in the dialplan told again. The other workers tell all they know before long by themselves.
    pub(super) fn tell_again(&self) {
        if let Some(dialling) = self.posts.dialplan.line() {
            dialling.tell_again();
        }
    }

    /// Lets everybody try at once who was turned away by the main.
    pub(super) fn try_now(&self) {
        if let Some(reach) = &self.reach {
            reach.try_now();
        }
    }

    /// Asks the main for a Pong.
    pub(super) fn ask_ami(&self, asked: Instant) {
        if let Some(session) = self.reach.as_ref().and_then(Reach::session) {
            session.probe(asked);
        }
    }

    /// Asks the main over SIP.
    pub(super) fn ask_sip(&self, ask: probe::Ask) {
        if let Some(orders) = self.posts.sip.line() {
            let _ = orders.try_send(ask);
        }
    }

    /// Asks this Asterisk itself.
    pub(super) fn ask_self(&self, part: Part) {
        let orders = match part {
            Part::Sip => self.posts.own_sip.line(),
            Part::Dialplan => self.posts.own_dialplan.line(),
        };
        if let Some(orders) = orders {
            // Full: nobody takes it, which is an answer, too.
            let _ = orders.try_send(());
        }
    }

    /// Returns whether the sync worker runs.
    pub(super) fn syncs(&self) -> bool {
        self.posts.sync.line().is_some()
    }

    /// Orders something of the sync worker. Returns `false` where it has enough to do.
    pub(super) fn order(&self, order: Order) -> bool {
        self.posts.sync.line().is_some_and(|orders| orders.try_send(order).is_ok())
    }

    /// Has the main asked where phones are. Where nobody can take it, all are asked about before long.
    pub(super) fn ask_contacts(&self, ask: contacts::Ask) {
        if let Some(asked) = self.posts.contacts.line() {
            let _ = asked.try_send(ask);
        }
    }

    /// Has what each site says of a device told.
    pub(super) fn ask_state(&self, device: String, reply: &Reply<String>) {
        let line = self.posts.state.line();
        if !line.is_some_and(|line| line.ask(Question { device, reply: reply.clone() })) {
            reply.give("The state worker does not run, or has too much to do.\n".to_owned());
        }
    }

    /// Has everything looked at that this branch needs.
    ///
    /// # Errors
    /// The system has no thread to give, or had none for the look-up.
    pub(super) fn examine(
        &mut self,
        kit: &Kit,
        settings: &Arc<Settings>,
        reply: Reply<Vec<Check>>,
    ) -> io::Result<()> {
        self.doctor.end();
        let (teller, role) = self.hall.role(doctor::THREAD, doctor::THREAD, &self.doctor);
        let access = match &settings.main {
            Some(main) => {
                Some(Access::new(kit, main, self.reach.as_ref().ok_or_else(no_reach)?, teller.clone()))
            }
            None => None,
        };
        let (kit, settings) = (kit.clone(), Arc::clone(settings));
        let brokers = Examining::brokers_of(&settings, &kit)?;
        let examining = Examining { kit, settings, access, brokers, reply, teller };
        self.hall.put(&mut self.doctor, examining.start(role)?);
        Ok(())
    }

    /// Has the way walked that phones and calls take in an outage.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn drill(
        &mut self,
        kit: &Kit,
        settings: &Arc<Settings>,
        reply: Reply<Report>,
    ) -> io::Result<()> {
        self.drill.end();
        let (teller, role) = self.hall.role(drill::THREAD, drill::THREAD, &self.drill);
        let drilling = Drilling { kit: kit.clone(), settings: Arc::clone(settings), reply, teller };
        self.hall.put(&mut self.drill, drilling.start(role)?);
        Ok(())
    }
}

impl Drop for Roster {
    /// All are told to end before the first is waited for, which dropping the slots does.
    fn drop(&mut self) {
        for post in self.posts.all() {
            post.end();
        }
        self.doctor.end();
        self.drill.end();
    }
}
