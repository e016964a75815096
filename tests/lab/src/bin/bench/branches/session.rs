//! One session of a simulated branch at its main.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use lab::ami::Ami;
use lab::headquarters::{key, secret};
use lab::{Error, Result};

use super::simulated::{Kind, name};

/// The longest wait that the main grants, in seconds: what a session waits that does nothing else.
const LONGEST: u64 = 25;
/// A wait is drawn a fifth longer or shorter, as the module does.
const SPREAD: u64 = 5;

/// A main that does not export asks for patience: it is starting. It is asked again after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// A session that has logged in.
pub struct Session {
    ami: Ami,
    name: String,
    kind: Kind,
    /// Whether it has proved whose it is, where that is needed.
    proved: bool,
    /// What the main says that a wait is to last, in milliseconds.
    wait: u64,
    digest: String,
    /// Whether the main does not know the first question of a branch: it is starting.
    starts: bool,
}

impl Session {
    /// Logs in as the branch of that number. What fails is the login, or the way there.
    pub fn open(main: Ipv4Addr, number: usize, kind: Kind) -> Result<Self> {
        let name = name(number);
        let mut ami = Ami::login(main, &name, &secret(&name))?;
        let is_idle = kind == Kind::Idle;
        if is_idle {
            ami.action("Events", &[("EventMask", "off")])?;
        }
        Ok(Self {
            ami,
            name,
            kind,
            proved: is_idle,
            wait: LONGEST * 1000,
            digest: String::new(),
            starts: false,
        })
    }

    /// Whether it has proved whose it is, where that is needed.
    pub const fn has_proved(&self) -> bool {
        self.proved
    }

    /// Whether it has ended because the main is starting.
    pub const fn starts(&self) -> bool {
        self.starts
    }

    /// Proves whose it is, and takes what the main has. A main that is starting knows no such question, and is left in peace,
    /// or has not read its files yet.
    fn prove(&mut self) -> Result<()> {
        let hello = self.ami.action("SynchHello", &[])?;
        let Some(nonce) = hello.get("Nonce") else {
            self.starts = true;
            return Err(Error::new(format!("{}: {hello:?}", self.name)));
        };
        let key = key(&secret(&self.name), nonce, &self.name)?;
        let answer = self.ami.action("SynchHello", &[("Site", &self.name), ("Key", &key)])?;
        if !answer.is_success() {
            let is_busy = answer.get("Busy") == Some("yes");
            return if is_busy { Ok(()) } else { Err(Error::new(format!("{}: {answer:?}", self.name))) };
        }
        let wait = hello.get("Wait").and_then(|text| text.parse::<u64>().ok()).unwrap_or(LONGEST);
        self.wait = wait * 1000;
        if self.kind == Kind::Branch {
            let answer = self.ami.action("SynchExport", &[])?;
            let Some(digest) = answer.get("Digest") else { return Ok(()) };
            digest.clone_into(&mut self.digest);
        }
        self.proved = true;
        Ok(())
    }

    /// Does what a branch does until its next question, at most until then.
    pub fn rest(&mut self, draw: u64, end: Instant) -> Result<()> {
        let most = end.saturating_duration_since(Instant::now());
        let spread = self.wait / SPREAD;
        let drawn = self.wait - spread + draw % (2 * spread).max(1);
        let seconds = match self.kind {
            Kind::Idle | Kind::Bare => LONGEST,
            Kind::Branch => drawn.div_ceil(1000),
        };
        if !self.proved {
            self.prove()?;
            if !self.proved {
                return self.ami.rest(most.min(AGAIN));
            }
            return Ok(());
        }
        if self.kind == Kind::Idle {
            return self.ami.rest(most.min(Duration::from_secs(seconds)));
        }
        let seconds = seconds.min(most.as_secs().max(1)).to_string();
        let mut fields = vec![("Timeout", seconds.as_str()), ("State", "Normal")];
        if self.kind == Kind::Branch {
            fields.push(("Digest-users", &self.digest));
        }
        let answer = self.ami.action("SynchWait", &fields)?;
        if answer.is_success() { Ok(()) } else { Err(Error::new(format!("{answer:?}"))) }
    }
}
