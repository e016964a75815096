//! Checks what is shared with other sites: the broker, its access list, and what the sites say together.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Broker, BrokerThere, ForeignTopic, Level, OwnTopic, Report};
use crate::{
    operator::status::{StateLine, StateStatus, twin},
    peers::{
        DeviceState,
        exchange::{Folk, Twice},
        people,
    },
    settings::{Pattern, State},
    words::wording::{counted, some_of},
};

/// Sites up to which nobody has to choose.
const MANY_SITES: usize = 50;
/// What a site of 50 phones costs whoever takes its states: 750 changes an hour, each of 179 octets.
const KILOBYTES_AN_HOUR: usize = 134;

/// The lines of mosquitto's access list, as in `docs/mosquitto/synch.acl`.
const WRITE_OWN: &str = "pattern readwrite synch/1/%u/#";
const READ_ALL: &str = "pattern read synch/1/#";

impl Report {
    pub(super) fn broker(&mut self, broker: &Broker, state: &State) {
        for (host, problem) in &broker.away {
            match &broker.there {
                Some(there) => {
                    let text = format!("{host}: {problem}. {} is used meanwhile", there.host);
                    self.say(Level::Warning, "broker", text);
                }
                None => self.say(Level::Broken, "broker", format!("{host}: {problem}")),
            }
        }
        let Some(there) = &broker.there else { return };
        let BrokerThere { host, version, answer_ms, .. } = there;
        self.say(
            Level::Fine,
            "broker",
            format!("{host} answers in {answer_ms} ms over {version} and accepts the login"),
        );
        self.tls(there, state);
        self.own_topic(broker, there);
        self.foreign_topic(there);
    }

    fn tls(&mut self, there: &BrokerThere, state: &State) {
        let host = &there.host;
        let (level, text) = match &state.tls {
            Some(tls) if tls.verify => {
                (Level::Fine, format!("the connection is encrypted, and {host} has proved who it is"))
            }
            Some(_) => (
                Level::Warning,
                format!(
                    "tls_verify = no: anybody on the way to {host} can pretend to be the broker. Set tls_ca_file in \
                     [state] to the authority that signed its certificate, and take tls_verify out"
                ),
            ),
            None if there.is_elsewhere => (
                Level::Warning,
                format!(
                    "tls = no: anybody on the way to {host} can read the account's password and speak for this \
                     site. Give the broker a listener with a certificate (docs/mosquitto/synch.conf), and set \
                     tls = yes in [state]"
                ),
            ),
            None => (Level::Fine, format!("{host} is this machine: no encryption is needed")),
        };
        self.say(level, "tls", text);
    }

    fn own_topic(&mut self, broker: &Broker, there: &BrokerThere) {
        let (Broker { site, account, .. }, host) = (broker, &there.host);
        let remedy = || {
            let mut text = access_list();
            if account != site {
                text.push_str(&format!(
                    ". There %u is the account, which is {account} and not {site}: set username in [state] to {site}, \
                     or site to {account}"
                ));
            }
            text
        };
        let (level, text) = match &there.own {
            OwnTopic::Taken => (Level::Fine, format!("{host} takes and passes on what {site} says")),
            OwnTopic::Refused(reason) => {
                let text = format!(
                    "{host} does not let the account {account} write to synch/1/{site}/#: {reason}. {}",
                    remedy()
                );
                (Level::Broken, text)
            }
            OwnTopic::Dropped => {
                let text = format!(
                    "{host} accepts what the account {account} says on synch/1/{site}/#, but passes it on to nobody: \
                     the account may not write there, or not read. {}",
                    remedy()
                );
                (Level::Broken, text)
            }
            OwnTopic::Unanswered => {
                let text = format!(
                    "{host} lets this site in, but does not confirm what it says: look into the broker's log"
                );
                (Level::Warning, text)
            }
        };
        self.say(level, "access", text);
    }

    fn foreign_topic(&mut self, there: &BrokerThere) {
        let host = &there.host;
        match there.foreign {
            ForeignTopic::Refused => {
                self.say(Level::Fine, "access", format!("{host} lets no site speak for another"));
            }
            ForeignTopic::Taken => {
                let text = format!(
                    "{host} lets this site's account speak for every other site: whoever has one site's password can \
                     change the lamps of all. {}",
                    access_list()
                );
                self.say(Level::Warning, "access", text);
            }
            ForeignTopic::Unknown => {}
        }
    }

    pub(super) fn sharing(&mut self, status: &StateStatus, state: &State) {
        let StateStatus { line, reason, site, view, twice, .. } = status;
        let joined = view.joined();
        if **reason == *twin(site) {
            let text = format!(
                "{reason}, and each puts the other out of the broker. Give each system its own name: site in \
                 [state]. A copied machine has the name of the one that it was copied from"
            );
            self.say(Level::Broken, "site", text);
        } else if *line == StateLine::Joined && reason.is_empty() {
            self.say(
                Level::Fine,
                "site",
                format!("joined as {site}, like {}", counted(joined, "other site")),
            );
        } else if *line == StateLine::Joined {
            self.say(Level::Broken, "site", reason.to_string());
        } else {
            self.say(Level::Warning, "site", format!("not joined yet: {reason}"));
        }
        match view.retains {
            Some(true) => {
                self.say(Level::Fine, "newcomers", "a site that joins is told everything by the broker");
            }
            Some(false) => self.say(
                Level::Fine,
                "newcomers",
                "this broker keeps nothing for a site that joins (RabbitMQ), which asks the other sites instead: \
                 that takes some seconds",
            ),
            None => {}
        }
        if joined > MANY_SITES && state.taken.sites == Pattern::any() {
            let megabytes = (joined * KILOBYTES_AN_HOUR).div_ceil(1_000);
            let text = format!(
                "{} have joined, and the states of all are taken: with 50 phones at each, about {megabytes} MB an \
                 hour come over this line, and each of the {} takes 1.4 KB of memory. Name the sites whose phones \
                 are watched here: sites in [state]",
                counted(joined, "site"),
                counted(view.taken, "device")
            );
            self.say(Level::Warning, "sites", text);
        }
        self.twice(twice);
    }

    pub(super) fn unspoken(&mut self, unspoken: &[String], status: &StateStatus) {
        // While we hear nobody, nobody can speak of them.
        if unspoken.is_empty() || status.line != StateLine::Joined || !status.reason.is_empty() {
            return;
        }
        let text = format!(
            "no site speaks of {}: lamps stay dark, and queues don't ring such a member. Check the name of the device. If it \
             is right, the phone is registered nowhere, or its site does not share it (share, devices in [state] there), \
             or it is not taken here (take, sites, accept)",
            some_of(unspoken)
        );
        self.say(Level::Warning, "devices", text);
    }

    fn twice(&mut self, twice: &[Twice]) {
        let Some(Twice { device: first, .. }) = twice.first() else { return };
        let place = |Twice { device, sites }: &Twice| format!("{device} is at {}", sites.join(" and "));
        let places: Vec<String> = twice.iter().map(place).collect();
        let text = format!(
            "{}: their lamps show both as one. Give each phone a number of its own. If one site owns the number, \
             say so with accept in [state]; what only has the same name, such as a trunk, stays at home with \
             devices. 'synch show state {first}' says what each site says",
            some_of(&places)
        );
        self.say(Level::Warning, "twice", text);
    }
}

/// Returns the phones that no site speaks of, of those that something here goes by: where, and which device. Asterisk calls a
/// phone invalid that it has not itself, and that no site has told it of. One that is only switched off at its site is known
/// by its person.
pub fn unspoken<'a>(
    watched: impl IntoIterator<Item = (String, &'a str)>,
    folk: &Folk,
    state: impl Fn(&str) -> DeviceState,
) -> Vec<String> {
    let known: HashSet<&str> = folk.people.values().map(|person| &*person.device).collect();
    let mut places: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (place, device) in watched {
        if people::phone(device).is_some() && !known.contains(device) {
            places.entry(device).or_default().insert(place);
        }
    }
    let unspoken = places.into_iter().filter(|(device, _)| state(device) == DeviceState::Invalid);
    let name = |(device, places): (&str, BTreeSet<String>)| {
        format!("{device} ({})", places.into_iter().collect::<Vec<_>>().join(", "))
    };
    unspoken.map(name).collect()
}

fn access_list() -> String {
    format!(
        "In mosquitto, the file that acl_file names needs the lines '{WRITE_OWN}' and '{READ_ALL}', and no line that \
         allows more; other brokers need the same rule in their words"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        operator::doctor::Check,
        peers::{
            SiteState,
            exchange::{SiteView, Somebody, View},
        },
        settings,
        words::conf::ConfSection,
    };

    fn settings(lines: &[(&'static str, &'static str)]) -> State {
        let lines = [("host", "10.0.0.5")].into_iter().chain(lines.iter().copied());
        settings::read(&[ConfSection::new("state", lines)]).unwrap().state.unwrap()
    }

    fn there(own: OwnTopic, foreign: ForeignTopic) -> BrokerThere {
        let (host, version) = ("10.0.0.5".to_owned(), "MQTT 5".to_owned());
        BrokerThere { host, version, answer_ms: 3, is_elsewhere: true, own, foreign }
    }

    fn of_broker(
        there: Option<BrokerThere>,
        account: &str,
        lines: &[(&'static str, &'static str)],
    ) -> Vec<Check> {
        let away = match &there {
            Some(_) => Vec::new(),
            None => vec![("10.0.0.5".to_owned(), "no connection".to_owned())],
        };
        let broker = Broker { site: "berlin".to_owned(), account: account.to_owned(), away, there };
        let mut report = Report(Vec::new());
        report.broker(&broker, &settings(lines));
        report.0
    }

    fn of_state(status: StateStatus, lines: &[(&'static str, &'static str)]) -> Vec<Check> {
        let mut report = Report(Vec::new());
        report.sharing(&StateStatus { site: "berlin".into(), ..status }, &settings(lines));
        report.0
    }

    fn level(checks: &[Check], subject: &str) -> Option<Level> {
        checks.iter().find(|check| check.subject == subject).map(|check| check.level)
    }

    fn text<'a>(checks: &'a [Check], subject: &str) -> &'a str {
        checks.iter().find(|check| check.subject == subject).map_or("", |check| &check.text)
    }

    #[test]
    fn a_broker_that_is_as_it_should_be_is_fine() {
        let mut there = there(OwnTopic::Taken, ForeignTopic::Refused);
        there.is_elsewhere = false;
        let checks = of_broker(Some(there), "berlin", &[]);
        assert_eq!(checks.len(), 4);
        assert!(checks.iter().all(|check| check.level == Level::Fine), "{checks:?}");
        assert_eq!(checks[0].text, "10.0.0.5 answers in 3 ms over MQTT 5 and accepts the login");
    }

    #[test]
    fn a_broker_that_is_away_is_bad_and_one_of_two_a_warning() {
        let checks = of_broker(None, "berlin", &[]);
        assert_eq!((checks.len(), level(&checks, "broker")), (1, Some(Level::Broken)));
        let away = vec![("10.0.0.4".to_owned(), "no connection".to_owned())];
        let there = Some(there(OwnTopic::Taken, ForeignTopic::Refused));
        let mut report = Report(Vec::new());
        report.broker(&Broker { away, there, ..Broker::default() }, &settings(&[]));
        assert_eq!(report.0[0].text, "10.0.0.4: no connection. 10.0.0.5 is used meanwhile");
        assert_eq!(report.0[0].level, Level::Warning);
    }

    #[test]
    fn what_goes_in_clear_over_a_network_is_a_warning() {
        let tls = |elsewhere: bool, lines: &[(&'static str, &'static str)]| {
            let there =
                BrokerThere { is_elsewhere: elsewhere, ..there(OwnTopic::Taken, ForeignTopic::Refused) };
            level(&of_broker(Some(there), "berlin", lines), "tls")
        };
        assert_eq!(tls(true, &[]), Some(Level::Warning));
        assert_eq!(tls(false, &[]), Some(Level::Fine));
        assert_eq!(tls(true, &[("tls", "yes")]), Some(Level::Fine));
        assert_eq!(tls(true, &[("tls", "yes"), ("tls_verify", "no")]), Some(Level::Warning));
    }

    #[test]
    fn an_access_list_that_is_wrong_is_told_with_the_lines_of_the_right_one() {
        let acl = include_str!("../../../docs/mosquitto/synch.acl");
        for line in [WRITE_OWN, READ_ALL] {
            assert!(acl.lines().any(|known| known == line), "{line}");
        }
        for (own, foreign, expected) in [
            (OwnTopic::Refused("not authorized".to_owned()), ForeignTopic::Refused, Level::Broken),
            (OwnTopic::Dropped, ForeignTopic::Unknown, Level::Broken),
            (OwnTopic::Taken, ForeignTopic::Taken, Level::Warning),
        ] {
            let checks = of_broker(Some(there(own, foreign)), "berlin", &[]);
            let wrong: Vec<_> = checks
                .iter()
                .filter(|check| check.subject == "access" && check.level != Level::Fine)
                .collect();
            assert_eq!((wrong.len(), wrong[0].level), (1, expected), "{checks:?}");
            assert!(wrong[0].text.contains(WRITE_OWN) && wrong[0].text.contains(READ_ALL), "{wrong:?}");
            assert!(!wrong[0].text.contains("username"), "{wrong:?}");
        }
        let checks = of_broker(Some(there(OwnTopic::Dropped, ForeignTopic::Unknown)), "pbx", &[]);
        assert!(text(&checks, "access").contains("set username in [state] to berlin"), "{checks:?}");
    }

    #[test]
    fn a_twin_is_bad_and_a_site_on_its_way_a_warning() {
        let away = |reason: &str| StateStatus {
            line: StateLine::Away,
            reason: reason.into(),
            ..StateStatus::default()
        };
        let checks = of_state(away(&twin("berlin")), &[]);
        assert_eq!(level(&checks, "site"), Some(Level::Broken));
        assert!(text(&checks, "site").contains("site in [state]"), "{checks:?}");
        let checks = of_state(away("10.0.0.5: no connection"), &[]);
        assert_eq!(level(&checks, "site"), Some(Level::Warning));
        let joined = |reason: &str| StateStatus { line: StateLine::Joined, ..away(reason) };
        assert_eq!(text(&of_state(joined(""), &[]), "site"), "joined as berlin, like 0 other sites");
        assert_eq!(level(&of_state(joined("refused"), &[]), "site"), Some(Level::Broken));
    }

    fn joined(view: View) -> StateStatus {
        StateStatus { line: StateLine::Joined, view, ..StateStatus::default() }
    }

    #[test]
    fn how_newcomers_learn_what_is_known_is_said_once_it_is_known() {
        let newcomers = |retains| {
            let checks = of_state(joined(View { retains, ..View::default() }), &[]);
            text(&checks, "newcomers").to_owned()
        };
        assert!(newcomers(Some(true)).contains("by the broker"));
        assert!(newcomers(Some(false)).contains("asks the other sites"));
        assert_eq!(newcomers(None), "");
    }

    #[test]
    fn many_sites_of_which_nobody_has_chosen_are_told_with_what_they_cost() {
        let site = |number: usize| SiteView {
            name: format!("site{number}"),
            state: SiteState::Joined,
            since: 1,
            devices: 50,
            changes: 0,
            heard: 1,
            asterisk: String::new(),
            synch: String::new(),
        };
        let of = |count: usize, lines: &[(&'static str, &'static str)]| {
            let sites: Vec<SiteView> = (0..count).map(site).collect();
            of_state(joined(View { taken: 50 * count, sites, ..View::default() }), lines)
        };
        assert_eq!(level(&of(50, &[]), "sites"), None);
        assert_eq!(level(&of(51, &[("sites", "^site1")]), "sites"), None);
        let checks = of(100, &[]);
        assert_eq!(level(&checks, "sites"), Some(Level::Warning));
        let said = text(&checks, "sites");
        assert!(said.contains("14 MB an hour") && said.contains("5000 devices"), "{said}");
    }

    #[test]
    fn phones_at_several_sites_are_named() {
        let phone = |number: usize| Twice {
            device: format!("PJSIP/{number}"),
            sites: vec!["berlin".to_owned(), "bonn".to_owned()],
        };
        let of = |count: usize| {
            let twice = (1001..1001 + count).map(phone).collect();
            text(&of_state(StateStatus { twice, ..joined(View::default()) }, &[]), "twice").to_owned()
        };
        assert_eq!(of(0), "");
        assert!(of(1).starts_with("PJSIP/1001 is at berlin and bonn: "), "{}", of(1));
        assert!(of(7).contains("and 2 more") && !of(7).contains("PJSIP/1006"), "{}", of(7));
    }

    #[test]
    fn phones_that_no_site_speaks_of_are_named_with_what_goes_by_them() {
        let bob =
            Somebody { name: "Bob".to_owned(), site: "bonn".to_owned(), device: "PJSIP/2001".to_owned() };
        let people = BTreeMap::from([("2001".to_owned(), bob)]);
        let folk = Folk { people: Arc::new(people), ..Folk::default() };
        let watched = [
            ("queue sales", "PJSIP/3001"),
            ("queue help", "PJSIP/3001"),
            ("queue help", "PJSIP/3001"),
            // Switched off, but a person of bonn's.
            ("queue sales", "PJSIP/2001"),
            // Ours, and switched off.
            ("lamp 1001", "PJSIP/1001"),
            ("lamp 3002", "SIP/3002"),
            ("lamp *28", "Custom:NIGHT"),
            ("queue sales", "Local/3001@from-queue/n"),
        ];
        let watched = watched.map(|(place, device)| (place.to_owned(), device));
        let state = |device: &str| match device {
            "PJSIP/1001" => DeviceState::Unavailable,
            _ => DeviceState::Invalid,
        };
        let found = unspoken(watched, &folk, state);
        assert_eq!(found, ["PJSIP/3001 (queue help, queue sales)", "SIP/3002 (lamp 3002)"]);
        let checks = |line, found: &[String]| {
            let mut report = Report(Vec::new());
            report.unspoken(found, &StateStatus { line, reason: "".into(), ..StateStatus::default() });
            report.0
        };
        let said = checks(StateLine::Joined, &found);
        assert_eq!(level(&said, "devices"), Some(Level::Warning));
        assert!(text(&said, "devices").contains(&found[0]), "{said:?}");
        assert_eq!(checks(StateLine::Joined, &[]), []);
        assert_eq!(checks(StateLine::Away, &found), []);
    }
}
