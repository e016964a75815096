//! The connection to the main's AMI: the only sockets of this client, and the only place here that looks at a clock.
//!
//! Each operation has one deadline for all of it: connecting, logging in, and every read and write.

use std::{
    io::{self, ErrorKind, Read},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use socket2::Socket;

use super::{
    Action, Frame, Hangup, LinkError, Refusal, Session, TransportError,
    frame::{CONFIG_FRAME, SHORT_FRAME},
};
use crate::settings::{Main, Secret};

/// Read at once at most. Asterisk writes each line of a file by itself, so reads are mostly far smaller.
const CHUNK: usize = 64 * 1024;
/// Receive buffer asked for where whole files are read. The main drops what it cannot send for 100 ms, so what the
/// buffer holds is the pause that we can afford. The system may grant less (`net.core.rmem_max`).
const CONFIG_BUFFER: usize = 4 * 1024 * 1024;
/// Connecting and logging in take a few round trips; whoever has minutes for a long answer need not wait that long to
/// learn that nobody is there.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// What is awaited first: connecting and being greeted are one wait.
const BANNER: &str = "the banner of its AMI";

/// A connection to the main that is made when it is needed and kept while it works.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    username: String,
    secret: Secret,
    frame_limit: usize,
    receive_buffer: Option<usize>,
    hangup: Hangup,
    line: Option<Line>,
}

/// An open connection.
#[derive(Debug)]
struct Line {
    socket: Arc<Socket>,
    session: Session,
    chunk: Vec<u8>,
}

impl Link {
    /// A link for pings. Nothing is connected yet.
    #[must_use]
    pub fn for_probe(address: SocketAddr, main: &Main, hangup: &Hangup) -> Self {
        Self::new(address, main, hangup, SHORT_FRAME, None)
    }

    /// A link for whole configuration files. Nothing is connected yet.
    #[must_use]
    pub fn for_config(address: SocketAddr, main: &Main, hangup: &Hangup) -> Self {
        Self::new(address, main, hangup, CONFIG_FRAME, Some(CONFIG_BUFFER))
    }

    fn new(
        address: SocketAddr,
        main: &Main,
        hangup: &Hangup,
        frame_limit: usize,
        receive_buffer: Option<usize>,
    ) -> Self {
        let (username, secret) = (main.username.clone(), main.secret.clone());
        Self { address, username, secret, frame_limit, receive_buffer, hangup: hangup.clone(), line: None }
    }

    /// Whether a connection is kept open, as far as is known: the next exchange may still find it dead.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.line.is_some()
    }

    /// Asks for a Pong; connects and logs in first where there is no connection.
    ///
    /// # Errors
    /// When no Pong came before the deadline. The connection is closed then.
    pub fn ping(&mut self, deadline: Instant) -> Result<(), LinkError> {
        self.operate(deadline, |line, deadline| line.exchange(Action::Ping, deadline).map(drop))
    }

    /// Reads a configuration file of the main; connects and logs in first where there is no connection.
    ///
    /// A main whose `writetimeout` passed leaves lines out, ends the answer well-formed all the same and closes the
    /// connection. So a Pong is required behind the answer: only that shows lines lost at the end of a section.
    ///
    /// # Errors
    /// When the answer did not come whole before the deadline. The connection is closed then.
    pub fn get_config(&mut self, filename: &str, deadline: Instant) -> Result<Frame, LinkError> {
        self.operate(deadline, |line, deadline| {
            let frame = line.exchange(Action::GetConfig { filename }, deadline)?;
            match line.exchange(Action::Ping, deadline) {
                Ok(_) => Ok(frame),
                Err(Fault::Transport(TransportError::Closed { .. } | TransportError::Lost { .. })) => {
                    Err(Fault::Transport(TransportError::LinesLost))
                }
                Err(fault) => Err(fault),
            }
        })
    }

    /// Closes the connection, with a good-bye that is not waited for.
    pub fn close(&mut self) {
        if let Some(mut line) = self.line.take() {
            let bytes = line.session.request(Action::Logoff);
            let _ = line.socket.send_with_flags(&bytes, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT);
        }
    }

    /// Runs one operation on an open line; keeps the line only where it went well.
    fn operate<T>(
        &mut self,
        deadline: Instant,
        operation: impl FnOnce(&mut Line, Instant) -> Result<T, Fault>,
    ) -> Result<T, LinkError> {
        let result = match self.line.take() {
            Some(line) => Ok(line),
            None => self.open(deadline),
        }
        .and_then(|mut line| operation(&mut line, deadline).map(|value| (value, line)));
        let address = self.address;
        match result {
            Ok((value, line)) => {
                self.line = Some(line);
                Ok(value)
            }
            Err(_) if self.hangup.is_stopped() => Err(LinkError::Stopped),
            Err(Fault::Refused(refusal)) => Err(LinkError::Refused { address, refusal }),
            Err(Fault::Transport(error)) => Err(LinkError::Transport { address, error }),
        }
    }

    fn open(&self, deadline: Instant) -> Result<Line, Fault> {
        let deadline = deadline.min(Instant::now() + OPEN_TIMEOUT);
        let dialled = self.hangup.dial(self.address, self.receive_buffer).map_err(TransportError::Connect)?;
        let socket = dialled.ok_or(TransportError::Closed { awaited: BANNER })?;
        let session = Session::new(self.frame_limit);
        let mut line = Line { socket, session, chunk: vec![0; CHUNK] };
        while !line.session.greeted()? {
            line.receive(BANNER, deadline).map_err(|error| line.before_banner(error))?;
        }
        let login = Action::Login { username: &self.username, secret: &self.secret };
        line.exchange(login, deadline)?;
        Ok(line)
    }
}

impl Line {
    /// Sends an action and waits for its answer.
    fn exchange(&mut self, action: Action<'_>, deadline: Instant) -> Result<Frame, Fault> {
        let bytes = self.session.request(action);
        self.send(&bytes, action.name(), deadline)?;
        loop {
            if let Some(frame) = self.session.answer()? {
                return Ok(frame);
            }
            self.receive(awaited(action), deadline)?;
        }
    }

    fn send(&self, bytes: &[u8], awaited: &'static str, deadline: Instant) -> Result<(), TransportError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let left = remaining(deadline, awaited)?;
            let sent = self
                .socket
                .set_write_timeout(Some(left))
                .and_then(|()| self.socket.send_with_flags(rest, libc::MSG_NOSIGNAL));
            match sent {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) => pass_over(error, awaited)?,
            }
        }
        Ok(())
    }

    /// One read into the session. Nothing else happens between two reads of a long answer.
    fn receive(&mut self, awaited: &'static str, deadline: Instant) -> Result<(), TransportError> {
        let left = remaining(deadline, awaited)?;
        let read =
            self.socket.set_read_timeout(Some(left)).and_then(|()| (&*self.socket).read(&mut self.chunk));
        match read {
            Ok(0) => Err(TransportError::Closed { awaited }),
            Ok(count) => {
                self.session.feed(self.chunk.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(error) => pass_over(error, awaited),
        }
    }

    /// The first read also waits for the connect: says which of the two failed.
    fn before_banner(&self, error: TransportError) -> TransportError {
        match error {
            TransportError::TimedOut { .. } if self.socket.peer_addr().is_err() => {
                TransportError::TimedOut { awaited: "the TCP connection" }
            }
            TransportError::Lost { error, .. } if error.kind() != ErrorKind::ConnectionReset => {
                TransportError::Connect(error)
            }
            error => error,
        }
    }
}

/// What ends an exchange, before the address is added.
#[derive(Debug)]
enum Fault {
    Refused(Refusal),
    Transport(TransportError),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<TransportError> for Fault {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

const fn awaited(action: Action<'_>) -> &'static str {
    match action {
        Action::Login { .. } => "the answer to Login",
        Action::Ping => "the answer to Ping",
        Action::GetConfig { .. } => "the answer to GetConfig",
        Action::Logoff => "the answer to Logoff",
    }
}

/// Time that is left, at least a millisecond: zero would be no limit at all.
fn remaining(deadline: Instant, awaited: &'static str) -> Result<Duration, TransportError> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(TransportError::TimedOut { awaited }),
        left => Ok(left.max(Duration::from_millis(1))),
    }
}

/// A time-out of the socket or a signal is no verdict: the deadline decides before the next read.
fn pass_over(error: io::Error, awaited: &'static str) -> Result<(), TransportError> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
        _ => Err(TransportError::Lost { awaited, error }),
    }
}

#[cfg(test)]
mod tests;
