//! `res_synch.conf` as values: what each section may say, its defaults and its limits. Pure.
//!
//! A section is a file: its struct, the rows of its keys, and the checks that look at several of them. A walk goes over
//! the rows: [`read`] to take the values out of the file, [`text`] to print those in force, [`keys`] to list them.
//!
//! - `main`, `probe`, `failover`, `sync`, `policy`, `dialplan`, `classes`, `voicemail`, `dns`, `drill`, `maintenance`,
//!   `http`, `state`, `export`: the sections; `policy` has those of options, too
//! - `transport`, `relay`: keys of `[dns]`
//! - `walk`: what a row may say, and who walks over the rows
//! - `value`, `expression`, `pattern`: one value, from its text

mod classes;
mod dialplan;
mod dns;
mod drill;
mod export;
mod expression;
mod failover;
mod http;
mod main;
mod maintenance;
mod pattern;
mod policy;
mod probe;
mod relay;
mod state;
mod sync;
mod transport;
mod value;
mod voicemail;
mod walk;

pub use classes::{Class, Classes, Door, Grants, PEOPLE};
pub use dialplan::{Contexts, Dialplan, Outside, Trunk};
pub use dns::{Dns, Soa};
pub use drill::{Account, Drill};
pub use export::{Export, LostForward, SiteSection, Sites, UserSource};
pub use expression::Expression;
pub use failover::{Failover, ReturnWhen, Window, clock};
pub use http::Http;
pub use main::{Certificate, Main, Password, Secret, Sip, Tls, Transport, is_here};
pub use maintenance::{LONGEST_HOLD, Maintenance};
pub use pattern::Pattern;
pub use policy::{Options, Policy, is_secret};
pub use probe::{Probe, Require};
pub use relay::{Allow, NoPrefix, Prefix, Relay};
pub use state::{Accept, Shared, State, Taken};
pub use sync::{Filter, FilterKey, NumberFrom, Sync, Technology};
pub use transport::{Offer, SipTransport};
pub use voicemail::Voicemail;
pub use walk::{Described, Limits};

use walk::{Describer, Keys, Reader, Shower, group, rows, section, section_if, switched};

use crate::words::conf::ConfSection;

/// Everything `res_synch.conf` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `[main]`; `None` where a system only shares its states.
    pub main: Option<Main>,
    /// `[probe]`
    pub probe: Probe,
    /// `[failover]`
    pub failover: Failover,
    /// `[sync]`; none where it says `enabled = no`.
    pub sync: Option<Sync>,
    /// `[policy]` and the sections of options.
    pub policy: Policy,
    /// `[dialplan]`; none where it says `enabled = no`.
    pub dialplan: Option<Dialplan>,
    /// `[voicemail]`; none where it says `enabled = no`.
    pub voicemail: Option<Voicemail>,
    /// `[dns]`; none where it says `enabled = no`.
    pub dns: Option<Dns>,
    /// `[drill]`
    pub drill: Drill,
    /// `[maintenance]`
    pub maintenance: Maintenance,
    /// `[http]`; none where it says `enabled = no`.
    pub http: Option<Http>,
    /// `[state]`; `None` where it names no broker.
    pub state: Option<State>,
    /// `[export]`, with the sections of its sites; `None` where it names no site.
    pub export: Option<Export>,
}

impl Settings {
    /// Every section, in the order of the file.
    fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        // Who only shares states, or is a main, has no main: nothing is on by itself then that needs one.
        let has_main = keys.has("main") || !(keys.has("state") || keys.has("export"));
        rows!(
            keys,
            in_force,
            Settings {
                main: section_if(has_main, "main", Main::rows),
                probe: section("probe", Probe::rows),
                failover: section("failover", Failover::rows),
                sync: switched(has_main, "sync", Sync::rows),
                policy: section("policy", Policy::rows),
                dialplan: group(|keys, in_force| Dialplan::sections(keys, in_force, has_main)),
                voicemail: switched(has_main, "voicemail", Voicemail::rows),
                dns: switched(has_main, "dns", Dns::rows),
                drill: section("drill", Drill::rows),
                maintenance: section("maintenance", Maintenance::rows),
                http: switched(false, "http", Http::rows),
                state: section("state", State::rows),
                export: group(Export::sections),
            },
            if matches!((&main, &state, &export), (Some(None), Some(None), Some(None))) {
                let (section, key, wanted) = if keys.has("export") {
                    (
                        "export",
                        "sites",
                        "is missing; wanted is manager or names of AMI accounts, or the section [main]",
                    )
                } else {
                    ("state", "host", "is missing; wanted is a broker, or the section [main]")
                };
                keys.begin(section);
                keys.error(&key, &wanted);
                keys.pass_over();
                keys.end();
            },
            need_a_main(
                keys,
                has_main,
                [("sync", is_on(&sync)), ("voicemail", is_on(&voicemail)), ("dns", is_on(&dns))]
            ),
        )
    }
}

fn is_on<T>(section: &Option<Option<T>>) -> bool {
    matches!(section, Some(Some(_)))
}

fn need_a_main(keys: &mut dyn Keys, has_main: bool, sections: [(&'static str, bool); 3]) {
    for (section, on) in sections {
        if on && !has_main {
            keys.begin(section);
            keys.error(&"enabled = yes", &"needs the section [main]");
            keys.pass_over();
            keys.end();
        }
    }
}

/// One thing that is wrong in `res_synch.conf`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[{section}] {key}: {problem}")]
pub struct SettingsError {
    /// Section it was found in.
    pub section: String,
    /// Key it is about, with its value where it has one; `-` where it is about the section.
    pub key: String,
    /// What is wrong and what is wanted.
    pub problem: String,
}

/// Reads the whole configuration.
///
/// # Errors
/// Every unknown section or key, every bad value and every missing key, in one list.
pub fn read(sections: &[ConfSection]) -> Result<Settings, Vec<SettingsError>> {
    let known = describe().sections;
    let is_known = |name: &str| known.contains(&name) || export::is_site_section(name);
    let unknown = sections.iter().filter(|section| !is_known(&section.name));
    let error = |section: &ConfSection| SettingsError {
        section: section.name.clone(),
        key: "-".to_owned(),
        problem: format!("unknown section; known are {}", known.join(", ")),
    };
    let mut reader = Reader::new(sections, unknown.map(error).collect());
    let settings = Settings::rows(&mut reader, None);
    settings.filter(|_| reader.errors.is_empty()).ok_or(reader.errors)
}

/// Returns the settings in force, in the form of `res_synch.conf` and without the passwords, for `synch show config`.
#[must_use]
pub fn text(settings: &Settings) -> String {
    let mut shower = Shower::default();
    Settings::rows(&mut shower, Some(settings));
    shower.text
}

/// Returns every key of `res_synch.conf`, with its default and limits. Of `[endpoint]`, `[aor]`, `[peer]` and `[classes]`,
/// the keys are the administrator's own.
#[must_use]
pub fn keys() -> Vec<Described> {
    describe().keys
}

fn describe() -> Describer {
    let mut describer = Describer::default();
    Settings::rows(&mut describer, None);
    describer
}

#[cfg(test)]
mod tests;
