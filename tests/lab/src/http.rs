//! A client of Asterisk's HTTP server, as monitoring is one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::error::{Context, Error, Result};

/// Where Asterisk listens.
pub const PORT: u16 = 8088;
/// The same over TLS.
pub const TLS_PORT: u16 = 8089;

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its code.
    pub code: u16,
    /// The lines of its head.
    pub head: String,
    /// All behind it.
    pub body: String,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

/// A connection, over which one question follows the other.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    pub fn connect(address: Ipv4Addr) -> Result<Self> {
        let stream =
            TcpStream::connect((address, PORT)).context(format!("connecting to {address}:{PORT}"))?;
        stream.set_read_timeout(Some(PATIENCE)).context("a bound for reading")?;
        stream.set_nodelay(true).context("no delay")?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Asks, with name and password where they are given.
    pub fn ask(&mut self, method: &str, path: &str, login: Option<(&str, &str)>) -> Result<Answer> {
        let login = login.map_or_else(String::new, |(name, password)| {
            format!("Authorization: Basic {}\r\n", base64(&format!("{name}:{password}")))
        });
        let request = format!("{method} {path} HTTP/1.1\r\nHost: branch\r\n{login}\r\n");
        self.send(&request)?;
        self.answer(method)
    }

    /// Sends octets as they are.
    pub fn send(&mut self, request: &str) -> Result {
        self.stream.get_mut().write_all(request.as_bytes()).context("asking")
    }

    /// Reads an answer to a question of that method.
    pub fn answer(&mut self, method: &str) -> Result<Answer> {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).context("reading the head")?;
            if read == 0 {
                return Err(Error::new(format!("the connection ended behind '{head}'")));
            }
            if line.trim_end().is_empty() {
                break;
            }
            head += &line;
        }
        let code = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
        let mut answer = Answer { code: code.context(&head)?, head, body: String::new() };
        let length: usize = match answer.header("Content-Length") {
            Some(length) if method != "HEAD" => length.parse().context("the length")?,
            _ => 0,
        };
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).context("reading the body")?;
        answer.body = String::from_utf8(body).context("a body that is no text")?;
        Ok(answer)
    }
}

/// Asks once, over a connection of its own.
pub fn ask(address: Ipv4Addr, method: &str, path: &str, login: Option<(&str, &str)>) -> Result<Answer> {
    Client::connect(address)?.ask(method, path, login)
}

/// RFC 4648 section 4.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for part in text.as_bytes().chunks(3) {
        let bits =
            (0..3).fold(0_u32, |bits, place| bits << 8 | u32::from(part.get(place).copied().unwrap_or(0)));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place) & 63) as usize;
            let letter = LETTERS.get(index).copied().unwrap_or(b'=');
            out.push(if place <= part.len() { letter.into() } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc4648_s10_test_vectors() {
        let encoded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(base64);
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }
}
