//! An open connection: the socket, and the only place here that waits.

use std::{
    io::{self, ErrorKind, Read},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use socket2::Socket;

use super::Fault;
use crate::ami::{Action, Frame, Part, Refusal, Session, Stream, TransportError, frame::FrameTooLong};

/// Read at once at most. Asterisk writes each line of a file by itself, so reads are mostly far smaller.
const CHUNK: usize = 64 * 1024;
/// Bytes of a list at most: an endpoint with ten contacts has 12 KB.
const LIST: usize = 256 * 1024;
/// A pause before the next read of a file's lines: they are read by the hundred then, which takes a fraction of the time.
/// What the main sends meanwhile fits the receive buffer many times over.
const GATHER: Duration = Duration::from_millis(1);
/// What is awaited first: connecting and being greeted are one wait.
pub(super) const BANNER: &str = "the banner of its AMI";

/// An open connection.
#[derive(Debug)]
pub(super) struct Line {
    socket: Arc<Socket>,
    pub(super) session: Session,
    chunk: Vec<u8>,
}

impl Line {
    /// A connection that may still be in the making.
    pub(super) fn new(socket: Arc<Socket>, frame_limit: usize) -> Self {
        Self { socket, session: Session::new(frame_limit), chunk: vec![0; CHUNK] }
    }

    /// Waits until the main has introduced itself.
    pub(super) fn wait_for_banner(&mut self, deadline: Instant) -> Result<(), Fault> {
        while !self.session.greeted()? {
            self.receive(BANNER, deadline).map_err(|error| self.before_banner(error))?;
        }
        Ok(())
    }

    /// Says good-bye, and does not wait for an answer.
    pub(super) fn close(mut self) {
        let bytes = self.session.request(Action::Logoff);
        let _ = self.socket.send_with_flags(&bytes, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT);
    }

    /// Sends an action and waits for its answer.
    pub(super) fn exchange(&mut self, action: Action<'_>, deadline: Instant) -> Result<Frame, Fault> {
        let bytes = self.session.request(action);
        self.send(&bytes, action.name(), deadline)?;
        loop {
            if let Some(frame) = self.session.answer()? {
                return Ok(frame);
            }
            self.receive(awaited(action), deadline)?;
            gather(action);
        }
    }

    /// Sends an action that a list answers, and waits for all of it.
    pub(super) fn list(&mut self, action: Action<'_>, deadline: Instant) -> Result<Vec<Frame>, Fault> {
        self.exchange(action, deadline)?;
        let mut items = Vec::new();
        let mut size = 0;
        loop {
            while let Some(item) = self.session.item()? {
                if item.get("EventList") == Some(b"Complete") {
                    return Ok(items);
                }
                size += item.size();
                if size > LIST {
                    return Err(Refusal::from(FrameTooLong { limit: LIST }).into());
                }
                items.push(item);
            }
            self.receive(awaited(action), deadline)?;
        }
    }

    /// Sends an action and pours its answer into the sink.
    pub(super) fn pour(
        &mut self,
        action: Action<'_>,
        deadline: Instant,
        sink: &mut dyn FnMut(Part<'_>),
    ) -> Result<(), Fault> {
        let bytes = self.session.request(action);
        self.send(&bytes, action.name(), deadline)?;
        let mut stream = Stream::default();
        while !self.session.pour(&mut stream, sink)? {
            self.receive(awaited(action), deadline)?;
            gather(action);
        }
        Ok(())
    }

    /// Requires a Pong behind an answer to GetConfig: a main that lost lines of it hangs up instead.
    pub(super) fn expect_pong(&mut self, deadline: Instant) -> Result<(), Fault> {
        match self.exchange(Action::Ping, deadline) {
            Ok(_) => Ok(()),
            Err(Fault::Transport(TransportError::Closed { .. } | TransportError::Lost { .. })) => {
                Err(Fault::Transport(TransportError::LinesLost))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Waits for an event; none when the deadline passes first.
    pub(super) fn event(&mut self, deadline: Instant) -> Result<Option<Frame>, Fault> {
        loop {
            if let Some(event) = self.session.event()? {
                return Ok(Some(event));
            }
            match self.receive("an event", deadline) {
                Ok(()) => {}
                Err(TransportError::TimedOut { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
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

    /// One read into the session.
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

fn gather(action: Action<'_>) {
    if matches!(action, Action::GetConfig { .. }) {
        thread::sleep(GATHER);
    }
}

const fn awaited(action: Action<'_>) -> &'static str {
    match action {
        Action::Login { .. } => "the answer to Login",
        Action::Ping => "the answer to Ping",
        Action::GetConfig { .. } => "the answer to GetConfig",
        Action::CoreStatus => "the answer to CoreStatus",
        Action::ShowEndpoint(_) => "the answer to PJSIPShowEndpoint",
        Action::ShowPeer(_) => "the answer to SIPshowpeer",
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
