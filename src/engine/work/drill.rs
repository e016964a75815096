//! The drill's worker: tests once the way that phones and calls take in an outage, without moving a phone.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    dns,
    engine::{
        crew::{
            kit::Kit,
            worker::{Role, Stop, Worker},
        },
        event::{Event, Teller},
    },
    operator::{
        control::Reply,
        doctor::{self, Reach},
        drill::{
            Outcome, Report, Stage,
            registrar::Registrar,
            stages::{self, Calls},
        },
        status::Snapshot,
    },
    settings::{Account, Dialplan, Dns, Settings, SipTransport},
    site::users::Kind,
    uplink::sip::places::places,
    words::faults,
};

/// Name of the worker and its thread.
pub(in crate::engine) const THREAD: &str = "drill";

/// What the worker needs.
pub(in crate::engine) struct Drilling {
    pub(in crate::engine) kit: Kit,
    pub(in crate::engine) settings: Arc<Settings>,
    pub(in crate::engine) reply: Reply<Report>,
    pub(in crate::engine) teller: Teller,
}

impl Drilling {
    /// Starts the worker, which ends by itself.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(in crate::engine) fn start(self, role: Role) -> io::Result<Worker> {
        Worker::start(
            role,
            || {},
            move |stop| {
                let report = self.walk(stop);
                // One that was told to end has seen no more than that.
                if !stop.requested() {
                    self.teller.tell(Event::Drilled(report, self.reply.clone()));
                }
            },
        )
    }

    fn walk(&self, stop: &Stop) -> Report {
        faults::point("drill");
        let mut way = Way::default();
        match &self.settings.dns {
            Some(dns) => {
                self.walk_dns(&mut way, dns, stop);
                self.register(&mut way, dns, stop);
            }
            None => {
                way.skip("dns", "[dns] enabled = no: something else has to move the phones");
                let hint = "[dns] enabled = no, so the drill does not know where phones go: register a phone here \
                            by hand";
                way.skip("register", hint);
            }
        }
        match &self.settings.dialplan {
            Some(dialplan) => self.walk_calls(&mut way, dialplan),
            None => way.skip("calls", "[dialplan] enabled = no: make a test call in your own contexts"),
        }
        way.0
    }

    fn walk_dns(&self, way: &mut Way, settings: &Dns, stop: &Stop) {
        way.go("dns", || {
            let found = stages::dns(settings, &|address| self.kit.host.is_own_address(address))?;
            self.transports()?;
            Ok(found)
        });
        way.go("dns server", || {
            let server = settings
                .bind
                .first()
                .ok_or("the DNS server has no address to listen on: set bind in [dns]")?;
            dns::addresses_of(&settings.record, *server, &|| stop.requested())?;
            Ok(format!("{server} answers"))
        });
    }

    /// Checks that the phones can reach this branch over the transports that they use at the main.
    fn transports(&self) -> Result<(), String> {
        let Some(sync) = &self.settings.sync else { return Ok(()) };
        let host = &*self.kit.host;
        let (conf, ..) = doctor::realm_key(sync.technology);
        let sections = host.load_conf(&host.config_dir().join(conf)).map_err(|error| error.to_string())?;
        stages::transports(&self.kit.published.read(), &places(&sections, sync.technology))
    }

    fn register(&self, way: &mut Way, dns: &Dns, stop: &Stop) {
        let Some(account) = &self.settings.drill.account else {
            let hint =
                "set username and secret in [drill] to an account of this branch that nobody else uses";
            return way.skip("register", hint);
        };
        let host = Arc::clone(&self.kit.host);
        let md5 = move |text: &str| host.md5(text);
        let cancelled = || stop.requested();
        let Some(offer) = dns.transports.iter().find(|offer| offer.transport == SipTransport::Udp) else {
            return way
                .skip("register", "the drill registers only over UDP, which [dns] transports does not list");
        };
        let Some(ip) = dns.target_failover.first() else { return };
        let address = SocketAddr::new(*ip, offer.branch_port);
        let Account { username, .. } = account;
        match Registrar::new(address, account, &md5, &cancelled) {
            Err(problem) => {
                way.go("register", || Err(problem));
            }
            Ok(mut registrar) => {
                let registered = way.go("register", || {
                    registrar.register()?;
                    Ok(format!("{username} can register at {address}"))
                });
                if registered {
                    way.go("unregister", || {
                        registrar.unregister()?;
                        Ok("the registration is removed".to_owned())
                    });
                }
            }
        }
    }

    fn walk_calls(&self, way: &mut Way, dialplan: &Dialplan) {
        let host = &*self.kit.host;
        let snapshot = self.kit.published.read();
        let calls = Calls::new(dialplan, &snapshot);
        let leads_on = |number: &str| host.leads_on(&dialplan.context, number);
        match (calls.user(self.settings.drill.number.as_deref()), &self.settings.sync) {
            (_, None) => way.skip("user", "[sync] enabled = no: this branch has no users of the main"),
            (Err(problem), _) => {
                way.go("user", || Err(problem));
            }
            (Ok((account, number)), _) => {
                way.go(&format!("user {number}"), || {
                    let found = calls.to_user(&number, leads_on(&number))?;
                    self.is_live(&snapshot, account)?;
                    Ok(found)
                });
            }
        }
        if dialplan.emergency.is_empty() {
            way.skip("emergency", "no emergency number is set: set emergency and local_trunk in [dialplan]");
        }
        for number in &dialplan.emergency {
            way.go(&format!("emergency {number}"), || calls.to_help(number, leads_on(number)));
        }
        match &dialplan.local_trunk {
            None => way.skip("trunk", "no local trunk is set: set local_trunk in [dialplan]"),
            Some(trunk) => {
                let device = trunk.device(snapshot.technology());
                way.find("trunk", || {
                    let reach = device.map_or(Reach::Own, |device| host.reach(&device));
                    stages::trunk(&format!("local_trunk {trunk}"), reach)
                });
            }
        }
    }

    /// Checks that the channel driver has the account of a user.
    fn is_live(&self, snapshot: &Snapshot, account: String) -> Result<(), String> {
        let technology = snapshot.technology();
        let kind = Kind::of_account(technology);
        let missing = self.kit.host.missing(technology, &[(kind, account)]);
        match missing.map_err(|error| error.to_string())?.first() {
            None => Ok(()),
            Some((kind, name)) => Err(format!("Asterisk has no {kind} {name}; run 'synch doctor'")),
        }
    }
}

/// The stages so far.
#[derive(Default)]
struct Way(Report);

impl Way {
    /// Runs and times one more stage. Returns whether it passed.
    fn go(&mut self, name: &str, stage: impl FnOnce() -> Result<String, String>) -> bool {
        self.find(name, || Outcome::from(stage()))
    }

    fn find(&mut self, name: &str, stage: impl FnOnce() -> Outcome) -> bool {
        let start = Instant::now();
        let outcome = stage();
        let passed = matches!(outcome, Outcome::Passed(_));
        self.0.0.push(Stage { name: name.to_owned(), took: start.elapsed(), outcome });
        passed
    }

    fn skip(&mut self, name: &str, hint: &str) {
        let outcome = Outcome::Skipped(hint.to_owned());
        self.0.0.push(Stage { name: name.to_owned(), took: Duration::ZERO, outcome });
    }
}
