//! A main of the tests' own: its AMI and its SIP.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use socket2::SockRef;

use super::*;

pub(super) const BOOTED: &str = "Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n";
pub(super) const SHUTDOWN: &str =
    "Event: Shutdown\r\nPrivilege: system,all\r\nShutdown: Cleanly\r\nRestart: False\r\n\r\n";

/// A manager interface that lets everybody in, until it is dropped.
pub(super) struct Ami {
    pub(super) address: SocketAddr,
    pub(super) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
pub(super) struct Shared {
    stop: AtomicBool,
    /// Whether it greets whoever wants events.
    pub(super) booted: AtomicBool,
    /// Whether it turns everybody away.
    pub(super) refuses: AtomicBool,
    /// Whether it answers that it shuts down.
    pub(super) going: AtomicBool,
    pub(super) logins: AtomicUsize,
    pub(super) connections: Mutex<Vec<TcpStream>>,
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
    pub(super) fn tell(&self, event: &str) {
        for mut connection in self.shared.connections.lock().iter() {
            let _ = connection.write_all(event.as_bytes());
        }
    }

    /// From now on nobody listens any more.
    pub(super) fn close(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        thread.join().unwrap();
    }

    /// As a firewall on the way that rejects: the connections break (RST), nobody ends them (FIN).
    pub(super) fn reject(&mut self) {
        self.close();
        for connection in self.shared.connections.lock().drain(..) {
            SockRef::from(&connection).set_linger(Some(Duration::ZERO)).unwrap();
            let _ = SockRef::from(&connection).shutdown(Shutdown::Read);
        }
    }

    pub(super) fn cut_connections(&self) {
        for connection in self.shared.connections.lock().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    pub(super) fn serve(&self, mut stream: TcpStream) {
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
pub(super) fn sip_answer(request: &[u8]) -> String {
    let request = String::from_utf8(request.to_vec()).unwrap();
    let (_, headers) = request.split_once("\r\n").unwrap();
    format!("SIP/2.0 200 OK\r\n{headers}")
}

/// A main that is asked at once, and every second; `more` is added to [main] and [probe].
pub(super) fn asking(ami: &Ami, sip: &str, more: &str) -> Settings {
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

/// A site with such a main, in full service.
pub(super) fn site(ami: &Ami, sip: &str, more: &str) -> Site {
    let site = Site::start(&Arc::default(), asking(ami, sip, more));
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    let events = if more.contains("events=no") { "off: " } else { "heard" };
    site.until("events", |snapshot| snapshot.watch.starts_with(events));
    // A worker of its own makes it: it may come after all the others on a busy machine.
    site.until("the dialplan", |snapshot| snapshot.dialplan_state() == "in force");
    site
}

/// A SIP server that is gone once it is told so.
pub(super) struct Sip {
    pub(super) socket: UdpSocket,
    server: Option<JoinHandle<()>>,
}

impl Sip {
    pub(super) fn start() -> Self {
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

    pub(super) fn place(&self) -> String {
        format!("udp:{}", self.socket.local_addr().unwrap())
    }

    /// Its socket is closed with the last handle on it.
    pub(super) fn close(mut self) {
        self.socket.send_to(b"x", self.socket.local_addr().unwrap()).unwrap();
        self.server.take().unwrap().join().unwrap();
    }
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
    settings.main.as_mut().unwrap().sip.port = sip.port();
    settings
}
