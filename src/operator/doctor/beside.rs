//! Checks that no other module shares states as well: each would show what the other has shown.

use super::{Level, Report};
use crate::words::conf::{ConfSection, is_yes};

/// A module of Asterisk's that can share states with other systems.
#[derive(Debug)]
pub struct Beside {
    /// The module.
    pub module: &'static str,
    /// Its file: a module that is loaded and not told to shares nothing.
    pub file: &'static str,
    /// The lines of that file that tell it to, each of a section of that type, where a type matters.
    lines: &'static [(&'static str, Option<&'static str>)],
    remedy: &'static str,
}

/// All of them.
pub const BESIDE: [Beside; 3] = [
    Beside {
        module: "res_corosync.so",
        file: "res_corosync.conf",
        lines: &[("publish_event", None), ("subscribe_event", None)],
        remedy: "unload it: 'noload = res_corosync.so' in modules.conf",
    },
    Beside {
        module: "res_xmpp.so",
        file: "xmpp.conf",
        lines: &[("distribute_events", None)],
        remedy: "set distribute_events = no in xmpp.conf",
    },
    Beside {
        module: "res_pjsip_publish_asterisk.so",
        file: "pjsip.conf",
        lines: &[
            ("device_state", Some("asterisk-publication")),
            ("mailbox_state", Some("asterisk-publication")),
        ],
        remedy: "take the sections with type = asterisk-publication out of pjsip.conf",
    },
];

impl Beside {
    /// Returns whether its file, as Asterisk reads it, tells it to share states.
    #[must_use]
    pub fn shares(&self, sections: &[ConfSection]) -> bool {
        let is_of = |section: &ConfSection, wanted: &str| {
            section.variables.iter().any(|line| line.key == "type" && line.value == wanted)
        };
        let says = |section: &ConfSection, key: &str| {
            let mut lines = section.variables.iter();
            // Of corosync, the value is the kind of what is shared.
            lines.any(|line| {
                line.key == key && (is_yes(line.value.as_bytes()) || self.module == "res_corosync.so")
            })
        };
        sections.iter().any(|section| {
            self.lines.iter().any(|(key, of)| of.is_none_or(|of| is_of(section, of)) && says(section, key))
        })
    }
}

impl Report {
    pub(super) fn beside(&mut self, loaded: &[&'static str]) {
        for Beside { module, remedy, .. } in BESIDE.iter().filter(|one| loaded.contains(&one.module)) {
            let text = format!(
                "{module} shares states with other systems, too: lamps can stay lit for phones that have long hung \
                 up. Use one of both: {remedy}"
            );
            self.say(Level::Warning, "modules", text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_shares_states_only_where_its_file_says_so() {
        let [corosync, xmpp, pjsip] = &BESIDE;
        let section = |lines: &[(&'static str, &'static str)]| [ConfSection::new("x", lines.iter().copied())];
        assert!(corosync.shares(&section(&[("publish_event", "device_state")])));
        assert!(!corosync.shares(&[]));
        assert!(xmpp.shares(&section(&[("distribute_events", "yes")])));
        assert!(!xmpp.shares(&section(&[("distribute_events", "no"), ("type", "client")])));
        let publication = ("type", "asterisk-publication");
        assert!(pjsip.shares(&section(&[publication, ("device_state", "yes")])));
        assert!(pjsip.shares(&section(&[publication, ("mailbox_state", "yes")])));
        assert!(!pjsip.shares(&section(&[publication])));
        assert!(!pjsip.shares(&section(&[("type", "endpoint"), ("device_state", "yes")])));
    }

    #[test]
    fn each_has_a_remedy() {
        let mut report = Report(Vec::new());
        report.beside(&["res_xmpp.so", "res_corosync.so"]);
        let texts: Vec<_> = report.0.iter().map(|check| &*check.text).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts[0].contains("noload = res_corosync.so"), "{texts:?}");
        assert!(texts[1].contains("distribute_events = no"), "{texts:?}");
    }
}
