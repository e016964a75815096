//! A client of a broker that says whatever it likes, as often as it likes: MQTT 3.1.1 by hand.

use std::io::{BufWriter, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::broker::{Broker, secret};
use crate::error::{Context, Error, Result};
use crate::wait::GENEROUS;

/// What is said at once.
const PIECE: usize = 64 * 1024;

/// One connection, logged in. Dropped, it is closed without a word.
pub struct Loud(BufWriter<TcpStream>);

impl Loud {
    /// Logs in with the account of a site, under a name of its own: it puts nobody out.
    pub fn join(broker: &Broker, site: &str) -> Result<Self> {
        Self::join_with_will(broker, site, None)
    }

    /// The same, and has the broker say that, on that topic, once it is gone.
    pub fn join_with_will(broker: &Broker, site: &str, will: Option<(&str, &str)>) -> Result<Self> {
        let address = SocketAddr::from((broker.address(), 1883));
        let mut stream =
            TcpStream::connect_timeout(&address, GENEROUS).context("connecting to the broker")?;
        stream.set_read_timeout(Some(GENEROUS)).context("a timeout for the broker")?;
        stream.set_write_timeout(Some(GENEROUS)).context("a timeout for the broker")?;
        // A clean session, name and password; the will of QoS 0, kept. No keepalive.
        let flags = 0b1100_0010 | if will.is_some() { 0b0010_0100 } else { 0 };
        let mut body = [&text("MQTT")[..], &[4, flags, 0, 0], &text(&format!("loud-{site}"))].concat();
        if let Some((topic, word)) = will {
            body.extend([text(topic), text(word)].concat());
        }
        body.extend([text(site), text(&secret(site))].concat());
        stream.write_all(&packet(0x10, &body)).context("logging in at the broker")?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).context("the broker's answer to a login")?;
        match answer {
            [0x20, 2, _, 0] => Ok(Self(BufWriter::with_capacity(PIECE, stream))),
            refused => Err(Error::new(format!("the broker refuses {site}: {refused:?}"))),
        }
    }

    /// Says something, kept or not, as soon as a piece is full.
    pub fn say(&mut self, topic: &str, word: &[u8], kept: bool) -> Result {
        let first = if kept { 0x31 } else { 0x30 };
        let said = packet(first, &[&text(topic), word].concat());
        self.0.write_all(&said).context(format!("saying something about {topic}"))
    }

    /// Says at once what is left.
    pub fn flush(&mut self) -> Result {
        self.0.flush().context("saying the rest")
    }
}

/// A packet of that first octet.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![first];
    let mut left = body.len();
    loop {
        let low = u8::try_from(left & 0x7F).unwrap_or_default();
        left >>= 7;
        octets.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    octets.extend_from_slice(body);
    octets
}

/// A text of up to 64 KiB, with its length.
pub fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}
