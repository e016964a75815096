//! The connection to a broker: the only socket of this worker. It never waits: what the socket does not take yet waits here,
//! and no more is taken up than there is room for.

use std::{
    io::{ErrorKind, Read},
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::poll::PollFlags;
use socket2::Socket;

use crate::{
    engine::crew::bell::Ear,
    peers::{
        attempts::End,
        mqtt::{Heard, Login, MqttError, Refusal, Session, Version},
    },
    settings::{Secret, State},
    uplink::ami::{Crypto, Hangup, OtherSide, TlsError, TlsSession, is_record, password},
};

/// How long connecting may take, the broker's consent included.
const CONNECT: Duration = Duration::from_secs(10);
/// What may wait for the socket before nothing more is taken up: so the newest of each thing is said, and no history.
const ROOM: usize = 64 * 1024;
/// A broker that sends and sends, and takes nothing of what we have to answer, is none.
const MOST_WAITING: usize = 1024 * 1024;
/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;
/// Bytes that count as a sign of life where no packet is whole yet: the longest takes a slow line longer than the broker may
/// be silent. One that drips is as good as none.
const PROGRESS: usize = 4096;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(in crate::engine::work) enum Fault {
    /// It could not be made.
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    /// It broke.
    #[error("the connection broke: {0}")]
    Broken(std::io::Error),
    /// The broker closed it.
    #[error("the broker closed the connection")]
    Closed,
    /// Nothing came for too long.
    #[error("the broker does not answer")]
    Silent,
    /// It has not said what became of our name.
    #[error("the broker does not confirm what it is told")]
    Unconfirmed,
    /// TLS failed.
    #[error("{}", .0.told_of(OtherSide::Broker))]
    Tls(#[from] TlsError),
    /// What came is no MQTT, or not for us.
    #[error("{0}")]
    Mqtt(#[from] MqttError),
    /// The broker lets us not in.
    #[error("{}", refusal(.0))]
    Refused(Refusal),
    /// The broker ends the connection, with its word for the reason.
    #[error("the broker ended the connection: {reason}")]
    Ended {
        /// Whether another connection has come under our name.
        taken_over: bool,
        /// Its word.
        reason: String,
    },
}

impl Fault {
    /// Returns what it shows of the broker, for the next attempt.
    pub(in crate::engine::work) const fn end(&self) -> End {
        match self {
            Self::Ended { taken_over: true, .. } => End::TakenOver,
            Self::Closed | Self::Broken(_) => End::Closed,
            Self::Mqtt(MqttError::Malformed { .. }) | Self::Refused(Refusal::Version) => End::Unspoken,
            _ => End::Failed,
        }
    }
}

fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Version => "the broker speaks neither MQTT 5 nor 3.1.1".to_owned(),
        Refusal::Login(reason) => {
            format!("the broker refuses the login ({reason}); check username and secret in [state]")
        }
        Refusal::Other(reason) => format!("the broker refuses the connection: {reason}"),
    }
}

/// The password of an account at a broker, and TLS; `None` where it has none, or wants none.
pub(in crate::engine::work) type Credentials = (Option<Secret>, Option<Box<dyn TlsSession>>);

/// Returns what a connection to these brokers needs of this machine: the password, and TLS where it is wanted.
pub(in crate::engine::work) fn credentials(
    state: &State,
    crypto: &dyn Crypto,
) -> Result<Credentials, String> {
    let secret = state.password.as_ref().map(password).transpose().map_err(|error| error.to_string())?;
    let tls = state.tls.as_ref().map(|tls| crypto.tls(tls)).transpose();
    Ok((secret, tls.map_err(|error| error.told_of(OtherSide::Broker))?))
}

/// A connection to a broker.
#[derive(Debug)]
pub(in crate::engine::work) struct Broker {
    pub(in crate::engine::work) address: SocketAddr,
    pub(in crate::engine::work) version: Version,
    socket: Arc<Socket>,
    tls: Option<Box<dyn TlsSession>>,
    session: Session,
    /// The login, as long as TLS does not stand.
    login: Option<Vec<u8>>,
    outgoing: Vec<u8>,
    chunk: Vec<u8>,
    plain: Vec<u8>,
    has_tls_answered: bool,
    /// Whether the broker has let us in.
    is_in: bool,
    connected: bool,
    /// Whether packets have come that were not heard yet.
    has_more: bool,
    deadline: Instant,
    keepalive: Duration,
    /// When it was last asked for a sign of life.
    last_asked: Instant,
    last_heard: Instant,
    /// Bytes that have come since.
    torn: usize,
    /// Whether the broker has closed TLS.
    closed: bool,
}

impl Broker {
    /// Begins a connection. `None` where we were told to hang up.
    pub(in crate::engine::work) fn open(
        address: SocketAddr,
        version: Version,
        tls: Option<Box<dyn TlsSession>>,
        login: &Login<'_>,
        hangup: &Hangup,
    ) -> Result<Option<Self>, Fault> {
        let now = Instant::now();
        let session = Session::new(version);
        let connect = session.connect(login)?;
        let Some(socket) = hangup.dial_for_states(address).map_err(Fault::Connect)? else { return Ok(None) };
        let mut broker = Self {
            address,
            version,
            socket,
            tls,
            session,
            login: Some(connect),
            outgoing: Vec::new(),
            chunk: vec![0; CHUNK],
            plain: Vec::new(),
            has_tls_answered: false,
            is_in: false,
            connected: false,
            has_more: false,
            deadline: now + CONNECT,
            keepalive: Duration::from_secs(login.keepalive.into()),
            last_asked: now,
            last_heard: now,
            torn: 0,
            closed: false,
        };
        if let Some(tls) = &mut broker.tls {
            tls.open(&[], &mut broker.plain)?;
            broker.outgoing = tls.outgoing();
        }
        broker.log_in()?;
        Ok(Some(broker))
    }

    pub(in crate::engine::work) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Returns what to wait for.
    pub(in crate::engine::work) fn flags(&self) -> PollFlags {
        match self.outgoing.is_empty() && self.connected {
            true => PollFlags::POLLIN,
            false => PollFlags::POLLIN | PollFlags::POLLOUT,
        }
    }

    /// Returns whether it takes more to say.
    pub(in crate::engine::work) fn has_room(&self) -> bool {
        self.is_in && self.outgoing.len() < ROOM
    }

    /// Returns whether the broker has let us in.
    pub(in crate::engine::work) const fn is_in(&self) -> bool {
        self.is_in
    }

    /// Returns when it has to be looked after, if nothing comes before.
    pub(in crate::engine::work) fn due(&self) -> Instant {
        if self.has_more {
            return Instant::now();
        }
        if !self.is_in {
            return self.deadline;
        }
        (self.last_asked + self.keepalive).min(self.last_heard + self.keepalive + self.keepalive / 2)
    }

    /// Says something.
    pub(in crate::engine::work) fn say(&mut self, octets: &[u8]) -> Result<(), Fault> {
        match &mut self.tls {
            Some(tls) => {
                tls.seal(octets)?;
                self.outgoing.extend(tls.outgoing());
            }
            None => self.outgoing.extend_from_slice(octets),
        }
        self.write()
    }

    /// Returns the session, in which what is said becomes octets.
    pub(in crate::engine::work) const fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Says good-bye, and waits until it is on its way, as long as there is time and `goes_on`.
    pub(in crate::engine::work) fn leave(mut self, ear: &Ear, until: Instant, goes_on: impl Fn() -> bool) {
        let mut said = self.say(&Session::disconnect());
        while said.is_ok() && !self.outgoing.is_empty() && Instant::now() < until && goes_on() {
            ear.wait_for(Some(self.as_fd()), self.flags(), until);
            said = self.write();
        }
    }

    fn log_in(&mut self) -> Result<(), Fault> {
        let ready = self.tls.as_ref().is_none_or(|tls| tls.is_established());
        match self.login.take_if(|_| ready) {
            Some(login) => self.say(&login),
            None => Ok(()),
        }
    }

    /// Does what the socket and the time allow. Returns what the broker says.
    pub(in crate::engine::work) fn turn(&mut self, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        self.write()?;
        self.has_more = self.hear(heard)?;
        let now = Instant::now();
        if !self.is_in && now >= self.deadline {
            return Err(Fault::Silent);
        }
        if self.is_in && now >= self.last_heard + self.keepalive + self.keepalive / 2 {
            return Err(Fault::Silent);
        }
        // However much we say: a broker that wants no answer of us, and hears of us alone, says nothing by itself.
        if self.is_in && now >= self.last_asked + self.keepalive {
            self.last_asked = now;
            self.say(&Session::ping())?;
        }
        Ok(())
    }

    /// Hears what has come, as much as one turn takes. Returns whether there may be more.
    fn hear(&mut self, heard: &mut Vec<Heard>) -> Result<bool, Fault> {
        let mut octets = 0;
        loop {
            while let Some(one) = self.session.heard()? {
                self.lives();
                match one {
                    Heard::Connected(Ok(())) => self.is_in = true,
                    Heard::Connected(Err(refusal)) => return Err(Fault::Refused(refusal)),
                    Heard::Ends { taken_over, reason } => return Err(Fault::Ended { taken_over, reason }),
                    _ if !self.is_in => return Err(MqttError::Early.into()),
                    Heard::Message(message) => {
                        if let Some(id) = message.id {
                            let taken = self.session.acknowledge(id);
                            self.say(&taken)?;
                        }
                        heard.push(Heard::Message(message));
                    }
                    one => heard.push(one),
                }
                if heard.len() >= TURN {
                    return Ok(true);
                }
            }
            if octets >= TURN_OCTETS {
                return Ok(true);
            }
            match self.read()? {
                0 => return Ok(false),
                count => octets += count,
            }
        }
    }

    fn write(&mut self) -> Result<(), Fault> {
        while !self.outgoing.is_empty() {
            match self.socket.send_with_flags(&self.outgoing, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) {
                Ok(count) => {
                    self.connected = true;
                    self.outgoing.drain(..count);
                }
                Err(error) if waits(&error) => {
                    let full = self.outgoing.len() > MOST_WAITING;
                    return if full { Err(Fault::Silent) } else { Ok(()) };
                }
                Err(error) => return Err(self.broken(error)),
            }
        }
        Ok(())
    }

    /// Reads once. Returns how many octets have come.
    fn read(&mut self) -> Result<usize, Fault> {
        if self.closed {
            return Err(Fault::Closed);
        }
        let count = match (&*self.socket).read(&mut self.chunk) {
            Ok(0) => return Err(Fault::Closed),
            Ok(count) => count,
            Err(error) if waits(&error) => return Ok(0),
            Err(error) => return Err(self.broken(error)),
        };
        self.connected = true;
        self.torn += count;
        if self.torn >= PROGRESS {
            self.lives();
        }
        let chunk = self.chunk.get(..count).unwrap_or_default();
        let Some(tls) = &mut self.tls else {
            self.session.feed(chunk);
            return Ok(count);
        };
        if !std::mem::replace(&mut self.has_tls_answered, true) && !is_record(chunk) {
            return Err(TlsError::NotTls.into());
        }
        let opened = tls.open(chunk, &mut self.plain);
        self.outgoing.extend(tls.outgoing());
        self.session.feed(&self.plain);
        self.plain.clear();
        match opened {
            // Why comes before it, in the same octets.
            Err(TlsError::Ended) => {
                self.closed = true;
                return Ok(count);
            }
            opened => opened?,
        }
        self.log_in()?;
        self.write()?;
        Ok(count)
    }

    /// Takes note of a sign of life.
    fn lives(&mut self) {
        self.last_heard = Instant::now();
        self.torn = 0;
    }

    fn broken(&self, error: std::io::Error) -> Fault {
        if self.connected { Fault::Broken(error) } else { Fault::Connect(error) }
    }
}

/// Packets that are heard in one turn, and octets that are read in it, whatever they say: a broker that never ends must not
/// keep us from all else. The rest comes at the next turn.
const TURN: usize = 1_000;
const TURN_OCTETS: usize = 1024 * 1024;

fn waits(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
        || error.raw_os_error() == Some(libc::ENOTCONN)
}
