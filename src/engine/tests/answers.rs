//! Whoever asks for a drill or for the doctor gets an answer, whatever happens meanwhile.

use std::{
    io::ErrorKind,
    net::{TcpListener, UdpSocket},
};

use super::*;
use crate::{
    engine::roster::Roster,
    operator::{
        control::{ControlError, Reply},
        doctor::Check,
        drill::Stage,
    },
    words::state::DrillResult,
};

/// A branch of a main that nobody is, with no more than these sections.
fn only(sections: Vec<ConfSection>) -> Settings {
    let main = [("host", "127.0.0.1"), ("port", "9"), ("username", "u"), ("secret", "s")];
    let mut all = vec![ConfSection::new("main", main)];
    for name in ["sync", "dns"] {
        if sections.iter().all(|section| section.name != name) {
            all.push(ConfSection::new(name, [("enabled", "no")]));
        }
    }
    all.extend(sections);
    settings::read(&all).unwrap()
}

/// A `[dns]` that listens on this port, and sends phones to the branch over that transport.
fn dns(port: u16, transport: &str, branch_port: u16) -> ConfSection {
    let bind = format!("127.0.0.1:{port}");
    let at_branch = format!("{transport}:{branch_port}");
    let keys = [
        ("bind", bind.as_str()),
        ("domain", "voice.example.com"),
        ("target_normal", "10.0.0.254"),
        ("target_failover", "127.0.0.1"),
        ("transports", transport),
        ("transports_failover", &at_branch),
    ];
    ConfSection::new("dns", keys)
}

/// A socket of somebody who says nothing, and its port.
fn silent() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// Waits until somebody asks there for something else than the look of the branch at itself.
fn is_asked(socket: &UdpSocket) {
    let mut buffer = [0; 2048];
    while socket.recv_from(&mut buffer).is_ok_and(|(length, _)| buffer[..length].starts_with(b"OPTIONS")) {}
}

#[test]
fn a_drill_without_dns_tells_that_nothing_was_registered() {
    let site = Site::start(&Arc::default(), only(Vec::new()));
    let report = site.control.ask(Command::Drill).unwrap();
    let skipped = |Stage { name, outcome, .. }: &Stage| {
        (name.clone(), outcome.result(), outcome.text().contains("[dns] enabled = no"))
    };
    let stages: Vec<_> = report.0.iter().take(2).map(skipped).collect();
    let wanted = ["dns", "register"].map(|name| (name.to_owned(), DrillResult::Skipped, true));
    assert_eq!(stages, wanted, "{report:?}");
}

#[test]
fn a_drill_that_another_one_ends_tells_whoever_waits_for_it() {
    let (registrar, port) = silent();
    let drill = ConfSection::new("drill", [("username", "drill"), ("secret", "s")]);
    let site = Site::start(&Arc::default(), only(vec![dns(free_port(), "udp", port), drill]));
    site.until("the name server", |snapshot| snapshot.dns.state.starts_with("listening"));
    let control = site.control.clone();
    let first = thread::spawn(move || control.ask(Command::Drill));
    is_asked(&registrar);
    site.control.send(Command::Drill(Reply::default())).unwrap();
    assert_eq!(first.join().unwrap(), Err(ControlError::Abandoned));
}

#[test]
fn without_a_look_up_the_doctor_says_that_he_has_no_thread() {
    let settings = Arc::new(only(Vec::new()));
    let (_, engine) = prepare(Arc::new(StandIn::default()), Arc::clone(&settings), Arc::default());
    let problem = Roster::new(Roll::default(), &settings)
        .examine(&engine.kit, &settings, Reply::default())
        .unwrap_err();
    assert!(problem.to_string().contains("the look-up of the main"), "{problem}");
}

#[test]
fn a_doctor_who_is_told_to_end_looks_no_further() {
    // Somebody else has the port of the name server, and where phones go over TCP somebody listens.
    let (server, port) = silent();
    let sip = TcpListener::bind("127.0.0.1:0").unwrap();
    let dns = dns(port, "tcp", sip.local_addr().unwrap().port());
    let site = Site::start(&Arc::default(), only(vec![dns]));
    let control = site.control.clone();
    let waiting = thread::spawn(move || control.ask(Command::Examine));
    is_asked(&server);
    drop(site);
    assert_eq!(waiting.join().unwrap(), Err(ControlError::Abandoned));
    sip.set_nonblocking(true).unwrap();
    assert_eq!(sip.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn whoever_waits_in_the_queue_of_an_engine_that_stops_is_told() {
    let settings = Arc::new(only(Vec::new()));
    let (control, engine) = prepare(Arc::new(StandIn::default()), settings, Arc::default());
    let asked: Vec<Reply<Vec<Check>>> = (0..16).map(|_| Reply::default()).collect();
    for reply in &asked {
        control.send(Command::Examine(reply.clone())).unwrap();
    }
    control.stop();
    engine.run(|| {});
    // It may have come to some of them, but hardly to all: it takes its end and its commands in any order.
    assert!(asked.into_iter().all(|mut reply| reply.take() == Err(ControlError::Abandoned)));
}
