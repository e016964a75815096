//! The questions to the main, over a connection that is opened when it is needed.
//!
//! Each operation has one deadline for all of it: connecting, TLS, logging in, and every read and write.
//!
//! - `line`: the open connection: the only sockets of this client, and the only place here that waits
//! - `pulse`: shows whether anything comes
//! - `fault`: the errors of an exchange

mod fault;
mod line;
mod pulse;

pub use pulse::Pulse;

use std::{
    net::SocketAddr,
    os::fd::BorrowedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use self::{
    fault::Fault,
    line::{BANNER, Line},
};
use super::{
    Action, Crypto, Frame, Hangup, LinkError, Part, Query, Refusal, Stamp, TransportError,
    frame::{CONFIG_FRAME, SHORT_FRAME},
    password::password,
    session::FULLY_BOOTED,
};
use crate::{settings::Main, uplink::marks::Mark, words::wording::visible_octets};

/// Time limit for connecting and logging in, which take a few round trips: a caller that allows minutes for a long
/// answer should not wait minutes for a main that is away.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Least time for the answer to a login. Asterisk sleeps for a second before it refuses one, and a caller with less
/// time left should still learn the reason.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of a version that are kept: the longest of Debian's has some 50.
const VERSION: usize = 80;

/// A connection to the main that is made when it is needed and kept while it works.
pub struct Link {
    address: SocketAddr,
    main: Main,
    crypto: Arc<dyn Crypto>,
    frame_limit: usize,
    receive_buffer: Option<usize>,
    mark: Mark,
    events: bool,
    hangup: Hangup,
    line: Option<Line>,
    timing: Timing,
    pulse: Pulse,
    last: Last,
}

/// What the latest operation has shown of the main, besides its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Last {
    /// Nothing.
    #[default]
    Nothing,
    /// It closed the connection.
    Ended,
    /// The connection broke otherwise, as by a reset, which a firewall on the way sends, too.
    Lost,
    /// It says that it shuts down.
    ShutsDown,
}

impl Link {
    /// A link for pings. Nothing is connected yet.
    #[must_use]
    pub fn for_probe(address: SocketAddr, main: &Main, hangup: &Hangup, crypto: Arc<dyn Crypto>) -> Self {
        Self::new(address, main, hangup, crypto, SHORT_FRAME)
    }

    /// A link for configuration files, with a receive buffer of `window` bytes. Nothing is connected yet.
    ///
    /// No more bytes than that are ever on their way, and a probe on a slow line waits at most for these. Answers are
    /// read as they come; the rest waits in the main's own send buffer.
    #[must_use]
    pub fn for_config(
        address: SocketAddr,
        main: &Main,
        hangup: &Hangup,
        crypto: Arc<dyn Crypto>,
        window: usize,
    ) -> Self {
        let link = Self::new(address, main, hangup, crypto, CONFIG_FRAME);
        Self { receive_buffer: Some(window), mark: Mark::Bulk, ..link }
    }

    /// A link for pings and the main's own events. Nothing is connected yet.
    #[must_use]
    pub fn for_events(address: SocketAddr, main: &Main, hangup: &Hangup, crypto: Arc<dyn Crypto>) -> Self {
        Self { events: true, ..Self::new(address, main, hangup, crypto, SHORT_FRAME) }
    }

    fn new(
        address: SocketAddr,
        main: &Main,
        hangup: &Hangup,
        crypto: Arc<dyn Crypto>,
        frame_limit: usize,
    ) -> Self {
        let (main, hangup) = (main.clone(), hangup.clone());
        let (pulse, last) = (Pulse::default(), Last::default());
        Self {
            address,
            main,
            crypto,
            frame_limit,
            receive_buffer: None,
            mark: Mark::Probe,
            events: false,
            hangup,
            line: None,
            timing: Timing::default(),
            pulse,
            last,
        }
    }

    /// Shows another thread whether anything comes over this link.
    #[must_use]
    pub const fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Returns once what the latest operation has shown of the main.
    pub fn take_last(&mut self) -> Last {
        std::mem::take(&mut self.last)
    }

    /// Returns the connection, for a wait on it and on other things.
    #[must_use]
    pub fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.line.as_ref().map(Line::as_fd)
    }

    /// Limits the bytes on their way over the open connection, as [`Self::for_config`] does.
    ///
    /// The main may still use once the window that it was offered before, some 30 KB. The window scale stays, so a
    /// wider window can follow.
    pub fn narrow(&mut self, window: usize) {
        if let Some(line) = &self.line {
            line.narrow(window);
        }
    }

    /// Connects and logs in, where there is no connection.
    ///
    /// # Errors
    /// When the main was not reached before the deadline, or does not let us in.
    pub fn connect(&mut self, deadline: Instant) -> Result<(), LinkError> {
        self.operate(deadline, |_, _| Ok(()))
    }

    /// Returns whether a connection is open, as far as is known: the next exchange may still find it dead.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.line.is_some()
    }

    /// Returns in how many seconds the certificate of the main ends; `None` without TLS.
    #[must_use]
    pub fn certificate_lasts(&self) -> Option<i64> {
        self.line.as_ref()?.certificate_lasts()
    }

    /// Asks for a Pong; connects and logs in first where there is no connection.
    ///
    /// # Errors
    /// When no Pong came before the deadline. The connection is closed then.
    pub fn ping(&mut self, deadline: Instant) -> Result<(), LinkError> {
        self.operate(deadline, |line, deadline| line.exchange(Action::Ping, deadline).map(drop))
    }

    /// Asks for the main's time, in seconds since 1970; `None` where the main does not say. Connects and logs in first
    /// where there is no connection.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub fn clock(&mut self, deadline: Instant) -> Result<Option<i64>, LinkError> {
        self.operate(deadline, |line, deadline| {
            let pong = line.exchange(Action::Ping, deadline)?;
            let text = pong.get("Timestamp").map(String::from_utf8_lossy).unwrap_or_default();
            // "1763714400.123456"
            Ok(text.split('.').next().and_then(|seconds| seconds.parse().ok()))
        })
    }

    /// Asks when the main last started and reloaded; connects and logs in first where there is no connection.
    ///
    /// # Errors
    /// When no such answer came before the deadline. The connection is closed then. An account with class `config`
    /// alone is refused.
    pub fn core_status(&mut self, deadline: Instant) -> Result<Stamp, LinkError> {
        self.operate(deadline, |line, deadline| {
            let answer = line.exchange(Action::CoreStatus, deadline)?;
            let refusal = || Refusal::Answer {
                action: Action::CoreStatus.name(),
                message: "the answer has no time of the last reload".to_owned(),
            };
            Stamp::read(&answer).ok_or_else(|| refusal().into())
        })
    }

    /// Asks which version of Asterisk the main runs; `None` where it does not tell this account. Connects and logs in
    /// first where there is no connection. Needs class `system` or `reporting`.
    ///
    /// # Errors
    /// When no answer came before the deadline. The connection is closed then.
    pub fn version(&mut self, deadline: Instant) -> Result<Option<String>, LinkError> {
        self.operate(deadline, |line, deadline| match line.exchange(Action::CoreSettings, deadline) {
            Err(Fault::Refused(Refusal::Answer { .. })) => Ok(None),
            answer => {
                let answer = answer?;
                let version = answer.get("AsteriskVersion").filter(|version| !version.is_empty());
                Ok(version.map(|version| visible_octets(version.get(..VERSION).unwrap_or(version))))
            }
        })
    }

    /// Asks for all channels of the main; each goes to the sink, by its name and its Linkedid. Connects and logs in
    /// first where there is no connection. Needs class `system` or `reporting`.
    ///
    /// # Errors
    /// When not all of them came before the deadline. The connection is closed then.
    pub fn channels(&mut self, deadline: Instant, sink: &mut dyn FnMut(&str, &str)) -> Result<(), LinkError> {
        self.operate(deadline, |line, deadline| {
            line.pour_list(Action::CoreShowChannels, deadline, &mut |item| {
                let text = |name| String::from_utf8_lossy(item.get(name).unwrap_or_default());
                sink(&text("Channel"), &text("Linkedid"));
            })
        })
    }

    /// Reads a configuration file of the main; connects and logs in first where there is no connection.
    ///
    /// A main whose `writetimeout` passed leaves lines out, ends the answer well-formed all the same and closes the
    /// connection. So a Pong is required behind the answer: only that shows lines lost at the end of a section.
    ///
    /// # Errors
    /// When the answer did not come whole before the deadline. The connection is closed then.
    pub fn get_config(&mut self, query: &Query, deadline: Instant) -> Result<Frame, LinkError> {
        let mut timing = Timing::default();
        let limit = self.frame_limit;
        let answer = self.operate(deadline, |line, deadline| {
            let (start, before) = (Instant::now(), line.received());
            line.session.limit(CONFIG_FRAME);
            let answer = line.exchange(get_config(query), deadline);
            line.session.limit(limit);
            timing = Timing { bytes: line.received() - before, took: start.elapsed(), pong: None };
            let frame = answer?;
            timing = line.time(frame.size(), start, deadline)?;
            Ok(frame)
        });
        self.timing = timing;
        answer
    }

    /// Returns how long the last answer to a GetConfig took, even where it came only in part.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// Reads a file whose answer is too long to keep: each part goes to the sink as it comes, and its numbers are
    /// checked here. The sink must be quick, because the main does not wait. Its parts are valid only when this returns
    /// `Ok`.
    ///
    /// # Errors
    /// When the answer did not come whole before the deadline. The connection is closed then.
    pub fn stream_config(
        &mut self,
        query: &Query,
        deadline: Instant,
        sink: &mut dyn FnMut(Part<'_>),
    ) -> Result<(), LinkError> {
        let all = Bounds { bytes: usize::MAX, goes_on: &|| true };
        self.stream_piece(query, deadline, &all, sink).map(drop)
    }

    /// The same for an answer that may be too long or come at a bad time. It is then broken off, which closes the
    /// connection; the next question opens a new one.
    ///
    /// # Errors
    /// When the answer did not come whole before the deadline. The connection is closed then.
    pub fn stream_piece(
        &mut self,
        query: &Query,
        deadline: Instant,
        bounds: &Bounds<'_>,
        sink: &mut dyn FnMut(Part<'_>),
    ) -> Result<Poured, LinkError> {
        let (poured, timing) = self.operate(deadline, |line, deadline| {
            let start = Instant::now();
            let (poured, bytes) = line.pour(get_config(query), deadline, bounds, sink)?;
            let timing = match poured {
                Poured::Whole => line.time(bytes, start, deadline)?,
                Poured::TooLong | Poured::BrokenOff => Timing { bytes, took: start.elapsed(), pong: None },
            };
            Ok((poured, timing))
        })?;
        self.timing = timing;
        if poured != Poured::Whole {
            // The rest of the answer is on its way: there is nothing to say good-bye to.
            self.line = None;
        }
        Ok(poured)
    }

    /// Asks res_pjsip of the main for an endpoint and its contacts; `None` where it has no endpoint of that name.
    /// Connects and logs in first where there is no connection. Needs class `system`.
    ///
    /// # Errors
    /// When the answer did not come whole before the deadline. The connection is closed then.
    pub fn show_endpoint(&mut self, name: &str, deadline: Instant) -> Result<Option<Vec<Frame>>, LinkError> {
        self.operate(deadline, |line, deadline| or_nobody(line.list(Action::ShowEndpoint(name), deadline)))
    }

    /// Asks chan_sip for a peer; `None` where it has no peer of that name. Needs class `system` or `reporting`.
    ///
    /// # Errors
    /// As [`Self::show_endpoint`].
    pub fn show_peer(&mut self, name: &str, deadline: Instant) -> Result<Option<Frame>, LinkError> {
        self.operate(deadline, |line, deadline| or_nobody(line.exchange(Action::ShowPeer(name), deadline)))
    }

    /// Asks for values of the main's database by family and key, all at once; `None` for a missing key.
    /// Connects and logs in first where there is no connection. Needs class `system` or `reporting`.
    ///
    /// # Errors
    /// When not all answers came before the deadline. The connection is closed then.
    pub fn database(
        &mut self,
        keys: &[(&str, &str)],
        deadline: Instant,
    ) -> Result<Vec<Option<String>>, LinkError> {
        self.operate(deadline, |line, deadline| line.database(keys, deadline))
    }

    /// Asks something of this module on the main. The answer may be as long as a file. Connects and logs in first where
    /// there is no connection.
    ///
    /// # Errors
    /// When the answer did not come whole before the deadline. The connection is closed then. A main without this module
    /// refuses.
    pub fn own(
        &mut self,
        name: &'static str,
        headers: &[(&'static str, String)],
        deadline: Instant,
    ) -> Result<Frame, LinkError> {
        let limit = self.frame_limit;
        self.operate(deadline, |line, deadline| {
            line.session.limit(CONFIG_FRAME);
            let answer = line.exchange(Action::Own { name, headers }, deadline);
            line.session.limit(limit);
            answer
        })
    }

    /// Asks something of this module on the main that it answers in its own time. It says nothing else meanwhile;
    /// [`Self::answered`] has its answer.
    ///
    /// # Errors
    /// When it could not be told.
    pub fn begin_own(
        &mut self,
        name: &'static str,
        headers: &[(&'static str, String)],
        deadline: Instant,
    ) -> Result<(), LinkError> {
        self.operate(deadline, |line, deadline| line.send(Action::Own { name, headers }, deadline))
    }

    /// Returns the answer to [`Self::begin_own`]; `None` where it does not come until the deadline, which leaves the
    /// connection as it is.
    ///
    /// # Errors
    /// When the main refuses, or the connection broke.
    pub fn answered(&mut self, deadline: Instant) -> Result<Option<Frame>, LinkError> {
        self.operate(deadline, |line, deadline| line.answer_so_far(deadline))
    }

    /// Has the system look now and then whether the other side of a quiet connection is still there.
    pub fn keep_alive(&self, idle: Duration) {
        if let Some(line) = &self.line {
            line.keep_alive(idle);
        }
    }

    /// Waits for the next event that tells of a reload, a stop or a start of the main, or of one of its phones; none when the deadline passes
    /// first, which leaves the connection as it is. Connects and logs in first where there is no connection.
    ///
    /// Send a Ping now and then in between: silence alone does not show that the main is gone. Events from before the
    /// connection are not reported.
    ///
    /// # Errors
    /// When the connection could not be made, or broke.
    pub fn next_event(&mut self, deadline: Instant) -> Result<Option<Frame>, LinkError> {
        self.operate(deadline, |line, deadline| line.event(deadline))
    }

    /// Whether the main tells this account events of class system: it greets with one whoever may read them. Not known
    /// without a connection; of a main that was still starting, known once it has.
    #[must_use]
    pub fn may_read_events(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.session.was_told())
    }

    /// Whether the main has said over this connection that it has started up. To who may not read that, it says nothing.
    #[must_use]
    pub fn has_booted(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.session.has_booted())
    }

    /// Sends a Logoff and closes the connection without waiting for the answer.
    pub fn close(&mut self) {
        if let Some(line) = self.line.take() {
            line.close();
        }
    }

    /// Logs off and waits until the main has closed the connection, so that the account's login is free again.
    pub fn log_off(&mut self, deadline: Instant) {
        if let Some(line) = self.line.take() {
            line.log_off(deadline);
        }
    }

    /// Runs one operation on an open line; keeps the line where it went well, or where the main said no.
    fn operate<T>(
        &mut self,
        deadline: Instant,
        operation: impl FnOnce(&mut Line, Instant) -> Result<T, Fault>,
    ) -> Result<T, LinkError> {
        let line = match self.line.take() {
            Some(line) => Ok(line),
            None => self.open(deadline),
        };
        let result = line.and_then(|mut line| {
            let result = operation(&mut line, deadline);
            if result.as_ref().err().is_none_or(Fault::leaves_line) {
                self.line = Some(line);
            }
            result
        });
        self.last = result.as_ref().err().map_or(Last::Nothing, Fault::shows);
        let address = self.address;
        match result {
            Ok(value) => Ok(value),
            Err(_) if self.hangup.is_stopped() => Err(LinkError::Stopped),
            Err(Fault::Refused(refusal)) => Err(LinkError::Refused { address, refusal }),
            Err(Fault::Transport(error)) => Err(LinkError::Transport { address, error }),
            Err(Fault::Unprepared(error)) => Err(error.into()),
        }
    }

    fn open(&self, deadline: Instant) -> Result<Line, Fault> {
        let secret = password(&self.main.password)?;
        let tls = self.main.tls.as_ref().map(|tls| self.crypto.tls(tls)).transpose()?;
        let deadline = deadline.min(Instant::now() + OPEN_TIMEOUT);
        let dialled = self
            .hangup
            .dial(self.address, self.receive_buffer, self.mark)
            .map_err(TransportError::Connect)?;
        let socket = dialled.ok_or(TransportError::Closed { awaited: BANNER })?;
        let mut line = Line::new(socket, self.frame_limit, tls, self.pulse.clone());
        line.wait_for_banner(deadline)?;
        let answer = line.exchange(Action::Challenge, deadline)?;
        let challenge = answer.get("Challenge").map(String::from_utf8_lossy).unwrap_or_default();
        let key = self.crypto.md5(&format!("{challenge}{}", secret.expose()));
        let login = Action::Login { username: &self.main.username, key: &key, events: self.events };
        line.exchange(login, deadline.max(Instant::now() + LOGIN_TIMEOUT))?;
        if self.events {
            // The greeting comes before this Pong, if it comes at all.
            line.exchange(Action::Ping, deadline)?;
            line.session.forget(FULLY_BOOTED);
        }
        Ok(line)
    }
}

/// Returns `None` where the main says that it has no object of that name.
fn or_nobody<T>(answer: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match answer {
        Err(Fault::Refused(Refusal::Answer { message, .. }))
            if message.starts_with("Unable to retrieve endpoint") || message.ends_with("not found.") =>
        {
            Ok(None)
        }
        answer => answer.map(Some),
    }
}

fn get_config(query: &Query) -> Action<'_> {
    let (category, filter) = (query.category.as_deref(), query.filter.as_deref());
    Action::GetConfig { filename: &query.file, category, filter }
}

/// How long an answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Its bytes.
    pub bytes: usize,
    /// From the question to its end.
    pub took: Duration,
    /// How long the Pong behind it took, on a line that was quiet by then: a round trip. None where there was none.
    pub pong: Option<Duration>,
}

/// When an answer is broken off.
pub struct Bounds<'a> {
    /// Beyond so many bytes.
    pub bytes: usize,
    /// As soon as this says no. It is asked a few times a second.
    pub goes_on: &'a dyn Fn() -> bool,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poured {
    /// It came whole.
    Whole,
    /// It was longer than it might be.
    TooLong,
    /// It came at a bad time.
    BrokenOff,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("address", &self.address)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
