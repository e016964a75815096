//! One long answer to GetConfig, handed on header by header as it comes. Pure.

use super::{
    Frame, Numbering, Part, Refusal,
    frame::{FrameTooLong, SHORT_FRAME, header},
    numbering::is_of_proxy,
};

/// Bytes of one streamed answer: about ten times the endpoints of 20,000 users.
pub const STREAM_LIMIT: usize = 256 * 1024 * 1024;

/// Reads the lines of an answer. What does not belong to it is skipped: events, answers to others.
#[derive(Debug, Default)]
pub struct Stream {
    state: State,
    numbering: Numbering,
    bytes: usize,
}

#[derive(Debug, Default)]
enum State {
    /// Before a message.
    #[default]
    Between,
    /// Behind `Response: Success`; the ActionID is due.
    Success,
    /// In the answer.
    Inside,
    /// In a message that is not the answer, up to its blank line.
    Foreign,
    /// In an answer that is no success, all of it so far.
    Refused(Vec<u8>),
}

/// What a line has led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// The answer goes on.
    More,
    /// The answer is whole.
    Whole,
    /// A message that is no success; it may be the answer.
    Other(Frame),
}

impl Stream {
    /// Takes in one line of the connection, without its end. `id` is the ActionID of the answer.
    ///
    /// # Errors
    /// When the answer is broken or has no end.
    pub fn take(
        &mut self,
        line: &[u8],
        id: &[u8],
        sink: &mut dyn FnMut(Part<'_>),
    ) -> Result<Progress, Refusal> {
        self.bytes += line.len();
        if self.bytes > STREAM_LIMIT {
            return Err(FrameTooLong { limit: STREAM_LIMIT }.into());
        }
        let (name, value) = header(line);
        if line.is_empty() {
            return Ok(match std::mem::take(&mut self.state) {
                State::Inside => Progress::Whole,
                State::Refused(bytes) => Progress::Other(Frame::new(bytes)),
                State::Between | State::Foreign | State::Success => Progress::More,
            });
        }
        match &mut self.state {
            State::Between | State::Success if is_of_proxy(name) => {}
            State::Between if !name.eq_ignore_ascii_case(b"Response") => self.state = State::Foreign,
            State::Between if value == b"Success" => self.state = State::Success,
            State::Between => self.state = State::Refused([line, b"\r\n"].concat()),
            State::Success if name.eq_ignore_ascii_case(b"ActionID") && value == id => {
                self.state = State::Inside;
            }
            State::Success => self.state = State::Foreign,
            State::Inside => match self.numbering.take(name, value)? {
                Part::Preamble => {}
                part => sink(part),
            },
            // A refusal is kept until it is whole, and none is long.
            State::Refused(bytes) if bytes.len() + line.len() > SHORT_FRAME => {
                return Err(FrameTooLong { limit: SHORT_FRAME }.into());
            }
            State::Refused(bytes) => {
                bytes.extend_from_slice(line);
                bytes.extend_from_slice(b"\r\n");
            }
            State::Foreign => {}
        }
        Ok(Progress::More)
    }

    /// Bytes that have come, line ends left out.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sections that have come, templates included.
    #[must_use]
    pub const fn sections(&self) -> u64 {
        self.numbering.sections()
    }
}
