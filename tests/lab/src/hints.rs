//! Hints of an administrator's own, by the thousand: a big office has as many as it has phones, lamps and night switches.

use std::fmt::Write;

use crate::asterisk::Asterisk;
use crate::error::{Error, Result};

/// The context that they are in.
pub const OWN: &str = "own-phones";
/// The first of their numbers.
const FIRST: usize = 50_000;

/// The number of the hint that comes after `before` others.
pub fn number(before: usize) -> String {
    (FIRST + before).to_string()
}

impl Asterisk {
    /// Gives its own dialplan so many hints, each with what is dialled, in the form in which FreePBX writes them.
    pub fn add_hints(&self, count: usize) -> Result {
        let technology = self.version.technology();
        let mut text = format!("{}\n[{OWN}]\n", self.read_conf("extensions.conf")?);
        for number in (0..count).map(number) {
            let _ = write!(
                text,
                "exten => {number},hint,{technology}/{number}&Custom:DND{number},CustomPresence:{number}\n\
                 exten => {number},1,NoOp(own phone)\n same => n,Dial({technology}/{number},20)\n"
            );
        }
        self.write_conf("extensions.conf", &text)
    }

    /// An error where the last one of so many is not in its dialplan.
    pub fn has_hints(&self, count: usize) -> Result {
        let last = number(count.saturating_sub(1));
        let shown = self.rx(&format!("dialplan show {last}@{OWN}"))?;
        if shown.contains("hint:") { Ok(()) } else { Err(Error::new(format!("no hint of {last}: {shown}"))) }
    }
}
