//! The two workers that check the branch itself: one asks its SIP, the other its dialplan. The engine says when.
//!
//! Each has its own thread, which may be lost: where the lock of the dialplan is stuck, a thread that asks for it never
//! returns. The engine notices the missing answer and starts no second thread.

use std::{
    io,
    net::{IpAddr, UdpSocket},
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    engine::{
        crew::{
            kit::Kit,
            post::{Start, Work},
            worker::{Role, Stop, Worker},
        },
        event::{Event, Teller},
    },
    operator::status::Snapshot,
    settings::{Settings, Technology},
    uplink::sip,
    verdict::selfcheck::{
        Answer, PATIENCE, Part,
        place::{self, Place},
    },
    words::{conf::ConfSection, faults, uri::is_user},
};

/// An unused number that is looked up in the dialplan. Only whether there is an answer matters.
const NOBODY: &str = "synch-self-check";
/// The context that is asked where synch has none.
const USUAL_CONTEXT: &str = "default";

/// The one that asks its SIP.
pub(in crate::engine) enum OwnSip {}

impl Work for OwnSip {
    const THREAD: &'static str = "own-sip";
    const NAME: &'static str = "own SIP";
    type Spec = ();
    type Line = Sender<()>;

    fn spec(settings: &Settings) -> Option<()> {
        settings.main.as_ref().map(drop)
    }

    fn start((): &(), start: &Start<'_>, teller: Teller, role: Role) -> io::Result<(Sender<()>, Worker)> {
        SelfChecking::start(Part::Sip, start, teller, role)
    }
}

/// The one that asks its dialplan.
pub(in crate::engine) enum OwnDialplan {}

impl Work for OwnDialplan {
    const THREAD: &'static str = "own-dp";
    const NAME: &'static str = "own dialplan";
    type Spec = ();
    type Line = Sender<()>;

    fn spec(settings: &Settings) -> Option<()> {
        settings.main.as_ref().map(drop)
    }

    fn start((): &(), start: &Start<'_>, teller: Teller, role: Role) -> io::Result<(Sender<()>, Worker)> {
        SelfChecking::start(Part::Dialplan, start, teller, role)
    }
}

/// What each of the two needs.
struct SelfChecking {
    kit: Kit,
    part: Part,
    orders: Receiver<()>,
    teller: Teller,
}

impl SelfChecking {
    fn start(part: Part, start: &Start<'_>, teller: Teller, role: Role) -> io::Result<(Sender<()>, Worker)> {
        let (to_worker, orders) = bounded(1);
        let checking = Self { kit: start.kit.clone(), part, orders, teller };
        Ok((to_worker, Worker::start(role, || {}, move |stop| checking.run(stop))?))
    }

    fn run(&self, stop: &Stop) {
        while let Ok(()) = stop.receive(&self.orders) {
            let answer = match self.part {
                Part::Sip => self.ask_sip(stop),
                Part::Dialplan => self.ask_dialplan(),
            };
            self.teller.tell(Event::SelfChecked(self.part, answer));
        }
    }

    fn ask_dialplan(&self) -> Answer {
        faults::point("own-dialplan");
        let settings = &self.kit.published.read().settings;
        let context = settings.dialplan.as_ref().map_or(USUAL_CONTEXT, |dialplan| &dialplan.context);
        let asked = Instant::now();
        self.kit.host.leads_on(context, NOBODY);
        Answer::Fine(format!("its dialplan answers in {} ms", asked.elapsed().as_millis()))
    }

    fn ask_sip(&self, stop: &Stop) -> Answer {
        faults::point("own-sip");
        let snapshot = self.kit.published.read();
        let (place, user) = match self.whom(&snapshot) {
            Ok(found) => found,
            Err(why) => return Answer::NotAsked(why),
        };
        let asked = Instant::now();
        let cancelled = || stop.requested();
        match sip::options::ask(place.transport, place.address, &user, PATIENCE, &cancelled) {
            Ok(_) => {
                Answer::Fine(format!("its SIP answers at {place} in {} ms", asked.elapsed().as_millis()))
            }
            Err(problem) => Answer::Failed(format!("{problem} ({place})")),
        }
    }

    /// Returns where its SIP is asked, and in whose name.
    fn whom(&self, snapshot: &Snapshot) -> Result<(Place, String), String> {
        let technology = snapshot.technology();
        let settings = &snapshot.settings;
        let of_dns = settings.dns.as_ref().and_then(|dns| place::of_dns(dns, is_own));
        let known = known_account(snapshot, settings);
        // Read only where that is needed: a configuration may have thousands of users.
        let conf = if of_dns.is_some() && known.is_some() { Vec::new() } else { self.conf(technology) };
        let place = of_dns.or_else(|| place::of_conf(&conf, technology));
        let place = place.ok_or("its SIP is not checked: no setting says where it listens for UDP or TCP")?;
        let user = known.or_else(|| place::account_of_conf(&conf, technology));
        let user = user.ok_or("its SIP is not checked: there is no account yet to ask with")?;
        Ok((place, user))
    }

    fn conf(&self, technology: Technology) -> Vec<ConfSection> {
        let host = &self.kit.host;
        let file = match technology {
            Technology::Pjsip => "pjsip.conf",
            Technology::Sip => "sip.conf",
        };
        host.load_conf(&host.config_dir().join(file)).unwrap_or_default()
    }
}

/// Returns a synced user, or the account of the drill.
fn known_account(snapshot: &Snapshot, settings: &Settings) -> Option<String> {
    let users = snapshot.sync.users.iter().map(|user| &user.name);
    let drill = settings.drill.account.iter().map(|account| &account.username);
    users.chain(drill).find(|name| is_user(name)).cloned()
}

/// Returns whether this machine has that address.
fn is_own(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}
