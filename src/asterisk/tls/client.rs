//! The context of a TLS session: the authorities that are trusted, and our own certificate. It reads the files that the
//! settings name.

use std::{
    ffi::{CString, c_char, c_int, c_void},
    path::Path,
    ptr,
};

use super::{
    Session,
    openssl::{
        CTRL_MIN_VERSION, CTRL_SERVER_NAME, Context, OpenSsl, PEM, TLS_1_2, VERIFY_NONE, VERIFY_PEER,
        X509_PARTIAL_CHAIN,
    },
};
use crate::{
    asterisk::text,
    settings::{Certificate, Tls},
    uplink::ami::file,
};

/// The context of a session: the authorities that are trusted, and our own certificate.
pub(super) struct Client {
    openssl: OpenSsl,
    context: *mut Context,
}

impl Client {
    /// Makes the context for these settings.
    ///
    /// # Errors
    /// A file that they name cannot be used; the text says which and why.
    pub(super) fn new(openssl: OpenSsl, settings: &Tls) -> Result<Self, String> {
        openssl.forget_errors();
        // SAFETY: TLS_client_method() gives a static table.
        let context = unsafe { (openssl.SSL_CTX_new)((openssl.TLS_client_method)()) };
        if context.is_null() {
            return Err("OpenSSL could not create a context".to_owned());
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
            return self.check(found, "cannot load the certificate authorities that this machine trusts");
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
        self.check(set, "cannot set the rules for checking certificates")
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

    /// Makes a session for the main of these settings.
    pub(super) fn session(self, settings: &Tls) -> Result<Session, String> {
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
            return Err("OpenSSL could not create a session".to_owned());
        }
        // SAFETY: BIO_s_mem() gives a static table.
        let [incoming, outgoing] = [(); 2].map(|()| unsafe { (openssl.BIO_new)((openssl.BIO_s_mem)()) });
        // SAFETY: all three were just made; the session owns both buffers from now on. NULL would be no buffer.
        unsafe { (openssl.SSL_set_bio)(ssl, incoming, outgoing) };
        let session =
            Session { openssl, ssl, incoming, outgoing, name: name.clone(), verify, established: false };
        if incoming.is_null() || outgoing.is_null() {
            return Err("OpenSSL could not create a buffer".to_owned());
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

    /// Turns a failed call into an error: what failed, and OpenSSL's reason.
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

/// Gives no passphrase for a key that has one. Otherwise OpenSSL would ask for it at the terminal and wait.
extern "C" fn no_passphrase(_: *mut c_char, _: c_int, _: c_int, _: *mut c_void) -> c_int {
    0
}

/// Returns the name of a file for OpenSSL, and how errors name it. The file is opened here first: OpenSSL 3 gives no
/// reason for a file that it cannot open, and would wait for a pipe.
fn settled(path: &Path, option: &str) -> Result<(CString, String), String> {
    let what = format!("{option} {}", path.display());
    file::open(path).map_err(|problem| format!("{what}: {problem}"))?;
    Ok((text::to_c(&path.to_string_lossy()), what))
}
