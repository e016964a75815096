//! What may stand in a SIP URI. Pure.

/// The longest user part that is sent; Asterisk's own names are shorter.
const MAX_USER: usize = 79;

/// Whether a request can be made in this name: it stands in a URI as it is (RFC 3261 section 25.1, `unreserved`).
#[must_use]
pub fn is_user(user: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    (1..=MAX_USER).contains(&user.len()) && user.bytes().all(plain)
}
