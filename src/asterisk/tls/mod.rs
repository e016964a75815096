//! TLS by the OpenSSL that Asterisk itself has loaded: a session between two buffers in memory, never a socket.
//!
//! `ast_tcptls_client_start()` is not used, though it stands on the same library: its handshake waits without a
//! deadline, it writes a line of its own for each main that is away, and it does not say why it failed.
//!
//! - `client`: the context of a session: trusted authorities, and our own certificate
//! - `openssl`: the functions, as they are found in the process

mod client;
mod openssl;

use std::{ffi::c_int, ptr};

pub(super) use self::openssl::sha256;

use self::{
    client::Client,
    openssl::{Bio, ERROR_SSL, ERROR_WANT_READ, ERROR_WANT_WRITE, ERROR_ZERO_RETURN, OpenSsl, Ssl},
};
use super::text;
use crate::{
    settings::Tls,
    uplink::ami::{TlsError, TlsSession},
};

/// Read out of OpenSSL at once: a record holds no more (RFC 8446 section 5.1).
const RECORD: usize = 16 * 1024;

/// One session. Its two buffers are freed with it.
pub(super) struct Session {
    openssl: OpenSsl,
    ssl: *mut Ssl,
    /// The bytes from the main.
    incoming: *mut Bio,
    /// The bytes to it.
    outgoing: *mut Bio,
    /// The name that its certificate must have.
    name: String,
    /// Whether its certificate is checked.
    verify: bool,
    established: bool,
}

// SAFETY: OpenSSL's objects belong to no thread; only one at a time uses them, since every method takes `&mut self`
// and the pointers are this session's alone.
unsafe impl Send for Session {}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("established", &self.established).finish_non_exhaustive()
    }
}

impl Session {
    /// A session that has not begun.
    ///
    /// # Errors
    /// This Asterisk has no TLS, or a file that the settings name cannot be used.
    pub(super) fn new(settings: &Tls) -> Result<Self, TlsError> {
        let unusable = TlsError::Unusable;
        let openssl = OpenSsl::load().map_err(unusable)?;
        let client = Client::new(openssl, settings).map_err(unusable)?;
        client.session(settings).map_err(unusable)
    }

    /// Returns the error of a call that failed; `Ok` where OpenSSL only waits for more bytes.
    fn judge(&self, result: c_int) -> Result<(), TlsError> {
        // SAFETY: the session is ours; `result` is that of the last call with it, on this thread.
        let kind = unsafe { (self.openssl.SSL_get_error)(self.ssl, result) };
        match kind {
            ERROR_WANT_READ | ERROR_WANT_WRITE => Ok(()),
            ERROR_ZERO_RETURN => Err(TlsError::Ended),
            _ => Err(self.why(kind)),
        }
    }

    fn why(&self, kind: c_int) -> TlsError {
        // SAFETY: the session is ours.
        let verdict = unsafe { (self.openssl.SSL_get_verify_result)(self.ssl) };
        if self.verify && !self.established && verdict != 0 {
            // SAFETY: OpenSSL has a static text for each number.
            let problem = unsafe { text::from_c((self.openssl.X509_verify_cert_error_string)(verdict)) };
            return TlsError::untrusted(verdict, &problem, &self.name);
        }
        let known = (kind == ERROR_SSL).then(|| self.openssl.reason()).flatten();
        TlsError::Failed(known.unwrap_or_else(|| "the other side broke off the connection".to_owned()))
    }

    fn shake_hands(&mut self) -> Result<(), TlsError> {
        self.openssl.forget_errors();
        // SAFETY: the session is ours; it reads and writes only its own buffers.
        let result = unsafe { (self.openssl.SSL_do_handshake)(self.ssl) };
        if result == 1 {
            self.established = true;
            return Ok(());
        }
        self.judge(result)
    }

    /// Reads everything that can be read now.
    fn read(&mut self, plain: &mut Vec<u8>) -> Result<(), TlsError> {
        let mut record = [0_u8; RECORD];
        loop {
            self.openssl.forget_errors();
            // SAFETY: the session is ours; OpenSSL writes at most the given size.
            let result = unsafe {
                (self.openssl.SSL_read)(self.ssl, record.as_mut_ptr().cast(), length(record.len()))
            };
            match usize::try_from(result) {
                Ok(count) if count > 0 => plain.extend_from_slice(record.get(..count).unwrap_or_default()),
                _ => return self.judge(result),
            }
        }
    }
}

impl TlsSession for Session {
    fn is_established(&self) -> bool {
        self.established
    }

    fn open(&mut self, sealed: &[u8], plain: &mut Vec<u8>) -> Result<(), TlsError> {
        if !sealed.is_empty() {
            // SAFETY: the buffer is this session's; OpenSSL copies what it is given.
            let taken = unsafe {
                (self.openssl.BIO_write)(self.incoming, sealed.as_ptr().cast(), length(sealed.len()))
            };
            if taken != length(sealed.len()) {
                return Err(TlsError::Unusable("this system has no memory left".to_owned()));
            }
        }
        if !self.established {
            self.shake_hands()?;
        }
        // The last bytes of a handshake may come with the first behind it.
        if self.established { self.read(plain) } else { Ok(()) }
    }

    fn seal(&mut self, plain: &[u8]) -> Result<(), TlsError> {
        if plain.is_empty() {
            return Ok(());
        }
        self.openssl.forget_errors();
        // SAFETY: the session is ours; OpenSSL only reads what it is given.
        let result =
            unsafe { (self.openssl.SSL_write)(self.ssl, plain.as_ptr().cast(), length(plain.len())) };
        match result {
            // A buffer in memory takes all of it or fails.
            1.. => Ok(()),
            _ => self.judge(result).and(Err(TlsError::Failed("nothing can be sent now".to_owned()))),
        }
    }

    fn certificate_lasts(&self) -> Option<i64> {
        let openssl = &self.openssl;
        // SAFETY: the session is ours; it owns the chain, which a client has with the main's own certificate first
        // (SSL_get_peer_cert_chain(3)). Of a chain that is NULL or empty the first one is NULL.
        let first = unsafe { (openssl.OPENSSL_sk_value)((openssl.SSL_get_peer_cert_chain)(self.ssl), 0) };
        if first.is_null() {
            return None;
        }
        let (mut days, mut seconds) = (0, 0);
        // SAFETY: not NULL, and the certificate owns its end; NULL stands for now; both numbers are ours.
        let known = unsafe {
            let end = (openssl.X509_get0_notAfter)(first);
            (openssl.ASN1_TIME_diff)(&raw mut days, &raw mut seconds, ptr::null(), end)
        };
        (known == 1).then(|| i64::from(days) * 86_400 + i64::from(seconds))
    }

    fn outgoing(&mut self) -> Vec<u8> {
        let (mut all, mut part) = (Vec::new(), [0_u8; RECORD]);
        loop {
            // SAFETY: the buffer is this session's; OpenSSL writes at most the given size.
            let count = unsafe {
                (self.openssl.BIO_read)(self.outgoing, part.as_mut_ptr().cast(), length(part.len()))
            };
            match usize::try_from(count) {
                Ok(count) if count > 0 => all.extend_from_slice(part.get(..count).unwrap_or_default()),
                _ => return all,
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: made by SSL_new(), freed only here; takes its two buffers along (SSL_set_bio()).
        unsafe { (self.openssl.SSL_free)(self.ssl) };
    }
}

/// Converts the length of one of our own buffers, which are far below the limit of an int.
fn length(bytes: usize) -> c_int {
    c_int::try_from(bytes).unwrap_or(c_int::MAX)
}
