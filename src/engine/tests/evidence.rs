//! What counts as evidence of the main, on a main of the test's own: its events, its resets, and SIP beside its AMI.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use socket2::SockRef;

use super::*;
use crate::settings::Require;

const BOOTED: &str = "Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n";
const SHUTDOWN: &str =
    "Event: Shutdown\r\nPrivilege: system,all\r\nShutdown: Cleanly\r\nRestart: False\r\n\r\n";

/// A manager interface that lets everybody in, until it is dropped.
pub(super) struct Ami {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Whether it greets whoever wants events.
    booted: AtomicBool,
    /// Whether it turns everybody away.
    refuses: AtomicBool,
    /// Whether it answers that it shuts down.
    going: AtomicBool,
    logins: AtomicUsize,
    connections: Mutex<Vec<TcpStream>>,
}

impl Ami {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { booted: true.into(), ..Shared::default() });
        let own = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                if own.stop.load(Ordering::SeqCst) {
                    return;
                }
                own.connections.lock().push(stream.try_clone().unwrap());
                let own = Arc::clone(&own);
                thread::spawn(move || own.serve(stream));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// Lets nobody in any more.
    pub(super) fn refuse(&self) {
        self.shared.refuses.store(true, Ordering::SeqCst);
        self.cut_connections();
    }

    /// Tells everybody who is connected.
    fn tell(&self, event: &str) {
        for mut connection in self.shared.connections.lock().iter() {
            let _ = connection.write_all(event.as_bytes());
        }
    }

    /// From now on nobody listens any more.
    fn close(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        thread.join().unwrap();
    }

    /// As a firewall on the way that rejects: the connections break (RST), nobody ends them (FIN).
    fn reject(&mut self) {
        self.close();
        for connection in self.shared.connections.lock().drain(..) {
            SockRef::from(&connection).set_linger(Some(Duration::ZERO)).unwrap();
            let _ = SockRef::from(&connection).shutdown(Shutdown::Read);
        }
    }

    fn cut_connections(&self) {
        for connection in self.shared.connections.lock().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let _ = stream.write_all(b"Asterisk Call Manager/11.0.0\r\n");
        let mut request = String::new();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        while lines.read_line(&mut request).is_ok_and(|length| length > 0) {
            if !request.ends_with("\r\n\r\n") {
                continue;
            }
            let id = request.lines().find(|line| line.starts_with("ActionID")).unwrap();
            if request.starts_with("Action: Login") {
                self.logins.fetch_add(1, Ordering::SeqCst);
                if self.refuses.load(Ordering::SeqCst) {
                    let answer = format!("Response: Error\r\n{id}\r\nMessage: Authentication failed\r\n\r\n");
                    let _ = stream.write_all(answer.as_bytes());
                    return;
                }
            }
            if self.going.load(Ordering::SeqCst) {
                let answer = format!("Response: Error\r\n{id}\r\nMessage: Asterisk is shutting down\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
                request.clear();
                continue;
            }
            let mut answer = format!("Response: Success\r\n{id}\r\nPing: Pong\r\n\r\n");
            if request.contains("Events: system") && self.booted.load(Ordering::SeqCst) {
                answer.push_str(BOOTED);
            }
            let _ = stream.write_all(answer.as_bytes());
            request.clear();
        }
    }
}

impl Drop for Ami {
    /// As a process that dies: first nobody listens any more, then the connections end.
    fn drop(&mut self) {
        self.close();
        self.cut_connections();
    }
}

/// What a SIP server answers, just enough of it.
fn sip_answer(request: &[u8]) -> String {
    let request = String::from_utf8(request.to_vec()).unwrap();
    let (_, headers) = request.split_once("\r\n").unwrap();
    format!("SIP/2.0 200 OK\r\n{headers}")
}

/// A main that is asked at once, and every second; `more` is added to [main] and [probe].
fn asking(ami: &Ami, sip: &str, more: &str) -> Settings {
    let port = ami.address.port().to_string();
    let mut main = vec![("host", "127.0.0.1"), ("port", &port), ("username", "u"), ("secret", "s")];
    let mut probe = vec![("alive_threshold", "1"), ("failure_tolerance", "1000")];
    if !more.contains("interval=") {
        probe.push(("interval", "1"));
    }
    probe.retain(|(key, _)| !more.contains(&format!("{key}=")));
    if !sip.is_empty() {
        main.push(("sip", sip));
    }
    probe.extend(more.split_whitespace().map(|word| word.split_once('=').unwrap()));
    let off = |name| ConfSection::new(name, [("enabled", "no")]);
    let (main, probe) = (ConfSection::new("main", main), ConfSection::new("probe", probe));
    let sections = [main, probe, off("sync"), off("dns")];
    settings::read(&sections).unwrap()
}

/// A site with such a main.
fn site(ami: &Ami, sip: &str, more: &str) -> Site {
    let site = Site::start(&Arc::default(), asking(ami, sip, more));
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    let events = if more.contains("events=no") { "off: " } else { "heard" };
    site.until("events", |snapshot| snapshot.watch.starts_with(events));
    site
}

#[test]
fn a_main_that_says_that_it_shuts_down_is_believed_without_points() {
    let ami = Ami::start();
    let site = site(&ami, "", "sip=no");
    ami.tell(SHUTDOWN);
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    let reason = site.control.snapshot().service.reason.clone();
    assert_eq!(reason, "main is Failed: the main has announced its shutdown");
}

#[test]
fn one_session_serves_the_probe_and_the_events() {
    let ami = Ami::start();
    let _site = site(&ami, "", "sip=no");
    assert_eq!(ami.shared.logins.load(Ordering::SeqCst), 1);
    assert_eq!(ami.shared.connections.lock().len(), 1);
}

#[test]
fn that_it_is_shutting_down_is_believed_as_an_answer_also_where_events_are_off() {
    let ami = Ami::start();
    let site = site(&ami, "", "sip=no events=no");
    ami.shared.going.store(true, Ordering::SeqCst);
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    let reason = site.control.snapshot().service.reason.clone();
    assert_eq!(reason, "main is Failed: the main has announced its shutdown");
    assert_eq!(ami.shared.logins.load(Ordering::SeqCst), 1);
}

#[test]
fn its_word_is_not_asked_for_where_events_are_off() {
    let ami = Ami::start();
    let site = site(&ami, "", "sip=no events=no");
    ami.tell(SHUTDOWN);
    // Told in order: once the end of the connection is known, so is the event.
    ami.cut_connections();
    site.until("the next one", |_| ami.shared.logins.load(Ordering::SeqCst) == 2);
    assert!(site.control.snapshot().history.iter().all(|entry| entry.new != "Failover"));
}

#[test]
fn a_main_that_is_still_starting_does_not_answer_as_it_should() {
    let ami = Ami::start();
    let site = site(&ami, "", "sip=no");
    ami.shared.booted.store(false, Ordering::SeqCst);
    ami.cut_connections();
    site.until("a wrong answer", |snapshot| snapshot.monitor.ami.contains("still starting"));
    ami.tell(BOOTED);
    site.until("an answer", |snapshot| snapshot.monitor.ami == "answers");
}

/// A SIP server that is gone once it is told so.
struct Sip {
    socket: UdpSocket,
    server: Option<JoinHandle<()>>,
}

impl Sip {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = socket.try_clone().unwrap();
        let server = thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length @ 2.., from)) = server.recv_from(&mut buffer) {
                server.send_to(sip_answer(&buffer[..length]).as_bytes(), from).unwrap();
            }
        });
        Self { socket, server: Some(server) }
    }

    fn place(&self) -> String {
        format!("udp:{}", self.socket.local_addr().unwrap())
    }

    /// Its socket is closed with the last handle on it.
    fn close(mut self) {
        self.socket.send_to(b"x", self.socket.local_addr().unwrap()).unwrap();
        self.server.take().unwrap().join().unwrap();
    }
}

#[test]
fn where_nobody_listens_after_an_end_the_main_is_dead_without_points() {
    let (ami, sip) = (Ami::start(), Sip::start());
    // What is found closed within an interval is closed together: on a busy machine, the test takes its time for both.
    let site = site(&ami, &sip.place(), "interval=10");
    assert_eq!(site.control.snapshot().monitor.sip, "answers");
    sip.close();
    drop(ami);
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    let reason = site.control.snapshot().service.reason.clone();
    assert!(reason.starts_with("main is Failed: all ports of the main are closed"), "{reason}");
    assert!(reason.contains("AMI closed for 2 probes, SIP closed for 2 probes"), "{reason}");
}

#[test]
fn where_nobody_listens_after_a_reset_it_may_be_a_firewall() {
    let (mut ami, sip) = (Ami::start(), Sip::start());
    let site = site(&ami, &sip.place(), "interval=10 failure_tolerance=2");
    sip.close();
    ami.reject();
    site.until("refusals", |snapshot| {
        assert_ne!(snapshot.service.state, ServiceState::Failover, "{}", snapshot.service.reason);
        ["AMI closed for 4", "SIP closed for 4"].iter().all(|part| snapshot.monitor.reason.contains(part))
    });
    let snapshot = site.control.snapshot();
    assert!(snapshot.monitor.reason.contains("refusals count after 10 s"), "{}", snapshot.monitor.reason);
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
}

#[test]
fn sip_is_asked_over_tcp_where_that_is_wanted() {
    let (ami, listener) = (Ami::start(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            let mut buffer = [0; 2048];
            let length = stream.read(&mut buffer).unwrap();
            // In two pieces, as TCP may.
            let answer = sip_answer(&buffer[..length]);
            let (start, end) = answer.split_at(20);
            stream.write_all(start.as_bytes()).unwrap();
            stream.write_all(end.as_bytes()).unwrap();
        }
    });
    let site = site(&ami, &format!("tcp:{address}"), "");
    assert_eq!(site.control.snapshot().monitor.sip, "answers");
}

/// A SIP server that answers until it is muted.
pub(super) fn sip_server() -> (SocketAddr, Arc<AtomicBool>) {
    let sip = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (address, mute) = (sip.local_addr().unwrap(), Arc::<AtomicBool>::default());
    let muted = Arc::clone(&mute);
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = sip.recv_from(&mut buffer) {
            if !muted.load(Ordering::SeqCst) {
                sip.send_to(sip_answer(&buffer[..length]).as_bytes(), from).unwrap();
            }
        }
    });
    (address, mute)
}

/// Settings that say nothing of SIP, which is at that address all the same.
pub(super) fn guessed(ami: &Ami, sip: SocketAddr, penalty: &str) -> Settings {
    let port = ami.address.port().to_string();
    let main = [("host", "127.0.0.1"), ("port", &port), ("username", "u"), ("secret", "s")];
    let probe = [("interval", "1"), ("timeout", "1"), ("alive_threshold", "2"), ("error_penalty", penalty)];
    let off = |name| ConfSection::new(name, [("enabled", "no")]);
    let failover = ConfSection::new("failover", [("return_hold", "0"), ("return_spread", "0")]);
    let (main, probe) = (ConfSection::new("main", main), ConfSection::new("probe", probe));
    let mut settings = settings::read(&[main, probe, failover, off("sync"), off("dns")]).unwrap();
    settings.main.sip.port = sip.port();
    settings
}

#[test]
fn an_outage_of_sip_alone_ends_neither_with_other_settings_nor_with_a_restart() {
    let (host, ami, (sip, mute)) = (Arc::default(), Ami::start(), sip_server());
    let site = Site::start(&host, guessed(&ami, sip, "1"));
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    site.until("SIP", |snapshot| snapshot.monitor.sip == "answers");
    mute.store(true, Ordering::SeqCst);
    let dead = |snapshot: &Snapshot| {
        assert_ne!(snapshot.service.state, ServiceState::Normal, "{}", snapshot.service.reason);
        snapshot.monitor.state == MonitorState::Failed && snapshot.monitor.reason.contains("SIP silent")
    };
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    site.control.send_and_see(Command::Configure(guessed(&ami, sip, "2").into())).unwrap();
    site.until("the verdict of the new settings", dead);
    drop(site);
    let site = Site::start(&host, guessed(&ami, sip, "1"));
    site.until("the verdict after a restart", dead);
}

#[test]
fn a_sip_that_answers_something_else_is_silent() {
    let (ami, sip) = (Ami::start(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = sip.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = sip.recv_from(&mut buffer) {
            let other = sip_answer(&buffer[..length]).replace("z9hG4bK", "z9hG4bKnot");
            sip.send_to(other.as_bytes(), from).unwrap();
        }
    });
    let site = site(&ami, &format!("udp:{address}"), "require=any timeout=1");
    site.until("its silence", |snapshot| snapshot.monitor.sip.starts_with("silent"));
}

/// As res_pjsip is while it reloads: one of its queues stands still, and the Call-ID chooses the queue.
#[test]
fn a_question_that_stands_in_a_queue_is_asked_anew() {
    let (ami, sip) = (Ami::start(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = sip.local_addr().unwrap();
    thread::spawn(move || {
        let (mut buffer, mut stuck) = ([0; 2048], HashMap::new());
        while let Ok((length, from)) = sip.recv_from(&mut buffer) {
            let answer = sip_answer(&buffer[..length]);
            let call = answer.lines().find(|line| line.starts_with("Call-ID")).unwrap().to_owned();
            if *stuck.entry(from).or_insert_with(|| call.clone()) != call {
                sip.send_to(answer.as_bytes(), from).unwrap();
            }
        }
    });
    let site = site(&ami, &format!("udp:{address}"), "require=all");
    assert_eq!(site.control.snapshot().monitor.sip, "answers");
}

/// As an administrator does whose main says so for ever.
#[test]
fn that_it_is_starting_counts_no_more_once_events_are_off() {
    let ami = Ami::start();
    let site = site(&ami, "", "sip=no");
    ami.shared.booted.store(false, Ordering::SeqCst);
    ami.cut_connections();
    site.until("a wrong answer", |snapshot| snapshot.monitor.ami.contains("still starting"));
    let settings = asking(&ami, "", "sip=no events=no");
    site.control.send_and_see(Command::Configure(settings.into())).unwrap();
    let is_starting = |snapshot: &Snapshot| snapshot.monitor.ami.contains("still starting");
    site.until("the first answer", |snapshot| snapshot.monitor.ami == "answers" || is_starting(snapshot));
    assert!(!is_starting(&site.control.snapshot()));
}

#[test]
fn a_main_that_refuses_the_login_is_failed_in_time_but_not_beset() {
    let (ami, (sip, _)) = (Ami::start(), sip_server());
    ami.shared.refuses.store(true, Ordering::SeqCst);
    let mut settings = guessed(&ami, sip, "1");
    settings.probe.failure_tolerance = 8;
    settings.probe.require = Require::All;
    let site = Site::start(&Arc::default(), settings);
    site.until("the verdict", |snapshot| snapshot.monitor.state == MonitorState::Failed);
    let snapshot = site.control.snapshot();
    assert!(snapshot.monitor.ami.contains("for 8 probes") && snapshot.monitor.ami.contains("login refused"));
    // Probe and watch together, then after one second or two, and three or more.
    let logins = ami.shared.logins.load(Ordering::SeqCst);
    assert!((2..=6).contains(&logins), "{logins}");
    let next_try = |snapshot: &Snapshot, seconds: &str| {
        snapshot.monitor.ami.contains(&format!("trying again after {seconds} s"))
    };
    assert!(!next_try(&snapshot, "1") && !next_try(&snapshot, "2"), "{}", snapshot.monitor.ami);
    assert!(snapshot.watch.contains("trying again after"), "{}", snapshot.watch);
    // Whoever has mended something has it tried at once.
    let sync = Command::Sync { accepted: Arc::default() };
    site.control.send_and_see(sync).unwrap();
    site.until("a first try", |snapshot| next_try(snapshot, "1") || next_try(snapshot, "2"));
    ami.shared.refuses.store(false, Ordering::SeqCst);
    site.until("a login", |snapshot| snapshot.monitor.state == MonitorState::Stable);
}

#[test]
fn a_sync_that_was_turned_away_is_tried_again_without_being_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(StandIn::at(folder.path(), ""));
    let (ami, (sip, _)) = (Ami::start(), sip_server());
    ami.shared.refuses.store(true, Ordering::SeqCst);
    let mut settings = guessed(&ami, sip, "1");
    // Nobody else logs in: it is left to the sync to notice.
    settings.probe.ami = false;
    let main = ConfSection::new("main", [("host", "127.0.0.1"), ("username", "u"), ("secret", "s")]);
    let sync = ConfSection::new("sync", [("filter_value", "x")]);
    let dns = ConfSection::new("dns", [("enabled", "no")]);
    settings.sync = settings::read(&[main, sync, dns]).unwrap().sync;
    let site = Site::start(&host, settings);
    site.until("a refusal", |snapshot| snapshot.sync.reason.contains("login refused"));
    ami.shared.refuses.store(false, Ordering::SeqCst);
    site.until("another try", |snapshot| !snapshot.sync.reason.contains("login refused"));
}

#[test]
fn an_address_of_this_machine_is_never_asked_over_sip_and_counts_for_nothing() {
    let (host, ami, sip) = (Arc::<StandIn>::default(), Ami::start(), Sip::start());
    host.own.lock().push([127, 0, 0, 1].into());
    // As behind a tunnel for AMI: SIP would answer, but it is our own. It did count once.
    let mut settings = asking(&ami, "", "alive_threshold=2");
    settings.main.sip.port = sip.socket.local_addr().unwrap().port();
    host.remember("sip_answered", Some(&settings.main.sip.place("127.0.0.1"))).unwrap();
    let site = Site::start(&host, settings);
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    site.until("a word of SIP", |snapshot| {
        snapshot.monitor.sip.starts_with("not asked: 127.0.0.1 is an address")
    });
    assert_eq!(site.control.snapshot().monitor.reason, "AMI answers");
    let log = host.log.lock().join("\n");
    assert!(
        log.contains("The main is not probed over SIP: 127.0.0.1 is an address of this machine"),
        "{log}"
    );
    sip.close();
}

#[test]
fn a_proxy_that_answers_for_a_main_that_is_gone_is_no_life() {
    let (ami, sip) = (Ami::start(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = sip.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = sip.recv_from(&mut buffer) {
            for status in ["100 Trying", "503 Service Unavailable"] {
                let answer = sip_answer(&buffer[..length]).replace("200 OK", status);
                sip.send_to(answer.as_bytes(), from).unwrap();
            }
        }
    });
    let site = Site::start(&Arc::default(), asking(&ami, &format!("udp:{address}"), "failure_tolerance=3"));
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    let reason = site.control.snapshot().service.reason.clone();
    assert!(reason.contains("SIP answers wrongly") && reason.contains("it answers 503"), "{reason}");
}

#[test]
fn a_name_that_cannot_be_looked_up_is_no_silence() {
    let (ami, sip) = (Ami::start(), Sip::start());
    for require in [Require::All, Require::Sip] {
        let mut settings = asking(&ami, &sip.place(), "failure_tolerance=1");
        settings.probe.require = require;
        // RFC 6761 section 6.4: .invalid never has an address.
        settings.main.host = "main.invalid".to_owned();
        settings.main.sip.address = Some([127, 0, 0, 1].into());
        let site = Site::start(&Arc::default(), settings);
        site.until("both", |snapshot| {
            assert_ne!(snapshot.monitor.state, MonitorState::Failed, "{}", snapshot.monitor.reason);
            snapshot.monitor.sip == "answers" && snapshot.monitor.ami.contains("not asked: main.invalid")
        });
        if require == Require::Sip {
            site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
        }
    }
    sip.close();
}

#[test]
fn the_status_says_what_is_asked_over_sip() {
    let (ami, sip) = (Ami::start(), Sip::start());
    let site = site(&ami, &sip.place(), "");
    let asked = site.control.snapshot().monitor.sip_question.clone();
    assert_eq!(asked, "BYE without a user name: the branch knows no user of the main yet");
    drop(site);
    sip.close();
}

#[test]
fn a_restart_beside_a_main_that_is_well_names_the_main_all_the_time() {
    let (host, ami) = (Arc::<StandIn>::default(), Ami::start());
    // So many that no verdict comes while this runs.
    let settings = |threshold: &str| asking(&ami, "", &format!("sip=no alive_threshold={threshold}"));
    let site = Site::start(&host, settings("1"));
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    site.until("it kept", |_| host.recall("service").is_some_and(|memo| memo.starts_with("Normal ")));
    drop(site);
    let site = Site::start(&host, settings("1000"));
    site.until("an answer", |snapshot| snapshot.monitor.ami == "answers");
    let snapshot = site.control.snapshot();
    assert_eq!((snapshot.service.state, snapshot.service.target), (ServiceState::Normal, Target::Main));
    assert!(snapshot.service.reason.contains("before this start"), "{}", snapshot.service.reason);
    // Of long ago.
    drop(site);
    host.remember("service", Some("Normal 1000000000")).unwrap();
    let site = Site::start(&host, settings("1000"));
    site.until("an answer", |snapshot| snapshot.monitor.ami == "answers");
    let snapshot = site.control.snapshot();
    assert_eq!((snapshot.service.state, snapshot.service.target), (ServiceState::Init, Target::Branch));
}
