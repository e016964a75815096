//! A main that exports, of the tests' own.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Condvar,
};

use super::*;
use crate::export::{
    Answer, Digest, Group, Part, Section, Short, group, part_digest,
    proof::{Nonce, proves},
    stand_in::Hashing,
    text::digest,
};

const NONCE: u128 = 7;

/// What becomes of an answer on its way.
pub(super) type Spoils = fn(String) -> String;

/// A main that exports, until it is dropped.
pub(super) struct Exporter {
    address: SocketAddr,
    pub(super) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
pub(super) struct Shared {
    state: std::sync::Mutex<State>,
    changed: Condvar,
}

pub(super) struct State {
    stop: bool,
    /// Whether the module is loaded.
    pub(super) loaded: bool,
    /// Whether it believes anybody.
    pub(super) believes: bool,
    /// Whether it ends any wait.
    pub(super) ends_waits: bool,
    pub(super) shuts_down: bool,
    /// Whether it says at each login that it has booted.
    pub(super) greets: bool,
    /// How many of the next questions whether it exports it does not answer.
    pub(super) silent: usize,
    pub(super) users: Vec<Vec<Section>>,
    pub(super) contacts: Vec<(String, String)>,
    pub(super) boxes: Vec<(String, String)>,
    /// What is done to each answer with sections.
    pub(super) spoils: Spoils,
    /// Every request so far.
    pub(super) heard: Vec<BTreeMap<String, String>>,
    pub(super) connections: Vec<TcpStream>,
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

pub(super) fn user(name: &str, person: &str) -> Vec<Section> {
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
    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, State> {
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
    pub(super) fn start() -> Self {
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
    pub(super) fn is(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.lock());
        self.shared.changed.notify_all();
    }

    /// How often it was asked that.
    pub(super) fn count(&self, is_it: impl Fn(&BTreeMap<String, String>) -> bool) -> usize {
        self.shared.lock().heard.iter().filter(|request| is_it(request)).count()
    }

    pub(super) fn count_of(&self, action: &str) -> usize {
        self.count(|request| request["Action"] == action)
    }

    pub(super) fn until(&self, what: &str, holds: impl Fn(&State) -> bool) {
        let end = Instant::now() + LONG;
        while !holds(&self.shared.lock()) {
            assert!(Instant::now() < end, "{what} did not come: {:#?}", self.shared.lock().heard);
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends all sessions, as a main that dies.
    pub(super) fn dies(&self) {
        self.is(|state| {
            for connection in state.connections.drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        });
    }

    pub(super) fn settings(&self, more: &[(&str, Vec<(&str, &str)>)]) -> Settings {
        self.settings_with("1", more)
    }

    /// `interval`: of the probes.
    pub(super) fn settings_with(&self, interval: &str, more: &[(&str, Vec<(&str, &str)>)]) -> Settings {
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
