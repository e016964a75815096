//! The contexts, hints and functions of the branch's own: made by the module, and gone with it.

use lab::phone::Lamp;
use lab::wait::{GENEROUS, until_ok, until_value};
use lab::{Error, Result, Site, Version};

lab::on_22_and_16!(
    contexts_outlive_a_reload_of_the_dialplan,
    nothing_is_left_after_an_unload_and_all_is_back_after_a_load,
    a_restarted_branch_has_its_contexts_without_the_main,
    a_restarted_branch_knows_the_other_sites_without_the_main,
    functions_tell_states_and_users,
    hints_follow_the_phones,
    a_phone_that_watches_a_number_sees_its_phone_come,
    synced_users_dial_in_the_branchs_own_context,
    another_name_of_the_context_is_taken_up_by_a_reload,
    a_context_of_the_same_name_is_told_and_brings_nothing_down,
);

const CONTEXTS: [&str; 3] = ["synch-internal", "synch-users", "synch-others"];

/// What the contexts hold, in an order of its own.
fn shown(site: &Site) -> Result<Vec<String>> {
    let text = CONTEXTS.map(|context| site.branch.rx(&format!("dialplan show {context}")));
    let text = text.into_iter().collect::<Result<String>>()?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    Ok(lines)
}

fn contexts_outlive_a_reload_of_the_dialplan(version: Version) -> Result {
    let site = Site::dialling(version)?;
    let before = shown(&site)?;
    assert!(before.iter().any(|line| line.contains("1003")), "{before:#?}");
    site.branch.edit_conf("extensions.conf", "[from-branch]\n", "[from-branch]\nexten => 601,1,Echo()\n")?;
    site.branch.rx("dialplan reload")?;
    site.branch.wait_context("from-branch", "601", true)?;
    assert_eq!(shown(&site)?, before);
    Ok(())
}

/// Contexts, steps and hints stay, since Asterisk could only destroy them under locks that others take in another order; but
/// without switch and functions they lead nowhere.
fn assert_nothing_is_left(site: &Site) -> Result {
    let functions = site.branch.rx("core show functions")?;
    assert!(!functions.to_lowercase().contains("synch"), "{functions}");
    let dialplan = site.branch.rx("dialplan show")?;
    assert!(!dialplan.contains("Synch/"), "{dialplan}");
    Ok(())
}

fn nothing_is_left_after_an_unload_and_all_is_back_after_a_load(version: Version) -> Result {
    let site = Site::dialling(version)?;
    let contexts = site.branch.contexts()?;
    assert!(CONTEXTS.iter().all(|context| contexts.contains(*context)), "{contexts:?}");
    for _ in 0..3 {
        site.branch.unload_module()?;
        assert_nothing_is_left(&site)?;
        site.branch.load_module()?;
        site.branch.wait_context("synch-users", "1003", true)?;
        assert_eq!(site.branch.contexts()?, contexts);
    }
    Ok(())
}

fn a_restarted_branch_has_its_contexts_without_the_main(version: Version) -> Result {
    let mut site = Site::dialling_in_an_outage(version)?;
    site.branch.stop()?;
    site.branch.start()?;
    site.branch.wait_context("synch-users", "1003", true)?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let mut zoe = site.phone_at(&site.branch, "1003")?;
    alice.dial("1003")?;
    zoe.wait_in_call(GENEROUS)?;
    alice.wait_hears("1003", GENEROUS)?;
    zoe.wait_hears("1001", GENEROUS)?;
    let carrier = site.carrier()?;
    zoe.hang_up()?;
    alice.wait_call_ended(GENEROUS)?;
    alice.dial("112")?;
    carrier.wait_taken("112", GENEROUS).map(drop)
}

fn a_restarted_branch_knows_the_other_sites_without_the_main(version: Version) -> Result {
    let mut site = Site::dialling(version)?;
    site.wait_directory()?;
    site.begin_outage()?;
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_directory()?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.dial("2001")?;
    carrier.wait_taken("+4930202001", GENEROUS).map(drop)
}

fn functions_tell_states_and_users(version: Version) -> Result {
    let mut site = Site::dialling(version)?;
    for (call, wanted) in [
        ("SYNCH(monitor)", "Stable"),
        ("SYNCH(sync)", "Synced"),
        ("SYNCH(service)", "Normal"),
        ("SYNCH(mode)", "auto"),
        ("SYNCH(users)", "3"),
        ("SYNCH_USER(1001,name)", "Alice"),
        ("SYNCH_USER(1001,site)", "HeadOffice"),
        ("SYNCH_USER(1001,voicemail)", "1001@default"),
        ("SYNCH_USER(2001,name)", "Bob"),
        ("SYNCH_USER(2001,site)", "DevOps"),
        ("SYNCH_USER(9999,name)", ""),
    ] {
        site.branch.wait_function(call, wanted)?;
    }
    let name = site.branch.function("SYNCH_USER(1003,name)")?;
    assert!(name.starts_with("Zoë"), "{name}");
    site.begin_outage()?;
    assert_eq!(site.branch.function("SYNCH(service)")?, "Failover");
    assert_eq!(site.branch.function("SYNCH(monitor)")?, "Failed");
    assert_eq!(site.branch.function("SYNCH_USER(2001,site)")?, "DevOps");
    Ok(())
}

/// What a phone sees that subscribes to a number: device and state.
fn lamp(site: &Site, number: &str) -> Result<String> {
    let asked = [("Exten", number), ("Context", "synch-internal")];
    let answer = site.branch.ami()?.action("ExtensionState", &asked)?;
    Ok(format!("{} {}", answer.need("Hint")?, answer.need("StatusText")?))
}

/// Each number of the site has a hint, and no other number has; also when the branch starts anew.
fn hints_follow_the_phones(version: Version) -> Result {
    let mut site = Site::dialling_in_an_outage(version)?;
    let wait = |user: &str, state: &str| {
        let what = format!("the lamp of {user} to be {state}");
        until_value(&what, GENEROUS, || lamp(&site, user), |line| line.contains(state)).map(drop)
    };
    until_ok("the lamps", GENEROUS, || has_lamps(&site))?;
    for user in ["1001", "1002", "1003"] {
        wait(user, &format!("{}/{user} Unavailable", version.technology()))?;
    }
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let _zoe = site.phone_at(&site.branch, "1003")?;
    wait("1001", "Idle")?;
    alice.dial("1003")?;
    wait("1001", "InUse")?;
    wait("1003", "InUse")?;
    // What somebody watches outlives a reload of the dialplan.
    site.branch.rx("dialplan reload")?;
    wait("1003", "InUse")?;
    alice.hang_up()?;
    wait("1003", "Idle")?;
    site.branch.stop()?;
    site.branch.start()?;
    has_lamps(&site)
}

/// An error where the lamps of the site are not just those of its users.
fn has_lamps(site: &Site) -> Result {
    let shown = site.branch.rx("core show hints")?;
    let lamps = shown.lines().filter_map(|line| line.split_once("@synch-users")?.0.split_whitespace().last());
    let mut lamps: Vec<_> = lamps.collect();
    lamps.sort_unstable();
    if lamps == ["1001", "1002", "1003"] { Ok(()) } else { Err(Error::new(shown)) }
}

/// What Asterisk 22 needs to take a SUBSCRIBE for a number; chan_sip has it all.
const LAMPS_22: [&str; 3] =
    ["res_pjsip_outbound_publish.so", "res_pjsip_exten_state.so", "res_pjsip_pidf_body_generator.so"];

fn a_phone_that_watches_a_number_sees_its_phone_come(version: Version) -> Result {
    let site = Site::dialling_in_an_outage(version)?;
    if version == Version::V22 {
        LAMPS_22.iter().try_for_each(|module| site.branch.rx(&format!("module load {module}")).map(drop))?;
    }
    let lamp = Lamp::start(&site.net, &site.branch, "1001", "1003")?;
    let watched = || site.branch.rx("core show hint 1003");
    until_value("somebody to watch", GENEROUS, watched, |shown| shown.contains("Watchers  1"))?;
    site.branch.rx("dialplan reload")?;
    let _zoe = site.phone_at(&site.branch, "1003")?;
    lamp.wait_lit(GENEROUS)
}

fn synced_users_dial_in_the_branchs_own_context(version: Version) -> Result {
    let site = Site::dialling(version)?;
    site.branch.wait_live("1001", "synch-internal")?;
    assert!(!site.branch.live_user("1001")?.contains("from-internal"));
    assert!(!site.synced_file()?.contains("from-internal"));
    Ok(())
}

fn another_name_of_the_context_is_taken_up_by_a_reload(version: Version) -> Result {
    let site = Site::dialling(version)?;
    site.branch.edit_conf("res_synch.conf", "[dialplan]\n", "[dialplan]\ncontext = our-phones\n")?;
    site.branch.reload_module()?;
    site.branch.wait_context("our-phones", "synch-users", true)?;
    site.branch.wait_live("1001", "our-phones")?;
    // What there is of the old one leads nowhere any more.
    let old = site.branch.rx("dialplan show synch-internal")?;
    assert!(!old.contains("112") && !old.contains("Switch"), "{old}");
    Ok(())
}

/// An administrator who has a context of our name: he is told, what is his is left alone, the rest works, and Asterisk lives.
fn a_context_of_the_same_name_is_told_and_brings_nothing_down(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    let conf = site.branch.read_conf("extensions.conf")?;
    let his = "[synch-internal]\nexten => 112,1,NoOp(his)\n same => n,NoOp(2)\n same => n,NoOp(3)\n same => n,NoOp(4)\n\
               exten => 911/1001,1,NoOp(his)\n";
    site.branch.write_conf("extensions.conf", &format!("{conf}\n{his}"))?;
    site.serve()?;
    let wait_told = || {
        let told = || site.status("Dialplan");
        until_value("it to be told", GENEROUS, told, |told| {
            told.contains("also has a context synch-internal")
        })
    };
    wait_told()?;
    for _ in 0..3 {
        site.branch.wait_context("synch-internal", "Alt. Switch", true)?;
        let shown = site.branch.rx("dialplan show synch-internal")?;
        assert!(shown.contains("1. NoOp(his)") && shown.contains("4. NoOp(4)"), "{shown}");
        assert!(shown.contains("1. Goto(synch-emergency"), "911 of anybody else: {shown}");
        site.branch.rx("dialplan reload")?;
        site.branch.unload_module()?;
        site.branch.load_module()?;
    }
    wait_told()?;
    let report = site.branch.rx("synch doctor")?;
    assert!(
        report.contains("rename that context") && report.contains("calls to 112 may go elsewhere"),
        "{report}"
    );
    Ok(())
}
