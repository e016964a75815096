//! `res_synch`: an Asterisk module that keeps a branch site calling when the main Asterisk or FreePBX is gone.
//!
//! It is loaded by the branch's own Asterisk. It asks the main over AMI whether it lives, pulls the users of this
//! site from it, and answers the phones' SIP domain with the address of whoever serves now.
//!
//! ```text
//!   res_synch.conf ──▶ settings ──▶ engine
//!
//!   main ◀─SIP─▶ uplink::sip ── answer ─▶ verdict ──────────────┬──▶ dns ◀── phones
//!                                            ▲                  ├──▶ dialplan ◀── calls
//!        ◀─AMI─▶ uplink::ami ─┬─ pong ───────┘                  ├──▶ log, AMI event, history
//!                             ├─ reload ──┐                     │
//!                             │           ▼                     │
//!                             └─ config ─▶ site ────────────┬───┴──▶ operator ◀── CLI, AMI, functions
//!                                                           └──▶ files, reload
//! ```
//!
//! What is decided: values and `Instant`s in, values out. No clock, socket or log; files and sockets only in the few
//! files that a wing's own map names.
//! - [`settings`]: `res_synch.conf` as values
//! - [`words`]: what all others say: states and modes, numbers and lists as a person reads them
//! - [`uplink`]: what the main is asked, over AMI and over SIP, and what is an answer
//! - [`verdict`]: who serves: from the outcomes of probes to the service state
//! - [`maintenance`]: work on the main: how long, whether its calls have ended, and whether it may have its phones back
//! - [`site`]: whose phones these are: users, mailboxes, directory, where the phones are
//! - [`dialplan`]: what the users of this site can dial, and what of the main's contexts may run here
//! - [`export`]: what a main with this module says to its branches, the same code for both sides
//! - [`dns`]: the name server of the phones: zone, relay, and the sockets around them
//! - [`operator`]: what an administrator sees and says: status, CLI, AMI actions, functions, doctor, drill
//!
//! What makes them move.
//! - [`engine`]: the loop that owns every thread and carries decisions out; what it asks of Asterisk is
//!   [`engine::host`]
//! - `asterisk`: that Asterisk, in C; the only `unsafe`; left out without the feature of that name
//!
//! # Security rules
//! `SECURITY.md` has the tests that hold each of them.
//! 1. Nothing that the main, a phone or a forwarder sends can end or block Asterisk: every entry from C is fenced
//!    against panics, every worker is run again after one, every buffer and wait of ours is bounded.
//! 2. Asterisk's threads never wait for the network, a file or a lock that one of our workers holds for long. Three
//!    exceptions, all bounded: a branch's session at a main waits for news where it asked to, a console or manager session
//!    that asks for the doctor or a drill waits for the answer itself, and an unload waits some seconds for our workers. Who
//!    doesn't end in them is left alone and named. Of Asterisk's own locks only those are held that `asterisk::dialplan` has proved: nothing is merged into its dialplan.
//! 3. The main is believed about values, never about syntax: what it says becomes a section, a directive or a line
//!    only where `site::users::accept` and `render` make it one; an option only where `site::users::policy` has it on a list, or
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

#[cfg(feature = "asterisk")]
mod asterisk;
#[cfg(test)]
#[path = "../tests/attacks/attacks.rs"]
mod attacks;
pub mod dialplan;
pub mod dns;
pub mod engine;
pub mod export;
pub mod maintenance;
pub mod operator;
pub mod peers;
pub mod settings;
pub mod site;
pub mod uplink;
pub mod verdict;
pub mod words;
