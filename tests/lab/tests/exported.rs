//! A branch at a main that runs the module, too: an account that may do nothing else is enough, and changes come at once.

use std::time::Instant;

use lab::between::{Between, Change};
use lab::headquarters::{SITE, give_account, main_with_sites};
use lab::wait::{GENEROUS, until_ok, until_value};
use lab::{Error, Result, Site, Version};

lab::on_22_and_16!(
    an_account_of_class_log_is_enough_for_all_that_a_branch_does,
    a_change_and_a_phone_of_the_main_are_here_within_moments,
    a_main_that_stops_or_dies_is_left_at_once,
    a_main_that_is_starting_is_left_in_peace,
    a_module_that_comes_and_goes_on_the_main_touches_no_user,
    what_a_main_gets_wrong_takes_nobody_away,
    calls_are_counted_in_a_maintenance,
    what_people_have_set_comes_over_the_export,
);

/// A main that exports, and a branch with an account of class log there that does not say whose users are its own.
fn exporting(version: Version) -> Result<Site> {
    let site = main_with_sites(version, &[SITE])?;
    give_account(&site)?;
    Ok(site)
}

fn in_service(version: Version) -> Result<Site> {
    let mut site = exporting(version)?;
    site.start_main_first()?;
    site.wait_status("MainExport", "yes")?;
    site.wait_status("Sync", "Synced")?;
    Ok(site)
}

/// The users' file of the branch.
fn users(site: &Site, version: Version) -> Result<String> {
    site.branch.read_conf(match version {
        Version::V22 => "pjsip_synch.conf",
        Version::V16 => "sip_synch.conf",
    })
}

/// Its sections, whatever order they have: a main that is asked file by file says them in another one.
fn sections(site: &Site, version: Version) -> Result<Vec<String>> {
    let text = users(site, version)?;
    let mut sections: Vec<String> =
        text.split("\n\n").skip(1).map(|section| section.trim().to_owned()).collect();
    sections.sort_unstable();
    Ok(sections)
}

/// How many sessions the branch has on the main.
fn sessions(site: &Site, account: &str) -> Result<usize> {
    let connected = site.main.rx("manager show connected")?;
    Ok(connected.lines().filter(|line| line.split_whitespace().next() == Some(account)).count())
}

/// Gives user 1002 another name on the main, which reloads. Returns when it had.
fn rename(site: &Site, version: Version, from: &str, to: &str) -> Result<Instant> {
    let file = match version {
        Version::V22 => "pjsip.endpoint.conf",
        Version::V16 => "sip_additional.conf",
    };
    site.main.edit_conf(file, &format!("callerid={from} <1002>"), &format!("callerid={to} <1002>"))?;
    site.main.reload("core reload")?;
    Ok(Instant::now())
}

fn an_account_of_class_log_is_enough_for_all_that_a_branch_does(version: Version) -> Result {
    let site = in_service(version)?;
    for (key, wanted) in
        [("MainEvents", "heard"), ("MainLogin", "accepted"), ("Users", "3"), ("Monitor", "Stable")]
    {
        site.wait_status(key, wanted)?;
    }
    for problem in ["MailboxesReason", "DirectoryReason"] {
        site.wait_status(problem, "")?;
    }
    for (key, _) in [("Mailboxes", 0), ("Directory", 0)] {
        until_value(key, GENEROUS, || site.status(key), |value| value != "0")?;
    }
    assert_eq!(sessions(&site, SITE)?, 1, "{}", site.main.rx("manager show connected")?);
    let checks = site.branch.rx("synch doctor")?;
    let line = checks.lines().find(|line| line.contains(" export ")).unwrap_or_default();
    assert!(line.starts_with("ok") && line.contains("nothing else"), "{checks}");
    // As by the files, with an account that may read them.
    let exported = sections(&site, version)?;
    let other = Site::in_service(version)?;
    assert_eq!(exported, sections(&other, version)?);
    Ok(())
}

fn a_change_and_a_phone_of_the_main_are_here_within_moments(version: Version) -> Result {
    let site = in_service(version)?;
    let _alice = site.phone_at(&site.main, "1001")?;
    let known = || {
        let shown = site.branch.rx("synch show phones")?;
        let is_there = shown.lines().any(|line| line.contains("1001") && line.contains("sip:"));
        if is_there || site.status("PhonesKnown")? == "1" { Ok(()) } else { Err(Error::new(shown)) }
    };
    until_ok("the phone to be known", GENEROUS, known)?;
    // Quick enough to be no doing of the interval of 300 s.
    for (from, to) in [("Alex", "Bert"), ("Bert", "Carl")] {
        let reloaded = rename(&site, version, from, to)?;
        until_ok("the change", GENEROUS, || {
            if users(&site, version)?.contains(to) { Ok(()) } else { Err(Error::new("it is not there yet")) }
        })?;
        eprintln!("{version:?}: {to} after {:.2} s", reloaded.elapsed().as_secs_f32());
    }
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.status("Users")?, "3");
    assert_eq!(site.moves()?, 1, "{}", site.branch.rx("synch show history")?);
    Ok(())
}

fn a_main_that_stops_or_dies_is_left_at_once(version: Version) -> Result {
    let mut site = in_service(version)?;
    let text = users(&site, version)?;
    let mut console = site.main.console()?;
    console.type_line("core stop now")?;
    site.wait_status("Service", "Failover")?;
    site.main.wait_ended()?;
    site.wait_name(site.branch.address())?;
    site.main.start()?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("MainExport", "yes")?;
    site.kill_main()?;
    site.wait_status("Service", "Failover")?;
    site.main.start()?;
    site.wait_status("Service", "Normal")?;
    assert_eq!(users(&site, version)?, text);
    Ok(())
}

/// Each session costs a main some time at each of its events, and it has the most of these while it starts: a thousand
/// branches would make its start three times as long.
fn a_main_that_is_starting_is_left_in_peace(version: Version) -> Result {
    let mut site = in_service(version)?;
    site.kill_main()?;
    site.wait_status("Service", "Failover")?;
    // As it is before its modules are loaded, for as long as it takes to look.
    let modules = site.main.read_conf("modules.conf")?;
    site.main.write_conf("modules.conf", &modules.replace("load = res_synch.so", "noload = res_synch.so"))?;
    site.main.start()?;
    let probe = || site.status("ProbeAmi");
    until_value("the branch to leave it in peace", GENEROUS, probe, |text| text.contains("is starting"))?;
    until_value("no session", GENEROUS, || Ok(sessions(&site, SITE)?.to_string()), |count| count == "0")?;
    assert_eq!(site.status("MainExport")?, "yes");
    site.main.load_module()?;
    until_value("its session", GENEROUS, || Ok(sessions(&site, SITE)?.to_string()), |count| count == "1")?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("Sync", "Synced")?;
    let log = site.branch.module_log("WARNING").join("\n");
    assert!(!log.contains("export"), "{log}");
    Ok(())
}

fn what_people_have_set_comes_over_the_export(version: Version) -> Result {
    let mut site = exporting(version)?;
    site.main.edit_conf("res_synch.conf", "sites = manager\n", "sites = manager\nrefresh = 5\n")?;
    site.main.start()?;
    for set in ["CF 1001 1003", "CF 2001 1001", "DND 1021 YES", "DEVICE 1002/user 1021"] {
        site.main.rx(&format!("database put {set}"))?;
    }
    site.branch.start()?;
    site.wait_status("MainExport", "yes")?;
    site.wait_status("Sync", "Synced")?;
    let shown = |family: &str| site.branch.rx(&format!("database show {family}"));
    until_value("the forward", GENEROUS, || shown("CF"), |text| text.contains("1003"))?;
    until_value("the person at the device", GENEROUS, || shown("DND"), |text| text.contains("1021"))?;
    assert!(!shown("CF")?.contains("2001"), "{}", shown("CF")?);
    // Asterisk tells nobody of these: the main looks every few seconds.
    site.main.rx("database del CF 1001")?;
    site.main.rx("database put CFB 1001 1002")?;
    let begun = Instant::now();
    until_value("the other forward", GENEROUS, || shown("CFB"), |text| text.contains("1002"))?;
    until_value("the forward to go", GENEROUS, || shown("CF"), |text| !text.contains("1003"))?;
    eprintln!("{version:?}: a forward is at the branch after {:.2} s", begun.elapsed().as_secs_f32());
    let log = site.branch.module_log("WARNING").join("\n");
    assert!(!log.contains("Call forwards"), "{log}");
    let doctor = site.branch.rx("synch doctor")?;
    assert!(!doctor.contains("Call forwards") && !doctor.contains("device logins"), "{doctor}");
    Ok(())
}

fn a_module_that_comes_and_goes_on_the_main_touches_no_user(version: Version) -> Result {
    // This account can read the files as well, so that there is a way without the module.
    let mut site = main_with_sites(version, &[])?;
    site.branch.install_module()?;
    site.branch.load_module_at_start()?;
    let conf = site.main.read_conf("res_synch.conf")?;
    let conf = conf.replace("sites = manager", "sites = synch").replace("[site berlin]", "[site synch]");
    site.main.write_conf("res_synch.conf", &conf)?;
    site.main.edit_conf("manager.conf", "write = system", "write = system,log")?;
    site.main.start()?;
    site.main.unload_module()?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    site.wait_status("MainExport", "no")?;
    let before = sections(&site, version)?;
    for (export, change) in [("yes", true), ("no", false), ("yes", true)] {
        if change {
            site.main.load_module()?
        } else {
            site.main.unload_module()?
        }
        let syncs = site.status("Syncs")?;
        site.branch.rx("synch sync")?;
        site.wait_status("MainExport", export)?;
        until_value("another sync", GENEROUS, || site.status("Syncs"), |now| now != syncs)?;
        site.wait_status("Sync", "Synced")?;
        assert_eq!(sections(&site, version)?, before, "{export}");
    }
    assert_eq!(site.moves()?, 1, "{}", site.branch.rx("synch show history")?);
    Ok(())
}

/// A main of another version, and mains that are broken: what they say, and where the branch tells of it.
const WRONG: [(&str, Change, &str); 10] = [
    ("another protocol", |said| said.replace("Protocol: 1\n", "Protocol: 2\n"), "MainExport"),
    ("no nonce", |said| said.replace("Nonce: ", "Other: "), "MainExport"),
    ("a line less", |said| without_last(&said, "Line-"), "Sync"),
    ("no digest", |said| said.replace("AnswerDigest: ", "Other: "), "Sync"),
    ("names that are none", |said| said.replace("User: ", "User: \u{1}"), "Sync"),
    ("a name less", |said| without_last(&said, "User: "), "Sync"),
    (
        "names without end",
        |said| before(&said, "User: ", &"User: x 0123456789abcdef\n".repeat(250_000)),
        "Sync",
    ),
    (
        "a line without end",
        |said| before(&said, "Line-", &format!("Line-000000-000000: {}\n", "x".repeat(1 << 20))),
        "Sync",
    ),
    ("sections that never began", |said| said.replace("Category-", "Cat-"), "Sync"),
    ("groups that are none", |said| said.replace("Group: ", "Group: zz"), "DirectoryReason"),
];

fn before(said: &str, header: &str, more: &str) -> String {
    said.replacen(&format!("\n{header}"), &format!("\n{more}{header}"), 1)
}

fn without_last(said: &str, header: &str) -> String {
    let last = said.lines().rfind(|line| line.starts_with(header));
    last.map_or_else(|| said.to_owned(), |line| said.replacen(&format!("{line}\n"), "", 1))
}

fn what_a_main_gets_wrong_takes_nobody_away(version: Version) -> Result {
    let mut site = exporting(version)?;
    let between = Between::branch_and_main(&site)?;
    site.start_main_first()?;
    let well = |site: &Site, name: &str| {
        site.wait_status("MainExport", "yes")?;
        until_ok("the change", GENEROUS, || {
            let shown = || site.branch.rx("synch show history");
            if users(site, version)?.contains(name) { Ok(()) } else { Err(Error::new(shown()?)) }
        })?;
        site.wait_status("Sync", "Synced")?;
        site.wait_status("DirectoryReason", "")
    };
    let mut name = "Alex".to_owned();
    well(&site, &name)?;
    for (number, (what, change, key)) in WRONG.into_iter().enumerate() {
        let (text, right) = (users(&site, version)?, site.status(key)?);
        between.changes(change);
        let new = format!("Person {number}");
        rename(&site, version, &name, &new)?;
        let told = until_value(key, GENEROUS, || site.status(key), |value| value != right);
        told.map_err(|error| Error::new(format!("{what}: {error}")))?;
        // The users' file has the change where only another part is wrong.
        let same = |text: &str| text.replace(&name, &new);
        assert_eq!(same(&users(&site, version)?), same(&text), "{what}");
        assert_eq!(site.status("Users")?, "3", "{what}");
        between.changes(|said| said);
        name = new;
        well(&site, &name).map_err(|error| Error::new(format!("after {what}: {error}")))?;
    }
    // One that always has news is asked again and again, and no faster than it lets a branch ask.
    between.changes(|said| said.replace("Reason: time", "Reason: changed\nChanged: users"));
    for _ in 0..5 {
        site.sync()?;
        well(&site, &name)?;
    }
    assert!(site.branch.is_running(), "the branch's Asterisk has ended");
    assert_eq!(site.moves()?, 1, "{}", site.branch.rx("synch show history")?);
    Ok(())
}

fn calls_are_counted_in_a_maintenance(version: Version) -> Result {
    let site = in_service(version)?;
    let mut alice = site.phone_at(&site.main, "1001")?;
    let _alex = site.phone_at(&site.main, "1002")?;
    let mut bob = site.phone_at(&site.main, "2001")?;
    // One of another site's, and one between two of this one.
    bob.dial("700")?;
    bob.wait_in_call(GENEROUS)?;
    alice.dial("1002")?;
    alice.wait_in_call(GENEROUS)?;
    let said = site.branch.rx("synch maintenance start 10")?;
    assert!(said.starts_with("Mode is maintenance until "), "{said}");
    site.wait_status("MainCalls", "1")?;
    assert_eq!(site.status("Drain")?, "waiting");
    alice.hang_up()?;
    site.wait_status("MainCalls", "0")?;
    assert_eq!(site.status("Drain")?, "drained");
    assert!(site.main.channels()? >= 1, "the other site's call is not touched");
    Ok(())
}
