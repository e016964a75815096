//! Sites that share the states of their devices over a broker.

use std::time::Duration;

use lab::sharing::SITES;
use lab::wait::{GENEROUS, until};
use lab::{Result, Sharing, Version};

lab::tests_on!(
    mixed,
    V22,
    a_device_in_use_at_one_is_in_use_at_the_other,
    who_has_gone_leaves_no_lamp_lit,
    sites_are_listed_with_their_states,
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
        Ok(berlin.rx("synch show state Custom:mystate")?.contains("bonn                 NOT_INUSE"))
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
    let dark = |sharing: &Sharing| -> Result {
        sharing.systems[0]
            .wait_hint("1234", "Idle")
            .or_else(|_| sharing.systems[0].wait_hint("1234", "Unavailable"))
    };
    lit(&sharing)?;
    sharing.systems[1].rx("module unload res_synch.so")?;
    dark(&sharing)?;
    assert!(sharing.broker.retained("berlin", "synch/1/bonn/device/#")?.is_empty());
    sharing.systems[1].rx("module load res_synch.so")?;
    sharing.wait_joined()?;
    lit(&sharing)?;
    sharing.systems[1].kill()?;
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

/// `synch show sites` names every member with its state, and all of them are told when one goes.
fn sites_are_listed_with_their_states(_: Version) -> Result {
    let mut sharing = Sharing::joined(&[Version::V22, Version::V16, Version::V22], "hold = 2")?;
    let mut ami = sharing.systems[0].ami()?;
    sharing.systems[2].kill()?;
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
