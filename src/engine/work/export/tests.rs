use std::fs;

use super::*;
use crate::{
    engine::{
        crew::{post::Work, worker::on_a_worker},
        host::Host,
        stand_in::StandIn,
    },
    export::Part,
    settings::{Technology, read},
    words::conf::ConfSection,
};

const LONG: Duration = Duration::from_secs(60);

const USERS: &str = "[1001]\ntype=endpoint\naccountcode=berlin\n";
const ACCOUNTS: &str =
    "[general]\nenabled = yes\n[admin]\nwrite = system\n[both]\nwrite = log,system\n[berlin]\nwrite = log\n";

/// A main with these files, and its export worker.
struct Main {
    folder: Arc<tempfile::TempDir>,
    desk: Arc<Desk>,
    host: Arc<StandIn>,
    _line: Lent,
    _worker: Worker,
}

impl Main {
    fn start() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let host = Arc::new(StandIn::at(folder.path(), ""));
        Self::start_with(folder, host, &[])
    }

    /// With these settings besides, on an Asterisk of which something is there already.
    fn start_with(folder: Arc<tempfile::TempDir>, host: Arc<StandIn>, more: &[(&str, &str)]) -> Self {
        let lines = [("sites", "manager")].into_iter().chain(more.iter().copied());
        let settings = Arc::new(read(&[ConfSection::new("export", lines)]).unwrap());
        fs::write(folder.path().join("pjsip.conf"), USERS).unwrap();
        fs::write(folder.path().join("manager.conf"), ACCOUNTS).unwrap();
        let kit = host.kit(&settings);
        let (to_worker, orders) = bounded(ORDERS);
        let export = settings.export.clone().unwrap();
        let exporting = Exporting { kit: kit.clone(), export, orders };
        kit.desk.set_worker(Some(to_worker));
        let body = move |stop: &Stop| {
            let _: Result<(), Stopped> = Body::new(&exporting).run(stop);
            exporting.leave();
        };
        let worker = Worker::start(Role::named("export"), || {}, body).unwrap();
        let (desk, line) = (Arc::clone(&kit.desk), Lent(Arc::clone(&kit.desk)));
        Self { folder, desk, host, _line: line, _worker: worker }
    }

    fn write(&self, users: &str) {
        fs::write(self.folder.path().join("pjsip.conf"), users).unwrap();
    }

    fn until(&self, what: &str, is_so: impl Fn(&Shown) -> bool) -> Arc<Shown> {
        let end = Instant::now() + LONG;
        loop {
            let shown = self.desk.shown();
            if is_so(&shown) {
                return shown;
            }
            assert!(Instant::now() < end, "waited for {what}: {}", shown.problem);
            std::thread::sleep(Duration::from_millis(10));
        }
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

fn main_that_forwards(host: &Arc<StandIn>, folder: &Arc<tempfile::TempDir>, word: &str) -> Main {
    let main = Main::start_with(Arc::clone(folder), Arc::clone(host), &[("lost_forward", word)]);
    main.desk.set_serves(true);
    main.write(PUBLIC);
    main.desk.order(Order::Reloaded);
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

fn names(shown: &Shown) -> Vec<String> {
    let users = shown.stock.as_ref().unwrap().part("berlin", Part::Users).unwrap().unwrap().clone();
    users.list.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
}

#[test]
fn sites_are_the_accounts_of_class_log_alone_and_changes_count_when_they_are_reloaded() {
    let main = Main::start();
    let shown = main.until("the first reading", |shown| shown.stock.is_some());
    let sites: Vec<&String> = shown.stock.as_ref().unwrap().sites.keys().collect();
    assert_eq!(sites, ["berlin"]);
    assert_eq!(names(&shown), ["1001"]);
    main.write(&USERS.replace("1001", "1002"));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(names(&main.desk.shown()), ["1001"]);
    main.desk.order(Order::Reloaded);
    main.until("the change", |shown| names(shown) == ["1002"]);
}

#[test]
fn a_file_that_is_missing_is_told_and_what_was_there_stays() {
    let main = Main::start();
    main.until("the first reading", |shown| shown.stock.is_some());
    fs::remove_file(main.folder.path().join("pjsip.conf")).unwrap();
    main.desk.order(Order::Reloaded);
    let shown = main.until("the problem", |shown| !shown.problem.is_empty());
    assert!(shown.problem.contains("pjsip.conf is missing"), "{}", shown.problem);
    assert_eq!(names(&shown), ["1001"]);
    main.write(USERS);
    main.desk.order(Order::Reloaded);
    main.until("its end", |shown| shown.problem.is_empty());
}

#[test]
fn texts_that_nobody_fetches_are_let_go_and_read_again_when_asked_for() {
    let main = Main::start();
    let shown = main.until("the first reading", |shown| shown.texts.is_some());
    main.desk.show(Shown { texts: None, ..(*shown).clone() });
    main.desk.order(Order::Texts);
    main.until("the texts", |shown| shown.texts.is_some());
}

#[test]
fn only_a_main_has_such_a_worker() {
    let branch = [
        ConfSection::new("main", [("host", "192.0.2.1"), ("username", "synch"), ("secret", "x")]),
        ConfSection::new("sync", [("enabled", "no")]),
        ConfSection::new("dns", [("enabled", "no")]),
    ];
    assert!(Exporting::spec(&read(&branch).unwrap()).is_none());
    // And it ends when it is told to.
    on_a_worker(|stop| {
        let settings = Arc::new(read(&[ConfSection::new("export", [("sites", "a")])]).unwrap());
        let kit = Arc::new(StandIn::default()).kit(&settings);
        let orders = bounded(1).1;
        let exporting = Exporting { kit, export: settings.export.clone().unwrap(), orders };
        let _: Result<(), Stopped> = Body::new(&exporting).run(stop);
    });
}

#[test]
fn phones_of_connected_sites_are_asked_about_and_no_others() {
    let mut phones = Phones::default();
    let shown = crate::export::desk::tests::desk().shown();
    let stock = shown.stock.clone().unwrap();
    let host = StandIn::default();
    let now = Instant::now();
    host.contacts.lock().insert("1001".to_owned(), vec!["sip:1001@192.0.2.1:5060".to_owned()]);
    let show =
        |phones: &Phones, shown: &mut Shown| phones.show(shown, &crate::export::stand_in::Hashing).unwrap();
    let mut next = (*shown).clone();
    phones.belong(&stock, BTreeSet::from(["berlin".to_owned()]), now);
    show(&phones, &mut next);
    // Not before all of them were asked about.
    assert!(next.live.is_empty());
    assert!(phones.ask(&host, Technology::Pjsip));
    show(&phones, &mut next);
    let parts: Vec<&String> = next.live.keys().collect();
    assert_eq!(parts, ["berlin"]);
    assert_eq!(next.live["berlin"][&Part::Contacts].lines.len(), 1);
    assert!(!phones.ask(&host, Technology::Pjsip));
    // One that comes, one of another site, and one that goes.
    host.contacts.lock().insert("1002".to_owned(), vec!["sip:1002@192.0.2.2:5060".to_owned()]);
    phones.changed("2001");
    assert!(!phones.ask(&host, Technology::Pjsip));
    phones.changed("1002");
    assert!(phones.ask(&host, Technology::Pjsip));
    host.contacts.lock().clear();
    phones.changed("1001");
    assert!(phones.ask(&host, Technology::Pjsip));
    show(&phones, &mut next);
    let lines = &next.live["berlin"][&Part::Contacts].lines;
    assert_eq!((lines.len(), &*lines[0].name), (1, "1002"));
    // Missed events.
    host.contacts.lock().clear();
    phones.belong(&stock, BTreeSet::from(["berlin".to_owned()]), now + Duration::from_secs(601));
    assert!(phones.ask(&host, Technology::Pjsip));
    phones.belong(&stock, BTreeSet::new(), now);
    show(&phones, &mut next);
    assert!(next.live.is_empty());
}
