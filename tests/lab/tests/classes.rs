//! Who may call outside, by the context that he has on the main, and which ways there are.

use lab::dialplan::SITE_NUMBER;
use lab::wait::{GENEROUS, until_ok};
use lab::{Carrier, Error, Phone, Result, Site, Version};

lab::on_22_and_16!(
    who_may_not_call_outside_on_the_main_may_not_here_whoever_serves,
    a_class_of_the_administrators_own_reaches_what_it_says,
    an_emergency_call_finds_the_second_way_where_the_first_is_dead,
    a_premium_number_that_the_main_says_is_not_dialled,
);

lab::tests_on!(on_16_alone, V16, a_peer_without_a_context_has_the_rights_of_the_general_one);

/// Alice may not call outside on the main.
fn with_a_lobby(version: Version, more: &str) -> Result<Site> {
    let mut site = Site::with_dialplan(version)?;
    site.edit_users("callerid=Alice <1001>\n", "callerid=Alice <1001>\ncontext=lobby\n")?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    site.branch.write_conf("res_synch.conf", &format!("{conf}\n{more}"))?;
    site.serve()?;
    Ok(site)
}

fn refused(phone: &mut Phone, number: &str) -> Result {
    phone.dial(number)?;
    phone.wait_refused("404", GENEROUS)
}

fn leaves(phone: &mut Phone, carrier: &Carrier, dialled: &str, arrives: &str) -> Result {
    phone.dial(dialled)?;
    phone.wait_in_call(GENEROUS)?;
    carrier.wait_taken(arrives, GENEROUS)?;
    phone.hang_up()?;
    phone.wait_call_ended(GENEROUS).map(drop)
}

fn who_may_not_call_outside_on_the_main_may_not_here_whoever_serves(version: Version) -> Result {
    let mut site = with_a_lobby(version, "")?;
    site.branch.wait_live("1001", "synch-people")?;
    site.branch.wait_live("1003", "synch-internal")?;
    let report = site.branch.rx("synch doctor")?;
    assert!(
        report.contains(
            "1 user may not call outside here, the first is 1001: no line of [classes] names lobby"
        ),
        "{report}"
    );
    assert!(report.contains("add: lobby = outside"), "{report}");
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let mut zoe = site.phone_at(&site.branch, "1003")?;
    for outage in [false, true] {
        if outage {
            site.begin_outage()?;
        }
        refused(&mut alice, "030555")?;
        leaves(&mut alice, &carrier, "112", "112")?;
        leaves(&mut zoe, &carrier, "030555", "30555")?;
        alice.dial("1003")?;
        alice.wait_in_call(GENEROUS)?;
        alice.hang_up()?;
        alice.wait_call_ended(GENEROUS)?;
    }
    Ok(())
}

fn a_class_of_the_administrators_own_reaches_what_it_says(version: Version) -> Result {
    let site = with_a_lobby(version, "[classes]\nlob.* = only-in-an-outage\nfrom-internal = none\n")?;
    site.branch.wait_live("1001", "synch-class-1")?;
    site.branch.wait_live("1003", "synch-people")?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let mut zoe = site.phone_at(&site.branch, "1003")?;
    leaves(&mut alice, &carrier, "8555", "555")?;
    refused(&mut alice, "030555")?;
    refused(&mut zoe, "030555")?;
    // Taken up by a reload, without a new registration.
    site.branch.edit_conf("res_synch.conf", "from-internal = none", "from-internal = outside")?;
    site.branch.reload_module()?;
    site.branch.wait_live("1003", "synch-internal")?;
    leaves(&mut zoe, &carrier, "030555", "30555")
}

fn an_emergency_call_finds_the_second_way_where_the_first_is_dead(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    let first = "local_trunk = local-trunk\n";
    let both = "local_trunk = nothing-there\nemergency_second = local-trunk\n";
    site.branch.edit_conf("res_synch.conf", first, both)?;
    site.serve()?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.dial("112")?;
    alice.wait_in_call(GENEROUS)?;
    assert_eq!(carrier.wait_taken("112", GENEROUS)?, SITE_NUMBER);
    alice.hang_up()?;
    alice.wait_call_ended(GENEROUS).map(drop)
}

fn a_premium_number_that_the_main_says_is_not_dialled(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.branch.edit_conf("res_synch.conf", "[dialplan]\n", "[dialplan]\npremium = +493020200\n")?;
    site.serve()?;
    site.wait_directory()?;
    site.begin_outage()?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.dial("2001")?;
    alice.wait_refused("503", GENEROUS)?;
    assert_eq!(carrier.taken(), []);
    site.branch.edit_conf("res_synch.conf", "premium = +493020200\n", "premium = +49900\n")?;
    site.branch.reload_module()?;
    until_ok("the number to be dialled again", GENEROUS, || {
        match site.branch.function("SYNCH_USER(2001,public)")? {
            public if public.is_empty() => Err(Error::new("it is not")),
            _ => Ok(()),
        }
    })?;
    leaves(&mut alice, &carrier, "2001", "+4930202001")
}

/// chan_sip gives it the context of `[general]`; so do its rights here.
fn a_peer_without_a_context_has_the_rights_of_the_general_one(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.edit_users("context=from-internal\n", "")?;
    site.main.edit_conf("sip.conf", "context = nowhere", "context = from-internal")?;
    site.serve()?;
    site.branch.wait_live("1001", "synch-internal")?;
    site.main.edit_conf("sip.conf", "context = from-internal", "context = lobby")?;
    site.sync()?;
    site.branch.wait_live("1001", "synch-people")
}
