//! The dialplan functions: a name and an argument in, text out. `asterisk::functions` registers them. Pure.

use std::ffi::CStr;

use crate::{dialplan::device, directory::caller_id, settings::Technology, state::Target, status::Snapshot};

/// What a function gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// This text.
    Text(String),
    /// `1` where the call came in from this device, else `0`.
    From(String),
    /// How `Dial` reaches this phone now; empty where it isn't here.
    Dial(Phone),
    /// `1` where it is here, else `0`.
    Here(Phone),
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
pub const FUNCTIONS: [Function; 2] = [
    Function { name: c"SYNCH", synopsis: c"A state of synch, or the number of its users.", read: synch },
    Function { name: c"SYNCH_USER", synopsis: c"What synch knows of a user.", read: synch_user },
];

/// `SYNCH(monitor|sync|service|mode|users|from_main)`
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
        _ => {
            return Given::Unknown(format!(
                "SYNCH({what}): it knows monitor, sync, service, mode, users and from_main"
            ));
        }
    };
    Given::Text(text)
}

/// `SYNCH_USER(number,name|site|voicemail|public|device|dial|here|known)`: empty, or 0, for a number that nobody has.
fn synch_user(snapshot: &Snapshot, argument: &str) -> Given {
    let (number, what) = argument.split_once(',').unwrap_or((argument, "name"));
    let (number, what) = (number.trim(), what.trim().to_ascii_lowercase());
    let user = snapshot.sync.user(number);
    let entry = snapshot.sync.directory.get(number);
    let technology = snapshot.technology();
    let text = match what.as_str() {
        "name" => match user {
            Some(user) => Some(inert(&caller_id::name(&user.callerid))),
            None => entry.map(|entry| inert(entry.name)),
        },
        "site" => entry.map(|entry| inert(entry.site)),
        "public" => entry.and_then(|entry| entry.public).map(str::to_owned),
        "voicemail" => snapshot.sync.boxes.get(number).cloned(),
        "known" => user.and_then(|user| known(snapshot, &user.name)),
        "device" => user.map(|user| device(technology, &user.name)),
        "dial" | "here" => {
            let Some(user) = user else {
                return Given::Text(if what == "dial" { "" } else { "0" }.to_owned());
            };
            let phone = match technology {
                Technology::Pjsip => Phone::Contacts(user.name.clone()),
                Technology::Sip => Phone::Device(device(technology, &user.name)),
            };
            return if what == "dial" { Given::Dial(phone) } else { Given::Here(phone) };
        }
        _ => {
            return Given::Unknown(format!(
                "SYNCH_USER(…,{what}): it knows name, site, voicemail, public, device, dial, here and known"
            ));
        }
    };
    Given::Text(text.unwrap_or_default())
}

/// How `Dial` reaches a user where the main last knew the phone; none while the main serves, which knows better.
fn known(snapshot: &Snapshot, user: &str) -> Option<String> {
    let known = snapshot.phones.book.get(user).filter(|_| snapshot.service.target == Target::Branch)?;
    let technology = snapshot.technology();
    let dials: Vec<String> =
        known.contacts.iter().filter_map(|contact| contact.dial(technology, user)).collect();
    Some(dials.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_name_calls_nothing_in_an_expression() {
        assert_eq!(inert("x\" + SHELL(\"id\") + \"y"), "x + SHELLid + y");
        assert_eq!(inert("Zoë ${EVAL(x)} Müller-Lüdenscheid"), "Zoë EVALx Müller-Lüdenscheid");
    }
}
