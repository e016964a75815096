//! Thousands of hints of the branch's own, and reloads of the dialplan beside all that synch does: a reload takes the locks
//! of hints and of contexts in an order of its own, and whoever takes them in the other one stops the whole Asterisk.
//!
//! `SYNCH_HANG_SECONDS` is how long each of the loops runs; without it, a time that fits into every run of the tests.

use std::time::Duration;

use lab::together::Together;
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    reloads_of_the_dialplan_stand_beside_moves_syncs_and_reloads_of_ours,
    reloads_of_everything_after_a_change_of_ours_end,
    lamps_of_new_users_stand_beside_reloads,
    lamps_of_new_users_stand_beside_parking_places,
    ten_boots_with_every_module_end,
    without_the_module_the_same_reloads_end,
    without_the_module_boots_and_reloads_of_everything_end,
);

/// What an office of some hundred phones has, with its lamps for parking places, night switches and doors.
const HINTS: usize = 1_500;
/// What a big one has.
const MANY_HINTS: usize = 5_000;
/// Hung at the first or second reload, where it hung at all.
const SECONDS: u64 = 30;
const RELOADS_OF_EVERYTHING: usize = 3;
const BOOTS: usize = 10;
const BOOTS_WITHOUT: usize = 2;
/// As Debian and FreePBX have it.
const EVERY_MODULE: &str = "[modules]\nautoload = yes\n";

/// What hangs has no answer by then, and what is slow has: Asterisk's own work for hints grows with the square of their
/// number, and one reload of [`MANY_HINTS`] takes seven seconds of a processor. Asterisk's client gives up by itself after
/// 60 s, and says nothing then.
const PATIENCE: Duration = Duration::from_secs(90);
/// The first is in the lab's own file.
const CALLER_IDS: [&str; 2] = ["+49301234567", "+49307654321"];
const SECOND: Duration = Duration::from_secs(1);
/// Users who are new at once.
const HIRED: usize = 20;
/// As a person does it who changes users, or settings.
const SOMETIMES: Duration = Duration::from_secs(4);

/// How long a loop runs.
fn time() -> Result<Duration> {
    match std::env::var("SYNCH_HANG_SECONDS") {
        Ok(seconds) => seconds.parse().map(Duration::from_secs).context(format!("'{seconds}' seconds")),
        Err(_) => Ok(Duration::from_secs(SECONDS)),
    }
}

/// One of two, in turn.
fn turn(before: usize, [even, odd]: [&str; 2]) -> &str {
    if before.is_multiple_of(2) { even } else { odd }
}

/// Has it done, whatever it says: that another reload runs already is none of our concern.
fn does(site: &Site, command: &str) -> Result {
    site.branch.rx_within(PATIENCE, command).map(drop)
}

/// Changes the caller id of the site, which its dialplan shows.
fn change_settings(site: &Site, before: usize) -> Result {
    site.branch.edit_conf("res_synch.conf", turn(before, CALLER_IDS), turn(before + 1, CALLER_IDS))
}

/// Changes the name of a user on the main, and has the branch sync it.
fn change_user(site: &Site, before: usize) -> Result {
    let names = ["callerid=Alice <1001>", "callerid=Alicia <1001>"];
    site.edit_users(turn(before, names), turn(before + 1, names))?;
    site.main.reload(&format!("module reload {}", site.main.version.sip_module()))?;
    site.sync()
}

fn reloads_of_the_dialplan_stand_beside_moves_syncs_and_reloads_of_ours(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.branch.add_hints(HINTS)?;
    site.serve()?;
    let done = Together::default()
        .with("dialplan reload", Duration::ZERO, |_| does(&site, "dialplan reload"))
        .with("a move", SECOND, |before| {
            does(&site, &format!("synch set mode {}", turn(before, ["failover", "normal"])))
        })
        .with("a change of users", SOMETIMES, |before| change_user(&site, before))
        .with("module reload", SOMETIMES, |before| {
            change_settings(&site, before)?;
            does(&site, "module reload res_synch.so")
        })
        .with("an operator", SECOND / 2, |_| {
            site.branch.answers(PATIENCE)?;
            ["synch show status", "synch show users"].iter().try_for_each(|command| does(&site, command))
        })
        .run_for(time()?)?;
    eprintln!("Asterisk {version}: reloads, moves, changes of users, reloads of ours, looks: {done:?}");
    assert!(done.iter().all(|times| *times > 1), "{done:?}");
    does(&site, "synch set mode auto")?;
    site.wait_status("Service", "Normal")?;
    site.sync()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.status("Restarts")?, "0");
    // Each change of mode is there, and back again.
    assert!(site.moves()? > 2, "{}", site.branch.rx("synch show history")?);
    site.branch.has_hints(HINTS)
}

fn reloads_of_everything_after_a_change_of_ours_end(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.branch.add_hints(MANY_HINTS)?;
    site.serve()?;
    for before in 0..RELOADS_OF_EVERYTHING {
        change_settings(&site, before)?;
        let reload = does(&site, "core reload").and_then(|()| site.branch.answers(PATIENCE));
        reload.map_err(|error| Error::new(format!("core reload {}: {error}", before + 1)))?;
        let new = turn(before + 1, CALLER_IDS);
        until_ok("the change to be in force", GENEROUS, || match site.branch.rx("synch show config")? {
            config if config.contains(new) => Ok(()),
            config => Err(Error::new(config)),
        })?;
    }
    site.wait_status("Service", "Normal")?;
    site.branch.has_hints(MANY_HINTS)
}

/// The number of the new user who comes after `before` others.
fn hired(before: usize) -> String {
    (20_000 + before).to_string()
}

/// New users on the main, and a sync.
fn hire(site: &Site, before: usize) -> Result {
    let new: Vec<String> = (before * HIRED..).take(HIRED).map(hired).collect();
    site.add_users(&new, "HeadOffice")?;
    site.main.reload(&format!("module reload {}", site.main.version.sip_module()))?;
    site.sync()
}

/// A hint comes with each new user, and phones ask twenty times a second for numbers that have none yet. Where one of ours
/// is a pattern, Asterisk makes a hint of it then by itself, and hangs within some hundred reloads.
fn lamps_of_new_users_stand_beside_reloads(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.branch.add_hints(HINTS)?;
    site.serve()?;
    let lamp = |number: &str| {
        let asked = [("Exten", number), ("Context", "synch-internal")];
        site.branch.ami()?.action("ExtensionState", &asked)
    };
    let done = Together::default()
        .with("dialplan reload", Duration::ZERO, |_| does(&site, "dialplan reload"))
        .with("new users", SECOND, |before| hire(&site, before))
        .with("a lamp", SECOND / 20, |before| lamp(&hired(before)).map(drop))
        .with("an operator", SECOND / 2, |_| site.branch.answers(PATIENCE))
        .run_for(time()?)?;
    eprintln!("Asterisk {version}: reloads, syncs of new users, lamps, looks: {done:?}");
    assert!(done.iter().all(|times| *times > 1), "{done:?}");
    let last = hired(done.get(1).copied().unwrap_or_default() * HIRED - 1);
    until_ok("the lamp of the newest user", GENEROUS, || match lamp(&last)?.need("Hint")? {
        "" => Err(Error::new("no hint")),
        _ => Ok(()),
    })?;
    site.branch.has_hints(HINTS)
}

/// Parking places with hints: res_parking looks for contexts with the hints locked, and a hint that is added then hangs all.
/// Asterisk hangs without us, too, where somebody looks at its dialplan or its hints meanwhile: nobody does here.
fn lamps_of_new_users_stand_beside_parking_places(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    let modules = site.branch.read_conf("modules.conf")?;
    site.branch
        .write_conf("modules.conf", &format!("{modules}load = bridge_holding.so\nload = res_parking.so\n"))?;
    let park = |site: &Site, before: usize| {
        let last = turn(before, ["7500", "7499"]);
        let places = format!(
            "[general]\n\n[default]\nparkext => 7000\nparkpos => 7001-{last}\ncontext => parkedcalls\nparkinghints = yes\n"
        );
        site.branch.write_conf("res_parking.conf", &places)
    };
    park(&site, 0)?;
    site.serve()?;
    let reload = |before: usize| {
        park(&site, before + 1)?;
        does(&site, "module reload res_parking.so")
    };
    let done = Together::default()
        .with("module reload res_parking.so", Duration::ZERO, reload)
        .with("new users", SECOND, |before| hire(&site, before))
        .with("a look at ours", SECOND / 2, |_| does(&site, "synch show status"))
        .run_for(time()?)?;
    eprintln!("Asterisk {version}: reloads of parking, syncs of new users, looks: {done:?}");
    assert!(done.iter().all(|times| *times > 1), "{done:?}");
    site.branch.answers(PATIENCE)?;
    let last = hired(done.get(1).copied().unwrap_or_default() * HIRED - 1);
    until_ok("the lamp of the newest user", GENEROUS, || {
        let shown = site.branch.rx(&format!("dialplan show {last}@synch-users"))?;
        if shown.contains("hint:") { Ok(()) } else { Err(Error::new(shown)) }
    })?;
    let places = site.branch.rx("dialplan show 7001@parkedcalls")?;
    if places.contains("hint:") { Ok(()) } else { Err(Error::new(places)) }
}

/// Our module comes up beside pbx_config, pbx_ael and some two hundred others.
fn ten_boots_with_every_module_end(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.branch.add_hints(MANY_HINTS)?;
    site.branch.write_conf("modules.conf", EVERY_MODULE)?;
    site.main.start()?;
    for boot in 1..=BOOTS {
        let booted = site.branch.start().and_then(|()| site.branch.answers(PATIENCE));
        booted.map_err(|error| Error::new(format!("boot {boot}: {error}")))?;
        // From the second one on, it has users from the first moment.
        site.wait_status("Sync", "Synced")?;
        site.wait_status("Service", "Normal")?;
        site.branch.has_hints(MANY_HINTS)?;
        site.branch.answers(PATIENCE).and_then(|()| site.branch.stop())?;
    }
    Ok(())
}

/// What the first is held against: where this hangs, Asterisk does by itself.
fn without_the_module_the_same_reloads_end(version: Version) -> Result {
    let mut site = Site::new(version)?;
    site.branch.add_hints(HINTS)?;
    site.branch.start()?;
    let done = Together::default()
        .with("dialplan reload", Duration::ZERO, |_| does(&site, "dialplan reload"))
        .with("module reload", SOMETIMES, |_| does(&site, &format!("module reload {}", version.sip_module())))
        .with("an operator", SECOND / 2, |_| site.branch.answers(PATIENCE))
        .run_for(time()? / 2)?;
    eprintln!("Asterisk {version} without the module: reloads, reloads of users, looks: {done:?}");
    assert!(done.iter().all(|times| *times > 1), "{done:?}");
    site.branch.has_hints(HINTS)
}

/// The same for those with many hints.
fn without_the_module_boots_and_reloads_of_everything_end(version: Version) -> Result {
    let mut site = Site::new(version)?;
    site.branch.add_hints(MANY_HINTS)?;
    site.branch.write_conf("modules.conf", EVERY_MODULE)?;
    for _ in 0..BOOTS_WITHOUT {
        site.branch.start()?;
        does(&site, "core reload").and_then(|()| site.branch.answers(PATIENCE))?;
        site.branch.has_hints(MANY_HINTS)?;
        site.branch.stop()?;
    }
    Ok(())
}
