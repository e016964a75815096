//! The users of this site: from the main's configuration files to a file of the branch.
//!
//! ```text
//! answer ─▶ document ─▶ select ──▶ policy ─▶ render ─▶ plan ──▶ store
//! (frame)   sections    the users  what may  file      write,   temporary file, rename,
//!           and lines   and what   be        text      hold or  numbered versions
//!                       they name  written             nothing
//! ```
//!
//! - [`document`]: a GetConfig answer into sections and lines, or the reason why it is void. Pure.
//! - [`select`](mod@select): the users that the filter chooses, complete or left out with a reason. Pure.
//! - [`policy`]: what of the main's words may be written at all. Pure.
//! - [`render`](mod@render): the only writer of configuration syntax. Pure.
//! - [`compose`](mod@compose): the four above in one call. Pure.
//! - [`readback`]: what Asterisk's loader read, against what was meant. Pure.
//! - [`plan`]: whether a new text is written, held or needless. Pure.
//! - [`store`]: the file, its versions, and all file I/O of this folder.

pub mod compose;
pub mod document;
pub mod plan;
pub mod policy;
pub mod readback;
pub mod render;
pub mod select;
pub mod store;

pub use compose::{Answer, SyncError, Synced, compose};
pub use document::{Document, DocumentError, Line, Section};
pub use plan::{Content, Plan};
pub use policy::{Accepted, Kind, Violation};
pub use readback::{User, difference, kinds_in, listed_in, users_in};
pub use render::{is_ours, render};
pub use select::{LeftOut, Reason, SelectError, Selection, select};
pub use store::{Staged, Store, StoreError, Version};
