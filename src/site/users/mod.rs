//! The users of this site: from the main's configuration files to a file of the branch.
//!
//! ```text
//! answer ─▶ document ─▶ select ─────▶ policy ───▶ render ─▶ plan ──▶ store
//! (frame)   sections    the users     which of    file      write,   temporary file, rename,
//!           and lines   and what      their       text      hold or  numbered versions
//!                       they name,    options               nothing
//!                       in `accept`ed
//!                       syntax
//! ```
//!
//! - [`document`]: a GetConfig answer into sections and lines, or the reason why it is void. Pure.
//! - [`wizard`]: sections of pjsip_wizard.conf as what Asterisk makes of them. Pure.
//! - [`select`](mod@select): the users that the filter chooses, complete or left out with a reason. Pure.
//! - [`accept`]: which of the main's words can be written at all. Pure.
//! - [`declined`]: what this branch's own Asterisk does not take of an option by option. Pure.
//! - [`open`]: who would need no password. Pure.
//! - [`number`]: what others dial to reach each of them. Pure.
//! - [`policy`]: which options of a user are taken, and what is written instead. Pure.
//! - [`render`](mod@render): the only writer of configuration syntax. Pure.
//! - [`narrow`](mod@narrow), [`cover`](mod@cover): filters that the main itself applies. Pure.
//! - [`parts`]: what to ask the main for, so that it sends this site and little else. Pure.
//! - [`compose`](mod@compose): select, policy, number and render in one call. Pure.
//! - [`readback`]: what Asterisk's loader read, against what was meant. Pure.
//! - [`diff`]: what differs between two versions. Pure.
//! - [`plan`]: whether a new text is written, held or needless. Pure.
//! - [`store`]: the file, its versions, and all file I/O of this folder.

pub mod accept;
pub mod compose;
pub mod cover;
pub mod declined;
pub mod diff;
pub mod document;
pub mod narrow;
pub mod number;
pub mod open;
pub mod parts;
pub mod plan;
pub mod policy;
pub mod readback;
pub mod render;
pub mod select;
pub mod store;
pub mod wizard;

pub use accept::{Accepted, Kind, Violation};
pub use compose::{Answer, Rules, SyncError, Synced, compose};
pub use cover::{can_cover, cover};
pub use declined::Declined;
pub use diff::{Change, Diff, OptionDiff};
pub use document::{Document, DocumentError, Line, Section};
pub use narrow::narrow;
pub use open::Open;
pub use parts::{Told, Wanted};
pub use plan::{Bounds, Content, Plan};
pub use policy::{Fate, Origin, Policy, Tailored};
pub use readback::{
    User, by_number, changed_in, difference, kind_in, kinds_in, listed_in, reached_by, users_in,
};
pub use render::{is_ours, render, render_sections};
pub use select::{Barred, LeftOut, Reason, SelectError, Selection, select};
pub use store::{Store, StoreError, Version};
