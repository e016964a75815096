//! A branch at a main that exports, by an account that may do nothing else there.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Condvar,
};

use super::*;
use crate::{
    export::{
        Answer, Digest, Group, Part, Section, Short, group, part_digest,
        proof::{Nonce, proves},
        stand_in::Hashing,
        text::digest,
    },
    operator::control::Command,
    site::shrink::Removals,
    words::state::SyncState,
};

const NONCE: u128 = 7;

/// What becomes of an answer on its way.
type Spoils = fn(String) -> String;

/// A main that exports, until it is dropped.
struct Exporter {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: std::sync::Mutex<State>,
    changed: Condvar,
}

struct State {
    stop: bool,
    /// Whether the module is loaded.
    loaded: bool,
    /// Whether it believes anybody.
    believes: bool,
    /// Whether it ends any wait.
    ends_waits: bool,
    shuts_down: bool,
    /// Whether it says at each login that it has booted.
    greets: bool,
    /// How many of the next questions whether it exports it does not answer.
    silent: usize,
    users: Vec<Vec<Section>>,
    contacts: Vec<(String, String)>,
    boxes: Vec<(String, String)>,
    /// What is done to each answer with sections.
    spoils: Spoils,
    /// Every request so far.
    heard: Vec<BTreeMap<String, String>>,
    connections: Vec<TcpStream>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            stop: false,
            loaded: true,
            believes: true,
            ends_waits: true,
            shuts_down: false,
            greets: false,
            silent: 0,
            users: vec![user("1001", "Alice"), user("1002", "Bob")],
            contacts: vec![("1001".to_owned(), "sip:1001@10.0.0.7:5060".to_owned())],
            boxes: vec![("1001".to_owned(), "1234,Alice".to_owned())],
            spoils: |text| text,
            heard: Vec::new(),
            connections: Vec::new(),
        }
    }
}

fn section(name: &str, lines: &[(&str, &str)]) -> Section {
    let mut section = Section::new(name);
    lines.iter().for_each(|(key, value)| section.push(key.as_bytes(), value.as_bytes()));
    section
}

fn user(name: &str, person: &str) -> Vec<Section> {
    let (auth, callerid) = (format!("{name}-auth"), format!("{person} <{name}>"));
    vec![
        section(name, &[("type", "endpoint"), ("aors", name), ("auth", &auth), ("callerid", &callerid)]),
        section(name, &[("type", "aor"), ("max_contacts", "1")]),
        section(&auth, &[("type", "auth"), ("username", name), ("password", "secret-of-his")]),
    ]
}

fn name(user: &[Section]) -> String {
    String::from_utf8_lossy(&user[0].name).into_owned()
}

impl State {
    fn manifest(&self) -> (Digest, Vec<(String, Short)>) {
        let things: Vec<(String, Short)> =
            self.users.iter().map(|user| (name(user), digest(&Hashing, user).unwrap())).collect();
        let named = things.iter().map(|(name, short)| (name.as_bytes(), *short));
        (part_digest(&Hashing, named).unwrap(), things)
    }

    /// The sections of a part that is told whole.
    fn whole(&self, part: Part) -> Option<Vec<Section>> {
        let of = |name: &str, lines: &[(String, String)]| {
            let lines: Vec<(&str, &str)> = lines.iter().map(|(key, value)| (&**key, &**value)).collect();
            Some(vec![section(name, &lines)])
        };
        match part {
            Part::Contacts => of("contacts", &self.contacts),
            Part::Boxes => of("default", &self.boxes),
            Part::Directory => of("directory", &[("2001".to_owned(), "Eve,bonn,+49228".to_owned())]),
            Part::Settings => of("CF", &[("1002".to_owned(), "2001".to_owned())]),
            Part::Users | Part::Contexts => None,
        }
    }

    fn digest_of(&self, part: Part) -> Option<Digest> {
        match part {
            Part::Users => Some(self.manifest().0),
            _ => Digest::of(&Hashing, answer(&self.whole(part)?).as_bytes()).ok(),
        }
    }

    /// The digests of the groups of a part that is told whole.
    fn groups(&self, part: Part) -> String {
        let sections = self.whole(part).unwrap_or_default();
        let things: Vec<(Vec<u8>, Short)> = sections
            .iter()
            .flat_map(|section| section.pairs().map(move |(key, value)| (section, key, value)))
            .map(|(section, key, value)| {
                (part.thing(&section.name, key), Digest::of(&Hashing, value).unwrap().short())
            })
            .collect();
        let groups = group::digests(&Hashing, things.iter().map(|(name, short)| (&**name, *short))).unwrap();
        let line = |(group, short): &(Group, Short)| format!("Group: {group} {short}\r\n");
        let lines: String = groups.iter().map(line).collect();
        format!("{lines}AnswerDigest: {}\r\n", Digest::of(&Hashing, lines.as_bytes()).unwrap())
    }

    /// What is in these groups of a part.
    fn in_groups(&self, part: Part, groups: &str) -> Vec<Section> {
        let groups: Vec<Group> = groups.split(',').filter_map(Group::read).collect();
        let some = |section: Section| {
            let mut some = Section::new(section.name.clone());
            let pairs = section.pairs();
            pairs
                .filter(|(key, _)| groups.contains(&Group::of(&part.thing(&section.name, key))))
                .for_each(|(key, value)| some.push(key, value));
            some
        };
        self.whole(part).unwrap_or_default().into_iter().map(some).collect()
    }

    fn export(&self, request: &BTreeMap<String, String>) -> String {
        let part = Part::of_word(&request["Part"]).unwrap();
        let Some(digest) = self.digest_of(part) else {
            return "Response: Error\r\nMessage: no such part\r\n".to_owned();
        };
        if request.get("Digest") == Some(&digest.to_string()) {
            return "Response: Success\r\nUnchanged: yes\r\n".to_owned();
        }
        let head = format!("Response: Success\r\nDigest: {digest}\r\n");
        match request.get("Groups").map(String::as_str) {
            Some("*") => return (self.spoils)(head + &self.groups(part)),
            Some(groups) => return (self.spoils)(head + &answer(&self.in_groups(part, groups))),
            None => {}
        }
        let Some(wanted) = request.get("Users") else {
            let things = if part == Part::Users { self.manifest().1 } else { Vec::new() };
            let things: String =
                things.iter().map(|(name, short)| format!("User: {name} {short}\r\n")).collect();
            return (self.spoils)(head + &things);
        };
        let sections: Vec<Section> = match part {
            Part::Users => {
                let is_wanted =
                    |user: &Vec<Section>| wanted == "*" || wanted.split(',').any(|one| one == name(user));
                self.users.iter().filter(|user| is_wanted(user)).flatten().cloned().collect()
            }
            part => self.whole(part).unwrap_or_default(),
        };
        (self.spoils)(head + &answer(&sections))
    }

    /// Why a wait ends now.
    fn reason(&self, request: &BTreeMap<String, String>) -> Option<String> {
        let is_other = |part: &Part| {
            let had = request.get(part.digest_header());
            had.is_some() && had != self.digest_of(*part).map(|digest| digest.to_string()).as_ref()
        };
        let changed: Vec<&str> =
            Part::ALL.iter().filter(|part| is_other(part)).map(|part| part.word()).collect();
        match (self.shuts_down, self.loaded, changed.is_empty()) {
            (true, ..) => Some("Reason: shutdown\r\n".to_owned()),
            (_, false, _) => Some("Reason: unload\r\n".to_owned()),
            (.., false) => Some(format!("Reason: changed\r\nChanged: {}\r\n", changed.join(","))),
            _ => None,
        }
    }
}

/// Sections as headers, and the digest over them.
fn answer(sections: &[Section]) -> String {
    let mut answer = Answer::default();
    sections.iter().for_each(|section| answer.push(section));
    let text = String::from_utf8(answer.headers().to_vec()).unwrap();
    format!("{text}AnswerDigest: {}\r\n", answer.digest(&Hashing).unwrap())
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, mut stream: TcpStream) {
        let _ = stream.write_all(b"Asterisk Call Manager/11.0.0\r\n");
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut proved = false;
        while let Some(request) = request(&mut lines) {
            self.lock().heard.push(request.clone());
            let id = &request["ActionID"];
            if request["Action"] == "SynchHello" && std::mem::take(&mut self.lock().silent) > 0 {
                continue;
            }
            let mut answer = self.answer(&request, &mut proved);
            if request["Action"] == "Login" && self.lock().greets {
                answer.push_str("\r\nEvent: FullyBooted\r\nPrivilege: system,all\r\n");
            }
            let ends = answer.contains("not proved");
            let (first, rest) = answer.split_once("\r\n").unwrap();
            if stream.write_all(format!("{first}\r\nActionID: {id}\r\n{rest}\r\n").as_bytes()).is_err()
                || ends
            {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    fn answer(&self, request: &BTreeMap<String, String>, proved: &mut bool) -> String {
        let state = self.lock();
        let action = request["Action"].as_str();
        let unknown = || "Response: Error\r\nMessage: Invalid/unknown command\r\n".to_owned();
        match action {
            "Challenge" => "Response: Success\r\nChallenge: 1\r\n".to_owned(),
            "Login" => "Response: Success\r\n".to_owned(),
            "Ping" => "Response: Success\r\nPing: Pong\r\n".to_owned(),
            "Logoff" => "Response: Goodbye\r\n".to_owned(),
            "SynchHello" | "SynchExport" | "SynchWait" if !state.loaded => {
                *proved = false;
                unknown()
            }
            "SynchHello" => match request.get("Key") {
                None => format!(
                    "Response: Success\r\nProtocol: 1\r\nNonce: {}\r\nWait: 1\r\nBooted: yes\r\nAsterisk: 22.10.1\r\n",
                    Nonce::new(NONCE).text()
                ),
                Some(key) => {
                    let is_proof = proves(&Hashing, "s", &Nonce::new(NONCE), &request["Site"], key).unwrap();
                    *proved = is_proof && state.believes && request["Site"] == "berlin";
                    match *proved {
                        true => "Response: Success\r\nMessage: proved\r\n".to_owned(),
                        false => "Response: Error\r\nMessage: not proved\r\n".to_owned(),
                    }
                }
            },
            "SynchExport" | "SynchWait" if !*proved => {
                "Response: Error\r\nMessage: prove who you are first (SynchHello)\r\n".to_owned()
            }
            "SynchExport" => state.export(request),
            "SynchWait" => {
                let mut state = state;
                let end = Instant::now() + Duration::from_secs(request["Timeout"].parse().unwrap());
                while !state.stop
                    && (state.reason(request).is_none() && Instant::now() < end || !state.ends_waits)
                {
                    state = self.changed.wait_timeout(state, Duration::from_millis(20)).unwrap().0;
                }
                let reason = state.reason(request).unwrap_or_else(|| "Reason: time\r\n".to_owned());
                format!("Response: Success\r\n{reason}")
            }
            _ => "Response: Error\r\nMessage: Permission denied\r\n".to_owned(),
        }
    }
}

fn request(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Option<BTreeMap<String, String>> {
    let mut request = BTreeMap::new();
    loop {
        let line = lines.next()?.ok()?;
        match line.split_once(": ") {
            Some((name, value)) => {
                request.insert(name.to_owned(), value.to_owned());
            }
            None if line.is_empty() && !request.is_empty() => return Some(request),
            None => {}
        }
    }
}

impl Exporter {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::<Shared>::default());
        let own = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                if own.lock().stop {
                    return;
                }
                own.lock().connections.push(stream.try_clone().unwrap());
                let own = Arc::clone(&own);
                thread::spawn(move || own.serve(stream));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// From now on it is like that.
    fn is(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.lock());
        self.shared.changed.notify_all();
    }

    /// How often it was asked that.
    fn count(&self, is_it: impl Fn(&BTreeMap<String, String>) -> bool) -> usize {
        self.shared.lock().heard.iter().filter(|request| is_it(request)).count()
    }

    fn count_of(&self, action: &str) -> usize {
        self.count(|request| request["Action"] == action)
    }

    fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        let end = Instant::now() + LONG;
        while !holds(&self.shared.lock()) {
            assert!(Instant::now() < end, "{what} did not come: {:#?}", self.shared.lock().heard);
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends all sessions, as a main that dies.
    fn dies(&self) {
        self.is(|state| {
            for connection in state.connections.drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        });
    }

    fn settings(&self, more: &[(&str, Vec<(&str, &str)>)]) -> Settings {
        self.settings_with("1", more)
    }

    /// `interval`: of the probes.
    fn settings_with(&self, interval: &str, more: &[(&str, Vec<(&str, &str)>)]) -> Settings {
        let port = self.address.port().to_string();
        let mut sections = vec![
            ConfSection::new(
                "main",
                [("host", "127.0.0.1"), ("port", &*port), ("username", "berlin"), ("secret", "s")],
            ),
            ConfSection::new(
                "probe",
                [("interval", interval), ("timeout", "1"), ("alive_threshold", "1"), ("sip", "no")],
            ),
            ConfSection::new("sync", [("interval", "604800"), ("spread", "0")]),
            ConfSection::new("dns", [("enabled", "no")]),
        ];
        sections.extend(more.iter().map(|(name, lines)| ConfSection::new(*name, lines.iter().copied())));
        settings::read(&sections).unwrap()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.is(|state| state.stop = true);
        let _ = TcpStream::connect(self.address);
        self.thread.take().unwrap().join().unwrap();
        self.dies();
    }
}

/// A branch at such a main, and the folder that it writes into.
fn branch(exporter: &Exporter, more: &[(&str, Vec<(&str, &str)>)]) -> (Site, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(StandIn::at(folder.path(), ""));
    (Site::start(&host, exporter.settings(more)), folder)
}

fn in_sync(exporter: &Exporter, more: &[(&str, Vec<(&str, &str)>)]) -> (Site, tempfile::TempDir) {
    let (site, folder) = branch(exporter, more);
    site.until("a sync", |snapshot| snapshot.sync.state == SyncState::Synced);
    (site, folder)
}

fn users(folder: &tempfile::TempDir) -> String {
    std::fs::read_to_string(folder.path().join("pjsip_synch.conf")).unwrap_or_default()
}

fn sync(site: &Site) {
    site.control.send_and_see(Command::Sync { accepted: Arc::new(Removals::default()) }).unwrap();
}

/// Waits until the main has the session in its hand.
fn until_it_waits(exporter: &Exporter) {
    let waits = |request: &BTreeMap<String, String>| {
        request["Action"] == "SynchWait" && request["Timeout"] != "0" && request.contains_key("Digest-users")
    };
    exporter.until("a wait", |state| state.heard.last().is_some_and(waits));
}

#[test]
fn an_account_that_may_do_nothing_else_is_enough_for_all_that_is_synced() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[("voicemail", vec![])]);
    site.until("the directory", |snapshot| snapshot.sync.directory.get("2001").is_some());
    site.until("the contacts", |snapshot| snapshot.phones.book.get("1001").is_some());
    until_it_waits(&exporter);
    let snapshot = site.control.snapshot();
    assert!(snapshot.export.is_yes(), "{:?}", snapshot.export);
    assert_eq!((snapshot.watch.as_str(), snapshot.main_version.as_str()), ("heard", "22.10.1"));
    assert_eq!(snapshot.sync.users.len(), 2);
    assert_eq!(snapshot.sync.boxes_problem, "");
    assert_eq!(snapshot.sync.boxes.get("1001").map(String::as_str), Some("1001@default"));
    assert_eq!(snapshot.sync.call_settings_problem, "");
    assert!(snapshot.sync.call_settings["1002"].values().any(|number| number == "2001"));
    let text = users(&folder);
    assert!(text.contains("[1001]") && text.contains("secret-of-his"), "{text}");
    let known = ["Challenge", "Login", "Ping", "Logoff", "SynchHello", "SynchExport", "SynchWait"];
    assert_eq!(exporter.count(|request| !known.contains(&request["Action"].as_str())), 0);
    // One session, which did it all.
    assert_eq!((exporter.count_of("Login"), exporter.shared.lock().connections.len()), (1, 1));
}

#[test]
fn what_changes_comes_at_once_and_nothing_else_with_it() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[]);
    site.until("the main to be well", |snapshot| snapshot.monitor.state == MonitorState::Stable);
    until_it_waits(&exporter);
    exporter.is(|state| state.users[1] = user("1002", "Robert"));
    site.until("the change", |_| {
        users(&folder).contains("Robert") && {
            let asked = |request: &BTreeMap<String, String>| {
                request.get("Users").is_some_and(|users| users == "1002")
            };
            exporter.count(asked) == 1
        }
    });
    site.until("the second version", |snapshot| snapshot.sync.version == Some(2));
    assert_eq!(
        exporter
            .count(|request| request.get("Users").is_some_and(|users| users == "*")
                && request["Part"] == "users"),
        1
    );
    // Who has gone need not be asked for.
    until_it_waits(&exporter);
    exporter.is(|state| state.users.truncate(1));
    site.until("one user", |snapshot| snapshot.sync.users.len() == 1);
    let named = |request: &BTreeMap<String, String>| request.get("Users").is_some_and(|users| users != "*");
    assert_eq!(exporter.count(named), 1);
    assert_eq!(exporter.count_of("Login"), 1);
}

#[test]
fn a_phone_that_registers_there_is_known_here() {
    let exporter = Exporter::start();
    let (site, _folder) = in_sync(&exporter, &[]);
    site.until("the first", |snapshot| snapshot.phones.book.get("1001").is_some());
    until_it_waits(&exporter);
    exporter.is(|state| state.contacts.push(("1002".to_owned(), "sip:1002@10.0.0.8:5060".to_owned())));
    site.until("the second", |snapshot| snapshot.phones.book.get("1002").is_some());
}

#[test]
fn a_module_that_goes_and_comes_back_touches_no_user() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[]);
    let text = users(&folder);
    until_it_waits(&exporter);
    exporter.is(|state| state.loaded = false);
    site.until("it to be gone", |snapshot| snapshot.export.exports == Some(false));
    assert!(site.control.snapshot().export.reason.contains("[export]"));
    sync(&site);
    // Nothing says whose users they are, and nobody goes for that.
    site.until("a sync without it", |snapshot| snapshot.sync.reason.contains("filter_value"));
    assert_eq!(users(&folder), text);
    exporter.is(|state| state.loaded = true);
    sync(&site);
    site.until("it to be back", |snapshot| snapshot.export.is_yes());
    site.until("a sync", |snapshot| snapshot.sync.state == SyncState::Synced);
    assert_eq!((users(&folder), site.control.snapshot().sync.version), (text, Some(1)));
    assert_eq!(site.control.snapshot().monitor.state, MonitorState::Stable);
}

fn is(action: &'static str) -> impl Fn(&BTreeMap<String, String>) -> bool {
    move |request| request["Action"] == action
}

#[test]
fn a_main_that_is_starting_has_no_session_of_ours_until_it_knows_the_question() {
    let exporter = Exporter::start();
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(StandIn::at(folder.path(), ""));
    // No probe comes in time to end the rest.
    let site = Site::start(&host, exporter.settings_with("3600", &[]));
    until_it_waits(&exporter);
    let logins = exporter.count_of("Login");
    // It dies, and lets us in again before its modules are loaded.
    exporter.is(|state| state.loaded = false);
    exporter.dies();
    exporter.until("the end of our session", |state| state.heard.iter().any(is("Logoff")));
    exporter.is(|state| state.loaded = true);
    until_it_waits(&exporter);
    assert_eq!(exporter.count_of("Login"), logins + 2);
    assert_eq!(exporter.count_of("GetConfig"), 0);
    assert!(site.control.snapshot().export.is_yes());
}

#[test]
fn a_main_that_has_booted_without_the_module_is_not_taken_for_one_that_is_starting() {
    let exporter = Exporter::start();
    let (site, _folder) = in_sync(&exporter, &[]);
    until_it_waits(&exporter);
    exporter.is(|state| (state.loaded, state.greets) = (false, true));
    exporter.dies();
    site.until("no export", |snapshot| !snapshot.export.is_yes());
    assert_eq!(exporter.count_of("Logoff"), 0);
}

#[test]
fn a_main_that_is_too_busy_to_answer_once_exports_again_soon() {
    let exporter = Exporter::start();
    let (site, _folder) = in_sync(&exporter, &[]);
    until_it_waits(&exporter);
    exporter.is(|state| state.silent = 1);
    exporter.dies();
    exporter.until("the question", |state| state.silent == 0);
    until_it_waits(&exporter);
    site.until("the export", |snapshot| snapshot.export.is_yes());
}

#[test]
fn a_proof_that_is_not_believed_is_not_given_again_and_again_and_says_nothing_against_the_main() {
    let exporter = Exporter::start();
    exporter.is(|state| state.believes = false);
    let (site, _folder) = branch(&exporter, &[]);
    site.until("the reason", |snapshot| snapshot.export.reason.contains("does not believe"));
    site.until("the main to be well", |snapshot| snapshot.monitor.state == MonitorState::Stable);
    for connection in exporter.shared.lock().connections.drain(..) {
        let _ = connection.shutdown(Shutdown::Both);
    }
    let logins = exporter.count_of("Login");
    exporter.until("another session", |state| {
        state.heard.iter().filter(|request| request["Action"] == "Login").count() > logins
    });
    site.until("the main to be well again", |snapshot| snapshot.monitor.state == MonitorState::Stable);
    assert_eq!(exporter.count(|request| request["Action"] == "SynchHello" && request.contains_key("Key")), 1);
    // An administrator mends it.
    exporter.is(|state| state.believes = true);
    sync(&site);
    site.until("it to export", |snapshot| snapshot.export.is_yes());
    site.until("a sync", |snapshot| snapshot.sync.state == SyncState::Synced);
}

#[test]
fn a_main_that_ends_its_waits_with_a_shutdown_is_left_and_one_that_ends_none_is_silent() {
    let exporter = Exporter::start();
    let (site, _folder) = in_sync(&exporter, &[]);
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    until_it_waits(&exporter);
    exporter.is(|state| state.shuts_down = true);
    site.until("failover", |snapshot| snapshot.service.state == ServiceState::Failover);
    assert!(site.control.snapshot().monitor.reason.contains("shutdown"));

    let exporter = Exporter::start();
    let (site, _folder) = in_sync(&exporter, &[]);
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    until_it_waits(&exporter);
    exporter.is(|state| state.ends_waits = false);
    site.until("silence", |snapshot| snapshot.monitor.state != MonitorState::Stable);
}

#[test]
fn answers_that_are_torn_or_others_than_were_sent_take_nobody_away() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[]);
    let text = users(&folder);
    let spoils: [(&str, Spoils); 8] = [
        ("a line less", |text| text.replacen("Line-000000-000001", "X-Line-000000-000001", 1)),
        ("another line", |text| text.replace("type=endpoint", "type=aor")),
        ("another digest", |text| text.replace("AnswerDigest: ", "AnswerDigest: 0")),
        ("no digest", |text| text.replace("AnswerDigest: ", "Other: ")),
        ("a manifest of others", |text| text.replace("User: 1002", "User: 1003")),
        ("a manifest of nobody", |text| text.replace("User: ", "Nobody: ")),
        ("no digest of the part", |text| text.replace("\r\nDigest: ", "\r\nOther: ")),
        ("unchanged, to whoever has something else", |_| "Response: Success\r\n".to_owned()),
    ];
    for (number, (what, spoil)) in spoils.into_iter().enumerate() {
        let before = site.control.snapshot().sync.ended;
        exporter.is(|state| {
            state.users[1] = user("1002", &format!("Bob {number}"));
            state.spoils = spoil;
        });
        sync(&site);
        site.until(what, |snapshot| {
            snapshot.sync.ended > before && snapshot.sync.state == SyncState::Unsynced
        });
        assert!(
            site.control.snapshot().sync.reason.contains("export"),
            "{what}: {:?}",
            site.control.snapshot().sync.reason
        );
        assert_eq!(users(&folder), text, "{what}");
    }
    exporter.is(|state| state.spoils = |text| text);
    sync(&site);
    site.until("the truth", |snapshot| snapshot.sync.state == SyncState::Synced);
    assert_ne!(users(&folder), text);
}

#[test]
fn a_main_that_has_nobody_for_us_any_more_takes_nobody_away() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[]);
    let text = users(&folder);
    until_it_waits(&exporter);
    exporter.is(|state| state.users.clear());
    site.until("the reason", |snapshot| snapshot.sync.reason.contains("exports no user"));
    assert_eq!(users(&folder), text);
    assert!(site.control.snapshot().sync.none_on_main);
}

#[test]
fn a_filter_of_the_branch_narrows_down_what_the_main_gives() {
    let exporter = Exporter::start();
    let mut settings = exporter.settings(&[]);
    let filter = settings::read(&[
        ConfSection::new("main", [("host", "127.0.0.1"), ("username", "berlin"), ("secret", "s")]),
        ConfSection::new("sync", [("filter_key", "categoryname"), ("filter_value", "^1002$")]),
        ConfSection::new("dns", [("enabled", "no")]),
    ])
    .unwrap();
    settings.sync.as_mut().unwrap().filter = filter.sync.unwrap().filter;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(&Arc::new(StandIn::at(folder.path(), "")), settings);
    site.until("a sync", |snapshot| snapshot.sync.state == SyncState::Synced);
    let names: Vec<String> =
        site.control.snapshot().sync.users.iter().map(|user| user.name.clone()).collect();
    assert_eq!(names, ["1002"]);
}
