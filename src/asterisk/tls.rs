//! TLS by the OpenSSL that Asterisk itself has loaded: a session between two buffers in memory, never a socket.
//!
//! `ast_tcptls_client_start()` is not used, though it stands on the same library: its handshake waits without a
//! deadline, it writes a line of its own for each main that is away, and it does not say why it failed.
//!
//! - `openssl`: the functions, as they are found in the process

mod openssl;

use std::{
    ffi::{CString, c_char, c_int, c_void},
    path::Path,
    ptr,
};

use self::openssl::{
    Bio, CTRL_MIN_VERSION, CTRL_SERVER_NAME, Context, ERROR_SSL, ERROR_WANT_READ, ERROR_WANT_WRITE,
    ERROR_ZERO_RETURN, OpenSsl, PEM, Ssl, TLS_1_2, VERIFY_NONE, VERIFY_PEER, X509_PARTIAL_CHAIN,
};
use super::text;
use crate::{
    ami::{TlsError, TlsSession, file},
    settings::{Certificate, Tls},
};

/// Read out of OpenSSL at once: a record holds no more (RFC 8446 section 5.1).
const RECORD: usize = 16 * 1024;

/// One session. Its two buffers are freed with it.
pub(super) struct Session {
    openssl: OpenSsl,
    ssl: *mut Ssl,
    /// What the main sent.
    incoming: *mut Bio,
    /// What goes to it.
    outgoing: *mut Bio,
    /// Whom its certificate has to be for.
    name: String,
    /// Whether its certificate matters.
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
    /// This Asterisk has no TLS, or a file that the settings name is of no use.
    pub(super) fn new(settings: &Tls) -> Result<Self, TlsError> {
        let unusable = TlsError::Unusable;
        let openssl = OpenSsl::load().map_err(unusable)?;
        let client = Client::new(openssl, settings).map_err(unusable)?;
        client.session(settings).map_err(unusable)
    }

    /// What a call came to, where it did not do what it should: nothing where OpenSSL waits for more.
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
        TlsError::Failed(known.unwrap_or_else(|| "the main broke it off".to_owned()))
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

    /// Everything that can be read now.
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
                return Err(TlsError::Unusable("there is no memory".to_owned()));
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
            _ => self.judge(result).and(Err(TlsError::Failed("nothing can be said now".to_owned()))),
        }
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

/// What sessions are made from: whom to believe, and who we are.
struct Client {
    openssl: OpenSsl,
    context: *mut Context,
}

impl Client {
    fn new(openssl: OpenSsl, settings: &Tls) -> Result<Self, String> {
        openssl.forget_errors();
        // SAFETY: TLS_client_method() gives a static table.
        let context = unsafe { (openssl.SSL_CTX_new)((openssl.TLS_client_method)()) };
        if context.is_null() {
            return Err("OpenSSL gave no context".to_owned());
        }
        let client = Self { openssl, context };
        client.set_rules(settings.verify)?;
        if settings.verify {
            client.trust(settings.ca_file.as_deref())?;
        }
        if let Some(certificate) = &settings.certificate {
            client.identify(certificate)?;
        }
        Ok(client)
    }

    fn set_rules(&self, verify: bool) -> Result<(), String> {
        let (openssl, context) = (&self.openssl, self.context);
        let mode = if verify { VERIFY_PEER } else { VERIFY_NONE };
        // SAFETY: the context is ours; no callback is given, which leaves OpenSSL's own verdict.
        unsafe { (openssl.SSL_CTX_set_verify)(context, mode, None) };
        // SAFETY: the context is ours; the callback lives as long as the image, which stays mapped.
        unsafe { (openssl.SSL_CTX_set_default_passwd_cb)(context, Some(no_passphrase)) };
        // SAFETY: as above; this command takes a number and no pointer.
        let set = unsafe { (openssl.SSL_CTX_ctrl)(context, CTRL_MIN_VERSION, TLS_1_2, ptr::null_mut()) };
        if set == 1 { Ok(()) } else { Err("this OpenSSL has no TLS 1.2".to_owned()) }
    }

    fn trust(&self, ca_file: Option<&Path>) -> Result<(), String> {
        let (openssl, context) = (&self.openssl, self.context);
        let Some(path) = ca_file else {
            // SAFETY: the context is ours.
            let found = unsafe { (openssl.SSL_CTX_set_default_verify_paths)(context) };
            return self.check(found, "the authorities that this machine trusts");
        };
        let (name, what) = settled(path, "tls_ca_file")?;
        // SAFETY: the context is ours; the name is NUL-terminated; NULL is no folder.
        let read = unsafe { (openssl.SSL_CTX_load_verify_locations)(context, name.as_ptr(), ptr::null()) };
        self.check(read, &what)?;
        // SAFETY: the context is ours and owns its parameters.
        let parameters = unsafe { (openssl.SSL_CTX_get0_param)(context) };
        // Else a certificate that is named itself would need its authority, too.
        // SAFETY: as above.
        let set = unsafe { (openssl.X509_VERIFY_PARAM_set_flags)(parameters, X509_PARTIAL_CHAIN) };
        self.check(set, "the rules for certificates")
    }

    fn identify(&self, certificate: &Certificate) -> Result<(), String> {
        let (openssl, context) = (&self.openssl, self.context);
        let Certificate { cert_file, key_file } = certificate;
        let (name, what) = settled(cert_file, "tls_cert_file")?;
        // SAFETY: the context is ours; the name is NUL-terminated.
        let read = unsafe { (openssl.SSL_CTX_use_certificate_chain_file)(context, name.as_ptr()) };
        self.check(read, &what)?;
        let (name, what) = settled(key_file, "tls_key_file")?;
        // SAFETY: as above.
        let read = unsafe { (openssl.SSL_CTX_use_PrivateKey_file)(context, name.as_ptr(), PEM) };
        self.check(read, &what)
    }

    /// A session of it, for the main of these settings.
    fn session(self, settings: &Tls) -> Result<Session, String> {
        let (openssl, name, verify) = (self.openssl, &settings.name, settings.verify);
        let wanted = text::to_c(name);
        // SAFETY: the context is ours and owns its parameters.
        let parameters = unsafe { (openssl.SSL_CTX_get0_param)(self.context) };
        let is_address = name.parse::<std::net::IpAddr>().is_ok();
        let set = if is_address {
            // SAFETY: as above; the text is NUL-terminated.
            unsafe { (openssl.X509_VERIFY_PARAM_set1_ip_asc)(parameters, wanted.as_ptr()) }
        } else {
            // SAFETY: as above; 0 stands for the length of a NUL-terminated text.
            unsafe { (openssl.X509_VERIFY_PARAM_set1_host)(parameters, wanted.as_ptr(), 0) }
        };
        self.check(set, &format!("tls_name {name}"))?;
        // SAFETY: the context is ours; the session takes a reference of its own.
        let ssl = unsafe { (openssl.SSL_new)(self.context) };
        if ssl.is_null() {
            return Err("OpenSSL gave no session".to_owned());
        }
        // SAFETY: BIO_s_mem() gives a static table.
        let [incoming, outgoing] = [(); 2].map(|()| unsafe { (openssl.BIO_new)((openssl.BIO_s_mem)()) });
        // SAFETY: all three were just made; the session owns both buffers from now on. NULL would be no buffer.
        unsafe { (openssl.SSL_set_bio)(ssl, incoming, outgoing) };
        let session =
            Session { openssl, ssl, incoming, outgoing, name: name.clone(), verify, established: false };
        if incoming.is_null() || outgoing.is_null() {
            return Err("OpenSSL gave no buffer".to_owned());
        }
        // SAFETY: the session was just made.
        unsafe { (openssl.SSL_set_connect_state)(ssl) };
        if !is_address {
            // RFC 6066 section 3: only names are told. Without it, a main with one certificate answers all the same.
            // SAFETY: the session is ours; OpenSSL copies the text.
            unsafe { (openssl.SSL_ctrl)(ssl, CTRL_SERVER_NAME, 0, wanted.as_ptr().cast_mut().cast()) };
        }
        Ok(session)
    }

    /// Where OpenSSL did not take something: what, and why in its words.
    fn check(&self, result: c_int, what: &str) -> Result<(), String> {
        if result == 1 {
            return Ok(());
        }
        let why = self.openssl.reason().unwrap_or_else(|| "no reason given".to_owned());
        Err(format!("{what}: {why}"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: made by SSL_CTX_new(), freed only here; a session has a reference of its own.
        unsafe { (self.openssl.SSL_CTX_free)(self.context) };
    }
}

/// For a key with a passphrase: none. OpenSSL would ask for it at the terminal otherwise, and wait.
extern "C" fn no_passphrase(_: *mut c_char, _: c_int, _: c_int, _: *mut c_void) -> c_int {
    0
}

/// Name of a file for OpenSSL, and what to call it. OpenSSL 3 has no words for a file that it can't open, and would wait
/// for a pipe.
fn settled(path: &Path, option: &str) -> Result<(CString, String), String> {
    let what = format!("{option} {}", path.display());
    file::open(path).map_err(|problem| format!("{what}: {problem}"))?;
    Ok((text::to_c(&path.to_string_lossy()), what))
}

/// Of our own buffers, all of which are far below the limit of an int.
fn length(bytes: usize) -> c_int {
    c_int::try_from(bytes).unwrap_or(c_int::MAX)
}
