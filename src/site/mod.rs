//! What this site knows of its people: copied from the main, kept for an outage.
//!
//! - [`users`]: the users of this site, from the main's configuration to a file of the branch; files in `users::store`
//! - [`mailboxes`]: their mailboxes, from file to file
//! - [`call_settings`]: what people have set for calls to them
//! - [`directory`]: everybody on the main, as far as it concerns this branch
//! - [`contacts`]: where the main knew the phones; [`phones`]: where they are, and how a move goes on
//! - [`shrink`]: how much of all that a day may take away

pub mod call_settings;
pub mod contacts;
pub mod directory;
pub mod exported;
pub mod mailboxes;
pub mod phones;
pub mod shrink;
pub mod users;
