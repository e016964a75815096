//! The engine as a whole, on a stand-in for Asterisk and a main that nobody is.

mod evidence;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::{Instant, SystemTime},
};

use hickory_server::proto::{
    op::{Message, Query},
    rr::{Name, Record, RecordType},
};
use parking_lot::Mutex;

use super::*;
use crate::{
    control::Command,
    dialplan::Context,
    host::{HostError, Level, ReloadError, Verdict},
    settings::{self, ConfSection, Technology},
    state::{Mode, MonitorState, ServiceState, Target},
    status::Snapshot,
    sync::Kind,
};

/// Nothing here takes that long; a wait ends as soon as it can.
const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
struct StandIn {
    log: Mutex<Vec<String>>,
    events: Mutex<Vec<String>>,
    database: Mutex<HashMap<String, String>>,
    contexts: Mutex<Vec<Context>>,
}

impl Host for StandIn {
    fn log(&self, level: Level, text: &str) {
        self.log.lock().push(format!("{level:?} {text}"));
    }
    fn event(&self, name: &str, fields: &[(&str, &str)]) {
        self.events.lock().push(format!("{name} {fields:?}"));
    }
    fn local_time(&self, _: SystemTime) -> String {
        "20260102030405".to_owned()
    }
    fn minute_of_day(&self, _: SystemTime) -> u16 {
        0
    }
    fn channels(&self) -> usize {
        0
    }
    fn fully_booted(&self) -> bool {
        true
    }
    fn replace_dialplan(&self, contexts: &[Context]) -> Result<(), HostError> {
        *self.contexts.lock() = contexts.to_vec();
        Ok(())
    }
    fn shares_context(&self, _: &str) -> bool {
        false
    }
    fn has_context(&self, _: &str) -> bool {
        true
    }
    fn leads_on(&self, _: &str, _: &str) -> bool {
        true
    }
    fn has_application(&self, _: &str) -> bool {
        true
    }
    fn has_function(&self, _: &str) -> bool {
        true
    }
    fn has_mailbox(&self, _: &str) -> bool {
        true
    }
    fn is_there(&self, _: &str) -> bool {
        true
    }
    fn md5(&self, text: &str) -> String {
        text.to_owned()
    }
    fn contact(&self, _: Technology, _: &str) -> Option<String> {
        None
    }
    fn version(&self) -> String {
        "22".to_owned()
    }
    fn context_owner(&self, _: &str) -> Option<String> {
        None
    }
    fn config_dir(&self) -> PathBuf {
        "/nonexistent".into()
    }
    fn data_dir(&self) -> PathBuf {
        "/nonexistent".into()
    }
    fn load_conf(&self, _: &Path) -> Result<Vec<ConfSection>, HostError> {
        Ok(Vec::new())
    }
    fn reload(&self, _: &str) -> Result<(), ReloadError> {
        Ok(())
    }
    fn load_conf_besides(&self, _: &Path, _: &str) -> Result<Vec<ConfSection>, HostError> {
        Ok(Vec::new())
    }
    fn missing(&self, _: Technology, _: &[(Kind, String)]) -> Result<Vec<(Kind, String)>, HostError> {
        Ok(Vec::new())
    }
    fn judge(&self, _: Technology, _: &[(Kind, &ConfSection)]) -> Result<Option<Vec<Verdict>>, HostError> {
        Ok(None)
    }
    fn recall(&self, key: &str) -> Option<String> {
        self.database.lock().get(key).cloned()
    }
    fn remember(&self, key: &str, value: Option<&str>) -> Result<(), HostError> {
        match value {
            Some(value) => self.database.lock().insert(key.to_owned(), value.to_owned()),
            None => self.database.lock().remove(key),
        };
        Ok(())
    }
}

/// A running engine; stopped and joined when dropped.
struct Site {
    host: Arc<StandIn>,
    control: Control,
    engine: Option<JoinHandle<()>>,
}

impl Site {
    fn start(host: &Arc<StandIn>, settings: Settings) -> Self {
        let (control, engine) = prepare(Arc::clone(host) as Arc<dyn Host>, settings.into(), Arc::default());
        Self { host: Arc::clone(host), control, engine: Some(thread::spawn(move || engine.run())) }
    }

    fn until(&self, what: &str, holds: impl Fn(&Snapshot) -> bool) {
        let end = Instant::now() + LONG;
        while !holds(&self.control.snapshot()) {
            assert!(Instant::now() < end, "{what} did not come: {:?}", self.control.snapshot());
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.control.stop();
        if let Some(engine) = self.engine.take() {
            engine.join().unwrap();
        }
    }
}

/// A port of the loopback that was free just now.
fn free_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn settings(dns_port: u16, failover: &str) -> Settings {
    let bind = format!("127.0.0.1:{dns_port}");
    let text = [
        // Nobody listens on the discard port.
        ("main", vec![("host", "127.0.0.1"), ("port", "9"), ("username", "u"), ("secret", "s")]),
        ("probe", vec![("interval", "1"), ("failure_tolerance", "2")]),
        ("sync", vec![("enabled", "no")]),
        (
            "dns",
            vec![
                ("bind", bind.as_str()),
                ("domain", "voice.example.com"),
                ("target_normal", "10.0.0.254"),
                ("target_failover", failover),
            ],
        ),
    ]
    .map(|(name, variables)| ConfSection::new(name, variables));
    settings::read(&text).unwrap()
}

/// What the name server says of the phones' name.
fn record(port: u16) -> Record {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let mut query = Message::query();
    query.add_query(Query::query(Name::from_ascii("sip.voice.example.com.").unwrap(), RecordType::A));
    socket.send_to(&query.to_vec().unwrap(), ("127.0.0.1", port)).unwrap();
    let mut buffer = [0; 1500];
    let length = socket.recv(&mut buffer).unwrap();
    Message::from_vec(&buffer[..length]).unwrap().answers.remove(0)
}

fn address(port: u16) -> String {
    record(port).data.ip_addr().unwrap().to_string()
}

#[test]
fn a_dead_main_leads_the_phones_to_the_branch_and_everybody_is_told() {
    let (host, port) = (Arc::new(StandIn::default()), free_port());
    let site = Site::start(&host, settings(port, "192.0.2.1"));
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    assert_eq!(site.control.snapshot().monitor.state, MonitorState::Failed);
    site.until("the name server", |snapshot| snapshot.dns.state.starts_with("listening"));
    assert_eq!(address(port), "192.0.2.1");
    let events = site.host.events.lock().join("\n");
    assert!(events.contains("SynchMonitorState"), "{events}");
    assert!(
        events.contains("SynchServiceState [(\"OldState\", \"Init\"), (\"NewState\", \"Failover\")"),
        "{events}"
    );
    assert_eq!(site.control.snapshot().history.last().unwrap().subject, "Service");
}

#[test]
fn at_the_first_doubt_phones_are_told_to_ask_again_soon() {
    let (host, port) = (Arc::new(StandIn::default()), free_port());
    let mut settings = settings(port, "192.0.2.1");
    // So many that no verdict comes while this runs.
    settings.probe.failure_tolerance = 1_000_000;
    settings.dns.as_mut().unwrap().default_target = Target::Main;
    let site = Site::start(&host, settings);
    site.until("the name server", |snapshot| snapshot.dns.state.starts_with("listening"));
    site.until("the doubt", |snapshot| snapshot.monitor.state == MonitorState::Unstable);
    assert_eq!((address(port).as_str(), record(port).ttl), ("10.0.0.254", 5));
    site.control.send_and_see(Command::SetMode(Mode::Failover)).unwrap();
    assert_eq!((address(port).as_str(), record(port).ttl), ("192.0.2.1", 5));
}

#[test]
fn a_held_mode_moves_the_answer_at_once_and_survives_a_restart() {
    let (host, port) = (Arc::new(StandIn::default()), free_port());
    let site = Site::start(&host, settings(port, "192.0.2.1"));
    site.until("the name server", |snapshot| snapshot.dns.state.starts_with("listening"));
    let snapshot = site.control.send_and_see(Command::SetMode(Mode::Normal)).unwrap();
    assert_eq!((snapshot.service.state, snapshot.service.mode), (ServiceState::Normal, Mode::Normal));
    assert_eq!(address(port), "10.0.0.254");
    drop(site);
    let site = Site::start(&host, settings(port, "192.0.2.1"));
    site.until("the name server", |snapshot| snapshot.dns.state.starts_with("listening"));
    assert_eq!(address(port), "10.0.0.254");
}

#[test]
fn new_settings_of_the_zone_are_served_from_the_same_socket() {
    let (host, port) = (Arc::new(StandIn::default()), free_port());
    let site = Site::start(&host, settings(port, "192.0.2.1"));
    site.until("the name server", |snapshot| snapshot.dns.state.starts_with("listening"));
    site.control.send_and_see(Command::SetMode(Mode::Failover)).unwrap();
    site.control.send_and_see(Command::Configure(settings(port, "192.0.2.2").into())).unwrap();
    assert_eq!(address(port), "192.0.2.2");
    let listened = host.log.lock().iter().filter(|line| line.contains("listening")).count();
    assert_eq!(listened, 1, "{:?}", host.log.lock());
}

#[test]
fn after_the_stop_nobody_takes_commands() {
    let site = Site::start(&Arc::default(), settings(free_port(), "192.0.2.1"));
    let control = site.control.clone();
    drop(site);
    assert!(control.send(Command::SetMode(Mode::Auto)).is_err());
}
