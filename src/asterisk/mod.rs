//! Everything that touches Asterisk's C API, and the only place with `unsafe`.
//!
//! - `entry`: what Asterisk's loader calls: load, reload, unload
//! - `instance`: the one owned value that lives from load to unload
//! - `load`: what a thread that was left alone may still do
//! - `current`: how CLI and AMI calls find the engine
//! - `host`: [`crate::engine::host::Host`] on this Asterisk
//! - `cli`, `manager`: registration of the commands and actions of [`crate::operator::cli`] and [`crate::operator::actions`]
//! - `export`: the actions of branches, on a main
//! - `dialplan`, `functions`, `switch`: our contexts and hints, the functions of [`crate::operator::functions`], where a number leads
//! - `http`: the page and the metrics at Asterisk's HTTP server; `prometheus`: the same metrics for res_prometheus
//! - `conf`, `reload`, `objects`, `peers`, `devices`, `queues`, `log`, `thread`, `version`: one part of the API each
//! - `reference`: who needs the module, and Asterisk's end
//! - `memory`: what is not used goes back to the system
//! - `roomy`: room behind structures that Asterisk writes into
//! - `lamps`: the hints that there are while Asterisk starts
//! - `documentation`: whether Asterisk has read ours
//! - `states`: what this Asterisk says of its devices, and what it is shown of other sites
//! - `tls`: [`crate::uplink::ami::TlsSession`] by Asterisk's own OpenSSL
//! - `guard`: the fence that keeps a panic out of Asterisk
//! - `text`: strings to and from C
//! - `sys`: what bindgen made of Asterisk's headers

#![expect(unsafe_code, reason = "this is the boundary to C")]

mod channels;
mod cli;
mod conf;
mod current;
mod database;
mod devices;
mod dialplan;
mod documentation;
mod entry;
mod export;
mod functions;
mod guard;
mod host;
mod http;
mod instance;
mod lamps;
mod load;
mod log;
mod manager;
mod memory;
mod objects;
mod peers;
mod prometheus;
mod queues;
mod reference;
mod reload;
mod roomy;
mod states;
mod switch;
mod text;
mod thread;
mod tls;
mod version;

#[allow(
    warnings,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::indexing_slicing,
    reason = "generated from Asterisk's headers"
)]
mod sys {
    include!(concat!(env!("OUT_DIR"), "/sys.rs"));
}
