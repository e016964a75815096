//! TLS as the connection to the main, or to a broker, needs it: the interface of a session without a socket, and its errors. Pure. The
//! session itself comes from Asterisk, whose OpenSSL is the only one in the process.

/// One TLS session as a client, with sealed bytes on one side and plain bytes on the other. The caller keeps the socket
/// and its deadlines.
pub trait TlsSession: Send + std::fmt::Debug {
    /// Whether the main has proved who it is. Nothing can be sealed before that.
    fn is_established(&self) -> bool;

    /// Takes bytes from the main and appends their plain text to `plain`. Without any bytes, begins the handshake.
    ///
    /// # Errors
    /// The session has ended. The bytes that [`Self::outgoing`] still holds tell the main why.
    fn open(&mut self, sealed: &[u8], plain: &mut Vec<u8>) -> Result<(), TlsError>;

    /// Seals bytes for the main.
    ///
    /// # Errors
    /// The session has ended.
    fn seal(&mut self, plain: &[u8]) -> Result<(), TlsError>;

    /// Returns the bytes to send to the main now.
    fn outgoing(&mut self) -> Vec<u8>;

    /// Returns when the main's certificate ends, in seconds from now; `None` where that is not known.
    fn certificate_lasts(&self) -> Option<i64> {
        None
    }
}

/// Why TLS failed. Problems of this machine are kept apart from problems of the other side. As text, the other side is the
/// main; [`Self::told_of`] is for a broker, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsError {
    /// Something is wrong on this machine.
    Unusable(String),
    /// The other side does not speak TLS on that port.
    NotTls,
    /// Its certificate is not accepted.
    Untrusted {
        /// OpenSSL's number of the problem (`openssl/x509_vfy.h`).
        code: i64,
        /// OpenSSL's words.
        problem: String,
        /// The name that the certificate has to be for.
        wanted: String,
    },
    /// The other side ended the session in good order.
    Ended,
    /// Anything else, in OpenSSL's words.
    Failed(String),
}

/// Who is on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherSide {
    /// The main: `[main]`.
    Main,
    /// A broker: `[state]`.
    Broker,
}

impl OtherSide {
    const fn noun(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Broker => "broker",
        }
    }

    const fn section(self) -> &'static str {
        match self {
            Self::Main => "[main]",
            Self::Broker => "[state]",
        }
    }

    const fn port(self) -> &'static str {
        match self {
            Self::Main => "the port of tlsbindaddr in the main's manager.conf, usually 5039",
            Self::Broker => "the port on which the broker listens for TLS, usually 8883",
        }
    }
}

impl std::error::Error for TlsError {}

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.told_of(OtherSide::Main))
    }
}

impl TlsError {
    /// Makes the error for a rejected certificate from OpenSSL's error number (`openssl/x509_vfy.h`).
    #[must_use]
    pub fn untrusted(code: i64, problem: &str, wanted: &str) -> Self {
        Self::Untrusted { code, problem: problem.to_owned(), wanted: wanted.to_owned() }
    }

    /// Returns what is wrong and what to do, where that is known.
    #[must_use]
    pub fn told_of(&self, other: OtherSide) -> String {
        let (noun, section) = (other.noun(), other.section());
        match self {
            Self::Unusable(problem) => format!("TLS can't be used: {problem}"),
            Self::NotTls => {
                format!("that port does not speak TLS; set port in {section} to {}", other.port())
            }
            Self::Untrusted { code, problem, wanted } => {
                let advice = advice(*code, wanted, other);
                format!("the {noun}'s certificate is not accepted: {problem}{advice}")
            }
            Self::Ended => format!("the {noun} ended the TLS session"),
            Self::Failed(problem) => format!("TLS failed: {problem}"),
        }
    }
}

/// What to do about a certificate, behind a semicolon; empty where nobody knows.
fn advice(code: i64, wanted: &str, other: OtherSide) -> String {
    let (noun, section) = (other.noun(), other.section());
    match code {
        9 => match other {
            OtherSide::Main => "; check the clocks of main and branch".to_owned(),
            OtherSide::Broker => "; check the clocks of the broker and of this machine".to_owned(),
        },
        10 => format!("; renew it on the {noun}"),
        // No issuer, self-signed, self-signed in the chain, no issuer of the first one.
        18..=21 | 2 => format!(
            "; tls_ca_file in {section} must hold the authority that signed it, or the certificate itself: check \
             whether the {noun} has a new one"
        ),
        62 | 64 => format!(
            "; it is not valid for '{wanted}': set tls_name in {section} to the name in the certificate"
        ),
        _ => String::new(),
    }
}

/// Returns whether an answer over TLS can begin like this (RFC 8446 section 5.1: `ContentType`).
#[must_use]
pub fn is_record(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|kind| (20..=24).contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_is_no_record() {
        for (bytes, expected) in
            [(&b"\x16\x03\x03"[..], true), (b"\x15\x03\x01", true), (b"", true), (b"Asterisk Call", false)]
        {
            assert_eq!(is_record(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_certificate_says_what_to_do() {
        for (code, advice) in [
            (2, "tls_ca_file"),
            (9, "check the clocks"),
            (10, "renew it"),
            (18, "tls_ca_file"),
            (20, "tls_ca_file"),
            (62, "not valid for 'main.example.com'"),
            (64, "tls_name"),
        ] {
            let text = TlsError::untrusted(code, "OpenSSL's words", "main.example.com").to_string();
            assert!(text.contains("OpenSSL's words; ") && text.contains(advice), "{text}");
        }
        let text = TlsError::untrusted(23, "certificate revoked", "x").to_string();
        assert_eq!(text, "the main's certificate is not accepted: certificate revoked");
    }

    #[test]
    fn what_is_wrong_at_a_broker_names_the_broker_and_its_section() {
        let untrusted = |code| TlsError::untrusted(code, "OpenSSL's words", "broker.example.com");
        let errors = [TlsError::NotTls, TlsError::Ended].into_iter().chain([2, 9, 10, 62, 23].map(untrusted));
        for error in errors {
            let text = error.told_of(OtherSide::Broker);
            assert!(text.contains("broker") || text.contains("8883"), "{text}");
            assert!(!text.contains("main") && !text.contains("branch"), "{text}");
        }
    }
}
