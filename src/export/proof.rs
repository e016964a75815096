//! How a session shows whose it is: an action does not learn which account has logged in. Pure.
//!
//! The main gives a nonce, the branch answers with a digest over it, its name and the password that both have already:
//! that of the AMI account of that name. So a session of one site can't be taken for that of another, and no password
//! crosses the line.

use super::{Digest, NoHash};
use crate::uplink::ami::Crypto;

/// What the digest begins with, so that it is good for nothing else.
const PURPOSE: &str = "synch1";
/// Letters of a nonce.
const NONCE: usize = 32;

/// A number that the main has drawn, and that serves once: 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// Makes one of what was drawn.
    #[must_use]
    pub fn new(drawn: u128) -> Self {
        Self(format!("{drawn:032x}"))
    }

    /// Reads what a main sent.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let plain = text.len() == NONCE && text.bytes().all(|letter| letter.is_ascii_hexdigit());
        plain.then(|| Self(text.to_owned()))
    }

    /// Returns its digits.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Returns the key by which a session proves to be of this site: `secret` is the password of the site's account.
///
/// # Errors
/// Asterisk has no SHA-256.
pub fn key(crypto: &dyn Crypto, secret: &str, nonce: &Nonce, site: &str) -> Result<Digest, NoHash> {
    let message = [PURPOSE, nonce.text(), site].concat();
    Digest::keyed(crypto, secret.as_bytes(), message.as_bytes())
}

/// Returns whether what a session sent is the key. An account without a password proves nothing.
///
/// # Errors
/// As [`key`].
pub fn proves(
    crypto: &dyn Crypto,
    secret: &str,
    nonce: &Nonce,
    site: &str,
    given: &str,
) -> Result<bool, NoHash> {
    let wanted = key(crypto, secret, nonce, site)?;
    Ok(!secret.is_empty() && Digest::read(given).is_some_and(|given| wanted.is(&given)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::stand_in::Hashing;

    const NONCE: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;

    fn given(secret: &str, nonce: u128, site: &str) -> String {
        key(&Hashing, secret, &Nonce::new(nonce), site).unwrap().to_string()
    }

    fn is_berlin(given: &str) -> bool {
        proves(&Hashing, "s3cret", &Nonce::new(NONCE), "berlin", given).unwrap()
    }

    /// `printf synch10123456789abcdef0123456789abcdefberlin | openssl dgst -sha256 -hmac s3cret`
    #[test]
    fn the_key_is_what_openssl_makes_of_it() {
        let key = "8a57e8962299776c6d24b5567437588aa62b84633b42e26939faccaa495307c8";
        assert_eq!(given("s3cret", NONCE, "berlin"), key);
        assert!(is_berlin(key) && is_berlin(&key.to_uppercase()));
    }

    #[test]
    fn nothing_else_proves_it() {
        assert!(!is_berlin(&given("s3cret", NONCE, "bonn")));
        assert!(!is_berlin(&given("s3cret", NONCE + 1, "berlin")));
        assert!(!is_berlin(&given("other", NONCE, "berlin")));
        for nothing in ["", "0", &"0".repeat(64), "s3cret"] {
            assert!(!is_berlin(nothing), "{nothing}");
        }
        let empty = given("", NONCE, "berlin");
        assert!(!proves(&Hashing, "", &Nonce::new(NONCE), "berlin", &empty).unwrap());
    }

    #[test]
    fn a_nonce_has_32_digits() {
        assert_eq!(Nonce::new(1).text(), "00000000000000000000000000000001");
        assert_eq!(Nonce::read(Nonce::new(NONCE).text()), Some(Nonce::new(NONCE)));
        for bad in ["", "1", &"g".repeat(32), &"0".repeat(33)] {
            assert_eq!(Nonce::read(bad), None, "{bad}");
        }
    }
}
