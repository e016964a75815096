//! What a fake main does instead of answering well.

use std::io::{Result, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

/// Where in a conversation it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment<'a> {
    /// Instead of the banner.
    Banner,
    /// Instead of the answer to this action.
    Answer(&'a str),
}

/// How it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The right answer, one octet a second.
    Drips,
    /// The first half of the right answer, and then nothing.
    Stops,
    /// Octets by chance, line ends among them, without end.
    Noise,
    /// One line without end.
    EndlessLine,
    /// One answer without end: a million headers and more.
    EndlessHeaders,
    /// The right answer, behind many events, each far longer than an event is.
    LongEvents,
    /// The right answer, for the ActionID of another.
    OtherId,
    /// The answer to another action, for our ActionID.
    OtherAction,
}

/// No fault sends more than this on one connection, whatever the branch takes.
const MOST: usize = 1 << 30;
const CHUNK: usize = 64 * 1024;
/// How many long events there are, and how many octets each has.
const EVENTS: usize = 32;
const EVENT: usize = 8 << 20;

impl Fault {
    /// Goes wrong where `due` would have been said. An error is a connection that the branch has closed.
    pub(super) fn act(self, stream: &mut TcpStream, due: &[u8], id: &str) -> Result<()> {
        match self {
            Self::Drips => {
                for octet in due {
                    stream.write_all(&[*octet])?;
                    sleep(Duration::from_secs(1));
                }
                Ok(())
            }
            Self::Stops => stream.write_all(due.get(..due.len() / 2).unwrap_or_default()),
            Self::Noise => endless(stream, &mut noise()),
            Self::EndlessLine => endless(stream, &mut || vec![b'x'; CHUNK]),
            Self::EndlessHeaders => {
                stream.write_all(format!("Response: Success\r\nActionID: {id}\r\n").as_bytes())?;
                endless(stream, &mut || b"Header: value\r\n".repeat(CHUNK / 15))
            }
            Self::LongEvents => {
                let filler = format!("Filler: {}\r\n", "x".repeat(1000)).repeat(EVENT / 1010);
                let event = format!("Event: Reload\r\nModule: none\r\n{filler}\r\n");
                (0..EVENTS).try_for_each(|_| stream.write_all(event.as_bytes()))?;
                stream.write_all(due)
            }
            Self::OtherId => {
                let text = String::from_utf8_lossy(due)
                    .replace(&format!("ActionID: {id}\r\n"), "ActionID: synch-9\r\n");
                stream.write_all(text.as_bytes())
            }
            Self::OtherAction => {
                let answer = format!("Response: Success\r\nActionID: {id}\r\nUptime: forever\r\n\r\n");
                stream.write_all(answer.as_bytes())
            }
        }
    }
}

fn endless(stream: &mut TcpStream, chunk: &mut dyn FnMut() -> Vec<u8>) -> Result<()> {
    let mut sent = 0;
    while sent < MOST {
        let octets = chunk();
        stream.write_all(&octets)?;
        sent += octets.len();
    }
    Ok(())
}

/// The same chance each time (xorshift, of Marsaglia).
fn noise() -> impl FnMut() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        let mut octets = Vec::with_capacity(CHUNK);
        while octets.len() < CHUNK {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            octets.extend_from_slice(&state.to_le_bytes());
        }
        octets
    }
}
