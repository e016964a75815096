//! Questions as phones send them, all the time: every one must be answered, and rightly.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use lab::dns::{Message, RData, RecordType, Transport, ask_with, question};
use lab::error::{Context, Error};
use lab::site::NAME;
use lab::{Result, Site};

/// What an office of some thousand phones asks, if each asked every ten seconds.
pub const PER_SECOND: u32 = 150;
const GAP: Duration = Duration::from_nanos(1_000_000_000 / PER_SECOND as u64);
/// One in so many goes over TCP, from a thread of its own: a connection for each.
const TCP_GAP: Duration = Duration::from_secs(1);
/// One in so many is for another name, which is relayed.
const RELAYED_EACH: u64 = 20;
/// So many other names, in turn: more than the cache that `main.rs` allows holds.
const OTHER_NAMES: u64 = 1000;
/// A phone has asked again by then.
const LOST: Duration = Duration::from_secs(5);
/// How far behind its time the sender may be before it gives up to catch up, on a machine that does much else.
const BEHIND: Duration = Duration::from_secs(1);
/// How many wrong answers are kept as they were.
const SHOWN: usize = 5;

/// What is right: the name's two addresses, and what other names have.
#[derive(Clone, Copy)]
pub struct Right {
    /// In normal service.
    pub main: Ipv4Addr,
    /// In an outage.
    pub branch: Ipv4Addr,
    /// What the forwarder says of every name.
    pub other: Ipv4Addr,
}

/// How the questions fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Questions sent.
    pub asked: u64,
    /// Answers that name the main.
    pub main: u64,
    /// Answers that name the branch.
    pub branch: u64,
    /// Right answers that were relayed.
    pub relayed: u64,
    /// No answer in time.
    pub lost: u64,
    /// Any other answer.
    pub wrong: u64,
    /// The first of what was lost or wrong.
    pub examples: Vec<String>,
}

impl Counts {
    fn count(&mut self, right: Right, about_us: bool, answer: &Message) {
        let addresses: Vec<Ipv4Addr> = answer.answers.iter().filter_map(address).collect();
        match addresses.as_slice() {
            [one] if about_us && *one == right.main => self.main += 1,
            [one] if about_us && *one == right.branch => self.branch += 1,
            [one] if !about_us && *one == right.other => self.relayed += 1,
            _ => {
                self.wrong += 1;
                self.example(format!("wrong: {answer}"));
            }
        }
    }

    fn example(&mut self, text: String) {
        if self.examples.len() < SHOWN {
            self.examples.push(text);
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.asked += other.asked;
        self.main += other.main;
        self.branch += other.branch;
        self.relayed += other.relayed;
        self.lost += other.lost;
        self.wrong += other.wrong;
        other.examples.into_iter().for_each(|example| self.example(example));
    }
}

/// A load that runs until it is told to finish.
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<Counts>>>,
}

impl Load {
    /// Starts to ask the branch.
    pub fn start(site: &Site, right: Right) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let server = SocketAddr::from((site.branch.address(), 53));
        let socket = UdpSocket::bind("0.0.0.0:0").context("a socket to ask from")?;
        socket.connect(server).context(format!("DNS at {server}"))?;
        let (over, also_over) = (Arc::clone(&stop), Arc::clone(&stop));
        let threads = vec![
            spawn(move || datagrams(&socket, right, &over)),
            spawn(move || connections(server, right, &also_over)),
        ];
        Ok(Self { stop, threads })
    }

    /// Asks no more, waits for what was asked, and says how it all fared.
    pub fn finish(mut self) -> Result<Counts> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Counts::default();
        for thread in self.threads.drain(..) {
            all += thread.join().unwrap_or_else(|_| Err(Error::new("the DNS load panicked")))?;
        }
        Ok(all)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn datagrams(socket: &UdpSocket, right: Right, stop: &AtomicBool) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut open: HashMap<u16, (Instant, bool)> = HashMap::new();
    let mut due = Instant::now();
    let mut buffer = [0; 4096];
    loop {
        let (now, stopping) = (Instant::now(), stop.load(Ordering::Relaxed));
        if !stopping && now >= due {
            let about_us = !counts.asked.is_multiple_of(RELAYED_EACH);
            let question = question(&name(about_us, counts.asked), RecordType::A)?;
            open.insert(question.metadata.id, (now, about_us));
            counts.asked += 1;
            // Where nobody listens, this is where it shows; the question counts as lost when its time is over.
            let _ = socket.send(&question.to_vec().context("writing a DNS question")?);
            due = (due + GAP).max(now.checked_sub(BEHIND).unwrap_or(now));
        }
        open.retain(|id, (asked, _)| {
            let waits = asked.elapsed() < LOST;
            if !waits {
                counts.lost += 1;
                counts.example(format!("lost: UDP, id {id}"));
            }
            waits
        });
        if stopping && open.is_empty() {
            return Ok(counts);
        }
        let pause = due.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), GAP);
        socket.set_read_timeout(Some(pause)).context("setting a timeout")?;
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        match buffer.get(..length).map(Message::from_vec) {
            Some(Ok(answer)) => match open.remove(&answer.metadata.id) {
                Some((_, about_us)) => counts.count(right, about_us, &answer),
                None => counts.example(format!("an answer that nobody waits for: {answer}")),
            },
            other => counts.example(format!("no DNS message: {other:?}")),
        }
    }
}

fn connections(server: SocketAddr, right: Right, stop: &AtomicBool) -> Result<Counts> {
    let mut counts = Counts::default();
    while !stop.load(Ordering::Relaxed) {
        counts.asked += 1;
        match ask_with(server, &question(NAME, RecordType::A)?, Transport::Tcp) {
            Ok(answer) => counts.count(right, true, &answer),
            Err(error) => {
                counts.lost += 1;
                counts.example(format!("lost: TCP, {error}"));
            }
        }
        sleep(TCP_GAP);
    }
    Ok(counts)
}

fn name(about_us: bool, number: u64) -> String {
    if about_us {
        NAME.to_owned()
    } else {
        format!("host{}.example.com", number / RELAYED_EACH % OTHER_NAMES)
    }
}

fn address(record: &lab::dns::Record) -> Option<Ipv4Addr> {
    match &record.data {
        RData::A(address) => Some(address.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::dns::{Record, rdata, reply_to};

    const RIGHT: Right = Right {
        main: Ipv4Addr::new(10, 78, 1, 2),
        branch: Ipv4Addr::new(10, 77, 1, 2),
        other: Ipv4Addr::new(192, 0, 2, 1),
    };

    fn answer(addresses: &[Ipv4Addr]) -> Message {
        let question = question(NAME, RecordType::A).unwrap();
        let mut reply = reply_to(&question);
        for address in addresses {
            let name = question.queries[0].name().clone();
            reply.add_answer(Record::from_rdata(name, 5, RData::A(rdata::A(*address))));
        }
        reply
    }

    #[test]
    fn one_right_address_is_right_and_anything_else_is_wrong() {
        let mut counts = Counts::default();
        counts.count(RIGHT, true, &answer(&[RIGHT.main]));
        counts.count(RIGHT, true, &answer(&[RIGHT.branch]));
        counts.count(RIGHT, false, &answer(&[RIGHT.other]));
        assert_eq!((counts.main, counts.branch, counts.relayed, counts.wrong), (1, 1, 1, 0));
        let wrong: [(bool, &[Ipv4Addr]); 4] = [
            (true, &[]),
            (true, &[RIGHT.other]),
            (true, &[RIGHT.main, RIGHT.branch]),
            (false, &[RIGHT.branch]),
        ];
        for (about_us, addresses) in wrong {
            counts.count(RIGHT, about_us, &answer(addresses));
        }
        assert_eq!((counts.wrong, counts.examples.len()), (4, 4));
    }
}
