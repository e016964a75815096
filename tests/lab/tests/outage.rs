//! The main job: the main goes in each of its ways, the phones' name points to the branch, and back.

use lab::wait::GENEROUS;
use lab::{Result, Site, Version};

lab::on_22_and_16!(
    users_are_synced_and_live,
    a_killed_main,
    a_stopped_main,
    a_cut_link,
    a_black_hole,
    phones_move_and_talk_in_the_outage_and_go_back,
);

/// Goes through an outage that begins and ends like this.
fn outage(
    mut site: Site,
    begin: impl FnOnce(&mut Site) -> Result,
    end: impl FnOnce(&mut Site) -> Result,
) -> Result {
    begin(&mut site)?;
    site.wait_name(site.branch.address())?;
    // The name comes first.
    site.wait_status("Service", "Failover")?;
    site.wait_status("Monitor", "Failed")?;
    end(&mut site)?;
    site.wait_name(site.main.address())?;
    site.wait_status("Service", "Normal")
}

fn users_are_synced_and_live(version: Version) -> Result {
    let site = Site::in_service(version)?;
    let users = site.branch.rx("synch show users")?;
    for user in ["1001", "1002", "1003"] {
        assert!(users.contains(user), "{users}");
    }
    assert!(!users.contains("2001") && users.contains("3 of 3 users"), "{users}");
    let live = match version {
        Version::V22 => site.branch.rx("pjsip show endpoints")?,
        Version::V16 => site.branch.rx("sip show peers")?,
    };
    assert!(live.contains("1003") && !live.contains("2001"), "{live}");
    Ok(())
}

fn a_killed_main(version: Version) -> Result {
    outage(Site::in_service(version)?, |site| site.main.kill_9(), |site| site.main.start())
}

fn a_stopped_main(version: Version) -> Result {
    outage(Site::in_service(version)?, |site| site.main.sigstop(), |site| site.main.sigcont())
}

fn a_cut_link(version: Version) -> Result {
    outage(Site::in_service(version)?, |site| site.net.cut_wan(), |site| site.net.restore())
}

fn a_black_hole(version: Version) -> Result {
    outage(Site::in_service(version)?, |site| site.net.blackhole(), |site| site.net.restore())
}

fn phones_move_and_talk_in_the_outage_and_go_back(version: Version) -> Result {
    let mut site = Site::in_service(version)?;
    let mut alice = site.phone("1001")?;
    let mut alex = site.phone("1002")?;
    site.main.wait_registered("1001")?;
    site.main.wait_registered("1002")?;

    site.main.kill_9()?;
    site.branch.wait_registered("1001")?;
    site.branch.wait_registered("1002")?;
    alice.dial("1002")?;
    alex.wait_in_call(GENEROUS)?;
    alex.wait_hears("1001", GENEROUS)?;
    alice.wait_hears("1002", GENEROUS)?;
    alice.hang_up()?;

    site.main.start()?;
    site.main.wait_registered("1001")?;
    site.main.wait_registered("1002")
}
