//! A main of the test's own, that says just what the test wants: banner, Login, Ping, GetConfig, and every way to do
//! the last one badly.

mod fault;
mod pjsip;

pub use fault::{Fault, Moment};
pub use pjsip::with_pjsip_users;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

use crate::error::Result;
use crate::listener::{Listener, lock};
use crate::site::Site;
use crate::version::Version;
use crate::wait::{GENEROUS, until};

/// The one file that the branch asks a fake main for.
pub const FILE: &str = "users.conf";

/// A section of that file, as bytes: a fake main may say what no file can hold.
#[derive(Clone, Debug)]
pub struct Section {
    name: Vec<u8>,
    lines: Vec<Vec<u8>>,
}

/// One answer to GetConfig: the honest one, or what is made of it.
#[derive(Clone, Debug)]
pub struct Reply {
    lines: Vec<Vec<u8>>,
    before: String,
    cut: bool,
    closes: bool,
}

/// A manager interface that answers as it is told to, until it is dropped.
pub struct FakeMain {
    shared: Arc<Shared>,
    listener: Listener,
}

struct Shared {
    script: Mutex<Box<dyn FnMut() -> Reply + Send>>,
    faults: Mutex<Vec<(Moment<'static>, Fault)>>,
    asked: AtomicUsize,
    heard: Mutex<String>,
}

impl Section {
    /// A section of these `key=value` lines.
    pub fn new(name: impl AsRef<[u8]>, lines: &[&str]) -> Self {
        let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        Self { name: name.as_ref().to_vec(), lines }
    }

    /// The same with one more line.
    pub fn with(mut self, line: impl AsRef<[u8]>) -> Self {
        self.lines.push(line.as_ref().to_vec());
        self
    }
}

/// All sections of a user of this site.
pub fn user(version: Version, name: &str) -> Vec<Section> {
    let mut sections = vec![account(version, name, name)];
    if version == Version::V22 {
        let (username, password) = (format!("username={name}"), format!("password=secret-{name}"));
        sections.push(Section::new(name, &["type=aor", "max_contacts=2"]));
        let auth = ["type=auth", "auth_type=userpass", &username, &password];
        sections.push(Section::new(format!("{name}-auth"), &auth));
    }
    sections
}

/// A user's own section alone. Where it needs others, it names those of the user `parts_of`.
pub fn account(version: Version, name: impl AsRef<[u8]>, parts_of: &str) -> Section {
    match version {
        Version::V22 => {
            let (aors, auth) = (format!("aors={parts_of}"), format!("auth={parts_of}-auth"));
            let lines =
                ["type=endpoint", &aors, &auth, "disallow=all", "allow=ulaw", "accountcode=HeadOffice"];
            Section::new(name, &lines)
        }
        Version::V16 => {
            Section::new(name, &["type=friend", "host=dynamic", "secret=x", "accountcode=HeadOffice"])
        }
    }
}

impl Reply {
    /// What an honest main answers for a file of these sections.
    pub fn of(sections: &[Section]) -> Self {
        let mut lines = Vec::new();
        for (number, section) in sections.iter().enumerate() {
            lines.push([format!("Category-{number:06}: ").as_bytes(), &section.name].concat());
            for (place, line) in section.lines.iter().enumerate() {
                lines.push([format!("Line-{number:06}-{place:06}: ").as_bytes(), line].concat());
            }
        }
        Self { lines, before: String::new(), cut: false, closes: false }
    }

    /// What an honest main answers that has these users.
    pub fn users(version: Version, names: &[&str]) -> Self {
        let sections: Vec<Section> = names.iter().flat_map(|name| user(version, name)).collect();
        Self::of(&sections)
    }

    /// Leaves out what begins like this.
    pub fn without(mut self, header: &str) -> Self {
        self.lines.retain(|line| !line.starts_with(header.as_bytes()));
        self
    }

    /// Says this, too, behind the last line.
    pub fn with_line(mut self, line: impl AsRef<[u8]>) -> Self {
        self.lines.push(line.as_ref().to_vec());
        self
    }

    /// Says something else first.
    pub fn behind(mut self, other: &str) -> Self {
        other.clone_into(&mut self.before);
        self
    }

    /// Breaks off in the middle and closes the connection.
    pub fn cut_off(mut self) -> Self {
        self.cut = true;
        self.and_closes()
    }

    /// Closes the connection behind the answer.
    pub fn and_closes(mut self) -> Self {
        self.closes = true;
        self
    }

    fn bytes(&self, id: &str) -> Vec<u8> {
        let mut bytes = format!("{}Response: Success\r\nActionID: {id}\r\n", self.before).into_bytes();
        for line in &self.lines {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        if self.cut {
            bytes.truncate(bytes.len() / 2);
        }
        bytes
    }
}

impl FakeMain {
    /// Takes the place of the site's main: from its next start on, the branch asks here.
    pub fn in_place_of_main(site: &Site, reply: Reply) -> Result<Self> {
        let own = site.net.own_address();
        let host = format!("host = {}", site.net.main_address());
        site.branch.edit_conf("res_synch.conf", &host, &format!("host = {own}"))?;
        site.branch.edit_conf("res_synch.conf", "[sync]", &format!("[sync]\nfiles = {FILE}"))?;
        Self::start(SocketAddr::from((own, 5038)), reply)
    }

    /// A site whose only main is this one; the branch has synced these users.
    pub fn with_users(version: Version, names: &[&str]) -> Result<(Site, Self)> {
        let mut site = Site::with_module(version)?;
        let main = Self::in_place_of_main(&site, Reply::users(version, names))?;
        site.branch.start()?;
        site.wait_status("Sync", "Synced")?;
        Ok((site, main))
    }

    fn start(address: SocketAddr, reply: Reply) -> Result<Self> {
        let shared = Arc::new(Shared {
            script: Mutex::new(Box::new(move || reply.clone())),
            faults: Mutex::default(),
            asked: AtomicUsize::new(0),
            heard: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(address, move |stream| {
            let shared = Arc::clone(&serving);
            // A connection that breaks is the branch's business.
            spawn(move || shared.converse(stream));
        })?;
        Ok(Self { shared, listener })
    }

    /// From now on answers like this.
    pub fn answers(&self, reply: Reply) {
        self.answers_by(move || reply.clone());
    }

    /// From now on answers what `script` says each time.
    pub fn answers_by(&self, script: impl FnMut() -> Reply + Send + 'static) {
        *lock(&self.shared.script) = Box::new(script);
    }

    /// Every line that was said to it so far.
    pub fn heard(&self) -> String {
        lock(&self.shared.heard).clone()
    }

    /// From now on goes wrong there, on connections that stand already, too.
    pub fn fails(&self, moment: Moment<'static>, fault: Fault) {
        lock(&self.shared.faults).push((moment, fault));
    }

    /// From now on answers well. What still goes wrong is ended.
    pub fn heals(&self) {
        lock(&self.shared.faults).clear();
        self.hang_up();
    }

    /// Ends every connection.
    pub fn hang_up(&self) {
        self.listener.hang_up();
    }

    /// Waits until it has been asked for its file so many times.
    pub fn wait_asked(&self, times: usize) -> Result {
        let asked = || self.shared.asked.load(Ordering::Relaxed);
        until(&format!("the branch to ask {times} times"), GENEROUS, || asked() >= times)
    }
}

impl Shared {
    fn converse(&self, mut stream: TcpStream) -> Option<()> {
        self.say(&mut stream, Moment::Banner, b"Asterisk Call Manager/9.0.0\r\n", "")?;
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let (action, id) = request(&mut reader, &self.heard)?;
            let ok = |more: &str| format!("Response: Success\r\nActionID: {id}\r\n{more}\r\n").into_bytes();
            let (bytes, closes) = match action.as_str() {
                "Challenge" => (ok("Challenge: 123456789\r\n"), false),
                "Login" => (ok("Message: Authentication accepted\r\n"), false),
                "Ping" => (ok("Ping: Pong\r\nTimestamp: 1.000000\r\n"), false),
                "GetConfig" => {
                    self.asked.fetch_add(1, Ordering::Relaxed);
                    let reply = lock(&self.script)();
                    (reply.bytes(&id), reply.closes)
                }
                "Logoff" => (format!("Response: Goodbye\r\nActionID: {id}\r\n\r\n").into_bytes(), true),
                // As the real one answers, which goes on.
                _ => {
                    let no = "Message: Invalid/unknown command";
                    (format!("Response: Error\r\nActionID: {id}\r\n{no}\r\n\r\n").into_bytes(), false)
                }
            };
            self.say(&mut stream, Moment::Answer(&action), &bytes, &id)?;
            if closes {
                return stream.shutdown(std::net::Shutdown::Write).ok();
            }
        }
    }

    /// Says what is due, unless it is to go wrong there.
    fn say(&self, stream: &mut TcpStream, moment: Moment<'_>, due: &[u8], id: &str) -> Option<()> {
        let fault = lock(&self.faults).iter().find(|(at, _)| *at == moment).map(|(_, fault)| *fault);
        match fault {
            Some(fault) => fault.act(stream, due, id).ok(),
            None => stream.write_all(due).ok(),
        }
    }
}

/// Name and id of the next action.
fn request(reader: &mut impl BufRead, heard: &Mutex<String>) -> Option<(String, String)> {
    let (mut action, mut id) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        lock(heard).push_str(&line);
        match line.trim_end().split_once(": ") {
            Some(("Action", name)) => name.clone_into(&mut action),
            Some(("ActionID", number)) => number.clone_into(&mut id),
            None if line.trim_end().is_empty() => return Some((action, id)),
            _ => {}
        }
    }
}
