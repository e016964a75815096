//! Main, branch, carrier and phones on one machine: what the tests and the demo of `res_synch` run in.
//!
//! ```text
//!   test process ── test ──┐                    ┌── wan ── main (Asterisk)
//!   branch (Asterisk) ─────┤ lan (a bridge)  router, which can cut the wan
//!   carrier (Asterisk) ────┤
//!   phones ────────────────┘
//!      10.77.N.0/24                                10.78.N.0/24
//! ```
//!
//! Each box is a network namespace. `N` is the lab's own number, so that several labs run at once.
//!
//! | module | |
//! | --- | --- |
//! | [`site`] | [`Site`]: one main, one branch, phones; where a test starts |
//! | [`net`] | namespaces, links, and the ways to cut them |
//! | [`rootfs`] | the root file systems that hold Asterisk 22 and 16 |
//! | [`overlay`] | a root file system of a test's own, over a shared one |
//! | [`quarters`] | a host with a folder of its own in a root file system |
//! | [`asterisk`] | one running Asterisk: its files, life and vitals |
//! | [`conf`] | the configuration files of main, branch and carrier, as a test finds them |
//! | [`carrier`] | the public network, at the branch's own line |
//! | [`dialplan`] | a branch that dials by itself, and what it has for that |
//! | [`headquarters`] | a main with the module, and clients of what it gives |
//! | [`hints`] | hints of an administrator's own |
//! | [`voicemail`] | the messages in a mailbox |
//! | [`phone`] | one baresip: registering, calling, and what it heard; phones of other makes, and hundreds at once |
//! | [`line`] | a phone without audio, which takes any password and any kind of encryption |
//! | [`registered`] | who is registered at an Asterisk |
//! | [`audio`] | tones, and whether a recording holds one |
//! | [`ami`] | a client of Asterisk's manager interface |
//! | [`crowd`] | a main with as many users as wanted |
//! | [`database`] | a main whose users are in a database |
//! | [`death`] | the ways in which a main goes, and its return |
//! | [`dns`] | a DNS question and its answer |
//! | [`name_server`] | the site's own name server, which forwards the phones' zone to the branch |
//! | [`pair`] | a site with two branch machines |
//! | [`listener`] | a port of the test process, on which something is played |
//! | [`broker`] | a broker over which sites share their states |
//! | [`files`] | a folder for what else a test writes |
//! | [`deploy`] | branch machines as they come, and Ansible, which makes branches of them |
//! | [`fleet`] | branches that are nothing but their metrics |
//! | [`alerting`] | Prometheus and Alertmanager, which watch them |
//! | [`loud`] | a client of a broker that says whatever it likes |
//! | [`false_broker`] | a broker of the test's own, which says whatever it likes |
//! | [`mqtt`] | what a site of the test's own says to a broker |
//! | [`sharing`] | systems that share their states, and nothing else |
//! | [`http`] | a client of Asterisk's HTTP server |
//! | [`monitor`] | a host that watches branches: Prometheus and a browser |
//! | [`users`] | users in the file, live, and as the main has them |
//! | [`certificates`] | an authority of the test's own |
//! | [`freepbx`] | FreePBX in the place of main or branch: its files, and who they say the users are |
//! | [`fake_main`] | a main of the test's own, which misbehaves at will |
//! | [`together`] | many things at once, and whether an Asterisk stands still of it |
//! | [`wait`] | waiting for a condition, with a bound |
//! | [`command`] | running external commands |
//! | [`headquarters`] | a main with the module, and clients of what it gives |
//! | [`harness`] | the same test on 22 and on 16 |

#![warn(unused_crate_dependencies)]

pub mod alerting;
pub mod ami;
pub mod asterisk;
pub mod audio;
pub mod between;
pub mod broker;
pub mod carrier;
pub mod certificates;
pub mod command;
pub mod conf;
pub mod crowd;
pub mod database;
pub mod death;
pub mod deploy;
pub mod dialplan;
pub mod dns;
pub mod error;
pub mod fake_main;
pub mod false_broker;
pub mod files;
pub mod fleet;
pub mod freepbx;
pub mod harness;
pub mod headquarters;
pub mod hints;
pub mod http;
pub mod line;
pub mod listener;
pub mod loud;
pub mod monitor;
pub mod mqtt;
pub mod name_server;
pub mod net;
pub mod overlay;
pub mod pair;
pub mod phone;
pub mod quarters;
pub mod registered;
pub mod rootfs;
pub mod sharing;
pub mod site;
pub mod together;
pub mod users;
pub mod version;
pub mod voicemail;
pub mod wait;

pub use alerting::Alerting;
pub use asterisk::Asterisk;
pub use broker::Broker;
pub use carrier::Carrier;
pub use deploy::Deploy;
pub use error::{Context, Error, Result};
pub use monitor::Monitor;
pub use name_server::NameServer;
pub use net::Net;
pub use overlay::Overlay;
pub use pair::Pair;
pub use phone::Phone;
pub use sharing::Sharing;
pub use site::Site;
pub use version::Version;
