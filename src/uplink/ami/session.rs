//! What is expected of the main at each moment, and the verdict on what it sent: banner, then one answer to each
//! action. Pure: bytes in, bytes and verdicts out.

use std::collections::VecDeque;

use super::{
    Action, Frame, FrameReader, Part, Stream,
    error::{Refusal, excerpt},
    frame::{NoMemory, SHORT_FRAME},
    stream::Progress,
};

/// How every Asterisk introduces itself; the version of the protocol follows.
const BANNER: &[u8] = b"Asterisk Call Manager";

/// The event that greets whoever may read class system, and that ends a start.
pub(super) const FULLY_BOOTED: &[u8] = b"FullyBooted";

/// What an account gets to hear that may log in once only (`check_manager_session_inuse` of Asterisk's `manager.c`).
const IN_USE: &[u8] = b"Login Already In Use";

/// What Asterisk answers to every action once it has been told to stop. `core stop gracefully` may say so for hours.
const SHUTTING_DOWN: &[u8] = b"Asterisk is shutting down";

/// Events that are kept for [`Session::event`].
const WATCHED: [&[u8]; 3] = [b"Reload", b"Shutdown", FULLY_BOOTED];

/// The same, of phones: there are as many as phones, so none of these pushes out another.
const OF_PHONES: [&[u8]; 2] = [b"ContactStatus", b"PeerStatus"];

/// Events kept at most while nobody asks for them; the oldest go first, for the newest say how it is now.
const KEPT: usize = 64;

/// Bytes of an event that is kept: the longest, of a phone with a long address and name, has less than 1 KB. A
/// connection for whole files lets messages of megabytes through, and 64 of those would be all the memory there is.
const EVENT: usize = 4 * 1024;

/// One connection, seen from the protocol.
#[derive(Debug)]
pub struct Session {
    reader: FrameReader,
    /// Actions sent so far; their numbers are their ActionIDs.
    sent: u64,
    /// The number of the one whose answer is awaited.
    awaited: u64,
    /// Name of the action whose answer is awaited.
    action: &'static str,
    /// Watched events that came and were not asked for yet.
    events: VecDeque<Frame>,
    /// Whether any event came.
    told: bool,
    /// Whether one of them said that all modules are loaded.
    booted: bool,
}

impl Session {
    /// A fresh connection whose frames may have up to `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        let reader = FrameReader::new(limit);
        Self { reader, sent: 0, awaited: 0, action: "", events: VecDeque::new(), told: false, booted: false }
    }

    /// What to send for this action; its answer is what [`Self::answer`] looks for from now on.
    pub fn request(&mut self, action: Action<'_>) -> Vec<u8> {
        self.requests(&[action])
    }

    /// What to send for all of these at once. The main answers one after the other: the answer to the first is looked for
    /// from now on, to the next after [`Self::await_next`].
    pub fn requests(&mut self, actions: &[Action<'_>]) -> Vec<u8> {
        self.awaited = self.sent + 1;
        self.action = actions.first().map_or("", Action::name);
        let mut bytes = Vec::new();
        for action in actions {
            self.sent += 1;
            bytes.extend(action.encode(&id(self.sent)));
        }
        bytes
    }

    /// From now on the answer to the next of [`Self::requests`] is looked for.
    pub const fn await_next(&mut self) {
        self.awaited += 1;
    }

    /// From now on frames may have up to `limit` bytes.
    pub const fn limit(&mut self, limit: usize) {
        self.reader.limit(limit);
    }

    /// Takes in what the main sent.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), NoMemory> {
        self.reader.feed(bytes)
    }

    /// Whether the main has introduced itself.
    ///
    /// # Errors
    /// When whoever answers there is no Asterisk.
    pub fn greeted(&mut self) -> Result<bool, Refusal> {
        match self.reader.take_line(SHORT_FRAME)? {
            None => Ok(false),
            Some(line) if line.starts_with(BANNER) => Ok(true),
            Some(line) => Err(Refusal::NotAmi { line: excerpt(line) }),
        }
    }

    /// The answer to the last action, once it is there. Answers to others are skipped, events noted.
    ///
    /// # Errors
    /// When the answer is not the wanted one.
    pub fn answer(&mut self) -> Result<Option<Frame>, Refusal> {
        while let Some(frame) = self.reader.take_frame()? {
            if self.is_ours(&frame) {
                return self.judge(&frame).map_or(Ok(Some(frame)), Err);
            }
            self.note(frame);
        }
        Ok(None)
    }

    /// The next item of the list that the last action asked for; its last one says `EventList: Complete`.
    ///
    /// # Errors
    /// When what comes has no end.
    pub fn item(&mut self) -> Result<Option<Frame>, Refusal> {
        while let Some(frame) = self.reader.take_frame()? {
            if frame.get("Event").is_some() && frame.get("ActionID") == Some(self.id().as_bytes()) {
                return Ok(Some(frame));
            }
            self.note(frame);
        }
        Ok(None)
    }

    /// What has come of the answer to the last action, a GetConfig, into the sink; whether that was all of it. Events
    /// before it are lost.
    ///
    /// # Errors
    /// When the answer is not the wanted one, or has a gap.
    pub fn pour(&mut self, stream: &mut Stream, sink: &mut dyn FnMut(Part<'_>)) -> Result<bool, Refusal> {
        let id = self.id();
        while let Some(line) = self.reader.take_line(SHORT_FRAME)? {
            match stream.take(line, id.as_bytes(), sink)? {
                Progress::More => {}
                Progress::Whole => return Ok(true),
                Progress::Other(frame) => {
                    if let Some(refusal) = self.judge(&frame).filter(|_| self.is_ours(&frame)) {
                        return Err(refusal);
                    }
                }
            }
        }
        Ok(false)
    }

    /// The next watched event, if one has come.
    ///
    /// # Errors
    /// When what comes has no end.
    pub fn event(&mut self) -> Result<Option<Frame>, Refusal> {
        // What nobody takes stays with the reader: events come by the hundred when phones do.
        while self.events.is_empty()
            && let Some(frame) = self.reader.take_frame()?
        {
            self.note(frame);
        }
        Ok(self.events.pop_front())
    }

    /// Whether the main has told any event so far.
    #[must_use]
    pub const fn was_told(&self) -> bool {
        self.told
    }

    /// Whether the main has said that it has started up.
    #[must_use]
    pub const fn has_booted(&self) -> bool {
        self.booted
    }

    /// Forgets the events of one name that have come so far.
    pub fn forget(&mut self, name: &[u8]) {
        self.events.retain(|event| event.get("Event") != Some(name));
    }

    fn note(&mut self, frame: Frame) {
        let Some(name) = frame.get("Event") else { return };
        self.told = true;
        self.booted |= name == FULLY_BOOTED;
        if frame.size() > EVENT {
            return;
        }
        if WATCHED.contains(&name) {
            if self.events.len() >= KEPT {
                self.events.pop_front();
            }
            self.events.push_back(frame);
        } else if OF_PHONES.contains(&name) && self.events.len() < KEPT {
            self.events.push_back(frame);
        }
    }

    fn is_ours(&self, frame: &Frame) -> bool {
        let Some(response) = frame.get("Response") else { return false };
        // An error that Asterisk cannot tie to an action is about ours: there is no other.
        match frame.get("ActionID") {
            Some(id) => id == self.id().as_bytes(),
            None => response == b"Error",
        }
    }

    fn judge(&self, frame: &Frame) -> Option<Refusal> {
        let (action, response) = (self.action, frame.get("Response").unwrap_or_default());
        let wanted = match action {
            // The second is that of AMI 1.0 (Asterisk 1.4).
            "Ping" => response == b"Success" && frame.get("Ping") == Some(b"Pong") || response == b"Pong",
            "Logoff" => response == b"Goodbye",
            _ => response == b"Success",
        };
        let said = frame.get("Message").unwrap_or(response);
        let message = excerpt(said);
        match action {
            _ if wanted => None,
            _ if said.starts_with(SHUTTING_DOWN) => Some(Refusal::ShuttingDown),
            "Login" | "Challenge" if said.starts_with(IN_USE) => Some(Refusal::InUse),
            "Login" | "Challenge" => Some(Refusal::Login { message }),
            _ => Some(Refusal::Answer { action, message }),
        }
    }

    fn id(&self) -> String {
        id(self.awaited)
    }
}

fn id(number: u64) -> String {
    format!("synch-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(action: Action<'_>, answer: &[u8]) -> Result<Option<Frame>, Refusal> {
        let mut session = Session::new(SHORT_FRAME);
        session.feed(b"Asterisk Call Manager/11.0.0\r\n").unwrap();
        assert_eq!(session.greeted(), Ok(true));
        session.request(action);
        session.feed(answer).unwrap();
        session.answer()
    }

    const CONFIG: Action<'_> = Action::GetConfig { filename: "x", category: None, filter: None };

    #[test]
    fn a_stranger_is_refused() {
        for line in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"\r\n", b"HTTP/1.1 400 Bad Request\r\n\x1b[2J\r\n"] {
            let mut session = Session::new(SHORT_FRAME);
            session.feed(line).unwrap();
            assert!(matches!(session.greeted(), Err(Refusal::NotAmi { .. })), "{line:?}");
        }
        let mut session = Session::new(64);
        session.feed(&[b'x'; 65]).unwrap();
        assert!(matches!(session.greeted(), Err(Refusal::TooLong(_))));
    }

    #[test]
    fn only_a_pong_answers_a_ping() {
        let pong = b"Response: Success\r\nActionID: synch-1\r\nPing: Pong\r\n\r\n";
        assert!(session(Action::Ping, pong).unwrap().is_some());
        assert!(session(Action::Ping, b"Response: Pong\r\nActionID: synch-1\r\n\r\n").unwrap().is_some());
        for answer in [
            &b"Response: Success\r\nActionID: synch-1\r\n\r\n"[..],
            b"Response: Error\r\nActionID: synch-1\r\nMessage: Permission denied\r\n\r\n",
            b"Response: Error\r\nMessage: Missing action in request\r\n\r\n",
        ] {
            assert!(matches!(session(Action::Ping, answer), Err(Refusal::Answer { action: "Ping", .. })));
        }
    }

    #[test]
    fn what_others_get_is_skipped() {
        let stream = b"Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n\
            Response: Error\r\nActionID: other\r\nMessage: not yours\r\n\r\n\
            Event: Hangup\r\nActionID: synch-1\r\n\r\n\
            Response: Success\r\n\r\n\
            Response: Success\r\nActionID: synch-1\r\nCategory-000000: a\r\n\r\nEvent: Late\r\n\r\n";
        let frame = session(CONFIG, stream).unwrap().unwrap();
        assert_eq!(frame.get("Category-000000"), Some(&b"a"[..]));
        assert_eq!(session(CONFIG, b"Event: X\r\n\r\n"), Ok(None));
    }

    #[test]
    fn an_event_longer_than_any_is_not_kept() {
        let mut session = Session::new(1024 * 1024);
        for length in [0, EVENT] {
            let text = format!("Event: Reload\r\nModule: All\r\nFiller: {}\r\n\r\n", "x".repeat(length));
            session.feed(text.as_bytes()).unwrap();
        }
        assert!(session.event().unwrap().is_some_and(|event| event.size() < EVENT));
        assert_eq!(session.event(), Ok(None));
    }

    /// The numbers of the events that are kept after these came while an answer was awaited.
    fn kept(events: &[(&str, usize)]) -> Vec<String> {
        let mut session = Session::new(SHORT_FRAME);
        for (name, number) in events {
            session.feed(format!("Event: {name}\r\nNumber: {number}\r\n\r\n").as_bytes()).unwrap();
        }
        assert_eq!(session.answer(), Ok(None));
        let numbers = std::iter::from_fn(|| session.event().unwrap());
        numbers.map(|event| String::from_utf8_lossy(event.get("Number").unwrap()).into_owned()).collect()
    }

    #[test]
    fn of_too_many_events_the_newest_are_kept() {
        let events: Vec<_> = (0..KEPT + 3).map(|number| ("Reload", number)).collect();
        let expected: Vec<_> = (3..KEPT + 3).map(|number| number.to_string()).collect();
        assert_eq!(kept(&events), expected);
    }

    #[test]
    fn phones_push_no_event_out_and_their_number_is_bounded_too() {
        let phones: Vec<_> = (0..KEPT + 3).map(|number| ("ContactStatus", number)).collect();
        assert_eq!(kept(&phones), (0..KEPT).map(|number| number.to_string()).collect::<Vec<_>>());
        let mut events = phones;
        events.push(("Shutdown", 1000));
        let expected = (1..KEPT).chain([1000]).map(|number| number.to_string());
        assert_eq!(kept(&events), expected.collect::<Vec<_>>());
        assert_eq!(kept(&[("Hangup", 1), ("PeerStatus", 2)]), ["2"]);
    }

    #[test]
    fn what_is_forgotten_is_of_one_name() {
        let mut session = Session::new(SHORT_FRAME);
        session.feed(b"Event: Reload\r\n\r\nEvent: Shutdown\r\n\r\nEvent: Reload\r\n\r\n").unwrap();
        assert_eq!(session.answer(), Ok(None));
        session.forget(b"Reload");
        assert!(session.event().unwrap().is_some_and(|event| event.get("Event") == Some(b"Shutdown")));
        assert_eq!(session.event(), Ok(None));
    }

    #[test]
    fn an_item_is_an_event_of_the_last_action() {
        let mut session = Session::new(SHORT_FRAME);
        session.request(Action::Ping);
        session
            .feed(
                b"Event: Item\r\nActionID: other\r\n\r\nResponse: Success\r\nActionID: synch-1\r\n\r\n\
                Event: Reload\r\n\r\nEvent: Item\r\nActionID: synch-1\r\nNumber: 1\r\n\r\n",
            )
            .unwrap();
        assert!(session.item().unwrap().is_some_and(|item| item.get("Number") == Some(b"1")));
        assert_eq!(session.item(), Ok(None));
        assert!(session.event().unwrap().is_some(), "the reload is not lost");
    }

    #[test]
    fn a_goodbye_answers_a_logoff() {
        let goodbye = b"Response: Goodbye\r\nActionID: synch-1\r\n\r\n";
        assert!(session(Action::Logoff, goodbye).unwrap().is_some());
        assert!(session(Action::Logoff, b"Response: Success\r\nActionID: synch-1\r\n\r\n").is_err());
    }

    #[test]
    fn an_account_in_use_and_a_main_that_shuts_down_are_no_wrong_password() {
        let login = Action::Login { username: "u", key: "x", events: false };
        let say = |text: &str| format!("Response: Error\r\nActionID: synch-1\r\nMessage: {text}\r\n\r\n");
        let in_use = say("Login Already In Use");
        assert_eq!(session(login, in_use.as_bytes()), Err(Refusal::InUse));
        assert!(matches!(session(CONFIG, in_use.as_bytes()), Err(Refusal::Answer { .. })));
        let going = say("Asterisk is shutting down");
        for action in [login, Action::Challenge, Action::Ping, Action::CoreStatus, CONFIG] {
            assert_eq!(session(action, going.as_bytes()), Err(Refusal::ShuttingDown), "{action:?}");
        }
    }

    #[test]
    fn a_refused_login_names_the_reason_without_raw_bytes() {
        let answer = b"Response: Error\r\nActionID: synch-1\r\nMessage: Auth\x1b[31m failed\r\n\r\n";
        let refusal = session(Action::Login { username: "u", key: "x", events: false }, answer).unwrap_err();
        assert_eq!(refusal, Refusal::Login { message: "Auth\\x1b[31m failed".to_owned() });
    }
}
