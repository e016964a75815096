//! Simulated branches, as a program of its own in another network namespace. It ends by itself.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

use lab::error::Context;
use lab::{Error, Result, Site};

use super::session::Session;

/// How many there are.
pub const BRANCHES: usize = 1_000;
/// Users of each.
pub const USERS: usize = 20;
/// From one that logs in first to the next: faster, the main turns some away (`authlimit`).
const JOINING: Duration = Duration::from_millis(12);
/// A main that is away is tried again after so long, as the module probes it.
const AGAIN: Duration = Duration::from_secs(5);
/// One that is starting is left in peace for half of that at least, and until the next probe is due, as the module does.
const REST: Duration = Duration::from_secs(12);
/// A thread for each has little to do.
const STACK: usize = 256 * 1024;
/// How often the counts are looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What each says when all have logged in and proved who they are, when none has a session any more, when all have logged in
/// again, and when they have proved it again.
const JOINED: &str = "joined";
const LOST: &str = "lost";
const BACK: &str = "back";
const PROVED: &str = "proved";

/// What the branches do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A session that does nothing, with events off.
    Idle,
    /// A session that waits in the main's action, as long as it grants, and does nothing else.
    Bare,
    /// What a branch does.
    Branch,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Bare => "bare",
            Self::Branch => "branch",
        }
    }
}

/// The name of one of them: an account on the main, and what its users have as account code.
pub fn name(number: usize) -> String {
    format!("site{number:04}")
}

/// All of them. Dropped, they are killed.
pub struct Simulated {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Simulated {
    /// Starts them for such a time, and waits until they all have a session.
    pub fn start(site: &Site, kind: Kind, time: Duration) -> Result<Self> {
        // The site has a branch of its own already.
        let host = site.net.phone_host(&format!("all-{}", kind.word()))?;
        let program = std::env::current_exe().context("the path of this program")?;
        let (main, seconds) = (site.main.address().to_string(), time.as_secs().to_string());
        let program = program.display().to_string();
        let mut command = host.command(&[&program, "branches", &main, kind.word(), &seconds]);
        let mut child = command.stdout(Stdio::piped()).spawn().context("starting the simulated branches")?;
        let output = BufReader::new(child.stdout.take().context("the output of the simulated branches")?);
        let mut branches = Self { child, output };
        branches.wait(JOINED)?;
        Ok(branches)
    }

    /// Waits until none of them has a session any more.
    pub fn wait_lost(&mut self) -> Result {
        self.wait(LOST).map(drop)
    }

    /// Waits until the main has taken the proof of all of them again.
    pub fn wait_proved(&mut self) -> Result {
        self.wait(PROVED).map(drop)
    }

    /// Waits until they all have one again; how often one was turned away.
    pub fn wait_back(&mut self) -> Result<usize> {
        self.wait(BACK)?.parse().context("a count of those who were turned away")
    }

    fn wait(&mut self, word: &str) -> Result<String> {
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .context(format!("waiting for '{word}' of the simulated branches"))?;
        let rest = line.trim().strip_prefix(word);
        rest.map(|rest| rest.trim().to_owned())
            .context(format!("the branches: '{line}' in place of '{word}'"))
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How they are.
#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    proved: AtomicUsize,
    /// Connections that the main ended before it answered the login.
    refused: AtomicUsize,
}

/// What the program does, in its own namespace: all branches at that main for so many seconds.
pub fn serve(main: &str, kind: &str, seconds: &str) -> Result {
    let main: Ipv4Addr = main.parse().context(main)?;
    let kind = [Kind::Idle, Kind::Bare, Kind::Branch].into_iter().find(|known| known.word() == kind);
    let kind = kind.context("which branches")?;
    let end = Instant::now() + Duration::from_secs(seconds.parse().context(seconds)?);
    let counts = Arc::new(Counts::default());
    for number in 0..BRANCHES {
        let counts = Arc::clone(&counts);
        let live = move || live(main, number, kind, end, &counts);
        Builder::new().stack_size(STACK).spawn(live).context("starting a branch")?;
    }
    type Is = fn(&Counts) -> bool;
    let all_have: Is = |counts| counts.open.load(Ordering::Relaxed) == BRANCHES;
    let all_proved: Is = |counts| counts.proved.load(Ordering::Relaxed) == BRANCHES;
    let none: Is = |counts| counts.open.load(Ordering::Relaxed) == 0;
    let mut words =
        [(JOINED, all_proved), (LOST, none), (BACK, all_have), (PROVED, all_proved)].into_iter().peekable();
    while Instant::now() < end {
        if let Some((word, _)) = words.next_if(|(_, is_so)| is_so(&counts)) {
            println!("{word} {}", counts.refused.swap(0, Ordering::Relaxed));
        }
        sleep(LOOK);
    }
    Ok(())
}

/// One branch, to the end.
fn live(main: Ipv4Addr, number: usize, kind: Kind, end: Instant, counts: &Counts) {
    let place = u32::try_from(number).unwrap_or_default();
    let mut draw = u64::from(place) + 1;
    sleep(JOINING * place);
    while Instant::now() < end {
        let mut rest = Duration::ZERO;
        match Session::open(main, number, kind) {
            Ok(mut session) => {
                counts.open.fetch_add(1, Ordering::Relaxed);
                let mut proved = 0;
                loop {
                    if session.has_proved() && proved == 0 {
                        proved = 1;
                        counts.proved.fetch_add(proved, Ordering::Relaxed);
                    }
                    if Instant::now() >= end || session.rest(next(&mut draw), end).is_err() {
                        break;
                    }
                }
                if session.starts() {
                    rest = REST / 2 + part_of(REST / 2, &mut draw);
                }
                counts.proved.fetch_sub(proved, Ordering::Relaxed);
                counts.open.fetch_sub(1, Ordering::Relaxed);
            }
            Err(error) if is_turned_away(&error) => {
                counts.refused.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        sleep(rest + part_of(AGAIN, &mut draw));
    }
}

/// Any part of it.
fn part_of(time: Duration, draw: &mut u64) -> Duration {
    time * u32::try_from(next(draw) % 1000).unwrap_or_default() / 1000
}

/// Whether the main took the connection and ended it: nobody listening is another thing.
fn is_turned_away(error: &Error) -> bool {
    !error.to_string().contains("Connection refused")
}

/// The next of a row of numbers that look drawn (xorshift64), each branch's its own.
const fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
