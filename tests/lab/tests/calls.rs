//! What a branch dials by itself: its own users, those of other sites, emergency numbers and outside lines.

use std::time::Duration;

use lab::audio::{tone_of, write_tone};
use lab::carrier::CARRIER;
use lab::dialplan::SITE_NUMBER;
use lab::phone::Settings;
use lab::wait::GENEROUS;
use lab::{Carrier, Phone, Result, Site, Version};

lab::on_22_and_16!(
    users_call_each_other_in_an_outage,
    a_user_whose_phone_is_at_the_main_is_reached_there,
    emergency_calls_leave_over_the_local_trunk_whoever_serves_and_whoever_has_the_number,
    a_user_of_another_site_is_reached_over_the_main_while_it_serves,
    a_user_of_another_site_is_reached_at_the_public_number_in_an_outage,
    a_user_of_another_site_without_a_public_number_is_refused_in_an_outage,
    a_refusal_is_spoken_where_there_is_a_sound,
    the_administrators_own_numbers_are_dialled_through,
    a_context_for_the_outage_is_there_only_then,
    a_ring_group_rings_phones_and_no_mailbox_takes_the_call,
    a_number_that_nobody_has_is_refused,
    a_call_survives_a_sync_that_changes_others,
);

/// Both hear each other.
fn assert_talk(one: &Phone, other: &Phone) -> Result {
    one.wait_hears(&other.user, GENEROUS)?;
    other.wait_hears(&one.user, GENEROUS)
}

/// The phone calls a number; at the carrier arrives the other one, with the site's own number as the caller's.
fn assert_leaves(phone: &mut Phone, carrier: &Carrier, dialled: &str, arrives: &str) -> Result {
    phone.dial(dialled)?;
    phone.wait_in_call(GENEROUS)?;
    assert_eq!(carrier.wait_taken(arrives, GENEROUS)?, SITE_NUMBER, "{dialled}");
    phone.wait_hears(CARRIER, GENEROUS)?;
    phone.hang_up()?;
    phone.wait_call_ended(GENEROUS).map(drop)
}

fn users_call_each_other_in_an_outage(version: Version) -> Result {
    let site = Site::dialling_in_an_outage(version)?;
    let mut alice = site.phone("1001")?;
    let mut zoe =
        site.phone_told(&site.branch, "1003", Settings { answers: false, ..site.phone_settings() })?;
    site.branch.wait_registered("1001")?;
    alice.dial("1003")?;
    zoe.wait_rings(GENEROUS)?;
    zoe.answer()?;
    alice.wait_in_call(GENEROUS)?;
    assert_talk(&alice, &zoe)?;
    assert_eq!(site.branch.channels()?, 2);
    zoe.hang_up()?;
    alice.wait_call_ended(GENEROUS).map(drop)
}

fn a_user_whose_phone_is_at_the_main_is_reached_there(version: Version) -> Result {
    let site = Site::dialling(version)?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let zoe = site.phone_at(&site.main, "1003")?;
    alice.dial("1003")?;
    alice.wait_in_call(GENEROUS)?;
    assert_talk(&alice, &zoe)
}

fn emergency_calls_leave_over_the_local_trunk_whoever_serves_and_whoever_has_the_number(
    version: Version,
) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.add_user("112", "HeadOffice")?;
    site.serve()?;
    site.wait_status("Users", "4")?;
    // The administrator's own context has one, too, which refuses.
    site.branch.wait_context("from-branch", "112", true)?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let _bait = site.phone_at(&site.branch, "112")?;
    for number in ["112", "911"] {
        assert_leaves(&mut alice, &carrier, number, number)?;
    }
    site.begin_outage()?;
    for number in ["112", "911"] {
        assert_leaves(&mut alice, &carrier, number, number)?;
    }
    assert_eq!(carrier.taken().len(), 4);
    Ok(())
}

fn a_user_of_another_site_is_reached_over_the_main_while_it_serves(version: Version) -> Result {
    let site = Site::dialling(version)?;
    site.wait_directory()?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let bob = site.phone_at(&site.main, "2001")?;
    alice.dial("2001")?;
    alice.wait_in_call(GENEROUS)?;
    assert_talk(&alice, &bob)?;
    assert_eq!(carrier.taken(), []);
    Ok(())
}

fn a_user_of_another_site_is_reached_at_the_public_number_in_an_outage(version: Version) -> Result {
    let mut site = Site::dialling(version)?;
    site.wait_directory()?;
    site.begin_outage()?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    assert_leaves(&mut alice, &carrier, "2001", "+4930202001")
}

fn a_user_of_another_site_without_a_public_number_is_refused_in_an_outage(version: Version) -> Result {
    let mut site = Site::dialling(version)?;
    site.wait_directory()?;
    site.begin_outage()?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.dial("2002")?;
    alice.wait_refused("503", GENEROUS)?;
    assert_eq!(carrier.taken(), []);
    Ok(())
}

fn a_refusal_is_spoken_where_there_is_a_sound(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.branch.edit_conf("res_synch.conf", "[dialplan]\n", "[dialplan]\nrefusal = sorry\n")?;
    write_tone(&site.branch.path("data/sounds/en/sorry.wav"), tone_of("nobody"), Duration::from_secs(4))?;
    site.serve()?;
    site.wait_directory()?;
    site.begin_outage()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.dial("2002")?;
    alice.wait_hears("nobody", GENEROUS)?;
    alice.wait_refused("503", GENEROUS)
}

/// A call over an outside line of the administrator's: his own, so the caller is who he lets it be.
fn assert_outside(phone: &mut Phone, carrier: &Carrier, dialled: &str, arrives: &str) -> Result {
    phone.dial(dialled)?;
    phone.wait_in_call(GENEROUS)?;
    carrier.wait_taken(arrives, GENEROUS)?;
    phone.hang_up()?;
    phone.wait_call_ended(GENEROUS).map(drop)
}

fn the_administrators_own_numbers_are_dialled_through(version: Version) -> Result {
    let mut site = Site::dialling(version)?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    assert_outside(&mut alice, &carrier, "030555", "30555")?;
    site.begin_outage()?;
    assert_outside(&mut alice, &carrier, "030777", "30777")
}

/// As docs/dialling.md has it.
const RING_GROUP: &str = "
[from-branch](+)
exten => 700,1,Dial(Local/1001@site-phones&Local/1003@site-phones,20)
 same => n,Voicemail(1001@default,u)

[site-phones]
exten => _X.,1,Dial(${SYNCH_USER(${EXTEN},dial)})
";

fn a_ring_group_rings_phones_and_no_mailbox_takes_the_call(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    let before = site.branch.read_conf("extensions.conf")?;
    site.branch.write_conf("extensions.conf", &(before + RING_GROUP))?;
    site.serve()?;
    site.begin_outage()?;
    // 1001 has a box and no phone; 1003 is in the group and takes the call.
    let mut alice = site.phone_at(&site.branch, "1002")?;
    let silent = Settings { answers: false, ..site.phone_settings() };
    let mut zoe = site.phone_told(&site.branch, "1003", silent)?;
    alice.dial("700")?;
    zoe.wait_rings(GENEROUS)?;
    zoe.answer()?;
    alice.wait_in_call(GENEROUS)?;
    alice.wait_hears("1003", GENEROUS)
}

fn a_context_for_the_outage_is_there_only_then(version: Version) -> Result {
    let mut site = Site::dialling(version)?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.dial("8555")?;
    alice.wait_refused("404", GENEROUS)?;

    site.begin_outage()?;
    site.wait_dialplan("only-in-an-outage", true)?;
    assert_outside(&mut alice, &carrier, "8555", "555")?;

    site.heal()?;
    site.wait_status("Service", "Normal")?;
    site.wait_dialplan("only-in-an-outage", false)?;
    alice.dial("8777")?;
    alice.wait_refused("404", GENEROUS)?;
    assert_eq!(carrier.taken().len(), 1);
    Ok(())
}

fn a_number_that_nobody_has_is_refused(version: Version) -> Result {
    let site = Site::dialling_in_an_outage(version)?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    for number in ["1999", "2999", "synch-ring", "s"] {
        alice.dial(number)?;
        alice.wait_refused("404", GENEROUS)?;
    }
    Ok(())
}

fn a_call_survives_a_sync_that_changes_others(version: Version) -> Result {
    let site = Site::dialling(version)?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let zoe = site.phone_at(&site.branch, "1003")?;
    alice.dial("1003")?;
    alice.wait_in_call(GENEROUS)?;
    assert_talk(&alice, &zoe)?;

    site.edit_users("Alex <1002>", "Alexa <1002>")?;
    site.add_user("1004", "HeadOffice")?;
    site.sync()?;
    site.branch.wait_live("1002", "Alexa")?;
    site.branch.wait_context("synch-users", "1004", true)?;

    assert_eq!(site.branch.channels()?, 2);
    assert_talk(&alice, &zoe)?;
    alice.hang_up()?;
    alice.wait_call_ended(GENEROUS).map(drop)
}
