use std::{
    io::Read,
    net::{TcpListener, TcpStream, UdpSocket},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread::{self, JoinHandle},
};

use hickory_server::proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{DNSClass, RData, Record, RecordType, rdata::A},
};

use super::*;
use crate::{
    dns::{
        stand_in::{
            PATIENCE, closed_port, edns, over_tcp, over_udp, query, read_frame, responder, send_frame,
            settings,
        },
        zone::Zone,
    },
    settings::Dns,
    words::state::Target,
};

/// A server on a thread of its own, as the engine runs it.
struct Running {
    zone: Arc<ZoneCell>,
    counters: Arc<Counters>,
    reports: mpsc::Receiver<Report>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    fn start(settings: &Dns) -> Self {
        let zone = Arc::new(ZoneCell::new(Zone::new(settings, Target::Main, 1)));
        let counters = Arc::new(Counters::default());
        let (stop, stopped) = oneshot::channel();
        let (sender, reports) = mpsc::channel();
        let thread = thread::spawn({
            let (settings, zone, counters) = (settings.clone(), Arc::clone(&zone), Arc::clone(&counters));
            move || {
                Server::new(&settings, &zone, &counters)
                    .map(|mut server| server.run(stopped, |report| drop(sender.send(report))))
            }
        });
        Self { zone, counters, reports, stop: Some(stop), thread: Some(thread) }
    }

    fn report(&self) -> Report {
        self.reports.recv_timeout(PATIENCE).expect("no report")
    }

    /// The addresses for UDP and TCP, once both are bound.
    fn listening(&self) -> (SocketAddr, SocketAddr) {
        match self.report() {
            Report::Listening(endpoints) => (endpoints[0].address, endpoints[1].address),
            other => panic!("{other:?}"),
        }
    }

    fn stop(mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

fn sip() -> Message {
    query("SIP.voice.example.com.", RecordType::A, |_| ())
}

#[test]
fn rfc7766_s5_udp_and_tcp_give_the_same_answer() {
    let server = Running::start(&settings());
    let (udp, tcp) = server.listening();
    let query = query("SIP.voice.example.com.", RecordType::A, |message| {
        message.metadata.id = 4711;
        message.set_edns(edns(0, 4096));
    });
    let octets = query.to_vec().unwrap();
    let answer = over_udp(udp, &octets);
    assert_eq!(answer, over_tcp(tcp, &octets));
    assert_eq!(answer.metadata.id, 4711);
    assert_eq!(answer.queries, query.queries);
    assert_eq!(answer.answers[0].data, RData::A(A::new(10, 0, 0, 254)));
    assert!(answer.answers[0].name.eq_case(&query.queries[0].name));
    assert_eq!(answer.edns.unwrap().max_payload(), 1232);
    assert_eq!(server.counters.counts().own, 2);
    server.stop();
}

#[test]
fn a_new_zone_answers_the_next_question() {
    let settings = settings();
    let server = Running::start(&settings);
    let (udp, tcp) = server.listening();
    let octets = sip().to_vec().unwrap();
    // A connection that was there before the change sees it too.
    let mut stream = TcpStream::connect(tcp).unwrap();
    for serial in 2..20 {
        let target = if serial % 2 == 0 { Target::Branch } else { Target::Main };
        let address = settings.addresses(target)[0];
        server.zone.store(Zone::new(&settings, target, serial));
        assert_eq!(over_udp(udp, &octets).answers[0].data, RData::from(address));
        send_frame(&mut stream, &octets);
        assert_eq!(read_frame(&mut stream).answers[0].data, RData::from(address));
    }
    server.stop();
}

#[test]
fn what_hickory_would_answer_wrongly_is_refused_on_both_transports() {
    let server = Running::start(&settings());
    let (udp, tcp) = server.listening();
    let octets = query("voice.example.com.", RecordType::SOA, |message| {
        message.queries[0].query_class = DNSClass::CH;
    });
    let octets = octets.to_vec().unwrap();
    for reply in [over_udp(udp, &octets), over_tcp(tcp, &octets)] {
        assert_eq!(reply.metadata.response_code, ResponseCode::Refused);
    }
    let two = query("voice.example.com.", RecordType::A, |message| {
        message.queries.push(message.queries[0].clone());
    });
    let two = two.to_vec().unwrap();
    for reply in [over_udp(udp, &two), over_tcp(tcp, &two)] {
        assert_eq!(reply.metadata.response_code, ResponseCode::FormErr);
    }
    assert_eq!(server.counters.counts().refused, 4);
    server.stop();
}

#[test]
fn junk_and_replies_are_survived() {
    let server = Running::start(&settings());
    let (udp, tcp) = server.listening();
    let good = sip().to_vec().unwrap();
    let reply = query("voice.example.com.", RecordType::A, |message| {
        message.metadata.message_type = MessageType::Response;
    });
    let reply = reply.to_vec().unwrap();
    let mut stream = TcpStream::connect(tcp).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for junk in [&b""[..], b"junk", &[0xff; 300], &good[..20], &reply] {
        socket.send_to(junk, udp).unwrap();
        send_frame(&mut stream, junk);
    }
    assert_eq!(over_udp(udp, &good).answers.len(), 1);
    // On the connection, only the one readable header among the junk that is a query has a reply of its own.
    assert_eq!(over_tcp(tcp, &good).answers.len(), 1);
    let formerr = read_frame(&mut stream);
    assert_eq!(formerr.metadata.response_code, ResponseCode::FormErr);
    send_frame(&mut stream, &good);
    assert_eq!(read_frame(&mut stream).answers.len(), 1);
    server.stop();
}

/// A forwarder that answers each query with this many addresses, but none for as long as `gate` is held.
fn forwarder(count: u8, gate: &Arc<parking_lot::Mutex<()>>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let gate = Arc::clone(gate);
    // Ends with the process: it serves one test, and holds nothing but a socket.
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let query = Message::from_vec(&buffer[..length]).unwrap();
            let mut answer = Message::response(query.metadata.id, OpCode::Query);
            answer.add_queries(query.queries.clone());
            for last in 0..count {
                let data = RData::A(A::new(192, 0, 2, last));
                answer.add_answer(Record::from_rdata(query.queries[0].name.clone(), 60, data));
            }
            drop(gate.lock());
            socket.send_to(&answer.to_vec().unwrap(), client).unwrap();
        }
    });
    address
}

#[test]
fn rfc2181_s9_a_relayed_answer_that_does_not_fit_has_tc_and_is_whole_over_tcp() {
    let mut settings = settings();
    settings.forwarders = vec![forwarder(60, &Arc::default())];
    let server = Running::start(&settings);
    let (udp, tcp) = server.listening();
    let query = query("www.example.org.", RecordType::A, |message| message.metadata.id = 99);
    let octets = query.to_vec().unwrap();
    let cut = over_udp(udp, &octets);
    assert!(cut.metadata.truncation && cut.answers.is_empty());
    let whole = over_tcp(tcp, &octets);
    assert_eq!((whole.metadata.id, whole.answers.len()), (99, 60));
    assert!(whole.metadata.recursion_available && !whole.metadata.truncation);
    assert_eq!(server.counters.counts().relayed, 2);
    server.stop();
}

#[test]
fn without_forwarders_other_names_are_refused() {
    let server = Running::start(&settings());
    let (udp, _) = server.listening();
    let query = query("www.example.org.", RecordType::A, |_| ());
    let reply = over_udp(udp, &query.to_vec().unwrap());
    assert_eq!(reply.metadata.response_code, ResponseCode::Refused);
    // A refused transfer of the own zone is no name of others.
    let transfer = self::query("sip.voice.example.com.", RecordType::AXFR, |_| ());
    assert_eq!(over_udp(udp, &transfer.to_vec().unwrap()).metadata.response_code, ResponseCode::Refused);
    let counts = server.counters.counts();
    assert_eq!((counts.refused, counts.no_forwarder, counts.not_allowed), (2, 1, 0));
    server.stop();
}

#[test]
fn where_forwarders_fail_the_client_gets_servfail() {
    let mut settings = settings();
    let closed = closed_port();
    settings.forwarders = vec![closed.local_addr().unwrap()];
    let server = Running::start(&settings);
    let (udp, _) = server.listening();
    let query = query("www.example.org.", RecordType::A, |_| ());
    let reply = over_udp(udp, &query.to_vec().unwrap());
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(server.counters.counts().relay_failures, 1);
    server.stop();
}

#[test]
fn rfc7766_s6_2_1_1_an_own_name_overtakes_a_relayed_one_on_the_same_connection() {
    let gate = Arc::new(parking_lot::Mutex::new(()));
    let mut settings = settings();
    settings.forwarders = vec![forwarder(1, &gate)];
    let server = Running::start(&settings);
    let (_, tcp) = server.listening();
    let held = gate.lock();
    let mut stream = TcpStream::connect(tcp).unwrap();
    let slow = query("www.example.org.", RecordType::A, |message| message.metadata.id = 1);
    let own = query("sip.voice.example.com.", RecordType::A, |message| message.metadata.id = 2);
    send_frame(&mut stream, &slow.to_vec().unwrap());
    send_frame(&mut stream, &own.to_vec().unwrap());
    assert_eq!(read_frame(&mut stream).metadata.id, 2);
    drop(held);
    assert_eq!(read_frame(&mut stream).metadata.id, 1);
    server.stop();
}

#[test]
fn a_socket_that_cannot_be_bound_is_reported_and_bound_when_it_is_free() {
    // An address that no other test uses, so that none takes the port when it is free.
    let holder = UdpSocket::bind("127.0.0.78:0").unwrap();
    let mut settings = settings();
    let taken = holder.local_addr().unwrap();
    settings.bind.push(taken);
    let server = Running::start(&settings);
    let Report::CannotBind(error) = server.report() else { panic!("bound a taken address") };
    assert_eq!(error.endpoint, Endpoint { address: taken, transport: Transport::Udp });
    assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    // The others are served meanwhile.
    let Report::Listening(bound) = server.report() else { panic!("not listening") };
    assert_eq!(over_udp(bound[0].address, &sip().to_vec().unwrap()).answers.len(), 1);
    drop(holder);
    let Report::Listening(late) = server.report() else { panic!("said twice") };
    assert_eq!(late, [Endpoint { address: taken, transport: Transport::Udp }]);
    assert_eq!(over_udp(taken, &sip().to_vec().unwrap()).answers.len(), 1);
    server.stop();
}

#[test]
fn a_reason_is_reported_once_however_often_it_is_met() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let holder = UdpSocket::bind("127.0.0.79:0").unwrap();
        let taken = holder.local_addr().unwrap();
        let zone = Arc::new(ZoneCell::new(Zone::new(&settings(), Target::Main, 1)));
        let responder = responder(&settings(), zone);
        let (mut missing, mut sockets) = (Missing::new(&[taken]), Sockets::new(responder, 0));
        let reports = std::cell::RefCell::new(Vec::new());
        let report = |report| reports.borrow_mut().push(report);

        let tcp = Endpoint { address: taken, transport: Transport::Tcp };
        assert_eq!(missing.bind(&mut sockets, &report), [tcp]);
        assert_eq!(missing.bind(&mut sockets, &report), []);
        assert_eq!(reports.borrow().len(), 1);
        // Another reason is news.
        missing.0[0].reported = Some(io::ErrorKind::PermissionDenied);
        assert_eq!(missing.bind(&mut sockets, &report), []);
        assert_eq!(reports.borrow().len(), 2);
        drop(holder);
        assert_eq!(missing.bind(&mut sockets, &report).len(), 1);
        assert!(missing.0.is_empty());
    });
}

#[test]
fn a_server_on_every_address_answers() {
    for (bind, ask) in [("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "127.0.0.1"), ("[::]:0", "::1")] {
        let mut settings = settings();
        settings.bind = vec![bind.parse().unwrap()];
        let ask: std::net::IpAddr = ask.parse().unwrap();
        // A machine without IPv6 cannot show this.
        if (bind.starts_with('[') || ask.is_ipv6()) && UdpSocket::bind("[::1]:0").is_err() {
            continue;
        }
        let server = Running::start(&settings);
        let (udp, tcp) = server.listening();
        assert_eq!(over_tcp((ask, tcp.port()).into(), &sip().to_vec().unwrap()).answers.len(), 1);
        if ask.is_ipv4() {
            let answer = over_udp((ask, udp.port()).into(), &sip().to_vec().unwrap());
            assert_eq!(answer.answers.len(), 1);
        }
        server.stop();
    }
}

#[test]
fn rfc2181_s4_1_a_reply_comes_from_the_address_that_was_asked() {
    let gate = Arc::default();
    for (bind, asked) in [("0.0.0.0:0", "127.0.0.2"), ("[::]:0", "127.0.0.2"), ("[::]:0", "::1")] {
        let mut settings = settings();
        settings.bind = vec![bind.parse().unwrap()];
        settings.forwarders = vec![forwarder(1, &gate)];
        // A machine without IPv6 cannot show this.
        if bind.starts_with('[') && UdpSocket::bind("[::1]:0").is_err() {
            continue;
        }
        let server = Running::start(&settings);
        let (udp, _) = server.listening();
        let asked: std::net::IpAddr = asked.parse().unwrap();
        let client = UdpSocket::bind(if asked.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        // Connected as a phone's: it takes nothing from another address.
        client.connect((asked, udp.port())).unwrap();
        for owner in ["sip.voice.example.com.", "x.voice.example.com.", "www.example.org."] {
            client.send(&query(owner, RecordType::A, |_| ()).to_vec().unwrap()).unwrap();
            let mut buffer = [0; 512];
            let length =
                client.recv(&mut buffer).unwrap_or_else(|error| panic!("{bind} {asked} {owner}: {error}"));
            assert!(Message::from_vec(&buffer[..length]).is_ok());
        }
        server.stop();
    }
}

#[test]
fn the_sockets_outlive_a_panic_and_answer_all_the_while() {
    let settings = settings();
    let zone = Arc::new(ZoneCell::new(Zone::new(&settings, Target::Main, 1)));
    let ((wake, rest), (stop, stopped)) = (oneshot::channel(), oneshot::channel());
    let (sender, reports) = mpsc::channel();
    let server = thread::spawn(move || {
        let mut server = Server::new(&settings, &zone, &Arc::default()).unwrap();
        let (_first, not_yet) = oneshot::channel();
        let report = |report| {
            sender.send(report).unwrap();
            panic!("in the middle of it");
        };
        let run = AssertUnwindSafe(|| server.run(not_yet, report));
        assert!(catch_unwind(run).is_err());
        assert!(server.rest(rest, Instant::now() + PATIENCE));
        server.run(stopped, |report| drop(sender.send(report)));
    });
    let Ok(Report::Listening(bound)) = reports.recv_timeout(PATIENCE) else { panic!("nothing is bound") };
    let question = sip().to_vec().unwrap();
    let asked = || {
        assert_eq!(over_udp(bound[0].address, &question).answers.len(), 1);
        assert_eq!(over_tcp(bound[1].address, &question).answers.len(), 1);
    };
    asked();
    drop(wake);
    asked();
    drop(stop);
    server.join().unwrap();
    assert!(reports.recv().is_err(), "they were bound anew");
}

#[test]
fn stopping_frees_the_sockets_whatever_is_under_way() {
    let mut settings = settings();
    // An address that no other test uses, so that none takes the ports when they are free.
    settings.bind = vec!["127.0.0.77:0".parse().unwrap()];
    let gate = Arc::new(parking_lot::Mutex::new(()));
    let _held = gate.lock();
    settings.forwarders = vec![forwarder(1, &gate)];
    let server = Running::start(&settings);
    let (udp, tcp) = server.listening();
    let slow = query("www.example.org.", RecordType::A, |_| ()).to_vec().unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(&slow, udp).unwrap();
    let mut stream = TcpStream::connect(tcp).unwrap();
    send_frame(&mut stream, &slow);
    // Answered after the two above were taken up.
    assert_eq!(over_udp(udp, &sip().to_vec().unwrap()).answers.len(), 1);
    let zone = Arc::clone(&server.zone);
    server.stop();
    assert_eq!(Arc::strong_count(&zone), 1, "a task is left");
    UdpSocket::bind(udp).expect("UDP is free again");
    // As the server binds it: with the address reusable, since the connection above lingers.
    TcpListener::bind(tcp).expect("TCP is free again");
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "the connection is closed");
}
