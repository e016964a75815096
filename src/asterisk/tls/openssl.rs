//! The functions of OpenSSL, as they are found in the process: those that 1.1.0 to 3 have alike.
//!
//! Their headers are not among Asterisk's, and a function that is missing shall cost TLS and not the whole module: so
//! they are declared here and looked up when they are needed.

use std::{
    ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void},
    mem,
};

use once_cell::sync::OnceCell;

use super::text;

/// Objects of OpenSSL that we only have the addresses of.
macro_rules! opaque {
    ($($name:ident),*) => { $(#[repr(C)] pub(super) struct $name([u8; 0]);)* };
}
opaque!(Method, Context, Ssl, Bio, BioMethod, VerifyParameters, Stack, Certificate, Time);

/// Called where a key has a passphrase (`pem_password_cb`).
pub(super) type PassphraseCallback = extern "C" fn(*mut c_char, c_int, c_int, *mut c_void) -> c_int;
/// Called for each certificate (`SSL_verify_cb`).
pub(super) type VerifyCallback = extern "C" fn(c_int, *mut c_void) -> c_int;

// openssl/ssl.h
pub(super) const VERIFY_NONE: c_int = 0;
pub(super) const VERIFY_PEER: c_int = 1;
pub(super) const PEM: c_int = 1;
pub(super) const CTRL_MIN_VERSION: c_int = 123;
pub(super) const CTRL_SERVER_NAME: c_int = 55;
pub(super) const ERROR_SSL: c_int = 1;
pub(super) const ERROR_WANT_READ: c_int = 2;
pub(super) const ERROR_WANT_WRITE: c_int = 3;
pub(super) const ERROR_ZERO_RETURN: c_int = 6;
/// RFC 8996: the older ones are not to be used.
pub(super) const TLS_1_2: c_long = 0x0303;
// openssl/x509_vfy.h
pub(super) const X509_PARTIAL_CHAIN: c_ulong = 0x80000;

macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// Each by its own name.
        #[derive(Clone, Copy)]
        #[expect(non_snake_case, reason = "they are called as OpenSSL calls them")]
        pub(super) struct OpenSsl {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl OpenSsl {
            /// Finds them.
            ///
            /// # Errors
            /// One is missing: this Asterisk was built without TLS, or with another library.
            pub(super) fn load() -> Result<Self, String> {
                Ok(Self {
                    $($name: {
                        let found = symbol(concat!(stringify!($name), "\0"))?;
                        // SAFETY: not NULL, and OpenSSL declares the function of this name like this.
                        unsafe { mem::transmute::<*mut c_void, unsafe extern "C" fn($($argument),*) $(-> $result)?>(found) }
                    },)*
                })
            }
        }
    };
}

functions! {
    TLS_client_method() -> *const Method;
    SSL_CTX_new(*const Method) -> *mut Context;
    SSL_CTX_free(*mut Context);
    SSL_CTX_ctrl(*mut Context, c_int, c_long, *mut c_void) -> c_long;
    SSL_CTX_set_verify(*mut Context, c_int, Option<VerifyCallback>);
    SSL_CTX_set_default_passwd_cb(*mut Context, Option<PassphraseCallback>);
    SSL_CTX_set_default_verify_paths(*mut Context) -> c_int;
    SSL_CTX_load_verify_locations(*mut Context, *const c_char, *const c_char) -> c_int;
    SSL_CTX_use_certificate_chain_file(*mut Context, *const c_char) -> c_int;
    SSL_CTX_use_PrivateKey_file(*mut Context, *const c_char, c_int) -> c_int;
    SSL_CTX_get0_param(*mut Context) -> *mut VerifyParameters;
    X509_VERIFY_PARAM_set_flags(*mut VerifyParameters, c_ulong) -> c_int;
    X509_VERIFY_PARAM_set1_host(*mut VerifyParameters, *const c_char, usize) -> c_int;
    X509_VERIFY_PARAM_set1_ip_asc(*mut VerifyParameters, *const c_char) -> c_int;
    X509_verify_cert_error_string(c_long) -> *const c_char;
    SSL_new(*mut Context) -> *mut Ssl;
    SSL_free(*mut Ssl);
    SSL_ctrl(*mut Ssl, c_int, c_long, *mut c_void) -> c_long;
    SSL_set_bio(*mut Ssl, *mut Bio, *mut Bio);
    SSL_set_connect_state(*mut Ssl);
    SSL_do_handshake(*mut Ssl) -> c_int;
    SSL_read(*mut Ssl, *mut c_void, c_int) -> c_int;
    SSL_write(*mut Ssl, *const c_void, c_int) -> c_int;
    SSL_get_error(*const Ssl, c_int) -> c_int;
    SSL_get_verify_result(*const Ssl) -> c_long;
    SSL_get_peer_cert_chain(*const Ssl) -> *const Stack;
    OPENSSL_sk_value(*const Stack, c_int) -> *const Certificate;
    X509_get0_notAfter(*const Certificate) -> *const Time;
    ASN1_TIME_diff(*mut c_int, *mut c_int, *const Time, *const Time) -> c_int;
    BIO_s_mem() -> *const BioMethod;
    BIO_new(*const BioMethod) -> *mut Bio;
    BIO_read(*mut Bio, *mut c_void, c_int) -> c_int;
    BIO_write(*mut Bio, *const c_void, c_int) -> c_int;
    ERR_get_error() -> c_ulong;
    ERR_clear_error();
    ERR_reason_error_string(c_ulong) -> *const c_char;
}

impl OpenSsl {
    /// Clears the errors of earlier calls on this thread, which would be taken for those of the next call.
    pub(super) fn forget_errors(&self) {
        // SAFETY: touches only what OpenSSL keeps for this thread.
        unsafe { (self.ERR_clear_error)() };
    }

    /// Returns why the last call failed, in OpenSSL's words.
    pub(super) fn reason(&self) -> Option<String> {
        // SAFETY: as above.
        let code = unsafe { (self.ERR_get_error)() };
        // SAFETY: OpenSSL has a static text for each code, or NULL.
        let reason = unsafe { text::from_c((self.ERR_reason_error_string)(code)) };
        (!reason.is_empty()).then_some(reason)
    }
}

/// Returns the address of a function that the process has loaded. The name ends in NUL.
fn symbol(name: &'static str) -> Result<*mut c_void, String> {
    let name = CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or_default();
    // SAFETY: a NUL-terminated name; dlsym() only looks it up among what the process has loaded.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if found.is_null() {
        return Err(format!("this Asterisk has no OpenSSL function {}", name.to_string_lossy()));
    }
    Ok(found)
}

/// `SHA256` of openssl/sha.h.
type Sha256 = unsafe extern "C" fn(*const u8, usize, *mut u8) -> *mut u8;

/// Returns the SHA-256 of octets; `None` where the process has no OpenSSL.
pub(in crate::asterisk) fn sha256(octets: &[u8]) -> Option<[u8; 32]> {
    /// Looked for once: each user has a digest.
    static FOUND: OnceCell<Option<Sha256>> = OnceCell::new();
    let sha256 = (*FOUND.get_or_init(|| {
        let found = symbol("SHA256\0").ok()?;
        // SAFETY: not NULL, and OpenSSL declares the function of this name like this, from 1.1.0 to 3.
        Some(unsafe { mem::transmute::<*mut c_void, Sha256>(found) })
    }))?;
    let mut digest = [0; 32];
    // SAFETY: reads so many octets, writes SHA256_DIGEST_LENGTH = 32 octets, and keeps neither address.
    let done = unsafe { sha256(octets.as_ptr(), octets.len(), digest.as_mut_ptr()) };
    (!done.is_null()).then_some(digest)
}
