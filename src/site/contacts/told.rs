//! The contacts in what the main answers, and the users whom its events are about.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{Contact, Refusal};
use crate::{settings::Technology, site::users::Document, uplink::ami::Frame};

/// The section that has them in what a main exports.
const EXPORTED: &[u8] = b"contacts";
/// Contacts of one user at most: a call rings all of them.
const MOST: usize = 4;

/// What the main told of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Where its phones are, the newest first.
    pub contacts: Vec<Contact>,
    /// Why one of its contacts is not dialled, where that is so.
    pub refused: Option<Refusal>,
    /// Seconds that the longest of its registrations still lasts.
    pub lasts: Option<u64>,
}

/// Out of the list that answers PJSIPShowEndpoint; `now` is the time of the main, in seconds since 1970.
#[must_use]
pub fn of_endpoint(items: &[Frame], now: i64) -> Told {
    let mut found: Vec<(i64, &Frame)> = items
        .iter()
        .filter(|item| text(item, "Event") == "ContactStatusDetail")
        .map(|item| (text(item, "RegExpire").parse().unwrap_or_default(), item))
        .collect();
    found.sort_by_key(|(expires, _)| Reverse(*expires));
    let mut told = Told::default();
    for (expires, item) in found {
        // A contact of the configuration has no end.
        let lasts = Some(expires).filter(|expires| *expires > 0);
        told.lasts =
            told.lasts.max(lasts.and_then(|expires| u64::try_from(expires.saturating_sub(now)).ok()));
        match Contact::parse(&text(item, "URI")) {
            Ok(contact) if told.contacts.len() < MOST => told.contacts.push(contact),
            Ok(_) => {}
            Err(refusal) => told.refused = Some(refusal),
        }
    }
    told
}

/// Out of what a main exports: of each user, where it is, the newest first.
#[must_use]
pub fn of_export(document: &Document<'_>) -> BTreeMap<String, Told> {
    let mut all: BTreeMap<String, Told> = BTreeMap::new();
    let sections = document.sections.iter().filter(|section| section.name == EXPORTED);
    for line in sections.flat_map(|section| &section.lines) {
        let told = all.entry(String::from_utf8_lossy(line.key).into_owned()).or_default();
        match Contact::parse(&String::from_utf8_lossy(line.value)) {
            Ok(contact) if told.contacts.len() < MOST => told.contacts.push(contact),
            Ok(_) => {}
            Err(refusal) => told.refused = Some(refusal),
        }
    }
    all
}

/// Out of the answer to SIPshowpeer.
#[must_use]
pub fn of_peer(answer: &Frame, user: &str) -> Told {
    let (host, port) = (text(answer, "Address-IP"), text(answer, "Address-Port"));
    // "(null)" while nobody is registered.
    let Some(seen) = Contact::of_name(user, &host, &port) else { return Told::default() };
    let contact = Contact::parse(&text(answer, "Reg-Contact")).unwrap_or(seen);
    // "15 seconds"
    let expires = text(answer, "RegExpire");
    let lasts = expires.split(' ').next().and_then(|seconds| seconds.parse().ok());
    Told { contacts: vec![contact], refused: None, lasts }
}

/// The user whose phone an event of the main is about; none where it is about something else.
#[must_use]
pub fn user_of_event(event: &Frame, technology: Technology) -> Option<String> {
    let name = text(event, "Event");
    match technology {
        Technology::Pjsip if name == "ContactStatus" => Some(text(event, "EndpointName")),
        Technology::Sip if name == "PeerStatus" => {
            text(event, "Peer").strip_prefix("SIP/").map(str::to_owned)
        }
        _ => None,
    }
}

fn text(frame: &Frame, name: &str) -> String {
    String::from_utf8_lossy(frame.get(name).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        Frame::new(text.replace('\n', "\r\n").into_bytes())
    }

    fn contact(uri: &str, expires: i64) -> Frame {
        frame(&format!("Event: ContactStatusDetail\nAOR: 1001\nURI: {uri}\nRegExpire: {expires}\n"))
    }

    fn shown(told: &Told) -> Vec<String> {
        told.contacts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_main_that_exports_tells_of_each_user_and_of_nobody_twice() {
        let lines: String =
            (0..9).map(|at| format!("Line-000000-{at:06}: 1001=sip:1001@10.0.0.{}:5060\n", at + 1)).collect();
        let answer = frame(&format!(
            "Response: Success\nCategory-000000: contacts\n{lines}Line-000000-000009: 1002=sip:x,y@10.0.0.3:5060\n\
             Category-000001: other\nLine-000001-000000: 1003=sip:1003@10.0.0.3:5060\n\n"
        ));
        let told = of_export(&Document::read_part(&answer).unwrap());
        assert_eq!(told.keys().collect::<Vec<_>>(), ["1001", "1002"]);
        assert_eq!(shown(&told["1001"]).first().map(String::as_str), Some("sip:1001@10.0.0.1:5060"));
        assert_eq!(told["1001"].contacts.len(), MOST);
        assert_eq!((told["1002"].contacts.len(), told["1002"].refused), (0, Some(Refusal::User)));
    }

    #[test]
    fn contacts_of_an_endpoint_the_newest_first() {
        let items = [
            frame("Event: AorDetail\nContacts: 1001/sip:1001@10.0.0.9:5060\n"),
            contact("sip:1001@10.0.0.1:5060", 1_000_010),
            contact("sip:1001@10.0.0.2:5060", 1_000_300),
            contact("sip:x,y@10.0.0.3:5060", 1_000_020),
            contact("sip:1001@10.0.0.4:5060", 0),
        ];
        let told = of_endpoint(&items, 1_000_000);
        let wanted = ["sip:1001@10.0.0.2:5060", "sip:1001@10.0.0.1:5060", "sip:1001@10.0.0.4:5060"];
        assert_eq!(shown(&told), wanted);
        assert_eq!((told.refused, told.lasts), (Some(Refusal::User), Some(300)));
        assert_eq!(of_endpoint(&items[..1], 0), Told::default());
        let many: Vec<Frame> = (1..9).map(|host| contact(&format!("sip:1001@10.0.0.{host}"), 1)).collect();
        assert_eq!(of_endpoint(&many, 0).contacts.len(), MOST);
    }

    #[test]
    fn no_time_of_the_main_is_too_odd() {
        let lasts = |expires, now| of_endpoint(&[contact("sip:1001@10.0.0.1:5060", expires)], now).lasts;
        assert_eq!(lasts(i64::MIN, 0), None);
        assert_eq!(lasts(1, i64::MAX), None);
        assert_eq!(lasts(i64::MAX, i64::MIN), Some(i64::MAX.unsigned_abs()));
    }

    #[test]
    fn a_peer_is_where_it_says_or_where_it_was_seen() {
        let answer = |contact: &str| {
            frame(&format!(
                "Response: Success\nRegExpire: 3600 seconds\nAddress-IP: 203.0.113.7\nAddress-Port: 6000\nReg-Contact: {contact}\n"
            ))
        };
        let told = of_peer(&answer("sip:1001-0x5@10.0.0.1:5060"), "1001");
        assert_eq!((shown(&told), told.lasts), (vec!["sip:1001-0x5@10.0.0.1:5060".to_owned()], Some(3600)));
        let told = of_peer(&answer("sip:1001@phone.lan:5060"), "1001");
        assert_eq!(shown(&told), ["sip:1001@203.0.113.7:6000"]);
        let away = frame("RegExpire: -1 seconds\nAddress-IP: (null)\nAddress-Port: 0\nReg-Contact: \n");
        assert_eq!(of_peer(&away, "1001"), Told::default());
    }

    #[test]
    fn events_name_their_user() {
        let pjsip = frame("Event: ContactStatus\nURI: sip:x@y\nAOR: a\nEndpointName: 1001\n");
        assert_eq!(user_of_event(&pjsip, Technology::Pjsip).as_deref(), Some("1001"));
        assert_eq!(user_of_event(&pjsip, Technology::Sip), None);
        let sip = frame("Event: PeerStatus\nChannelType: SIP\nPeer: SIP/1002\nPeerStatus: Registered\n");
        assert_eq!(user_of_event(&sip, Technology::Sip).as_deref(), Some("1002"));
        assert_eq!(user_of_event(&frame("Event: Reload\n"), Technology::Sip), None);
    }
}
