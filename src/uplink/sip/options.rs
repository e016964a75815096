//! Asks a SIP stack on this machine for OPTIONS, and waits for its final answer.

use std::{
    hash::{BuildHasher, RandomState},
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use super::{Request, answer};
use crate::settings::Transport;

/// RFC 3261 section 17.1.2.2: T1, after which a request over UDP is repeated first.
const T1: Duration = Duration::from_millis(500);
/// How soon a request to stop is noticed.
const LOOK: Duration = Duration::from_millis(100);
/// More than any answer to a request of ours has.
const LONGEST_ANSWER: usize = 8192;
/// The first status that is final (RFC 3261 section 7.2).
const FINAL: u16 = 200;

/// Asks in the name of `user`, and returns the status of the final answer. `cancelled` is checked while it waits.
///
/// # Errors
/// The port is closed, or there was no final answer in time.
pub fn ask(
    transport: Transport,
    address: SocketAddr,
    user: &str,
    patience: Duration,
    cancelled: &dyn Fn() -> bool,
) -> Result<u16, String> {
    let end = Instant::now() + patience;
    let asked = Asked { address, user, end, cancelled };
    let result = match transport {
        Transport::Udp => asked.over_udp(),
        Transport::Tcp => asked.over_tcp(),
    };
    result.map_err(|error| match error.kind() {
        ErrorKind::ConnectionRefused => "the port is closed".to_owned(),
        ErrorKind::TimedOut => format!("no answer within {} s", patience.as_secs()),
        _ => error.to_string(),
    })
}

struct Asked<'a> {
    address: SocketAddr,
    user: &'a str,
    end: Instant,
    cancelled: &'a dyn Fn() -> bool,
}

impl Asked<'_> {
    fn over_udp(&self) -> io::Result<u16> {
        let any: IpAddr = match self.address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.set_read_timeout(Some(LOOK))?;
        // Connected, it is told what ICMP says.
        socket.connect(self.address)?;
        let request = self.request(Transport::Udp, socket.local_addr()?);
        let (mut repeat_at, mut pause) = (Instant::now(), T1);
        let mut buffer = vec![0; LONGEST_ANSWER];
        while self.goes_on() {
            if Instant::now() >= repeat_at {
                socket.send(request.text.as_bytes())?;
                repeat_at += pause;
                pause *= 2;
            }
            if let Some(length) = patiently(socket.recv(&mut buffer))?
                && let Some(status) = last_word(buffer.get(..length).unwrap_or_default(), &request)
            {
                return Ok(status);
            }
        }
        Err(ErrorKind::TimedOut.into())
    }

    fn over_tcp(&self) -> io::Result<u16> {
        let left = self.end.saturating_duration_since(Instant::now()).max(LOOK);
        let mut stream = TcpStream::connect_timeout(&self.address, left)?;
        stream.set_read_timeout(Some(LOOK))?;
        stream.set_write_timeout(Some(LOOK))?;
        let request = self.request(Transport::Tcp, stream.local_addr()?);
        stream.write_all(request.text.as_bytes())?;
        let (mut received, mut buffer) = (Vec::new(), [0; 1024]);
        while self.goes_on() {
            let Some(length) = patiently(stream.read(&mut buffer))? else { continue };
            received.extend_from_slice(buffer.get(..length).unwrap_or_default());
            if let Some(status) = last_word(&received, &request) {
                return Ok(status);
            }
            if length == 0 || received.len() > LONGEST_ANSWER {
                return Err(io::Error::other("the answer is not SIP"));
            }
        }
        Err(ErrorKind::TimedOut.into())
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.end && !(self.cancelled)()
    }

    fn request(&self, transport: Transport, own: SocketAddr) -> Request {
        let token = RandomState::new().hash_one(self.end);
        Request::new(self.address, own, transport, Some(self.user), token)
    }
}

/// Returns the length of what was read; `None` where nothing has come yet.
fn patiently(read: io::Result<usize>) -> io::Result<Option<usize>> {
    match read {
        Ok(length) => Ok(Some(length)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the status of a final answer. In a stream, a provisional answer may come before it.
fn last_word(mut octets: &[u8], request: &Request) -> Option<u16> {
    const END: &[u8] = b"\r\n\r\n";
    loop {
        if let Some(status) = answer(octets, request).filter(|status| *status >= FINAL) {
            return Some(status);
        }
        let end = octets.windows(END.len()).position(|part| part == END)?;
        octets = octets.get(end + END.len()..)?;
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// What a SIP stack answers to this request.
    fn answer_to(request: &str, status: &str) -> String {
        let header = |name: &str| {
            request.lines().find(|line| line.starts_with(name)).map(|line| format!("{line}\r\n")).unwrap()
        };
        let headers: String = ["Via", "From", "To", "Call-ID", "CSeq"].map(header).concat();
        format!("SIP/2.0 {status}\r\n{headers}Content-Length: 0\r\n\r\n")
    }

    fn asked(transport: Transport, address: SocketAddr, patience: Duration) -> Result<u16, String> {
        ask(transport, address, "1001", patience, &|| false)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn any_final_answer_is_one_and_a_provisional_one_is_none() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let answering = thread::spawn(move || {
            let mut buffer = [0; 2000];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
            for status in ["100 Trying", "503 Service Unavailable"] {
                socket.send_to(answer_to(&request, status).as_bytes(), from).unwrap();
            }
            request
        });
        assert_eq!(asked(Transport::Udp, address, LONG), Ok(503));
        let request = answering.join().unwrap();
        assert!(
            request.starts_with("OPTIONS sip:127.0.0.1") && request.contains("From: <sip:1001@"),
            "{request}"
        );
    }

    #[test]
    fn over_tcp_the_final_answer_may_come_behind_a_provisional_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answering = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 2000];
            let length = stream.read(&mut buffer).unwrap();
            let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let both = answer_to(&request, "100 Trying") + &answer_to(&request, "401 Unauthorized");
            stream.write_all(both.as_bytes()).unwrap();
        });
        assert_eq!(asked(Transport::Tcp, address, LONG), Ok(401));
        answering.join().unwrap();
    }

    #[test]
    fn silence_and_a_closed_port_are_told_apart() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let patience = Duration::from_secs(1);
        let problem = asked(Transport::Udp, silent.local_addr().unwrap(), patience).unwrap_err();
        assert_eq!(problem, "no answer within 1 s");
        for transport in [Transport::Udp, Transport::Tcp] {
            // Nobody listens on the discard port.
            let problem = asked(transport, "127.0.0.1:9".parse().unwrap(), LONG).unwrap_err();
            assert_eq!(problem, "the port is closed");
        }
        let cancelled = ask(Transport::Udp, silent.local_addr().unwrap(), "1001", LONG, &|| true);
        assert!(cancelled.is_err());
    }
}
