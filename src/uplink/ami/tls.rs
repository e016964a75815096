//! TLS as the connection to the main needs it: the interface of a session without a socket, and its errors. Pure. The
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
}

/// Why TLS failed. Problems of this machine are kept apart from problems of the main.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// Something is wrong on this machine.
    #[error("TLS can't be used: {0}")]
    Unusable(String),
    /// The main does not speak TLS on that port.
    #[error(
        "that port does not speak TLS; set port in [main] to the port of tlsbindaddr in the main's manager.conf, \
         usually 5039"
    )]
    NotTls,
    /// Its certificate is not accepted.
    #[error("the main's certificate is not accepted: {problem}{advice}")]
    Untrusted {
        /// OpenSSL's words.
        problem: String,
        /// What to do, behind a semicolon; empty where nobody knows.
        advice: String,
    },
    /// The main ended the session in good order.
    #[error("the main ended the TLS session")]
    Ended,
    /// Anything else, in OpenSSL's words.
    #[error("TLS failed: {0}")]
    Failed(String),
}

impl TlsError {
    /// Makes the error for a rejected certificate from OpenSSL's error number (`openssl/x509_vfy.h`).
    #[must_use]
    pub fn untrusted(code: i64, problem: &str, wanted: &str) -> Self {
        let advice = match code {
            9 => "; check the clocks of main and branch".to_owned(),
            10 => "; renew it on the main".to_owned(),
            // No issuer, self-signed, self-signed in the chain, no issuer of the first one.
            18..=21 | 2 => {
                "; tls_ca_file in [main] must hold the authority that signed it, or the certificate \
                 itself: check whether the main has a new one"
                    .to_owned()
            }
            62 | 64 => {
                format!(
                    "; it is not valid for '{wanted}': set tls_name in [main] to the name in the certificate"
                )
            }
            _ => String::new(),
        };
        Self::Untrusted { problem: problem.to_owned(), advice }
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
}
