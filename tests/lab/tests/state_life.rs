//! Sites that share their states, over a line that breaks, beside a broker that forgets nothing, and in the life of two
//! systems that stand in for each other.

use std::time::Duration;

use lab::phone::{Dialogs, Settings};
use lab::sharing::SITES;
use lab::wait::{GENEROUS, until, until_ok};
use lab::{Asterisk, Broker, Error, Result, Sharing, Site, Version};

lab::tests_on!(
    on_22,
    V22,
    a_line_that_is_cut_leaves_no_lamp_lit_on_either_side,
    another_hold_is_taken_up_without_a_farewell,
    what_belongs_to_a_number_is_taken_of_its_owner_alone,
    two_systems_that_stand_in_for_each_other_show_each_others_calls,
    a_message_that_is_too_long_cuts_nobody_off,
    #[ignore = "a site is silent after 150 s"]
    a_site_that_dies_with_a_broker_that_forgets_nothing_is_silent,
);

const BOTH: [Version; 2] = [Version::V22, Version::V16];

/// Packets are dropped, and nobody says so. Berlin is behind the WAN; the broker is in bonn's LAN.
fn a_line_that_is_cut_leaves_no_lamp_lit_on_either_side(_: Version) -> Result {
    let sharing = Sharing::joined(&BOTH, "hold = 1\nkeepalive = 5")?;
    let [berlin, bonn] = sharing.both()?;
    let lit = || -> Result {
        bonn.wait_hint("1234", "InUse")?;
        berlin.wait_hint("1235", "InUse")
    };
    berlin.set_device("Custom:mystate", "INUSE")?;
    bonn.set_device("Custom:other", "INUSE")?;
    lit()?;
    sharing.net.blackhole()?;
    // Long before 150 s, after which a site is silent in any case.
    bonn.wait_dark("1234")?;
    berlin.wait_dark("1235")?;
    assert!(bonn.rx("synch show sites")?.contains("Lost"));
    assert_eq!(berlin.status("State")?, "Away");
    sharing.net.restore()?;
    lit()
}

/// Nobody hears good-bye, and who is lost later is kept for as long as it says now.
fn another_hold_is_taken_up_without_a_farewell(_: Version) -> Result {
    let mut sharing = Sharing::joined(&BOTH, "hold = 3600")?;
    sharing.at(1)?.set_device("Custom:mystate", "INUSE")?;
    let berlin = sharing.at(0)?;
    berlin.wait_hint("1234", "InUse")?;
    berlin.edit_conf("res_synch.conf", "hold = 3600", "hold = 1")?;
    berlin.reload_module()?;
    sharing.at_mut(1)?.kill_9()?;
    sharing.at(0)?.wait_dark("1234")?;
    let said = sharing.at(1)?.log();
    assert!(said.contains("Site berlin is Joined") && !said.contains("Site berlin is L"), "{said}");
    Ok(())
}

/// Bern owns the numbers that begin with 3, and speaks of 1001, who is in berlin, as well.
fn what_belongs_to_a_number_is_taken_of_its_owner_alone(_: Version) -> Result {
    let sharing = Sharing::joined(&[Version::V22], "accept = ^bern$ ^(PJSIP|SIP)/3[0-9]{3}$")?;
    let (berlin, broker) = (sharing.at(0)?, &sharing.broker);
    let says =
        |subject: &str, payload: &str| broker.publish("bern", &format!("synch/1/bern/{subject}"), payload);
    says("site", "joined x 22 0.5.0")?;
    for number in ["1001", "3001"] {
        says(&format!("mwi/default/{number}"), "3 0")?;
        says(&format!("presence/CustomPresence/{number}"), r#"{"state":"dnd"}"#)?;
        says(&format!("agent/Local/{number}%40from-queue/n"), r#"{"bern-queue":"ready"}"#)?;
    }
    let person = |number: &str, device: &str| {
        format!(r#"{{"number":"{number}","name":"Mallory","device":"PJSIP/{device}"}}"#)
    };
    let people =
        [person("3001", "3001"), person("1001", "3001"), person("3002", "1001"), person("1002", "3002")];
    says("people", &format!("[{}]", people.join(",")))?;
    let directory = until_ok("the directory", GENEROUS, || {
        let directory = berlin.rx("synch show directory")?;
        let has = directory.contains("Mallory") && directory.contains("bern-queue");
        if has { Ok(directory) } else { Err(Error::new(directory)) }
    })?;
    let of_mallory: Vec<&str> = directory.lines().filter(|line| line.contains("Mallory")).collect();
    assert!(of_mallory.len() == 1 && of_mallory.iter().all(|line| line.starts_with("3001")), "{directory}");
    assert_eq!(directory.matches("bern-queue").count(), 1, "{directory}");
    berlin.wait_device("MWI:3001@default", "INUSE")?;
    let mut ami = berlin.ami()?;
    let mut presence = |number: &str| -> Result<String> {
        let variable = format!("PRESENCE_STATE(CustomPresence:{number},value)");
        Ok(ami.action("Getvar", &[("Variable", &variable)])?.get("Value").unwrap_or_default().to_owned())
    };
    until("the presence of 3001", GENEROUS, || presence("3001").is_ok_and(|state| state == "dnd"))?;
    assert_ne!(presence("1001")?, "dnd");
    assert_ne!(berlin.device_state("MWI:1001@default")?, "INUSE");
    Ok(())
}

/// As two systems of Wazo: both have the same users. 1002 is at the primary, bonn; 1003 comes to the secondary, berlin, while
/// the primary is drained; and the primary is stopped for its upgrade.
fn two_systems_that_stand_in_for_each_other_show_each_others_calls(version: Version) -> Result {
    let mut site = Site::new(version)?;
    let broker = Broker::start(&site.net, &SITES)?;
    site.main.share("bonn", &broker, "hold = 2")?;
    site.branch.share_besides("berlin", &broker, "hold = 2")?;
    site.serve()?;
    for system in [&site.main, &site.branch] {
        until_ok("both to be joined", GENEROUS, || {
            let sites = system.rx("synch show sites")?;
            if sites.contains("Joined") { Ok(()) } else { Err(Error::new(sites)) }
        })?;
    }
    let phone = |system: &Asterisk, user: &str| {
        site.phone_told(system, user, Settings { answers: false, ..site.phone_settings() })
    };
    let mut alex = phone(&site.main, "1002")?;
    let lamp = Dialogs::start(&site.net, &site.branch, "1001", "1002")?;
    lamp.wait("terminated")?;
    for round in 0..2 {
        site.main.rx("channel originate PJSIP/1002 application Wait 600")?;
        alex.wait_rings(GENEROUS)?;
        lamp.wait("early")?;
        alex.answer()?;
        lamp.wait("confirmed")?;
        if round == 0 {
            alex.hang_up()?;
            lamp.wait("terminated")?;
        }
    }
    let drained = site.branch.rx("synch set mode failover")?;
    site.wait_status("Service", "Failover").map_err(|error| Error::new(format!("{drained}: {error}")))?;
    let mut zoe = phone(&site.branch, "1003")?;
    let other = Dialogs::start(&site.net, &site.main, "1001", "1003")?;
    other.wait("terminated")?;
    site.branch.rx("channel originate PJSIP/1003 application Wait 600")?;
    zoe.wait_rings(GENEROUS)?;
    other.wait("early")?;
    zoe.answer()?;
    other.wait("confirmed")?;
    assert_eq!(lamp.states().last().map(String::as_str), Some("confirmed"));
    site.main.stop()?;
    lamp.wait("terminated")?;
    site.branch.wait_device("PJSIP/1003", "INUSE")?;
    site.main.start()?;
    site.main.wait_device("PJSIP/1003", "INUSE")?;
    zoe.hang_up()?;
    site.main.wait_device("PJSIP/1003", "NOT_INUSE")
}

/// NATS passes on what bern says, whatever its length, and keeps it for whoever comes.
fn a_message_that_is_too_long_cuts_nobody_off(_: Version) -> Result {
    let mut sharing = Sharing::over(lab::broker::Kind::Nats, &BOTH, "")?;
    sharing.start()?;
    let [berlin, bonn] = sharing.both()?;
    let long = "x".repeat(600 * 1024);
    let mut bern = lab::loud::Loud::join(&sharing.broker, "bern")?;
    bern.say("synch/1/bern/site", b"joined x 22 0.5.0", true)?;
    bern.say("synch/1/bern/people", long.as_bytes(), true)?;
    bern.flush()?;
    for system in [berlin, bonn] {
        until_ok("bern to be put aside", GENEROUS, || {
            let sites = system.rx("synch show sites")?;
            let is = sites.lines().any(|line| line.starts_with("bern") && line.contains("Throttled"));
            if is { Ok(()) } else { Err(Error::new(sites)) }
        })?;
    }
    bonn.set_device("Custom:mystate", "INUSE")?;
    berlin.wait_hint("1234", "InUse")?;
    // Whoever comes later is sent it at once.
    berlin.unload_module()?;
    berlin.load_module()?;
    berlin.wait_hint("1234", "InUse")?;
    assert_eq!(berlin.status("State")?, "Joined");
    Ok(())
}

/// What it keeps says that bonn is there and talks.
fn a_site_that_dies_with_a_broker_that_forgets_nothing_is_silent(_: Version) -> Result {
    let mut sharing = Sharing::new(&BOTH, "hold = 2")?;
    sharing.broker.remember()?;
    sharing.start()?;
    sharing.at(1)?.set_device("Custom:mystate", "INUSE")?;
    sharing.at(0)?.wait_hint("1234", "InUse")?;
    sharing.broker.save()?;
    sharing.broker.kill();
    sharing.at_mut(1)?.kill_9()?;
    sharing.broker.run()?;
    let berlin = sharing.at(0)?;
    berlin.wait_status("State", "Joined")?;
    assert_eq!(
        sharing.broker.retained("berlin", "synch/1/bonn/device/#")?,
        ["synch/1/bonn/device/Custom:mystate INUSE"]
    );
    berlin.wait_hint("1234", "InUse")?;
    let silent = Duration::from_secs(150) + GENEROUS;
    until("bonn to be silent", silent, || {
        berlin.rx("synch show sites").is_ok_and(|sites| sites.contains("Silent"))
    })?;
    berlin.wait_dark("1234")
}
