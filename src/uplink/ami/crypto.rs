//! The cryptography that the Asterisk around us has to give: nothing of that kind is ours.

use super::tls::{TlsError, TlsSession};
use crate::settings::Tls;

/// What a login needs.
pub trait Crypto: Send + Sync {
    /// MD5 of a text, as lower-case hex.
    fn md5(&self, text: &str) -> String;

    /// SHA-256 of octets; `None` where this Asterisk has no OpenSSL.
    fn sha256(&self, _octets: &[u8]) -> Option<[u8; 32]> {
        None
    }

    /// A session that nothing was said in yet. The files that the settings name are read now.
    ///
    /// # Errors
    /// [`TlsError::Unusable`]: a file can't be read, or this Asterisk has no TLS.
    fn tls(&self, settings: &Tls) -> Result<Box<dyn TlsSession>, TlsError>;
}
