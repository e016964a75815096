//! The life of the module in an Asterisk: loaded, declined, unloaded, refused, and ended with it.

use std::process::ExitStatus;

use lab::dns::a_record;
use lab::site::NAME;
use lab::wait::{GENEROUS, until, until_ok};
use lab::{Asterisk, Error, Result, Site, Version};

lab::on_22_and_16!(
    a_bad_configuration_declines_with_every_error_until_it_is_corrected,
    a_module_built_for_another_version_is_declined_with_one_line,
    a_certified_asterisk_is_taken_and_one_that_says_no_version_with_a_warning,
    a_main_that_is_away_at_load_is_a_state,
    an_unload_does_not_wait_for_a_main_that_is_silent,
    a_firm_unload_ends_the_doctor_and_whoever_waits_for_him_is_told,
    an_unload_during_a_reload_of_ours_is_refused,
    core_stop_now_ends_asterisk_well,
    core_stop_gracefully_ends_asterisk_well,
    sigterm_ends_asterisk_well,
    core_restart_now_begins_anew,
);

/// Main and branch run, and the module is in place but not loaded.
fn ready(version: Version) -> Result<Site> {
    let mut site = Site::new(version)?;
    site.branch.install_module()?;
    site.start()?;
    Ok(site)
}

/// Main and branch run, and the users are synced.
fn synced(version: Version) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    Ok(site)
}

/// Nothing of the module is left in a running Asterisk.
fn assert_nothing_is_left(asterisk: &Asterisk) -> Result {
    asterisk.wait_module_threads(&[])?;
    assert_eq!(asterisk.listeners(53)?, "");
    assert!(asterisk.rx("core show help synch")?.contains("No such command"));
    assert!(!asterisk.rx("manager show commands")?.contains("Synch"));
    let shown = asterisk.rx("module show like res_synch")?;
    assert!(shown.contains("Not Running") || shown.contains("0 modules"), "{shown}");
    Ok(())
}

fn a_bad_configuration_declines_with_every_error_until_it_is_corrected(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let good = site.branch.read_conf("res_synch.conf")?;
    site.branch.write_conf(
        "res_synch.conf",
        "[main]\nusername = synch\nsecret = Hidden\nport = 0\n\
         [probe]\ninterval = often\ntimeout = 1\ntimeout = 2\n\
         [sync]\nfilter_value = (\ncolour = blue\n\
         [dns]\nbind = 300.1.1.1\ndomain = *.example.com\n\
         [sip]\nport = 5060\n",
    )?;
    site.main.start()?;
    site.branch.start()?;
    site.branch.wait_log("Asterisk Ready", GENEROUS)?;
    let errors = site.branch.module_log("ERROR");
    for wanted in [
        "[main] host: is missing",
        "[main] port = 0: wanted is",
        "[probe] interval = often: wanted is",
        "[probe] timeout: is given 2 times",
        "[sync] filter_value = (: wanted is",
        "[sync] colour: is no key of this section",
        "[dns] bind = 300.1.1.1: wanted is",
        "[dns] domain = *.example.com: wanted is",
        "[dns] target_normal: is missing",
        "[dns] target_failover: is missing",
        "[sip] -: unknown section",
    ] {
        let found = errors.iter().filter(|line| line.contains(&format!("res_synch.conf: {wanted}"))).count();
        assert_eq!(found, 1, "{wanted} in {errors:#?}");
    }
    assert_eq!(errors.len(), 11, "{errors:#?}");
    assert!(!site.branch.log().contains("Hidden"));
    assert_nothing_is_left(&site.branch)?;

    site.branch.write_conf("res_synch.conf", &good)?;
    site.branch.load_module()?;
    site.wait_status("Service", "Normal")
}

fn a_module_built_for_another_version_is_declined_with_one_line(version: Version) -> Result {
    let other = if version == Version::V22 { Version::V16 } else { Version::V22 };
    let mut site = Site::with_module(version)?;
    site.branch.install_module_of(other)?;
    site.branch.start()?;
    site.branch.wait_log("Asterisk Ready", GENEROUS)?;
    let [line] =
        site.branch.module_log("ERROR").try_into().map_err(|lines| Error::new(format!("{lines:#?}")))?;
    let wanted = format!("built for Asterisk {other}, but this is Asterisk {version}.");
    assert!(line.contains(&wanted) && line.contains("so it is not loaded"), "{line}");
    assert!(site.branch.load_module().is_err());
    assert_nothing_is_left(&site.branch)?;
    assert!(site.branch.ami()?.action("Ping", &[])?.is_success());

    // As the line says: the right one, and a restart.
    assert!(line.contains("restart Asterisk"), "{line}");
    site.branch.install_module()?;
    site.branch.stop()?;
    site.branch.start()?;
    site.status("Monitor").map(drop)
}

/// The octets with each `from` as `to`, filled up with NUL.
fn replaced(octets: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert!(to.len() <= from.len(), "{to} is longer than {from}");
    let mut new = to.as_bytes().to_vec();
    new.resize(from.len(), 0);
    let (mut rest, mut all, mut found) = (octets, Vec::new(), 0);
    while let Some((first, behind)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(from.as_bytes()) {
            all.extend_from_slice(&new);
            found += 1;
            rest = behind;
        } else {
            all.push(*first);
            rest = behind;
        }
    }
    assert_ne!(found, 0, "no {from}");
    all
}

/// The same Asterisk, but for what it calls itself: as certified ones and builds from git do, whose number is 0.
fn a_certified_asterisk_is_taken_and_one_that_says_no_version_with_a_warning(version: Version) -> Result {
    const WARNING: &str = "is loaded unchecked";
    let mut site = Site::new(version)?;
    site.branch.install_module()?;
    site.start()?;
    let shown = site.branch.rx("core show version")?;
    let own = shown.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut number = own.split(|letter: char| !letter.is_ascii_digit()).take(3);
    let mut next = || number.next().and_then(|number| number.parse::<u32>().ok()).unwrap_or_default();
    let number = format!("{}{:02}{:02}", next(), next(), next());
    let binary = site.branch.in_its_root("usr/sbin/asterisk");
    let octets = std::fs::read(&binary).map_err(|error| Error::new(format!("reading it: {error}")))?;
    for (name, warnings) in
        [(format!("certified-{version}.8-cert4"), 0), ("GIT-master-1a2b3c4".to_owned(), 1)]
    {
        site.branch.stop()?;
        let other = replaced(&octets, &own, &name);
        let other = replaced(&other, &format!("\0{number}\0"), "\x000");
        let path = site.branch.path("asterisk");
        std::fs::write(&path, other).map_err(|error| Error::new(format!("writing it: {error}")))?;
        lab::command::run(&mut lab::command::words(&["chmod", "755", &path.display().to_string()]))?;
        let script = format!("shift; exec {} \"$@\"", site.branch.inside("asterisk"));
        site.branch.run_under(&["sh", "-c", &script, "sh"].map(str::to_owned));
        site.branch.start()?;
        assert!(site.branch.rx("core show version")?.contains(&name));
        site.branch.load_module()?;
        site.wait_status("Service", "Normal")?;
        let told = site.branch.module_log("WARNING");
        assert_eq!(told.iter().filter(|line| line.contains(WARNING)).count(), warnings, "{told:#?}");
    }
    Ok(())
}

fn a_main_that_is_away_at_load_is_a_state(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    // Never Failed: then what is served is the default.
    site.branch.edit_conf("res_synch.conf", "failure_tolerance = 4", "failure_tolerance = 1000")?;
    site.branch.edit_conf("res_synch.conf", "[dns]\n", "[dns]\ndefault_state = normal\n")?;
    site.branch.start()?;
    site.wait_status("Monitor", "Unstable")?;
    site.wait_status("Sync", "Unsynced")?;
    let main = site.main.address().to_string();
    for reason in ["MonitorReason", "SyncReason"] {
        let text = site.status(reason)?;
        assert!(text.contains(&main) && text.contains("cannot connect"), "{reason}: {text}");
    }
    assert_eq!(site.status("Service")?, "Init");
    assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());

    site.branch.edit_conf("res_synch.conf", "default_state = normal", "default_state = failover")?;
    site.branch.reload_module()?;
    until_ok("the other default", GENEROUS, || match a_record(site.branch.address(), NAME)? {
        found if found == site.branch.address() => Ok(()),
        found => Err(Error::new(format!("{NAME} is {found}"))),
    })?;
    assert_eq!(site.status("Service")?, "Init");
    Ok(())
}

fn an_unload_does_not_wait_for_a_main_that_is_silent(version: Version) -> Result {
    let site = ready(version)?;
    // Far longer than the CLI waits for an answer: only an unload that interrupts the probe is in time.
    site.branch.edit_conf("res_synch.conf", "timeout = 1", "timeout = 600")?;
    // At first none can connect; then all are connected and hear nothing.
    for silence in [&(|| site.net.blackhole()) as &dyn Fn() -> Result, &|| site.main.sigstop()] {
        silence()?;
        site.branch.load_module()?;
        until("all that talk to the main to be at work", GENEROUS, || {
            let threads = site.branch.module_threads().unwrap_or_default();
            ["synch/session", "synch/sync"].iter().all(|name| threads.iter().any(|thread| thread == name))
        })?;
        // One session is for all: the sync waits for it.
        until_ok("somebody to talk to the main", GENEROUS, || {
            let talks = site.branch.host().command(&["ss", "-Hnt", "dport = :5038"]);
            match lab::command::run(&mut { talks })?.lines().count() {
                1.. => Ok(()),
                found => Err(Error::new(format!("{found} connections"))),
            }
        })?;
        site.branch.unload_module()?;
        assert_nothing_is_left(&site.branch)?;
        site.net.restore()?;
    }
    site.main.sigcont()
}

/// While its command runs, Asterisk counts the module as used and refuses a soft unload by itself.
fn a_firm_unload_ends_the_doctor_and_whoever_waits_for_him_is_told(version: Version) -> Result {
    let site = ready(version)?;
    site.branch.load_module()?;
    site.wait_status("Service", "Normal")?;
    site.net.blackhole()?;
    std::thread::scope(|scope| {
        let report = scope.spawn(|| site.branch.rx("synch doctor"));
        until("the doctor to be at work", GENEROUS, || {
            site.branch
                .module_threads()
                .is_ok_and(|threads| threads.iter().any(|thread| thread == "synch/doctor"))
        })?;
        let firm = site.branch.rx("module unload -f res_synch.so")?;
        assert!(firm.contains("Unloaded"), "{firm}");
        site.branch.wait_module_threads(&[])?;
        let report = report.join().map_err(|_| Error::new("the console panicked"))??;
        assert!(
            report
                .contains("The doctor has given no result: a newer request has replaced this one, or synch"),
            "{report}"
        );
        Ok(())
    })?;
    site.net.restore()?;
    // Asterisk has kept the command that ran.
    let answer = site.branch.rx("synch doctor")?;
    assert!(answer.contains("Command 'synch doctor' failed"), "{answer}");
    site.branch.load_module()?;
    site.wait_status("Service", "Normal")?;
    assert!(site.branch.rx("synch doctor")?.contains("main"));
    assert!(!site.branch.log().contains("already registered"));
    Ok(())
}

/// Asterisk reloads under the lock of its configuration folder when told so, and waits for it up to 25 s before it
/// locks its module list: a reload that is held up for as long as a test wants.
fn an_unload_during_a_reload_of_ours_is_refused(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("asterisk.conf", "[options]\n", "[options]\nlockconfdir = yes\n")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    let lock = site.branch.path("etc/.lock");
    std::fs::write(&lock, "").map_err(|error| Error::new(format!("locking: {error}")))?;
    site.branch.rx("synch rollback 1")?;
    until("our reload to wait for the lock", GENEROUS, || {
        site.branch.rx("module show like res_synch").is_ok_and(|shown| shown.contains(" 1          Running"))
    })?;

    let soft = site.branch.rx("module unload res_synch.so")?;
    assert!(soft.contains("Unable to unload"), "{soft}");
    let firm = site.branch.rx("module unload -f res_synch.so")?;
    assert!(firm.contains("Unable to unload"), "{firm}");
    site.branch.wait_log("res_synch.so cannot be unloaded while it applies a new file", GENEROUS)?;
    let modules = site.branch.rx("module show like res_synch")?;
    assert!(modules.contains("Running"), "{modules}");
    assert_eq!(site.status("Sync")?, "Synced", "the reload is still held up");

    std::fs::remove_file(&lock).map_err(|error| Error::new(format!("unlocking: {error}")))?;
    site.wait_status("HeldVersion", "1")?;
    site.branch.wait_log("Version 1 was put back", GENEROUS)?;
    site.branch.unload_module()?;
    assert_nothing_is_left(&site.branch)
}

fn assert_well(site: &Site, status: ExitStatus) {
    assert!(status.success(), "{status}");
    assert_eq!(site.branch.module_log("ERROR"), [""; 0]);
}

fn core_stop_now_ends_asterisk_well(version: Version) -> Result {
    let mut site = synced(version)?;
    site.branch.rx("core stop now")?;
    let status = site.branch.exit_status()?;
    assert_well(&site, status);
    Ok(())
}

fn core_stop_gracefully_ends_asterisk_well(version: Version) -> Result {
    let mut site = synced(version)?;
    site.branch.rx("core stop gracefully")?;
    let status = site.branch.exit_status()?;
    assert_well(&site, status);
    Ok(())
}

fn sigterm_ends_asterisk_well(version: Version) -> Result {
    let mut site = synced(version)?;
    site.branch.signal("TERM")?;
    let status = site.branch.exit_status()?;
    assert_well(&site, status);
    Ok(())
}

/// Asterisk runs itself anew in the same process, without an unload: nothing of ours may have been left open.
fn core_restart_now_begins_anew(version: Version) -> Result {
    let site = synced(version)?;
    site.branch.rx("core restart now")?;
    until("Asterisk to be ready again", GENEROUS, || {
        site.branch.log().matches("Asterisk Ready").count() == 2
    })?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());
    // One for UDP, one for TCP: those of the old program are gone.
    assert_eq!(site.branch.listeners(53)?.lines().count(), 2);
    Ok(())
}
