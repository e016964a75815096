//! baresip's control port: JSON in netstrings (`12:{"event":…},`), commands with a token, events in between.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{Context, Error, Result};

const ANSWER: Duration = Duration::from_secs(30);

/// A connection to the control port of one baresip.
pub struct Control {
    stream: TcpStream,
    received: Vec<u8>,
    /// The kind of each event nobody has waited for yet, and what it says.
    events: Vec<(String, String)>,
}

impl Control {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect_timeout(&address, Duration::from_secs(1)).context(format!("{address}"))?;
        Ok(Self { stream, received: Vec::new(), events: Vec::new() })
    }

    /// Sends a command and returns its answer, or an error when baresip says that it failed.
    pub fn command(&mut self, command: &str, parameters: &str) -> Result<String> {
        let request = json!({ "command": command, "params": parameters, "token": command }).to_string();
        let frame = format!("{}:{request},", request.len());
        self.stream.write_all(frame.as_bytes()).context(format!("sending {command}"))?;
        let deadline = Instant::now() + ANSWER;
        loop {
            let message =
                self.message(deadline).map_err(|error| Error::new(format!("{command}: {error}")))?;
            if message.get("response").is_none() {
                self.note(&message);
            } else if message.get("ok") == Some(&Value::Bool(true)) {
                return Ok(text(&message, "data"));
            } else {
                return Err(Error::new(format!("{command} {parameters}: {message}")));
            }
        }
    }

    /// Waits for an event of that kind, and returns what it says; one that came already, and was not waited for yet,
    /// counts.
    pub fn event(&mut self, kind: &str, bound: Duration) -> Result<String> {
        let deadline = Instant::now() + bound;
        loop {
            if let Some(place) = self.events.iter().position(|(event, _)| event == kind) {
                let (_, said) = self.events.drain(..=place).next_back().unwrap_or_default();
                return Ok(said);
            }
            let message = self.message(deadline);
            let message = message.map_err(|error| {
                Error::new(format!("waited {bound:?} for {kind}: {error}; seen: {:?}", self.events))
            })?;
            self.note(&message);
        }
    }

    fn note(&mut self, message: &Value) {
        if message.get("event").is_some() {
            self.events.push((text(message, "type"), text(message, "param")));
        }
    }

    fn message(&mut self, deadline: Instant) -> Result<Value> {
        loop {
            if let Some(body) = take_netstring(&mut self.received) {
                return serde_json::from_slice(&body).context("baresip's JSON");
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::new("no such answer"));
            }
            self.stream.set_read_timeout(Some(left)).context("setting a timeout")?;
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Error::new("baresip closed its control port")),
                Ok(length) => self.received.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).context("reading baresip's control port"),
            }
        }
    }
}

/// Takes the first whole netstring off the front.
fn take_netstring(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(bytes.get(..colon)?).ok()?.parse().ok()?;
    let end = colon + 1 + length;
    let body = bytes.get(colon + 1..end)?.to_vec();
    // The comma behind it.
    bytes.get(end)?;
    bytes.drain(..=end);
    Some(body)
}

fn text(message: &Value, key: &str) -> String {
    message.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netstrings_come_in_any_pieces() {
        let mut received = Vec::new();
        let mut bodies = Vec::new();
        for byte in b"2:{},11:{\"event\":1}," {
            received.push(*byte);
            bodies.extend(take_netstring(&mut received));
        }
        assert_eq!(bodies, [b"{}".to_vec(), b"{\"event\":1}".to_vec()]);
    }
}
