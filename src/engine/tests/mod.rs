//! The engine as a whole, on a stand-in for Asterisk and a main that nobody is.

mod answers;
mod evidence;
mod exporter;
mod exporting;
mod lines;
mod main;
mod maintenance;
mod oneself;
mod sharing;
mod sip;
mod unload;

use std::{
    net::{TcpListener, UdpSocket},
    sync::atomic::Ordering,
    thread::{self, JoinHandle},
    time::Instant,
};

use hickory_server::proto::{
    op::{Message, Query},
    rr::{Name, Record, RecordType},
};

use super::{stand_in::StandIn, *};
use crate::{
    operator::{control::Command, status::Snapshot},
    settings,
    words::{
        conf::ConfSection,
        state::{Mode, MonitorState, ServiceState, Target},
    },
};

/// Nothing here takes that long; a wait ends as soon as it can.
const LONG: Duration = Duration::from_secs(60);

/// A running engine; stopped and joined when dropped.
struct Site {
    host: Arc<StandIn>,
    control: Control,
    engine: Option<JoinHandle<()>>,
}

impl Site {
    fn start(host: &Arc<StandIn>, settings: Settings) -> Self {
        let (control, engine) = prepare(Arc::clone(host) as Arc<dyn Host>, settings.into(), Arc::default());
        Self { host: Arc::clone(host), control, engine: Some(thread::spawn(move || engine.run(|| {}))) }
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

/// A port of the loopback that was free just now, for UDP and for TCP.
fn free_port() -> u16 {
    loop {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
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
    let snapshot = site.control.snapshot();
    // The branch looks at itself meanwhile.
    let last = snapshot.history.iter().rfind(|entry| entry.subject != "Branch");
    assert_eq!(last.unwrap().subject, "Service");
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
fn what_the_name_server_has_answered_stays_counted_where_it_is_replaced() {
    let (host, port, next) = (Arc::new(StandIn::default()), free_port(), free_port());
    let site = Site::start(&host, settings(port, "192.0.2.1"));
    site.until("the name server", |snapshot| snapshot.dns.state.starts_with("listening"));
    let _ = address(port);
    site.control.send_and_see(Command::Configure(settings(next, "192.0.2.1").into())).unwrap();
    let there = format!("127.0.0.1:{next}");
    site.until("the next one", |snapshot| snapshot.dns.state.contains(&there));
    let _ = address(next);
    assert_eq!(site.control.snapshot().dns.counters.counts().own, 2);
}

#[test]
fn an_engine_that_panics_goes_on_and_says_so() {
    let (host, port) = (Arc::new(StandIn::default()), free_port());
    // In the middle of the verdict, and again at the next change.
    host.panics.store(2, Ordering::SeqCst);
    let site = Site::start(&host, settings(port, "192.0.2.1"));
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    site.until("the name server", |snapshot| snapshot.dns.state.starts_with("listening"));
    assert_eq!(address(port), "192.0.2.1");
    site.control.send(Command::SetMode(Mode::Normal)).unwrap();
    site.until("both panics", |snapshot| snapshot.restarts.get("engine") == Some(&2));
    site.control.send_and_see(Command::SetMode(Mode::Auto)).unwrap();
    assert_eq!(address(port), "192.0.2.1");
    site.until("what is in the dialplan", |snapshot| snapshot.dialplan_state() == "in force");
}

#[test]
fn after_the_stop_nobody_takes_commands() {
    let site = Site::start(&Arc::default(), settings(free_port(), "192.0.2.1"));
    let control = site.control.clone();
    drop(site);
    assert!(control.send(Command::SetMode(Mode::Auto)).is_err());
}
