//! What an administrator sees and says.
//!
//! - [`status`]: the snapshot of everything, as text, JSON and AMI headers
//! - [`table`]: a list, and its faces at the console and over AMI
//! - [`cli`], [`actions`]: the commands and AMI actions; [`operate`]: what both can change
//! - [`functions`]: what a dialplan can ask synch
//! - [`doctor`]: what was looked at, and what to do; [`drill`]: what an outage would come to
//! - [`http`]: what is answered at Asterisk's HTTP server: [`page`], and [`metrics`] for Prometheus; [`access`]: to whom
//! - [`control`]: how Asterisk's threads read the snapshot and hand commands to the engine

pub mod access;
pub mod actions;
pub mod cli;
pub mod control;
pub mod doctor;
pub mod drill;
pub mod functions;
pub mod http;
pub mod metrics;
pub mod operate;
pub mod page;
pub mod status;
pub mod table;
