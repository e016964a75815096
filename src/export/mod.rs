//! What a main with this module says to its branches, and how both sides read it: the same code for both. Pure, but for the waits.
//!
//! A branch proves over its AMI session who it is, asks whether anything of its own has changed, and is given what has.
//! What is said has the form of GetConfig, so that a branch believes it no more than any main.
//!
//! - [`asked`]: what a branch asks, and what it makes of the answers
//! - [`part`]: the parts of what is exported: users, mailboxes, contexts and the rest
//! - [`group`]: the things of a part in 256 groups, so that a change of one costs little
//! - [`digest`]: SHA-256 and HMAC, by the Asterisk around us; what makes two things the same
//! - [`proof`]: how a session shows whose it is
//! - [`text`]: sections as headers of an answer, and the digest over them
//!
//! On the main alone:
//! - [`stock`]: what there is for each site, made of the main's files
//! - [`objects`]: the same of users in a database, as a file would have them
//! - [`desk`]: what the branches' sessions are answered, and what they wait for
//! - [`share`]: how much one account may have
//! - [`whereabouts`]: whether a site is here or on its own
//! - [`forward`]: where calls to the users of one that is lost go
//! - [`waits`]: who waits for news; the one file with waits

pub mod asked;
pub mod desk;
pub mod digest;
pub mod forward;
pub mod group;
pub mod objects;
pub mod part;
pub mod proof;
pub mod share;
pub mod stock;
pub mod text;
pub mod waits;
pub mod whereabouts;

pub use digest::{Digest, NoHash, Short};
pub use group::Group;
pub use part::Part;
pub use text::{Answer, Section, part_digest};

/// The version of what both sides say; a main with another one is read with GetConfig.
pub const PROTOCOL: u32 = 1;

#[cfg(test)]
pub(crate) mod stand_in;
