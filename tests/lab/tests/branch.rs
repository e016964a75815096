//! The branch looks at itself: whether its own Asterisk takes calls.

use lab::dns::a_record;
use lab::site::NAME;
use lab::wait::{GENEROUS, until};
use lab::{Result, Site, Version};

lab::on_22_and_16!(
    a_branch_that_takes_calls_says_so_and_its_log_says_nothing,
    a_dialplan_that_never_answers_is_told_everywhere,
    a_port_where_nobody_listens_is_told_and_mended_by_a_reload,
    a_main_whose_sip_answers_is_left_only_for_a_branch_that_takes_calls,
);

/// A site in normal service whose branch hangs to order.
fn site(version: Version) -> Result<Site> {
    site_with(version, "")
}

/// The same with these lines in `[probe]`.
fn site_with(version: Version, probe: &str) -> Result<Site> {
    let mut site = Site::new(version)?;
    site.branch.edit_conf("res_synch.conf", "[probe]\n", &format!("[probe]\n{probe}"))?;
    site.branch.install_module_that_panics()?;
    site.branch.load_module_at_start()?;
    site.serve()?;
    site.wait_status("Branch", "Healthy")?;
    Ok(site)
}

fn a_branch_that_takes_calls_says_so_and_its_log_says_nothing(version: Version) -> Result {
    let site = site(version)?;
    // Each has it look once more, now in the name of a synced user.
    for _ in 0..3 {
        let report = site.branch.rx("synch doctor")?;
        assert!(
            report.starts_with("ok   branch      this Asterisk takes calls: its SIP answers at udp:"),
            "{report}"
        );
    }
    let reason = site.status("BranchReason")?;
    assert!(reason.contains(&format!("udp:{}:5060", site.branch.address())), "{reason}");
    assert!(reason.contains("its dialplan answers in"), "{reason}");
    let log = site.branch.log();
    for noise in ["No matching endpoint", "failed for", "Registration from"] {
        assert!(!log.contains(noise), "{noise}: {log}");
    }
    let history = site.branch.rx("synch show history")?;
    assert_eq!(history.lines().filter(|line| line.contains(" Branch ")).count(), 1, "{history}");
    Ok(())
}

fn a_dialplan_that_never_answers_is_told_everywhere(version: Version) -> Result {
    let site = site(version)?;
    let mut ami = site.branch.ami()?;
    site.branch.order_hang("own-dialplan")?;
    site.branch.rx("synch doctor")?;
    let event = ami.event("SynchBranchState", GENEROUS)?;
    assert_eq!((event.need("OldState")?, event.need("NewState")?), ("Healthy", "Unhealthy"));
    assert!(event.need("Reason")?.contains("its dialplan has not answered for"), "{event:?}");
    site.wait_status("Branch", "Unhealthy")?;
    site.branch
        .wait_log("Branch state changed from Healthy to Unhealthy: this Asterisk takes no calls", GENEROUS)?;
    assert_eq!(
        site.branch.module_log("WARNING").iter().filter(|line| line.contains("Branch state")).count(),
        1
    );
    let report = site.branch.rx("synch doctor")?;
    assert!(report.starts_with("BAD  branch      this Asterisk takes no calls: its dialplan"), "{report}");
    // The phones are where they were, and have their answer.
    assert_eq!(site.status("Service")?, "Normal");
    assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());

    site.branch.end_hang("own-dialplan")?;
    site.wait_status("Branch", "Healthy")?;
    site.branch.unload_module()?;
    site.branch.wait_module_threads(&[])
}

fn a_port_where_nobody_listens_is_told_and_mended_by_a_reload(version: Version) -> Result {
    let site = site(version)?;
    site.branch.edit_conf(
        "res_synch.conf",
        "[dns]\n",
        "[dns]\ntransports = udp\ntransports_failover = udp:5099\n",
    )?;
    site.branch.reload_module()?;
    until("the settings", GENEROUS, || {
        site.branch.rx("synch show config").is_ok_and(|config| config.contains("udp:5099"))
    })?;
    site.branch.rx("synch doctor")?;
    site.wait_status("Branch", "Unhealthy")?;
    let reason = site.status("BranchReason")?;
    let place = format!("its SIP: the port is closed (udp:{}:5099)", site.branch.address());
    assert!(reason.contains(&place), "{reason}");

    site.branch.edit_conf("res_synch.conf", "transports_failover = udp:5099\n", "")?;
    site.branch.reload_module()?;
    site.wait_status("Branch", "Healthy")
}

/// The main's AMI is gone and its SIP is well.
fn a_main_whose_sip_answers_is_left_only_for_a_branch_that_takes_calls(version: Version) -> Result {
    let site = site_with(version, "require = all\n")?;
    site.branch.order_hang("own-dialplan")?;
    site.branch.rx("synch doctor")?;
    site.wait_status("Branch", "Unhealthy")?;
    site.net.drop_packets("tcp dport 5038")?;
    site.wait_status("Monitor", "Failed")?;
    until("the reason", GENEROUS, || {
        site.status("ServiceReason").is_ok_and(|reason| reason.contains("but the phones stay there"))
    })?;
    site.branch
        .wait_log("The main is Failed, but the phones stay there, because its SIP still answers", GENEROUS)?;
    assert_eq!(site.status("Service")?, "Normal");
    assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());

    site.branch.end_hang("own-dialplan")?;
    site.wait_status("Service", "Failover")?;
    site.wait_name(site.branch.address())
}
