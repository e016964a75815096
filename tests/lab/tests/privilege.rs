//! No more rights than are needed: of the branch's Asterisk on its machine, and of its account at the main.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use lab::ami::Ami;
use lab::dns::a_record;
use lab::site::NAME;
use lab::wait::{GENEROUS, until_value};
use lab::{Context, Result, Site, Version};

lab::on_22_and_16!(
    the_user_asterisk_with_one_capability_does_all_of_it,
    an_account_that_is_permitted_from_the_branch_alone_serves_it_and_nobody_else,
    an_account_that_may_hear_a_few_events_hears_all_that_matters,
    an_account_with_class_config_syncs_and_is_told_what_it_lacks,
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
    site.main.rx(&format!("module reload {}", version.sip_module()))?;
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
    assert!(report.contains("The account on the main needs 'write = system'"), "{report}");
    Ok(())
}
