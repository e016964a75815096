//! The users of the site, from the main to the branch: what works, and what is said when it can't.

use lab::wait::{GENEROUS, until, until_value};
use lab::{Asterisk, Context, Result, Site, Version};

lab::on_22_and_16!(
    a_changed_user_is_live_after_a_sync,
    a_reload_of_the_main_is_heard,
    an_account_that_may_not_read_events_is_told_so,
    the_timer_syncs_by_itself,
    a_wrong_password_is_named_and_heals,
    an_account_without_class_pings_but_syncs_nothing,
    a_missing_file_is_named_and_the_users_stay,
    a_filter_that_matches_nobody_is_no_empty_site,
    users_survive_a_restart_without_the_main,
    a_forgotten_include_is_named_and_heals,
    a_file_of_somebody_else_is_not_replaced,
    an_include_that_gets_lost_is_seen,
    an_output_that_is_a_folder_is_named_and_heals,
);

lab::tests_on!(
    on_22_alone,
    V22,
    an_incomplete_user_is_left_out,
    a_value_that_the_driver_refuses_costs_nobody,
    an_auth_that_the_driver_refuses_is_seen,
);
lab::tests_on!(on_16_alone, V16, a_user_that_only_calls_is_synced);

/// The users that the lab's main has for this site.
const USERS: [&str; 3] = ["1001", "1002", "1003"];

fn assert_users_stay(site: &Site, file: &str) -> Result {
    assert_eq!(site.synced_file()?, file);
    assert_eq!(site.branch.live_users()?, USERS);
    assert_eq!(site.status("Users")?, "3");
    Ok(())
}

fn edit_manager(main: &Asterisk, from: &str, to: &str) -> Result {
    main.edit_conf("manager.conf", from, to)?;
    if main.pid().is_ok() {
        main.rx("manager reload")?;
    }
    Ok(())
}

/// Nobody asks, and the interval is five minutes.
fn a_reload_of_the_main_is_heard(version: Version) -> Result {
    let site = Site::synced(version)?;
    site.wait_status("MainEvents", "heard")?;
    let reloads = || site.branch.log().matches("Type 'system' is not reloadable").count();
    let before = reloads();
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.main.reload(&format!("module reload {}", version.sip_module()))?;
    site.branch.wait_live("1001", "Alicia")?;
    site.wait_status("SyncVersion", "2")?;
    if version == Version::V22 {
        until("the reload to be logged", GENEROUS, || reloads() > before)?;
        assert_eq!(reloads(), before + 1, "one change is one reload");
    }
    // What concerns nobody starts nothing.
    let syncs = site.status("Syncs")?;
    site.main.reload("module reload logger")?;
    site.main.reload(&format!("module reload {}", version.sip_module()))?;
    until("one more sync", GENEROUS, || site.status("Syncs").is_ok_and(|now| now != syncs))?;
    assert_eq!(site.status("Syncs")?.parse::<u32>().ok(), syncs.parse::<u32>().ok().map(|syncs| syncs + 1));
    assert_eq!(site.status("SyncVersion")?, "2");
    Ok(())
}

fn an_account_that_may_not_read_events_is_told_so(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    edit_manager(&site.main, "read = system", "read =")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    let events = || site.status("MainEvents");
    until_value("it to be told", GENEROUS, events, |told| told.contains("'read = system'")).map(drop)
}

fn a_changed_user_is_live_after_a_sync(version: Version) -> Result {
    let site = Site::synced(version)?;
    site.branch.wait_live("1001", "Alice")?;
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.sync()?;
    site.branch.wait_live("1001", "Alicia")?;
    site.wait_status("SyncVersion", "2")?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.branch.live_users()?, USERS);
    Ok(())
}

fn the_timer_syncs_by_itself(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "interval = 300", "interval = 1")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.branch.wait_live("1001", "Alicia")
}

fn a_wrong_password_is_named_and_heals(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    edit_manager(&site.main, "SomePasswordHere", "another")?;
    // Else SIP alone decides, which answers.
    site.branch.edit_conf("res_synch.conf", "[probe]\n", "[probe]\nrequire = all\n")?;
    site.start()?;
    site.wait_status("Monitor", "Failed")?;
    // The first probes may have come before the main was up.
    let reason = || site.status("MonitorReason");
    until_value("the reason", GENEROUS, reason, |reason| reason.contains("login refused"))?;
    assert_eq!(site.status("Monitor")?, "Failed");
    // The first sync, too.
    site.sync()?;
    site.wait_unsynced("login refused")?;
    assert!(!site.synced_path().exists());
    assert!(!site.branch.log().contains("SomePasswordHere"));

    edit_manager(&site.main, "another", "SomePasswordHere")?;
    site.wait_status("Monitor", "Stable")?;
    // Nobody asked for it: the return of the main is reason enough.
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.branch.live_users()?, USERS);
    Ok(())
}

fn an_account_without_class_pings_but_syncs_nothing(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    edit_manager(&site.main, "write = system", "write =")?;
    site.start()?;
    let reason = site.wait_unsynced("GetConfig refused")?;
    assert!(reason.contains("Permission denied"), "{reason}");
    site.wait_status("Monitor", "Stable")?;
    site.wait_status("Service", "Normal")?;
    assert!(!site.synced_path().exists());
    Ok(())
}

fn a_missing_file_is_named_and_the_users_stay(version: Version) -> Result {
    let site = Site::synced(version)?;
    let file = site.synced_file()?;
    let missing = version.users_files().last().copied().unwrap_or_default();
    let text = site.main.read_conf(missing)?;
    std::fs::remove_file(site.main.path("etc").join(missing)).context(missing)?;
    site.sync()?;
    let reason = site.wait_unsynced(version.synced_from())?;
    assert!(version == Version::V16 || reason.contains("an included file is missing"), "{reason}");
    assert_users_stay(&site, &file)?;

    site.main.write_conf(missing, &text)?;
    site.sync()?;
    site.wait_status("Sync", "Synced")
}

fn a_filter_that_matches_nobody_is_no_empty_site(version: Version) -> Result {
    let site = Site::synced(version)?;
    let file = site.synced_file()?;
    site.edit_users("accountcode=HeadOffice", "accountcode=Elsewhere")?;
    // Not even an operator who insists empties the site.
    for _ in 0..2 {
        site.sync()?;
        site.wait_unsynced("nobody on the main has")?;
    }
    assert_users_stay(&site, &file)?;

    site.edit_users("accountcode=Elsewhere", "accountcode=HeadOffice")?;
    site.sync()?;
    site.wait_status("Sync", "Synced")?;
    site.branch.edit_conf("res_synch.conf", "^HeadOffice$", "^Nowhere$")?;
    site.branch.reload_answer()?;
    site.wait_unsynced("filter_value = ^Nowhere$")?;
    assert_users_stay(&site, &file)
}

fn users_survive_a_restart_without_the_main(version: Version) -> Result {
    let mut site = Site::synced(version)?;
    let file = site.synced_file()?;
    site.main.kill_9()?;
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_unsynced("cannot connect")?;
    assert_users_stay(&site, &file)?;
    assert_eq!(site.status("SyncVersion")?, "1");
    site.wait_status("Service", "Failover")
}

/// With its line back, the next sync is live.
fn the_include_heals(site: &Site, line: &str) -> Result {
    let including = site.branch.version.including_file();
    let conf = site.branch.read_conf(including)?;
    site.branch.write_conf(including, &format!("{conf}\n{line}\n"))?;
    site.sync()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.branch.live_users()?, USERS);
    Ok(())
}

fn a_forgotten_include_is_named_and_heals(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let line = format!("#tryinclude {}", version.synced_file());
    site.branch.edit_conf(version.including_file(), &line, "")?;
    site.start()?;
    let reason = site.wait_unsynced(&line)?;
    assert!(reason.contains(version.including_file()) && reason.contains("no user is live"), "{reason}");
    assert!(site.branch.live_users()?.is_empty());

    the_include_heals(&site, &line)
}

/// Somebody rewrites the file that includes ours: the next sync sees it, though nothing has changed on the main.
fn an_include_that_gets_lost_is_seen(version: Version) -> Result {
    let site = Site::synced(version)?;
    let line = format!("#tryinclude {}", version.synced_file());
    site.branch.edit_conf(version.including_file(), &line, "")?;
    site.branch.reload(&format!("module reload {}", version.sip_module()))?;
    until("the users to be gone", GENEROUS, || site.branch.live_users().is_ok_and(|live| live.is_empty()))?;
    site.sync()?;
    site.wait_unsynced("no user is live")?;
    the_include_heals(&site, &line)
}

fn a_file_of_somebody_else_is_not_replaced(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let text = "; by hand\n";
    site.branch.write_conf(version.synced_file(), text)?;
    site.start()?;
    site.wait_unsynced("was not written by res_synch")?;
    assert_eq!(site.branch.read_conf(version.synced_file())?, text);
    site.branch.write_conf(version.synced_file(), "")?;
    site.sync()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.branch.live_users()?, USERS);
    Ok(())
}

fn an_output_that_is_a_folder_is_named_and_heals(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    std::fs::create_dir(site.synced_path()).context("the folder")?;
    site.start()?;
    site.wait_unsynced("is not a regular file")?;
    std::fs::remove_dir(site.synced_path()).context("the folder")?;
    site.sync()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.branch.live_users()?, USERS);
    Ok(())
}

fn an_incomplete_user_is_left_out(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.main.edit_conf("pjsip.aor.conf", "[1001](desk-phone-aor)", "")?;
    site.main.edit_conf("pjsip.auth.conf", "[1002-auth]", "[1002-lost]")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.branch.live_users()?, ["1003"]);
    let users = site.branch.rx("synch show users")?;
    for line in [
        "1 of 1 user\n",
        "left out: 1001: its aors '1001' is missing in the files",
        "left out: 1002: its auth '1002-auth' is missing in the files",
    ] {
        assert!(users.contains(line), "{users}");
    }
    assert_eq!(site.status("UsersLeftOut")?, "2");
    assert!(!site.synced_file()?.contains("100[12]"));
    Ok(())
}

/// A value that the branch's PJSIP does not take costs that value, of a new user and of one who was there: Asterisk would
/// drop the one, and leave the other as he was, both without a word.
fn a_value_that_the_driver_refuses_costs_nobody(version: Version) -> Result {
    let site = Site::synced(version)?;
    let bad = "[1004](desk-phone-endpoint)\naors=1004\nauth=1003-auth\naccountcode=HeadOffice\n\
               dtmf_mode=by-pigeon\nallow=ulaw,made-up,alaw\n";
    site.edit_users("[2001]", &format!("{bad}\n[2001]"))?;
    site.edit_users("Alex <1002>", "Alexa <1002>\ndtmf_mode=by-pigeon")?;
    site.main.edit_conf("pjsip.aor.conf", "[2001]", "[1004](desk-phone-aor)\n\n[2001]")?;
    site.sync()?;
    site.branch.wait_live("1002", "Alexa")?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.status("UsersLeftOut")?, "0");
    assert_eq!(site.branch.live_users()?, ["1001", "1002", "1003", "1004"]);
    assert!(site.branch.live_user("1004")?.contains("(ulaw|alaw)"), "{}", site.branch.live_user("1004")?);
    let shown = site.branch.rx("synch show user 1004")?;
    assert!(shown.contains("by-pigeon") && shown.contains("this branch's Asterisk does not know"), "{shown}");
    let said = "This Asterisk does not accept every option of the main's users: allow = ulaw,made-up,alaw (endpoint), but \
                ulaw,alaw; dtmf_mode = by-pigeon (endpoint)";
    site.branch.wait_log(said, GENEROUS)?;
    assert_eq!(site.branch.log().matches(said).count(), 1);

    // It is asked once, and not again with each sync.
    let refusals = || site.branch.log().matches("by-pigeon").count();
    let before = refusals();
    site.edit_users("Alexa <1002>", "Alexia <1002>")?;
    site.sync()?;
    site.branch.wait_live("1002", "Alexia")?;
    assert_eq!(refusals(), before);
    Ok(())
}

/// Its endpoint would be live, and nobody could register as it.
fn an_auth_that_the_driver_refuses_is_seen(version: Version) -> Result {
    let site = Site::synced(version)?;
    let user = "[1004](desk-phone-endpoint)\naors=1004\nauth=1004-auth\naccountcode=HeadOffice\n";
    site.edit_users("[2001]", &format!("{user}\n[2001]"))?;
    site.main.edit_conf("pjsip.aor.conf", "[2001]", "[1004](desk-phone-aor)\n\n[2001]")?;
    let auths = site.main.read_conf("pjsip.auth.conf")?;
    let auth = "[1004-auth]\ntype=auth\nauth_type=userpass\nusername=1004\npassword=x\nnonce_lifetime=soon\n";
    site.main.write_conf("pjsip.auth.conf", &format!("{auths}\n{auth}"))?;
    site.sync()?;
    site.wait_status("UsersLeftOut", "1")?;
    let users = site.branch.rx("synch show users")?;
    assert!(users.contains("does not accept its auth '1004-auth'"), "{users}");
    Ok(())
}

/// `type=user` in chan_sip: it may call and can't be called, and is no peer in chan_sip's lists.
fn a_user_that_only_calls_is_synced(version: Version) -> Result {
    let site = Site::synced(version)?;
    let conf = site.main.read_conf(version.users_file())?;
    let user = "[1004]\ntype=user\nsecret=secret-1004\ncontext=from-internal\naccountcode=HeadOffice\n";
    site.main.write_conf(version.users_file(), &format!("{conf}\n{user}"))?;
    site.sync()?;
    site.wait_status("Users", "4")?;
    site.wait_status("Sync", "Synced")?;
    until("1004 to be live", GENEROUS, || {
        site.branch.rx("sip show users").is_ok_and(|users| users.contains("1004"))
    })
}
