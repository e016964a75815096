//! An open connection: the socket, and the only place here that waits.

use std::{
    io::{self, ErrorKind, Read},
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use socket2::{Socket, TcpKeepalive};

use super::{Bounds, Fault, Poured, Pulse, Timing};
use crate::uplink::ami::{
    Action, Frame, Part, Refusal, Session, Stream, TlsError, TlsSession, TransportError, frame::FrameTooLong,
    tls,
};

/// Read at once at most. Asterisk writes each line of a file by itself, so reads are mostly far smaller.
const CHUNK: usize = 64 * 1024;
/// Bytes of a list at most: an endpoint with ten contacts has 12 KB.
const LIST: usize = 256 * 1024;
/// A pause before the next read of a file's lines: they are read by the hundred then, which takes a fraction of the time.
/// What the main sends meanwhile fits the receive buffer many times over.
const GATHER: Duration = Duration::from_millis(1);
/// A main that has begun an answer is given so long for each part of it: it may read its files anew before it begins, and
/// a slow line has moved kilobytes by then.
const SILENCE: Duration = Duration::from_secs(30);
/// What is awaited of this module on the main.
const OWN: &str = "the answer of synch on the main";
/// How often it is looked whether an answer may go on.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// What Asterisk says of a key that its database doesn't have.
const NO_ENTRY: &str = "Database entry not found";
/// What TCP counts the quiet in.
const SHORTEST_IDLE: Duration = Duration::from_secs(1);
/// What is awaited first: connecting and being greeted are one wait.
pub(super) const BANNER: &str = "the banner of its AMI";
/// The same where TLS comes between the two.
const HANDSHAKE: &str = "the TLS handshake";

/// An open connection.
#[derive(Debug)]
pub(super) struct Line {
    socket: Arc<Socket>,
    tls: Option<Box<dyn TlsSession>>,
    pub(super) session: Session,
    chunk: Vec<u8>,
    /// Bytes that came so far.
    received: usize,
    /// What TLS made of a chunk.
    plain: Vec<u8>,
    /// Whether the main has said anything.
    heard: bool,
    /// Beats at each read.
    pulse: Pulse,
    /// Whether it has ended the TLS session.
    ended: bool,
}

impl Line {
    /// A connection that may still be in the making.
    pub(super) fn new(
        socket: Arc<Socket>,
        frame_limit: usize,
        tls: Option<Box<dyn TlsSession>>,
        pulse: Pulse,
    ) -> Self {
        let session = Session::new(frame_limit);
        let (chunk, plain) = (vec![0; CHUNK], Vec::new());
        Self { socket, tls, session, chunk, received: 0, plain, heard: false, pulse, ended: false }
    }

    /// In how many seconds the main's certificate ends.
    pub(super) fn certificate_lasts(&self) -> Option<i64> {
        self.tls.as_ref()?.certificate_lasts()
    }

    /// For a wait on more than this connection.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Has the system look whether the other side is still there, where nothing has come for that long. It costs the main's
    /// Asterisk nothing.
    pub(super) fn keep_alive(&self, idle: Duration) {
        let idle = TcpKeepalive::new().with_time(idle.max(SHORTEST_IDLE)).with_interval(SHORTEST_IDLE);
        // No answer depends on it.
        let _ = self.socket.set_tcp_keepalive(&idle);
    }

    /// From now on the system keeps no more than this for us.
    pub(super) fn narrow(&self, window: usize) {
        // No answer depends on it.
        let _ = self.socket.set_recv_buffer_size(window);
    }

    /// Waits until the main has proved who it is, where that is wanted, and has introduced itself.
    pub(super) fn wait_for_banner(&mut self, deadline: Instant) -> Result<(), Fault> {
        self.shake_hands(deadline).map_err(|fault| self.before_banner(fault))?;
        while !self.session.greeted()? {
            self.receive(BANNER, deadline).map_err(|fault| self.before_banner(fault))?;
        }
        Ok(())
    }

    fn shake_hands(&mut self, deadline: Instant) -> Result<(), Fault> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        tls.open(&[], &mut self.plain)?;
        let hello = tls.outgoing();
        self.send_raw(&hello, HANDSHAKE, deadline)?;
        while self.tls.as_ref().is_some_and(|tls| !tls.is_established()) {
            self.receive(HANDSHAKE, deadline)?;
        }
        Ok(())
    }

    /// Says good-bye, and does not wait for an answer.
    pub(super) fn close(mut self) {
        let bytes = self.session.request(Action::Logoff);
        let Ok(bytes) = self.sealed(bytes) else { return };
        let _ = self.socket.send_with_flags(&bytes, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT);
    }

    /// Says good-bye and waits until the main has ended the connection: only then has it let go of the login.
    pub(super) fn log_off(mut self, deadline: Instant) {
        // It may answer in its time, or have gone before.
        let mut ends = self.exchange(Action::Logoff, deadline).map(drop);
        while ends.is_ok() {
            ends = self.receive(awaited(Action::Logoff), deadline).map(drop);
        }
    }

    /// Sends an action and waits for its answer.
    pub(super) fn exchange(&mut self, action: Action<'_>, deadline: Instant) -> Result<Frame, Fault> {
        self.send(action, deadline)?;
        self.answer(action, deadline)
    }

    /// Returns the answer to what was sent before; `None` where it does not come until the deadline.
    pub(super) fn answer_so_far(&mut self, deadline: Instant) -> Result<Option<Frame>, Fault> {
        loop {
            if let Some(frame) = self.session.answer()? {
                return Ok(Some(frame));
            }
            match self.receive(OWN, deadline) {
                Ok(_) => {}
                Err(Fault::Transport(TransportError::TimedOut { .. })) => return Ok(None),
                Err(fault) => return Err(fault),
            }
        }
    }

    fn answer(&mut self, action: Action<'_>, deadline: Instant) -> Result<Frame, Fault> {
        let mut patience_ends = patience(action, deadline);
        loop {
            if let Some(frame) = self.session.answer()? {
                return Ok(frame);
            }
            if self.receive(awaited(action), patience_ends)? {
                patience_ends = patience(action, deadline);
            }
            gather(action);
        }
    }

    /// Sends an action that a list answers, and waits for all of it.
    pub(super) fn list(&mut self, action: Action<'_>, deadline: Instant) -> Result<Vec<Frame>, Fault> {
        self.exchange(action, deadline)?;
        self.items(action, deadline)
    }

    /// Asks for values of the main's database, all in one breath; none for a key that it doesn't have.
    pub(super) fn database(
        &mut self,
        keys: &[(&str, &str)],
        deadline: Instant,
    ) -> Result<Vec<Option<String>>, Fault> {
        let actions: Vec<Action<'_>> =
            keys.iter().map(|(family, key)| Action::DbGet { family, key }).collect();
        let bytes = self.session.requests(&actions);
        let bytes = self.sealed(bytes)?;
        self.send_raw(&bytes, awaited(Action::DbGet { family: "", key: "" }), deadline)?;
        let mut values = Vec::with_capacity(keys.len());
        for action in actions {
            values.push(self.value(action, deadline)?);
            self.session.await_next();
        }
        Ok(values)
    }

    /// The answer to one DBGet: an event behind it has the value (`manager_dbget` of Asterisk's `db.c`).
    fn value(&mut self, action: Action<'_>, deadline: Instant) -> Result<Option<String>, Fault> {
        match self.answer(action, deadline) {
            Err(Fault::Refused(Refusal::Answer { message, .. })) if message.starts_with(NO_ENTRY) => Ok(None),
            Err(fault) => Err(fault),
            Ok(_) => {
                let items = self.items(action, deadline)?;
                let value = items.iter().find_map(|item| item.get("Val"));
                Ok(value.map(|value| String::from_utf8_lossy(value).into_owned()))
            }
        }
    }

    fn items(&mut self, action: Action<'_>, deadline: Instant) -> Result<Vec<Frame>, Fault> {
        let mut items = Vec::new();
        let mut size = 0;
        self.each_item(action, deadline, &mut |item| {
            size += item.size();
            if size > LIST {
                return Err(Refusal::from(FrameTooLong { limit: LIST }).into());
            }
            items.push(item);
            Ok(())
        })?;
        Ok(items)
    }

    /// Sends an action that a list answers, whose items are not kept: each goes to the sink.
    pub(super) fn pour_list(
        &mut self,
        action: Action<'_>,
        deadline: Instant,
        sink: &mut dyn FnMut(&Frame),
    ) -> Result<(), Fault> {
        self.exchange(action, deadline)?;
        self.each_item(action, deadline, &mut |item| {
            sink(&item);
            Ok(())
        })
    }

    fn each_item(
        &mut self,
        action: Action<'_>,
        deadline: Instant,
        sink: &mut dyn FnMut(Frame) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        loop {
            while let Some(item) = self.session.item()? {
                if item.get("EventList") == Some(b"Complete") {
                    return Ok(());
                }
                sink(item)?;
            }
            self.receive(awaited(action), deadline)?;
        }
    }

    /// Sends an action and pours its answer into the sink. Says what became of it, and how many bytes came.
    pub(super) fn pour(
        &mut self,
        action: Action<'_>,
        deadline: Instant,
        bounds: &Bounds<'_>,
        sink: &mut dyn FnMut(Part<'_>),
    ) -> Result<(Poured, usize), Fault> {
        self.send(action, deadline)?;
        let mut stream = Stream::default();
        let mut patience_ends = patience(action, deadline);
        while !self.session.pour(&mut stream, sink)? {
            if stream.bytes() > bounds.bytes {
                return Ok((Poured::TooLong, stream.bytes()));
            }
            if !(bounds.goes_on)() {
                return Ok((Poured::BrokenOff, stream.bytes()));
            }
            match self.receive(awaited(action), patience_ends.min(Instant::now() + LOOK_AGAIN)) {
                Ok(true) => patience_ends = patience(action, deadline),
                Ok(false) => {}
                Err(Fault::Transport(TransportError::TimedOut { .. })) if Instant::now() < patience_ends => {}
                Err(fault) => return Err(fault),
            }
            gather(action);
        }
        Ok((Poured::Whole, stream.bytes()))
    }

    /// Requires a Pong behind an answer to GetConfig, as [`Self::expect_pong`], and says how long both took.
    pub(super) fn time(&mut self, bytes: usize, start: Instant, deadline: Instant) -> Result<Timing, Fault> {
        let (took, asked) = (start.elapsed(), Instant::now());
        self.expect_pong(deadline)?;
        Ok(Timing { bytes, took, pong: Some(asked.elapsed()) })
    }

    /// Requires a Pong behind an answer to GetConfig: a main that lost lines of it hangs up instead.
    fn expect_pong(&mut self, deadline: Instant) -> Result<(), Fault> {
        match self.exchange(Action::Ping, deadline) {
            Ok(_) => Ok(()),
            Err(Fault::Transport(TransportError::Closed { .. } | TransportError::Lost { .. })) => {
                Err(Fault::Transport(TransportError::LinesLost))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Bytes that came so far.
    pub(super) const fn received(&self) -> usize {
        self.received
    }

    /// Waits for an event; none when the deadline passes first.
    pub(super) fn event(&mut self, deadline: Instant) -> Result<Option<Frame>, Fault> {
        loop {
            if let Some(event) = self.session.event()? {
                return Ok(Some(event));
            }
            match self.receive("an event", deadline) {
                Ok(_) => {}
                Err(Fault::Transport(TransportError::TimedOut { .. })) => return Ok(None),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Sends an action, and does not wait for its answer.
    pub(super) fn send(&mut self, action: Action<'_>, deadline: Instant) -> Result<(), Fault> {
        let bytes = self.session.request(action);
        let bytes = self.sealed(bytes)?;
        Ok(self.send_raw(&bytes, action.name(), deadline)?)
    }

    /// As it goes over the wire.
    fn sealed(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, TlsError> {
        let Some(tls) = &mut self.tls else { return Ok(bytes) };
        tls.seal(&bytes)?;
        Ok(tls.outgoing())
    }

    fn send_raw(&self, bytes: &[u8], awaited: &'static str, deadline: Instant) -> Result<(), TransportError> {
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

    /// One read into the session. False where nothing came before the deadline, or a signal did.
    fn receive(&mut self, awaited: &'static str, deadline: Instant) -> Result<bool, Fault> {
        if self.ended {
            return Err(TransportError::Closed { awaited }.into());
        }
        let left = remaining(deadline, awaited)?;
        let read =
            self.socket.set_read_timeout(Some(left)).and_then(|()| (&*self.socket).read(&mut self.chunk));
        let count = match read {
            Ok(0) => return Err(TransportError::Closed { awaited }.into()),
            Ok(count) => count,
            Err(error) => return Ok(pass_over(error, awaited).map(|()| false)?),
        };
        self.received = self.received.saturating_add(count);
        self.pulse.beat();
        let chunk = self.chunk.get(..count).unwrap_or_default();
        let Some(tls) = &mut self.tls else {
            return Ok(self.session.feed(chunk).map(|()| true).map_err(TransportError::from)?);
        };
        // Only the first bytes are the beginning of a record for sure: a chunk ends where a segment does.
        if !std::mem::replace(&mut self.heard, true) && !tls::is_record(chunk) {
            return Err(TlsError::NotTls.into());
        }
        let opened = tls.open(chunk, &mut self.plain);
        let fed = self.session.feed(&self.plain).map_err(TransportError::from);
        self.plain.clear();
        let outgoing = tls.outgoing();
        // Where it failed, this tells the main why: it may be gone already.
        let sent = self.send_raw(&outgoing, awaited, deadline);
        if opened == Err(TlsError::Ended) {
            // Heard first: Asterisk refuses a login and ends the session in one breath.
            self.ended = true;
            return Ok(fed.map(|()| true)?);
        }
        opened?;
        fed?;
        Ok(sent.map(|()| true)?)
    }

    /// The first read also waits for the connect: says which of the two failed.
    fn before_banner(&self, fault: Fault) -> Fault {
        match fault {
            Fault::Transport(TransportError::TimedOut { .. }) if self.socket.peer_addr().is_err() => {
                TransportError::TimedOut { awaited: "the TCP connection" }.into()
            }
            Fault::Transport(TransportError::Lost { error, .. })
                if error.kind() != ErrorKind::ConnectionReset =>
            {
                TransportError::Connect(error).into()
            }
            fault => fault,
        }
    }
}

/// Until when the next part of an answer is waited for.
fn patience(action: Action<'_>, deadline: Instant) -> Instant {
    match action {
        Action::GetConfig { .. } | Action::Own { .. } => deadline.min(Instant::now() + SILENCE),
        _ => deadline,
    }
}

fn gather(action: Action<'_>) {
    if matches!(action, Action::GetConfig { .. }) {
        thread::sleep(GATHER);
    }
}

const fn awaited(action: Action<'_>) -> &'static str {
    match action {
        Action::Challenge => "the answer to Challenge",
        Action::Login { .. } => "the answer to Login",
        Action::Ping => "the answer to Ping",
        Action::GetConfig { .. } => "the answer to GetConfig",
        Action::CoreStatus => "the answer to CoreStatus",
        Action::CoreSettings => "the answer to CoreSettings",
        Action::CoreShowChannels => "the answer to CoreShowChannels",
        Action::ShowEndpoint(_) => "the answer to PJSIPShowEndpoint",
        Action::ShowPeer(_) => "the answer to SIPshowpeer",
        Action::DbGet { .. } => "the answer to DBGet",
        Action::Own { .. } => OWN,
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
