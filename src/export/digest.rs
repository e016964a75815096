//! SHA-256 and HMAC. The hash is that of the Asterisk around us ([`Crypto`]). Pure.

use std::fmt;

use crate::uplink::ami::Crypto;

/// Octets of a digest.
const SIZE: usize = 32;
/// Octets that the hash takes in at a time (FIPS 180-4), to which HMAC fills its key up (RFC 2104 section 2).
const BLOCK: usize = 64;
/// Octets of a [`Short`]: of 100,000 users, no two have the same by chance.
const SHORT: usize = 8;

/// The Asterisk around us has no SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this Asterisk has no OpenSSL, which SHA-256 comes from")]
pub struct NoHash;

/// A digest over a whole part, or over an answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; SIZE]);

/// The first half of half a digest: over one user, or another thing of a part.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Short([u8; SHORT]);

impl Digest {
    /// Returns the digest of these octets.
    ///
    /// # Errors
    /// Asterisk has no SHA-256.
    pub fn of(crypto: &dyn Crypto, octets: &[u8]) -> Result<Self, NoHash> {
        crypto.sha256(octets).map(Self).ok_or(NoHash)
    }

    /// Returns the HMAC of a message (RFC 2104).
    ///
    /// # Errors
    /// As [`Digest::of`].
    pub fn keyed(crypto: &dyn Crypto, key: &[u8], message: &[u8]) -> Result<Self, NoHash> {
        let hashed;
        let key = if key.len() > BLOCK {
            hashed = Self::of(crypto, key)?.0;
            &hashed[..]
        } else {
            key
        };
        let filled = |with: u8| (0..BLOCK).map(move |at| key.get(at).copied().unwrap_or(0) ^ with);
        let inner: Vec<u8> = filled(0x36).chain(message.iter().copied()).collect();
        let inner = Self::of(crypto, &inner)?;
        let outer: Vec<u8> = filled(0x5c).chain(inner.0).collect();
        Self::of(crypto, &outer)
    }

    /// Reads one: 64 hexadecimal digits.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        octets(text).map(Self)
    }

    /// Returns its beginning.
    #[must_use]
    pub fn short(&self) -> Short {
        let mut short = [0; SHORT];
        short.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        Short(short)
    }

    /// Returns whether both are the same. How long it takes says nothing of where they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let differs = self.0.iter().zip(other.0).fold(0, |differs, (one, other)| differs | (one ^ other));
        std::hint::black_box(differs) == 0
    }
}

impl Short {
    /// Reads one: 16 hexadecimal digits.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        octets(text).map(Self)
    }
}

fn octets<const SIZE: usize>(text: &str) -> Option<[u8; SIZE]> {
    let mut octets = [0; SIZE];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != SIZE || !rest.is_empty() {
        return None;
    }
    for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
        *octet = digit(*high)? << 4 | digit(*low)?;
    }
    Some(octets)
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn hex(octets: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::stand_in::Hashing;

    fn of(octets: &[u8]) -> String {
        Digest::of(&Hashing, octets).unwrap().to_string()
    }

    #[test]
    fn digests_are_those_of_fips_180() {
        for (octets, digest) in [
            (&b""[..], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(of(octets), digest);
        }
        assert_eq!(
            of(&[b'a'; 1_000_000]),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        );
    }

    /// Cases 1, 2 and 6 of RFC 4231: a short key, one that is a word, and one that is longer than a block.
    #[test]
    fn keyed_digests_are_those_of_rfc_4231() {
        for (key, message, digest) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(Digest::keyed(&Hashing, key, message).unwrap().to_string(), digest);
        }
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = Digest::of(&Hashing, b"abc").unwrap();
        let text = digest.to_string();
        assert_eq!(Digest::read(&text), Some(digest));
        assert_eq!(Digest::read(&text.to_uppercase()), Some(digest));
        assert_eq!(digest.short().to_string(), text[..16]);
        assert_eq!(Short::read(&text[..16]), Some(digest.short()));
        for bad in ["", "ba78", &text[..63], &format!("{text}0"), &text.replace('b', "g"), &"é".repeat(32)] {
            assert_eq!(Digest::read(bad), None, "{bad}");
        }
        assert!(digest.is(&digest));
        assert!(!digest.is(&Digest::of(&Hashing, b"abd").unwrap()));
    }
}
