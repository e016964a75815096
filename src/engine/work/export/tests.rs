use std::fs;

use super::*;
use crate::{
    engine::{
        crew::{post::Work, worker::on_a_worker},
        stand_in::StandIn,
    },
    export::{Part, desk::Shown, stand_in::Hashing},
    settings::{Technology, read},
    site::users::Kind,
    words::conf::ConfSection,
};

const LONG: Duration = Duration::from_secs(60);

const USERS: &str = "[1001]\ntype=endpoint\naccountcode=berlin\n";
const ACCOUNTS: &str =
    "[general]\nenabled = yes\n[admin]\nwrite = system\n[both]\nwrite = log,system\n[berlin]\nwrite = log\n";

/// A main with these files, and its export worker.
pub(in crate::engine::work) struct Main {
    folder: Arc<tempfile::TempDir>,
    pub(in crate::engine::work) desk: Arc<Desk>,
    pub(in crate::engine::work) host: Arc<StandIn>,
    pub(in crate::engine::work) kit: Kit,
    pub(in crate::engine::work) export: Export,
    _way: Led<Order>,
    _worker: Worker,
}

impl Main {
    fn start() -> Self {
        Self::told(&[("sites", "manager")], |_| {})
    }

    /// With these settings, on a host that was made ready.
    pub(in crate::engine::work) fn told(export: &[(&str, &str)], ready: impl FnOnce(&StandIn)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let host = Arc::new(StandIn::at(folder.path(), ""));
        ready(&host);
        Self::on(folder, host, export)
    }

    /// With these settings besides, on an Asterisk of which something is there already.
    pub(in crate::engine::work) fn start_with(
        folder: Arc<tempfile::TempDir>,
        host: Arc<StandIn>,
        more: &[(&str, &str)],
    ) -> Self {
        let lines: Vec<(&str, &str)> =
            [("sites", "manager")].into_iter().chain(more.iter().copied()).collect();
        Self::on(folder, host, &lines)
    }

    fn on(folder: Arc<tempfile::TempDir>, host: Arc<StandIn>, export: &[(&str, &str)]) -> Self {
        let settings = Arc::new(read(&[ConfSection::new("export", export.iter().copied())]).unwrap());
        fs::write(folder.path().join("pjsip.conf"), USERS).unwrap();
        fs::write(folder.path().join("manager.conf"), ACCOUNTS).unwrap();
        let kit = host.kit(&settings);
        let (to_worker, orders) = bounded(ORDERS);
        let export = settings.export.clone().unwrap();
        let exporting = Exporting { kit: kit.clone(), export: export.clone(), orders };
        let body = move |stop: &Stop| {
            let _: Result<(), Stopped> = Body::new(&exporting).run(stop);
        };
        let worker = Worker::start(Role::named("export"), || {}, body).unwrap();
        let (desk, way) = (Arc::clone(&kit.desk), kit.desk.reader.lead(to_worker));
        Self { folder, desk, host, kit, export, _way: way, _worker: worker }
    }

    pub(in crate::engine::work) fn write(&self, users: &str) {
        fs::write(self.folder.path().join("pjsip.conf"), users).unwrap();
    }

    pub(in crate::engine::work) fn until(&self, what: &str, is_so: impl Fn(&Shown) -> bool) -> Arc<Shown> {
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

fn names(shown: &Shown) -> Vec<String> {
    let users = shown.stock.as_ref().unwrap().part("berlin", Part::Users).unwrap().unwrap().clone();
    users.names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
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
    main.desk.main_reloads();
    main.until("the change", |shown| names(shown) == ["1002"]);
}

#[test]
fn a_file_that_is_missing_is_told_and_what_was_there_stays() {
    let main = Main::start();
    main.until("the first reading", |shown| shown.stock.is_some());
    fs::remove_file(main.folder.path().join("pjsip.conf")).unwrap();
    main.desk.main_reloads();
    let shown = main.until("the problem", |shown| !shown.problem.is_empty());
    assert!(shown.problem.contains("pjsip.conf is missing"), "{}", shown.problem);
    assert_eq!(names(&shown), ["1001"]);
    main.write(USERS);
    main.desk.main_reloads();
    main.until("its end", |shown| shown.problem.is_empty());
}

#[test]
fn texts_that_nobody_fetches_are_let_go_and_read_again_when_asked_for() {
    let main = Main::start();
    let shown = main.until("the first reading", |shown| shown.texts.is_some());
    main.desk.show(Shown { texts: None, ..(*shown).clone() });
    main.desk.reader.tell(Order::Texts);
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
    let show = |phones: &Phones, shown: &mut Shown| phones.show(shown, &Hashing).unwrap();
    let mut next = (*shown).clone();
    phones.belong(&stock, &BTreeSet::from(["berlin".to_owned()]), now);
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
    // A database that does not answer takes no phone away.
    *host.objects.silent.lock() = vec![Kind::Endpoint];
    phones.changed("1002");
    assert!(!phones.ask(&host, Technology::Pjsip));
    host.objects.silent.lock().clear();
    // Missed events.
    host.contacts.lock().clear();
    phones.belong(&stock, &BTreeSet::from(["berlin".to_owned()]), now + Duration::from_secs(601));
    assert!(phones.ask(&host, Technology::Pjsip));
    phones.belong(&stock, &BTreeSet::new(), now);
    show(&phones, &mut next);
    assert!(next.live.is_empty());
}

/// Berlin has two users in the database, ulm has one, and one is nobody's.
pub(in crate::engine::work) fn rows(host: &StandIn) {
    for (name, site) in [("1001", "berlin"), ("1002", "berlin"), ("2001", "ulm"), ("3001", "")] {
        let auth = format!("{name}-auth");
        let options = [("accountcode", site), ("aors", name), ("auth", &auth), ("context", "from-internal")];
        host.objects.put(Kind::Endpoint, name, &options);
        host.objects.put(Kind::Aor, name, &[("max_contacts", "1")]);
        host.objects.put(Kind::Auth, &auth, &[("password", &format!("secret-{name}"))]);
    }
}

pub(in crate::engine::work) const IN_A_DATABASE: [(&str, &str); 3] =
    [("sites", "berlin,ulm,empty"), ("source", "sorcery"), ("refresh", "5")];

fn names_of(shown: &Shown, site: &str) -> Vec<String> {
    let users = shown.stock.as_ref().unwrap().part(site, Part::Users).unwrap().unwrap().clone();
    users.names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

type Asked = Arc<parking_lot::Mutex<Database>>;

/// A round of questions, without the worker.
fn asked(database: &Asked, host: &Arc<StandIn>) -> Result<Vec<String>, String> {
    let export = read(&[ConfSection::new("export", IN_A_DATABASE)]).unwrap().export.unwrap();
    let sites = ["berlin", "ulm", "empty"].map(str::to_owned).into();
    let (database, host) = (Arc::clone(database), Arc::clone(host));
    on_a_worker(move |stop| match database.lock().ask(&*host, &export, &sites, stop) {
        Ok(sections) => {
            let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
            let kind = |section: &Section| text(section.values("type").next().unwrap());
            Ok(sections.iter().map(|section| format!("{} {}", kind(section), text(&section.name))).collect())
        }
        Err(NotAsked::Failed(problem)) => Err(problem),
        Err(NotAsked::Stopped) => panic!("nobody stops it"),
    })
}

const ALL: [&str; 9] = [
    "endpoint 1001",
    "endpoint 1002",
    "endpoint 2001",
    "aor 1001",
    "aor 1002",
    "aor 2001",
    "auth 1001-auth",
    "auth 1002-auth",
    "auth 2001-auth",
];

#[test]
fn users_in_a_database_are_given_to_their_sites_and_changes_are_found() {
    let main = Main::told(&IN_A_DATABASE, rows);
    let shown = main.until("the first answer", |shown| shown.stock.is_some());
    assert_eq!(names_of(&shown, "berlin"), ["1001", "1002"]);
    assert_eq!(names_of(&shown, "ulm"), ["2001"]);
    assert_eq!(shown.stock.as_ref().unwrap().people.iter().count(), 3);
    let text =
        shown.texts.as_ref().unwrap().answer(shown.stock.as_ref().unwrap(), "berlin", Part::Users, None);
    let text = String::from_utf8_lossy(text.headers()).into_owned();
    assert!(text.contains("password=secret-1001") && !text.contains("secret-2001"), "{text}");
    assert!(!text.contains("secret-3001"), "{text}");
    // Nobody reloads anything.
    main.host.objects.put(Kind::Auth, "1001-auth", &[("password", "new")]);
    let digest =
        |shown: &Shown| shown.stock.as_ref().unwrap().part("berlin", Part::Users).unwrap().unwrap().digest;
    main.until("the change", |now| digest(now) != digest(&shown));
    let asked = main.host.objects.asked.lock().clone();
    let is_for_one = |question: &String| {
        ["endpoint accountcode=berlin", "endpoint accountcode=ulm", "endpoint accountcode=empty"]
            .contains(&question.as_str())
            || question.starts_with("endpoint id=")
            || question.starts_with("aor ") && !question.contains('=')
            || question.starts_with("auth ") && !question.contains('=')
    };
    assert!(asked.iter().all(is_for_one), "{asked:?}");
}

#[test]
fn a_database_that_does_not_answer_takes_nobody_away() {
    let host = Arc::new(StandIn::default());
    rows(&host);
    let database = Asked::default();
    assert_eq!(asked(&database, &host).unwrap(), ALL);
    for silent in [&[Kind::Endpoint, Kind::Aor, Kind::Auth][..], &[Kind::Endpoint]] {
        *host.objects.silent.lock() = silent.to_vec();
        let problem = asked(&database, &host).unwrap_err();
        assert!(problem.contains("does not answer"), "{problem}");
    }
    host.objects.silent.lock().clear();
    assert_eq!(asked(&database, &host).unwrap(), ALL);
    // Nor before it ever has.
    *host.objects.silent.lock() = vec![Kind::Endpoint];
    let problem = asked(&Asked::default(), &host).unwrap_err();
    assert!(problem.contains("no user of any site, or does not answer"), "{problem}");
}

#[test]
fn whoever_has_really_gone_is_gone() {
    let host = Arc::new(StandIn::default());
    rows(&host);
    let database = Asked::default();
    asked(&database, &host).unwrap();
    host.objects.put(Kind::Endpoint, "2001", &[]);
    let left = asked(&database, &host).unwrap();
    assert_eq!(
        left,
        ["endpoint 1001", "endpoint 1002", "aor 1001", "aor 1002", "auth 1001-auth", "auth 1002-auth"]
    );
    host.objects.put(Kind::Auth, "1002-auth", &[]);
    assert_eq!(asked(&database, &host).unwrap().len(), 5);
    // It is known by now, and not asked about again and again.
    host.objects.asked.lock().clear();
    asked(&database, &host).unwrap();
    let questions = host.objects.asked.lock().clone();
    assert!(!questions.iter().any(|question| question.contains("id=")), "{questions:?}");
    assert_eq!(questions.len(), 3 + 2 + 2, "{questions:?}");
    // All at once can't be told from a database that is away.
    host.objects.put(Kind::Endpoint, "1001", &[]);
    host.objects.put(Kind::Endpoint, "1002", &[]);
    assert!(asked(&database, &host).unwrap_err().contains("has lost all users"));
}

#[test]
fn a_silence_is_told_and_what_was_there_stays() {
    let main = Main::told(&IN_A_DATABASE, rows);
    main.until("the first answer", |shown| shown.stock.is_some());
    *main.host.objects.silent.lock() = vec![Kind::Endpoint, Kind::Aor, Kind::Auth];
    main.desk.main_reloads();
    let shown = main.until("the problem", |shown| !shown.problem.is_empty());
    assert_eq!(names_of(&shown, "berlin"), ["1001", "1002"]);
    main.host.objects.silent.lock().clear();
    main.until("its end", |shown| shown.problem.is_empty());
    let log = main.host.log.lock().join("\n");
    assert!(log.contains("does not answer") && log.contains("is exported to the branches again"), "{log}");
}
