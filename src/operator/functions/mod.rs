//! The dialplan functions: a name and an argument in, text out. `asterisk::functions` registers them. Pure.

use std::ffi::CStr;

use crate::{
    dialplan::{device, devices},
    operator::status::Snapshot,
    settings::{Dialplan, Technology},
    site::{call_settings::CallSetting, users::User},
    words::{
        caller_id,
        number::is_number,
        state::{MonitorState, ServiceState, Target},
    },
};

/// The value of a function, or what the host has to look up for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// This text.
    Text(String),
    /// `1` if the call came in from this device or was forwarded by a call that did, else `0`.
    From(String),
    /// This mailbox, except for a forwarded call: its message is for the user who was called first.
    Mailbox(String),
    /// The dial string for those of these phones that are here now; empty if none is.
    Dial(Vec<Phone>),
    /// `1` if one of them is here, else `0`.
    Here(Vec<Phone>),
    /// Where a call to this number goes on to, as [`forward`] says of what the database has under it.
    Forward {
        /// The person's number.
        number: String,
        /// Which of the forwards.
        setting: CallSetting,
    },
    /// `1` if the person wants no call, or no second one while a device of theirs is in use, else `0`.
    Disturbed {
        /// The person's number.
        number: String,
        /// The person's devices.
        devices: Vec<String>,
    },
    /// The public number of this user where the user's site is lost; else nothing.
    Route(String),
    /// No value, because the argument is not known; with the text for the log.
    Unknown(String),
}

/// The phone of a user, as its channel driver knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phone {
    /// All contacts of this endpoint of res_pjsip.
    Contacts(String),
    /// This device of chan_sip.
    Device(String),
}

/// How many people may forward one call.
const MOST_FORWARDS: usize = 5;

/// How many times longer than a phone a forwarded call rings, because it may be forwarded once more.
const FORWARD_TIMES: u32 = 2;

/// A text of the main's without what an expression or an application would take for more than text: `$[…]` calls
/// functions that are in a value.
fn inert(text: &str) -> String {
    text.chars().filter(|letter| !"\"'`$\\()[]{},;|&^<>".contains(*letter)).collect()
}

/// The contacts of a dial string that can be dialled as they are. A phone says its contact itself: a comma in it would
/// begin the options of `Dial`, and an expression or a function would be carried out.
#[must_use]
pub fn harmless(dial: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/:;@.=_+~%!*[]-".contains(&byte);
    let contacts = dial.split('&').filter(|contact| !contact.is_empty() && contact.bytes().all(plain));
    contacts.filter(|contact| contact.starts_with("PJSIP/")).collect::<Vec<_>>().join("&")
}

/// Each contact of a dial string once: endpoints may share an AOR, and each of them names all that is registered there. It
/// is dialled as the endpoint that registered it, which `owner` knows of an endpoint that has the contact: another one might
/// ask it for encryption that it doesn't have.
#[must_use]
pub fn once_each(dial: &str, owner: impl Fn(&str, &str) -> Option<String>) -> String {
    let mut kept: Vec<(&str, &str, &str)> = Vec::new();
    for whole in dial.split('&') {
        let mut parts = whole.splitn(3, '/').skip(1);
        let (Some(endpoint), Some(contact)) = (parts.next(), parts.next()) else { continue };
        match kept.iter_mut().find(|(_, _, known)| *known == contact) {
            None => kept.push((whole, endpoint, contact)),
            Some(known) if owner(endpoint, contact).as_deref() == Some(endpoint) => {
                *known = (whole, endpoint, contact);
            }
            Some(_) => {}
        }
    }
    kept.into_iter().map(|(whole, _, _)| whole).collect::<Vec<_>>().join("&")
}

/// One function.
pub struct Function {
    /// Its name.
    pub name: &'static CStr,
    /// One line, where the XML documentation is not installed.
    pub synopsis: &'static CStr,
    /// What it gives.
    pub read: fn(&Snapshot, argument: &str) -> Given,
}

/// Every function.
pub const FUNCTIONS: [Function; 4] = [
    Function { name: c"SYNCH", synopsis: c"Returns a state or a setting of synch.", read: synch },
    Function { name: c"SYNCH_USER", synopsis: c"Returns what synch knows of a user.", read: synch_user },
    Function {
        name: c"SYNCH_TRUNK",
        synopsis: c"Returns the dial string of a number over a trunk of synch.",
        read: synch_trunk,
    },
    Function {
        name: c"SYNCH_ROUTE",
        synopsis: c"Returns the public number of a user whose branch is lost.",
        read: synch_route,
    },
];

/// `SYNCH(monitor|sync|service|mode|users|from_main|over_main|ring_time|forward_time|caller_id|refusal)`
fn synch(snapshot: &Snapshot, what: &str) -> Given {
    let text = match what.trim().to_ascii_lowercase().as_str() {
        "monitor" => snapshot.monitor.state.word().to_owned(),
        "sync" => snapshot.sync.state.word().to_owned(),
        "service" => snapshot.service.state.word().to_owned(),
        "mode" => snapshot.service.mode.word().to_owned(),
        "users" => snapshot.sync.users.len().to_string(),
        "from_main" => {
            let dialplan = snapshot.settings.dialplan.as_ref();
            let trunk = dialplan.and_then(|dialplan| dialplan.main_trunk.as_ref());
            let device = trunk.and_then(|trunk| trunk.device(snapshot.technology()));
            return device.map_or_else(|| Given::Text("0".to_owned()), Given::From);
        }
        "over_main" => {
            let dialplan = snapshot.settings.dialplan.as_ref();
            let trunk = dialplan.is_some_and(|dialplan| dialplan.main_trunk.is_some());
            u8::from(trunk && snapshot.service.state == ServiceState::Normal).to_string()
        }
        "ring_time" => of_dialplan(snapshot, |dialplan| Some(dialplan.ring_time.to_string())),
        "forward_time" => {
            of_dialplan(snapshot, |dialplan| Some((dialplan.ring_time * FORWARD_TIMES).to_string()))
        }
        "caller_id" => of_dialplan(snapshot, |dialplan| dialplan.caller_id.clone()),
        "refusal" => of_dialplan(snapshot, |dialplan| dialplan.refusal.clone()),
        _ => {
            return Given::Unknown(format!(
                "SYNCH has no '{what}'; it has monitor, sync, service, mode, users, from_main, over_main, ring_time, \
                 forward_time, caller_id and refusal"
            ));
        }
    };
    Given::Text(text)
}

/// Returns a value of the `[dialplan]` settings; empty if it is not set.
fn of_dialplan(snapshot: &Snapshot, value: fn(&Dialplan) -> Option<String>) -> String {
    snapshot.settings.dialplan.as_ref().and_then(value).unwrap_or_default()
}

/// Whether a call to the main is worth its wait: a main that is silent keeps a caller for half a minute. After a restart in
/// the middle of an outage it is not Failed yet, only not seen alive.
fn main_takes_calls(snapshot: &Snapshot) -> bool {
    match snapshot.monitor.state {
        MonitorState::Stable => true,
        MonitorState::Failed => false,
        MonitorState::Init | MonitorState::Unstable => snapshot.service.state != ServiceState::Failover,
    }
}

/// `SYNCH_TRUNK(main|local|second,number)`: empty where there is no such trunk, or the number is none; for the main also
/// while it is known to take no calls.
fn synch_trunk(snapshot: &Snapshot, argument: &str) -> Given {
    let (which, number) = argument.split_once(',').unwrap_or((argument, ""));
    let number = number.trim();
    let dialplan = snapshot.settings.dialplan.as_ref();
    let goes_out = |number| dialplan.map_or(number, |dialplan| dialplan.goes_out_as(number));
    let which = which.trim().to_ascii_lowercase();
    let number = if which == "main" { number } else { goes_out(number) };
    let trunk = match which.as_str() {
        "main" => {
            dialplan.and_then(|dialplan| dialplan.main_trunk.as_ref()).filter(|_| main_takes_calls(snapshot))
        }
        "local" => dialplan.and_then(|dialplan| dialplan.local_trunk.as_ref()),
        "second" => dialplan.and_then(|dialplan| dialplan.emergency_second.as_ref()),
        _ => return Given::Unknown(format!("SYNCH_TRUNK has no '{which}'; it has main, local and second")),
    };
    let trunk = trunk.filter(|_| is_number(number));
    Given::Text(trunk.map(|trunk| trunk.dial(snapshot.technology(), number)).unwrap_or_default())
}

/// `SYNCH_ROUTE(number)`, on a main: empty as long as the user's branch is there.
fn synch_route(_: &Snapshot, argument: &str) -> Given {
    Given::Route(argument.trim().to_owned())
}

/// `SYNCH_USER(number,name|site|voicemail|public|device|hint|dial|here|known|context|forward|forward_busy|`
/// `forward_unavailable|dnd)`: empty, or 0, for a number that nobody has.
fn synch_user(snapshot: &Snapshot, argument: &str) -> Given {
    let (number, what) = argument.split_once(',').unwrap_or((argument, "name"));
    let (number, what) = (number.trim(), what.trim().to_ascii_lowercase());
    let users = snapshot.sync.users_of(number);
    let user = users.first();
    let entry = snapshot.sync.directory.get(number);
    let technology = snapshot.technology();
    let text = match what.as_str() {
        "name" => match user {
            Some(user) => Some(inert(&caller_id::name(&user.callerid))),
            None => entry.map(|entry| inert(entry.name)),
        },
        "site" => entry.map(|entry| inert(entry.site)),
        "public" => entry
            .and_then(|entry| entry.public)
            .filter(|public| may_dial(snapshot, public))
            .map(str::to_owned),
        "voicemail" => {
            let number = user.and_then(|user| user.number.as_deref()).unwrap_or(number);
            let mailbox = snapshot.sync.boxes.get(number).cloned();
            return mailbox.map_or_else(|| Given::Text(String::new()), Given::Mailbox);
        }
        "known" => Some(known(snapshot, &users)),
        "device" => user.map(|user| device(technology, &user.name)),
        "context" => user.map(|user| user.context.clone()),
        "forward" => return forwards(snapshot, user, CallSetting::Forward),
        "forward_busy" => return forwards(snapshot, user, CallSetting::ForwardBusy),
        "forward_unavailable" => return forwards(snapshot, user, CallSetting::ForwardUnavailable),
        "dnd" => return disturbed(snapshot, &users),
        "hint" => Some(hint(snapshot, number)),
        "dial" | "here" => {
            let phone = |user: &&User| match technology {
                Technology::Pjsip => Phone::Contacts(user.name.clone()),
                Technology::Sip => Phone::Device(device(technology, &user.name)),
            };
            let phones = users.iter().map(phone).collect();
            return if what == "dial" { Given::Dial(phones) } else { Given::Here(phones) };
        }
        _ => {
            return Given::Unknown(format!(
                "SYNCH_USER has no '{what}'; it has \
                 name, site, voicemail, public, device, hint, dial, here, known, context, \
                 forward, forward_busy, forward_unavailable and dnd"
            ));
        }
    };
    Given::Text(text.unwrap_or_default())
}

/// What a person has set applies here only while the branch serves; else the main applies it.
fn has_say(snapshot: &Snapshot) -> bool {
    snapshot.service.target == Target::Branch
        && snapshot.settings.sync.as_ref().is_some_and(|sync| sync.call_settings)
}

fn forwards(snapshot: &Snapshot, user: Option<&&User>, setting: CallSetting) -> Given {
    let number = user.and_then(|user| user.number.clone()).filter(|_| has_say(snapshot));
    number.map_or_else(|| Given::Text(String::new()), |number| Given::Forward { number, setting })
}

fn disturbed(snapshot: &Snapshot, users: &[&User]) -> Given {
    let number = users.first().and_then(|user| user.number.clone()).filter(|_| has_say(snapshot));
    let devices = users.iter().map(|user| device(snapshot.technology(), &user.name)).collect();
    number.map_or_else(|| Given::Text("0".to_owned()), |number| Given::Disturbed { number, devices })
}

/// Where a call to `number` goes on to that has come `through` these numbers (`:1001:1002`), given what is set. Not to an
/// emergency number or an expensive one: nobody has dialled it. Nor in a circle.
#[must_use]
pub fn forward(snapshot: &Snapshot, number: &str, set: &str, through: &str) -> String {
    let seen = || through.split(':').filter(|seen| !seen.is_empty());
    let circles = set == number || seen().any(|seen| seen == number || seen == set);
    let inside = snapshot.sync.user(set).is_some() || snapshot.sync.directory.get(set).is_some();
    let barred = snapshot.settings.dialplan.as_ref().is_some_and(|dialplan| dialplan.bars(set, inside));
    if !is_number(set) || circles || seen().count() >= MOST_FORWARDS || barred {
        return String::new();
    }
    set.to_owned()
}

/// Returns whether the administrator allows calls to this public number.
fn may_dial(snapshot: &Snapshot, public: &str) -> bool {
    snapshot.settings.dialplan.as_ref().is_none_or(|dialplan| dialplan.may_dial(public))
}

/// What the lamp of a number shows (`dialplan::hints`): the device of the user, else the hint of a context that was taken
/// from the main, else the device of a person at another site. A dialplan of the administrator's that asks before the user is known gets the device that he most likely
/// will have.
fn hint(snapshot: &Snapshot, number: &str) -> String {
    let technology = snapshot.technology();
    let users = snapshot.sync.users_of(number);
    if !users.is_empty() {
        return devices(technology, users);
    }
    let extensions = snapshot.sync.contexts.iter().flat_map(|context| &context.extensions);
    let hints =
        extensions.filter(|extension| extension.pattern == number).find_map(|found| found.hint.clone());
    let told = || snapshot.state.folk.people.get(number).map(|person| person.device.clone());
    hints
        .or_else(told)
        .unwrap_or_else(|| if is_number(number) { device(technology, number) } else { String::new() })
}

/// How `Dial` reaches users where the main last knew the phone; none while the main serves, which knows better.
fn known(snapshot: &Snapshot, users: &[&User]) -> String {
    if snapshot.service.target != Target::Branch {
        return String::new();
    }
    let technology = snapshot.technology();
    let dials = users.iter().flat_map(|user| {
        let contacts = snapshot.phones.book.get(&user.name).map(|known| &known.contacts);
        contacts.into_iter().flatten().filter_map(|contact| contact.dial(technology, &user.name))
    });
    dials.collect::<Vec<String>>().join("&")
}

#[cfg(test)]
mod tests;
