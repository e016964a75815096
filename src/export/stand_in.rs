//! SHA-256 (FIPS 180-4) for tests, which have no Asterisk around them. The module itself uses OpenSSL's.

use crate::{
    settings::Tls,
    uplink::ami::{Crypto, TlsError, TlsSession},
};

/// Hashes, and nothing else.
pub(crate) struct Hashing;

impl Crypto for Hashing {
    fn md5(&self, text: &str) -> String {
        format!("<{text}>")
    }

    fn sha256(&self, octets: &[u8]) -> Option<[u8; 32]> {
        Some(sha256(octets))
    }

    fn tls(&self, _: &Tls) -> Result<Box<dyn TlsSession>, TlsError> {
        Err(TlsError::Unusable("no TLS in this test".to_owned()))
    }
}

/// The first 32 bits of the fractional part of a root of this prime.
fn fraction(prime: u32, cube: bool) -> u32 {
    // By whole numbers: the root times 2^32, of which the lower half is the fraction.
    let power = if cube { 3 } else { 2 };
    let target = u128::from(prime) << if cube { 96 } else { 64 };
    let (mut low, mut high) = (0_u128, 1_u128 << 36);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if middle.pow(power) <= target { low = middle } else { high = middle }
    }
    (low & u128::from(u32::MAX)).try_into().unwrap()
}

fn primes(count: usize) -> Vec<u32> {
    let is_prime = |number: &u32| (2..*number).all(|by| !number.is_multiple_of(by));
    (2..).filter(is_prime).take(count).collect()
}

/// Returns the digest.
pub(crate) fn sha256(octets: &[u8]) -> [u8; 32] {
    let constants: Vec<u32> = primes(64).into_iter().map(|prime| fraction(prime, true)).collect();
    let mut state: Vec<u32> = primes(8).into_iter().map(|prime| fraction(prime, false)).collect();
    let mut text = octets.to_vec();
    text.push(0x80);
    while text.len() % 64 != 56 {
        text.push(0);
    }
    text.extend((octets.len() as u64 * 8).to_be_bytes());
    for block in text.chunks(64) {
        let mut words: Vec<u32> =
            block.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect();
        for at in 16..64 {
            let (early, late) = (words[at - 15], words[at - 2]);
            let first = early.rotate_right(7) ^ early.rotate_right(18) ^ (early >> 3);
            let second = late.rotate_right(17) ^ late.rotate_right(19) ^ (late >> 10);
            words.push(words[at - 16].wrapping_add(first).wrapping_add(words[at - 7]).wrapping_add(second));
        }
        let mut v = state.clone();
        for at in 0..64 {
            let first = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let one = [first, choice, constants[at], words[at]].into_iter().fold(v[7], u32::wrapping_add);
            let second = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            let two = second.wrapping_add(majority);
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(one);
            v[0] = one.wrapping_add(two);
        }
        state.iter_mut().zip(v).for_each(|(word, add)| *word = word.wrapping_add(add));
    }
    let mut digest = [0; 32];
    let octets = state.into_iter().flat_map(u32::to_be_bytes);
    digest.iter_mut().zip(octets).for_each(|(to, octet)| *to = octet);
    digest
}
