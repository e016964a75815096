//! What people have set for calls to them, as FreePBX keeps it in Asterisk's database: forwards, do not disturb, call
//! waiting. Pure.
//!
//! The branch keeps the same in its own database, under the same names: they are seen with `database show CF`, they are there
//! after a restart, and what an administrator changes there in an outage counts at once.

use std::collections::BTreeMap;

use crate::words::{
    conf::is_no,
    number::{dialled, is_number},
};

/// One thing that a person sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallSetting {
    /// Where all calls go.
    Forward,
    /// Where calls go while the person is busy.
    ForwardBusy,
    /// Where calls go that nobody answers.
    ForwardUnavailable,
    /// Whether the person wants no calls.
    DoNotDisturb,
    /// Whether a second call comes through to a person who is in one.
    CallWaiting,
}

/// Family of the database that has an account's person, under `account/user`: devices that people log in at.
pub const DEVICE: &str = "DEVICE";

/// What stands there while nobody is logged in.
const NOBODY: &str = "none";

const YES: &str = "YES";
const ENABLED: &str = "ENABLED";
/// FreePBX says it by having no entry, and so does a main that knows nothing of call waiting: here it is said.
const DISABLED: &str = "DISABLED";

impl CallSetting {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Forward, Self::ForwardBusy, Self::ForwardUnavailable, Self::DoNotDisturb, Self::CallWaiting];

    /// Family of the database that has it, under the person's number.
    #[must_use]
    pub const fn family(self) -> &'static str {
        match self {
            Self::Forward => "CF",
            Self::ForwardBusy => "CFB",
            Self::ForwardUnavailable => "CFU",
            Self::DoNotDisturb => "DND",
            Self::CallWaiting => "CW",
        }
    }

    /// What the branch's own database is to say, given what the main's does. `freepbx`: whether the main is one that keeps
    /// call waiting there.
    #[must_use]
    pub fn here(self, on_main: Option<&str>, freepbx: bool) -> Option<String> {
        let said = on_main.map(str::trim).filter(|value| !value.is_empty());
        match self {
            Self::Forward | Self::ForwardBusy | Self::ForwardUnavailable => {
                said.map(dialled).filter(|number| is_number(number))
            }
            Self::DoNotDisturb => said.filter(|word| wants_no_calls(word)).map(|_| YES.to_owned()),
            Self::CallWaiting => match said {
                Some(ENABLED) => Some(ENABLED.to_owned()),
                _ if freepbx => Some(DISABLED.to_owned()),
                _ => None,
            },
        }
    }

    /// As a person reads it.
    #[must_use]
    pub fn text(self, value: &str) -> String {
        match self {
            Self::Forward => format!("all calls go to {value}"),
            Self::ForwardBusy => format!("to {value} while busy"),
            Self::ForwardUnavailable => format!("to {value} where nobody answers"),
            Self::DoNotDisturb => "no calls (do not disturb)".to_owned(),
            Self::CallWaiting if is_off(value) => "no second call (call waiting is off)".to_owned(),
            Self::CallWaiting => String::new(),
        }
    }
}

/// Returns whether do not disturb is on. FreePBX has no entry where it is off; other dialplans, and people, write a word.
#[must_use]
pub fn wants_no_calls(do_not_disturb: &str) -> bool {
    !do_not_disturb.is_empty() && !is_no(do_not_disturb)
}

/// Whether call waiting is said to be off.
#[must_use]
pub fn is_off(call_waiting: &str) -> bool {
    call_waiting == DISABLED
}

/// The number of the person who is logged in at a device, as the main's database says it.
#[must_use]
pub fn person(said: &str) -> Option<&str> {
    let said = said.trim();
    (said != NOBODY && is_number(said)).then_some(said)
}

/// What one person has set.
pub type OfPerson = BTreeMap<CallSetting, String>;

/// What everybody of this site has set, by number.
pub type CallSettings = BTreeMap<String, OfPerson>;

/// How one person's settings read; empty where there is nothing to say.
#[must_use]
pub fn text(of_person: &OfPerson) -> String {
    let texts = of_person.iter().map(|(setting, value)| setting.text(value));
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_is_forwarded_to() {
        for setting in [CallSetting::Forward, CallSetting::ForwardBusy, CallSetting::ForwardUnavailable] {
            assert_eq!(setting.here(Some(" 0171555#"), true).as_deref(), Some("0171555#"));
            assert_eq!(setting.here(Some("0171 555-12"), true).as_deref(), Some("017155512"));
            for none in [None, Some(""), Some("1002&Local/s@x"), Some("${SHELL(id)}"), Some("1,2")] {
                assert_eq!(setting.here(none, true), None, "{none:?}");
            }
        }
    }

    #[test]
    fn whoever_is_not_told_of_call_waiting_has_it() {
        let waiting = CallSetting::CallWaiting;
        assert_eq!(waiting.here(Some("ENABLED"), false).as_deref(), Some("ENABLED"));
        assert_eq!(waiting.here(None, false), None);
        assert!(is_off(&waiting.here(None, true).unwrap()));
        assert_eq!(CallSetting::DoNotDisturb.here(Some("YES"), true).as_deref(), Some("YES"));
        assert_eq!(CallSetting::DoNotDisturb.here(None, true), None);
        for off in ["NO", "0", "off"] {
            assert_eq!(CallSetting::DoNotDisturb.here(Some(off), false), None, "{off}");
        }
    }

    #[test]
    fn a_device_is_nobodys_until_somebody_logs_in() {
        assert_eq!(person("1021"), Some("1021"));
        for nobody in ["none", "", "a/b", "1&2"] {
            assert_eq!(person(nobody), None);
        }
    }

    #[test]
    fn it_reads_as_a_sentence() {
        let set = [(CallSetting::Forward, "2001"), (CallSetting::CallWaiting, DISABLED)];
        let of_person = set.map(|(setting, value)| (setting, value.to_owned())).into();
        assert_eq!(text(&of_person), "all calls go to 2001, no second call (call waiting is off)");
        assert_eq!(text(&[(CallSetting::CallWaiting, ENABLED.to_owned())].into()), "");
    }
}
