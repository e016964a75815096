//! Checks the way of calls: the contexts of synch and of the administrator, emergency numbers and trunks.

use super::{Findings, Level, Reach, Report, TRUNK_IS_AWAY, TRUNK_IS_NOT_ASKED};
use crate::{
    operator::status::{InDialplan, Snapshot},
    settings::Dialplan,
    words::state::MonitorState,
};

impl Report {
    pub(super) fn dialplan(&mut self, findings: &Findings, snapshot: &Snapshot, dialplan: &Dialplan) {
        let level = if snapshot.dialplan == InDialplan::InForce { Level::Fine } else { Level::Broken };
        self.say(level, "dialplan", format!("context {}: {}", dialplan.context, snapshot.dialplan));
        for (name, module, _) in findings.parts.iter().filter(|(_, _, found)| !found) {
            let hint = match *name {
                "VoiceMail" => {
                    "; if it is loaded, another voicemail module has replaced it: write noload = \
                     app_voicemail_odbc.so and noload = app_voicemail_imap.so into [modules] of modules.conf, then \
                     restart Asterisk"
                }
                _ => "",
            };
            self.say(Level::Broken, "dialplan", format!("{name} is missing: load {module}{hint}"));
        }
        for (name, found) in &findings.outside {
            match found {
                true => self.say(Level::Fine, "outside", format!("context {name} exists")),
                false => {
                    let text = format!(
                        "context {name} does not exist: add it to extensions.conf, or remove it from [dialplan]"
                    );
                    self.say(Level::Broken, "outside", text);
                }
            }
        }
        self.classes(snapshot, dialplan);
        self.contexts_of_main(findings, snapshot);
        self.emergency(findings, snapshot, dialplan);
        for (key, trunk, found) in &findings.trunks {
            match found {
                Reach::There => self.say(Level::Fine, "trunk", format!("{key} {trunk} is available")),
                Reach::NotAsked => {
                    self.say(Level::Warning, "trunk", format!("{key} {trunk} {TRUNK_IS_NOT_ASKED}"));
                }
                Reach::Away if *key == "main_trunk" && snapshot.monitor.state == MonitorState::Failed => {
                    let text = format!("{key} {trunk} can't be reached, which is normal in an outage");
                    self.say(Level::Warning, "trunk", text);
                }
                Reach::Away => {
                    self.say(Level::Broken, "trunk", format!("{key} {trunk} {TRUNK_IS_AWAY}"));
                }
                Reach::Own => self.say(
                    Level::Fine,
                    "trunk",
                    format!("{key} {trunk} is a dial string of your own and is not checked"),
                ),
            }
        }
    }

    fn emergency(&mut self, findings: &Findings, snapshot: &Snapshot, dialplan: &Dialplan) {
        if dialplan.emergency.is_empty() {
            let text = "no emergency number is set, so nobody can call for help in an outage. Set [dialplan] \
                        emergency and local_trunk";
            self.say(Level::Warning, "emergency", text);
        }
        let lost =
            findings.trunks.iter().any(|(key, _, there)| *key == "local_trunk" && *there == Reach::Away);
        for (number, found) in &findings.emergency {
            let context = &dialplan.context;
            match found {
                true if snapshot.dialplan != InDialplan::InForce => {
                    let text = format!("calls to {number} may go elsewhere: {}", snapshot.dialplan);
                    self.say(Level::Broken, "emergency", text);
                }
                true if lost => {
                    let text = format!("{number} would go out over local_trunk, which can't be reached now");
                    self.say(Level::Broken, "emergency", text);
                }
                true => self.say(
                    Level::Fine,
                    "emergency",
                    match dialplan.goes_out_as(number) {
                        bare if bare == number => format!("{number} in {context} goes out over local_trunk"),
                        bare => format!("{number} in {context} goes out over local_trunk as {bare}"),
                    },
                ),
                false => self.say(
                    Level::Broken,
                    "emergency",
                    format!("context {context} has no extension for {number}"),
                ),
            }
        }
        if !dialplan.emergency.is_empty() && dialplan.caller_id.is_none() {
            let text = "emergency calls don't show the number of this site: set [dialplan] caller_id, so that help \
                        can call back";
            self.say(Level::Warning, "emergency", text);
        }
    }
}
