//! `synch doctor`: turns findings into one line for each check, with what to do. Pure; `engine::work::doctor` finds.

mod beside;
mod classes;
mod contexts;
mod dialplan;
mod evidence;
mod findings;
mod given;
mod http;
mod listening;
mod numbers;
mod phones;
mod serving;
mod sharing;
mod transports;
mod users;

pub use beside::{BESIDE, Beside};
pub use evidence::{DEFAULT_REALM, realm_key};
pub use findings::{Broker, BrokerThere, Findings, ForeignTopic, Include, Main, OwnTopic, Reach};
pub use http::HttpServer;
pub use listening::Listener;
pub use serving::BranchAccount;
pub use sharing::unspoken;
pub use transports::{told, unreachable, wrong_ports};

use std::{fmt, net::IpAddr};

use crate::{
    dns::Slip,
    operator::{
        status::{BranchStatus, ExportStatus, Snapshot, objects},
        table::{Cell, Column, Table},
    },
    settings::{self, Settings, Technology},
    site::mailboxes::Remarks,
    words::{
        state::{BranchState, SyncState},
        version::{BUILT_FOR, Version},
        wording::{counted, listed},
    },
};

/// Seconds by which the clocks of main and branch may differ.
const CLOCKS_APART: u64 = 30;

/// The file in which FreePBX keeps overrides of chan_sip's peers. `sip.conf` includes it; `sip_additional.conf`, which is read
/// by default, does not.
pub const OVERRIDES: &str = "sip_custom_post.conf";

/// Follows the name of a trunk that can't be reached, in the doctor and in a drill.
pub const TRUNK_IS_AWAY: &str =
    "can't be reached: check that an endpoint of that name exists and answers OPTIONS (qualify_frequency)";

/// Follows the name of a trunk that Asterisk has not checked yet.
pub const TRUNK_IS_NOT_ASKED: &str = "has not been checked by Asterisk yet: after a start this takes up to its \
     qualify_frequency; calls are tried meanwhile";

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Fine,
    /// It works, but something is missing.
    Warning,
    /// It doesn't work.
    Broken,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// How serious a finding is.
    pub level: Level,
    /// What it is about.
    pub subject: &'static str,
    /// What was found, and what to do.
    pub text: String,
}

impl Check {
    /// Makes the check that nothing could be checked.
    #[must_use]
    pub const fn unable(text: String) -> Self {
        Self { level: Level::Broken, subject: "doctor", text }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Fine => "ok",
            Level::Warning => "WARN",
            Level::Broken => "BAD",
        };
        write!(f, "{level:<5}{:<11} {}", self.subject, self.text)
    }
}

/// Returns every check. What others depend on comes first.
#[must_use]
pub fn report(findings: &Findings, snapshot: &Snapshot) -> Vec<Check> {
    let settings = &snapshot.settings;
    let mut checks = Report(Vec::new());
    checks.branch(snapshot);
    checks.version(findings);
    checks.main(findings, settings, &snapshot.export);
    if settings.main.is_some() {
        checks.sip(snapshot);
        checks.mode(snapshot);
        checks.users(findings, snapshot);
    }
    checks.users_one_by_one(snapshot);
    checks.numbers(snapshot);
    checks.phones(snapshot);
    checks.includes(findings, snapshot.technology());
    checks.realm(findings, snapshot.technology());
    if settings.main.is_some() {
        checks.dns(findings, snapshot);
    }
    checks.slips(&findings.slips);
    checks.given(findings);
    checks.http(findings, snapshot);
    checks.listening(&findings.listeners);
    checks.transports(findings, snapshot);
    if let Some(dialplan) = &settings.dialplan {
        checks.dialplan(findings, snapshot, dialplan);
    }
    if let (Some(export), Some(desk)) = (&settings.export, snapshot.live.desk()) {
        checks.serving(&findings.branches, desk, export);
    }
    if let (Some(state), Some(broker)) = (&settings.state, &findings.broker) {
        checks.broker(broker, state);
        checks.sharing(&snapshot.state, state);
        checks.unspoken(&findings.unspoken, &snapshot.state);
        checks.beside(&findings.beside);
    }
    checks.0
}

/// Returns the checks as text for the CLI.
#[must_use]
pub fn text(checks: &[Check]) -> String {
    let mut text: String = checks.iter().map(|check| format!("{check}\n")).collect();
    let (bad, warnings) = counts(checks);
    text.push_str(&match (bad, warnings) {
        (0, 0) => format!("{}, all fine\n", counted(checks.len(), "check")),
        _ => format!("{}: {bad} bad, {}\n", counted(checks.len(), "check"), counted(warnings, "warning")),
    });
    text
}

/// Returns how many are bad, and how many are warnings.
#[must_use]
pub fn counts(checks: &[Check]) -> (usize, usize) {
    let count = |level| checks.iter().filter(|check| check.level == level).count();
    (count(Level::Broken), count(Level::Warning))
}

const CHECK: [Column; 3] =
    [Column::new("Check", "Check", 11), Column::new("Result", "Result", 7), Column::new("Text", "Text", 0)];

/// Returns the checks as a list for programs.
#[must_use]
pub fn table(checks: &[Check]) -> Table {
    let row = |Check { level, subject, text }: &Check| {
        let result = match level {
            Level::Fine => "ok",
            Level::Warning => "warning",
            Level::Broken => "bad",
        };
        vec![Cell::from(*subject), Cell::from(result), Cell::from(&**text)]
    };
    let rows = checks.iter().map(row).collect();
    Table { event: "SynchDoctorCheck", complete: "SynchDoctorComplete", columns: &CHECK, rows }
}

/// Returns the same as JSON, in one line.
#[must_use]
pub fn json(checks: &[Check]) -> String {
    format!("{}\n", objects(table(checks).items()))
}

struct Report(Vec<Check>);

impl Report {
    fn say(&mut self, level: Level, subject: &'static str, text: impl Into<String>) {
        self.0.push(Check { level, subject, text: text.into() });
    }

    /// Comes first: if this Asterisk takes no calls, nothing else matters.
    fn branch(&mut self, snapshot: &Snapshot) {
        let BranchStatus { state, reason } = &snapshot.branch;
        match state {
            BranchState::Healthy => {
                self.say(Level::Fine, "branch", format!("this Asterisk takes calls: {reason}"))
            }
            BranchState::Init => self.say(Level::Warning, "branch", reason.clone()),
            BranchState::Unhealthy => {
                let text = format!("{reason}. See Asterisk's log; if nothing there helps, restart Asterisk");
                self.say(Level::Broken, "branch", text);
            }
        }
    }

    fn version(&mut self, findings: &Findings) {
        let (version, asterisk) = (env!("CARGO_PKG_VERSION"), &findings.asterisk);
        let built = Version::read(BUILT_FOR).map(|built| format!(", built for {built}")).unwrap_or_default();
        self.say(Level::Fine, "version", format!("res_synch {version} in Asterisk {asterisk}{built}"));
    }

    fn main(&mut self, findings: &Findings, settings: &Settings, export: &ExportStatus) {
        let Some(settings::Main { host, .. }) = &settings.main else { return };
        let Some(main) = &findings.main else {
            return self.say(Level::Broken, "main", findings.main_problem.clone());
        };
        self.say(
            Level::Fine,
            "main",
            format!("{host} answers in {} ms and accepts the login", main.answer_ms),
        );
        if main.single {
            let text = format!(
                "{host} allows this account only one session, so the probe and the sync share it; with \
                 'allowmultiplelogin = yes' in manager.conf on the main, each has its own"
            );
            self.say(Level::Fine, "session", text);
        }
        match main.clock {
            Some(apart) if apart.unsigned_abs() > CLOCKS_APART => {
                let text = format!(
                    "the clock of {host} is {apart} s ahead: set both clocks by NTP, or times in logs and mails are \
                     wrong"
                );
                self.say(Level::Warning, "clock", text);
            }
            Some(_) => self.say(Level::Fine, "clock", "the clocks of main and branch agree"),
            None => {}
        }
        self.export(host, main, export);
        if settings.sync.is_none() {
            return;
        }
        match main.events {
            _ if export.is_yes() => {
                self.say(Level::Fine, "events", "the main tells this branch at once what has changed");
            }
            true => self.say(Level::Fine, "events", "a reload of the main starts a sync, so changes arrive soon"),
            false => self.say(
                Level::Warning,
                "events",
                "the account can't read the main's events, so changes arrive with the next regular sync: set 'read = \
                 system' in manager.conf on the main",
            ),
        }
        self.files(main, export);
    }

    /// Says what of the main's files can be read.
    fn files(&mut self, main: &Main, export: &ExportStatus) {
        if main.left_alone {
            let text = "none was read on the main: a maintenance goes on, until 'synch maintenance stop'";
            return self.say(Level::Warning, "files", text);
        }
        if !main.databases.is_empty() && !export.is_yes() {
            let text = format!(
                "{} on the main says that users are in a database, which can't be read from here. With synch on the main, too, \
                 [export] source = sorcery gives them (docs/main.md); else write the users of this site into a file that \
                 [sync] files names",
                main.databases.join(" and ")
            );
            self.say(Level::Warning, "files", text);
        }
        if main.overrides > 0 {
            let text = format!(
                "{OVERRIDES} on the main has {}, and [sync] files does not name that file: 'files = sip.conf' takes \
                 everything that is in force there",
                counted(main.overrides, "override")
            );
            self.say(Level::Warning, "files", text);
        }
        for (file, problem) in &main.files {
            match problem {
                None => self.say(Level::Fine, "files", format!("{file} can be read on the main")),
                Some(problem) => self.say(Level::Broken, "files", problem.clone()),
            }
        }
    }

    /// Says whether the main exports, and what the account can do that it need not.
    fn export(&mut self, host: &str, main: &Main, export: &ExportStatus) {
        match export.exports {
            Some(true) if main.more.is_empty() => {
                let text = format!(
                    "{host} exports what this branch needs, and the account can do nothing else there"
                );
                self.say(Level::Fine, "export", text);
            }
            Some(true) => {
                let more = main.more.join(",");
                let text = format!(
                    "write = {more} is more than this main needs: it exports what this branch needs, so 'read =' and \
                     'write = log' are enough for the account in manager.conf on {host}"
                );
                self.say(Level::Warning, "export", text);
            }
            Some(false) => {
                let text = format!(
                    "{host} does not export, so its files are read, and the account needs 'write = system': {}",
                    export.reason
                );
                self.say(Level::Fine, "export", text);
            }
            None => {}
        }
    }

    fn users(&mut self, findings: &Findings, snapshot: &Snapshot) {
        let sync = &snapshot.sync;
        if snapshot.settings.sync.is_none() {
            return self.say(
                Level::Warning,
                "users",
                "[sync] enabled = no: this branch has no users of the main",
            );
        }
        let users = counted(sync.users.len(), "user");
        match (sync.state, sync.users.is_empty()) {
            (SyncState::Synced, false) => self.say(Level::Fine, "users", format!("{users}, {}", sync.reason)),
            (_, true) => self.say(Level::Broken, "users", format!("none: {}", sync.reason)),
            (_, false) => {
                self.say(Level::Warning, "users", format!("{users}, {}: {}", sync.state, sync.reason))
            }
        }
        if !sync.left_out.is_empty() {
            let left_out = counted(sync.left_out.len(), "user");
            self.say(
                Level::Warning,
                "users",
                format!("{left_out} of this site left out: 'synch show users' says why"),
            );
        }
        for (guarded, names) in &*sync.held_removals {
            let text = format!(
                "{} missing on the main and kept here: '{}' shows which; 'synch sync' then removes just those",
                guarded.counted(names.len()),
                guarded.shown_by()
            );
            self.say(Level::Warning, "held", text);
        }
        if !sync.call_settings_problem.is_empty() {
            let text = format!(
                "call forwards, do not disturb and device logins may differ from those on the main: {}",
                sync.call_settings_problem
            );
            self.say(Level::Warning, "users", text);
        }
        if !sync.boxes_problem.is_empty() {
            self.say(Level::Warning, "mailboxes", sync.boxes_problem.clone());
        }
        self.box_remarks(&sync.box_remarks);
        if findings.no_mailer {
            let text = "mailboxes have addresses, but voicemail can't send mail: install the program that 'mailcmd' \
                        in voicemail.conf names, by default /usr/sbin/sendmail";
            self.say(Level::Warning, "mailboxes", text);
        }
        if let Some(name) = &findings.dead_box {
            let text =
                format!("{name} is in the file, but voicemail has not loaded it: 'synch sync' reloads it");
            self.say(Level::Broken, "mailboxes", text);
        }
    }

    fn box_remarks(&mut self, remarks: &Remarks) {
        if let Some((first, why)) = remarks.lost.first_key_value() {
            let count = counted(remarks.lost.len(), "mailbox");
            let why = why.join("; ");
            let text = format!(
                "{count} not taken completely, the first is {first}: {why}. 'synch show user' shows each"
            );
            self.say(Level::Warning, "mailboxes", text);
        }
        if let Some((number, several)) = remarks.unclear.first_key_value() {
            let text = format!(
                "{} without a mailbox, the first is {number}: its mailbox could be {}. Name the right one with \
                 'mailboxes' on the main",
                counted(remarks.unclear.len(), "number"),
                several.join(" or ")
            );
            self.say(Level::Warning, "mailboxes", text);
        }
        if remarks.pins_elsewhere {
            let text = "the main keeps the PINs that users have chosen in its spool (passwordlocation = spooldir), \
                        and synch can't read them there: here the PINs in voicemail.conf apply";
            self.say(Level::Warning, "mailboxes", text);
        }
    }

    fn includes(&mut self, findings: &Findings, technology: Technology) {
        for Include { conf, output, written, included } in &findings.includes {
            match (written, included) {
                (_, true) => self.say(Level::Fine, "include", format!("{conf} includes {output}")),
                (true, false) => {
                    // A page of FreePBX's writes most of these files anew.
                    let custom = match *conf {
                        "pjsip.conf" => " (FreePBX: to pjsip_custom_post.conf)",
                        "sip.conf" => " (FreePBX: to sip_custom_post.conf)",
                        _ => "",
                    };
                    let text = format!(
                        "{conf} does not include {output}: add the line '#tryinclude {output}' to it{custom}"
                    );
                    self.say(Level::Broken, "include", text);
                }
                // What isn't there can't be seen to be included.
                (false, false) => {
                    let text =
                        format!("{output} is not written yet; {conf} needs the line '#tryinclude {output}'");
                    self.say(Level::Warning, "include", text);
                }
            }
        }
        if findings.places.is_empty() && findings.realm.is_some() && technology == Technology::Pjsip {
            let text =
                "pjsip.conf has no section with type = transport, so no phone can reach this branch: add one";
            self.say(Level::Broken, "transport", text);
        }
    }

    fn dns(&mut self, findings: &Findings, snapshot: &Snapshot) {
        let Some(dns) = &snapshot.settings.dns else {
            let text = "[dns] enabled = no: something else has to move the phones";
            return self.say(Level::Warning, "dns", text);
        };
        let name = dns.record.to_string();
        let name = name.trim_end_matches('.');
        let wanted = snapshot.target_addresses();
        match &findings.dns {
            Some(Ok(found)) if same(found, wanted) => {
                self.say(Level::Fine, "dns", format!("{name} resolves to {}, as it should now", listed(found)));
            }
            Some(Ok(found)) => self.say(
                Level::Broken,
                "dns",
                format!(
                    "{name} resolves to {}, not {}: another DNS server answers at the address that [dns] bind names",
                    listed(found),
                    listed(wanted)
                ),
            ),
            Some(Err(problem)) => self.say(
                Level::Broken,
                "dns",
                format!("{name}: {problem}. {}; see docs/install.md, Port 53", snapshot.dns.state),
            ),
            None => {}
        }
    }

    fn slips(&mut self, slips: &[Slip]) {
        for Slip { fails, text } in slips {
            let level = if *fails { Level::Broken } else { Level::Warning };
            self.say(level, "dns", format!("[dns] {text}"));
        }
    }
}

/// Returns whether the addresses found are those wanted, in any order.
fn same(found: &[IpAddr], wanted: &[IpAddr]) -> bool {
    found.len() == wanted.len() && found.iter().all(|address| wanted.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{settings, words::conf::ConfSection};

    #[test]
    fn an_asterisk_that_takes_no_calls_is_the_first_line() {
        for (state, level) in [
            (BranchState::Init, Level::Warning),
            (BranchState::Healthy, Level::Fine),
            (BranchState::Unhealthy, Level::Broken),
        ] {
            let mut snapshot = crate::operator::status::tests::snapshot();
            snapshot.branch = BranchStatus { state, reason: "its SIP: the port is closed".to_owned() };
            let checks = report(&Findings::default(), &snapshot);
            let first = checks.first().unwrap();
            assert_eq!((first.subject, first.level), ("branch", level));
            assert!(first.text.contains("its SIP: the port is closed"), "{}", first.text);
        }
    }

    #[test]
    fn programs_get_a_word_for_each_level() {
        let check = |level, text: &str| Check { level, subject: "dns", text: text.to_owned() };
        let checks = [
            check(Level::Fine, "it \"answers\""),
            check(Level::Warning, "a\u{202e}\n"),
            check(Level::Broken, ""),
        ];
        assert_eq!(
            json(&checks),
            "[{\"Check\":\"dns\",\"Result\":\"ok\",\"Text\":\"it \\\"answers\\\"\"},\
             {\"Check\":\"dns\",\"Result\":\"warning\",\"Text\":\"a\\\\u{202e}\\\\n\"},\
             {\"Check\":\"dns\",\"Result\":\"bad\",\"Text\":\"\"}]\n"
        );
        assert_eq!(counts(&checks), (1, 1));
        assert_eq!(json(&[]), "[]\n");
    }

    #[test]
    fn who_only_shares_states_is_not_told_what_a_branch_lacks() {
        let mut snapshot = crate::operator::status::tests::snapshot();
        snapshot.settings =
            settings::read(&[ConfSection::new("state", [("host", "10.0.0.5")])]).unwrap().into();
        let broker = Broker { away: vec![("10.0.0.5".to_owned(), "no".to_owned())], ..Broker::default() };
        let findings = Findings { broker: Some(broker), beside: vec!["res_xmpp.so"], ..Findings::default() };
        let subjects: Vec<_> = report(&findings, &snapshot).iter().map(|check| check.subject).collect();
        assert_eq!(subjects, ["branch", "version", "broker", "site", "modules"]);
    }

    #[test]
    fn what_an_account_can_do_that_it_need_not_is_told_where_the_main_exports() {
        let settings = crate::operator::status::tests::snapshot().settings;
        let said = |export: ExportStatus, more: &[&'static str]| {
            let main = Main { more: more.to_vec(), ..Main::default() };
            let mut report = Report(Vec::new());
            report.main(&Findings { main: Some(main), ..Findings::default() }, &settings, &export);
            report
                .0
                .into_iter()
                .find(|check| check.subject == "export")
                .map(|check| (check.level, check.text))
        };
        let (level, text) = said(ExportStatus::yes(), &[]).unwrap();
        assert!(level == Level::Fine && text.contains("nothing else"), "{text}");
        let (level, text) = said(ExportStatus::yes(), &["system"]).unwrap();
        assert_eq!(level, Level::Warning);
        assert!(text.contains("write = system is more than this main needs"), "{text}");
        let (level, text) = said(ExportStatus::no("no module".to_owned()), &[]).unwrap();
        assert!(level == Level::Fine && text.ends_with(": no module"), "{text}");
        assert_eq!(said(ExportStatus::default(), &[]), None);
    }

    #[test]
    fn a_clock_may_be_apart_for_so_long_and_no_time_of_the_main_is_too_odd() {
        let main = [("host", "10.0.0.254"), ("username", "synch"), ("secret", "x")];
        let off = |name| ConfSection::new(name, [("enabled", "no")]);
        let settings = settings::read(&[ConfSection::new("main", main), off("sync"), off("dns")]).unwrap();
        for (apart, level) in [
            (i64::MIN, Level::Warning),
            (-31, Level::Warning),
            (-30, Level::Fine),
            (30, Level::Fine),
            (31, Level::Warning),
            (i64::MAX, Level::Warning),
        ] {
            let main = Main { clock: Some(apart), ..Main::default() };
            let mut report = Report(Vec::new());
            report.main(
                &Findings { main: Some(main), ..Findings::default() },
                &settings,
                &ExportStatus::default(),
            );
            let found = report.0.iter().find(|check| check.subject == "clock").map(|check| check.level);
            assert_eq!(found, Some(level), "{apart}");
        }
    }
}
