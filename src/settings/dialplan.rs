//! `[dialplan]` and `[voicemail]`: what the users of this site can dial, and their mailboxes.

use std::fmt;

use super::{Classes, Door, Expression, Technology};

/// `[dialplan]`: what is made of the users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialplan {
    /// Where those synced users dial who may call outside.
    pub context: String,
    /// Seconds that a phone rings.
    pub ring_time: u32,
    /// To the main, for the users of other sites.
    pub main_trunk: Option<Trunk>,
    /// To the public network, from this site.
    pub local_trunk: Option<Trunk>,
    /// The site's own number, shown by what leaves over the local trunk.
    pub caller_id: Option<String>,
    /// Numbers that go out over the local trunk before anything else is looked at.
    pub emergency: Vec<String>,
    /// To the public network for emergency numbers, where the local trunk is dead.
    pub emergency_second: Option<Trunk>,
    /// What users may reach, by their context on the main.
    pub classes: Classes,
    /// Contexts of the administrator's own that the users reach besides.
    pub outside: Outside,
    /// Sound played where nobody can be reached; none: the refusal is signalled.
    pub refusal: Option<String>,
    /// Variable of a user on the main that holds the public number.
    pub public_key: String,
    /// Which of those numbers may be dialled over the local trunk: the main says them, and a call to one costs.
    pub public_numbers: Expression,
    /// What none of them may begin with.
    pub premium: Vec<String>,
    /// Contexts that are taken from the main.
    pub contexts: Contexts,
}

impl Dialplan {
    /// Digits, with or without a `+` before them.
    pub const PUBLIC_NUMBERS: &'static str = r"\+?[0-9]+";

    /// One for tests: nothing set.
    #[cfg(test)]
    #[must_use]
    pub fn example() -> Self {
        use super::read;
        use crate::words::conf::ConfSection;
        let main = ConfSection::new("main", [("host", "192.0.2.1"), ("username", "u"), ("secret", "s")]);
        let off = |name| ConfSection::new(name, [("enabled", "no")]);
        let settings = read(&[main, off("sync"), off("dns")]).unwrap();
        settings.dialplan.unwrap()
    }

    /// The context in which a user dials who has this one on the main.
    #[must_use]
    pub fn door_of(&self, context_on_main: &str) -> String {
        self.classes.door_of(context_on_main, &self.context)
    }

    /// Every context in which users dial.
    #[must_use]
    pub fn doors(&self) -> Vec<Door> {
        self.classes.doors(&self.context)
    }

    /// Whether a public number that the main says may be dialled from here.
    #[must_use]
    pub fn may_dial(&self, public: &str) -> bool {
        let premium = self.premium.iter().any(|prefix| public.starts_with(prefix));
        !premium && self.public_numbers.is_match(public)
    }

    /// What goes out where this number is dialled: an emergency number without the prefix for an outside line. The
    /// carrier knows 911 and 112, and neither 9911 nor 0112.
    #[must_use]
    pub fn goes_out_as<'a>(&self, number: &'a str) -> &'a str {
        let is_one = |number: &str| self.emergency.iter().any(|known| known == number);
        if !is_one(number) {
            return number;
        }
        let behind = OUTSIDE_PREFIXES.iter().filter_map(|prefix| number.strip_prefix(prefix));
        behind.into_iter().find(|rest| is_one(rest) || EMERGENCY_NUMBERS.contains(rest)).unwrap_or(number)
    }

    /// Whether nobody but a person who dials it may call this number: for help, or at a price; with or without what is dialled
    /// for an outside line. `inside`: somebody of the company has it.
    #[must_use]
    pub fn bars(&self, number: &str, inside: bool) -> bool {
        let listed = |number: &str| self.emergency.iter().any(|known| known == number);
        if inside {
            return listed(number);
        }
        let behind = OUTSIDE_PREFIXES.iter().filter_map(|prefix| number.strip_prefix(prefix));
        std::iter::once(number).chain(behind).any(|form| {
            let premium = || self.premium.iter().any(|premium| form.starts_with(premium.as_str()));
            listed(form) || EMERGENCY_NUMBERS.contains(&form) || premium()
        })
    }

    /// The usual name of that variable.
    pub const PUBLIC_KEY: &'static str = "PUBLIC_NUMBER";
}

/// What is dialled before a number for an outside line, and what phones with a number in their address book put there.
const OUTSIDE_PREFIXES: [&str; 4] = ["0", "9", "8", "+"];
/// Emergency numbers of many countries, whichever of them are listed.
const EMERGENCY_NUMBERS: [&str; 5] = ["112", "911", "999", "000", "110"];

/// The administrator's own contexts, by the system that serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Whoever serves.
    pub always: Vec<String>,
    /// Only while the main serves.
    pub normal: Vec<String>,
    /// Only while the branch serves.
    pub failover: Vec<String>,
}

/// Which contexts are taken from the main, and what may be in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contexts {
    /// Names or regular expressions; none: no context is taken.
    pub chosen: Vec<String>,
    /// The file on the main.
    pub file: String,
    /// Applications besides those that are harmless.
    pub applications: Vec<String>,
    /// Functions besides those that are harmless.
    pub functions: Vec<String>,
}

/// A way out, as `Dial` takes it: the name of an endpoint, or a dial string with `${EXTEN}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk(String);

/// Stands for the number in a dial string.
const NUMBER: &str = "${EXTEN}";

impl Trunk {
    /// Takes what `res_synch.conf` says; none where it can't be dialled.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let rest = text.replace(NUMBER, "0");
        let whole = rest != text && rest.contains('/');
        let known =
            |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c) || (whole && "/@&:+".contains(c));
        let fits = !rest.is_empty() && rest.chars().all(known) && (whole || rest == text);
        fits.then(|| Self(text.to_owned()))
    }

    /// How `Dial` reaches a number over it.
    #[must_use]
    pub fn dial(&self, technology: Technology, number: &str) -> String {
        if self.0.contains(NUMBER) {
            return self.0.replace(NUMBER, number);
        }
        match technology {
            Technology::Pjsip => format!("PJSIP/{number}@{}", self.0),
            Technology::Sip => format!("SIP/{}/{number}", self.0),
        }
    }

    /// The device whose state tells whether it is there; none for a dial string of the administrator's own.
    #[must_use]
    pub fn device(&self, technology: Technology) -> Option<String> {
        let driver = match technology {
            Technology::Pjsip => "PJSIP",
            Technology::Sip => "SIP",
        };
        (!self.0.contains(NUMBER)).then(|| format!("{driver}/{}", self.0))
    }
}

impl fmt::Display for Trunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `[voicemail]`: the boxes of this site's users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voicemail {
    /// The file on the main.
    pub file: String,
    /// File name in Asterisk's configuration folder.
    pub output: String,
    /// Options of a box that are taken besides the usual ones.
    pub options: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_is_a_name_or_a_dial_string() {
        let dial = |text: &str, technology| Trunk::new(text).map(|trunk| trunk.dial(technology, "112"));
        assert_eq!(dial("gateway", Technology::Pjsip).as_deref(), Some("PJSIP/112@gateway"));
        assert_eq!(dial("gateway", Technology::Sip).as_deref(), Some("SIP/gateway/112"));
        assert_eq!(dial("DAHDI/g1/${EXTEN}", Technology::Pjsip).as_deref(), Some("DAHDI/g1/112"));
        for bad in
            ["", "PJSIP/gateway", "a,b", "a b", "${EXTEN}", "DAHDI/${SHELL(x)}/${EXTEN}", "a/${EXTEN},30"]
        {
            assert_eq!(Trunk::new(bad), None, "{bad}");
        }
    }
}
