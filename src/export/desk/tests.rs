use std::{collections::BTreeSet, sync::atomic::AtomicUsize, sync::atomic::Ordering, thread};

use super::*;
use crate::{
    export::{
        Group,
        proof::{Nonce, key},
        share::MOST_SESSIONS,
        stand_in::Hashing,
        stock::{Files, take_stock},
    },
    settings::read,
    words::conf::ConfSection,
};

/// The Asterisk of a test, with two accounts.
#[derive(Default)]
struct Asterisk {
    reported: Mutex<Vec<String>>,
    drawn: AtomicUsize,
    /// Who is in a call.
    calls: Vec<&'static str>,
}

impl Around for Asterisk {
    fn secret(&self, account: &str) -> Option<String> {
        match account {
            "berlin" => Some("s-berlin".to_owned()),
            "ulm" => Some("s-ulm".to_owned()),
            "empty" => Some(String::new()),
            "admin" => Some("s-admin".to_owned()),
            _ => None,
        }
    }

    fn draw(&self) -> Option<u128> {
        Some(self.drawn.fetch_add(1, Ordering::SeqCst) as u128)
    }

    fn report(&self, account: &str, _: &str) {
        self.reported.lock().unwrap().push(account.to_owned());
    }

    fn address(&self) -> Option<String> {
        Some("192.0.2.7:4711".to_owned())
    }

    fn wait(&self, wait: &mut dyn FnMut()) {
        wait();
    }

    fn calls(&self, users: &BTreeSet<&str>) -> usize {
        self.calls.iter().filter(|user| users.contains(**user)).count()
    }

    fn is_booted(&self) -> bool {
        true
    }
}

fn user(name: &str, site: &str, secret: &str) -> Section {
    let mut section = Section::new(name);
    section.push(b"type", b"endpoint");
    section.push(b"accountcode", site.as_bytes());
    section.push(b"set_var", format!("SECRET={secret}").as_bytes());
    section
}

fn shown(users: Vec<Section>) -> Shown {
    let export =
        read(&[ConfSection::new("export", [("sites", "berlin,ulm,empty")])]).unwrap().export.unwrap();
    let sites: BTreeSet<String> = ["berlin", "ulm", "empty"].map(str::to_owned).into();
    let mut context = Section::new("site-a");
    context.push(b"exten", b"1,1,NoOp");
    let contexts = Some(vec![context, Section::new("site-b")]);
    let files = Files { users, boxes: None, contexts };
    let (stock, texts) = take_stock(&Hashing, files, &export, &sites).unwrap();
    Shown { stock: Some(Arc::new(stock)), texts: Some(Arc::new(texts)), taken_up: 7, ..Shown::default() }
}

fn users(secret: &str) -> Vec<Section> {
    vec![user("1001", "berlin", secret), user("1002", "berlin", "b"), user("2001", "ulm", "u")]
}

/// A desk with two users of berlin, one of ulm, and none of `empty`.
pub(crate) fn desk() -> Arc<Desk> {
    let desk = Arc::new(Desk::new(Arc::new(Hashing)));
    desk.show(shown(users("a")));
    desk
}

/// A session that asks.
struct Asking<'a> {
    desk: Arc<Desk>,
    visit: Mutex<Visit>,
    around: &'a Asterisk,
}

impl<'a> Asking<'a> {
    fn new(desk: &Arc<Desk>, around: &'a Asterisk) -> Self {
        let visit = Mutex::new(Visit::new(Arc::clone(desk)));
        Self { desk: Arc::clone(desk), visit, around }
    }

    fn ask(
        &self,
        run: fn(&Desk, &Mutex<Visit>, actions::Header<'_>, &dyn Around) -> Reply,
        headers: &[(&str, &str)],
    ) -> Reply {
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
        };
        run(&self.desk, &self.visit, &header, self.around)
    }

    fn nonce(&self) -> Nonce {
        let reply = self.ask(Desk::hello, &[]);
        Nonce::read(&get(&reply, "Nonce")).unwrap()
    }

    fn prove(&self, nonce: &Nonce, site: &str, secret: &str) -> Reply {
        let key = key(&Hashing, secret, nonce, site).unwrap().to_string();
        self.ask(Desk::hello, &[("Site", site), ("Key", &key)])
    }

    fn of(desk: &Arc<Desk>, around: &'a Asterisk, site: &str) -> Self {
        let asking = Self::new(desk, around);
        let reply = asking.prove(&asking.nonce(), site, &format!("s-{site}"));
        assert_eq!(get(&reply, "Message"), "proved");
        asking
    }

    fn export(&self, headers: &[(&str, &str)]) -> Reply {
        self.ask(Desk::export, headers)
    }

    fn wait(&self, headers: &[(&str, &str)]) -> Reply {
        self.ask(Desk::wait, headers)
    }
}

/// How a wait of berlin ends when this is done meanwhile.
fn while_waiting(desk: &Desk, berlin: &Asking<'_>, act: impl FnOnce()) -> Reply {
    thread::scope(|scope| {
        // The place is given back with the answer.
        let waiting = scope.spawn(|| Reply { place: None, ..berlin.wait(&[("Timeout", "60")]) });
        while desk.news.waiting("berlin") == 0 {
            thread::yield_now();
        }
        act();
        waiting.join().unwrap()
    })
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.headers.clone()).unwrap()
}

fn all(reply: &Reply, key: &str) -> Vec<String> {
    let text = text(reply);
    let value = |line: &str| line.strip_prefix(key)?.strip_prefix(": ").map(str::to_owned);
    text.lines().filter_map(value).collect()
}

fn get(reply: &Reply, key: &str) -> String {
    all(reply, key).first().cloned().unwrap_or_else(|| panic!("no {key} in {}", text(reply)))
}

const UNPROVED: &str = "prove who you are first (SynchHello)";

#[test]
fn who_has_proved_nothing_is_told_nothing() {
    let (desk, around) = (desk(), Asterisk::default());
    let asking = Asking::new(&desk, &around);
    let hello = asking.ask(Desk::hello, &[]);
    for (key, value) in [("Protocol", "1"), ("Reload", "7"), ("Booted", "yes"), ("Wait", "5")] {
        assert_eq!(get(&hello, key), value);
    }
    for reply in [asking.export(&[]), asking.export(&[("Users", "*")]), asking.wait(&[("Timeout", "1")])] {
        assert!(!reply.is_success);
        assert_eq!(get(&reply, "Message"), UNPROVED);
    }
}

#[test]
fn a_key_proves_one_site_with_one_nonce_once() {
    let (desk, around) = (desk(), Asterisk::default());
    let right = Asking::of(&desk, &around, "berlin");
    // Of another site, replayed, without a nonce, of no site, of an account that is none, without a password.
    let ulm = Asking::new(&desk, &around);
    let nonce = ulm.nonce();
    assert_eq!(get(&ulm.prove(&nonce, "ulm", "s-ulm"), "Message"), "proved");
    let again = ulm.prove(&nonce, "ulm", "s-ulm");
    assert!(get(&again, "Message").starts_with("ask for a nonce first"));
    let berlin = right.prove(&right.nonce(), "ulm", "s-ulm");
    assert!(get(&berlin, "Message").contains("already"));
    assert_eq!(*around.reported.lock().unwrap(), [""; 0]);

    // Its own password, and no site.
    let admin = Asking::new(&desk, &around);
    let reply = admin.prove(&admin.nonce(), "admin", "s-admin");
    assert!(reply.ends && get(&reply, "Message").contains("no site"));

    for (site, secret) in [("berlin", "s-ulm"), ("bonn", "s-bonn"), ("admin", "s-ulm"), ("empty", "")] {
        let wrong = Asking::new(&desk, &around);
        let begun = Instant::now();
        let reply = wrong.prove(&wrong.nonce(), site, secret);
        assert!(!reply.is_success && reply.ends, "{site}");
        assert!(get(&reply, "Message").starts_with("not proved"));
        assert!(begun.elapsed() >= Duration::from_secs(1));
        assert_eq!(get(&wrong.export(&[]), "Message"), UNPROVED);
    }
    assert_eq!(*around.reported.lock().unwrap(), ["berlin", "bonn", "admin", "empty"]);
}

#[test]
fn what_is_new_is_said_by_groups_and_never_of_another_site() {
    let (desk, around) = (desk(), Asterisk::default());
    let berlin = Asking::of(&desk, &around, "berlin");
    let first = berlin.export(&[("Groups", "*"), ("Part", "users")]);
    let groups = all(&first, "Group");
    assert_eq!((groups.len(), all(&first, "User").len()), (2, 0), "{groups:?}");
    let digest = get(&first, "Digest");
    let unchanged = berlin.export(&[("Groups", "*"), ("Digest", &digest)]);
    assert_eq!(text(&unchanged), "Unchanged: yes\r\n");

    desk.show(shown(users("changed")));
    let second = all(&berlin.export(&[("Groups", "*"), ("Digest", &digest)]), "Group");
    let changed: Vec<&str> =
        second.iter().filter(|group| !groups.contains(group)).filter_map(|group| group.get(..2)).collect();
    assert_eq!(changed, [Group::of(b"1001").to_string()]);
    let one = text(&berlin.export(&[("Groups", changed[0])]));
    assert!(one.contains("SECRET=changed") && !one.contains("1002"), "{one}");

    // Of the group of another site's user, and of none, there is nothing.
    for others in [Group::of(b"2001").to_string().as_str(), "zz", "00ff", ","] {
        let nothing = berlin.export(&[("Groups", others)]);
        assert!(nothing.is_success && !text(&nothing).contains("Category-"), "{}", text(&nothing));
    }
}

#[test]
fn nothing_new_is_said_in_few_octets_and_what_is_new_by_name() {
    let (desk, around) = (desk(), Asterisk::default());
    let berlin = Asking::of(&desk, &around, "berlin");
    let first = berlin.export(&[]);
    let digest = get(&first, "Digest");
    let listed = all(&first, "User");
    assert_eq!(listed.len(), 2);
    assert!(listed[0].starts_with("1001 ") && listed[0].len() == "1001 ".len() + 16, "{listed:?}");
    let unchanged = berlin.export(&[("Digest", &digest), ("Part", "users")]);
    assert_eq!(text(&unchanged), "Unchanged: yes\r\n");

    desk.show(shown(users("changed")));
    let second = berlin.export(&[("Digest", &digest)]);
    assert_ne!(get(&second, "Digest"), digest);
    assert_eq!(all(&second, "User")[1], listed[1]);
    let one = berlin.export(&[("Users", "1001,2001")]);
    assert!(text(&one).contains("SECRET=changed") && !text(&one).contains("2001"), "{}", text(&one));
    assert_eq!(get(&one, "Digest"), get(&second, "Digest"));
    let answer = text(&one);
    let headers = answer.lines().filter_map(|line| line.split_once(": "));
    let headers: Vec<_> = headers.map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let sent = crate::export::text::received_digest(&Hashing, headers).unwrap().to_string();
    assert_eq!(get(&one, "AnswerDigest"), sent);
}

#[test]
fn parts_are_told_apart_and_contexts_are_those_chosen() {
    let (desk, around) = (desk(), Asterisk::default());
    let berlin = Asking::of(&desk, &around, "berlin");
    for missing in ["boxes", "passwords"] {
        assert_eq!(get(&berlin.export(&[("Part", missing)]), "Message"), "no such part");
    }
    let all_of_them = berlin.export(&[("Part", "contexts")]);
    assert_eq!(all(&all_of_them, "User").len(), 2);
    let chosen = berlin.export(&[("Part", "contexts"), ("Contexts", "site-b")]);
    assert_eq!(all(&chosen, "User").len(), 1);
    assert_ne!(get(&chosen, "Digest"), get(&all_of_them, "Digest"));
    let texts = berlin.export(&[("Part", "contexts"), ("Contexts", "site-b"), ("Users", "*")]);
    assert_eq!(all(&texts, "Category-000000"), ["site-b"]);
    assert!(!text(&texts).contains("site-a"));
    let directory = berlin.export(&[("Part", "directory"), ("Users", "*")]);
    assert!(text(&directory).contains("2001=,ulm,"), "{}", text(&directory));
}

#[test]
fn what_people_have_set_is_a_section_for_each_family_and_ends_a_wait() {
    let (desk, around) = (desk(), Asterisk::default());
    let berlin = Asking::of(&desk, &around, "berlin");
    let set = |all: &[(&str, &str, &str)]| {
        let line = |(section, name, value): &(&str, &str, &str)| Line {
            section: (*section).into(),
            name: (*name).into(),
            value: (*value).into(),
        };
        let mut next = (*desk.shown()).clone();
        let live = Live::new(all.iter().map(line).collect(), &Hashing).unwrap();
        next.live.entry("berlin".to_owned()).or_default().insert(Part::Settings, live);
        desk.show(next);
    };
    set(&[("CF", "1001", "1003"), ("CF", "1002", "1003"), ("DND", "1001", "YES")]);
    let manifest = berlin.export(&[("Part", "settings")]);
    let names: Vec<String> = all(&manifest, "User").iter().map(|user| user[..4].to_owned()).collect();
    assert_eq!(names, ["1001", "1002"]);
    let texts = text(&berlin.export(&[("Part", "settings"), ("Users", "*")]));
    let wanted = "Category-000000: CF\r\nLine-000000-000000: 1001=1003\r\nLine-000000-000001: 1002=1003\r\n\
         Category-000001: DND\r\nLine-000001-000000: 1001=YES\r\n";
    assert!(texts.contains(wanted), "{texts}");
    let digest = get(&manifest, "Digest");
    assert_eq!(get(&berlin.export(&[("Part", "settings"), ("Digest", &digest)]), "Unchanged"), "yes");
    let known = [("Timeout", "60"), ("Digest-settings", &*digest)];
    thread::scope(|scope| {
        let waiting = scope.spawn(|| berlin.wait(&known));
        while desk.news.waiting("berlin") == 0 {
            thread::yield_now();
        }
        set(&[("CF", "1002", "1003")]);
        assert_eq!(get(&waiting.join().unwrap(), "Changed"), "settings");
    });
}

#[test]
fn a_wait_ends_with_a_change_of_its_own_site() {
    let (desk, around) = (desk(), Asterisk::default());
    let berlin = Asking::of(&desk, &around, "berlin");
    let digest = get(&berlin.export(&[]), "Digest");
    let known =
        [("Timeout", "60"), ("Digest-users", &*digest), ("State", "Normal"), ("Version", "0.5.0\r\nx")];
    thread::scope(|scope| {
        let waiting = scope.spawn(|| berlin.wait(&known));
        while desk.news.waiting("berlin") == 0 {
            thread::yield_now();
        }
        let account = desk.accounts()["berlin"].clone();
        assert!(account.is_waiting());
        assert_eq!((account.state.as_str(), account.version.as_str()), ("Normal", "0.5.0x"));
        assert_eq!(account.address, "192.0.2.7:4711");
        let mut ulm = users("a");
        ulm[2] = user("2001", "ulm", "other");
        desk.show(shown(ulm));
        desk.show(shown(users("changed")));
        let reply = waiting.join().unwrap();
        assert_eq!(text(&reply), "Reason: changed\r\nChanged: users\r\n");
    });
    // At once, for it differs already.
    assert_eq!(get(&berlin.wait(&known), "Changed"), "users");
    assert_eq!(get(&berlin.wait(&[("Timeout", "1"), ("Digest-boxes", "x")]), "Reason"), "time");
    assert!(!desk.accounts()["berlin"].is_waiting());
}

#[test]
fn all_waits_end_with_the_module_and_the_main() {
    let (desk, around) = (desk(), Asterisk::default());
    for (reason, word) in [(Reason::Unload, "unload"), (Reason::Shutdown, "shutdown")] {
        desk.open();
        desk.show(shown(users("a")));
        let berlin = Asking::of(&desk, &around, "berlin");
        let ended = while_waiting(&desk, &berlin, || assert!(desk.close(reason)));
        assert_eq!(get(&ended, "Reason"), word);
        assert_eq!(get(&berlin.wait(&[]), "Reason"), word);
    }
    desk.open();
    let berlin = Asking::of(&desk, &around, "berlin");
    let unanswered = berlin.wait(&[("Timeout", "0")]);
    assert!(!desk.close(Reason::Shutdown), "who has no answer yet has not gone");
    drop(unanswered);
    assert!(desk.close(Reason::Shutdown));
    desk.open();
    let ended = while_waiting(&desk, &berlin, || desk.reloaded());
    assert_eq!(get(&ended, "Reason"), "reload");
}

#[test]
fn an_account_has_four_sessions_and_asks_so_often() {
    let (desk, around) = (desk(), Asterisk::default());
    let sessions: Vec<_> = (0..MOST_SESSIONS).map(|_| Asking::of(&desk, &around, "berlin")).collect();
    let one_more = Asking::new(&desk, &around);
    let reply = one_more.prove(&one_more.nonce(), "berlin", "s-berlin");
    assert!(!reply.is_success && reply.ends);
    assert_eq!(get(&reply, "Busy"), "yes");
    // Another site is not concerned.
    let _ulm = Asking::of(&desk, &around, "ulm");
    drop(sessions);
    let berlin = Asking::of(&desk, &around, "berlin");
    let digest = get(&berlin.export(&[]), "Digest");
    let mut answers = (0..100).map(|_| berlin.export(&[("Digest", &digest)]));
    let busy = answers.find(|reply| !reply.is_success).unwrap();
    assert_eq!((get(&busy, "Busy").as_str(), busy.ends), ("yes", false));
    assert!(answers.any(|reply| reply.ends));
}

#[test]
fn a_session_that_has_lost_its_line_makes_room_for_another_one() {
    let desk = desk();
    let start = Instant::now();
    let sessions: Vec<u64> = (0..MOST_SESSIONS).map(|_| desk.comes("berlin", start).unwrap()).collect();
    let later = start + SILENT + Duration::from_secs(1);
    assert_eq!(desk.comes("berlin", start + SILENT), None);
    // All but the second are silent.
    desk.admits("berlin", sessions[1], start + SILENT).unwrap();
    let new = desk.comes("berlin", later).unwrap();
    assert_eq!(desk.admits("berlin", sessions[0], later), None);
    for known in [sessions[1], new] {
        assert_eq!(desk.admits("berlin", known, later), Some(Admission::Granted));
    }
    // One that was taken for dead goes, and takes nobody with it.
    desk.goes("berlin", sessions[0]);
    assert_eq!(desk.accounts()["berlin"].sessions(), MOST_SESSIONS);
}

#[test]
fn of_a_site_with_too_many_users_nothing_is_said() {
    let (desk, around) = (desk(), Asterisk::default());
    let berlin = Asking::of(&desk, &around, "berlin");
    let few = (*desk.shown()).clone();
    let many: Vec<Section> = (0..600).map(|number| user(&number.to_string(), "berlin", "a")).collect();
    desk.show(Shown { live: few.live, ..shown(many) });
    for part in ["users", "boxes", "directory", "contacts", "settings"] {
        let reply = berlin.export(&[("Part", part)]);
        assert!(
            !reply.is_success && get(&reply, "Message").contains("max_users"),
            "{part}: {}",
            text(&reply)
        );
    }
}

#[test]
fn a_module_that_goes_leaves_nothing_on_the_desk_of_sessions_that_stay() {
    let (desk, around) = (desk(), Asterisk::default());
    let _berlin = Asking::of(&desk, &around, "berlin");
    assert!(desk.close(Reason::Unload));
    assert!(desk.shown().stock.is_none() && desk.shown().texts.is_none());
}

#[test]
fn texts_that_are_not_there_are_asked_for_and_waited_for() {
    let (desk, around) = (desk(), Asterisk::default());
    let berlin = Asking::of(&desk, &around, "berlin");
    let whole = (*desk.shown()).clone();
    desk.show(Shown { texts: None, ..whole.clone() });
    let (to_worker, orders) = crossbeam_channel::unbounded();
    let _way = desk.reader.lead(to_worker);
    thread::scope(|scope| {
        let asking = scope.spawn(|| berlin.export(&[("Users", "*")]));
        while orders.recv().unwrap() != Order::Texts {}
        desk.show(whole);
        let reply = asking.join().unwrap();
        assert!(text(&reply).contains("SECRET=a"), "{}", text(&reply));
    });
    // The module goes meanwhile.
    desk.show(Shown { texts: None, ..(*desk.shown()).clone() });
    thread::scope(|scope| {
        let asking = scope.spawn(|| berlin.export(&[("Users", "*")]));
        while orders.recv().unwrap() != Order::Texts {}
        assert!(desk.close(Reason::Unload));
        assert_eq!(get(&asking.join().unwrap(), "Busy"), "yes");
    });
}

#[test]
fn where_the_phones_are_is_waited_for_and_wakes_who_waits_for_news() {
    let (desk, around) = (desk(), Asterisk::default());
    let berlin = Asking::of(&desk, &around, "berlin");
    let (to_worker, orders) = crossbeam_channel::unbounded();
    let _way = desk.reader.lead(to_worker);
    let at = |address: &str| {
        let line = |name: &str| Line {
            section: "contacts".into(),
            name: name.into(),
            value: format!("sip:{name}@{address}").into(),
        };
        let live = Live::new([line("1001"), line("1002")].into(), &Hashing).unwrap();
        let live = BTreeMap::from([("berlin".to_owned(), BTreeMap::from([(Part::Contacts, live)]))]);
        Shown { live, ..(*desk.shown()).clone() }
    };
    let first = thread::scope(|scope| {
        let asking = scope.spawn(|| berlin.export(&[("Part", "contacts")]));
        while orders.recv().unwrap() != Order::Phones {}
        desk.show(at("192.0.2.1:5060"));
        asking.join().unwrap()
    });
    assert_eq!(all(&first, "User").len(), 2, "{}", text(&first));
    let one = berlin.export(&[("Part", "contacts"), ("Users", "1002")]);
    assert_eq!(all(&one, "Category-000000"), ["contacts"]);
    assert_eq!(all(&one, "Line-000000-000000"), ["1002=sip:1002@192.0.2.1:5060"]);
    assert!(!text(&one).contains("1001"), "{}", text(&one));
    let digest = get(&first, "Digest");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| berlin.wait(&[("Timeout", "60"), ("Digest-contacts", &digest)]));
        while desk.news.waiting("berlin") == 0 {
            thread::yield_now();
        }
        desk.show(at("192.0.2.2:5060"));
        assert_eq!(get(&waiting.join().unwrap(), "Changed"), "contacts");
    });
}

#[test]
fn calls_of_a_sites_users_are_counted_where_they_are_asked_for() {
    let desk = desk();
    let around = Asterisk { calls: vec!["1001", "1002", "2001"], ..Asterisk::default() };
    let berlin = Asking::of(&desk, &around, "berlin");
    let asked = berlin.wait(&[("Timeout", "0"), ("State", "Maintenance"), ("Calls", "yes")]);
    assert_eq!(text(&asked), "Reason: time\r\nCalls: 2\r\n");
    assert_eq!(text(&berlin.wait(&[("Timeout", "0")])), "Reason: time\r\n");
    let stranger = Asking::new(&desk, &around);
    assert!(!text(&stranger.wait(&[("Timeout", "0"), ("Calls", "yes")])).contains("Calls"));
}
