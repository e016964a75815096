//! What a branch can dial by itself, as the tests of calls look at it.

use std::collections::BTreeSet;

use crate::asterisk::Asterisk;
use crate::carrier::Carrier;
use crate::conf::dialplan;
use crate::error::{Error, Result};
use crate::site::Site;
use crate::version::Version;
use crate::wait::{GENEROUS, until_ok};

/// The site's own number, which its calls over the local trunk show.
pub const SITE_NUMBER: &str = "+49301234567";

/// What the branch's own dialplan takes the place of.
pub(crate) const PLAIN: &str = "\n[dialplan]\noutside = from-internal\n";

impl Site {
    /// A site with the module and a dialplan of the branch's own: trunks, emergency numbers, mailboxes, and what the
    /// administrator lets it dial besides.
    pub fn with_dialplan(version: Version) -> Result<Self> {
        let site = Self::with_module(version)?;
        site.branch.give_dialplan()?;
        Ok(site)
    }

    /// Waits until the branch knows the users of other sites, too.
    pub fn wait_directory(&self) -> Result {
        self.branch.wait_function("SYNCH_USER(2001,site)", "DevOps")
    }

    /// A branch with a dialplan of its own, while the main serves.
    pub fn dialling(version: Version) -> Result<Self> {
        let mut site = Self::with_dialplan(version)?;
        site.serve()?;
        site.wait_status("Dialplan", "in force")?;
        Ok(site)
    }

    /// The same, after the main has gone.
    pub fn dialling_in_an_outage(version: Version) -> Result<Self> {
        let mut site = Self::dialling(version)?;
        site.begin_outage()?;
        Ok(site)
    }

    /// Kills the main, and waits until the branch serves.
    pub fn begin_outage(&mut self) -> Result {
        self.kill_main()?;
        self.wait_status("Service", "Failover")?;
        self.wait_status("Dialplan", "in force")
    }

    /// Starts the public network.
    pub fn carrier(&self) -> Result<Carrier> {
        Carrier::start(&self.net, self.branch.version)
    }
}

impl Asterisk {
    /// Gives a branch a dialplan of its own.
    pub fn give_dialplan(&self) -> Result {
        dialplan(self.version).try_for_each(|(name, text)| {
            let before = self.read_conf(name)?.replace(PLAIN, "");
            self.write_conf(name, &format!("{before}{text}"))
        })
    }

    /// What a dialplan function gives outside of any call: `function("SYNCH(service)")`.
    pub fn function(&self, call: &str) -> Result<String> {
        let answer = self.ami()?.action("Getvar", &[("Variable", call)])?;
        if !answer.is_success() {
            return Err(Error::new(format!("{call}: {answer:?}")));
        }
        answer.need("Value").map(str::to_owned)
    }

    /// Waits until a dialplan function gives that.
    pub fn wait_function(&self, call: &str, wanted: &str) -> Result {
        until_ok(&format!("{call} to be {wanted}"), GENEROUS, || match self.function(call)? {
            found if found == wanted => Ok(()),
            found => Err(Error::new(format!("it is '{found}'"))),
        })
    }

    /// Waits until a context has, or has not, a line that holds `text`.
    pub fn wait_context(&self, context: &str, text: &str, wanted: bool) -> Result {
        until_ok(&format!("{text} in {context}: {wanted}"), GENEROUS, || {
            let shown = self.rx(&format!("dialplan show {context}"))?;
            if shown.contains(text) == wanted { Ok(()) } else { Err(Error::new(shown)) }
        })
    }

    /// The names of the contexts that it has.
    pub fn contexts(&self) -> Result<BTreeSet<String>> {
        let shown = self.rx("dialplan show")?;
        let names = shown.lines().filter_map(|line| line.strip_prefix("[ Context '")?.split('\'').next());
        Ok(names.map(str::to_owned).collect())
    }
}
