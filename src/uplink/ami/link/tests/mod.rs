//! Against a main that these tests play themselves, on loopback.

use std::{
    io::{BufRead, BufReader, ErrorKind, Write},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

use socket2::{Domain, Socket, Type};

use super::*;
use crate::{
    settings::{Password, Secret, Tls},
    uplink::ami::{NumberingError, TlsError, TlsSession},
};

mod events;
mod phones;
mod sealed;
mod streams;

/// Far more than any of these exchanges takes: reached only where something hangs.
const AMPLE: Duration = Duration::from_secs(60);

fn settings() -> Main {
    Main { password: Password::Given(Secret::new("s;e=c: r")), ..Main::example() }
}

/// Shows what it hashes, and knows no TLS.
#[derive(Debug)]
struct Open;

impl Crypto for Open {
    fn md5(&self, text: &str) -> String {
        format!("<{text}>")
    }
    fn tls(&self, _: &Tls) -> Result<Box<dyn TlsSession>, TlsError> {
        Err(TlsError::Unusable("none here".to_owned()))
    }
}

fn crypto() -> Arc<dyn Crypto> {
    Arc::new(Open)
}

/// One action as the played main reads it: its lines, and how to answer.
struct Request {
    lines: Vec<String>,
    stream: TcpStream,
}

impl Request {
    fn is(&self, action: &str) -> bool {
        self.lines.first().is_some_and(|line| line == &format!("Action: {action}"))
    }

    fn answer(&mut self, response: &str, rest: &str) {
        let text = format!("Response: {response}\r\n{}\r\n{rest}\r\n", self.lines[1]);
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// The id that events of a list name.
    fn id(&self) -> &str {
        self.lines[1].trim_start_matches("ActionID: ")
    }

    /// Answers as a healthy main does; GetConfig with these lines.
    fn serve(&mut self, config: &str) {
        match self.lines[0].as_str() {
            "Action: Ping" => self.answer("Success", "Ping: Pong\r\nTimestamp: 1.5\r\n"),
            "Action: GetConfig" => self.answer("Success", config),
            "Action: Logoff" => self.answer("Goodbye", ""),
            "Action: Challenge" => self.answer("Success", "Challenge: 42\r\n"),
            _ => self.answer("Success", "Message: Authentication accepted\r\n"),
        }
    }
}

/// A main that accepts connections one by one and handles requests until `handle` says false.
fn main_that(
    connections: usize,
    mut handle: impl FnMut(Request) -> bool + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    listener(connections, move |mut stream| {
        stream.write_all(b"Asterisk Call Manager/11.0.0\r\n").unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                match line.trim_end() {
                    "" => break,
                    line => lines.push(line.to_owned()),
                }
            }
            if !handle(Request { lines, stream: stream.try_clone().unwrap() }) {
                return;
            }
        }
    })
}

fn listener(
    connections: usize,
    mut talk: impl FnMut(TcpStream) + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        for _ in 0..connections {
            talk(listener.accept().unwrap().0);
        }
    });
    (address, thread)
}

fn probe(address: SocketAddr) -> Link {
    Link::for_probe(address, &settings(), &Hangup::new(), crypto())
}

fn ample() -> Instant {
    Instant::now() + AMPLE
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(200)
}

fn transport(result: Result<impl std::fmt::Debug, LinkError>) -> TransportError {
    match result {
        Err(LinkError::Transport { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

fn refusal(result: Result<impl std::fmt::Debug, LinkError>) -> Refusal {
    match result {
        Err(LinkError::Refused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_login_serves_many_pings() {
    let (address, main) = main_that(1, |mut request| {
        // The password itself is not sent, only what the challenge makes of it.
        let login = ["AuthType: MD5", "Username: synch", "Key: <42s;e=c: r>", "Events: off"];
        assert!(!request.is("Login") || request.lines[2..] == login);
        let _ = request.stream.write_all(b"Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n");
        request.serve("");
        true
    });
    let mut link = probe(address);
    for _ in 0..3 {
        link.ping(ample()).unwrap();
        assert!(link.is_open());
    }
    link.close();
    main.join().unwrap();
}

#[test]
fn after_an_error_the_next_ping_connects_anew() {
    let mut pings = 0;
    let (address, main) = main_that(2, move |mut request| {
        pings += usize::from(request.is("Ping"));
        let healthy = pings != 2 || !request.is("Ping");
        if healthy {
            request.serve("");
        }
        healthy
    });
    let mut link = probe(address);
    link.ping(ample()).unwrap();
    let error = transport(link.ping(ample()));
    assert!(matches!(error, TransportError::Closed { .. } | TransportError::Lost { .. }), "{error:?}");
    assert!(!link.is_open());
    link.ping(ample()).unwrap();
    drop(link);
    main.join().unwrap();
}

#[test]
fn a_wrong_password_is_a_refusal() {
    let (address, main) = main_that(1, |mut request| {
        request.answer("Error", "Message: Authentication failed\r\n");
        false
    });
    let refusal = refusal(probe(address).ping(ample()));
    assert_eq!(refusal, Refusal::Login { message: "Authentication failed".to_owned() });
    main.join().unwrap();
}

#[test]
fn a_password_that_is_not_there_is_our_own_fault_and_nobody_is_asked() {
    let password = Password::InFile("/nonexistent/secret".into());
    let main = Main { password, ..Main::example() };
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let error = Link::for_probe(nobody, &main, &Hangup::new(), crypto()).ping(ample()).unwrap_err();
    assert!(matches!(error, LinkError::Unprepared(_)), "{error:?}");
    assert!(error.to_string().contains("/nonexistent/secret"), "{error}");
}

#[test]
fn a_stranger_is_a_refusal() {
    let (address, main) = listener(1, |mut stream| stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap());
    assert!(
        matches!(refusal(probe(address).ping(ample())), Refusal::NotAmi { line } if line.starts_with("SSH"))
    );
    main.join().unwrap();
}

#[test]
fn nobody_there_is_a_transport_error() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = transport(probe(address).ping(ample()));
    assert!(
        matches!(&error, TransportError::Connect(error) if error.kind() == ErrorKind::ConnectionRefused),
        "{error:?}"
    );
}

#[test]
fn silence_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = transport(probe(listener.local_addr().unwrap()).ping(soon()));
    assert!(matches!(error, TransportError::TimedOut { awaited: BANNER }), "{error:?}");
}

/// Writes without end, an octet now and then, until the link has closed its side.
fn drip(mut stream: &TcpStream) {
    while stream.write_all(b"x").is_ok() {
        thread::sleep(Duration::from_millis(20));
    }
}

/// A main that answers well up to this action, and drips then.
fn main_that_drips_at(action: &'static str) -> (SocketAddr, JoinHandle<()>) {
    main_that(1, move |mut request| {
        let well = !request.is(action);
        if well {
            request.serve("");
        } else {
            // As an answer begins that goes on without end.
            let _ = write!(request.stream, "Response: Success\r\n{}\r\nX: ", request.lines[1]);
            drip(&request.stream);
        }
        well
    })
}

#[test]
fn a_byte_now_and_then_does_not_move_the_deadline() {
    let (address, main) = listener(1, |stream| drip(&stream));
    let error = transport(probe(address).ping(soon()));
    assert!(matches!(error, TransportError::TimedOut { awaited: BANNER }), "{error:?}");
    main.join().unwrap(); // ends only because the link has closed its side

    type Operation = fn(&mut Link) -> Result<(), LinkError>;
    let operations: [(&str, Operation); 10] = [
        ("Challenge", |link| link.ping(soon())),
        ("Login", |link| link.ping(soon())),
        ("Ping", |link| link.ping(soon())),
        ("CoreStatus", |link| link.core_status(soon()).map(drop)),
        ("CoreSettings", |link| link.version(soon()).map(drop)),
        ("CoreShowChannels", |link| link.channels(soon(), &mut |_, _| {})),
        ("GetConfig", |link| link.get_config(&Query::whole("pjsip.conf"), soon()).map(drop)),
        ("GetConfig", |link| link.stream_config(&Query::whole("pjsip.conf"), soon(), &mut |_| {})),
        ("PJSIPShowEndpoint", |link| link.show_endpoint("1001", soon()).map(drop)),
        ("SIPshowpeer", |link| link.show_peer("1001", soon()).map(drop)),
    ];
    for (action, operation) in operations {
        let (address, main) = main_that_drips_at(action);
        let error = transport(operation(&mut Link::for_config(
            address,
            &settings(),
            &Hangup::new(),
            crypto(),
            1 << 22,
        )));
        assert!(
            matches!(error, TransportError::TimedOut { awaited } if awaited.ends_with(action)),
            "{action}: {error:?}"
        );
        main.join().unwrap();
    }
}

#[test]
fn a_close_in_mid_answer_is_a_transport_error() {
    let (address, main) = main_that(1, |mut request| {
        if request.is("GetConfig") {
            let _ = request.stream.write_all(b"Response: Success\r\nActionID: synch-3\r\nCategory-0000");
            return false;
        }
        request.serve("");
        true
    });
    let mut link = Link::for_config(address, &settings(), &Hangup::new(), crypto(), 1 << 22);
    let error = transport(link.get_config(&Query::whole("pjsip.conf"), ample()));
    assert!(matches!(error, TransportError::Closed { awaited: "the answer to GetConfig" }), "{error:?}");
    main.join().unwrap();
}

#[test]
fn an_answer_without_a_pong_behind_it_is_void() {
    let (address, main) = main_that(1, |mut request| {
        request.serve("Category-000000: 1001\r\nLine-000000-000000: type=endpoint\r\n");
        !request.is("GetConfig")
    });
    let mut link = Link::for_config(address, &settings(), &Hangup::new(), crypto(), 1 << 22);
    let error = transport(link.get_config(&Query::whole("pjsip.conf"), ample()));
    assert!(matches!(error, TransportError::LinesLost), "{error:?}");
    main.join().unwrap();
}

#[test]
fn a_file_comes_whole() {
    let config: String = (0..5000).map(|line| format!("Line-000000-{line:06}: key={line}\r\n")).collect();
    let sent = format!("Category-000000: 1001\r\n{config}");
    let (address, main) = main_that(1, move |mut request| {
        if request.is("GetConfig") && request.lines[2] == "Filename: none.conf" {
            request.answer("Error", "Message: Config file not found\r\n");
            return false;
        }
        request.serve(&sent);
        true
    });
    let mut link = Link::for_config(address, &settings(), &Hangup::new(), crypto(), 1 << 22);
    let frame = link.get_config(&Query::whole("pjsip.conf"), ample()).unwrap();
    assert_eq!(frame.headers().count(), 5003);
    assert_eq!(frame.get("Line-000000-004999"), Some(&b"key=4999"[..]));
    let refusal = refusal(link.get_config(&Query::whole("none.conf"), ample()));
    assert_eq!(refusal.to_string(), "GetConfig refused: Config file not found; the main has no such file");
    main.join().unwrap();
}

#[test]
fn an_endless_answer_is_a_refusal() {
    let (address, main) = main_that(1, |mut request| {
        if !request.is("Ping") {
            request.serve("");
            return true;
        }
        while request.stream.write_all(&[b'x'; 1024]).is_ok() {}
        false
    });
    assert!(matches!(refusal(probe(address).ping(ample())), Refusal::TooLong(_)));
    main.join().unwrap();
}

/// Hangs up on a link that is blocked in `wait`, and returns how it ended.
fn hang_up_on(address: SocketAddr) -> LinkError {
    let hangup = Hangup::new();
    let mut link = Link::for_probe(address, &settings(), &hangup, crypto());
    let blocked = thread::spawn(move || {
        let ended = link.ping(Instant::now() + Duration::from_secs(3600)).unwrap_err();
        assert!(matches!(link.ping(ample()), Err(LinkError::Stopped)), "a later connect must fail");
        ended
    });
    thread::sleep(Duration::from_millis(100)); // so that it blocks; the result is the same where it doesn't yet
    hangup.hang_up();
    blocked.join().unwrap()
}

#[test]
fn hanging_up_ends_a_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ended = hang_up_on(listener.local_addr().unwrap());
    assert!(matches!(ended, LinkError::Stopped), "{ended:?}");
}

#[test]
fn hanging_up_ends_a_connect() {
    // Linux leaves a SYN unanswered while the queue of a listener is full: as a black hole, without a network.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let queued: Vec<_> =
        (0..2).map_while(|_| TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok()).collect();
    assert!(!queued.is_empty());
    let error = transport(probe(address).ping(soon()));
    assert!(matches!(error, TransportError::TimedOut { awaited: "the TCP connection" }), "{error:?}");
    let ended = hang_up_on(address);
    assert!(matches!(ended, LinkError::Stopped), "{ended:?}");
}

#[test]
fn after_hanging_up_nothing_is_dialled() {
    let hangup = Hangup::new();
    hangup.clone().hang_up();
    let mut link = Link::for_probe(SocketAddr::from(([127, 0, 0, 1], 1)), &settings(), &hangup, crypto());
    assert!(matches!(link.ping(ample()), Err(LinkError::Stopped)));
}
