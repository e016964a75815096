//! What a main with this module says to its branches, and how both sides read it: the same code for both. Pure.
//!
//! A branch proves over its AMI session who it is, asks whether anything of its own has changed, and is given what has.
//! What is said has the form of GetConfig, so that a branch believes it no more than any main.
//!
//! - [`part`]: the parts of what is exported: users, mailboxes, contexts and the rest
//! - [`digest`]: SHA-256 and HMAC, by the Asterisk around us; what makes two things the same
//! - [`proof`]: how a session shows whose it is
//! - [`text`]: sections as headers of an answer, and the digest over them

pub mod digest;
pub mod part;
pub mod proof;
pub mod text;

pub use digest::{Digest, NoHash, Short};
pub use part::Part;
pub use text::{Answer, Section, part_digest};

/// The version of what both sides say; a main with another one is read with GetConfig.
pub const PROTOCOL: u32 = 1;

#[cfg(test)]
pub(crate) mod stand_in;
