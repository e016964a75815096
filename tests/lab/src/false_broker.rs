//! A broker of the test's own, which says whatever a test wants.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

use crate::error::Result;
use crate::listener::{Listener, lock};
use crate::loud::{packet, text};

/// What it does with whoever connects.
type Script = Arc<dyn Fn(&mut Guest) -> io::Result<()> + Send + Sync>;

/// One that listens at an address of the test process. Dropped, it is gone.
pub struct FalseBroker {
    shared: Arc<Shared>,
    listener: Listener,
}

struct Shared {
    script: Mutex<Script>,
    guests: AtomicUsize,
}

impl FalseBroker {
    /// Listens, and lets nobody in yet.
    pub fn start(address: Ipv4Addr, port: u16) -> Result<Self> {
        let shared =
            Arc::new(Shared { script: Mutex::new(Arc::new(|_| Ok(()))), guests: AtomicUsize::new(0) });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(SocketAddr::from((address, port)), move |stream| {
            serving.guests.fetch_add(1, Ordering::Relaxed);
            let script = Arc::clone(&lock(&serving.script));
            spawn(move || {
                let mut guest = Guest { stream, version: 0 };
                // A connection that breaks is the module's business.
                let _ = script(&mut guest);
                // With something unread, a close would take back what was said.
                let _ = guest.stream.shutdown(Shutdown::Write);
                while guest.read().is_ok() {}
            });
        })?;
        Ok(Self { shared, listener })
    }

    /// From now on does this with whoever connects, and hangs up behind it. Whoever is connected is put out.
    pub fn does(&self, script: impl Fn(&mut Guest) -> io::Result<()> + Send + Sync + 'static) {
        *lock(&self.shared.script) = Arc::new(script);
        self.hang_up();
    }

    /// How many have connected so far.
    pub fn guests(&self) -> usize {
        self.shared.guests.load(Ordering::Relaxed)
    }

    /// Ends every connection.
    pub fn hang_up(&self) {
        self.listener.hang_up();
    }
}

/// Whoever has connected.
pub struct Guest {
    stream: TcpStream,
    version: u8,
}

impl Guest {
    /// Says these octets.
    pub fn say(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets)
    }

    /// Says a message of QoS 0.
    pub fn publish(&mut self, topic: &str, word: &[u8]) -> io::Result<()> {
        let message = self.message(topic, word);
        self.say(&message)
    }

    /// A message of QoS 0 in the version that is spoken.
    pub fn message(&self, topic: &str, word: &[u8]) -> Vec<u8> {
        let properties: &[u8] = if self.is_5() { &[0] } else { &[] };
        packet(0x30, &[&text(topic), properties, word].concat())
    }

    /// Reads the login, and lets the guest in.
    pub fn let_in(&mut self) -> io::Result<()> {
        let (_, body) = self.read()?;
        self.version = body.get(6).copied().unwrap_or_default();
        self.say(if self.is_5() { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] })
    }

    /// The same, but of MQTT 5 it knows nothing.
    pub fn let_in_as_3(&mut self) -> io::Result<()> {
        let (_, body) = self.read()?;
        self.version = body.get(6).copied().unwrap_or_default();
        if self.is_5() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.say(&[0x20, 2, 0, 0])
    }

    /// Confirms the guest's name, which it says first, and grants its first wishes.
    pub fn settle(&mut self) -> io::Result<()> {
        let mut granted = 0;
        while granted < 3 {
            let (first, body) = self.read()?;
            let id = |at: usize| body.get(at..at + 2).unwrap_or_default().to_vec();
            match first >> 4 {
                3 if first & 0x06 != 0 => {
                    let topic = u16::from_be_bytes([
                        body.first().copied().unwrap_or_default(),
                        body.get(1).copied().unwrap_or_default(),
                    ]);
                    self.say(&packet(0x40, &id(usize::from(topic) + 2)))?;
                }
                8 => {
                    granted += 1;
                    let properties: &[u8] = if self.is_5() { &[0] } else { &[] };
                    self.say(&packet(0x90, &[&id(0), properties, &[0]].concat()))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Hears whatever the guest says, and answers its signs of life, until it is gone.
    pub fn listen(&mut self) -> io::Result<()> {
        loop {
            let (first, _) = self.read()?;
            if first == 0xC0 {
                self.say(&[0xD0, 0])?;
            }
        }
    }

    fn is_5(&self) -> bool {
        self.version == 5
    }

    /// One packet: its first octet, and what it holds.
    fn read(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let first = self.octet()?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let octet = self.octet()?;
            length |= usize::from(octet & 0x7F) << shift;
            shift += 7;
            if octet & 0x80 == 0 || shift > 21 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((first, body))
    }

    fn octet(&mut self) -> io::Result<u8> {
        let mut octet = [0];
        self.stream.read_exact(&mut octet)?;
        let [octet] = octet;
        Ok(octet)
    }
}
