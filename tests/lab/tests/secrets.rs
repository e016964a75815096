//! Canary passwords: of the account at the main, of the drill, of users and of their mailboxes. They are where they have
//! to be, in files of the owner's alone, and nowhere else, whatever is asked and whatever goes wrong.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::ami::Ami;
use lab::certificates::Authority;
use lab::sharing::{SITES, state};
use lab::wait::{GENEROUS, until_ok, until_value};
use lab::{Asterisk, Context, Error, Result, Sharing, Site, Version};

lab::on_22_and_16!(
    no_password_is_told_by_anything_that_can_be_asked,
    no_password_is_told_where_something_goes_wrong,
    passwords_are_in_files_of_the_owner_alone,
);

lab::tests_on!(on_both, V22, no_password_of_a_broker_is_told_by_anything);

/// Of the account at the main, and of the one that the drill registers as.
const ACCOUNT: &str = "Canary-Account-1";
const DRILL: &str = "Canary-Drill-2";
/// Of users and of their mailboxes. The lab's own passwords all begin so.
const USER: &str = "secret-100";
const CHANGED: &str = "Canary-User-3";
const BOX: &str = "774411";

const ALL: [&str; 5] = [ACCOUNT, DRILL, USER, CHANGED, BOX];

/// A site in service with all the canaries, whose Asterisk logs all it can, from the load of the module on.
fn site(version: Version) -> Result<Site> {
    let mut site = Site::with_dialplan(version)?;
    for asterisk in [&site.main, &site.branch] {
        let file = if std::ptr::eq(asterisk, &site.main) { "manager.conf" } else { "res_synch.conf" };
        asterisk.edit_conf(file, "SomePasswordHere", ACCOUNT)?;
    }
    let drill = format!("[drill]\nusername = 1001\nsecret = {DRILL}\nnumber = 1002\n\n[probe]");
    site.branch.edit_conf("res_synch.conf", "[probe]", &drill)?;
    site.main.edit_conf("voicemail.conf", "1001 => 4711", &format!("1001 => {BOX}"))?;
    let all = "everything => notice,warning,error,verbose,debug,dtmf,security\n";
    let logger = site.branch.read_conf("logger.conf")?;
    site.branch.write_conf("logger.conf", &format!("{logger}{all}"))?;
    site.serve()?;
    // Not from its start on: then each command of the console would tell of itself, too.
    for command in ["core set debug 9", "core set verbose 9"] {
        site.branch.rx(command)?;
    }
    site.branch.unload_module()?;
    site.branch.load_module()?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("Sync", "Synced")?;
    Ok(site)
}

/// Everything that was told, to be searched.
#[derive(Default)]
struct Told(Vec<(String, String)>);

impl Told {
    fn hear(&mut self, whence: &str, text: impl Into<String>) {
        self.0.push((whence.to_owned(), text.into()));
    }

    /// The logs, and what any user of the machine can see of the process.
    fn hear_process(&mut self, system: &Asterisk) -> Result {
        for log in ["log/messages", "log/everything", "log/output"] {
            let path = system.path(log);
            let text = fs::read(&path).context(path.display())?;
            self.hear(log, String::from_utf8_lossy(&text));
        }
        for file in ["cmdline", "environ", "comm"] {
            let path = PathBuf::from(format!("/proc/{}/{file}", system.pid()?));
            let text = fs::read(&path).context(path.display())?;
            self.hear(file, String::from_utf8_lossy(&text));
        }
        self.hear("threads", system.thread_names()?.join("\n"));
        Ok(())
    }

    fn hear_events(&mut self, ami: &mut Ami) {
        while let Ok(event) = ami.event_where("anything", Duration::from_secs(1), |_| true) {
            self.hear("an event", format!("{event:?}"));
        }
    }

    /// Nobody has sung.
    fn assert_silent(&self) {
        self.assert_silent_of(&ALL);
    }

    fn assert_silent_of(&self, canaries: &[&str]) {
        for (whence, text) in &self.0 {
            for canary in canaries {
                let line = text.lines().find(|line| line.contains(canary));
                assert_eq!(line, None, "{canary} in {whence}");
            }
        }
    }
}

/// The commands of synch, as its help lists them, each with what it wants to know.
fn commands(system: &Asterisk) -> Result<Vec<String>> {
    let help = system.rx("core show help synch")?;
    let words = help.lines().filter_map(|line| line.split(" -- ").next()).map(str::trim);
    let complete = |words: &str| {
        let plain = words.split(['[', '{']).next().unwrap_or_default().trim_end();
        let argument = match plain {
            "synch show user" => " 1001",
            "synch show diff" => " 1 2",
            "synch rollback" => " 1",
            "synch set mode" => " auto",
            _ => "",
        };
        format!("{plain}{argument}")
    };
    Ok(words.filter(|words| words.starts_with("synch ")).map(complete).collect())
}

fn no_password_is_told_by_anything_that_can_be_asked(version: Version) -> Result {
    let site = site(version)?;
    let mut ami = site.branch.ami()?;
    let mut told = Told::default();
    // A changed password is a change like any other: the versions differ in it.
    site.main.edit_conf(password_file(version), "secret-1001", CHANGED)?;
    site.sync()?;
    site.wait_status("SyncVersion", "2")?;

    let commands = commands(&site.branch)?;
    assert!(commands.len() >= 16, "{commands:?}");
    for command in commands.iter().map(String::as_str).chain(["synch show status json"]) {
        told.hear(command, site.branch.rx(command)?);
    }
    let diff = site.branch.rx("synch show diff 1 2")?;
    assert!(diff.contains("1001") && diff.contains("password") || diff.contains("secret"), "{diff}");
    assert!(site.branch.rx("synch show config")?.contains("secret = ***"));

    let listed = site.branch.rx("manager show commands")?;
    let actions: Vec<&str> = listed.split_whitespace().filter(|word| word.starts_with("Synch")).collect();
    assert!(actions.len() >= 11, "{actions:?}");
    for action in actions {
        let answer = ami.action(action, &[("Version", "1"), ("Mode", "auto"), ("ActionID", action)])?;
        told.hear(action, format!("{answer:?}"));
    }
    site.branch.rx("synch sync")?;
    site.wait_status("Sync", "Synced")?;
    told.hear_events(&mut ami);
    assert!(told.0.iter().any(|(whence, text)| whence == "an event" && text.contains("Synch")));
    told.hear_process(&site.branch)?;
    assert!(told.0.iter().any(|(whence, text)| whence == "log/everything" && text.contains("DEBUG[")));
    told.assert_silent();
    Ok(())
}

fn password_file(version: Version) -> &'static str {
    match version {
        Version::V22 => "pjsip.auth.conf",
        Version::V16 => "sip_additional.conf",
    }
}

fn no_password_is_told_where_something_goes_wrong(version: Version) -> Result {
    let site = site(version)?;
    let mut ami = site.branch.ami()?;
    let mut told = Told::default();
    let reason = |site: &Site, why: &str| {
        until_value(why, GENEROUS, || site.status("MonitorReason"), |reason| reason.contains(why))
    };

    // The login is refused.
    site.main.edit_conf("manager.conf", ACCOUNT, "another")?;
    site.main.rx("manager reload")?;
    site.main.rx("core restart now")?;
    told.hear("a refused login", reason(&site, "login refused")?);
    site.sync()?;
    told.hear("a refused sync", site.wait_unsynced("login refused")?);
    told.hear("the doctor", site.branch.rx("synch doctor")?);

    // Who answers is no AMI, and does not get the password.
    site.branch.edit_conf("res_synch.conf", "[main]\n", "[main]\nport = 53\n")?;
    let host = format!("host = {}", site.main.address());
    site.branch.edit_conf("res_synch.conf", &host, &format!("host = {}", site.branch.address()))?;
    site.branch.reload_module()?;
    told.hear("another peer", reason(&site, "AMI")?);
    told.hear("the doctor, of another peer", site.branch.rx("synch doctor")?);

    // Lines that are wrong, with the password in them.
    let good = site.branch.read_conf("res_synch.conf")?;
    let line = format!("secret = {ACCOUNT}");
    for bad in [
        format!("{line}\n{line}"),
        format!("secrett = {ACCOUNT}"),
        format!("secret = {ACCOUNT}\u{7}"),
        format!("{line}\n[{ACCOUNT}"),
    ] {
        site.branch.write_conf("res_synch.conf", &good.replace(&line, &bad))?;
        told.hear("a bad line", site.branch.reload_answer()?);
    }
    assert!(!site.branch.module_log("ERROR").is_empty());
    told.hear_events(&mut ami);
    told.hear_process(&site.branch)?;
    told.assert_silent();
    Ok(())
}

/// Every file below `folder`, in order. Links are none.
fn files(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).context(folder.display())? {
        let entry = entry.context(folder.display())?;
        let kind = entry.file_type().context(folder.display())?;
        if kind.is_dir() {
            found.append(&mut files(&entry.path())?);
        } else if kind.is_file() {
            found.insert(entry.path());
        }
    }
    Ok(found)
}

/// Those of them that have one of the canaries in them.
fn holders(folder: &Path, canaries: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in files(folder)? {
        let octets = match fs::read(&path) {
            // The journal of Asterisk's database comes and goes.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            read => read.context(path.display())?,
        };
        let has = |canary: &&str| octets.windows(canary.len()).any(|part| part == canary.as_bytes());
        if canaries.iter().any(has) {
            found.push(path);
        }
    }
    Ok(found)
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path).context(path.display())?.permissions().mode() & 0o7777)
}

fn passwords_are_in_files_of_the_owner_alone(version: Version) -> Result {
    let site = site(version)?;
    site.main.edit_conf(password_file(version), "secret-1001", CHANGED)?;
    site.sync()?;
    site.wait_status("SyncVersion", "2")?;
    let home = site.branch.path("");
    let inside = |path: &Path| path.strip_prefix(&home).unwrap_or(path).display().to_string();

    let holding = holders(&home, &[USER, CHANGED, BOX])?;
    let synced = version.synced_file();
    let expected = [
        format!("etc/{synced}"),
        "etc/voicemail_synch.conf".to_owned(),
        format!("var/synch/{synced}/000001.conf"),
        format!("var/synch/{synced}/000002.conf"),
        "var/synch/voicemail_synch.conf/000001.conf".to_owned(),
    ];
    assert_eq!(holding.iter().map(|path| inside(path)).collect::<Vec<_>>(), expected);
    // What else is kept tells where phones and people are.
    let kept = site.branch.path("var/synch");
    let beside = files(&kept)?;
    assert!(beside.len() > 3, "{beside:?}");
    for path in holding.iter().chain(&beside) {
        assert_eq!(mode(path)?, 0o600, "{}", path.display());
    }
    for folder in [kept.clone(), kept.join(synced), kept.join("voicemail_synch.conf")] {
        assert_eq!(mode(&folder)?, 0o700, "{}", folder.display());
    }

    // The other two are in the administrator's own file, and in none of ours.
    let holding = holders(&home, &[ACCOUNT, DRILL])?;
    assert_eq!(holding.iter().map(|path| inside(path)).collect::<Vec<_>>(), ["etc/res_synch.conf"]);
    Ok(())
}

/// Berlin has the password of its account in a file of its own, bonn in its settings; both have a key for TLS. Then the
/// password is wrong, the key is, and lines are.
fn no_password_of_a_broker_is_told_by_anything(_: Version) -> Result {
    let mut sharing = Sharing::new(&[Version::V22, Version::V16], "")?;
    let authority = sharing.broker.take_tls()?;
    authority.sign("client", "DNS:client", 2)?;
    let mut canaries: Vec<String> = SITES.map(lab::broker::secret).to_vec();
    let [key, _] = authority.files("client");
    let text = fs::read_to_string(key).context("the key")?;
    canaries.extend(text.lines().filter(|line| !line.starts_with("--")).map(str::to_owned));
    assert!(canaries.len() >= 5, "{canaries:?}");
    for (system, site) in sharing.systems.iter().zip(SITES) {
        give_keys(&sharing, system, site, &authority)?;
    }
    sharing.start()?;
    let mut told = Told::default();
    for (system, site) in sharing.systems.iter().zip(SITES) {
        for command in ["core set debug 9", "core set verbose 9"] {
            system.rx(command)?;
        }
        let mut ami = system.ami()?;
        system.unload_module()?;
        system.load_module()?;
        system.wait_status("State", "Joined")?;
        if site == "berlin" {
            // Bonn is still there.
            told.hear("an event", format!("{:?}", ami.event("SynchSiteState", GENEROUS)?));
        }
        assert!(system.rx("synch show state")?.contains(":8883"));
        let commands = commands(system)?;
        let more = ["synch show status json", "synch show status full", "synch show state PJSIP/1001"];
        for command in commands.iter().map(String::as_str).chain(more) {
            told.hear(command, system.rx(command)?);
        }
        for action in ["SynchStatus", "SynchSites", "SynchDirectory", "SynchHistory"] {
            told.hear(action, format!("{:?}", ami.action(action, &[("ActionID", action)])?));
        }
        go_wrong(system, site, &mut told)?;
        told.hear_events(&mut ami);
        told.hear_process(system)?;
    }
    assert!(told.0.iter().any(|(whence, text)| whence == "log/everything" && text.contains("DEBUG[")));
    assert!(told.0.iter().any(|(whence, text)| whence == "an event" && text.contains("SynchSiteState")));
    let canaries: Vec<&str> = canaries.iter().map(String::as_str).collect();
    told.assert_silent_of(&canaries);
    Ok(())
}

/// Everything that a system of that name needs for TLS, the password in a file for berlin, and a log of all it can.
fn give_keys(sharing: &Sharing, system: &Asterisk, site: &str, authority: &Authority) -> Result {
    let [key, certificate] = authority.files("client");
    for (from, to) in [(authority.certificate(), "ca.crt"), (certificate, "client.crt"), (key, "client.key")]
    {
        let to = system.path("etc").join(to);
        fs::copy(&from, &to).context(to.display())?;
    }
    let secret = lab::broker::secret(site);
    let file = system.path("etc/broker-secret");
    fs::write(&file, format!("{secret}\n")).context(file.display())?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).context(file.display())?;
    let etc = system.inside("etc");
    let tls = format!(
        "tls = yes\ntls_ca_file = {etc}/ca.crt\ntls_cert_file = {etc}/client.crt\ntls_key_file = {etc}/client.key\n"
    );
    system.write_conf("res_synch.conf", &state(site, &sharing.broker, &tls))?;
    if site == "berlin" {
        let line = format!("secret = {secret}");
        system.edit_conf("res_synch.conf", &line, &format!("secret_file = {etc}/broker-secret"))?;
    }
    let logger = system.read_conf("logger.conf")?;
    let all = "everything => notice,warning,error,verbose,debug,dtmf,security\n";
    system.write_conf("logger.conf", &format!("{logger}{all}"))
}

/// A login that is refused, a key that is none, lines that are wrong and a file of two lines.
fn go_wrong(system: &Asterisk, site: &str, told: &mut Told) -> Result {
    let why = |wanted: &str| -> Result<String> {
        until_ok(&format!("the reason {wanted}"), GENEROUS, || {
            let reason = system.status("StateReason")?;
            if reason.contains(wanted) { Ok(reason) } else { Err(Error::new(reason)) }
        })
    };
    let secret = lab::broker::secret(site);
    let good = system.read_conf("res_synch.conf")?;
    system.write_conf("res_synch.conf", &format!("{good}username = bern\n"))?;
    system.reload_module()?;
    told.hear("a refused login", why("refuses the login")?);
    told.hear("the doctor", system.rx("synch doctor")?);
    let key = system.path("etc/client.key");
    let kept = fs::read(&key).context("the key")?;
    fs::write(&key, &secret).context("the key")?;
    system.write_conf("res_synch.conf", &format!("{good}keepalive = 16\n"))?;
    system.reload_module()?;
    told.hear("a key that is none", why("key")?);
    told.hear("the doctor, without a key", system.rx("synch doctor")?);
    fs::write(&key, kept).context("the key")?;
    for bad in [format!("secrett = {secret}"), format!("secret = {secret}\u{7}"), format!("[{secret}")] {
        system.write_conf("res_synch.conf", &format!("{good}{bad}\n"))?;
        told.hear("a bad line", system.reload_answer()?);
    }
    let file = system.path("etc/broker-secret");
    fs::write(&file, format!("{secret}\n{secret}\n")).context(file.display())?;
    system.write_conf("res_synch.conf", &format!("{good}keepalive = 17\n"))?;
    told.hear("a reload", system.reload_answer()?);
    told.hear("a file of two lines", system.rx("synch doctor")?);
    Ok(())
}
