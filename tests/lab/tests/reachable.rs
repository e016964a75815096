//! Who can call and be called in the first seconds of an outage: phones that are registered at the main only, or nowhere.

use std::fs;

use lab::phone::Settings;
use lab::wait::{GENEROUS, until, until_value};
use lab::{Phone, Result, Site, Version};

lab::on_22_and_16!(
    a_phone_that_never_registered_calls_others_and_for_help,
    a_phone_known_only_from_the_main_is_called_there_and_later_here,
    a_phone_that_is_gone_leaves_its_caller_to_voicemail,
    a_restarted_branch_still_knows_the_phones_of_the_main,
    a_main_that_has_lost_a_user_tells_nothing_of_the_phone,
    phones_are_followed_through_an_outage,
);

/// Where the branch says that the phone of a user is: `here`, `main`, `main*` or `away`.
fn place(site: &Site, user: &str) -> Result<String> {
    let shown = site.branch.rx("synch show phones")?;
    let line = shown.lines().find(|line| line.split_whitespace().next() == Some(user)).unwrap_or_default();
    Ok(line.split_whitespace().nth(2).unwrap_or_default().to_owned())
}

fn wait_place(site: &Site, user: &str, wanted: &str) -> Result {
    let what = format!("the phone of {user} to be {wanted}");
    until_value(&what, GENEROUS, || place(site, user), |found| found == wanted).map(drop)
}

/// A phone that registers where the site's name leads, now that is the main, and not again for long.
fn phone_at_the_main(site: &Site, user: &str) -> Result<Phone> {
    let phone = Phone::new(&site.net, user, &Settings { expires: 3600, ..site.phone_settings() })?;
    site.main.wait_registered(user)?;
    wait_place(site, user, "main")?;
    Ok(phone)
}

/// Switches a phone off and on: it registers where the name leads now, which is the branch.
fn switch_off_and_on(site: &Site, phone: &mut Phone) -> Result {
    phone.switch_off();
    phone.start()?;
    site.branch.wait_registered(&phone.user)?;
    wait_place(site, &phone.user, "here")
}

/// A phone that sends its calls to the branch and has never registered.
fn unregistered(site: &Site, user: &str) -> Result<Phone> {
    let registrar = site.branch.address().to_string();
    Phone::new(&site.net, user, &Settings { registrar, expires: 0, ..site.phone_settings() })
}

fn assert_talk(one: &Phone, other: &Phone) -> Result {
    one.wait_hears(&other.user, GENEROUS)?;
    other.wait_hears(&one.user, GENEROUS)
}

fn call_and_hang_up(caller: &mut Phone, called: &mut Phone) -> Result {
    caller.dial(&called.user)?;
    caller.wait_in_call(GENEROUS)?;
    called.wait_in_call(GENEROUS)?;
    assert_talk(caller, called)?;
    caller.hang_up()?;
    caller.wait_call_ended(GENEROUS)?;
    called.wait_call_ended(GENEROUS).map(drop)
}

fn a_phone_that_never_registered_calls_others_and_for_help(version: Version) -> Result {
    let site = Site::dialling_in_an_outage(version)?;
    let carrier = site.carrier()?;
    let mut alice = unregistered(&site, "1001")?;
    let mut zoe = site.phone_at(&site.branch, "1003")?;
    call_and_hang_up(&mut alice, &mut zoe)?;
    alice.dial("112")?;
    alice.wait_in_call(GENEROUS)?;
    carrier.wait_taken("112", GENEROUS)?;
    assert_eq!(site.branch.registered_from("1001")?, [""; 0]);
    Ok(())
}

fn a_phone_known_only_from_the_main_is_called_there_and_later_here(version: Version) -> Result {
    let mut site = Site::dialling(version)?;
    let mut zoe = phone_at_the_main(&site, "1003")?;
    assert_eq!(site.branch.function("SYNCH_USER(1003,known)")?, "", "the main serves, and knows better");
    site.begin_outage()?;
    let mut alice = unregistered(&site, "1001")?;
    call_and_hang_up(&mut alice, &mut zoe)?;
    assert_eq!(site.branch.registered_from("1003")?, [""; 0]);

    switch_off_and_on(&site, &mut zoe)?;
    assert_eq!(site.branch.registered_from("1003")?.len(), 1);
    call_and_hang_up(&mut alice, &mut zoe)
}

fn a_phone_that_is_gone_leaves_its_caller_to_voicemail(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.branch.edit_conf("res_synch.conf", "[dialplan]\n", "[dialplan]\nring_time = 3\n")?;
    site.serve()?;
    until_value("the box", GENEROUS, || site.branch.rx("voicemail show users"), |all| all.contains("1003"))?;
    let mut zoe = phone_at_the_main(&site, "1003")?;
    zoe.switch_off();
    site.begin_outage()?;
    assert_ne!(site.branch.function("SYNCH_USER(1003,known)")?, "");
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.leave_message("1003")?;
    site.branch.wait_message("1003", GENEROUS)?.is_from("1001")
}

fn a_restarted_branch_still_knows_the_phones_of_the_main(version: Version) -> Result {
    let mut site = Site::dialling(version)?;
    let mut zoe = phone_at_the_main(&site, "1003")?;
    let kept = site.branch.path("var/synch/contacts.txt");
    until("the contact to be kept", GENEROUS, || {
        fs::read_to_string(&kept).is_ok_and(|text| text.contains("1003"))
    })?;
    site.begin_outage()?;
    site.branch.kill_9()?;
    site.branch.start()?;
    site.wait_status("Service", "Failover")?;
    site.wait_status("PhonesAwaited", "1")?;
    site.branch.wait_context("synch-users", "1003", true)?;
    let mut alice = unregistered(&site, "1001")?;
    call_and_hang_up(&mut alice, &mut zoe)
}

fn a_main_that_has_lost_a_user_tells_nothing_of_the_phone(version: Version) -> Result {
    let site = Site::dialling(version)?;
    let _zoe = phone_at_the_main(&site, "1003")?;
    // As in a reload that goes wrong: it does not know the user whom it is asked about.
    site.main.write_conf(version.users_file(), "")?;
    site.main.reload("core reload")?;
    until("the main to know nobody", GENEROUS, || {
        site.main.live_users().is_ok_and(|users| users.is_empty())
    })?;
    // A module that was just loaded asks about everybody.
    site.branch.unload_module()?;
    site.branch.load_module()?;
    until_value(
        "the main to be asked",
        GENEROUS,
        || site.branch.rx("synch show phones"),
        |shown| shown.contains("1003") && !shown.contains("may be out of date"),
    )?;
    assert_eq!(place(&site, "1003")?, "main");
    Ok(())
}

fn phones_are_followed_through_an_outage(version: Version) -> Result {
    let mut site = Site::dialling(version)?;
    let mut zoe = phone_at_the_main(&site, "1003")?;
    let _alex = phone_at_the_main(&site, "1002")?;
    for (user, wanted) in [("1001", "away"), ("1002", "main"), ("1003", "main")] {
        assert_eq!(place(&site, user)?, wanted, "{user}");
    }
    site.wait_status("PhonesKnown", "2")?;
    assert_eq!(site.status("PhonesAwaited")?, "0");

    site.begin_outage()?;
    wait_place(&site, "1003", "main*")?;
    site.wait_status("PhonesAwaited", "2")?;
    switch_off_and_on(&site, &mut zoe)?;
    site.wait_status("PhonesAwaited", "1")?;
    site.wait_status("PhonesHere", "1")?;
    let history = site.branch.rx("synch show history")?;
    assert!(history.contains("1 of 2 registered here"), "{history}");
    assert!(!history.contains("2 of 2 registered"), "{history}");
    let phones = site.branch.ami()?.list("SynchPhones", &[])?;
    let zoes = phones.iter().find(|phone| phone.get("Name") == Some("1003"));
    let headers = ["Number", "Phone", "Awaited"].map(|key| zoes.and_then(|phone| phone.get(key)));
    assert_eq!(headers, [Some("1003"), Some("here"), Some("no")], "{phones:?}");
    let address = zoes.and_then(|phone| phone.get("Address")).unwrap_or_default();
    assert!(address.contains(&zoe.address().to_string()), "{address}");

    site.heal()?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("PhonesAwaited", "0")
}
