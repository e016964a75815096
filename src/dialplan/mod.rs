//! The branch's dialplan, as values.
//!
//! - [`context`]: contexts, extensions, steps. Pure.
//! - [`build`](mod@build): the branch's own contexts. Pure.
//! - [`hint`]: the lamps of this site. Pure.
//! - [`building`]: whether Asterisk is building a dialplan of its own, beside which no hint may be added. Pure.
//! - [`door`]: where a number leads that is dialled in one of them. Pure.
//! - [`change`]: what has to be done to one context to make it another. Pure.
//!
//! Contexts of the main, which are code of somebody else:
//!
//! ```text
//! sections ─▶ choice ─▶ extract ──▶ vet ─▶ contexts
//! (sync)      by name   as loader   what may run here,
//!                       would       and what was left out
//! ```
//!
//! - [`choice`]: which contexts are wanted. Pure.
//! - `extract`: lines of extensions.conf into contexts, as Asterisk's own loader reads them. Pure.
//! - [`allow`]: applications and functions that may run. Pure.
//! - `substitution`, `alphabet`: what Asterisk will evaluate in a text, and what characters can come of it. Pure.
//! - [`vet`](mod@vet): the check of it all, and the only way to get such contexts. Pure.
//! - [`left_out`]: what was not taken, and why. Pure.
//! - [`refers`]: what they need on this machine. Pure.
//! - [`lines`]: contexts as lines again, to be kept. Pure.

pub mod allow;
mod alphabet;
pub mod build;
pub mod building;
pub mod change;
pub mod choice;
pub mod context;
pub mod door;
mod extract;
pub mod hint;
pub mod left_out;
pub mod lines;
pub mod refers;
mod substitution;
pub mod vet;

pub use allow::Allowed;
pub use build::{FORWARDED, FROM_MAIN, Plan, SENT_ON, USERS, build, device, devices};
pub use building::Building;
pub use change::Change;
pub use choice::{ChoiceError, ContextChoice};
pub use context::{Context, Extension, Step};
pub use door::{Door, Known, Question, Way};
pub use hint::{Hint, Lamps, hints};
pub use left_out::{LeftOutLine, Refusal};
pub use vet::{Terms, Vetted, vet};
