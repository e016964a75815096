//! `synch drill`: the way of a failover, walked while the main serves, and nobody is moved.

use lab::conf::password;
use lab::dns::a_record;
use lab::site::NAME;
use lab::wait::GENEROUS;
use lab::{Result, Site, Version};

lab::on_22_and_16!(
    a_drill_of_a_ready_branch_passes_and_moves_nobody,
    what_would_not_work_is_told_with_what_to_do,
    without_an_account_the_rest_is_tried_and_the_result_survives_a_restart,
    a_drill_in_an_outage_leaves_the_phones_alone,
);

/// Has a phone of nobody's.
const DRILL: &str = "1099";

/// A branch in normal service with all that a drill tries, and this in its `[drill]`.
fn ready(version: Version, drill: &str) -> Result<Site> {
    let mut site = Site::with_dialplan(version)?;
    site.add_user(DRILL, "HeadOffice")?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    site.branch.write_conf("res_synch.conf", &format!("{conf}\n[drill]\n{drill}"))?;
    site.serve()?;
    site.wait_status("Users", "4")?;
    site.wait_status("Dialplan", "in force")?;
    Ok(site)
}

fn account() -> String {
    format!("username = {DRILL}\nsecret = {}\n", password(DRILL))
}

/// What each stage came to.
fn assert_stages(report: &str, wanted: &[(&str, &str)]) {
    for (level, text) in wanted {
        let told = report.lines().any(|line| line.starts_with(level) && line.contains(text));
        assert!(told, "{level} {text} in\n{report}");
    }
}

fn a_drill_of_a_ready_branch_passes_and_moves_nobody(version: Version) -> Result {
    let site = ready(version, &account())?;
    let mut ami = site.branch.ami()?;
    let moves = |history: &str| history.lines().filter(|line| line.contains(" Service ")).count();
    let before = moves(&site.branch.rx("synch show history")?);

    let report = site.branch.rx("synch drill")?;
    let names = [
        "dns",
        "dns server",
        "register",
        "unregister",
        "user 1001",
        "emergency 112",
        "emergency 911",
        "trunk",
    ];
    let stages: Vec<&str> = report.lines().filter_map(|line| line.strip_prefix("ok   ")?.get(..14)).collect();
    assert_eq!(stages.iter().map(|stage| stage.trim()).collect::<Vec<_>>(), names, "{report}");
    assert!(report.contains(&format!("would resolve to {}", site.branch.address())), "{report}");
    assert!(report.lines().any(|line| line.starts_with("Passed: 8 stages in ")), "{report}");
    // Asterisk has seen the account come, and it is gone.
    let seen = ami.event_where("the registration", GENEROUS, |event| {
        let kind = event.get("Event").is_some_and(|name| name == "ContactStatus" || name == "PeerStatus");
        kind && event.fields().iter().any(|(_, value)| value.contains(DRILL))
    });
    seen?;
    assert_eq!(site.branch.registered_from(DRILL)?, [""; 0]);

    // Nobody was moved, and it is told everywhere.
    assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());
    let history = site.branch.rx("synch show history")?;
    assert_eq!(moves(&history), before, "{history}");
    let told =
        |line: &&str| line.contains(" Drill ") && line.contains("Passed") && line.contains("8 stages in ");
    assert!(history.lines().any(|line| told(&line)), "{history}");
    assert_eq!(site.status("LastDrill")?.len(), 14);
    assert!(site.status("DrillResult")?.starts_with("Passed: 8 stages in "));
    let event = ami.event("SynchDrillEnded", GENEROUS)?;
    assert_eq!(event.need("Result")?, "Passed");
    assert!(event.need("Stages")?.contains("emergency 112 Passed "), "{event:?}");

    let items = ami.list("SynchDrill", &[])?;
    assert_eq!(items.iter().filter_map(|item| item.get("Stage")).collect::<Vec<_>>(), names);
    assert!(items.iter().all(|item| item.get("Result") == Some("Passed")), "{items:?}");
    Ok(())
}

fn what_would_not_work_is_told_with_what_to_do(version: Version) -> Result {
    let site = ready(version, &format!("username = {DRILL}\nsecret = canary\nnumber = 1999\n"))?;
    site.branch.edit_conf("res_synch.conf", "local_trunk = local-trunk", "local_trunk = no-such-trunk")?;
    site.branch.reload_module()?;
    site.wait_dialplan("no-such-trunk", true)?;
    let report = site.branch.rx("synch drill")?;
    assert_stages(
        &report,
        &[
            ("BAD  register", "has the secret in [drill]"),
            ("BAD  user", "no synced user has the number 1999: change [drill] number"),
            ("ok   emergency 112", "no-such-trunk"),
            ("BAD  trunk", "local_trunk no-such-trunk can't be reached: check that an endpoint"),
            ("Failed: 3 of 7 stages failed; register: ", ""),
        ],
    );
    assert!(!report.contains("unregister") && !report.contains("canary"), "{report}");
    assert!(site.status("DrillResult")?.starts_with("Failed: 3 of 7"));
    assert!(!site.branch.log().contains("canary"));
    Ok(())
}

fn without_an_account_the_rest_is_tried_and_the_result_survives_a_restart(version: Version) -> Result {
    let mut site = ready(version, "")?;
    let report = site.branch.rx("synch drill")?;
    assert_stages(
        &report,
        &[
            ("SKIP register", "set username and secret in [drill]"),
            ("Passed: 6 stages", "not tried: register"),
        ],
    );
    let kept = (site.status("LastDrill")?, site.status("DrillResult")?);
    site.branch.wait_on_disk("/synch/drill")?;
    site.branch.kill_9()?;
    site.branch.start()?;
    assert_eq!((site.status("LastDrill")?, site.status("DrillResult")?), kept);
    Ok(())
}

fn a_drill_in_an_outage_leaves_the_phones_alone(version: Version) -> Result {
    let mut site = ready(version, &account())?;
    let _alice = site.phone_at(&site.branch, "1001")?;
    site.begin_outage()?;
    let before = site.branch.registered_from("1001")?;
    let report = site.branch.rx("synch drill")?;
    assert!(report.contains("\nPassed: 8 stages"), "{report}");
    assert_eq!(site.branch.registered_from("1001")?, before);
    assert_eq!(site.status("Service")?, "Failover");
    assert_eq!(a_record(site.branch.address(), NAME)?, site.branch.address());
    Ok(())
}
