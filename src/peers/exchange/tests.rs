use std::sync::Arc;

use super::*;
use crate::{
    peers::{Count, Eid, Person, Presence, SiteState},
    settings::{Accept, Pattern, Shared, Technology},
};

struct Lab {
    exchange: Exchange,
    start: Instant,
    now: Instant,
}

impl Lab {
    fn new(accept: &[(&str, &str)]) -> Self {
        let pattern = |text: &str| Pattern::new(text).unwrap();
        let accept =
            accept.iter().map(|(sites, devices)| Accept { sites: pattern(sites), devices: pattern(devices) });
        let taken = Taken {
            share: Shared::ALL.into(),
            take: Shared::ALL.into(),
            devices: pattern("."),
            sites: pattern("."),
            accept: accept.collect(),
        };
        let own = Own {
            site: "berlin".to_owned(),
            boot: "b1".to_owned(),
            asterisk: "22.10.1".to_owned(),
            synch: "0.5.0".to_owned(),
            technology: Technology::Pjsip,
            answer_after: Duration::from_secs(2),
        };
        let start = Instant::now();
        Self { exchange: Exchange::new(own, taken, Duration::from_secs(10), start), start, now: start }
    }

    /// Connected, and through with joining.
    fn joined() -> Self {
        let mut lab = Self::new(&[]);
        lab.join();
        lab
    }

    fn join(&mut self) {
        self.exchange.connected(self.now);
        let _ = self.out();
        self.exchange.said(None, self.now);
        self.hear("berlin/site", "joined b1 22.10.1 0.5.0");
        let _ = self.out();
    }

    fn hear(&mut self, topic: &str, payload: &str) {
        self.exchange.message(&format!("synch/1/{topic}"), payload.as_bytes(), false, self.now);
    }

    fn wait(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.exchange.tick(self.now);
    }

    /// What goes to the broker: `topic = payload`, `+filter`, `-filter`.
    fn out(&mut self) -> Vec<String> {
        let short = |topic: &str| topic.trim_start_matches("synch/1/").to_owned();
        let text = |out: Out| match out {
            Out::Say { topic, payload, .. } => format!("{} = {payload}", short(&topic)),
            Out::Subscribe(filter) => format!("+{}", short(&filter)),
            Out::Unsubscribe(filter) => format!("-{}", short(&filter)),
        };
        std::iter::from_fn(|| self.exchange.next_out(self.now)).map(text).collect()
    }

    fn shown(&mut self) -> Vec<String> {
        let text = |show: Show| match show {
            Show::Device(_, device, state) => format!("{device} {}", state.word()),
            Show::Clear(_, device) => format!("{device} cleared"),
            Show::Lamp(mailbox, count) => format!("{mailbox} {}", count.text()),
            Show::NoLamp(mailbox) => format!("{mailbox} forgotten"),
            Show::Presence(provider, presence) => format!("{provider} {}", presence.state),
        };
        std::iter::from_fn(|| self.exchange.next_show(self.now)).map(text).collect()
    }

    fn moves(&mut self) -> Vec<String> {
        let text = |news: Move| format!("{} {}: {}", news.site, news.to, news.reason);
        std::iter::from_fn(|| self.exchange.next_move()).map(text).collect()
    }
}

fn device(name: &str, state: DeviceState) -> Fact {
    Fact::Device(name.to_owned(), state)
}

#[test]
fn joining_says_who_we_are_before_it_asks_who_is_there() {
    let mut lab = Lab::new(&[]);
    lab.exchange.fact(device("PJSIP/1001", DeviceState::InUse));
    assert_eq!(lab.out(), Vec::<String>::new());
    lab.exchange.connected(lab.now);
    assert_eq!(lab.out(), ["berlin/site = joined b1 22.10.1 0.5.0"]);
    lab.exchange.said(None, lab.now);
    assert_eq!(lab.out(), ["++/site", "++/ask", "+berlin/#", "berlin/device/PJSIP/1001 = INUSE"]);
    lab.wait(5_000);
    assert_eq!(lab.out(), ["berlin/ask = ", "-berlin/#"]);
    lab.wait(55_000);
    assert_eq!(lab.out(), ["berlin/alive = "]);
}

#[test]
fn absent_means_not_here() {
    let mut lab = Lab::joined();
    lab.exchange.fact(device("PJSIP/1001", DeviceState::Unavailable));
    assert_eq!(lab.out(), Vec::<String>::new());
    lab.exchange.fact(device("PJSIP/1001", DeviceState::NotInUse));
    assert_eq!(lab.out(), ["berlin/device/PJSIP/1001 = NOT_INUSE"]);
    lab.exchange.fact(device("PJSIP/1001", DeviceState::Unavailable));
    assert_eq!(lab.out(), ["berlin/device/PJSIP/1001 = "]);
    lab.exchange.fact(device("PJSIP/1002", DeviceState::NotInUse));
    lab.exchange.fact(device("PJSIP/1003", DeviceState::Busy));
    let _ = lab.out();
    lab.exchange.all_devices(&BTreeMap::from([("PJSIP/1003".to_owned(), DeviceState::Busy)]));
    assert_eq!(lab.out(), ["berlin/device/PJSIP/1002 = "]);
}

#[test]
fn what_a_site_says_is_shown_once_it_has_joined() {
    let mut lab = Lab::joined();
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    assert_eq!(lab.shown(), Vec::<String>::new());
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    assert_eq!(lab.out(), ["+bonn/#"]);
    assert_eq!(lab.moves(), ["bonn Joined: it has joined"]);
    lab.hear("bonn/device/PJSIP/2001", "RINGING");
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    lab.hear("bonn/device/SIP/2002", "BUSY");
    lab.hear("bonn/device/PJSIP/2003", "UNAVAILABLE");
    lab.hear("bonn/device/MWI:1001@default", "INUSE");
    assert_eq!(lab.shown(), ["PJSIP/2001 INUSE", "PJSIP/2002 BUSY"]);
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    assert_eq!(lab.shown(), Vec::<String>::new());
}

#[test]
fn a_deleted_device_is_unavailable_before_it_is_cleared() {
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    let _ = lab.shown();
    lab.hear("bonn/device/PJSIP/2001", "");
    assert_eq!(lab.shown(), ["PJSIP/2001 UNAVAILABLE"]);
    lab.wait(100);
    assert_eq!(lab.shown(), ["PJSIP/2001 cleared"]);
    assert_eq!(lab.shown(), Vec::<String>::new());
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    lab.hear("bonn/device/PJSIP/2001", "");
    let _ = lab.shown();
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    lab.wait(100);
    assert_eq!(lab.shown(), ["PJSIP/2001 INUSE"]);
}

#[test]
fn a_lost_site_is_kept_for_the_hold_and_one_that_comes_back_flaps_no_lamp() {
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    let _ = (lab.shown(), lab.moves(), lab.out());
    lab.hear("bonn/site", "lost");
    assert_eq!(lab.moves(), ["bonn Lost: its connection to the broker broke"]);
    lab.wait(9_000);
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    lab.wait(9_000);
    assert_eq!(lab.shown(), Vec::<String>::new());
    lab.hear("bonn/site", "lost");
    lab.wait(10_000);
    assert_eq!(lab.shown(), ["PJSIP/2001 UNAVAILABLE"]);
    assert_eq!(lab.out(), ["-berlin/#", "-bonn/#"]);
}

#[test]
fn who_says_good_bye_or_nothing_at_all_is_gone_at_once() {
    let mut lab = Lab::joined();
    for word in ["left", ""] {
        lab.hear("bonn/site", "joined x 16.28 0.5.0");
        lab.hear("bonn/device/PJSIP/2001", "INUSE");
        let _ = lab.shown();
        lab.hear("bonn/site", word);
        assert_eq!(lab.shown(), ["PJSIP/2001 UNAVAILABLE"], "'{word}'");
        lab.wait(200);
        assert_eq!(lab.shown(), ["PJSIP/2001 cleared"]);
    }
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    let _ = (lab.shown(), lab.moves());
    lab.wait(149_000);
    assert_eq!(lab.moves(), Vec::<String>::new());
    lab.wait(1_000);
    assert_eq!(lab.moves(), ["bonn Silent: it has given no sign of life"]);
    assert_eq!(lab.shown(), ["PJSIP/2001 UNAVAILABLE"]);
}

#[test]
fn a_sign_of_life_is_any_word_and_who_was_silent_is_heard_anew() {
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    let _ = (lab.out(), lab.moves());
    for word in
        [("bonn/alive", ""), ("bonn/device/PJSIP/2001", "INUSE"), ("bonn/site", "joined x 16.28 0.5.0")]
    {
        lab.wait(149_000);
        lab.hear(word.0, word.1);
    }
    assert_eq!((lab.moves(), lab.shown()), (vec![], vec!["PJSIP/2001 INUSE".to_owned()]));
    for word in [("bonn/alive", ""), ("bonn/site", "joined x 16.28 0.5.0")] {
        let _ = lab.out();
        lab.wait(150_000);
        assert_eq!(lab.moves(), ["bonn Silent: it has given no sign of life"]);
        assert!(!lab.out().contains(&"-bonn/#".to_owned()));
        // What the broker keeps of it is no proof that it lives.
        lab.exchange.message("synch/1/bonn/device/PJSIP/2002", b"INUSE", true, lab.now);
        let _ = lab.shown();
        assert_eq!((lab.moves(), lab.exchange.view(lab.now).taken), (vec![], 0));
        lab.hear(word.0, word.1);
        assert!(lab.moves().concat().starts_with("bonn Joined"), "{word:?}");
        assert_eq!(lab.out(), ["-bonn/#", "+bonn/#"], "{word:?}");
    }
}

#[test]
fn what_others_said_outlives_the_broker_for_the_hold() {
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    lab.hear("bonn/device/PJSIP/2002", "INUSE");
    let _ = lab.shown();
    lab.exchange.disconnected(lab.now);
    lab.wait(9_000);
    assert_eq!(lab.shown(), Vec::<String>::new());
    lab.join();
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    assert_eq!(lab.out(), ["+bonn/#"]);
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    // 2002 is not said again: it went while nobody could say so.
    lab.wait(10_000);
    assert_eq!(lab.shown(), ["PJSIP/2002 UNAVAILABLE"]);
    lab.exchange.disconnected(lab.now);
    lab.wait(10_000);
    assert_eq!(lab.shown(), ["PJSIP/2002 cleared", "PJSIP/2001 UNAVAILABLE"]);
}

#[test]
fn leftovers_of_an_earlier_life_are_deleted() {
    let mut lab = Lab::new(&[]);
    lab.exchange.fact(device("PJSIP/1001", DeviceState::InUse));
    lab.join();
    lab.hear("berlin/device/PJSIP/1001", "INUSE");
    lab.hear("berlin/device/PJSIP/1009", "INUSE");
    lab.hear("berlin/people", "[]");
    assert_eq!(lab.out(), ["berlin/device/PJSIP/1009 = ", "berlin/people = "]);
    lab.wait(6_000);
    let _ = lab.out();
    lab.hear("berlin/device/PJSIP/1009", "INUSE");
    assert_eq!(lab.out(), Vec::<String>::new());
}

#[test]
fn the_will_of_our_former_connection_is_corrected() {
    let mut lab = Lab::joined();
    lab.hear("berlin/site", "lost");
    lab.hear("berlin/site", "lost");
    assert_eq!(lab.out(), ["berlin/site = joined b1 22.10.1 0.5.0"]);
}

#[test]
fn where_nothing_is_retained_for_wildcards_newcomers_ask() {
    let mut lab = Lab::joined();
    lab.exchange.fact(device("PJSIP/1001", DeviceState::InUse));
    let _ = lab.out();
    lab.hear("bonn/ask", "");
    lab.hear("bern/ask", "");
    assert_eq!(lab.out(), Vec::<String>::new());
    lab.wait(2_000);
    // Who asks hears us only once it knows of us.
    assert_eq!(lab.out(), ["berlin/site = joined b1 22.10.1 0.5.0"]);
    lab.wait(1_000);
    assert_eq!(lab.out(), ["berlin/device/PJSIP/1001 = INUSE"]);
    // Another one soon after is answered, too, but not at once.
    lab.hear("bern/ask", "");
    lab.wait(2_000);
    assert_eq!(lab.out(), ["-berlin/#"]);
    lab.wait(27_000);
    assert_eq!(lab.out(), Vec::<String>::new());
    lab.wait(3_000);
    assert_eq!(lab.out(), ["berlin/site = joined b1 22.10.1 0.5.0"]);
    lab.wait(1_000);
    assert_eq!(lab.out(), ["berlin/device/PJSIP/1001 = INUSE"]);
}

#[test]
fn our_own_sign_of_life_is_no_proof_that_the_broker_keeps_anything() {
    let mut lab = Lab::new(&[]);
    lab.exchange.connected(lab.now);
    lab.exchange.said(None, lab.now);
    lab.wait(3_000);
    assert_eq!(lab.exchange.view(lab.now).retains, Some(false));
    lab.wait(60_000);
    lab.hear("berlin/site", "joined b1 22.10.1 0.5.0");
    assert_eq!(lab.exchange.view(lab.now).retains, Some(false));
}

#[test]
fn a_site_that_says_too_much_is_unsubscribed_for_a_minute() {
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    let _ = lab.out();
    for number in 0..12_000 {
        lab.hear(&format!("bonn/device/PJSIP/{number}"), "INUSE");
    }
    assert_eq!(lab.out(), ["-bonn/#"]);
    let view = lab.exchange.view(lab.now);
    assert_eq!((view.taken, view.sites[0].state), (10_000, SiteState::Throttled));
    for second in 1..60 {
        lab.hear("bonn/site", "joined x 16.28 0.5.0");
        lab.wait(1_000);
        assert_eq!(lab.exchange.view(lab.now).sites[0].state, SiteState::Throttled, "{second}");
    }
    lab.wait(1_000);
    assert!(lab.out().contains(&"+bonn/#".to_owned()));
    assert_eq!(lab.exchange.view(lab.now).sites[0].state, SiteState::Joined);
}

#[test]
fn asterisk_is_shown_two_thousand_changes_a_second_at_most() {
    let mut lab = Lab::joined();
    for site in ["bonn", "bern"] {
        lab.hear(&format!("{site}/site"), "joined x 16.28 0.5.0");
        for number in 0..3_000 {
            lab.hear(&format!("{site}/device/PJSIP/{number}"), "INUSE");
        }
    }
    // A thousand after a quiet time, in portions, and the rest at that rate.
    for _ in 0..5 {
        assert_eq!(lab.shown().len(), 200);
        assert!(lab.exchange.due().is_some_and(|due| due <= lab.now));
        lab.now += Duration::from_nanos(1);
    }
    assert_eq!(lab.shown().len(), 0);
    lab.wait(50);
    assert_eq!(lab.shown().len(), 100);
    assert!(lab.exchange.due().is_some_and(|due| due <= lab.now + Duration::from_millis(1)));
}

#[test]
fn lamps_follow_the_largest_count_and_go_with_the_site() {
    let mut lab = Lab::joined();
    lab.exchange.fact(Fact::Mailbox("1001@default".to_owned(), Count { new: 0, old: 0 }));
    assert_eq!(lab.out(), ["berlin/mwi/default/1001 = 0 0"]);
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    lab.hear("bonn/mwi/default/1001", "3 1");
    lab.hear("bonn/mwi/default/2001", "1 0");
    assert_eq!(lab.shown(), ["1001@default 3 1", "2001@default 1 0"]);
    // Our own empty box, published again as at a restart of its voicemail.
    lab.exchange.fact(Fact::Mailbox("1001@default".to_owned(), Count { new: 0, old: 0 }));
    assert_eq!(lab.shown(), ["1001@default 3 1"]);
    lab.hear("bonn/site", "left");
    assert_eq!(lab.shown(), ["1001@default 0 0", "2001@default forgotten"]);
}

#[test]
fn the_last_change_of_a_presence_wins_and_stays() {
    let presence =
        |state: &str| Presence { state: state.to_owned(), subtype: String::new(), message: String::new() };
    let mut lab = Lab::joined();
    lab.exchange.fact(Fact::Presence("CustomPresence:1006".to_owned(), presence("away")));
    assert_eq!(
        lab.out(),
        [r#"berlin/presence/CustomPresence/1006 = {"message":"","state":"away","subtype":""}"#]
    );
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    lab.hear("bonn/presence/CustomPresence/1006", r#"{"state":"dnd"}"#);
    assert_eq!(lab.shown(), ["CustomPresence:1006 dnd"]);
    assert_eq!(lab.out(), ["+bonn/#", "berlin/presence/CustomPresence/1006 = "]);
    // It comes back from Asterisk, and is no news.
    lab.exchange.fact(Fact::Presence("CustomPresence:1006".to_owned(), presence("dnd")));
    assert_eq!(lab.out(), Vec::<String>::new());
    lab.hear("bonn/site", "left");
    assert_eq!(lab.shown(), Vec::<String>::new());
}

#[test]
fn taking_back_ends_whatever_is_left_to_be_said() {
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    lab.hear("bonn/device/PJSIP/2002", "INUSE");
    lab.hear("bonn/mwi/default/2001", "1 0");
    let _ = lab.shown();
    lab.hear("bonn/device/PJSIP/2002", "");
    let _ = lab.shown();
    lab.exchange.fact(device("PJSIP/1001", DeviceState::InUse));
    let [gone, clears] = lab.exchange.take_back();
    let bonn = Eid::of_site("bonn");
    let unavailable = Show::Device(bonn, "PJSIP/2001".to_owned(), DeviceState::Unavailable);
    assert_eq!(gone, [Show::NoLamp("2001@default".to_owned()), unavailable]);
    assert_eq!(clears, ["PJSIP/2002", "PJSIP/2001"].map(|device| Show::Clear(bonn, device.to_owned())));
    assert_eq!(lab.exchange.take_back(), [vec![], vec![]]);
}

#[test]
fn leaving_takes_back_all_that_was_said() {
    let mut lab = Lab::joined();
    lab.exchange.fact(device("PJSIP/1001", DeviceState::InUse));
    let _ = lab.out();
    let last = lab.exchange.leave();
    let texts: Vec<(String, String)> = last
        .into_iter()
        .map(|out| match out {
            Out::Say { topic, payload, .. } => (topic, payload),
            out => panic!("{out:?}"),
        })
        .collect();
    let expected = [("synch/1/berlin/device/PJSIP/1001", ""), ("synch/1/berlin/site", "left")];
    assert_eq!(texts, expected.map(|(topic, payload)| (topic.to_owned(), payload.to_owned())));
}

#[test]
fn each_site_can_be_seen_with_what_it_says_of_a_device() {
    let mut lab = Lab::joined();
    lab.exchange.fact(device("PJSIP/1001", DeviceState::NotInUse));
    for (site, device) in [("bonn", "SIP/1001"), ("bern", "PJSIP/1001")] {
        lab.hear(&format!("{site}/site"), "joined x 16.28 0.5.0");
        lab.hear(&format!("{site}/device/{device}"), "INUSE");
    }
    let view = lab.exchange.view_of("PJSIP/1001");
    assert!(view.shared);
    assert_eq!(
        view.sites,
        [("bern".to_owned(), DeviceState::InUse), ("bonn".to_owned(), DeviceState::InUse)]
    );
    assert_eq!(lab.exchange.view(lab.now).sites.len(), 2);
    assert!(lab.now >= lab.start);
}

#[test]
fn a_site_says_only_what_it_owns() {
    let mut lab = Lab::new(&[("^bonn$", "^PJSIP/2")]);
    lab.join();
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    lab.hear("bonn/device/PJSIP/1001", "INUSE");
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    assert_eq!(lab.shown(), ["PJSIP/2001 INUSE"]);
}

#[test]
fn a_phone_that_several_sites_have_is_named() {
    let mut lab = Lab::joined();
    for (name, state) in [("PJSIP/1001", DeviceState::NotInUse), ("Custom:lunch", DeviceState::InUse)] {
        lab.exchange.fact(device(name, state));
    }
    lab.exchange.fact(device("PJSIP/1002", DeviceState::Unavailable));
    for site in ["bonn", "ulm"] {
        lab.hear(&format!("{site}/site"), "joined b2 22.10.1 0.5.0");
        let _ = lab.out();
        lab.hear(&format!("{site}/device/Custom:lunch"), "INUSE");
    }
    lab.hear("bonn/device/PJSIP/1002", "NOT_INUSE");
    lab.hear("bonn/device/PJSIP/1003", "NOT_INUSE");
    lab.hear("bonn/device/SIP/1003", "NOT_INUSE");
    assert_eq!(lab.exchange.twice(), []);
    lab.hear("bonn/device/PJSIP/1001", "NOT_INUSE");
    lab.hear("ulm/device/SIP/1001", "INUSE");
    lab.hear("ulm/device/PJSIP/1003", "INUSE");
    let twice = |device: &str, sites: &[&str]| Twice {
        device: device.to_owned(),
        sites: sites.iter().map(|site| (*site).to_owned()).collect(),
    };
    let wanted = [twice("PJSIP/1001", &["berlin", "bonn", "ulm"]), twice("PJSIP/1003", &["bonn", "ulm"])];
    assert_eq!(lab.exchange.twice(), wanted);
    lab.hear("ulm/device/PJSIP/1003", "");
    lab.hear("ulm/device/SIP/1001", "");
    assert_eq!(lab.exchange.twice(), [twice("PJSIP/1001", &["berlin", "bonn"])]);
}

fn member(device: &str, queue: &str, word: &str) -> Fact {
    Fact::Member { device: device.to_owned(), queue: queue.to_owned(), word: Some(word.to_owned()) }
}

#[test]
fn members_who_were_there_before_are_said_and_those_who_are_gone_are_deleted() {
    let mut lab = Lab::joined();
    lab.exchange.all_members(vec![member("PJSIP/1001", "q1", "ready"), member("PJSIP/1002", "q1", "paused")]);
    assert_eq!(
        lab.out(),
        [r#"berlin/agent/PJSIP/1001 = {"q1":"ready"}"#, r#"berlin/agent/PJSIP/1002 = {"q1":"paused"}"#]
    );
    lab.exchange.all_members(vec![member("PJSIP/1002", "q1", "paused"), member("PJSIP/1002", "q2", "ready")]);
    assert_eq!(
        lab.out(),
        ["berlin/agent/PJSIP/1001 = ", r#"berlin/agent/PJSIP/1002 = {"q1":"paused","q2":"ready"}"#]
    );
}

#[test]
fn why_a_member_is_paused_is_not_forgotten() {
    let mut lab = Lab::joined();
    lab.exchange.fact(member("PJSIP/1001", "q1", "paused: lunch"));
    let _ = lab.out();
    let known = lab.exchange.folk();
    lab.exchange.all_members(vec![member("PJSIP/1001", "q1", "paused")]);
    assert!(lab.out().is_empty() && Arc::ptr_eq(&known, &lab.exchange.folk()));
    lab.exchange.all_members(vec![member("PJSIP/1001", "q1", "ready")]);
    assert_eq!(lab.out(), [r#"berlin/agent/PJSIP/1001 = {"q1":"ready"}"#]);
}

#[test]
fn people_are_said_whose_devices_others_may_know_of() {
    let mut lab = Lab::joined();
    lab.exchange.taken.devices = Pattern::new("^PJSIP/1").unwrap();
    let person = |number: &str| Person {
        number: number.to_owned(),
        name: "Alice".to_owned(),
        device: format!("PJSIP/{number}"),
    };
    for _ in 0..2 {
        lab.exchange.fact(Fact::People(vec![person("1001"), person("2001")]));
    }
    assert_eq!(lab.out(), [r#"berlin/people = [{"device":"PJSIP/1001","name":"Alice","number":"1001"}]"#]);
    assert_eq!(lab.exchange.folk().people.keys().collect::<Vec<_>>(), ["1001"]);
}

#[test]
fn people_presences_and_queues_of_all_sites_are_known_as_long_as_the_site_is() {
    let mut lab = Lab::joined();
    lab.exchange.fact(member("PJSIP/1001", "q1", "ready"));
    lab.hear("bonn/site", "joined x 16.28 0.5.0");
    let before = lab.exchange.folk();
    assert!(Arc::ptr_eq(&before, &lab.exchange.folk()));
    lab.hear("bonn/people", r#"[{"number":"2001","name":"Bob","device":"SIP/2001"}]"#);
    lab.hear("bonn/presence/CustomPresence/2001", r#"{"state":"away"}"#);
    lab.hear("bonn/agent/SIP/2001", r#"{"q1":"paused: lunch"}"#);
    lab.hear("bonn/agent/PJSIP/1001", r#"{"q2":"ready"}"#);
    let folk = lab.exchange.folk();
    let bob = &folk.people["2001"];
    assert_eq!([&*bob.name, &*bob.site, &*bob.device], ["Bob", "bonn", "PJSIP/2001"]);
    assert_eq!([folk.presence("2001"), folk.presence("1001")], ["away", ""]);
    assert_eq!(folk.agent("2001", &["PJSIP/2001".to_owned()]), "q1 paused: lunch");
    assert_eq!(folk.agent("1001", &["PJSIP/1001".to_owned()]), "q1 ready, q2 ready");
    lab.hear("bonn/agent/SIP/2001", "");
    let later = lab.exchange.folk();
    assert!(Arc::ptr_eq(&later.people, &folk.people) && !later.agents.contains_key("PJSIP/2001"));
    lab.hear("bonn/site", "left");
    let folk = lab.exchange.folk();
    assert_eq!((folk.people.len(), folk.agents.len(), folk.presence("2001")), (0, 1, "away"));
}

#[test]
fn what_sites_may_fill_is_bounded_over_all_of_them() {
    let mut lab = Lab::joined();
    for site in 0..7 {
        lab.hear(&format!("s{site}/site"), "joined x 22 0.5.0");
        for number in 0..9_000 {
            lab.hear(&format!("s{site}/mwi/default/{site}{number}"), "1 0");
        }
    }
    assert_eq!(lab.exchange.others.words(), others::MAX_ALL_OTHERS);
    let mut lab = Lab::joined();
    for site in 0..6 {
        lab.hear(&format!("s{site}/site"), "joined x 22 0.5.0");
        for number in 0..2_000 {
            lab.hear(&format!("s{site}/presence/CustomPresence/{site}{number}"), r#"{"state":"dnd"}"#);
        }
    }
    assert_eq!(lab.exchange.here.presences.len(), here::MAX_PRESENCES);
    // One that is known is still heard.
    lab.hear("s1/presence/CustomPresence/00", r#"{"state":"away"}"#);
    assert_eq!(lab.exchange.folk().presence("00"), "away");
    let mut lab = Lab::joined();
    for site in 0..30 {
        let person = |number: usize| Person {
            number: format!("{site}00{number}"),
            name: "A".to_owned(),
            device: "SIP/1".to_owned(),
        };
        let people: Vec<Person> = (0..3_000).map(person).collect();
        lab.hear(&format!("s{site}/site"), "joined x 22 0.5.0");
        lab.hear(&format!("s{site}/people"), &payload::people_text(&people));
    }
    assert_eq!(lab.exchange.folk().people.len(), others::MAX_ALL_PEOPLE);
}

#[test]
fn what_waits_to_be_shown_is_the_newest_of_each_and_not_without_end() {
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 22 0.5.0");
    for messages in 0..400 {
        lab.hear("bonn/mwi/default/2001", &format!("{messages} 0"));
        lab.hear("bonn/presence/CustomPresence/2001", r#"{"state":"dnd"}"#);
    }
    assert_eq!(lab.shown(), ["2001@default 399 0", "CustomPresence:2001 dnd"]);
    // Sites that take back at once what they have said, faster than it can be shown.
    for site in 0..25 {
        lab.hear(&format!("s{site}/site"), "joined x 22 0.5.0");
        for number in 0..5_000 {
            lab.hear(&format!("s{site}/device/PJSIP/{number}"), "INUSE");
            lab.hear(&format!("s{site}/device/PJSIP/{number}"), "");
        }
    }
    let [gone, clears] = lab.exchange.take_back();
    assert_eq!((gone.len(), clears.len()), (showing::MAX_WAITING + 1, showing::MAX_WAITING));
}

#[test]
fn a_site_that_comes_and_goes_is_put_aside_and_does_not_get_out_of_it() {
    let mut lab = Lab::joined();
    for life in 0..1_000 {
        lab.hear("bonn/site", &format!("joined x{life} 22 0.5.0"));
        lab.hear("bonn/site", "lost");
    }
    lab.hear("bonn/site", "left");
    let moves = lab.moves();
    assert!(moves.len() <= 32, "{}: {moves:?}", moves.len());
    for _ in 0..50 {
        lab.wait(1_000);
        lab.hear("bonn/site", "joined x 22 0.5.0");
        assert_ne!(lab.exchange.view(lab.now).sites[0].state, SiteState::Joined);
    }
    lab.wait(70_000);
    lab.hear("bonn/site", "joined x 22 0.5.0");
    assert_eq!(lab.exchange.view(lab.now).sites[0].state, SiteState::Joined);

    // Nor does one that floods by going and coming back.
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 22 0.5.0");
    for number in 0..12_000 {
        lab.hear(&format!("bonn/junk/{number}"), "x");
    }
    let _ = (lab.out(), lab.moves());
    for word in ["lost", "left"] {
        lab.hear("bonn/site", word);
        lab.hear("bonn/site", "joined y 22 0.5.0");
        assert_eq!(lab.exchange.view(lab.now).sites[0].state, SiteState::Throttled, "{word}");
    }
    assert_eq!(lab.out(), Vec::<String>::new());
    lab.wait(60_000);
    assert!(lab.out().contains(&"+bonn/#".to_owned()));
}

#[test]
fn words_of_all_sites_are_bounded_and_who_is_missed_is_heard_later() {
    let mut lab = Lab::joined();
    for life in 0..10 {
        for site in 0..1_000 {
            lab.hear(&format!("s{site}/site"), &format!("joined x{life} 22 0.5.0"));
            lab.hear(&format!("s{site}/site"), "lost");
        }
    }
    assert_eq!(lab.moves().len(), 4_000);
    lab.wait(60_000);
    lab.hear("bonn/site", "joined x 22 0.5.0");
    assert_eq!(lab.moves(), ["bonn Joined: it has joined"]);
}

#[test]
fn a_site_that_has_much_to_say_keeps_no_other_waiting() {
    let mut lab = Lab::joined();
    for site in ["aachen", "bonn"] {
        lab.hear(&format!("{site}/site"), "joined x 22 0.5.0");
    }
    for number in 0..5_000 {
        lab.hear(&format!("aachen/device/PJSIP/{number}"), "INUSE");
        lab.hear(&format!("aachen/mwi/default/{number}"), "1 0");
    }
    lab.hear("bonn/device/Custom:x", "INUSE");
    let shown = lab.shown();
    assert!(shown.iter().take(4).any(|show| show == "Custom:x INUSE"), "{shown:?}");
    assert_eq!(shown.len(), 200);
}

#[test]
fn one_site_fills_the_presences_of_no_other() {
    let mut lab = Lab::joined();
    for site in ["aachen", "bonn"] {
        lab.hear(&format!("{site}/site"), "joined x 22 0.5.0");
    }
    for number in 0..9_000 {
        lab.hear(&format!("aachen/presence/CustomPresence/{number}"), r#"{"state":"dnd"}"#);
        lab.hear(&format!("aachen/presence/CustomPresence/{number}"), "");
        lab.wait(10);
    }
    assert_eq!(lab.exchange.here.presences.len(), 2_000);
    lab.hear("bonn/presence/CustomPresence/9999", r#"{"state":"dnd"}"#);
    assert_eq!(lab.exchange.folk().presence("9999"), "dnd");
}

#[test]
fn what_is_too_long_puts_its_site_aside() {
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 22 0.5.0");
    let _ = lab.out();
    for topic in ["synch/1/bern/people", "synch/1/berlin/people", "else"] {
        lab.exchange.too_long(topic, lab.now);
    }
    assert_eq!(lab.out(), Vec::<String>::new());
    lab.exchange.too_long("synch/1/bonn/junk", lab.now);
    assert_eq!(lab.out(), ["-bonn/#"]);
    assert_eq!(lab.exchange.view(lab.now).sites[0].state, SiteState::Throttled);
}

#[test]
fn a_word_that_the_broker_has_kept_is_no_sign_of_life() {
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 22 0.5.0");
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    let _ = (lab.shown(), lab.moves());
    // The broker is killed together with bonn, and comes back with what it has kept.
    lab.exchange.disconnected(lab.now);
    lab.wait(1_000);
    lab.join();
    lab.exchange.message("synch/1/bonn/site", b"joined x 22 0.5.0", true, lab.now);
    lab.exchange.message("synch/1/bonn/device/PJSIP/2001", b"INUSE", true, lab.now);
    let _ = lab.moves();
    for _ in 0..148 {
        lab.wait(1_000);
    }
    assert_eq!((lab.shown(), lab.moves()), (Vec::new(), Vec::new()));
    lab.wait(1_000);
    assert_eq!(lab.moves(), ["bonn Silent: it has given no sign of life"]);
    assert_eq!(lab.shown(), ["PJSIP/2001 UNAVAILABLE"]);
}

#[test]
fn people_of_a_site_are_those_whose_number_and_device_it_owns() {
    let mut lab = Lab::new(&[("^bonn$", "^PJSIP/2")]);
    lab.join();
    lab.hear("bonn/site", "joined x 22 0.5.0");
    let person = |number: &str, device: &str| {
        format!(r#"{{"number":"{number}","name":"Mallory","device":"PJSIP/{device}"}}"#)
    };
    let people = [person("2001", "2001"), person("1001", "2001"), person("2002", "1001")];
    lab.hear("bonn/people", &format!("[{}]", people.join(",")));
    assert_eq!(lab.exchange.folk().people.keys().collect::<Vec<_>>(), ["2001"]);
    lab.hear("bonn/mwi/default/1001", "3 0");
    lab.hear("bonn/presence/CustomPresence/1001", r#"{"state":"dnd"}"#);
    assert_eq!(lab.shown(), Vec::<String>::new());
}

#[test]
fn another_hold_counts_from_now_on() {
    let mut lab = Lab::joined();
    lab.hear("bonn/site", "joined x 22 0.5.0");
    lab.hear("bonn/device/PJSIP/2001", "INUSE");
    let _ = lab.shown();
    lab.exchange.hold(Duration::from_secs(1));
    lab.hear("bonn/site", "lost");
    lab.wait(1_000);
    assert_eq!(lab.shown(), ["PJSIP/2001 UNAVAILABLE"]);
}

#[test]
fn who_talks_is_taken_back_first() {
    let mut lab = Lab::joined();
    for (site, device, state) in
        [("bonn", "Custom:a", "NOT_INUSE"), ("bonn", "SIP/2001", "INUSE"), ("ulm", "Custom:b", "RINGING")]
    {
        lab.hear(&format!("{site}/site"), "joined x 22 0.5.0");
        lab.hear(&format!("{site}/device/{device}"), state);
    }
    lab.hear("bonn/mwi/default/2001", "1 0");
    let [gone, clears] = lab.exchange.take_back();
    let names: Vec<&str> = gone
        .iter()
        .filter_map(|show| match show {
            Show::Device(_, device, DeviceState::Unavailable) => Some(&**device),
            _ => None,
        })
        .collect();
    assert_eq!((names.len(), names.last(), clears.len()), (3, Some(&"Custom:a"), 3));
}
