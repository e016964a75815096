//! The doctor's worker: looks once at everything that a branch needs, and answers whoever asked.
//!
//! An unload waits for it, with Asterisk's module list locked: told to end, it looks at nothing more, and no single look
//! goes on for longer than [`SIP_TIMEOUT`].

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use super::{
    Start,
    event::Teller,
    lookup::cut,
    session::{Access, Unanswered, Way},
    syncing::can_mail,
    worker::{Role, Stop, Stopped, Worker},
};
use crate::{
    ami::{Hangup, Part, Query},
    control::Reply,
    dialplan::refers::{Need, needs},
    dns,
    doctor::{self, Findings, Include, Listener, Reach},
    faults,
    settings::{ConfSection, ConfVariable, Dns, Settings, SipTransport, Sync, Technology},
    sip::places::{Place, places},
    state::Target,
    sync::{Document, Kind, Section},
};

/// Bound of everything that is asked of the main.
const MAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Whoever listens takes a connection in far less, even behind a slow line.
const SIP_TIMEOUT: Duration = Duration::from_secs(1);
/// Bound of all such looks: somebody waits at the CLI.
const LISTENERS_TIMEOUT: Duration = Duration::from_secs(5);

/// What the main's own filter leaves of pjsip.conf: its transports.
const TRANSPORTS: &str = "^type$=\"^transport$\"";

/// The file of users that FreePBX writes itself.
const SIP_DEFAULT: &str = "sip_additional.conf";

/// A section that no file has: whether the file can be read is all that is asked.
const NO_SECTION: &str = "synch-doctor";

/// What the worker needs.
pub(super) struct Examining {
    pub(super) start: Start,
    pub(super) settings: Arc<Settings>,
    pub(super) access: Access,
    pub(super) reply: Reply<String>,
    pub(super) teller: Teller,
}

impl Examining {
    /// Starts the worker, which ends by itself.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(self, role: Role<'_>) -> io::Result<Worker> {
        let hangup = Hangup::new();
        let interrupt = cut(&hangup, &self.access.address);
        let panicked = self.teller.panicked("doctor");
        Worker::start(role, interrupt, panicked, move |stop| {
            // Whoever waits for the answer sees that there will be none.
            let Ok(findings) = self.look(&hangup, stop) else { return };
            let checks = doctor::report(&findings, &self.start.published.read());
            self.reply.give(doctor::text(&checks));
        })
    }

    fn look(&self, hangup: &Hangup, stop: &Stop) -> Result<Findings, Stopped> {
        faults::point("doctor");
        let host = &*self.start.host;
        let mut findings = Findings { asterisk: host.version(), ..Findings::default() };
        match self.look_at_main(hangup, stop) {
            Ok(main) => findings.main = Some(main),
            Err(problem) => findings.main_problem = problem,
        }
        stop.check()?;
        self.look_at_files(&mut findings);
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
        Ok(findings)
    }

    fn look_at_main(&self, hangup: &Hangup, stop: &Stop) -> Result<doctor::Main, String> {
        let start = Instant::now();
        let deadline = start + MAIN_TIMEOUT;
        let told = |error: Unanswered| error.to_string();
        let mut way = self.access.to_look(stop, hangup, deadline).map_err(told)?;
        // In this order: only an answer shows who may read events.
        let clock = way.ask(deadline, |link| link.clock(deadline)).map_err(told)?;
        let events = way.ask(deadline, |link| Ok(link.may_read_events())).map_err(told)?;
        let seconds =
            |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let ours = seconds(SystemTime::now()).cast_signed();
        let mut main = doctor::Main {
            answer_ms: start.elapsed().as_millis(),
            events,
            single: way.is_single(),
            clock: clock.map(|theirs| theirs.saturating_sub(ours)),
            realm: None,
            places: Vec::new(),
            overrides: 0,
            databases: Vec::new(),
            files: Vec::new(),
        };
        if let Some(sync) = &self.settings.sync {
            main.realm = realm_of_main(&mut way, sync.technology, deadline);
            main.databases = databases_of_main(&mut way, sync.technology, deadline);
            main.overrides = overrides_of_main(&mut way, sync, deadline);
            main.places = places_of_main(&mut way, sync.technology, deadline);
        }
        for file in self.files() {
            let query = Query::named(&file, NO_SECTION);
            let answer = way.ask(deadline, |link| link.get_config(&query, deadline));
            main.files.push((file.clone(), answer.err().map(|error| format!("{file}: {error}"))));
        }
        way.close();
        Ok(main)
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
        let host = &self.start.host;
        let sections = host.load_conf(&host.config_dir().join(conf)).unwrap_or_default();
        findings.realm = Some(realm_in(&sections, sync.technology));
        findings.places = places(&sections, sync.technology);
        let snapshot = self.start.published.read();
        let boxes = &snapshot.sync.boxes;
        findings.dead_box = boxes.values().find(|name| !self.start.host.has_mailbox(name)).cloned();
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
        let host = &self.start.host;
        let folder = host.config_dir();
        let all = host.load_conf(&folder.join(conf)).unwrap_or_default().len();
        let others = host.load_conf_besides(&folder.join(conf), output).unwrap_or_default().len();
        let written = folder.join(output).exists();
        Include { conf, output: output.to_owned(), written, included: all > others }
    }

    fn look_at_dialplan(&self, findings: &mut Findings) {
        let Some(dialplan) = &self.settings.dialplan else { return };
        let host = &*self.start.host;
        let snapshot = self.start.published.read();
        let technology = snapshot.technology();
        let account = match technology {
            Technology::Pjsip => Kind::Endpoint,
            Technology::Sip => Kind::Peer,
        };
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

/// Under which name the main asks for passwords; none where it doesn't let us read that.
fn realm_of_main(way: &mut Way, technology: Technology, deadline: Instant) -> Option<String> {
    let (file, section, key) = doctor::realm_key(technology);
    let mut realm = None;
    let mut sink = |part: Part<'_>| match part {
        Part::Variable { key: found, value } if found.eq_ignore_ascii_case(key.as_bytes()) => {
            realm = Some(String::from_utf8_lossy(value).into_owned());
        }
        _ => {}
    };
    let query = Query::named(file, section);
    way.ask(deadline, |link| link.stream_config(&query, deadline, &mut sink)).ok()?;
    Some(realm.unwrap_or_else(|| doctor::DEFAULT_REALM.to_owned()))
}

/// Where the main takes SIP, by its own file; nowhere where it doesn't let us read that.
fn places_of_main(way: &mut Way, technology: Technology, deadline: Instant) -> Vec<Place> {
    let query = match technology {
        Technology::Pjsip => Query::filtered("pjsip.conf", TRANSPORTS),
        Technology::Sip => Query::named("sip.conf", "general"),
    };
    let Ok(answer) = way.ask(deadline, |link| link.get_config(&query, deadline)) else { return Vec::new() };
    let document = Document::read_part(&answer).unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let section = |section: &Section<'_>| {
        let lines = section.lines.iter();
        let variables =
            lines.map(|line| ConfVariable { key: text(line.key), value: text(line.value) }).collect();
        ConfSection { name: text(section.name), variables }
    };
    let sections: Vec<ConfSection> = document.sections.iter().map(section).collect();
    places(&sections, technology)
}

/// The files of the main that name a database for its users; one that can't be read names none.
fn databases_of_main(way: &mut Way, technology: Technology, deadline: Instant) -> Vec<&'static str> {
    // A family of extconfig.conf; a type of sorcery.conf, with `realtime,ps_endpoints`.
    let places: &[_] = match technology {
        Technology::Pjsip => {
            &[("extconfig.conf", "settings", "ps_endpoints"), ("sorcery.conf", "res_pjsip", "endpoint")]
        }
        Technology::Sip => &[("extconfig.conf", "settings", "sippeers")],
    };
    let mut says = |(file, section, key): &(&'static str, &str, &str)| {
        let mut found = false;
        let mut sink = |part: Part<'_>| {
            if let Part::Variable { key: line, value } = part {
                let value = String::from_utf8_lossy(value);
                let maps = *file == "extconfig.conf" || value.trim_start().starts_with("realtime");
                let type_of = line.split(|byte| *byte == b'/').next().unwrap_or_default();
                found |= maps && type_of.trim_ascii().eq_ignore_ascii_case(key.as_bytes());
            }
        };
        let query = Query::named(*file, *section);
        way.ask(deadline, |link| link.stream_config(&query, deadline, &mut sink)).is_ok() && found
    };
    places.iter().filter(|place| says(place)).map(|(file, ..)| *file).collect()
}

/// How many overrides of chan_sip's peers are read by nobody; none where there is no such file.
fn overrides_of_main(way: &mut Way, sync: &Sync, deadline: Instant) -> usize {
    let reads = |file: &str| sync.files.iter().any(|read| read == file);
    if sync.technology != Technology::Sip || reads(doctor::OVERRIDES) || !reads(SIP_DEFAULT) {
        return 0;
    }
    let query = Query::whole(doctor::OVERRIDES);
    let answer = way.ask(deadline, |link| link.get_config(&query, deadline));
    answer.map_or(0, |answer| Document::read_part(&answer).map_or(0, |document| document.sections.len()))
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
