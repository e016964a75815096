//! What a branch asks of a main that exports, and what it makes of the answers. Pure.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use super::{Digest, Group, PROTOCOL, Part, Short, proof::Nonce, text::received_digest};
use crate::{
    uplink::ami::{Crypto, Frame, action::LINE_LIMIT},
    words::wording::visible_octets,
};

/// The actions.
pub const HELLO: &str = "SynchHello";
/// Asks for a part of what the main exports.
pub const EXPORT: &str = "SynchExport";
/// Has the main wait until something changes there.
pub const WAIT: &str = "SynchWait";

/// Asks SynchWait how many calls the users of the site have, and is its answer. A main of before does not know it.
pub const CALLS: &str = "Calls";
/// What is asked for where it need not be.
pub const YES: &str = "yes";

/// What an action is told.
pub type Headers = Vec<(&'static str, String)>;

/// Bytes of a version that are kept.
const VERSION: usize = 80;
/// How long a wait lasts at a main that does not say it.
const USUAL_WAIT: u64 = 5;
/// The least and the most that a main may ask for: an hour would hide that it is gone.
const WAITS: std::ops::RangeInclusive<u64> = 1..=60;
/// What the main says of each thing of a part.
const THING: &[u8] = b"User";
/// The same of a group of things.
const GROUP: &[u8] = b"Group";
/// Headers of a manifest at most: ten times a company of 20,000.
const THINGS: usize = 200_000;

/// What a main says of its export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// What the next proof is made with.
    pub nonce: Nonce,
    /// Whether the main has started up.
    pub booted: bool,
    /// How long a wait is to last there.
    pub wait: Duration,
    /// The version of Asterisk that it runs; `None` where it does not say.
    pub asterisk: Option<String>,
}

impl Greeting {
    /// Reads the answer to SynchHello.
    ///
    /// # Errors
    /// It is that of another protocol, or of no main of ours; the text says so.
    pub fn read(answer: &Frame) -> Result<Self, String> {
        let text = |name| answer.get(name).map(|value| visible_octets(value.get(..VERSION).unwrap_or(value)));
        let protocol = text("Protocol").unwrap_or_default();
        if protocol != PROTOCOL.to_string() {
            return Err(match protocol.as_str() {
                "" => "the main does not know the question".to_owned(),
                other => {
                    format!("the main speaks protocol {other} of synch, and this branch speaks {PROTOCOL}")
                }
            });
        }
        let nonce = text("Nonce").and_then(|text| Nonce::read(&text));
        let nonce = nonce.ok_or_else(|| "the main gave nothing to prove our name with".to_owned())?;
        let wait = text("Wait").and_then(|text| text.parse().ok()).unwrap_or(USUAL_WAIT);
        Ok(Self {
            nonce,
            booted: text("Booted").is_none_or(|word| word != "no"),
            wait: Duration::from_secs(wait.clamp(*WAITS.start(), *WAITS.end())),
            asterisk: text("Asterisk").filter(|version| !version.is_empty()),
        })
    }
}

/// A question about a part of what the main exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which part.
    pub part: Part,
    /// What the branch has of it: then the main says no more than that nothing has changed.
    pub digest: Option<Digest>,
    /// What the main is to say of it.
    pub wanted: Wanted,
    /// The contexts that the branch takes, where that is the part.
    pub contexts: String,
}

/// What a main is to say of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The names and digests of all things.
    Things,
    /// The sections of these things: names with commas.
    Named(String),
    /// The digests of all groups of things.
    Groups,
    /// The sections of the things in these groups: with commas.
    InGroups(String),
    /// The sections of all things.
    All,
}

/// How a main begins that has too much to do just now.
pub const BUSY: &str = "Busy";
/// How a main begins that does not export what it was asked for.
pub const NO_PART: &str = "no such part";
/// Everything of a part.
pub const ALL: &str = "*";

impl Question {
    /// Returns what SynchExport is told.
    #[must_use]
    pub fn headers(&self) -> Headers {
        let mut headers = vec![("Part", self.part.word().to_owned())];
        headers.extend(self.digest.map(|digest| ("Digest", digest.to_string())));
        if self.part == Part::Contexts {
            headers.push(("Contexts", self.contexts.clone()));
        }
        headers.extend(match &self.wanted {
            Wanted::Things => None,
            Wanted::Named(names) => Some(("Users", names.clone())),
            Wanted::All => Some(("Users", ALL.to_owned())),
            Wanted::Groups => Some(("Groups", ALL.to_owned())),
            Wanted::InGroups(groups) => Some(("Groups", groups.clone())),
        });
        headers
    }

    /// Cuts a list of names into as many as one question can hold each. A name that could not be asked for, because it is
    /// too long or has a comma, is `None`: then all are asked for.
    #[must_use]
    pub fn lists(names: &[&str]) -> Option<Vec<String>> {
        let room = LINE_LIMIT - "Users: ".len();
        let mut lists: Vec<String> = Vec::new();
        for name in names {
            let plain = name.bytes().all(|byte| byte != b',' && !byte.is_ascii_control());
            if name.is_empty() || name.len() > room || !plain || *name == ALL || name.trim() != *name {
                return None;
            }
            match lists.last_mut().filter(|list| list.len() + 1 + name.len() <= room) {
                Some(list) => {
                    list.push(',');
                    list.push_str(name);
                }
                None => lists.push((*name).to_owned()),
            }
        }
        Some(lists)
    }
}

/// What the main is to wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many seconds at most.
    pub seconds: u64,
    /// What the branch has of each part. The main does not look at the others.
    pub digests: BTreeMap<Part, Digest>,
    /// The contexts that the branch takes.
    pub contexts: String,
    /// The service state of the branch.
    pub state: &'static str,
    /// Whether it is to say how many calls the users of the site have there.
    pub calls: bool,
}

impl Waiting {
    /// Returns what SynchWait is told.
    #[must_use]
    pub fn headers(&self) -> Headers {
        let mut headers = vec![
            ("Timeout", self.seconds.to_string()),
            ("State", self.state.to_owned()),
            ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        if self.digests.contains_key(&Part::Contexts) {
            headers.push(("Contexts", self.contexts.clone()));
        }
        if self.calls {
            headers.push((CALLS, YES.to_owned()));
        }
        let digest = |(part, digest): (&Part, &Digest)| (part.digest_header(), digest.to_string());
        headers.extend(self.digests.iter().map(digest));
        headers
    }
}

/// Why a wait has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// These parts are others now.
    Changed(Vec<Part>),
    /// Its time is over, or the main has reloaded.
    Time,
    /// The main shuts down.
    Shutdown,
    /// The main does not export any more.
    Unload,
}

impl Waited {
    /// Reads the answer to SynchWait. A word that is not known is no news.
    #[must_use]
    pub fn read(answer: &Frame) -> Self {
        let text = |name| answer.get(name).map_or(Cow::Borrowed(""), String::from_utf8_lossy);
        match text("Reason").as_ref() {
            "changed" => {
                let changed = text("Changed");
                let parts = changed.split(',').filter_map(|word| Part::of_word(word.trim()));
                Self::Changed(parts.collect())
            }
            "shutdown" => Self::Shutdown,
            "unload" => Self::Unload,
            _ => Self::Time,
        }
    }
}

/// Returns how many calls the users of the site have there; `None` where the main does not say.
#[must_use]
pub fn calls(answer: &Frame) -> Option<usize> {
    std::str::from_utf8(answer.get(CALLS)?).ok()?.parse().ok()
}

/// What the main says of a part, where the branch has another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Over all of it.
    pub digest: Digest,
    /// Each thing with a digest of its own, in the main's order.
    pub things: Vec<(String, Short)>,
}

/// Why an answer to SynchExport is void.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Void {
    /// Without it nothing tells whether it is whole.
    #[error("the answer has no {0}")]
    Lacks(&'static str),
    /// A line is not what it has to be.
    #[error("the answer is garbled: '{0}'")]
    Garbled(String),
    /// The digest says otherwise.
    #[error("lines of the answer are missing, or others than were sent: its digest is another one")]
    Digest,
    /// More than any company has.
    #[error("the answer names more than {THINGS} things")]
    TooMany,
    /// It changed while it was read.
    #[error("what the main exports changed while it was read")]
    Changed,
    /// There is no hash here.
    #[error(transparent)]
    NoHash(#[from] super::NoHash),
}

/// Returns whether the main says that nothing has changed.
#[must_use]
pub fn is_unchanged(answer: &Frame) -> bool {
    answer.get("Unchanged") == Some(b"yes")
}

/// Returns the digest over the whole part.
///
/// # Errors
/// There is none.
pub fn digest_of_part(answer: &Frame) -> Result<Digest, Void> {
    digest(answer, "Digest")
}

/// Checks that an answer with sections or groups is all that the main has sent.
///
/// # Errors
/// It is not, or has no digest to tell.
pub fn check_answer(answer: &Frame, crypto: &dyn Crypto) -> Result<(), Void> {
    let sent = digest(answer, "AnswerDigest")?;
    let is_whole = received_digest(crypto, answer.headers())?.is(&sent);
    is_whole.then_some(()).ok_or(Void::Digest)
}

fn digest(answer: &Frame, name: &'static str) -> Result<Digest, Void> {
    let value = answer.get(name).ok_or(Void::Lacks(name))?;
    std::str::from_utf8(value).ok().and_then(Digest::read).ok_or(Void::Lacks(name))
}

impl Manifest {
    /// Reads the names and digests of a part.
    ///
    /// # Errors
    /// One of them is none.
    pub fn read(answer: &Frame) -> Result<Self, Void> {
        let digest = digest_of_part(answer)?;
        let mut things = Vec::new();
        for (_, value) in answer.headers().filter(|(name, _)| name.eq_ignore_ascii_case(THING)) {
            if things.len() >= THINGS {
                return Err(Void::TooMany);
            }
            let garbled = || Void::Garbled(visible_octets(value.get(..VERSION).unwrap_or(value)));
            let text = std::str::from_utf8(value).map_err(|_| garbled())?;
            let (name, short) = text.rsplit_once(' ').ok_or_else(garbled)?;
            things.push((name.to_owned(), Short::read(short).ok_or_else(garbled)?));
        }
        Ok(Self { digest, things })
    }
}

/// What the main says of the groups of a part, where the branch has another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Over all of the part.
    pub digest: Digest,
    /// Each group that has a thing, with a digest of its own.
    pub groups: BTreeMap<Group, Short>,
}

impl Groups {
    /// Reads the digests of the groups of a part.
    ///
    /// # Errors
    /// One of them is none, or they are not all that the main has sent.
    pub fn read(answer: &Frame, crypto: &dyn Crypto) -> Result<Self, Void> {
        let digest = digest_of_part(answer)?;
        check_answer(answer, crypto)?;
        let mut groups = BTreeMap::new();
        for (_, value) in answer.headers().filter(|(name, _)| name.eq_ignore_ascii_case(GROUP)) {
            let pair = std::str::from_utf8(value).ok().and_then(|text| text.split_once(' '));
            let pair = pair.and_then(|(group, short)| Some((Group::read(group)?, Short::read(short)?)));
            let garbled = || Void::Garbled(visible_octets(value.get(..VERSION).unwrap_or(value)));
            let (group, short) = pair.ok_or_else(garbled)?;
            groups.insert(group, short);
        }
        Ok(Self { digest, groups })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::stand_in::Hashing;

    fn frame(text: &str) -> Frame {
        Frame::new(text.replace('\n', "\r\n").into_bytes())
    }

    const NONCE: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_greeting_is_that_of_our_protocol_or_says_why_not() {
        let said = format!(
            "Response: Success\nProtocol: 1\nNonce: {NONCE}\nVersion: 0.5.0\nReload: 1\nBooted: no\nWait: 25\n\
             Asterisk: 22.10.1\n\n"
        );
        let greeting = Greeting::read(&frame(&said)).unwrap();
        assert_eq!((greeting.booted, greeting.wait.as_secs()), (false, 25));
        assert_eq!(greeting.asterisk.as_deref(), Some("22.10.1"));
        for (from, to, why) in [
            ("Protocol: 1", "Protocol: 2", "protocol 2"),
            ("Protocol: 1\n", "", "does not know"),
            (NONCE, "12", "nothing to prove"),
        ] {
            let problem = Greeting::read(&frame(&said.replace(from, to))).unwrap_err();
            assert!(problem.contains(why), "{problem}");
        }
        for (wait, seconds) in [("0", 1), ("86400", 60), ("x", 5)] {
            let said = said.replace("Wait: 25", &format!("Wait: {wait}"));
            assert_eq!(Greeting::read(&frame(&said)).unwrap().wait.as_secs(), seconds);
        }
    }

    #[test]
    fn names_are_asked_for_in_lines_that_the_main_reads() {
        let names: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let lists = Question::lists(&names).unwrap();
        assert!(lists.iter().all(|list| "Users: ".len() + list.len() <= LINE_LIMIT), "{lists:?}");
        assert_eq!(lists.join(","), names.join(","));
        assert_eq!(lists.len(), 5);
        for bad in ["", "a,b", "*", " a", "a\r\nAction: x", &"x".repeat(LINE_LIMIT)] {
            assert_eq!(Question::lists(&["1001", bad]), None, "{bad}");
        }
    }

    #[test]
    fn why_a_wait_ends_is_one_of_four_things() {
        let of = |text: &str| Waited::read(&frame(&format!("Response: Success\n{text}\n\n")));
        assert_eq!(
            of("Reason: changed\nChanged: users, contacts,else"),
            Waited::Changed(vec![Part::Users, Part::Contacts])
        );
        assert_eq!(of("Reason: time"), Waited::Time);
        assert_eq!(of("Reason: reload"), Waited::Time);
        assert_eq!(of("Reason: shutdown"), Waited::Shutdown);
        assert_eq!(of("Reason: unload"), Waited::Unload);
        assert_eq!(of("Reason: whatever"), Waited::Time);
        assert_eq!(of("Ping: Pong"), Waited::Time);
    }

    #[test]
    fn what_is_said_of_groups_is_whole_or_void() {
        let (digest, short) = ("ab".repeat(32), "cd".repeat(8));
        let lines = format!("Group: 0a {short}\nGroup: ff {short}\n");
        let over = Digest::of(&Hashing, lines.replace('\n', "\r\n").as_bytes()).unwrap();
        let said = format!("Response: Success\nDigest: {digest}\n{lines}AnswerDigest: {over}\n\n");
        let read = |said: &str| Groups::read(&frame(said), &Hashing);
        let names: Vec<String> = read(&said).unwrap().groups.keys().map(Group::to_string).collect();
        assert_eq!(names, ["0a", "ff"]);
        for bad in [
            said.replace(&digest, "ab"),
            said.replace(&format!("Group: ff {short}\n"), ""),
            said.replace("Group: ff", "Group: fe"),
            said.replace("AnswerDigest: ", "Other: "),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
        let lines = "Group: 0 x\n";
        let over = Digest::of(&Hashing, b"Group: 0 x\r\n").unwrap();
        let said = format!("Response: Success\nDigest: {digest}\n{lines}AnswerDigest: {over}\n\n");
        assert_eq!(read(&said), Err(Void::Garbled("0 x".to_owned())));
    }

    #[test]
    fn calls_are_asked_for_in_a_drain_alone_and_not_every_main_says_them() {
        let asked = |calls| Waiting { calls, ..Waiting::default() }.headers();
        assert!(asked(true).contains(&("Calls", "yes".to_owned())));
        assert!(asked(false).iter().all(|(name, _)| *name != "Calls"));
        let of = |text: &str| calls(&frame(&format!("Response: Success\nReason: time\n{text}\n")));
        assert_eq!((of("Calls: 12\n"), of("Calls: 0\n")), (Some(12), Some(0)));
        assert_eq!((of(""), of("Calls: -1\n"), of("Calls: x\n")), (None, None, None));
    }

    #[test]
    fn a_manifest_is_whole_or_void() {
        let (digest, short) = ("ab".repeat(32), "cd".repeat(8));
        let said = format!("Response: Success\nDigest: {digest}\nUser: 1001 {short}\nUser: a b {short}\n\n");
        let manifest = Manifest::read(&frame(&said)).unwrap();
        let names: Vec<&str> = manifest.things.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["1001", "a b"]);
        for bad in [
            said.replace(&digest, "ab"),
            said.replace(&format!("1001 {short}"), "1001"),
            said.replace(&format!("1001 {short}"), "1001 x"),
            said.replace("Digest: ", "Other: "),
        ] {
            assert!(Manifest::read(&frame(&bad)).is_err(), "{bad}");
        }
    }
}
