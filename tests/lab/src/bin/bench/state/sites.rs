//! Simulated sites, as a program of its own in another network namespace: each says of itself what an office of fifty phones
//! says, and hears ten others. It ends by itself.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

use lab::error::Context;
use lab::mqtt::{lets_in, login, publish, subscribe};
use lab::{Error, Result, Sharing};

/// How many there are.
pub const SITES: usize = 1_000;
/// Phones of each.
pub const DEVICES: usize = 50;
/// Sites that each hears.
pub const HEARD: usize = 10;
/// From one change of a site to the next: fifty phones, five calls an hour each, three changes a call.
const GAP: Duration = Duration::from_millis(4_800);
/// A call.
const CALL: [&str; 3] = ["RINGING", "INUSE", "NOT_INUSE"];
/// As the module repeats its own.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);
const KEEPALIVE: u16 = 15;
/// How often it is looked whether one has ended.
const LOOK: Duration = Duration::from_millis(100);
/// From one site that joins to the next.
const JOINING: Duration = Duration::from_millis(5);
/// How long a broker may take to let a site in.
const ANSWER: Duration = Duration::from_secs(30);
/// A thread for each site has little to do.
const STACK: usize = 256 * 1024;
/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// What each says when all have joined.
const JOINED: &str = "joined";

/// The name of one of them.
pub fn name(number: usize) -> String {
    format!("site{number:04}")
}

/// All of them. Dropped, they are killed.
pub struct Sites {
    child: Child,
    /// Open until the end, for what they may have to say.
    output: BufReader<ChildStdout>,
}

impl Sites {
    /// Starts them for such a time, and waits until they have joined.
    pub fn start(sharing: &Sharing, time: Duration) -> Result<Self> {
        let host = sharing.net.phone_host("sites")?;
        let program = std::env::current_exe().context("the path of this program")?;
        let (broker, seconds) = (sharing.broker.address().to_string(), time.as_secs().to_string());
        let mut command = host.command(&[&program.display().to_string(), "sites", &broker, &seconds]);
        let mut child = command.stdout(Stdio::piped()).spawn().context("starting the simulated sites")?;
        let output = BufReader::new(child.stdout.take().context("the output of the simulated sites")?);
        let (mut sites, mut line) = (Self { child, output }, String::new());
        sites.output.read_line(&mut line).context("waiting for the simulated sites")?;
        if line.trim() == JOINED { Ok(sites) } else { Err(Error::new(format!("the sites: {line}"))) }
    }
}

impl Drop for Sites {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the program does, in its own namespace: all sites at that broker for so many seconds.
pub fn serve(broker: &str, seconds: &str) -> Result {
    let broker: Ipv4Addr = broker.parse().context(broker)?;
    let time = Duration::from_secs(seconds.parse().context(seconds)?);
    let (end, joined) = (Instant::now() + time, Arc::new(AtomicUsize::new(0)));
    let start = |number| {
        let joined = Arc::clone(&joined);
        Builder::new().stack_size(STACK).spawn(move || live(broker, number, end, &joined))
    };
    let mut sites = (0..SITES).map(start).collect::<std::io::Result<Vec<_>>>().context("starting a site")?;
    let mut said = false;
    while !sites.is_empty() {
        if !said && joined.load(Ordering::Relaxed) == SITES {
            said = true;
            println!("{JOINED}");
        }
        // The first that fails ends all; else they all end by themselves.
        match sites.iter().position(JoinHandle::is_finished) {
            Some(place) => {
                sites.swap_remove(place).join().unwrap_or_else(|_| Err(Error::new("a site panicked")))?;
            }
            None => sleep(LOOK),
        }
    }
    Ok(())
}

/// One site, from its joining to the end.
fn live(broker: Ipv4Addr, number: usize, end: Instant, joined: &AtomicUsize) -> Result {
    let place = u32::try_from(number).unwrap_or_default();
    sleep(JOINING * place);
    let own = name(number);
    let mut stream = TcpStream::connect((broker, 1883)).context(format!("{own} at the broker"))?;
    stream.set_nodelay(true).context("nodelay")?;
    join(&mut stream, number)?;
    joined.fetch_add(1, Ordering::Relaxed);
    let (mut calls, mut buffer) = ((0..DEVICES).cycle(), vec![0; CHUNK]);
    let mut left: Vec<(usize, &str)> = Vec::new();
    let part = |of: Duration| of * place / u32::try_from(SITES).unwrap_or(1);
    let now = Instant::now();
    let (mut change, mut sign) = (now + part(GAP), now + part(SIGN_OF_LIFE));
    loop {
        let now = Instant::now();
        if now >= end {
            return Ok(());
        }
        if now >= sign {
            sign += SIGN_OF_LIFE;
            write(&mut stream, &own, &publish(&format!("synch/1/{own}/alive"), "", false)?)?;
        }
        if now >= change {
            change += GAP;
            if left.is_empty() {
                let device = calls.next().context("a device")?;
                left.extend(CALL.into_iter().rev().map(|word| (device, word)));
            }
            if let Some((device, word)) = left.pop() {
                write(&mut stream, &own, &said(&own, &device_topic(number, device), word)?)?;
            }
        }
        let pause = sign.min(change).min(end).saturating_duration_since(now).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(pause)).context("a timeout")?;
        match stream.read(&mut buffer) {
            Ok(0) => return Err(Error::new(format!("the broker has closed the connection of {own}"))),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error).context(format!("{own} hears the broker")),
        }
    }
}

/// Says all it has, and asks for what it wants to hear.
fn join(stream: &mut TcpStream, number: usize) -> Result {
    let own = name(number);
    write(stream, &own, &login(&own, KEEPALIVE)?)?;
    stream.set_read_timeout(Some(ANSWER)).context("a timeout")?;
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).context(format!("the broker's answer to {own}"))?;
    let answer = answer.get(..length).unwrap_or_default();
    if !lets_in(answer) {
        return Err(Error::new(format!("the broker does not let {own} in: {answer:?}")));
    }
    let mut octets = site(&own)?;
    for device in 0..DEVICES {
        octets.extend(said(&own, &device_topic(number, device), "NOT_INUSE")?);
    }
    let others = (1..=HEARD).map(|step| format!("synch/1/{}/#", name((number + step) % SITES)));
    let all = ["synch/1/+/site".to_owned(), "synch/1/+/ask".to_owned()];
    for (filter, id) in all.into_iter().chain(others).zip(1..) {
        octets.extend(subscribe(&filter, id)?);
    }
    write(stream, &own, &octets)
}

fn write(stream: &mut TcpStream, own: &str, octets: &[u8]) -> Result {
    stream.write_all(octets).context(format!("{own} tells the broker"))
}

fn device_topic(number: usize, device: usize) -> String {
    format!("device/PJSIP/{number:04}{device:02}")
}

/// Who it is.
fn site(own: &str) -> Result<Vec<u8>> {
    said(own, "site", "joined 5d0a6b1f0c2e9947 22.10.1 0.5.0")
}

fn said(own: &str, topic: &str, payload: &str) -> Result<Vec<u8>> {
    publish(&format!("synch/1/{own}/{topic}"), payload, true)
}
