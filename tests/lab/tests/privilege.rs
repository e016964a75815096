//! No more rights than are needed: of the branch's Asterisk on its machine, and of its account at the main.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use lab::ami::Ami;
use lab::dns::a_record;
use lab::site::NAME;
use lab::wait::{GENEROUS, until, until_ok, until_value};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    the_user_asterisk_with_one_capability_does_all_of_it,
    an_account_that_is_permitted_from_the_branch_alone_serves_it_and_nobody_else,
    an_account_that_may_hear_a_few_events_hears_all_that_matters,
    an_account_with_class_config_syncs_and_is_told_what_it_lacks,
    the_class_reporting_reads_every_password_and_a_class_that_nobody_uses_none,
    any_account_ends_every_bridged_call,
);

fn the_user_asterisk_with_one_capability_does_all_of_it(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.branch.start_as("asterisk")?;
    site.start_main_first()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());
    let status = format!("/proc/{}/status", site.branch.pid()?);
    let status = fs::read_to_string(&status).context(status)?;
    let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    // CAP_NET_BIND_SERVICE is the tenth.
    assert_eq!(line("CapEff:"), Some("0000000000000400"), "{status}");

    let directory = site.branch.path("var/synch/directory.txt");
    until("the directory to be kept", GENEROUS, || directory.exists())?;
    let owner = fs::metadata(site.branch.path("etc")).context("the folder")?.uid();
    assert_ne!(owner, 0);
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.sync()?;
    site.branch.wait_live("1001", "Alicia")?;
    let kept = site.branch.path("var/synch");
    for (path, wanted) in [
        (site.synced_path(), 0o600),
        (site.branch.path("etc/voicemail_synch.conf"), 0o600),
        (site.versions_path().join("000001.conf"), 0o600),
        (kept.join("directory.txt"), 0o600),
        (site.versions_path(), 0o700),
        (kept, 0o700),
    ] {
        let found = fs::metadata(&path).context(path.display())?;
        let mode = found.permissions().mode() & 0o7777;
        assert_eq!((found.uid(), mode), (owner, wanted), "{}: {mode:o}", path.display());
    }
    // All but that, which is meant.
    let warnings = site.branch.module_log("WARNING");
    let warnings: Vec<&String> = warnings.iter().filter(|line| !line.contains("[main] tls = no")).collect();
    assert_eq!(warnings, [""; 0]);
    assert_eq!(site.branch.module_log("ERROR"), [""; 0]);
    Ok(())
}

const ACCOUNT: &str = "[synch]\nsecret = SomePasswordHere\nread = system\nwrite = system\n";

/// A site in service whose account at the main has these lines instead.
fn with_account(version: Version, lines: impl FnOnce(&Site) -> String) -> Result<Site> {
    let mut site = Site::with_dialplan(version)?;
    let account = format!("[synch]\nsecret = SomePasswordHere\n{}\n", lines(&site));
    site.main.edit_conf("manager.conf", ACCOUNT, &account)?;
    site.serve()?;
    Ok(site)
}

fn an_account_that_is_permitted_from_the_branch_alone_serves_it_and_nobody_else(version: Version) -> Result {
    let site = with_account(version, |site| {
        let branch = site.branch.address();
        format!("deny = 0.0.0.0/0.0.0.0\npermit = {branch}/255.255.255.255\nread = system\nwrite = system")
    })?;
    until_value("the events", GENEROUS, || site.status("MainEvents"), |events| events == "heard")?;
    let another = Ami::login(site.main.address(), "synch", "SomePasswordHere");
    let refused = another.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("Authentication failed"), "{refused}");
    Ok(())
}

/// The main tells a big company's calls to whoever may hear them.
fn an_account_that_may_hear_a_few_events_hears_all_that_matters(version: Version) -> Result {
    let site = with_account(version, |_| {
        let events = ["Reload", "Shutdown", "FullyBooted", "ContactStatus", "PeerStatus"];
        let filters = events.map(|name| format!("eventfilter = Event: {name}\n")).concat();
        format!("read = system\nwrite = system\n{filters}")
    })?;
    until_value("the events", GENEROUS, || site.status("MainEvents"), |events| events == "heard")?;
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.main.reload(&format!("module reload {}", version.sip_module()))?;
    site.branch.wait_live("1001", "Alicia")?;
    let _phone = site.phone_at(&site.main, "1001")?;
    let phones = || site.branch.rx("synch show phones");
    until_value("the phone", GENEROUS, phones, |shown| shown.contains("1 known from the main")).map(drop)
}

fn an_account_with_class_config_syncs_and_is_told_what_it_lacks(version: Version) -> Result {
    let site = with_account(version, |_| "read = system\nwrite = config".to_owned())?;
    assert_eq!(site.branch.live_users()?, ["1001", "1002", "1003"]);
    let phones = || site.branch.rx("synch show phones");
    until_value("the refusal", GENEROUS, phones, |shown| shown.contains("Permission denied"))?;
    let report = site.branch.rx("synch doctor")?;
    assert!(report.contains("the account on the main needs 'write = system'"), "{report}");
    Ok(())
}

const THIEF: &str = "StolenPassword";

/// A site of a main that has an account of these classes, and the modules that `autoload = yes` loads as well.
fn with_thief(version: Version, write: &str) -> Result<Site> {
    let mut site = Site::new(version)?;
    let conf = site.main.read_conf("manager.conf")?;
    let thief = format!("\n[thief]\nsecret = {THIEF}\nread =\nwrite = {write}\n");
    site.main.write_conf("manager.conf", &(conf + &thief))?;
    let modules = site.main.read_conf("modules.conf")?;
    site.main.write_conf("modules.conf", &(modules + "load = func_config.so\nload = func_sorcery.so\n"))?;
    site.main.start()?;
    Ok(site)
}

/// docs/security.md and SECURITY.md say so; `Getvar` needs no more than that class.
fn the_class_reporting_reads_every_password_and_a_class_that_nobody_uses_none(version: Version) -> Result {
    let of_a_phone = match version {
        Version::V22 => "AST_SORCERY(res_pjsip,auth,1001-auth,password)",
        Version::V16 => "AST_CONFIG(sip_additional.conf,1001,secret)",
    };
    let of_ami = "AST_CONFIG(manager.conf,synch,secret)";
    for (class, reads) in [("reporting", true), ("log", false), ("", false)] {
        let site = with_thief(version, class)?;
        let mut thief = Ami::login(site.main.address(), "thief", THIEF)?;
        for (variable, password) in [(of_ami, "SomePasswordHere"), (of_a_phone, "secret-1001")] {
            let answer = thief.action("Getvar", &[("Variable", variable)])?;
            assert_eq!(answer.get("Value") == Some(password), reads, "'{class}': {answer:?}");
            assert_eq!(answer.is_success(), reads, "'{class}': {answer:?}");
        }
        // The branch's own way to them, which takes system or config.
        let refused = thief.action("GetConfig", &[("Filename", "manager.conf")])?;
        assert!(!refused.is_success(), "'{class}': {refused:?}");
    }
    Ok(())
}

/// No class at all is asked for. What is left are `permit`, a firewall and TLS.
fn any_account_ends_every_bridged_call(version: Version) -> Result {
    let site = with_thief(version, "")?;
    let mut alice = site.phone_at(&site.main, "1001")?;
    let mut bob = site.phone_at(&site.main, "1002")?;
    alice.wait_registered(GENEROUS)?;
    bob.wait_registered(GENEROUS)?;
    alice.dial("1002")?;
    alice.wait_in_call(GENEROUS)?;
    let mut thief = Ami::login(site.main.address(), "thief", THIEF)?;
    let bridges = || -> Result<Vec<String>> {
        let mut thief = Ami::login(site.main.address(), "thief", THIEF)?;
        let list = thief.list("BridgeList", &[])?;
        Ok(list.iter().filter_map(|bridge| bridge.get("BridgeUniqueid")).map(str::to_owned).collect())
    };
    let found = until_ok("the bridge", GENEROUS, || match bridges()? {
        none if none.is_empty() => Err(Error::new("no bridge")),
        some => Ok(some),
    })?;
    for bridge in &found {
        let answer = thief.action("BridgeDestroy", &[("BridgeUniqueid", bridge)])?;
        assert!(answer.is_success(), "{answer:?}");
    }
    alice.wait_call_ended(GENEROUS)?;
    until_value("both to be gone", GENEROUS, || Ok(site.main.channels()?.to_string()), |left| left == "0")?;
    Ok(())
}
