//! `[dialplan]`: what the users of this site can dial.

use std::fmt;

use regex::RegexBuilder;

use super::{
    Classes, Door, Expression, Technology,
    value::{self, MAX_FILTER_SIZE},
    walk::{Keys, Row, group, key, rows, section, switched},
};

/// Where the users dial.
const USUAL_CONTEXT: &str = "synch-internal";
/// Other contexts of that beginning are ours.
const OWN_PREFIX: &str = "synch-";
/// A phone that rings for an hour is never answered.
const HOUR: u32 = 3600;

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
    /// `[dialplan]`, and `[classes]`, which is looked at even where nobody dials by it.
    pub(super) fn sections(
        keys: &mut dyn Keys,
        in_force: Option<&Option<Self>>,
        by_default: bool,
    ) -> Option<Option<Self>> {
        let dialplan = switched(by_default, "dialplan", Self::rows).walk("dialplan", keys, in_force);
        let in_force = in_force.and_then(Option::as_ref).map(|dialplan| &dialplan.classes);
        let classes = section("classes", Classes::rows).walk("classes", keys, in_force);
        match (dialplan?, classes?) {
            (Some(dialplan), classes) => Some(Some(Self { classes, ..dialplan })),
            (None, _) => Some(None),
        }
    }

    fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        let trunk = "the name of an endpoint or peer, or a dial string such as DAHDI/g1/${EXTEN}";
        let whole = "a regular expression that a whole number has to match";
        rows!(
            keys,
            in_force,
            Dialplan {
                context: key::text("a context of letters, digits, '_', '.' and '-'", own_context)
                    .or(USUAL_CONTEXT.to_owned()),
                ring_time: key::number(30, 1..=HOUR),
                main_trunk: key::maybe(trunk, Trunk::new),
                local_trunk: key::maybe(trunk, Trunk::new),
                caller_id: key::maybe("a number of digits and '+'", value::number),
                emergency: key::whole_list("numbers, separated by commas", emergency_numbers).or(Vec::new()),
                emergency_second: key::maybe(trunk, Trunk::new),
                outside: group(Outside::rows),
                refusal: key::maybe("the name of a sound without its ending", value::sound),
                public_key: key::text("the name of a variable", value::option)
                    .or(Self::PUBLIC_KEY.to_owned()),
                public_numbers: key::text(whole, Expression::new).or(Expression::new(Self::PUBLIC_NUMBERS)),
                premium: key::list("beginnings of numbers, separated by commas", value::number),
                contexts: group(Contexts::rows),
                // They have a section of their own, behind this one.
                classes: group(|_, _| Some(Classes::default())),
            },
            have_a_way_out(keys, emergency.as_deref(), local_trunk.as_ref()),
        )
    }

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

fn own_context(text: &str) -> Option<String> {
    value::context(text).filter(|name| name == USUAL_CONTEXT || !name.starts_with(OWN_PREFIX))
}

/// As people write them: `9-911` is what phones dial as 9911. Each once.
fn emergency_numbers(text: &str) -> Option<Vec<String>> {
    let mut numbers = Vec::new();
    for number in value::each_of(text, |number| value::number(&number.replace(['-', ' ', '.', '/'], "")))? {
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    Some(numbers)
}

fn have_a_way_out(keys: &mut dyn Keys, emergency: Option<&[String]>, local_trunk: Option<&Option<Trunk>>) {
    if emergency.is_some_and(|numbers| !numbers.is_empty()) && local_trunk == Some(&None) {
        keys.error(&"emergency", &"needs a local_trunk: these numbers go out over it");
    }
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

impl Outside {
    fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        let contexts = || key::list("contexts, separated by commas", value::context);
        rows!(
            keys,
            in_force,
            Outside {
                always: contexts().named("outside"),
                normal: contexts().named("outside_normal"),
                failover: contexts().named("outside_failover"),
            },
        )
    }
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

impl Contexts {
    fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        let names = "names, separated by commas";
        rows!(
            keys,
            in_force,
            Contexts {
                chosen: key::list("names or regular expressions, separated by commas", expression)
                    .named("contexts"),
                file: key::text("a configuration file on the main", value::file_on_main)
                    .named("contexts_file")
                    .or("extensions.conf".to_owned()),
                applications: key::list(names, value::option).named("allow_applications"),
                functions: key::list(names, value::option).named("allow_functions"),
            },
        )
    }
}

fn expression(text: &str) -> Option<String> {
    RegexBuilder::new(text).size_limit(MAX_FILTER_SIZE).build().ok().map(|_| text.to_owned())
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
