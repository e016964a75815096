//! What all the others say: one word for one thing, and numbers and lists as a person reads them.
//!
//! - [`state`]: the states that synch can be in, and the modes that an operator can choose
//! - [`wording`]: numbers and lists as a person reads them
//! - [`caller_id`]: name and number out of Asterisk's `"Name" <number>`
//! - [`number`]: what can be dialled
//! - [`site`]: what a site may be called
//! - [`codes`]: what users dial to hear their messages
//! - [`uri`]: what may stand in a SIP URI
//! - [`conf`]: a section of one of Asterisk's configuration files, and its words for yes and no
//! - [`variables`]: channel variables
//! - [`disk`]: a file of ours, the old one or the new one; the only one of these with I/O
//! - [`reload`]: which reloads may change what a branch takes from a main
//! - [`repeats`]: when the log hears again of a failure that repeats
//! - [`version`]: which Asterisk this is
//! - [`faults`]: panics and hangs to order, for the tests of the lab; nothing at all without the feature of that name

pub mod caller_id;
pub mod codes;
pub mod conf;
pub mod disk;
pub mod faults;
pub mod number;
pub mod reload;
pub mod repeats;
pub mod site;
pub mod state;
pub mod uri;
pub mod variables;
pub mod version;
pub mod wording;
