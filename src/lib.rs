//! `res_synch`: an Asterisk module that keeps a branch site calling when the main Asterisk or FreePBX is gone.
//!
//! It is loaded by the branch's own Asterisk. It asks the main over AMI whether it lives, pulls the users of this
//! site from it, and answers the phones' SIP domain with the address of whoever serves now.
//!
//! ```text
//!   res_synch.conf ──▶ settings ──▶ engine
//!
//!   main ◀─SIP─▶ sip ──── answer ─▶ probe ──▶ failover ──┬──▶ dns ◀── phones
//!                                     ▲                  ├──▶ dialplan ◀── calls
//!        ◀─AMI─▶ ami ──┬─ ping ───────┘                  ├──▶ log, AMI event, history
//!                      ├─ reload ─────┐                  │
//!                      │              ▼                  │
//!                      └─ config ─▶ sync, directory ─┬───┴──▶ status ◀── cli, actions, functions ◀── operator
//!                                                    └──▶ files, reload
//! ```
//!
//! Pure: values and `Instant`s in, values out; no clock, socket, file or log.
//! - [`settings`]: `res_synch.conf` as values
//! - [`state`]: the words: states, modes; [`wording`]: numbers and lists as a person reads them
//! - [`repeats`]: when the log hears again of a failure that repeats
//! - [`marks`]: what a router can tell our packets by
//! - [`probe`]: outcomes of probes become the monitor state, and say how soon the next is due
//! - [`sip`]: what the main is asked over SIP, and what is an answer
//! - [`selfcheck`]: whether the branch's own Asterisk takes calls
//! - [`failover`]: monitor state and mode become the service state
//! - [`contacts`]: where the main knew the phones; [`phones`]: where they are, and how a move goes on
//! - [`status`]: the snapshot of all that, as text, JSON and AMI headers
//! - [`cli`], [`actions`]: the commands and AMI actions; [`operate`]: what both can change
//! - [`dialplan`]: what the users of this site can dial, and what of the main's contexts may run here
//! - [`functions`]: what a dialplan can ask synch
//! - [`version`]: which Asterisk this is
//! - [`doctor`]: what was looked at, and what to do; [`drill`]: what an outage would come to
//!
//! Mostly pure, each with its few I/O files named in its own map.
//! - [`ami`]: the main's manager interface; sockets in `ami::link`
//! - [`sync`]: from the main's answer to the file of users; files in `sync::store`
//! - [`directory`]: everybody on the main, as far as it concerns this branch
//! - [`dns`]: zone and relay; sockets in `dns::server`
//! - [`sip`]: the few requests of ours; socket in `sip::registrar`
//!
//! What makes them move.
//! - [`engine`]: the loop that owns every thread and carries decisions out
//! - [`control`]: how Asterisk's threads read the snapshot and hand commands to the engine
//! - [`gate`]: keeps an unload from waiting for our reload of another module
//! - [`host`]: what the engine asks of Asterisk
//! - `asterisk`: that Asterisk, in C; the only `unsafe`; left out without the feature of that name
//! - `faults`: panics and hangs to order for the tests of the lab; nothing at all without the feature of that name
//!
//! # Security rules
//! `SECURITY.md` has the tests that hold each of them.
//! 1. Nothing that the main, a phone or a forwarder sends can end or block Asterisk: every entry from C is fenced
//!    against panics, every worker is run again after one, every buffer and wait of ours is bounded.
//! 2. Asterisk's threads never wait for the network, a file or a lock that one of our workers holds for long. Two
//!    exceptions, both bounded: a console or manager session that asks for the doctor or a drill waits for the answer
//!    itself, and an unload waits some seconds for our workers. Who doesn't end in them is left alone and named. Of
//!    Asterisk's own locks only those are held that `asterisk::dialplan` has proved: nothing is merged into its dialplan.
//! 3. The main is believed about values, never about syntax: what it says becomes a section, a directive or a line
//!    only where `sync::accept` and `sync::render` make it one; an option only where `sync::policy` has it on a list, or
//!    the administrator; a step of a dialplan only where `dialplan::vet` lets it run.
//! 4. A failed, empty, torn or shrunken answer never takes users away.
//! 5. A file that we write is the old one or the new one, whole, and is readable by its owner only.
//! 6. A password is in no log, error, command, action, event or Debug output, and the AMI password not on the wire.
//! 7. An emergency number leads to the local trunk, whatever the main or a user is called. Who may call outside is said by
//!    the administrator of the branch, by the context that a user has on the main.
//! 8. Names outside the zone are only relayed, only for clients on a list, and only where a forwarder is set; nobody gets
//!    more answers than his share.
//! 9. With `tls = yes`, nothing is said to a main before it has proved who it is.
//! 10. What is wrong on this machine, such as a full disk, no descriptors, no threads or a clock that jumps, is a state with
//!     its reason: it moves no phone, ends no call, and goes away with its cause.

pub mod actions;
pub mod ami;
#[cfg(feature = "asterisk")]
mod asterisk;
#[cfg(test)]
mod attacks;
pub mod cli;
pub mod contacts;
pub mod control;
pub mod dialplan;
pub mod directory;
pub mod dns;
pub mod doctor;
pub mod drill;
pub mod engine;
pub mod failover;
mod faults;
pub mod functions;
pub mod gate;
pub mod host;
pub mod marks;
pub mod operate;
pub mod phones;
pub mod probe;
pub mod repeats;
pub mod selfcheck;
pub mod settings;
pub mod sip;
pub mod state;
pub mod status;
pub mod sync;
pub mod version;
pub mod wording;
