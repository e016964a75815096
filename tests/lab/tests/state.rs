//! Sites that share the states of their devices over a broker.

use std::time::Duration;

use lab::conf::password;
use lab::phone::{Dialogs, Settings};
use lab::sharing::SITES;
use lab::wait::{GENEROUS, until};
use lab::{Phone, Result, Sharing, Version};

lab::tests_on!(
    mixed,
    V22,
    a_device_in_use_at_one_is_in_use_at_the_other,
    who_has_gone_leaves_no_lamp_lit,
    sites_are_listed_with_their_states,
    a_phone_sees_the_calls_of_a_colleague_at_another_site,
    who_has_the_name_of_another_is_told_so,
    a_site_writes_what_is_its_own_and_nothing_else,
    loading_again_and_again_leaves_nothing_behind,
);

const BOTH: [Version; 2] = [Version::V22, Version::V16];

/// The test of the seed (distributed-device-state): set on one server, check on the other, by hint and by function.
fn a_device_in_use_at_one_is_in_use_at_the_other(_: Version) -> Result {
    let sharing = Sharing::joined(&BOTH, "")?;
    let [berlin, bonn] = &sharing.systems[..] else { unreachable!() };
    berlin.rx("channel originate Local/set_inuse@devstate_test application Wait 1")?;
    bonn.wait_device("Custom:mystate", "INUSE")?;
    bonn.wait_hint("1234", "InUse")?;
    // The other one being idle does not make it idle here: INUSE weighs more.
    bonn.set_device("Custom:mystate", "NOT_INUSE")?;
    until("bonn to be heard", GENEROUS, || {
        let all = berlin.rx("synch show state Custom:mystate");
        all.is_ok_and(|all| all.contains("bonn                 NOT_INUSE"))
    })?;
    for system in [berlin, bonn] {
        system.wait_device("Custom:mystate", "INUSE")?;
    }
    berlin.set_device("Custom:mystate", "NOT_INUSE")?;
    for system in [berlin, bonn] {
        system.wait_device("Custom:mystate", "NOT_INUSE")?;
        system.wait_hint("1234", "Idle")?;
    }
    Ok(())
}

/// In each of the ways in which one goes: hint and function of a device that only it had.
fn who_has_gone_leaves_no_lamp_lit(_: Version) -> Result {
    let mut sharing = Sharing::joined(&BOTH, "hold = 2")?;
    let lit = |sharing: &Sharing| -> Result {
        sharing.systems[1].set_device("Custom:mystate", "INUSE")?;
        sharing.systems[0].wait_device("Custom:mystate", "INUSE")?;
        sharing.systems[0].wait_hint("1234", "InUse")
    };
    let dark = |sharing: &Sharing| sharing.systems[0].wait_dark("1234");
    lit(&sharing)?;
    sharing.systems[1].rx("module unload res_synch.so")?;
    dark(&sharing)?;
    assert!(sharing.broker.retained("berlin", "synch/1/bonn/device/#")?.is_empty());
    sharing.systems[1].rx("module load res_synch.so")?;
    sharing.wait_joined()?;
    lit(&sharing)?;
    sharing.systems[1].kill_9()?;
    dark(&sharing)?;
    sharing.systems[1].start()?;
    sharing.wait_joined()?;
    lit(&sharing)?;
    sharing.broker.kill();
    dark(&sharing)?;
    sharing.broker.run()?;
    sharing.wait_joined()?;
    sharing.systems[0].wait_device("Custom:mystate", "INUSE")
}

/// A phone in berlin watches 2001, who is in bonn: his phone rings, he talks, he hangs up. Then his system dies in a call.
fn a_phone_sees_the_calls_of_a_colleague_at_another_site(_: Version) -> Result {
    let mut sharing = Sharing::new(&[Version::V22, Version::V22], "hold = 2")?;
    let user = "[2001]\ntype = endpoint\ntransport = transport-udp\ncontext = from-internal\ndisallow = all\nallow = ulaw\n\
                aors = 2001\nauth = 2001\n\n[2001]\ntype = aor\nmax_contacts = 1\n\n[2001]\ntype = auth\n\
                username = 2001\n";
    let bonn = &sharing.systems[1];
    let pjsip = bonn.read_conf("pjsip.conf")?;
    bonn.write_conf("pjsip.conf", &format!("{pjsip}\n{user}password = {}\n", password("2001")))?;
    sharing.start()?;
    let [berlin, bonn] = &sharing.systems[..] else { unreachable!() };
    let settings = Settings {
        registrar: bonn.address().to_string(),
        answers: false,
        ..Settings::with_dns((bonn.address(), 53).into())
    };
    let mut phone = Phone::new(&sharing.net, "2001", &settings)?;
    bonn.wait_registered("2001", GENEROUS)?;
    berlin.wait_device("PJSIP/2001", "NOT_INUSE")?;
    let lamp = Dialogs::start(&sharing.net, berlin, "1001", "2001")?;
    lamp.wait("terminated")?;
    bonn.rx("channel originate PJSIP/2001 application Wait 60")?;
    phone.wait_rings(GENEROUS)?;
    lamp.wait("early")?;
    phone.answer()?;
    lamp.wait("confirmed")?;
    phone.hang_up()?;
    lamp.wait("terminated")?;
    assert_eq!(lamp.states(), ["terminated", "early", "confirmed", "terminated"]);
    bonn.rx("channel originate PJSIP/2001 application Wait 60")?;
    phone.wait_rings(GENEROUS)?;
    phone.answer()?;
    lamp.wait("confirmed")?;
    sharing.systems[1].kill_9()?;
    lamp.wait("terminated")
}

/// A cloned machine: each puts the other out of the broker.
fn who_has_the_name_of_another_is_told_so(_: Version) -> Result {
    let sharing = Sharing::joined(&[Version::V22, Version::V16], "")?;
    let twin = sharing.systems[0].read_conf("res_synch.conf")?;
    sharing.systems[1].write_conf("res_synch.conf", &twin)?;
    sharing.systems[1].rx("module reload res_synch.so")?;
    until("one of them to be told", GENEROUS, || {
        sharing.systems.iter().any(|system| system.log().contains("another system calls itself berlin"))
    })?;
    // Whoever waits lets the other one be.
    sharing.wait_one_joined()
}

/// The broker holds it: what bern says on a topic of bonn reaches nobody, and what it says of itself does.
fn a_site_writes_what_is_its_own_and_nothing_else(_: Version) -> Result {
    let sharing = Sharing::joined(&BOTH, "accept = ^bern$ ^PJSIP/3\naccept = ^bonn$ ^PJSIP/2")?;
    let berlin = &sharing.systems[0];
    let broker = &sharing.broker;
    broker.publish("bern", "synch/1/bonn/device/PJSIP/2001", "INUSE")?;
    broker.publish("bern", "synch/1/bern/site", "joined x 22 0.5.0")?;
    for device in ["PJSIP/3001", "PJSIP/2001", "MWI:1001@default", "Queue:q", "PJSIP/a%0Ab"] {
        broker.publish("bern", &format!("synch/1/bern/device/{device}"), "INUSE")?;
    }
    berlin.wait_device("PJSIP/3001", "INUSE")?;
    for device in ["PJSIP/2001", "MWI:1001@default", "Queue:q"] {
        assert_ne!(berlin.device_state(device)?, "INUSE", "{device}");
    }
    until("no more than that to be taken", GENEROUS, || {
        berlin.rx("synch show state").is_ok_and(|state| state.contains("1 device of 2 sites"))
    })?;
    broker.publish("bern", "synch/1/bern/site", "")?;
    until("bern to be gone", GENEROUS, || {
        berlin.device_state("PJSIP/3001").is_ok_and(|state| state != "INUSE")
    })
}

/// With states in force, each unload takes them back.
fn loading_again_and_again_leaves_nothing_behind(_: Version) -> Result {
    let sharing = Sharing::joined(&BOTH, "")?;
    let [berlin, bonn] = &sharing.systems[..] else { unreachable!() };
    bonn.set_device("Custom:mystate", "INUSE")?;
    let mut before = None;
    for round in 0..20 {
        berlin.wait_hint("1234", "InUse")?;
        berlin.rx("module unload res_synch.so")?;
        berlin.wait_dark("1234")?;
        assert_eq!(berlin.module_threads()?, Vec::<String>::new(), "round {round}");
        let left = berlin.vitals()?.descriptors;
        // The first rounds fill what Asterisk keeps.
        if round == 5 {
            before = Some(left);
        }
        berlin.rx("module load res_synch.so")?;
        if let Some(before) = before {
            assert_eq!(left, before, "round {round}");
        }
    }
    Ok(())
}

/// `synch show sites` names every member with its state, and all of them are told when one goes.
fn sites_are_listed_with_their_states(_: Version) -> Result {
    let mut sharing = Sharing::joined(&[Version::V22, Version::V16, Version::V22], "hold = 2")?;
    let mut ami = sharing.systems[0].ami()?;
    sharing.systems[2].kill_9()?;
    let bound = Duration::from_secs(60);
    let event = ami.event_where("SynchSiteState", bound, |event| event.get("Site") == Some(SITES[2]))?;
    assert_eq!((event.get("OldState"), event.get("NewState")), (Some("Joined"), Some("Lost")));
    let sites = sharing.systems[0].rx("synch show sites")?;
    for (site, state) in [("bonn", "Joined"), ("bern", "Lost")] {
        assert!(sites.lines().any(|line| line.starts_with(site) && line.contains(state)), "{sites}");
    }
    let listed = ami.list("SynchSites", &[])?;
    assert_eq!(listed.len(), 2);
    Ok(())
}
