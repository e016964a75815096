//! The AMI actions that synch sends, as bytes. Pure.

/// Bytes of one line of a request that Asterisk reads, without the line end: its buffer has 1024 with it. A longer line
/// voids the whole request.
pub const LINE_LIMIT: usize = 1022;

/// The only proof of a password, besides the password, that AMI knows.
const AUTH_TYPE: &str = "MD5";

/// One request to the main.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Asks for a text that the password is proved with, and not sent.
    Challenge,
    /// Logs in.
    Login {
        /// AMI account.
        username: &'a str,
        /// MD5 of the challenge and the password behind it, in hex (`authenticate()` of Asterisk's `manager.c`).
        key: &'a str,
        /// Whether events of class system are wanted; no others ever are.
        events: bool,
    },
    /// Asks for a Pong.
    Ping,
    /// Asks for a configuration file, inheritance resolved.
    GetConfig {
        /// Name below the main's configuration folder.
        filename: &'a str,
        /// Only sections of that name.
        category: Option<&'a str>,
        /// Only sections with variables like these.
        filter: Option<&'a str>,
    },
    /// Asks when the main last started and reloaded.
    CoreStatus,
    /// Asks which version of Asterisk the main runs.
    CoreSettings,
    /// Asks for all channels of the main, as a list.
    CoreShowChannels,
    /// Asks all that res_pjsip has of an endpoint, as a list.
    ShowEndpoint(&'a str),
    /// Asks all that chan_sip has of a peer.
    ShowPeer(&'a str),
    /// Asks for one value of Asterisk's database.
    DbGet {
        /// Family of the key.
        family: &'a str,
        /// The key in it.
        key: &'a str,
    },
    /// Asks something of this module on the main.
    Own {
        /// Which action of it.
        name: &'static str,
        /// What it is told.
        headers: &'a [(&'static str, String)],
    },
    /// Says good-bye.
    Logoff,
}

impl Action<'_> {
    /// The name of the action, as AMI spells it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Challenge => "Challenge",
            Self::Login { .. } => "Login",
            Self::Ping => "Ping",
            Self::GetConfig { .. } => "GetConfig",
            Self::CoreStatus => "CoreStatus",
            Self::CoreSettings => "CoreSettings",
            Self::CoreShowChannels => "CoreShowChannels",
            Self::ShowEndpoint(_) => "PJSIPShowEndpoint",
            Self::ShowPeer(_) => "SIPshowpeer",
            Self::DbGet { .. } => "DBGet",
            Self::Own { name, .. } => name,
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
            Self::Challenge => header(&mut bytes, "AuthType", AUTH_TYPE),
            Self::Login { username, key, events } => {
                header(&mut bytes, "AuthType", AUTH_TYPE);
                header(&mut bytes, "Username", username);
                header(&mut bytes, "Key", key);
                header(&mut bytes, "Events", if *events { "system" } else { "off" });
            }
            Self::GetConfig { filename, category, filter } => {
                header(&mut bytes, "Filename", filename);
                for (name, value) in [("Category", category), ("Filter", filter)] {
                    if let Some(value) = value {
                        header(&mut bytes, name, value);
                    }
                }
            }
            Self::ShowEndpoint(name) => header(&mut bytes, "Endpoint", name),
            Self::ShowPeer(name) => header(&mut bytes, "Peer", name),
            Self::DbGet { family, key } => {
                header(&mut bytes, "Family", family);
                header(&mut bytes, "Key", key);
            }
            Self::Own { headers, .. } => {
                headers.iter().for_each(|(name, value)| header(&mut bytes, name, value));
            }
            Self::Ping | Self::CoreStatus | Self::CoreSettings | Self::CoreShowChannels | Self::Logoff => {}
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
    fn login_asks_for_no_events_unless_they_are_wanted() {
        let login = |events| Action::Login { username: "synch", key: "0af1", events };
        let expected = "Action: Login\r\nActionID: 7\r\nAuthType: MD5\r\nUsername: synch\r\nKey: 0af1\r\n\
             Events: off\r\n\r\n";
        assert_eq!(String::from_utf8(login(false).encode("7")).unwrap(), expected);
        let with_events = String::from_utf8(login(true).encode("7")).unwrap();
        assert_eq!(with_events, expected.replace("off", "system"));
    }

    #[test]
    fn no_value_becomes_a_header() {
        let (filename, filter) = ("a\r\nAction: Command\n\r\0b", Some("x\r\ny=\"z\""));
        let bytes = Action::GetConfig { filename, category: Some("1001\n"), filter }.encode("1");
        let text = String::from_utf8(bytes).unwrap();
        let expected = "Action: GetConfig\r\nActionID: 1\r\nFilename: aAction: Commandb\r\n\
             Category: 1001\r\nFilter: xy=\"z\"\r\n\r\n";
        assert_eq!(text, expected);
    }
}
