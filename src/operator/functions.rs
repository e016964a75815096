//! The dialplan functions: a name and an argument in, text out. `asterisk::functions` registers them. Pure.

use std::ffi::CStr;

use crate::{
    dialplan::{device, devices},
    operator::status::Snapshot,
    settings::{Dialplan, Technology},
    site::{call_settings::CallSetting, directory::is_number, users::User},
    words::{
        caller_id,
        state::{MonitorState, ServiceState, Target},
    },
};

/// What a function gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// This text.
    Text(String),
    /// `1` where the call came in from this device, or was sent on from one that did, else `0`.
    From(String),
    /// This mailbox, but for a call that somebody has sent on here: its message is for the one who was called.
    Mailbox(String),
    /// How `Dial` reaches those of these phones that are here now; empty where none is.
    Dial(Vec<Phone>),
    /// `1` where one of them is here, else `0`.
    Here(Vec<Phone>),
    /// Where a call to this number goes on to, as [`forward`] says of what the database has under it.
    Forward {
        /// The person's number.
        number: String,
        /// Which of the forwards.
        setting: CallSetting,
    },
    /// `1` where the person wants no call, or no second one while a device of his is in use, else `0`.
    Disturbed {
        /// The person's number.
        number: String,
        /// The person's devices.
        devices: Vec<String>,
    },
    /// Nothing: it was asked for what it doesn't know.
    Unknown(String),
}

/// The phone of a user, by what its channel driver knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phone {
    /// All contacts of this endpoint of res_pjsip.
    Contacts(String),
    /// This device of chan_sip.
    Device(String),
}

/// People whom one call may have been sent on by.
const MOST_FORWARDS: usize = 5;

/// How much longer than a phone a call rings that was sent on: whoever gets it may send it on once more.
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
pub const FUNCTIONS: [Function; 3] = [
    Function { name: c"SYNCH", synopsis: c"A state of synch, or the number of its users.", read: synch },
    Function { name: c"SYNCH_USER", synopsis: c"What synch knows of a user.", read: synch_user },
    Function {
        name: c"SYNCH_TRUNK",
        synopsis: c"How a number is dialled over a trunk of synch.",
        read: synch_trunk,
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
                "SYNCH({what}): it knows monitor, sync, service, mode, users, from_main, over_main, ring_time, \
                 forward_time, caller_id and refusal"
            ));
        }
    };
    Given::Text(text)
}

/// What the settings say of the dialplan; empty where they say nothing.
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
        _ => return Given::Unknown(format!("SYNCH_TRUNK({which},…): it knows main, local and second")),
    };
    let trunk = trunk.filter(|_| is_number(number));
    Given::Text(trunk.map(|trunk| trunk.dial(snapshot.technology(), number)).unwrap_or_default())
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
                "SYNCH_USER(…,{what}): it knows name, site, voicemail, public, device, hint, dial, here, known, context, \
                 forward, forward_busy, forward_unavailable and dnd"
            ));
        }
    };
    Given::Text(text.unwrap_or_default())
}

/// What a person has set counts here while the branch serves: else the main sees to it.
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

/// Whether the administrator lets calls go to this public number.
fn may_dial(snapshot: &Snapshot, public: &str) -> bool {
    snapshot.settings.dialplan.as_ref().is_none_or(|dialplan| dialplan.may_dial(public))
}

/// What the lamp of a number shows (`dialplan::hints`): the device of the user, else the hint of a context that was taken
/// from the main. A dialplan of the administrator's that asks before the user is known gets the device that he most likely
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
    hints.unwrap_or_else(|| if is_number(number) { device(technology, number) } else { String::new() })
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
mod tests {
    use super::*;
    use crate::{
        settings,
        site::directory::{Directory, Entry},
        words::conf::ConfSection,
    };

    #[test]
    fn a_phone_adds_neither_options_nor_functions_by_its_contact() {
        let good = "PJSIP/1001/sip:1001-0x55@10.77.1.11:5060;ob&PJSIP/1001/sip:1001@[2001:db8::1]:5060;transport=tcp";
        assert_eq!(harmless(good), good);
        for bad in [
            "PJSIP/1001/sip:1001,30,U(evil)@10.0.0.1",
            "PJSIP/1001/sip:\" + SHELL(\"id\") + \"@10.0.0.1",
            "PJSIP/1001/sip:${SHELL(id)}@10.0.0.1",
            "PJSIP/1001/sip:a?b@10.0.0.1",
            "Local/s@outbound",
        ] {
            assert_eq!(harmless(bad), "", "{bad}");
            assert_eq!(harmless(&format!("{bad}&{good}")), good, "{bad}");
        }
    }

    #[test]
    fn a_contact_of_several_endpoints_is_dialled_once_as_the_one_that_registered_it() {
        let (desk, web) = ("sip:299@10.0.0.1:5060", "sip:x7@10.0.0.2:5061;transport=ws");
        let dial = format!("PJSIP/desk/{desk}&PJSIP/desk/{web}&PJSIP/web/{desk}&PJSIP/web/{web}");
        let owner = |_: &str, contact: &str| Some(if contact == web { "web" } else { "desk" }.to_owned());
        assert_eq!(once_each(&dial, owner), format!("PJSIP/desk/{desk}&PJSIP/web/{web}"));
        assert_eq!(once_each(&dial, |_, _| None), format!("PJSIP/desk/{desk}&PJSIP/desk/{web}"));
        assert_eq!(once_each("", |_, _| None), "");
    }

    #[test]
    fn all_devices_of_a_person_are_dialled_and_are_one_lamp() {
        let mut snapshot = settings(&[]);
        let users = [User::new("8439201745", ""), User::new("301-cell", "Ann <301>"), User::new("301", "")];
        let mut users = users.to_vec();
        users[0].number = Some("201".to_owned());
        std::sync::Arc::make_mut(&mut snapshot.sync).users = users;
        let given = |argument: &str| synch_user(&snapshot, argument);
        let contacts = |names: &[&str]| {
            Given::Dial(names.iter().map(|name| Phone::Contacts((*name).to_owned())).collect())
        };
        assert_eq!(given("301,dial"), contacts(&["301-cell", "301"]));
        assert_eq!(given("301,hint"), Given::Text("PJSIP/301-cell&PJSIP/301".to_owned()));
        assert_eq!(given("201,dial"), contacts(&["8439201745"]));
        // The name of an account goes on to reach it.
        assert_eq!(given("8439201745,dial"), contacts(&["8439201745"]));
        assert_eq!(given("7,dial"), contacts(&[]));
    }

    fn settings(lines: &[(&str, &str)]) -> Snapshot {
        let mut snapshot = crate::operator::status::tests::snapshot();
        let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
        let off = |name| ConfSection::new(name, [("enabled", "no")]);
        let dialplan = ConfSection::new("dialplan", lines.iter().copied());
        snapshot.settings = settings::read(&[main, off("sync"), off("dns"), dialplan]).unwrap().into();
        snapshot
    }

    #[test]
    fn a_trunk_dials_numbers_and_nothing_else() {
        let trunks =
            [("main_trunk", "main"), ("local_trunk", "gw"), ("emergency_second", "DAHDI/g1/${EXTEN}")];
        let mut snapshot = settings(&trunks);
        snapshot.monitor.state = MonitorState::Stable;
        let trunk = |snapshot: &Snapshot, argument: &str| synch_trunk(snapshot, argument);
        let text = |text: &str| Given::Text(text.to_owned());
        assert_eq!(trunk(&snapshot, "main,2001"), text("PJSIP/2001@main"));
        assert_eq!(trunk(&snapshot, "local,+4930"), text("PJSIP/+4930@gw"));
        assert_eq!(trunk(&snapshot, "second,112"), text("DAHDI/g1/112"));
        for bad in ["local,", "local", "local,1&PJSIP/2", "local,1@x", "local,${SHELL(x)}"] {
            assert_eq!(trunk(&snapshot, bad), text(""), "{bad}");
        }
        use {MonitorState as M, ServiceState as S};
        let takes = [(M::Stable, S::Failover), (M::Unstable, S::Normal), (M::Init, S::Init)];
        let takes_none = [(M::Failed, S::Normal), (M::Unstable, S::Failover), (M::Init, S::Failover)];
        for ((monitor, service), dialled) in takes
            .map(|state| (state, "PJSIP/2001@main"))
            .into_iter()
            .chain(takes_none.map(|state| (state, "")))
        {
            (snapshot.monitor.state, snapshot.service.state) = (monitor, service);
            assert_eq!(trunk(&snapshot, "main,2001"), text(dialled), "{monitor}, {service}");
        }
        assert!(matches!(trunk(&snapshot, "other,1"), Given::Unknown(_)));
    }

    /// Kari's law, and offices where 0 is dialled first: both forms are listed, and the carrier knows one.
    #[test]
    fn an_emergency_number_goes_out_without_the_prefix_for_an_outside_line() {
        let snapshot = settings(&[
            ("local_trunk", "gw"),
            ("emergency", "112,911,9-911,0-112,0112,9999,0110,118,0118,933,+112"),
        ]);
        for (dialled, goes_out) in [
            ("112", "112"),
            ("911", "911"),
            ("9911", "911"),
            ("0112", "112"),
            ("9999", "999"),
            ("0110", "110"),
            ("0118", "118"),
            ("933", "933"),
            ("+112", "112"),
            // Not listed: no emergency, whatever it looks like.
            ("0911", "0911"),
        ] {
            let given = synch_trunk(&snapshot, &format!("local,{dialled}"));
            assert_eq!(given, Given::Text(format!("PJSIP/{goes_out}@gw")), "{dialled}");
        }
    }

    #[test]
    fn a_public_number_has_to_be_one_that_may_be_dialled() {
        let mut snapshot = settings(&[("premium", "+49900,0900")]);
        let people = [("2001", "+49301"), ("2002", "+499001"), ("2003", "09001"), ("2004", "*21#")];
        let entry = |(number, public)| Entry { number, name: "", site: "", public: Some(public) };
        let directory = Directory::new(people.map(entry)).unwrap();
        std::sync::Arc::make_mut(&mut snapshot.sync).directory = directory.into();
        for (number, public) in [("2001", "+49301"), ("2002", ""), ("2003", ""), ("2004", "")] {
            let given = synch_user(&snapshot, &format!("{number},public"));
            assert_eq!(given, Given::Text(public.to_owned()), "{number}");
        }
    }

    #[test]
    fn what_is_set_counts_while_the_branch_serves() {
        let mut snapshot = settings(&[]);
        let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
        let sync = ConfSection::new("sync", [("filter_value", "x")]);
        let off = ConfSection::new("dns", [("enabled", "no")]);
        snapshot.settings = settings::read(&[main, sync, off]).unwrap().into();
        let ann = User { number: Some("201".to_owned()), ..User::new("8439201745", "") };
        std::sync::Arc::make_mut(&mut snapshot.sync).users = vec![ann];
        let number = || "201".to_owned();
        let devices = vec!["PJSIP/8439201745".to_owned()];
        for (target, argument, given) in [
            (Target::Main, "201,forward", Given::Text(String::new())),
            (Target::Main, "201,dnd", Given::Text("0".to_owned())),
            (
                Target::Branch,
                "8439201745,forward_busy",
                Given::Forward { number: number(), setting: CallSetting::ForwardBusy },
            ),
            (Target::Branch, "201,dnd", Given::Disturbed { number: number(), devices }),
            (Target::Branch, "202,forward", Given::Text(String::new())),
            (Target::Branch, "202,dnd", Given::Text("0".to_owned())),
        ] {
            snapshot.service.target = target;
            assert_eq!(synch_user(&snapshot, argument), given, "{argument}");
        }
    }

    #[test]
    fn a_call_is_sent_on_but_not_in_a_circle_nor_to_where_nobody_has_dialled() {
        let mut snapshot = settings(&[("premium", "0900"), ("emergency", "112"), ("local_trunk", "gw")]);
        let entry = Entry { number: "090011", name: "Inside", site: "B", public: None };
        let directory = Directory::new([entry]).unwrap();
        std::sync::Arc::make_mut(&mut snapshot.sync).directory = directory.into();
        for (set, through, on) in [
            ("1002", "", "1002"),
            ("0171555", ":1003:1004", "0171555"),
            // A circle of one, of two, and a call that has been here.
            ("1001", "", ""),
            ("1002", ":1002", ""),
            ("1002", ":1001:1003", ""),
            ("1002", ":1:2:3:4:5", ""),
            ("112", "", ""),
            ("0900123", "", ""),
            // Behind what is dialled for an outside line.
            ("00900123", "", ""),
            ("0112", "", ""),
            ("9911", "", ""),
            ("090011", "", "090011"),
            ("", "", ""),
            ("1002&Local/x", "", ""),
        ] {
            assert_eq!(forward(&snapshot, "1001", set, through), on, "{set} after {through}");
        }
    }

    #[test]
    fn a_lamp_shows_the_users_device_or_the_one_that_he_will_most_likely_have() {
        let snapshot = settings(&[]);
        let hint = |number: &str| synch_user(&snapshot, &format!("{number},hint"));
        assert_eq!(hint("1001"), Given::Text("PJSIP/1001".to_owned()));
        assert_eq!(hint("1099"), Given::Text("PJSIP/1099".to_owned()));
        assert_eq!(hint("1&x"), Given::Text(String::new()));
    }

    #[test]
    fn a_name_calls_nothing_in_an_expression() {
        assert_eq!(inert("x\" + SHELL(\"id\") + \"y"), "x + SHELLid + y");
        assert_eq!(inert("Zoë ${EVAL(x)} Müller-Lüdenscheid"), "Zoë EVALx Müller-Lüdenscheid");
    }
}
