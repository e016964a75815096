//! How long the phones are without a name server while the branch's Asterisk restarts, for each way to restart it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use lab::dns::{Message, RecordType, question};
use lab::site::NAME;
use lab::wait::{GENEROUS, until};
use lab::{Context, Error, Result, Site, Version};

/// As Debian and FreePBX have it.
const EVERY_MODULE: &str = "[modules]\nautoload = yes\n";
/// Restarts of each kind.
const ROUNDS: usize = 3;
/// A question that is not answered so soon is asked again.
const PATIENCE: Duration = Duration::from_millis(50);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(5);
/// No answer for so long is the restart, and none of the machine's own hiccups.
const AWAY: Duration = Duration::from_millis(200);

/// Measures and prints.
pub fn tell() -> Result {
    println!(
        "\nA restart of the branch's Asterisk: seconds without an answer of its name server, least / median / most"
    );
    for version in [Version::V22, Version::V16] {
        let mut site = Site::with_module(version)?;
        // An Asterisk with the few modules of the laboratory is up and down much sooner.
        site.branch.write_conf("modules.conf", EVERY_MODULE)?;
        site.serve()?;
        tell_one(&mut site, version, "SIGTERM and a start, as a service manager does", |site| {
            site.branch.terminate()?;
            site.branch.spawn()
        })?;
        for command in ["core restart now", "core restart gracefully", "core restart when convenient"] {
            tell_one(&mut site, version, command, |site| site.branch.rx(command).map(drop))?;
        }
    }
    Ok(())
}

fn tell_one(site: &mut Site, version: Version, what: &str, restart: impl Fn(&mut Site) -> Result) -> Result {
    let mut gaps = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let asking = Asking::of(site.branch.address())?;
        restart(site)?;
        until("the name server to be gone and back", GENEROUS, || asking.was_away())?;
        gaps.push(asking.end()?);
        site.branch.wait_booted()?;
        site.wait_status("Service", "Normal")?;
    }
    gaps.sort_unstable();
    let at = |place: usize| gaps.get(place).map(Duration::as_secs_f64).context("no restart");
    let (least, median, most) = (at(0)?, at(ROUNDS / 2)?, at(ROUNDS - 1)?);
    println!("  Asterisk {version}: {what}: {least:.2} / {median:.2} / {most:.2}");
    Ok(())
}

/// Asks the name server without a break, until it is ended.
struct Asking {
    /// It has been silent for longer than it ever is in service, and has answered again.
    was_away: Arc<AtomicBool>,
    ends: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Asking {
    fn of(server: Ipv4Addr) -> Result<Self> {
        let socket = UdpSocket::bind("0.0.0.0:0").context("a socket to ask from")?;
        socket.set_read_timeout(Some(PATIENCE)).context("setting a timeout")?;
        socket.connect(SocketAddr::from((server, 53))).context("the name server")?;
        let asked = question(NAME, RecordType::A)?.to_vec().context("writing a DNS question")?;
        let (was_away, ends) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (away, end) = (Arc::clone(&was_away), Arc::clone(&ends));
        let thread = spawn(move || {
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while !end.load(Ordering::Relaxed) {
                if answers(&socket, &asked) {
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                    away.fetch_or(longest > AWAY, Ordering::Relaxed);
                }
                sleep(PAUSE);
            }
            longest
        });
        Ok(Self { was_away, ends, thread })
    }

    fn was_away(&self) -> bool {
        self.was_away.load(Ordering::Relaxed)
    }

    /// The longest time without an answer.
    fn end(self) -> Result<Duration> {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Error::new("the thread that asks panicked"))
    }
}

/// Whether it gives an address. A refused datagram is no answer, nor is a refusal.
fn answers(socket: &UdpSocket, asked: &[u8]) -> bool {
    let mut buffer = [0; 1500];
    let received = socket.send(asked).and_then(|_| socket.recv(&mut buffer));
    let answer = received.ok().and_then(|length| buffer.get(..length)).map(Message::from_vec);
    answer.is_some_and(|answer| answer.is_ok_and(|answer| !answer.answers.is_empty()))
}
