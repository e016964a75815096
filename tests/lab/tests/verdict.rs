//! The verdict on the main: each way it can die, what is said of it, and what is no death at all.
//!
//! Each test says in the end how long the phones' name took to move. Nothing is asserted about that.

use std::time::{Duration, Instant};

use lab::dns::a_record;
use lab::site::NAME;
use lab::wait::{GENEROUS, until, until_value};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    a_clean_stop_is_known_at_once,
    a_killed_main_is_dead_without_points,
    a_halted_main_is_silent,
    a_lost_link_is_silence,
    a_dropped_sip_port_is_a_dead_main,
    a_closed_sip_port_is_a_dead_main,
    a_firewall_that_rejects_for_seconds_moves_nobody,
    a_dropped_ami_port_is_a_dead_main_where_all_have_to_answer,
    an_ami_that_is_away_does_not_matter_where_any_will_do,
    an_ami_that_is_away_does_not_matter_as_shipped,
    the_question_stays_the_same_while_a_version_is_held,
    an_ami_that_is_restarted_is_not,
    a_main_that_restarts_again_and_again_moves_the_phones_once,
    lost_packets_are_no_verdict,
    nothing_is_logged_at_the_main_for_being_asked,
);
// chan_sip of the lab listens over UDP alone.
lab::tests_on!(over_tcp_on_22, V22, nor_are_they_where_sip_is_asked_over_tcp);

/// As shipped, but trusted again sooner.
const PROBE: &str = "[probe]\nalive_threshold = 2\n";

/// A site in normal service whose two kinds of evidence both count.
fn site(version: Version, probe: &str) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    let (before, rest) = conf.split_once("[probe]\n").context("no [probe]")?;
    let (_, after) = rest.split_once("\n\n").context("nothing behind [probe]")?;
    site.branch.write_conf("res_synch.conf", &format!("{before}{probe}\n{after}"))?;
    site.start_main_first()?;
    site.wait_status("Sync", "Synced")?;
    for key in ["ProbeAmi", "ProbeSip"] {
        until_value(key, GENEROUS, || site.status(key), |value| value == "answers")?;
    }
    until_value("events", GENEROUS, || site.status("MainEvents"), |value| value == "heard")?;
    Ok(site)
}

/// Does it, waits until the phones' name is the branch's, and says how long that took.
fn until_moved(site: &mut Site, what: &str, death: impl FnOnce(&mut Site) -> Result) -> Result {
    let (server, branch) = (site.branch.address(), site.branch.address());
    let name = what.to_owned();
    let watcher = std::thread::spawn(move || {
        let end = Instant::now() + GENEROUS;
        while Instant::now() < end {
            if a_record(server, NAME).is_ok_and(|found| found == branch) {
                return Ok(Instant::now());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(lab::Error::new(format!("{name}: the phones' name did not move")))
    });
    let start = Instant::now();
    death(site)?;
    let moved = watcher.join().map_err(|_| lab::Error::new("the watcher panicked"))??;
    eprintln!("{what}: {} ms", moved.saturating_duration_since(start).as_millis());
    site.wait_status("Service", "Failover")
}

/// How many probes of a kind failed in a row, by its line in the status. Two can fail between two looks.
fn failed(standing: &str) -> u32 {
    let number = standing.split_once(" for ").and_then(|(_, run)| run.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The reason of the move to the branch.
fn reason(site: &Site) -> Result<String> {
    site.status("ServiceReason")
}

fn assert_reason(site: &Site, parts: &[&str]) -> Result {
    let reason = reason(site)?;
    assert!(parts.iter().all(|part| reason.contains(part)), "{parts:?} in {reason}");
    assert_eq!(site.moves()?, 2, "{}", site.branch.rx("synch show history")?);
    Ok(())
}

fn a_clean_stop_is_known_at_once(version: Version) -> Result {
    let mut site = site(version, &format!("{PROBE}failure_tolerance = 1000\n"))?;
    until_moved(&mut site, "core stop now", |site| site.main.stop())?;
    // Whichever is first: Asterisk doesn't wait until its last event is sent.
    let reason = site.status("ServiceReason")?;
    let known = ["the main has announced its shutdown", "all ports of the main are closed"];
    assert!(known.iter().any(|known| reason.contains(known)), "{reason}");
    assert_reason(&site, &[])
}

fn a_killed_main_is_dead_without_points(version: Version) -> Result {
    let mut site = site(version, &format!("{PROBE}failure_tolerance = 1000\n"))?;
    until_moved(&mut site, "kill -9", |site| site.main.kill_9())?;
    assert_reason(&site, &["all ports of the main are closed", "AMI closed", "SIP closed"])
}

fn a_halted_main_is_silent(version: Version) -> Result {
    let mut site = site(version, PROBE)?;
    until_moved(&mut site, "SIGSTOP", |site| site.main.sigstop())?;
    assert_reason(&site, &["SIP silent", "failure points"])
}

fn a_lost_link_is_silence(version: Version) -> Result {
    let mut site = site(version, PROBE)?;
    until_moved(&mut site, "link down", |site| site.net.cut_wan())?;
    assert_reason(&site, &["SIP silent", "failure points"])
}

fn a_dropped_sip_port_is_a_dead_main(version: Version) -> Result {
    let mut site = site(version, PROBE)?;
    until_moved(&mut site, "SIP dropped", |site| site.net.drop_packets("udp dport 5060"))?;
    assert_reason(&site, &["AMI answers, SIP silent for 3 probes"])
}

fn a_closed_sip_port_is_a_dead_main(version: Version) -> Result {
    let mut site = site(version, PROBE)?;
    until_moved(&mut site, "SIP rejected", |site| site.net.reject_packets("udp dport 5060"))?;
    assert_reason(&site, &["AMI answers, SIP closed for ", "the port is closed"])
}

/// As one that is loaded anew: 5.5 s were seen.
fn a_firewall_that_rejects_for_seconds_moves_nobody(version: Version) -> Result {
    let site = site(version, PROBE)?;
    let port = "reject with icmp port-unreachable";
    let prohibited = "reject with icmp admin-prohibited";
    [["reject with tcp reset", port], [port, port], [prohibited, prohibited]]
        .iter()
        .try_for_each(|[tcp, udp]| moves_nobody(&site, tcp, udp))
}

/// A busy machine takes its time to change the firewall: what lasted longer than is promised shows nothing.
fn moves_nobody(site: &Site, tcp: &str, udp: &str) -> Result {
    for _ in 0..TRIES {
        let before = site.moves()?;
        if rejects_for_seconds(site, tcp, udp)? <= REJECTS_AT_MOST {
            assert_eq!(site.moves()?, before, "{tcp}, {udp}: {}", site.branch.rx("synch show history")?);
            return Ok(());
        }
        site.wait_status("Service", "Normal")?;
    }
    Err(Error::new("this machine is too busy to change a firewall for seconds only"))
}

const TRIES: usize = 10;
/// A refusal counts after ten seconds; the probes that began in them take time, too.
const REJECTS_AT_MOST: Duration = Duration::from_secs(8);

/// How long it did in the end.
fn rejects_for_seconds(site: &Site, tcp: &str, udp: &str) -> Result<Duration> {
    let start = Instant::now();
    site.net.reject_packets_with("tcp dport 5038", tcp)?;
    site.net.reject_packets_with("udp dport 5060", udp)?;
    std::thread::sleep(Duration::from_millis(5500));
    // First of all: whoever asks for the status of a busy machine lets it last for longer.
    site.net.restore()?;
    let lasted = start.elapsed();
    eprintln!("{tcp}, {udp}: {}", site.status("MonitorReason")?);
    site.wait_status("Monitor", "Stable")?;
    Ok(lasted)
}

fn a_dropped_ami_port_is_a_dead_main_where_all_have_to_answer(version: Version) -> Result {
    let mut site = site(version, &format!("{PROBE}require = all\n"))?;
    until_moved(&mut site, "AMI dropped", |site| site.net.drop_packets("tcp dport 5038"))?;
    assert_reason(&site, &["AMI silent for 5 probes, SIP answers"])
}

fn an_ami_that_is_away_does_not_matter_where_any_will_do(version: Version) -> Result {
    let quick =
        "[probe]\ninterval = 1\ntimeout = 1\nalive_threshold = 2\nfailure_tolerance = 2\nrequire = any\n";
    let site = site(version, quick)?;
    site.net.reject_packets("tcp dport 5038")?;
    until_value("AMI to fail", GENEROUS, || site.status("ProbeAmi"), |value| failed(value) >= 6)?;
    assert_eq!(site.status("Monitor")?, "Stable");
    assert_eq!(site.moves()?, 1);
    Ok(())
}

fn an_ami_that_is_away_does_not_matter_as_shipped(version: Version) -> Result {
    let site = site(version, "[probe]\ninterval = 1\nalive_threshold = 2\n")?;
    site.net.reject_packets("tcp dport 5038")?;
    until_value("AMI to fail", GENEROUS, || site.status("ProbeAmi"), |value| failed(value) >= 30)?;
    assert_eq!(site.status("Monitor")?, "Stable");
    assert_eq!(site.moves()?, 1, "{}", site.branch.rx("synch show history")?);
    eprintln!("AMI closed, SIP answering: {}", site.status("MonitorReason")?);
    site.branch.rx("synch sync")?;
    site.wait_status("Sync", "Unsynced")?;
    // Its next turn is minutes away, but the sync that was missed comes with the way to the main.
    site.net.restore()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.moves()?, 1, "{}", site.branch.rx("synch show history")?);
    Ok(())
}

fn the_question_stays_the_same_while_a_version_is_held(version: Version) -> Result {
    let mut site = site(version, PROBE)?;
    let question = |site: &Site| site.status("ProbeSipQuestion");
    until_value("a question", GENEROUS, || question(&site), |asked| asked.starts_with("OPTIONS as 1"))?;
    let asked = question(&site)?;
    site.branch.rx("synch rollback 1")?;
    site.wait_status("Sync", "Unsynced")?;
    assert_eq!(question(&site)?, asked);
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_status("Sync", "Unsynced")?;
    until_value("an answer", GENEROUS, || site.status("ProbeSip"), |value| value == "answers")?;
    assert_eq!(question(&site)?, asked);
    Ok(())
}

fn an_ami_that_is_restarted_is_not(version: Version) -> Result {
    let site = site(version, PROBE)?;
    for _ in 0..4 {
        // Connections are reset, and new ones refused.
        site.net.reject_packets("tcp dport 5038")?;
        until_value("AMI to be away", GENEROUS, || site.status("ProbeAmi"), |value| failed(value) >= 2)?;
        site.net.restore()?;
        until_value("AMI to be back", GENEROUS, || site.status("ProbeAmi"), |value| value == "answers")?;
        site.main.rx("manager reload")?;
    }
    site.wait_status("Monitor", "Stable")?;
    assert_eq!(site.moves()?, 1, "{}", site.branch.rx("synch show history")?);
    Ok(())
}

fn a_main_that_restarts_again_and_again_moves_the_phones_once(version: Version) -> Result {
    // It never lives long enough to be trusted.
    let mut site = site(version, "[probe]\ninterval = 2\nalive_threshold = 30\n")?;
    until_moved(&mut site, "core restart now, again and again", |site| {
        for _ in 0..4 {
            site.main.kill_9()?;
            site.main.start()?;
        }
        site.main.kill_9()
    })?;
    // Which of the starts a look meets, and in what state, is chance: nobody there, a banner cut off, AMI before SIP.
    assert_reason(&site, &["main is Failed"])
}

fn lost_packets_are_no_verdict(version: Version) -> Result {
    no_verdict_where_packets_are_lost(&site(version, PROBE)?)
}

fn nor_are_they_where_sip_is_asked_over_tcp(version: Version) -> Result {
    let site = site(version, PROBE)?;
    let line = format!("[main]\nsip = tcp:{}:5060\n", site.main.address());
    site.branch.edit_conf("res_synch.conf", "[main]\n", &line)?;
    site.branch.reload_module()?;
    site.wait_status("Monitor", "Stable")?;
    no_verdict_where_packets_are_lost(&site)
}

/// A fifth of them, for a minute, or as long as `SYNCH_LOSSY_SECONDS` says.
fn no_verdict_where_packets_are_lost(site: &Site) -> Result {
    let seconds = std::env::var("SYNCH_LOSSY_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    site.net.drop_packets("numgen random mod 100 < 20")?;
    let end = Instant::now() + Duration::from_secs(seconds);
    until("the lossy time to pass", Duration::from_secs(seconds) + GENEROUS, || Instant::now() > end)?;
    let history = site.branch.rx("synch show history")?;
    assert_eq!(site.moves()?, 1, "{history}");
    eprintln!("20 % loss for {seconds} s:\n{history}");
    Ok(())
}

fn nothing_is_logged_at_the_main_for_being_asked(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    // As a stranger: the main knows neither the address nor, before the first sync, a name.
    site.main.edit_conf(
        "logger.conf",
        "messages =",
        "security => security,notice,warning,error\nmessages =",
    )?;
    let (file, own) = match version {
        Version::V22 => ("pjsip.conf", format!("match = {}", site.branch.address())),
        Version::V16 => ("sip.conf", format!("host = {}", site.branch.address())),
    };
    let other = own.replace(&site.branch.address().to_string(), "192.0.2.9");
    site.main.edit_conf(file, &own, &other)?;
    site.serve()?;
    wait_probes(&site, 3)?;
    assert_eq!(site.status("ProbeSip")?, "answers");
    assert_eq!(complaints(&site), [""; 0]);

    // In whose name it asks is what a sync found. One that it doesn't know any more is a stranger.
    site.main.write_conf(version.users_file(), "")?;
    site.main.reload("core reload")?;
    site.wait_status("Sync", "Unsynced")?;
    wait_probes(&site, 1)?;
    let before = complaints(&site);
    wait_probes(&site, 3)?;
    assert_eq!(site.status("ProbeSip")?, "answers");
    assert_eq!(complaints(&site), before);
    Ok(())
}

fn wait_probes(site: &Site, count: usize) -> Result {
    for _ in 0..count {
        let before = site.status("LastProbe")?;
        until_value("a probe", GENEROUS, || site.status("LastProbe"), |now| now != before)?;
    }
    Ok(())
}

/// What the main's log of security says of the branch and SIP: fail2ban goes by the address that is complained of.
fn complaints(site: &Site) -> Vec<String> {
    let log = std::fs::read_to_string(site.main.path("log/security")).unwrap_or_default();
    let branch = site.branch.address().to_string();
    let of_branch = log.lines().filter(|line| line.contains(&branch));
    of_branch.filter(|line| line.to_lowercase().contains("sip")).map(str::to_owned).collect()
}
