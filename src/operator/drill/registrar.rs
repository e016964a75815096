//! Registers an account over UDP and removes that registration again, for `synch drill`.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use super::{
    digest::{Asked, Challenge},
    register::{Registration, Try},
};
use crate::{settings::Account, uplink::sip::response::Response};

/// Seconds until the registration ends by itself if it can't be removed. The smallest value that Asterisk allows by default.
const EXPIRES: u32 = 60;
/// Time limit of one request with all its repetitions. It can be short, because the registrar is on this machine.
const PATIENCE: Duration = Duration::from_secs(3);
/// RFC 3261 section 17.1.1.1: T1, after which a request is repeated first.
const T1: Duration = Duration::from_millis(500);
/// How soon a cancelled drill is noticed.
const LOOK: Duration = Duration::from_millis(100);
/// The longest possible datagram.
const ROOM: usize = 65535;

/// A registrar, and how it is spoken to.
pub struct Registrar<'a> {
    account: &'a Account,
    registration: Registration,
    socket: UdpSocket,
    number: u32,
    md5: &'a dyn Fn(&str) -> String,
    cancelled: &'a dyn Fn() -> bool,
}

impl<'a> Registrar<'a> {
    /// One at that address. `md5` gives the hash of a text as lower-case hex; `cancelled` is asked while it waits.
    ///
    /// # Errors
    /// When no socket can be made for that address.
    pub fn new(
        address: SocketAddr,
        account: &'a Account,
        md5: &'a dyn Fn(&str) -> String,
        cancelled: &'a dyn Fn() -> bool,
    ) -> Result<Self, String> {
        let socket = connect(address).map_err(|error| format!("cannot send to {address}: {error}"))?;
        let contact = socket.local_addr().map_err(|error| error.to_string())?;
        let username = account.username.clone();
        let registration = Registration { username, registrar: address, contact, id: random() };
        Ok(Self { account, registration, socket, number: 0, md5, cancelled })
    }

    /// Registers.
    ///
    /// # Errors
    /// The registrar's answer, or that there was none, with what to do.
    pub fn register(&mut self) -> Result<(), String> {
        self.say(EXPIRES)
    }

    /// Removes the registration.
    ///
    /// # Errors
    /// As [`Registrar::register`].
    pub fn unregister(&mut self) -> Result<(), String> {
        self.say(0)
    }

    fn say(&mut self, expires: u32) -> Result<(), String> {
        let first = self.exchange(expires, None)?;
        let response = match first.status {
            401 => {
                let authorization = self.answer(&first)?;
                self.exchange(expires, Some(&authorization))?
            }
            _ => first,
        };
        let Response { status, reason, .. } = &response;
        let account = &self.account.username;
        let hint = match status {
            200..=299 => return Ok(()),
            // PJSIP challenges whom it doesn't know, too.
            401 | 403 => "check that the account exists at this branch and has the secret in [drill]",
            404 => "the account needs an aor of its own name (pjsip), or host = dynamic (sip)",
            423 => "set minimum_expiration of its aor, or minexpiry in sip.conf, to 60 or less",
            _ => "see Asterisk's log",
        };
        Err(format!(
            "{} answers the registration of {account} with {status} {reason}: {hint}",
            self.registration.registrar
        ))
    }

    fn answer(&self, response: &Response) -> Result<String, String> {
        let challenge = response.headers("WWW-Authenticate", "").find_map(Challenge::read);
        let challenge =
            challenge.ok_or("it does not ask for a digest with MD5, and a drill can't do another login")?;
        let (uri, cnonce) = (self.registration.uri(), random());
        let asked = Asked {
            username: &self.account.username,
            secret: self.account.secret.expose(),
            method: "REGISTER",
            uri: &uri,
            cnonce: &cnonce,
        };
        Ok(challenge.answer(&asked, self.md5))
    }

    /// One request, repeated until it is answered (RFC 3261 section 17.1.2).
    fn exchange(&mut self, expires: u32, authorization: Option<&str>) -> Result<Response, String> {
        self.number += 1;
        let (number, registrar) = (self.number, self.registration.registrar);
        let request = self.registration.request(&Try { number, expires, authorization });
        let start = Instant::now();
        let (mut repeat_at, mut pause) = (start, T1);
        let mut buffer = vec![0; ROOM];
        while start.elapsed() < PATIENCE && !(self.cancelled)() {
            if Instant::now() >= repeat_at {
                self.socket.send(request.as_bytes()).map_err(|error| unanswered(registrar, &error))?;
                repeat_at += pause;
                pause *= 2;
            }
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    let response = buffer.get(..length).and_then(Response::read);
                    if let Some(response) =
                        response.filter(|found| self.registration.is_answered(number, found))
                    {
                        return Ok(response);
                    }
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                Err(error) => return Err(unanswered(registrar, &error)),
            }
        }
        Err(unanswered(registrar, &"no answer"))
    }
}

fn unanswered(registrar: SocketAddr, why: &dyn std::fmt::Display) -> String {
    format!(
        "{registrar} does not answer SIP over UDP ({why}): check that this Asterisk has that address and a transport \
         for UDP"
    )
}

fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(LOOK))?;
    socket.connect(address)?;
    Ok(socket)
}

/// Returns a text that nobody else has, from the random keys that std uses for its hash tables.
fn random() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::settings::Secret;

    /// A registrar that answers these, one after the other, and gives what it was asked.
    fn asked(
        answers: &[&'static str],
        run: impl FnOnce(&mut Registrar<'_>) -> Result<(), String>,
    ) -> (Result<(), String>, Vec<String>) {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let address = server.local_addr().unwrap();
        let account = Account { username: "drill".to_owned(), secret: Secret::new("s3") };
        let answers = answers.to_vec();
        let serving = thread::spawn(move || {
            let mut requests = Vec::new();
            for answer in answers {
                let mut buffer = vec![0; ROOM];
                let (length, client) = server.recv_from(&mut buffer).unwrap();
                let request = String::from_utf8(buffer[..length].to_vec()).unwrap();
                let echoed =
                    request.lines().filter(|line| line.starts_with("Call-ID") || line.starts_with("CSeq"));
                let echoed: String = echoed.map(|line| format!("{line}\r\n")).collect();
                server.send_to(format!("SIP/2.0 100 Trying\r\n{echoed}\r\n").as_bytes(), client).unwrap();
                server.send_to(format!("SIP/2.0 {answer}\r\n{echoed}\r\n").as_bytes(), client).unwrap();
                requests.push(request);
            }
            requests
        });
        let md5 = |text: &str| format!("<{text}>");
        let result = run(&mut Registrar::new(address, &account, &md5, &|| false).unwrap());
        (result, serving.join().unwrap())
    }

    const CHALLENGE: &str =
        "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"x\",nonce=\"7\",algorithm=MD5";

    #[test]
    fn a_challenge_is_answered_and_the_registration_is_taken_back() {
        let (result, requests) = asked(&[CHALLENGE, "200 OK", CHALLENGE, "200 OK"], |registrar| {
            registrar.register()?;
            registrar.unregister()
        });
        assert_eq!(result, Ok(()));
        let has = |index: usize, text: &str| requests[index].contains(text);
        assert!(has(0, "CSeq: 1 REGISTER") && has(1, "CSeq: 2 REGISTER") && has(3, "CSeq: 4 REGISTER"));
        assert!(!has(0, "Authorization") && has(1, "<drill:x:s3>:7:<REGISTER:sip:127.0.0.1"), "{requests:?}");
        assert!(has(1, "Expires: 60\r\n") && has(3, "Expires: 0\r\n"));
    }

    #[test]
    fn a_refusal_says_what_to_do_and_not_the_password() {
        for (answers, hint) in [
            (vec![CHALLENGE, CHALLENGE], "secret in [drill]"),
            (vec!["404 Not Found"], "an aor of its own name"),
            (vec!["423 Interval Too Brief"], "minimum_expiration"),
            (vec!["401 Unauthorized"], "does not ask for a digest"),
        ] {
            let problem = asked(&answers, |registrar| registrar.register()).0.unwrap_err();
            assert!(problem.contains(hint) && !problem.contains("s3"), "{problem}");
        }
    }

    #[test]
    fn nobody_there_is_told() {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let account = Account { username: "drill".to_owned(), secret: Secret::new("s3") };
        let md5 = |_: &str| String::new();
        let problem = Registrar::new(free, &account, &md5, &|| false).unwrap().register().unwrap_err();
        assert!(problem.contains("does not answer SIP over UDP"), "{problem}");
        let cancelled = Registrar::new(free, &account, &md5, &|| true).unwrap().register();
        assert!(cancelled.is_err());
    }
}
