//! What contexts of the main lead to that has to be on this machine: mailboxes, queues, sounds and phones. Pure.
//!
//! Only what is written out is looked at: what a variable says is known in a call.

use std::{collections::BTreeMap, fmt};

use super::{Context, Step};
use crate::settings::Technology;

/// Something that a step needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A mailbox, `number@context`.
    Mailbox(String),
    /// A queue.
    Queue(String),
    /// A sound.
    Sound(String),
    /// An endpoint or peer.
    Phone(String),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(name) => write!(f, "mailbox {name}"),
            Self::Queue(name) => write!(f, "queue {name}"),
            Self::Sound(name) => write!(f, "sound {name}"),
            Self::Phone(name) => write!(f, "phone {name}"),
        }
    }
}

/// All that these contexts need, each with the first place that does: `700 in site-a`.
#[must_use]
pub fn needs(contexts: &[Context], technology: Technology) -> BTreeMap<Need, String> {
    let mut needs = BTreeMap::new();
    for context in contexts {
        for extension in &context.extensions {
            for need in extension.steps.iter().flat_map(|step| of(step, technology)) {
                let place = || format!("{} in {}", extension.pattern, context.name);
                needs.entry(need).or_insert_with(place);
            }
        }
    }
    needs
}

fn of(step: &Step, technology: Technology) -> Vec<Need> {
    let first = step.arguments.split(',').next().unwrap_or_default().trim();
    let all = || first.split('&').map(str::trim).filter(|name| !name.is_empty() && !name.contains('$'));
    match step.application.to_ascii_lowercase().as_str() {
        // One that names a context alone asks for the number.
        "voicemail" | "voicemailmain" => {
            all().filter(|name| !name.starts_with('@')).map(mailbox).map(Need::Mailbox).collect()
        }
        "queue" => all().map(|name| Need::Queue(name.to_owned())).collect(),
        "playback" | "background" => {
            // One with a scheme is fetched, and one with a path is where the administrator put it.
            all().filter(|name| !name.contains(':')).map(|name| Need::Sound(name.to_owned())).collect()
        }
        "dial" => all().filter_map(|device| phone(device, technology)).map(Need::Phone).collect(),
        _ => Vec::new(),
    }
}

/// app_voicemail takes a box without a context for one of `default`.
fn mailbox(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@default") }
}

/// `PJSIP/1001`, `PJSIP/1001/sip:…`, `PJSIP/0301234@trunk`; none of another driver.
fn phone(device: &str, technology: Technology) -> Option<String> {
    let (driver, rest) = device.split_once('/')?;
    if !driver.eq_ignore_ascii_case(technology.driver()) {
        return None;
    }
    let name = rest.split('/').next().unwrap_or_default();
    let name = name.split_once('@').map_or(name, |(_, trunk)| trunk);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::Extension;

    #[test]
    fn what_is_written_out_is_found_once_with_its_first_place() {
        let mut group = Extension { pattern: "700".to_owned(), ..Extension::default() };
        group.then("Dial", "PJSIP/1001&PJSIP/2001&Local/5@x&PJSIP/030@trunk&PJSIP/${X},20");
        group.then("VoiceMail", "700&701@sales&${BOX},u");
        let mut rest = Extension { pattern: "_7[12]X".to_owned(), ..Extension::default() };
        rest.then("Queue", "support,t");
        rest.then("Playback", "custom/closed&beep&http://192.0.2.1/a.wav,noanswer");
        rest.then("Dial", "PJSIP/1001");
        rest.then("NoOp", "Queue(x)");
        rest.then("VoiceMailMain", "@default");
        rest.then("Dial", "PJSIP/1001/sip:1001@192.0.2.1:5060");
        let context =
            Context { name: "site-a".to_owned(), extensions: vec![group, rest], ..Context::default() };
        let found = needs(&[context], Technology::Pjsip);
        let text: Vec<String> = found.iter().map(|(need, place)| format!("{need}: {place}")).collect();
        assert_eq!(
            text,
            [
                "mailbox 700@default: 700 in site-a",
                "mailbox 701@sales: 700 in site-a",
                "queue support: _7[12]X in site-a",
                "sound beep: _7[12]X in site-a",
                "sound custom/closed: _7[12]X in site-a",
                "phone 1001: 700 in site-a",
                "phone 2001: 700 in site-a",
                "phone trunk: 700 in site-a",
            ]
        );
    }
}
