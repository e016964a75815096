//! What is expected of the main at each moment, and the verdict on what it sent: banner, then one answer to each
//! action. Pure: bytes in, bytes and verdicts out.

use super::{
    Action, Frame, FrameReader,
    error::{Refusal, excerpt},
};

/// How every Asterisk introduces itself; the version of the protocol follows.
const BANNER: &[u8] = b"Asterisk Call Manager";

/// One connection, seen from the protocol.
#[derive(Debug)]
pub struct Session {
    reader: FrameReader,
    /// Actions sent so far; the last one's number is its ActionID.
    sent: u64,
    /// Name of the action whose answer is awaited.
    action: &'static str,
}

impl Session {
    /// A fresh connection whose frames may have up to `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { reader: FrameReader::new(limit), sent: 0, action: "" }
    }

    /// What to send for this action; its answer is what [`Self::answer`] looks for from now on.
    pub fn request(&mut self, action: Action<'_>) -> Vec<u8> {
        self.sent += 1;
        self.action = action.name();
        action.encode(&self.id())
    }

    /// Takes in what the main sent.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.reader.feed(bytes);
    }

    /// Whether the main has introduced itself.
    ///
    /// # Errors
    /// When whoever answers there is no Asterisk.
    pub fn greeted(&mut self) -> Result<bool, Refusal> {
        match self.reader.take_line()? {
            None => Ok(false),
            Some(line) if line.starts_with(BANNER) => Ok(true),
            Some(line) => Err(Refusal::NotAmi { line: excerpt(&line) }),
        }
    }

    /// The answer to the last action, once it is there. Events and answers to others are skipped.
    ///
    /// # Errors
    /// When the answer is not the wanted one.
    pub fn answer(&mut self) -> Result<Option<Frame>, Refusal> {
        while let Some(frame) = self.reader.take_frame()? {
            let Some(response) = frame.get("Response") else { continue };
            // An error that Asterisk cannot tie to an action is about ours: there is no other.
            let ours = match frame.get("ActionID") {
                Some(id) => id == self.id().as_bytes(),
                None => response == b"Error",
            };
            if ours {
                return self.judge(response, &frame).map_or(Ok(Some(frame)), Err);
            }
        }
        Ok(None)
    }

    fn judge(&self, response: &[u8], frame: &Frame) -> Option<Refusal> {
        let action = self.action;
        let wanted = match action {
            "Ping" => response == b"Success" && frame.get("Ping") == Some(b"Pong"),
            "Logoff" => response == b"Goodbye",
            _ => response == b"Success",
        };
        let message = excerpt(frame.get("Message").unwrap_or(response));
        match action {
            _ if wanted => None,
            "Login" => Some(Refusal::Login { message }),
            _ => Some(Refusal::Answer { action, message }),
        }
    }

    fn id(&self) -> String {
        format!("synch-{}", self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ami::frame::SHORT_FRAME;

    fn session(action: Action<'_>, answer: &[u8]) -> Result<Option<Frame>, Refusal> {
        let mut session = Session::new(SHORT_FRAME);
        session.feed(b"Asterisk Call Manager/11.0.0\r\n");
        assert_eq!(session.greeted(), Ok(true));
        session.request(action);
        session.feed(answer);
        session.answer()
    }

    const CONFIG: Action<'_> = Action::GetConfig { filename: "x" };

    #[test]
    fn a_stranger_is_refused() {
        for line in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"\r\n", b"HTTP/1.1 400 Bad Request\r\n\x1b[2J\r\n"] {
            let mut session = Session::new(SHORT_FRAME);
            session.feed(line);
            assert!(matches!(session.greeted(), Err(Refusal::NotAmi { .. })), "{line:?}");
        }
        let mut session = Session::new(64);
        session.feed(&[b'x'; 65]);
        assert!(matches!(session.greeted(), Err(Refusal::TooLong(_))));
    }

    #[test]
    fn only_a_pong_answers_a_ping() {
        let pong = b"Response: Success\r\nActionID: synch-1\r\nPing: Pong\r\n\r\n";
        assert!(session(Action::Ping, pong).unwrap().is_some());
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
    fn a_refused_login_names_the_reason_without_raw_bytes() {
        let secret = crate::settings::Secret::new("x");
        let answer = b"Response: Error\r\nActionID: synch-1\r\nMessage: Auth\x1b[31m failed\r\n\r\n";
        let refusal = session(Action::Login { username: "u", secret: &secret }, answer).unwrap_err();
        assert_eq!(refusal, Refusal::Login { message: "Auth\\x1b[31m failed".to_owned() });
    }
}
