//! Checks whether the main answers over SIP, whether the mode lets phones move, and whether both systems ask for passwords
//! with the same realm.

use super::{Findings, Level, Report};
use crate::{
    operator::status::Snapshot,
    settings::Technology,
    verdict::probe::{ANSWERS, NOT_YET, THIS_MACHINE},
    words::state::{Mode, MonitorState},
};

/// The realm of a system whose file sets none (`DEFAULT_REALM` of chan_sip, `default_realm` of res_pjsip).
pub const DEFAULT_REALM: &str = "asterisk";

/// Returns where a system sets its realm: file, section and key.
#[must_use]
pub const fn realm_key(technology: Technology) -> (&'static str, &'static str, &'static str) {
    match technology {
        Technology::Pjsip => ("pjsip.conf", "global", "default_realm"),
        Technology::Sip => ("sip.conf", "general", "realm"),
    }
}

impl Report {
    pub(super) fn sip(&mut self, snapshot: &Snapshot) {
        let standing = &snapshot.monitor.sip;
        if !snapshot.settings.probe.sip {
            let text = "[probe] sip = no: if only the SIP of the main fails, the phones stay at the main";
            self.say(Level::Warning, "sip", text);
        } else if standing == ANSWERS {
            self.say(
                Level::Fine,
                "sip",
                format!("the main answers over SIP ({})", snapshot.monitor.sip_question),
            );
        } else if standing.contains(THIS_MACHINE) {
            let text = format!("the main's SIP: {standing}. Until then only AMI decides");
            self.say(Level::Warning, "sip", text);
        } else if snapshot.monitor.state == MonitorState::Failed {
            self.say(
                Level::Warning,
                "sip",
                format!("the main's SIP: {standing}, which is normal in an outage"),
            );
        } else if !standing.ends_with(NOT_YET) {
            let text = format!(
                "the main's SIP: {standing}. Check that phones register at this address; if not, correct [main] sip"
            );
            self.say(Level::Broken, "sip", text);
        } else {
            let text = format!(
                "the main's SIP: {standing}. Until then only AMI decides: set [main] sip to where phones register"
            );
            self.say(Level::Warning, "sip", text);
        }
    }

    pub(super) fn mode(&mut self, snapshot: &Snapshot) {
        let (mode, failed) = (snapshot.service.mode, snapshot.monitor.state == MonitorState::Failed);
        let level = match (mode, failed) {
            (Mode::Auto, _) => return,
            (Mode::Normal, true) => Level::Broken,
            (Mode::Normal | Mode::Failover | Mode::Maintenance, _) => Level::Warning,
        };
        let by = mode.ended_by();
        let text = format!(
            "mode is held at {mode}: the phones do not move, whatever the main does. '{by}' ends that"
        );
        self.say(level, "mode", text);
    }

    pub(super) fn realm(&mut self, findings: &Findings, technology: Technology) {
        let main = findings.main.as_ref().and_then(|main| main.realm.as_ref());
        let (Some(main), Some(branch)) = (main, &findings.realm) else { return };
        let (file, section, key) = realm_key(technology);
        if main == branch {
            self.say(
                Level::Fine,
                "realm",
                format!("main and branch both ask for passwords with the realm {main}"),
            );
        } else {
            let text = format!(
                "the main asks for passwords with the realm {main}, this branch with {branch}: some phones \
                 (linphone) and all users with a hashed password can't register here. Set {key} = {main} in \
                 [{section}] of {file}"
            );
            self.say(Level::Warning, "realm", text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        operator::{doctor::Main, status::tests::snapshot},
        settings,
        words::conf::ConfSection,
    };

    fn sip(probe: &str, state: MonitorState, standing: &str) -> (Level, String) {
        let main = [("host", "10.0.0.254"), ("username", "synch"), ("secret", "x")];
        let off = |name| ConfSection::new(name, [("enabled", "no")]);
        let (main, probe) = (ConfSection::new("main", main), ConfSection::new("probe", [("sip", probe)]));
        let sections = [main, probe, off("sync"), off("dns")];
        let mut snapshot = snapshot();
        snapshot.settings = settings::read(&sections).unwrap().into();
        snapshot.monitor.state = state;
        snapshot.monitor.sip = standing.to_owned();
        let mut report = Report(Vec::new());
        report.sip(&snapshot);
        assert_eq!(report.0.len(), 1);
        report.0.pop().map(|check| (check.level, check.text)).unwrap()
    }

    #[test]
    fn a_main_that_is_silent_over_sip_is_worst_where_that_counts() {
        let silent = "silent for 3 probes: no answer";
        assert_eq!(sip("yes", MonitorState::Stable, ANSWERS).0, Level::Fine);
        let (level, text) = sip("yes", MonitorState::Unstable, silent);
        assert!(level == Level::Broken && text.contains(silent), "{text}");
        let (level, text) = sip("yes", MonitorState::Stable, &format!("{silent}; {NOT_YET}"));
        assert!(level == Level::Warning && text.contains("set [main] sip"), "{text}");
        let (level, text) = sip("yes", MonitorState::Failed, &format!("not asked: 127.0.0.1 {THIS_MACHINE}"));
        assert!(level == Level::Warning && text.contains("set [main] sip to the main's own"), "{text}");
        let (level, text) = sip("yes", MonitorState::Failed, silent);
        assert!(level == Level::Warning && text.contains("in an outage"), "{text}");
        let (level, text) = sip("no", MonitorState::Stable, "off");
        assert!(level == Level::Warning && text.contains("[probe] sip = no"), "{text}");
    }

    #[test]
    fn a_mode_that_is_held_is_told_and_bad_while_it_keeps_phones_at_a_dead_main() {
        let said = |mode, state| {
            let mut snapshot = snapshot();
            (snapshot.service.mode, snapshot.monitor.state) = (mode, state);
            let mut report = Report(Vec::new());
            report.mode(&snapshot);
            report.0.pop().map(|check| check.level)
        };
        assert_eq!(said(Mode::Auto, MonitorState::Failed), None);
        assert_eq!(said(Mode::Normal, MonitorState::Stable), Some(Level::Warning));
        assert_eq!(said(Mode::Normal, MonitorState::Failed), Some(Level::Broken));
        assert_eq!(said(Mode::Failover, MonitorState::Failed), Some(Level::Warning));
    }

    #[test]
    fn two_realms_are_a_warning_with_the_line_to_write() {
        let said = |main: &str, branch: &str, technology| {
            let mut report = Report(Vec::new());
            let main = Main { realm: Some(main.to_owned()), ..Main::default() };
            let realm = Some(branch.to_owned());
            report.realm(&Findings { main: Some(main), realm, ..Findings::default() }, technology);
            report.0.pop().unwrap()
        };
        assert_eq!(said("pbx", "pbx", Technology::Sip).level, Level::Fine);
        let check = said("pbx", DEFAULT_REALM, Technology::Sip);
        assert_eq!(check.level, Level::Warning);
        assert!(check.text.contains("Set realm = pbx in [general] of sip.conf"), "{}", check.text);
        let check = said("pbx", DEFAULT_REALM, Technology::Pjsip);
        assert!(check.text.contains("Set default_realm = pbx in [global] of pjsip.conf"), "{}", check.text);
    }
}
