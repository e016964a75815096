//! The doctor's worker: looks once at everything that a branch needs, and answers whoever asked.
//!
//! An unload waits for it, with Asterisk's module list locked: told to end, it looks at nothing more, and no single look
//! goes on for longer than [`SIP_TIMEOUT`].

mod of_broker;
mod of_main;

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use super::session::Access;
use crate::{
    dialplan::{
        self,
        refers::{Need, needs},
    },
    dns,
    engine::{
        crew::{
            kit::Kit,
            worker::{Role, Stop, Stopped, Worker},
        },
        event::{Event, Teller},
        reach::lookup::{Lookup, cut},
        work::{state::KEPT, sync::can_mail},
    },
    operator::{
        control::Reply,
        doctor::{
            self, BESIDE, Beside, BranchAccount, Check, Findings, HttpServer, Include, Listener, Reach,
        },
    },
    peers::Fact,
    settings::{Dns, Settings, Shared, SipTransport, Technology},
    site::users::Kind,
    uplink::{ami::Hangup, sip::places::places},
    words::{
        conf::{ConfSection, ConfVariable},
        faults,
        state::Target,
    },
};

/// Whoever listens takes a connection in far less, even behind a slow line.
const SIP_TIMEOUT: Duration = Duration::from_secs(1);
/// Bound of all such looks: somebody waits at the CLI.
const LISTENERS_TIMEOUT: Duration = Duration::from_secs(5);

/// What Asterisk's HTTP server goes by.
const HTTP_CONF: &str = "http.conf";

/// The accounts of the manager interface.
const MANAGER_CONF: &str = "manager.conf";

/// Name of the worker and its thread.
pub(in crate::engine) const THREAD: &str = "doctor";

/// What the worker needs.
pub(in crate::engine) struct Examining {
    pub(in crate::engine) kit: Kit,
    pub(in crate::engine) settings: Arc<Settings>,
    /// `None` where there is no main.
    pub(in crate::engine) access: Option<Access>,
    /// Where the brokers are, in the order of the settings.
    pub(in crate::engine) brokers: Vec<Lookup>,
    pub(in crate::engine) reply: Reply<Vec<Check>>,
    pub(in crate::engine) teller: Teller,
}

impl Examining {
    /// Returns the look-ups of the brokers that the settings name.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(in crate::engine) fn brokers_of(settings: &Settings, kit: &Kit) -> io::Result<Vec<Lookup>> {
        let state = settings.state.iter();
        let names = state.flat_map(|state| state.hosts.iter().map(|name| (name, state.port)));
        names.map(|(name, port)| Lookup::of(name, port, KEPT, &kit.host)).collect()
    }

    /// Starts the worker, which ends by itself.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(in crate::engine) fn start(self, role: Role) -> io::Result<Worker> {
        let hangup = Hangup::new();
        let main = self.access.iter().map(|access| access.address.clone());
        let addresses = main.chain(self.brokers.iter().map(Lookup::address));
        let cuts: Vec<_> = addresses.map(|address| cut(&hangup, &address)).collect();
        let interrupt = move || cuts.iter().for_each(|cut| cut());
        Worker::start(role, interrupt, move |stop| {
            // Whoever waits for the answer sees that there will be none.
            let Ok(findings) = self.look(&hangup, stop) else { return };
            let checks = doctor::report(&findings, &self.kit.published.read());
            let (bad, warnings) = doctor::counts(&checks);
            self.teller.tell(Event::Examined(bad, warnings));
            self.reply.give(checks);
        })
    }

    fn look(&self, hangup: &Hangup, stop: &Stop) -> Result<Findings, Stopped> {
        faults::point("doctor");
        let host = &*self.kit.host;
        let mut findings = Findings { asterisk: host.version(), ..Findings::default() };
        if let Some(access) = &self.access {
            match self.look_at_main(access, hangup, stop) {
                Ok(main) => findings.main = Some(main),
                Err(problem) => findings.main_problem = problem,
            }
        }
        stop.check()?;
        self.look_at_files(&mut findings);
        if self.settings.export.is_some() {
            let shown = self.kit.desk.shown();
            let branches = shown.stock.as_ref().map_or(0, |stock| stock.sites.len());
            findings.given = Some((branches, self.kit.desk.problem()));
        }
        if self.settings.http.is_some() {
            let sections = host.load_conf(&host.config_dir().join(HTTP_CONF)).unwrap_or_default();
            let mut server = HttpServer::of(&sections);
            server.silent = silent(&server);
            findings.http = Some(server);
        }
        if let Some(dns) = &self.settings.dns
            && let Some(server) = dns.bind.first()
        {
            findings.slips = dns::slips(dns, &|address| host.is_own_address(address));
            findings.dns = Some(dns::addresses_of(&dns.record, *server, &|| stop.requested()));
            let deadline = Instant::now() + LISTENERS_TIMEOUT;
            findings.listeners = listeners(dns, Target::Branch, deadline, stop)?;
            // A main that is away takes nothing, and that is told already.
            if findings.main.is_some() {
                findings.listeners.extend(listeners(dns, Target::Main, deadline, stop)?);
            }
        }
        stop.check()?;
        self.look_at_dialplan(&mut findings);
        if self.settings.export.is_some() {
            findings.branches = self.branch_accounts();
        }
        if let Some(state) = &self.settings.state {
            findings.broker = Some(self.look_at_brokers(state, hangup, stop)?);
            stop.check()?;
            findings.beside = self.beside();
            findings.unspoken = self.unspoken(stop)?;
        }
        Ok(findings)
    }

    /// Phones that members of queues and our own lamps go by, and that no site speaks of. The administrator's own hints are
    /// not among them: Asterisk tells of its hints only with its locks held.
    fn unspoken(&self, stop: &Stop) -> Result<Vec<String>, Stopped> {
        let host = &*self.kit.host;
        let mut members = Vec::new();
        host.tell_states(Shared::Agent, &mut |fact| {
            if let Fact::Member { device, queue, .. } = fact {
                members.push((format!("queue {queue}"), device));
            }
        });
        stop.check()?;
        let snapshot = self.kit.published.read();
        let sync = &snapshot.sync;
        let hints = match &self.settings.dialplan {
            Some(_) => dialplan::hints(snapshot.technology(), &sync.users, &sync.contexts, []),
            None => Vec::new(),
        };
        let members = members.iter().map(|(queue, device)| (queue.clone(), &**device));
        let lamps = hints.iter().flat_map(|hint| {
            hint.devices.split('&').map(move |device| (format!("lamp {}", hint.number), device))
        });
        let state = |device: &str| host.device_state(device);
        Ok(doctor::unspoken(members.chain(lamps), &snapshot.state.folk, state))
    }

    /// Modules that share states as well.
    fn beside(&self) -> Vec<&'static str> {
        let host = &self.kit.host;
        let is_loaded = |module| self.kit.gate.enter().is_some_and(|_inside| host.has_module(module));
        let shares = |beside: &&Beside| {
            let file = host.config_dir().join(beside.file);
            is_loaded(beside.module) && beside.shares(&host.load_conf(&file).unwrap_or_default())
        };
        BESIDE.iter().filter(shares).map(|beside| beside.module).collect()
    }

    /// The accounts of the branches that this machine is the main of.
    fn branch_accounts(&self) -> Vec<BranchAccount> {
        let host = &self.kit.host;
        let sections = host.load_conf(&host.config_dir().join(MANAGER_CONF)).unwrap_or_default();
        let shown = self.kit.desk.shown();
        let sites = shown.stock.iter().flat_map(|stock| stock.sites.keys());
        sites.map(|site| BranchAccount::of(site, &sections)).collect()
    }

    /// Everything that is read on the main.
    fn files(&self) -> Vec<String> {
        let Settings { sync, voicemail, dialplan, .. } = &*self.settings;
        let Some(sync) = sync else { return Vec::new() };
        let mut files = sync.files.clone();
        files.extend(voicemail.as_ref().map(|voicemail| voicemail.file.clone()));
        let contexts = dialplan.as_ref().map(|dialplan| &dialplan.contexts);
        files.extend(contexts.filter(|own| !own.chosen.is_empty()).map(|own| own.file.clone()));
        files
    }

    fn look_at_files(&self, findings: &mut Findings) {
        let Settings { sync, voicemail, .. } = &*self.settings;
        let Some(sync) = sync else { return };
        let (conf, ..) = doctor::realm_key(sync.technology);
        findings.includes.push(self.include(conf, &sync.output));
        let host = &self.kit.host;
        let sections = host.load_conf(&host.config_dir().join(conf)).unwrap_or_default();
        findings.realm = Some(realm_in(&sections, sync.technology));
        findings.places = places(&sections, sync.technology);
        let snapshot = self.kit.published.read();
        let boxes = &snapshot.sync.boxes;
        findings.dead_box = boxes.values().find(|name| !self.kit.host.has_mailbox(name)).cloned();
        if let Some(voicemail) = voicemail.as_ref().filter(|_| !boxes.is_empty()) {
            let sections = host.load_conf(&host.config_dir().join(&voicemail.output)).unwrap_or_default();
            let has_address = |variable: &ConfVariable| {
                variable.value.split(',').nth(2).is_some_and(|field| !field.is_empty())
            };
            let addressed = sections.iter().flat_map(|section| &section.variables).any(has_address);
            findings.no_mailer = addressed && !can_mail(&**host);
            findings.includes.push(self.include("voicemail.conf", &voicemail.output));
        }
    }

    fn include(&self, conf: &'static str, output: &str) -> Include {
        let host = &self.kit.host;
        let folder = host.config_dir();
        let all = host.load_conf(&folder.join(conf)).unwrap_or_default().len();
        let others = host.load_conf_besides(&folder.join(conf), output).unwrap_or_default().len();
        let written = folder.join(output).exists();
        Include { conf, output: output.to_owned(), written, included: all > others }
    }

    fn look_at_dialplan(&self, findings: &mut Findings) {
        let Some(dialplan) = &self.settings.dialplan else { return };
        let host = &*self.kit.host;
        let snapshot = self.kit.published.read();
        let technology = snapshot.technology();
        let account = Kind::of_account(technology);
        for (key, trunk) in [
            ("main_trunk", &dialplan.main_trunk),
            ("local_trunk", &dialplan.local_trunk),
            ("emergency_second", &dialplan.emergency_second),
        ] {
            let Some(trunk) = trunk else { continue };
            let reach = trunk.device(technology).map_or(Reach::Own, |device| host.reach(&device));
            findings.trunks.push((key, trunk.to_string(), reach));
        }
        let reached = |number: &String| (number.clone(), host.leads_on(&dialplan.context, number));
        findings.emergency = dialplan.emergency.iter().map(reached).collect();
        let outside = &dialplan.outside;
        let granted = dialplan.classes.lines().iter().flat_map(|class| &class.grants.contexts);
        let all = outside.always.iter().chain(&outside.normal).chain(&outside.failover).chain(granted);
        findings.outside = all.map(|name| (name.clone(), host.has_context(name))).collect();
        let is_here = |need: &Need| match need {
            Need::Mailbox(name) => host.has_mailbox(name),
            Need::Queue(name) => host.has_queue(name),
            Need::Sound(name) => host.has_sound(name),
            // Where the channel driver doesn't answer, nothing is missed.
            Need::Phone(name) => {
                host.missing(technology, &[(account, name.clone())]).is_ok_and(|missing| missing.is_empty())
            }
        };
        let needed = needs(&snapshot.sync.contexts, technology).into_iter();
        let lacking = needed.filter(|(need, _)| !is_here(need));
        findings.lacking = lacking.map(|(need, place)| format!("{need} ({place})")).collect();
        let boxes = !snapshot.sync.boxes.is_empty();
        let parts = [("Dial", "app_dial.so", true), ("VoiceMail", "app_voicemail.so", boxes)];
        let applications = parts.into_iter().filter(|(_, _, needed)| *needed);
        findings.parts =
            applications.map(|(name, module, _)| (name, module, host.has_application(name))).collect();
        if dialplan.caller_id.is_some() {
            findings.parts.push(("CALLERID()", "func_callerid.so", host.has_function("CALLERID")));
        }
    }
}

/// Under which name an Asterisk with these sections asks for passwords.
fn realm_in(sections: &[ConfSection], technology: Technology) -> String {
    let (_, section, key) = doctor::realm_key(technology);
    let of_section = sections.iter().filter(|found| found.name.eq_ignore_ascii_case(section));
    let mut lines = of_section.flat_map(|found| &found.variables);
    let found = lines.rfind(|line| line.key.eq_ignore_ascii_case(key)).map(|line| line.value.clone());
    found.unwrap_or_else(|| doctor::DEFAULT_REALM.to_owned())
}

/// Where nobody answers though Asterisk's HTTP server should, and why; empty where it does everywhere.
fn silent(server: &HttpServer) -> String {
    let places = server.clear.iter().chain(&server.tls);
    let silent = places.filter_map(|place| {
        let problem = TcpStream::connect_timeout(&place.seen_from_here()?, SIP_TIMEOUT).err()?;
        Some(format!("{}, but nothing listens there: {problem}", place.text))
    });
    silent.collect::<Vec<_>>().join(" and at ")
}

/// Whether a system takes connections wherever the zone sends phones to it, as far as there is time to look.
fn listeners(dns: &Dns, target: Target, deadline: Instant, stop: &Stop) -> Result<Vec<Listener>, Stopped> {
    let mut listeners = Vec::new();
    for offer in dns.transports.iter().filter(|offer| offer.transport != SipTransport::Udp) {
        for ip in dns.addresses(target) {
            stop.check()?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(listeners);
            }
            let address = SocketAddr::new(*ip, offer.port(target));
            let problem = TcpStream::connect_timeout(&address, left.min(SIP_TIMEOUT)).err();
            let problem = problem.map(|error| error.to_string());
            listeners.push(Listener { target, transport: offer.transport, address, problem });
        }
    }
    Ok(listeners)
}
