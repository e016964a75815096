//! The way back to the main: what it waits for, and who can end that.

use lab::wait::{GENEROUS, until_value};
use lab::{Error, Result, Site, Version};

lab::on_22_and_16!(
    a_return_waits_for_health_and_then_comes_by_itself,
    a_flapping_link_moves_the_phones_once,
    an_idle_return_waits_for_the_end_of_a_call,
    an_idle_return_does_not_wait_for_a_call_that_is_parked,
    a_return_in_hours_waits_for_them,
    a_manual_return_waits_for_the_operator,
    nobody_is_sent_back_to_a_main_that_is_not_well,
);

/// So long that no test sees its end.
const LONG: &str = "return_hold = 86400";

/// A site in normal service whose return waits for this.
fn in_service(version: Version, failover: &str) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    set(&site, "return_hold = 0", failover)?;
    site.start_main_first()?;
    Ok(site)
}

fn set(site: &Site, from: &str, to: &str) -> Result {
    site.branch.edit_conf("res_synch.conf", from, to)
}

/// Lets the return wait for something else from now on.
fn change(site: &Site, from: &str, to: &str) -> Result {
    set(site, from, to)?;
    site.branch.reload_module()
}

/// The main goes, the branch serves, the main is well again.
fn after_an_outage(site: &mut Site) -> Result {
    site.kill_main()?;
    site.wait_status("Service", "Failover")?;
    assert_eq!(site.status("ReturnWaitsFor")?, "the main to be Stable");
    site.heal()?;
    site.wait_status("Monitor", "Stable")
}

/// Waits until the return waits for that.
fn waits_for(site: &Site, wanted: &str) -> Result {
    let status = || site.status("ReturnWaitsFor");
    until_value("what the return waits for", GENEROUS, status, |found| found.contains(wanted))?;
    assert_eq!(site.status("Service")?, "Failover");
    Ok(())
}

/// The phones are sent to the main, for a reason that says why now.
fn comes_home(site: &Site, why: &str) -> Result {
    site.wait_status("Service", "Normal")?;
    let reason = site.status("ServiceReason")?;
    assert!(reason.contains(why), "{reason}");
    assert_eq!(site.status("ReturnWaitsFor")?, "");
    let history = site.branch.rx("synch show history")?;
    assert!(history.contains(&reason), "{history}");
    Ok(())
}

fn a_return_waits_for_health_and_then_comes_by_itself(version: Version) -> Result {
    let mut site = in_service(version, LONG)?;
    after_an_outage(&mut site)?;
    waits_for(&site, "s more without a failed probe")?;
    change(&site, LONG, "return_hold = 3")?;
    comes_home(&site, "SIP answers; no probe has failed for ")
}

fn a_flapping_link_moves_the_phones_once(version: Version) -> Result {
    let mut site = in_service(version, LONG)?;
    let before = site.moves()?;
    for _ in 0..3 {
        site.lose_wan()?;
        site.wait_status("Monitor", "Failed")?;
        site.heal()?;
        site.wait_status("Monitor", "Stable")?;
        waits_for(&site, "s more without a failed probe")?;
    }
    assert_eq!(site.moves()?, before + 1);
    change(&site, LONG, "return_hold = 1")?;
    site.wait_status("Service", "Normal")?;
    assert_eq!(site.moves()?, before + 2);
    Ok(())
}

fn an_idle_return_waits_for_the_end_of_a_call(version: Version) -> Result {
    let mut site = in_service(version, "return_hold = 0\nreturn_when = idle")?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let alex = site.phone_at(&site.branch, "1002")?;
    site.kill_main()?;
    site.wait_status("Service", "Failover")?;
    alice.dial("1002")?;
    alice.wait_in_call(GENEROUS)?;
    site.heal()?;
    waits_for(&site, "the end of the calls on this branch (2 channels)")?;
    // The call is not touched.
    alice.wait_hears(&alex.user, GENEROUS)?;
    alice.hang_up()?;
    comes_home(&site, "no call is active on this branch")
}

fn an_idle_return_does_not_wait_for_a_call_that_is_parked(version: Version) -> Result {
    let mut site = in_service(version, "return_hold = 0\nreturn_when = idle")?;
    site.branch.write_conf("res_parking.conf", "[default]\nparkpos => 7001-7009\nparkingtime = 600\n")?;
    let park = "[from-internal]\nexten => 650,1,Answer()\n same => n,Park()\n";
    site.branch.edit_conf("extensions.conf", "[from-internal]\n", park)?;
    for command in ["dialplan reload", "module load bridge_holding.so", "module load res_parking.so"] {
        site.branch.rx(command)?;
    }
    let mut alice = site.phone_at(&site.branch, "1001")?;
    site.kill_main()?;
    site.wait_status("Service", "Failover")?;
    alice.dial("650")?;
    let parked = |site: &Site| site.branch.rx("parking show default");
    until_value("the call to be parked", GENEROUS, || parked(&site), |shown| shown.contains("1001"))?;
    site.heal()?;
    comes_home(&site, "no call is active on this branch")?;
    assert!(parked(&site)?.contains("1001"), "the call is not touched");
    Ok(())
}

fn a_return_in_hours_waits_for_them(version: Version) -> Result {
    let mut site = in_service(version, "return_hold = 0")?;
    let time = site.status("Timestamp")?;
    let minute = |from, to| time.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
    let (Some(hour), Some(minute)) = (minute(8, 10), minute(10, 12)) else { return Err(Error::new(time)) };
    // From so many hours after now on.
    let clock = |hours: u32| format!("{:02}:{minute:02}", (hour + hours) % 24);
    let later = format!("return_window = {}-{}", clock(12), clock(13));
    let now = format!("return_window = {}-{}", clock(23), clock(12));
    change(&site, "return_hold = 0", &format!("return_hold = 0\nreturn_when = window\n{later}"))?;
    after_an_outage(&mut site)?;
    waits_for(&site, &clock(12))?;
    change(&site, &later, &now)?;
    comes_home(&site, "the time is within ")
}

fn a_manual_return_waits_for_the_operator(version: Version) -> Result {
    let mut site = in_service(version, "return_when = manual")?;
    after_an_outage(&mut site)?;
    waits_for(&site, "'synch failback'")?;
    let answer = site.branch.rx("synch failback")?;
    assert_eq!(answer.trim(), "The phones are sent to the main; service state is Normal.");
    comes_home(&site, "'synch failback'")?;

    after_an_outage(&mut site)?;
    waits_for(&site, "'synch failback'")?;
    let answer = site.branch.ami()?.action("SynchFailback", &[])?;
    assert!(answer.is_success(), "{answer:?}");
    comes_home(&site, "'synch failback'")
}

fn nobody_is_sent_back_to_a_main_that_is_not_well(version: Version) -> Result {
    let mut site = in_service(version, LONG)?;
    let nobody = site.branch.rx("synch failback")?;
    assert!(nobody.contains("the service state is Normal"), "{nobody}");
    site.kill_main()?;
    site.wait_status("Service", "Failover")?;
    let refused = site.branch.rx("synch failback")?;
    assert!(refused.contains("the main is Failed; 'synch set mode normal' sends"), "{refused}");
    let answer = site.branch.ami()?.action("SynchFailback", &[])?;
    assert!(answer.get("Message").is_some_and(|text| text.contains("the main is Failed")), "{answer:?}");
    assert_eq!(site.status("Service")?, "Failover");
    site.branch.rx("synch set mode normal")?;
    site.wait_status("Service", "Normal")
}
