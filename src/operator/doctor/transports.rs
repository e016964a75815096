//! Checks that phones can register here: over the transport that they use at the main, and at the port that DNS tells them.

use std::{collections::BTreeMap, net::IpAddr};

use super::{Findings, Level, Report};
use crate::{
    operator::status::Snapshot,
    settings::{Dns, Offer, Technology},
    site::users::{Fate, Kind, Origin, Tailored, User},
    uplink::sip::places::{Over, Place},
    words::conf::is_yes,
    words::{
        state::Target,
        wording::{counted, some_of},
    },
};

impl Report {
    pub(super) fn transports(&mut self, findings: &Findings, snapshot: &Snapshot) {
        let main = findings.main.as_ref().map_or(&[][..], |main| &main.places);
        for (over, users) in unreachable(snapshot, &findings.places, main) {
            let text = told(over, &users, snapshot.technology());
            // A page of the main's own, as a rule, which is gone with it.
            let level = if over == Over::WebSocket { Level::Warning } else { Level::Broken };
            self.say(level, "transports", text);
        }
        let Some(dns) = &snapshot.settings.dns else { return };
        for problem in wrong_ports(dns, Target::Branch, &findings.places) {
            self.say(Level::Broken, "transports", problem);
        }
        // A proxy or a router may stand before the main.
        let host: Option<IpAddr> = snapshot.settings.main.as_ref().and_then(|main| main.host.parse().ok());
        let itself = host.is_some_and(|host| dns.target_normal == [host]);
        for problem in wrong_ports(dns, Target::Main, if itself { main } else { &[] }) {
            self.say(Level::Warning, "transports", problem);
        }
    }
}

/// Returns a text for each port that DNS tells the phones and at which that system, by its own file, does not listen.
#[must_use]
pub fn wrong_ports(dns: &Dns, target: Target, places: &[Place]) -> Vec<String> {
    let (system, key) = match target {
        Target::Main => ("main", "transports"),
        Target::Branch => ("branch", "transports_failover"),
    };
    let problem = |offer: &Offer| {
        let (over, told) = (Over::from(offer.transport), offer.port(target));
        let ports: Vec<String> = places
            .iter()
            .filter(|place| place.over == over)
            .filter_map(|place| Some(place.port?.to_string()))
            .collect();
        (!ports.is_empty() && !ports.contains(&told.to_string())).then(|| {
            format!(
                "[dns] tells phones that the {system} accepts {over} at port {told}, but its configuration says {}: \
                 correct [dns] {key}, or the port on the {system}",
                ports.join(" and ")
            )
        })
    };
    dns.transports.iter().filter_map(problem).collect()
}

/// Returns the users who need a transport that this branch lacks, by that transport. It is the one that the phone uses at the
/// main, or else the one that the main sets for it. `here` are the places of the branch, `main` those of the main.
#[must_use]
pub fn unreachable<'a>(
    snapshot: &'a Snapshot,
    here: &[Place],
    main: &[Place],
) -> BTreeMap<Over, Vec<&'a str>> {
    if here.is_empty() {
        // Nobody could read where it takes SIP, or the file doesn't say.
        return BTreeMap::new();
    }
    let has = |over: Over| here.iter().any(|place| place.over == over);
    let mut users: BTreeMap<Over, Vec<&str>> = BTreeMap::new();
    for user in &snapshot.sync.users {
        let needs = needs(snapshot, user, main);
        if needs.iter().any(|over| has(*over)) {
            continue;
        }
        if let Some(over) = needs.first() {
            users.entry(*over).or_default().push(&user.name);
        }
    }
    users
}

/// Returns the transports of which a user needs one. Empty if nothing is known.
fn needs(snapshot: &Snapshot, user: &User, main: &[Place]) -> Vec<Over> {
    if let Some(known) = snapshot.phones.book.get(&user.name) {
        return known.contacts.iter().map(|contact| contact.transport().into()).collect();
    }
    let mut accounts = snapshot.sync.sections.iter();
    let is_user = |section: &&Tailored| section.kind.is_account() && section.name == user.name;
    let Some(account) = accounts.find(is_user) else { return Vec::new() };
    if on_main(account, "webrtc").is_some_and(|value| is_yes(value.as_bytes())) {
        return vec![Over::WebSocket];
    }
    let Some(said) = on_main(account, "transport") else { return Vec::new() };
    match account.kind {
        Kind::Peer => said.split(',').filter_map(Over::from_word).collect(),
        _ => main.iter().filter(|place| place.name == said.trim()).map(|place| place.over).collect(),
    }
}

/// Returns the last value that the main gives to an option, even if it is not taken.
fn on_main<'a>(section: &'a Tailored, key: &str) -> Option<&'a str> {
    let value = |fate: &'a Fate| match &fate.origin {
        Origin::Main | Origin::Dropped { .. } => Some(&*fate.value),
        Origin::Rewritten { was, .. } => was.as_deref(),
    };
    section.options.iter().filter(|fate| fate.key.eq_ignore_ascii_case(key)).filter_map(value).next_back()
}

/// Returns the text about users who can't register here, with what to do.
#[must_use]
pub fn told(over: Over, users: &[&str], technology: Technology) -> String {
    let remedy = match (technology, over) {
        (Technology::Pjsip, Over::WebSocket) => {
            "a section with type = transport and protocol = wss in pjsip.conf, and http.conf".to_owned()
        }
        (Technology::Pjsip, over) => {
            let word = over.to_string().to_ascii_lowercase();
            format!(
                "a section with type = transport and protocol = {word} in pjsip.conf, and {word} in [dns] transports"
            )
        }
        (Technology::Sip, Over::WebSocket) => "http.conf and res_http_websocket.so".to_owned(),
        (Technology::Sip, over) => {
            let word = over.to_string().to_ascii_lowercase();
            format!("{word}enable = yes in sip.conf, and {word} in [dns] transports")
        }
    };
    format!(
        "{} can't register here in an outage, because this Asterisk does not accept SIP over {over} ({}). It needs {remedy}",
        counted(users.len(), "phone"),
        some_of(users)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        operator::status::tests::snapshot, settings, site::contacts::Contact, words::conf::ConfSection,
    };

    #[test]
    fn a_port_that_phones_are_told_is_one_where_the_system_listens() {
        let dns = |transports: &str, failover: &str| {
            let main = ConfSection::new("main", [("host", "192.0.2.1"), ("username", "u"), ("secret", "s")]);
            let off = ConfSection::new("sync", [("enabled", "no")]);
            let dns = [
                ("bind", "192.0.2.2"),
                ("domain", "voice.example.com"),
                ("target_normal", "192.0.2.1"),
                ("target_failover", "192.0.2.2"),
                ("transports", transports),
                ("transports_failover", failover),
            ];
            let dns = ConfSection::new("dns", dns.into_iter().filter(|(_, value)| !value.is_empty()));
            settings::read(&[main, off, dns]).unwrap().dns.unwrap()
        };
        let place = |over, port| Place { name: "x".to_owned(), over, port: Some(port) };
        let here = [place(Over::Udp, 5160), place(Over::Tcp, 5060)];
        let problems = wrong_ports(&dns("", ""), Target::Branch, &here);
        assert!(
            matches!(problems.as_slice(), [one] if one.contains("5060") && one.contains("5160")),
            "{problems:?}"
        );
        assert_eq!(wrong_ports(&dns("udp", "udp:5160"), Target::Branch, &here), [""; 0]);
        assert_eq!(wrong_ports(&dns("udp", "udp:5160"), Target::Main, &[place(Over::Udp, 5060)]), [""; 0]);
        // What nobody has read is not wrong.
        assert_eq!(wrong_ports(&dns("udp,tcp", ""), Target::Main, &[]), [""; 0]);
    }

    fn tailored(name: &str, key: &str, value: &str) -> Tailored {
        let fate = Fate {
            key: key.into(),
            value: value.into(),
            origin: Origin::Dropped { why: "of the main alone" },
        };
        Tailored { kind: Kind::Endpoint, name: name.into(), file: "pjsip.conf".into(), options: vec![fate] }
    }

    #[test]
    fn whoever_can_not_come_is_known_by_his_phone_else_by_what_the_main_says() {
        let mut snapshot = snapshot();
        let sync = Arc::make_mut(&mut snapshot.sync);
        sync.users = ["1001", "1002", "1003", "1004", "1005"].map(|name| User::new(name, "")).to_vec();
        sync.sections = Arc::from([
            tailored("1001", "transport", "tls-of-main"),
            tailored("1002", "transport", "tcp-of-main"),
            tailored("1003", "webrtc", "yes"),
            tailored("1004", "transport", "tls-of-main"),
            tailored("1005", "transport", "gone"),
        ]);
        // Whatever the main says of it: this phone is there over UDP.
        let udp = Contact::parse("sip:1004@192.0.2.7:5060").unwrap();
        Arc::make_mut(&mut Arc::make_mut(&mut snapshot.phones).book).take(
            "1004",
            vec![udp],
            "20260102030405",
        );
        let place = |name: &str, over| Place { name: name.to_owned(), over, port: Some(5060) };
        let main = [place("tls-of-main", Over::Tls), place("tcp-of-main", Over::Tcp)];
        let here = [place("udp", Over::Udp), place("tcp", Over::Tcp)];
        let found = unreachable(&snapshot, &here, &main);
        assert_eq!(found, [(Over::Tls, vec!["1001"]), (Over::WebSocket, vec!["1003"])].into());
        let text = told(Over::Tls, &["1001"], Technology::Pjsip);
        assert!(text.contains("1001") && text.contains("protocol = tls") && text.contains("[dns]"), "{text}");
        let tcp = Contact::parse("sip:1004@192.0.2.7:5060;transport=TLS").unwrap();
        Arc::make_mut(&mut Arc::make_mut(&mut snapshot.phones).book).take(
            "1004",
            vec![tcp],
            "20260102030405",
        );
        assert_eq!(unreachable(&snapshot, &here, &main)[&Over::Tls], ["1001", "1004"]);
    }
}
