use std::{collections::BTreeSet, fs, ops::Deref};

use super::*;
use crate::{
    engine::{
        host::Host,
        stand_in::StandIn,
        work::export::tests::{IN_A_DATABASE, Main, rows},
    },
    export::{Part, desk::Shown, stand_in::Hashing},
};

const LONG: Duration = Duration::from_secs(60);

/// A main and both of its workers.
struct Served {
    _way: Led<()>,
    _worker: Worker,
    main: Main,
}

impl Served {
    fn by(main: Main) -> Self {
        let (to_worker, wakes) = bounded(1);
        let watching = Watching { kit: main.kit.clone(), export: main.export.clone(), wakes };
        let worker = Worker::start(Role::named("branches"), || {}, move |stop| watching.work(stop)).unwrap();
        Self { _way: main.desk.watcher.lead(to_worker), _worker: worker, main }
    }
}

impl Deref for Served {
    type Target = Main;

    fn deref(&self) -> &Main {
        &self.main
    }
}

/// Whether that is so before long.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const PUBLIC: &str = "[1001]\ntype=endpoint\naccountcode=berlin\nset_var=PUBLIC_NUMBER=+49301001\n\
    [3001]\ntype=endpoint\n[3002]\ntype=endpoint\n";

fn main_that_forwards(host: &Arc<StandIn>, folder: &Arc<tempfile::TempDir>, word: &str) -> Served {
    let main = Main::start_with(Arc::clone(folder), Arc::clone(host), &[("lost_forward", word)]);
    let main = Served::by(main);
    main.desk.set_serves(true);
    main.write(PUBLIC);
    main.desk.main_reloads();
    main.until("the users", |shown| shown.stock.as_ref().is_some_and(|stock| stock.people.len() == 3));
    main
}

fn forward(host: &StandIn) -> (Option<String>, Option<String>) {
    (host.stored("CFU", "1001"), host.stored("synch-cfu", "1001"))
}

#[test]
fn calls_to_users_of_a_lost_site_go_elsewhere_until_the_next_worker_is_told_otherwise() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let host = Arc::new(StandIn::at(folder.path(), ""));
    let public = || (Some("+49301001".to_owned()), Some("+49301001".to_owned()));
    let main = main_that_forwards(&host, &folder, "freepbx");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(forward(&host), (None, None), "it was not seen yet");
    main.desk.set_heard("berlin", "Failover");
    until("the forward", || forward(&host) == public());
    until("the route", || main.desk.route("1001") == "+49301001");
    assert_eq!(main.desk.route("3001"), "");
    assert!(main.host.log.lock().iter().any(|line| line.contains("1 user of lost branches")));
    // The settings are other ones, and it goes on.
    drop(main);
    assert_eq!(forward(&host), public());
    let main = main_that_forwards(&host, &folder, "freepbx");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(forward(&host), public(), "not seen yet");
    main.desk.set_heard("berlin", "Normal");
    until("the end of it", || forward(&host) == (None, None));
    main.desk.set_heard("berlin", "Failover");
    until("the forward", || forward(&host) == public());
    drop(main);
    // Nobody is to be forwarded any more; then nothing is exported any more.
    let main = main_that_forwards(&host, &folder, "none");
    until("the end of it", || forward(&host) == (None, None));
    main.desk.set_heard("berlin", "Failover");
    until("the route", || main.desk.route("1001") == "+49301001");
    assert_eq!(forward(&host), (None, None));
    drop(main);
    let main = main_that_forwards(&host, &folder, "freepbx");
    main.desk.set_heard("berlin", "Failover");
    until("the forward", || forward(&host) == public());
    main.desk.set_serves(false);
    let desk = Arc::clone(&main.desk);
    drop(main);
    assert_eq!((forward(&host), desk.route("1001")), ((None, None), String::new()));
}

#[test]
fn a_database_that_takes_nothing_is_told_and_tried_again() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let host = Arc::new(StandIn::at(folder.path(), ""));
    host.unwritable.lock().push("synch-cfu/1001");
    let main = main_that_forwards(&host, &folder, "freepbx");
    main.desk.set_heard("berlin", "Failover");
    until("the problem", || host.log.lock().iter().any(|line| line.contains("the disk is full")));
    // What is not remembered is not done.
    assert_eq!(forward(&host), (None, None));
    host.unwritable.lock().clear();
    until("the forward", || forward(&host).0.is_some());
}

#[test]
fn a_database_that_hangs_holds_up_nothing_else() {
    let main = Served::by(Main::told(&IN_A_DATABASE, rows));
    main.until("the users", |shown| shown.stock.is_some());
    let questions = || main.host.objects.asked.lock().len();
    let (hangs, before) = (main.host.objects.silent.lock(), questions());
    main.desk.main_reloads();
    until("a question", || questions() > before);
    main.desk.set_heard("berlin", "Failover");
    let is_alone =
        || main.desk.whereabouts().get("berlin").is_some_and(|(place, _)| *place == Whereabouts::Alone);
    until("the verdict", is_alone);
    drop(hangs);
}

#[test]
fn what_people_of_connected_sites_have_set_is_read_where_the_database_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let host = StandIn::at(folder.path(), "");
    let set = |family: &str, key: &str, value: Option<&str>| {
        host.store(family, key, value).unwrap();
        // As SQLite does.
        let written = fs::read_to_string(host.database_file()).unwrap_or_default();
        fs::write(host.database_file(), written + "x").unwrap();
    };
    set("CF", "1001", Some("1003"));
    set("CF", "2001", Some("2002"));
    set("CF", "1001/other", Some("9"));
    set("DND", "1021", Some("YES"));
    set("CFU", "1001", Some("+493012001"));
    set("CFU", "1002", Some("0301234"));
    set("synch-cfu", "1001", Some("+493012001"));
    set("synch-cfu", "1002", Some("+493012002"));
    set("DEVICE", "1002/user", Some("1021"));
    set("DEVICE", "1001/user", Some("none"));
    let shown = crate::export::desk::tests::desk().shown();
    let stock = shown.stock.clone().unwrap();
    let now = Instant::now();
    let berlin = BTreeSet::from(["berlin".to_owned()]);
    let minute = Duration::from_secs(60);
    let mut settings = CallSettings::default();
    assert!(settings.ask(&host, &stock, &berlin, minute, now));
    let mut next = (*shown).clone();
    settings.show(&mut next, &Hashing).unwrap();
    assert_eq!(next.live.keys().collect::<Vec<_>>(), ["berlin"]);
    let said = |shown: &Shown| {
        let lines = shown.live["berlin"][&Part::Settings].lines.clone();
        lines.iter().map(|line| format!("{}/{}={}", line.section, line.name, line.value)).collect::<Vec<_>>()
    };
    // Nobody else's, and no forward that is the module's own.
    assert_eq!(said(&next), ["CF/1001=1003", "CFU/1002=0301234", "DND/1021=YES", "DEVICE/1002=1021"]);
    let things = next.live["berlin"][&Part::Settings].things.clone();
    assert_eq!(things.names.iter().collect::<Vec<_>>(), [b"1001", b"1002", b"1021"]);
    // Not before it is time, and not where nothing was written.
    assert!(!settings.ask(&host, &stock, &berlin, minute, now + minute));
    set("CF", "1001", None);
    assert!(!settings.ask(&host, &stock, &berlin, minute, now + minute + Duration::from_secs(1)));
    assert!(settings.ask(&host, &stock, &berlin, minute, now + 2 * minute + Duration::from_secs(1)));
    settings.show(&mut next, &Hashing).unwrap();
    assert_eq!(said(&next).len(), 3);
    assert_ne!(next.live["berlin"][&Part::Settings].things.digest, things.digest);
    // A reload of the main, or another site that comes.
    set("DND", "1001", Some("YES"));
    settings.look();
    assert!(settings.ask(&host, &stock, &berlin, minute, now + 2 * minute + Duration::from_secs(2)));
    let both = BTreeSet::from(["berlin".to_owned(), "ulm".to_owned()]);
    assert!(settings.ask(&host, &stock, &both, minute, now + 2 * minute + Duration::from_secs(3)));
    settings.show(&mut next, &Hashing).unwrap();
    assert_eq!(next.live["ulm"][&Part::Settings].lines.len(), 1);
}
