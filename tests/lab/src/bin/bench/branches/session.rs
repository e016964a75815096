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

/// A session that has logged in, and proved where that is needed.
pub struct Session {
    ami: Ami,
    kind: Kind,
    /// What the main says that a wait is to last, in milliseconds.
    wait: u64,
    digest: String,
}

impl Session {
    /// Logs in as the branch of that number.
    pub fn open(main: Ipv4Addr, number: usize, kind: Kind) -> Result<Self> {
        let name = name(number);
        let mut ami = Ami::login(main, &name, &secret(&name))?;
        if kind == Kind::Idle {
            ami.action("Events", &[("EventMask", "off")])?;
            return Ok(Self { ami, kind, wait: LONGEST * 1000, digest: String::new() });
        }
        let hello = ami.action("SynchHello", &[])?;
        let key = key(&secret(&name), hello.need("Nonce")?, &name)?;
        let proved = ami.action("SynchHello", &[("Site", &name), ("Key", &key)])?;
        if !proved.is_success() {
            return Err(Error::new(format!("{name}: {proved:?}")));
        }
        let wait = hello.get("Wait").and_then(|text| text.parse::<u64>().ok()).unwrap_or(LONGEST);
        let mut session = Self { ami, kind, wait: wait * 1000, digest: String::new() };
        if kind == Kind::Branch {
            session.digest.push_str(session.ami.action("SynchExport", &[])?.need("Digest")?);
        }
        Ok(session)
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
