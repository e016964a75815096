//! A main that is slow, mad or malicious: the branch notices, keeps what it has, stays small, and goes on with the main
//! when that is well again.

use std::thread;

use lab::fake_main::{FakeMain, Fault, Moment, Reply};
use lab::wait::{GENEROUS, until, until_value};
use lab::{Error, Result, Site, Version};

lab::on_22_and_16!(
    a_main_that_drips_is_dead_wherever_it_does,
    a_main_that_talks_nonsense_is_dead_until_it_talks_sense,
    a_file_that_does_not_come_well_changes_nothing,
    an_answer_without_end_costs_little_memory,
    events_longer_than_any_cost_little_memory,
    an_unload_does_not_wait_for_a_main_that_drips,
);

const USERS: [&str; 2] = ["3001", "3002"];

/// The main goes wrong there, and is dead for this reason; then it goes well, and serves again.
fn dead(site: &Site, main: &FakeMain, moment: Moment<'static>, fault: Fault, why: &str) -> Result {
    main.fails(moment, fault);
    // What goes wrong at the beginning of a connection needs a new one.
    main.hang_up();
    let says = |reason: &str| reason.contains(why);
    let state = || Ok(format!("{} {}", site.status("Monitor")?, site.status("MonitorReason")?));
    let state = until_value(&format!("{moment:?} {fault:?}: {why}"), GENEROUS, state, |state| {
        state.starts_with("Failed") && says(state)
    })?;
    assert!(!state.contains(char::is_control), "{state}");
    site.wait_name(site.branch.address())?;
    main.heals();
    site.wait_status("Monitor", "Stable")?;
    site.wait_status("Service", "Normal")
}

fn a_main_that_drips_is_dead_wherever_it_does(version: Version) -> Result {
    let (site, main) = FakeMain::with_users(version, &USERS)?;
    for (moment, why) in [
        (Moment::Banner, "timed out while waiting for the banner"),
        (Moment::Answer("Login"), "timed out while waiting for the answer to Login"),
        (Moment::Answer("Ping"), "timed out while waiting for the answer to Ping"),
    ] {
        dead(&site, &main, moment, Fault::Drips, why)?;
    }
    Ok(())
}

fn a_main_that_talks_nonsense_is_dead_until_it_talks_sense(version: Version) -> Result {
    let (site, main) = FakeMain::with_users(version, &USERS)?;
    for (moment, fault, why) in [
        (Moment::Banner, Fault::Noise, "that port does not speak AMI"),
        (Moment::Banner, Fault::EndlessLine, "an AMI message exceeds 65536 bytes"),
        (Moment::Answer("Login"), Fault::EndlessHeaders, "an AMI message exceeds 65536 bytes"),
        (Moment::Answer("Ping"), Fault::LongEvents, "an AMI message exceeds 65536 bytes"),
        (Moment::Answer("Ping"), Fault::OtherId, "timed out while waiting for the answer to Ping"),
        (Moment::Answer("Ping"), Fault::OtherAction, "Ping refused: Success"),
    ] {
        dead(&site, &main, moment, fault, why)?;
    }
    Ok(())
}

/// What a sync says of each, whatever else it does.
fn a_file_that_does_not_come_well_changes_nothing(version: Version) -> Result {
    let (site, main) = FakeMain::with_users(version, &USERS)?;
    let file = site.synced_file()?;
    main.answers(Reply::users(version, &["3001", "3002", "3003"]));
    for (fault, why) in [
        (Fault::EndlessLine, "an AMI message exceeds 67108864 bytes"),
        (Fault::OtherAction, "'Uptime' is not a header of GetConfig"),
    ] {
        main.fails(Moment::Answer("GetConfig"), fault);
        site.sync()?;
        let reason = site.wait_unsynced(why)?;
        assert!(!reason.contains(char::is_control) && reason.len() < 500, "{fault:?}: {reason}");
        assert_eq!(site.synced_file()?, file, "{fault:?}");
        assert_eq!(site.branch.live_users()?, USERS, "{fault:?}");
        main.heals();
        site.wait_status("Service", "Normal")?;
    }
    site.sync()?;
    site.wait_status("Users", "3")?;
    site.wait_status("Sync", "Synced")
}

/// Twice the longest answer (64 MiB), for it grows by doubling. More would be one answer beside the other.
const ROOM_KIB: u64 = 192 * 1024;

/// Asks for the file while the main goes wrong with it, and sees how much memory that has taken.
fn costs_little(version: Version, fault: Fault, wanted: &str) -> Result {
    let (site, main) = FakeMain::with_users(version, &USERS)?;
    site.branch.peak_kib()?;
    let before = site.branch.vitals()?.anonymous_kib;
    main.fails(Moment::Answer("GetConfig"), fault);
    let syncs = site.status("Syncs")?;
    site.sync()?;
    // A hundred megabytes through a window of 16 KB, on a machine that does other things besides.
    until_value("the sync to end", GENEROUS * 5, || site.status("Syncs"), |now| now != syncs)?;
    let reason = site.status("SyncReason")?;
    assert!(reason.contains(wanted), "{reason}");
    let peak = site.branch.peak_kib()?;
    eprintln!("Asterisk {version}, {fault:?}: {before} KiB before, {peak} KiB at most");
    assert!(peak < before + ROOM_KIB, "{fault:?}: {before} KiB before, {peak} KiB at most");
    Ok(())
}

fn an_answer_without_end_costs_little_memory(version: Version) -> Result {
    costs_little(version, Fault::EndlessHeaders, "an AMI message exceeds 67108864 bytes")
}

fn events_longer_than_any_cost_little_memory(version: Version) -> Result {
    costs_little(version, Fault::LongEvents, "the branch has the users")
}

fn an_unload_does_not_wait_for_a_main_that_drips(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "timeout = 1", "timeout = 600")?;
    let main = FakeMain::in_place_of_main(&site, Reply::users(version, &USERS))?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    site.wait_status("Service", "Normal")?;
    for action in ["Ping", "GetConfig", "PJSIPShowEndpoint", "SIPshowpeer"] {
        main.fails(Moment::Answer(action), Fault::Drips);
    }
    site.sync()?;
    main.wait_asked(2)?;
    thread::scope(|scope| {
        let doctor = scope.spawn(|| site.branch.rx("synch doctor"));
        let works = |threads: Vec<String>| threads.iter().any(|name| name == "synch/doctor");
        until("the doctor to be at work", GENEROUS, || site.branch.module_threads().is_ok_and(works))?;
        let answer = site.branch.rx("module unload -f res_synch.so")?;
        assert!(answer.contains("Unloaded"), "{answer}");
        site.branch.wait_module_threads(&[])?;
        doctor.join().map_err(|_| Error::new("the console panicked"))?.map(drop)
    })
}
