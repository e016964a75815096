//! The workers: a file or folder for each, under the name of its thread.
//!
//! - `session`: keeps the one AMI session, and asks the main over it whether it lives
//! - `probe`: asks the main over SIP
//! - `sync`: users, mailboxes, contexts, directory and call settings, from the main to the branch
//! - `contacts`: asks the main where the phones are; `presence`: looks who is registered here
//! - `drain`: counts the calls on the main while there is a maintenance
//! - `dialplan`: puts contexts and hints into force
//! - `dns`: serves the zone of the present situation
//! - `selfcheck`: asks the branch's own SIP and dialplan
//! - `state`: shares the states of devices with other sites over a broker
//! - `export`: on a main, reads the files of its users for the branches, and looks where the phones are
//! - `branches`: on a main, looks where these are, and forwards calls to a lost one
//! - `doctor`, `drill`: run once, for who asked

pub(super) mod branches;
pub(super) mod contacts;
pub(super) mod dialplan;
pub(super) mod dns;
pub(super) mod doctor;
pub(super) mod drain;
pub(super) mod drill;
pub(super) mod export;
pub(super) mod presence;
pub(super) mod probe;
pub(super) mod selfcheck;
pub(super) mod session;
pub(super) mod state;
pub(super) mod sync;
