//! The AMI actions that synch sends, as bytes. Pure.

use crate::settings::Secret;

/// One request to the main.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Logs in; no events wanted.
    Login {
        /// AMI account.
        username: &'a str,
        /// Its password.
        secret: &'a Secret,
    },
    /// Asks for a Pong.
    Ping,
    /// Asks for a whole configuration file, inheritance resolved.
    GetConfig {
        /// Name below the main's configuration folder.
        filename: &'a str,
    },
    /// Says good-bye.
    Logoff,
}

impl Action<'_> {
    /// The name of the action, as AMI spells it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Login { .. } => "Login",
            Self::Ping => "Ping",
            Self::GetConfig { .. } => "GetConfig",
            Self::Logoff => "Logoff",
        }
    }

    /// What goes over the wire.
    #[must_use]
    pub fn encode(&self, id: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        header(&mut bytes, "Action", self.name());
        header(&mut bytes, "ActionID", id);
        match self {
            Self::Login { username, secret } => {
                header(&mut bytes, "Username", username);
                header(&mut bytes, "Secret", secret.expose());
                header(&mut bytes, "Events", "off");
            }
            Self::GetConfig { filename } => header(&mut bytes, "Filename", filename),
            Self::Ping | Self::Logoff => {}
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

/// Control characters are left out of the value: none of it can become a header or an action of its own.
fn header(bytes: &mut Vec<u8>, name: &str, value: &str) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b": ");
    bytes.extend(value.bytes().filter(|byte| !byte.is_ascii_control()));
    bytes.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_asks_for_no_events() {
        let secret = Secret::new("a;b=c: d");
        let login = Action::Login { username: "synch", secret: &secret }.encode("7");
        let expected =
            "Action: Login\r\nActionID: 7\r\nUsername: synch\r\nSecret: a;b=c: d\r\nEvents: off\r\n\r\n";
        assert_eq!(String::from_utf8(login).unwrap(), expected);
        assert!(!format!("{:?}", Action::Login { username: "synch", secret: &secret }).contains("a;b"));
    }

    #[test]
    fn no_value_becomes_a_header() {
        let bytes = Action::GetConfig { filename: "a\r\nAction: Command\n\r\0b" }.encode("1");
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text, "Action: GetConfig\r\nActionID: 1\r\nFilename: aAction: Commandb\r\n\r\n");
    }
}
