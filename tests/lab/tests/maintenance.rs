//! Work on the main: one last sync, the phones at the branch, switch and sync held, calls counted and not cut, and the
//! questions before the phones go home.

use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::ami::Ami;
use lab::command::run;
use lab::dns::a_record;
use lab::fake_main::{FakeMain, Reply};
use lab::phone::Settings;
use lab::site::NAME;
use lab::wait::{GENEROUS, until, until_ok, until_value};
use lab::{Error, Phone, Result, Site, Version};

lab::on_22_and_16!(
    from_start_to_stop_no_file_of_the_main_is_read,
    whatever_becomes_of_the_main_the_phones_stay_here_over_a_restart,
    a_user_who_was_made_just_before_the_start_registers_here,
    the_name_is_the_branchs_within_a_moment_and_phones_register_here,
    a_call_of_this_site_on_the_main_is_counted_and_goes_on_until_it_ends,
    a_call_that_goes_on_for_too_long_is_told_and_not_cut,
    a_stop_says_what_the_main_lacks_and_the_phones_stay,
    a_main_that_is_well_has_its_phones_back_and_the_sync_goes_on,
    a_forgotten_one_ends_by_itself_where_the_main_is_well,
    a_forgotten_one_keeps_the_phones_where_the_main_has_lost_its_users,
    a_branch_that_could_not_serve_begins_none,
    a_hold_of_a_minute_ends_after_it_over_a_restart,
    after_an_outage_a_sync_that_is_held_keeps_the_phones_here,
    an_address_that_comes_later_is_answered_at_once,
);

/// A site in normal service whose main is heard.
fn site(version: Version) -> Result<Site> {
    site_with(version, "")
}

/// The same with these lines more.
fn site_with(version: Version, more: &str) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    if !more.is_empty() {
        site.branch.edit_conf("res_synch.conf", "[dialplan]\n", &format!("{more}\n[dialplan]\n"))?;
    }
    site.start_main_first()?;
    site.wait_status("Sync", "Synced")?;
    until_value("the version", GENEROUS, || site.status("MainVersion"), |says| !says.is_empty())?;
    Ok(site)
}

/// Starts one, which has to begin.
fn start(site: &Site, words: &str) -> Result<String> {
    let said = site.branch.rx(&format!("synch maintenance start {words}"))?;
    match said.starts_with("Mode is maintenance until ") {
        true => Ok(said),
        false => Err(Error::new(said)),
    }
}

/// A stop that is refused, for that reason. The phones stay.
fn refused(site: &Site, stop: &str, why: &str) -> Result {
    let said = site.branch.rx(&format!("synch maintenance stop {stop}"))?;
    assert!(
        said.starts_with("The maintenance goes on, and the phones stay here: ") && said.contains(why),
        "{said}"
    );
    assert_here(site)?;
    let shown = site.branch.rx("synch show maintenance")?;
    assert!(shown.starts_with("Mode           : maintenance until "), "{shown}");
    Ok(())
}

/// Maintenance, and the phones are sent here.
fn assert_here(site: &Site) -> Result {
    assert_eq!(
        (site.status("Mode")?, site.status("Service")?),
        ("maintenance".to_owned(), "Failover".to_owned())
    );
    assert_eq!(a_record(site.branch.address(), NAME)?, site.branch.address());
    Ok(())
}

/// The next event of a maintenance; its state, and the calls that it tells of.
fn event(ami: &mut Ami, state: &str) -> Result<String> {
    let event = ami.event_where(state, GENEROUS, |event| {
        event.get("Event") == Some("SynchMaintenanceState") && event.get("State") == Some(state)
    })?;
    assert!(!event.need("Reason")?.is_empty());
    event.need("MainCalls").map(str::to_owned)
}

/// How often a main was asked for a file.
fn asked(main: &FakeMain) -> usize {
    main.heard().matches("Action: GetConfig").count()
}

fn from_start_to_stop_no_file_of_the_main_is_read(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "interval = 300", "interval = 1")?;
    let main = FakeMain::in_place_of_main(&site, Reply::users(version, &["3001", "3002", "3003"]))?;
    site.branch.start()?;
    site.wait_status("Service", "Normal")?;
    let before = asked(&main);
    until("the sync to come each second", GENEROUS, || asked(&main) > before)?;

    start(&site, "10 no file is read")?;
    let last = asked(&main);
    assert!(last > before);
    site.wait_status("SyncReason", "held: maintenance")?;
    // An account without the class for it, as far as the branch can see.
    site.wait_status("Drain", "unknown")?;
    assert_eq!(site.status("MainCalls")?, "");
    // Whoever could ask: an operator, the doctor, a new session, which has missed what was before it, a reload, a restart.
    let said = site.branch.rx("synch sync")?;
    assert!(said.contains("Sync is held: maintenance"), "{said}");
    let said = site.branch.ami()?.action("SynchSync", &[])?;
    assert!(!said.is_success(), "{said:?}");
    let doctor = site.branch.rx("synch doctor")?;
    assert!(doctor.contains("none was read on the main: a maintenance goes on"), "{doctor}");
    main.hang_up();
    site.branch.edit_conf("res_synch.conf", "interval = 1", "interval = 2")?;
    site.branch.reload_module()?;
    sleep(Duration::from_secs(3));
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_status("Monitor", "Stable")?;
    site.wait_status("SyncReason", "held: maintenance")?;
    // Some turns of the timer: what is not done leaves nothing that could be waited for.
    sleep(Duration::from_secs(5));
    assert_eq!(asked(&main), last, "{}", main.heard());
    assert_here(&site)?;

    let said = site.branch.rx("synch maintenance stop")?;
    assert!(said.contains("The maintenance has ended"), "{said}");
    let stopped = asked(&main);
    assert!(stopped > last);
    until("the sync to go on", GENEROUS, || asked(&main) > stopped + 2)
}

fn whatever_becomes_of_the_main_the_phones_stay_here_over_a_restart(version: Version) -> Result {
    let mut site = site(version)?;
    start(&site, "10 to 22.11")?;
    let moves = site.moves()?;
    site.main.kill_9()?;
    site.wait_status("Monitor", "Failed")?;
    assert_here(&site)?;
    site.main.start()?;
    site.wait_status("Monitor", "Stable")?;
    assert_here(&site)?;
    site.net.blackhole()?;
    site.wait_status("Monitor", "Failed")?;
    assert_here(&site)?;
    assert_eq!(site.moves()?, moves, "{}", site.branch.rx("synch show history")?);
    let until = site.status("ModeUntil")?;

    site.branch.stop()?;
    site.branch.start()?;
    site.wait_name(site.branch.address())?;
    assert_here(&site)?;
    assert_eq!(
        (site.status("ModeUntil")?, site.status("MaintenanceReason")?),
        (until, "to 22.11".to_owned())
    );
    site.branch.wait_log("Mode is still held at maintenance, as before this start", GENEROUS)?;
    site.net.restore()?;
    site.wait_status("Monitor", "Stable")?;
    assert_eq!(site.status("ReturnWaitsFor")?, "'synch maintenance stop'");
    let said = site.branch.rx("synch failback")?;
    assert!(said.contains("a maintenance goes on"), "{said}");
    assert_here(&site)
}

fn a_user_who_was_made_just_before_the_start_registers_here(version: Version) -> Result {
    let site = site(version)?;
    site.add_user("1009", "HeadOffice")?;
    let said = start(&site, "10")?;
    assert!(said.contains("The last sync is done."), "{said}");
    assert_eq!(site.status("Users")?, "4");
    let mut phone = site.phone("1009")?;
    phone.wait_registered_at(&site.branch)
}

fn the_name_is_the_branchs_within_a_moment_and_phones_register_here(version: Version) -> Result {
    let site = site(version)?;
    let mut alice = site.phone("1001")?;
    alice.wait_registered_at(&site.main)?;
    let mut ami = site.branch.ami()?;
    let answer =
        ami.action("SynchMaintenance", &[("Do", "start"), ("Minutes", "5"), ("Reason", "new disk")])?;
    assert!(answer.is_success(), "{answer:?}");
    let began = Instant::now();
    site.wait_name(site.branch.address())?;
    eprintln!("the name is the branch's {} ms after the answer", began.elapsed().as_millis());
    event(&mut ami, "Started")?;
    assert_eq!(site.status("MaintenanceReason")?, "new disk");
    alice.wait_registered_at(&site.branch)?;
    until("the phone to be shown", GENEROUS, || {
        site.branch.rx("synch show maintenance").is_ok_and(|shown| shown.contains("Phones         : 1 here"))
    })
}

/// A phone that registers at the main by its address, wherever the name points to.
fn at_the_main(site: &Site, user: &str) -> Result<Phone> {
    site.phone_told(&site.main, user, Settings { expires: 60, ..site.phone_settings() })
}

fn a_call_of_this_site_on_the_main_is_counted_and_goes_on_until_it_ends(version: Version) -> Result {
    let site = site(version)?;
    let mut alice = at_the_main(&site, "1001")?;
    let alex = at_the_main(&site, "1002")?;
    let mut bob = at_the_main(&site, "2001")?;
    // A call of another site, with a channel of its own.
    bob.dial("700")?;
    bob.wait_in_call(GENEROUS)?;
    // Two channels of this one.
    alice.dial("1002")?;
    alice.wait_in_call(GENEROUS)?;
    let mut ami = site.branch.ami()?;
    start(&site, "10")?;
    site.wait_status("MainCalls", "1")?;
    assert_eq!(site.status("Drain")?, "waiting");
    let shown = site.branch.rx("synch show maintenance")?;
    assert!(shown.contains("Calls          : waiting, 1 call on the main\n"), "{shown}");
    alice.wait_hears("1002", GENEROUS)?;
    alex.wait_hears("1001", GENEROUS)?;
    alice.hang_up()?;
    let ended = Instant::now();
    assert_eq!(event(&mut ami, "Drained")?, "0");
    eprintln!("drained {} ms after the call", ended.elapsed().as_millis());
    site.wait_status("Drain", "drained")?;
    assert_eq!(site.status("MainCalls")?, "0");
    // The other site's call is not touched.
    assert!(site.main.channels()? >= 1);
    Ok(())
}

fn a_call_that_goes_on_for_too_long_is_told_and_not_cut(version: Version) -> Result {
    let site = site_with(version, "[maintenance]\ndrain_timeout = 2\n")?;
    let mut alice = at_the_main(&site, "1001")?;
    let alex = at_the_main(&site, "1002")?;
    alice.dial("1002")?;
    alice.wait_in_call(GENEROUS)?;
    let mut ami = site.branch.ami()?;
    start(&site, "10")?;
    assert_eq!(event(&mut ami, "DrainTimedOut")?, "1");
    site.wait_status("Drain", "timed out")?;
    assert_eq!(site.status("MainCalls")?, "1");
    site.branch.wait_log("1 call of this site on the main after 2 s; none is cut", GENEROUS)?;
    alice.wait_hears("1002", GENEROUS)?;
    alex.wait_hears("1001", GENEROUS)
}

/// Moves some users of the main to another site. Nothing is reloaded there.
fn lose(site: &Site, users: &[&str]) -> Result {
    let file = site.main.version.users_file();
    let text = site.main.read_conf(file)?;
    let sections: Vec<String> = text
        .split("\n[")
        .map(|section| {
            let is_lost = users.iter().any(|user| section.starts_with(&format!("{user}]")));
            if is_lost { section.replace("HeadOffice", "Elsewhere") } else { section.to_owned() }
        })
        .collect();
    site.main.write_conf(file, &sections.join("\n["))
}

fn a_stop_says_what_the_main_lacks_and_the_phones_stay(version: Version) -> Result {
    let mut site = site_with(version, "[voicemail]\nenabled = yes\n")?;
    site.add_user("1004", "HeadOffice")?;
    let mut phone = site.phone("1001")?;
    phone.wait_registered_at(&site.main)?;
    let mut ami = site.branch.ami()?;
    start(&site, "10 to 99.1")?;
    site.wait_status("Users", "4")?;
    phone.wait_registered_at(&site.branch)?;
    let says = site.status("MainVersion")?;
    assert!(says.starts_with(match version {
        Version::V22 => "22.",
        Version::V16 => "16.",
    }));

    // It is away.
    site.main.kill_9()?;
    site.wait_status("Monitor", "Failed")?;
    refused(&site, "", "the main is Failed (")?;
    event(&mut ami, "Refused")?;
    // It is still starting: a program of the administrator's takes its time.
    site.main.edit_conf("asterisk.conf", "[options]\n", "[options]\nexecincludes = yes\n")?;
    let slowly = "[globals]\n#exec sleep 15\n";
    site.main.edit_conf("extensions.conf", "[globals]\n", slowly)?;
    site.main.spawn()?;
    until_ok("the main to be starting", GENEROUS, || refused_for(&site, "the main is still starting"))?;
    assert_here(&site)?;

    // Another version than it should be.
    site.main.wait_booted()?;
    site.wait_status("Monitor", "Stable")?;
    until_ok("the version to be asked", GENEROUS, || refused_for(&site, "not 99.1"))?;
    refused(&site, "99.1", &format!("the main runs Asterisk {says}, not 99.1"))?;
    // Half of the users.
    let users = site.main.read_conf(version.users_file())?;
    lose(&site, &["1003", "1004"])?;
    refused(&site, "", "the main has lost 2 of 4 users: 1003 and 1004")?;
    // Not one.
    lose(&site, &["1001", "1002"])?;
    refused(&site, "", "the main has lost 4 of 4 users")?;
    site.main.write_conf(version.users_file(), &users)?;
    // A user who works here, and could not any more: without a password anybody would be.
    let bad = match version {
        Version::V22 => users.replace("auth=1002-auth\n", ""),
        Version::V16 => users.replace("secret=secret-1002\n", ""),
    };
    assert_ne!(bad, users);
    site.main.write_conf(version.users_file(), &bad)?;
    refused(&site, "", "1 user would be left out: 1002 (")?;
    site.main.write_conf(version.users_file(), &users)?;
    // Without a file.
    let boxes = site.main.path("etc/voicemail.conf");
    let away = site.main.path("etc/voicemail.away");
    std::fs::rename(&boxes, &away).map_err(|error| Error::new(error.to_string()))?;
    refused(&site, "", "voicemail.conf: ")?;
    std::fs::rename(&away, &boxes).map_err(|error| Error::new(error.to_string()))?;
    // Without the users' own.
    let own = site.main.path("etc").join(version.users_file());
    std::fs::rename(&own, &away).map_err(|error| Error::new(error.to_string()))?;
    refused(&site, "", "GetConfig")?;
    std::fs::rename(&away, &own).map_err(|error| Error::new(error.to_string()))?;

    phone.wait_registered_at(&site.branch)?;
    assert_eq!(site.status("Users")?, "4");
    let said = site.branch.rx(&format!("synch maintenance stop {says}"))?;
    assert!(said.contains("The maintenance has ended: mode is auto, phones go to the main."), "{said}");
    event(&mut ami, "Ended")?;
    phone.wait_registered_at(&site.main)
}

/// Whether a stop for version 99.1 is refused for that reason now.
fn refused_for(site: &Site, why: &str) -> Result {
    let said = site.branch.rx("synch maintenance stop 99.1")?;
    if said.contains("the phones stay here") && said.contains(why) { Ok(()) } else { Err(Error::new(said)) }
}

fn a_main_that_is_well_has_its_phones_back_and_the_sync_goes_on(version: Version) -> Result {
    let mut site = site(version)?;
    let mut phone = site.phone("1001")?;
    phone.wait_registered_at(&site.main)?;
    start(&site, "10")?;
    phone.wait_registered_at(&site.branch)?;
    site.main.kill_9()?;
    site.wait_status("Monitor", "Failed")?;
    // It comes back with another name of a user.
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.main.start()?;
    site.wait_status("Monitor", "Stable")?;
    let mut ami = site.branch.ami()?;
    let answer = ami.action("SynchMaintenance", &[("Do", "stop")])?;
    assert!(answer.is_success(), "{answer:?}");
    assert_eq!((site.status("Mode")?, site.status("Service")?), ("auto".to_owned(), "Normal".to_owned()));
    assert_eq!(site.status("Sync")?, "Synced");
    for key in ["ModeUntil", "MaintenanceReason", "Drain", "MainCalls"] {
        assert_eq!(site.status(key)?, "", "{key}");
    }
    site.branch.wait_live("1001", "Alicia")?;
    phone.wait_registered_at(&site.main)?;
    // What changes from now on comes by itself.
    site.add_user("1009", "HeadOffice")?;
    site.main.reload("core reload")?;
    site.wait_status("Users", "4")?;
    let nothing = site.branch.rx("synch maintenance stop")?;
    assert!(nothing.contains("There is no maintenance; the mode is auto."), "{nothing}");
    Ok(())
}

/// Lets a maintenance or a hold end while the branch restarts.
fn let_time_pass(site: &mut Site) -> Result {
    site.branch.rx("database put synch until 1")?;
    site.branch.stop()?;
    site.branch.start()
}

fn a_forgotten_one_ends_by_itself_where_the_main_is_well(version: Version) -> Result {
    let mut site = site(version)?;
    start(&site, "10 forgotten")?;
    let_time_pass(&mut site)?;
    site.wait_status("Mode", "auto")?;
    site.wait_status("Service", "Normal")?;
    site.wait_name(site.main.address())?;
    site.wait_status("Sync", "Synced")?;

    // One whose main is dead by then is an outage.
    start(&site, "10 forgotten again")?;
    site.main.kill_9()?;
    site.wait_status("Monitor", "Failed")?;
    let_time_pass(&mut site)?;
    site.wait_status("Mode", "auto")?;
    assert_eq!(site.status("Service")?, "Failover");
    site.main.start()?;
    site.wait_status("Service", "Normal")
}

fn a_forgotten_one_keeps_the_phones_where_the_main_has_lost_its_users(version: Version) -> Result {
    let mut site = site(version)?;
    start(&site, "10 forgotten")?;
    lose(&site, &["1002", "1003"])?;
    let_time_pass(&mut site)?;
    site.branch.wait_log(
        "The time of the maintenance is over, but the phones stay here: the main has lost 2 of 3 users: 1002 and 1003",
        GENEROUS,
    )?;
    assert_here(&site)?;
    let warnings = site.branch.module_log("WARNING");
    let told = warnings.iter().filter(|line| line.contains("the phones stay here")).count();
    assert_eq!(told, 1, "{warnings:?}");
    // Alarms go by this: it is in the past.
    assert!(site.status("ModeUntil")? < site.status("Timestamp")?);
    let shown = site.branch.rx("synch show maintenance")?;
    assert!(shown.contains("the last one was refused: the main has lost 2 of 3 users"), "{shown}");
    // Nothing happens by itself any more, and force is a person's word.
    sleep(Duration::from_secs(3));
    assert_here(&site)?;
    let said = site.branch.rx("synch maintenance stop force")?;
    assert!(said.contains("mode is auto, phones go to the main"), "{said}");
    site.wait_unsynced("held: it would take away 2 of 3 users")?;
    assert_eq!(site.status("Users")?, "3");
    Ok(())
}

fn a_branch_that_could_not_serve_begins_none(version: Version) -> Result {
    let mut empty = Site::with_module(version)?;
    empty.branch.edit_conf("res_synch.conf", "^HeadOffice$", "^Nobody$")?;
    empty.start_main_first()?;
    empty.wait_unsynced("")?;
    let said = empty.branch.rx("synch maintenance start")?;
    assert!(said.contains("No maintenance is started: no user of this site is here"), "{said}");
    let said = empty.branch.ami()?.action("SynchMaintenance", &[("Do", "start")])?;
    assert!(!said.is_success(), "{said:?}");
    assert_eq!((empty.status("Mode")?, empty.status("Service")?), ("auto".to_owned(), "Normal".to_owned()));
    Ok(())
}

fn a_hold_of_a_minute_ends_after_it_over_a_restart(version: Version) -> Result {
    let mut site = site(version)?;
    let said = site.branch.rx("synch set mode normal 1")?;
    assert!(said.contains("Mode is normal until "), "{said}");
    let began = Instant::now();
    site.main.kill_9()?;
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_status("Monitor", "Failed")?;
    assert_eq!((site.status("Mode")?, site.status("Service")?), ("normal".to_owned(), "Normal".to_owned()));
    until_ok("the end of the hold", Duration::from_secs(60) + GENEROUS, || match site.status("Mode")? {
        mode if mode == "auto" => Ok(()),
        mode => Err(Error::new(mode)),
    })?;
    assert!(began.elapsed() >= Duration::from_secs(55), "{:?}", began.elapsed());
    site.wait_status("Service", "Failover")?;
    assert_eq!(site.status("ModeUntil")?, "");
    let history = site.branch.rx("synch show history")?;
    assert!(history.contains("the time of the hold is over"), "{history}");
    Ok(())
}

fn after_an_outage_a_sync_that_is_held_keeps_the_phones_here(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    // So that the first sync is before it.
    site.branch.edit_conf("res_synch.conf", "return_hold = 0", "return_hold = 5")?;
    site.start_main_first()?;
    site.wait_status("Sync", "Synced")?;
    site.main.kill_9()?;
    site.wait_status("Service", "Failover")?;
    lose(&site, &["1002", "1003"])?;
    site.main.start()?;
    until_value(
        "what it waits for",
        GENEROUS,
        || site.status("ReturnWaitsFor"),
        |text| text == "a sync that is held",
    )?;
    sleep(Duration::from_secs(7));
    assert_eq!(
        (site.status("Service")?, site.status("Monitor")?),
        ("Failover".to_owned(), "Stable".to_owned())
    );
    // As with 0.4.0: by way of another mode.
    site.branch.rx("synch set mode failover")?;
    site.branch.rx("synch set mode auto")?;
    assert_eq!(site.status("Service")?, "Failover");
    assert_eq!(a_record(site.branch.address(), NAME)?, site.branch.address());
    // Whoever has seen who is missing lets them go, and the phones with them.
    site.sync()?;
    site.wait_status("Users", "1")?;
    site.wait_status("Service", "Normal")
}

fn an_address_that_comes_later_is_answered_at_once(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let own = site.branch.address();
    let [a, b, c, _] = own.octets();
    let floating = std::net::Ipv4Addr::new(a, b, c, 200);
    site.branch.edit_conf("res_synch.conf", &format!("bind = {own}"), &format!("bind = {own},{floating}"))?;
    site.serve()?;
    until_value(
        "all sockets",
        GENEROUS,
        || site.status("Dns"),
        |dns| dns.starts_with("listening on") && dns.matches(&floating.to_string()).count() == 2,
    )?;
    site.branch.wait_log("no interface of this machine has the address of", GENEROUS)?;
    let doctor = site.branch.rx("synch doctor")?;
    assert!(doctor.contains(&format!("bind = {floating} is not an address of this machine now")), "{doctor}");
    let host = site.branch.host();
    run(&mut host.command(&["ip", "address", "add", &format!("{floating}/24"), "dev", "eth0"]))?;
    let came = Instant::now();
    until_ok("an answer", GENEROUS, || a_record(floating, NAME))?;
    eprintln!("the new address answers after {} ms", came.elapsed().as_millis());
    let over_tcp = lab::dns::ask_with(
        (floating, 53).into(),
        &lab::dns::question(NAME, lab::dns::RecordType::A)?,
        lab::dns::Transport::Tcp,
    )?;
    assert_eq!(over_tcp.answers.len(), 1);
    Ok(())
}
