use super::*;
use crate::{
    operator::status::tests::snapshot,
    settings::{self, Settings},
    words::{conf::ConfSection, state::DrillResult},
};

fn settings(sections: &[(&str, &[(&str, &str)])]) -> Settings {
    let main: (&str, &[(&str, &str)]) =
        ("main", &[("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
    let off: (&str, &[(&str, &str)]) = ("sync", &[("enabled", "no")]);
    let all = [main, off].into_iter().chain(sections.iter().copied());
    let section = |(name, lines): (&str, &[(&str, &str)])| ConfSection::new(name, lines.iter().copied());
    settings::read(&all.map(section).collect::<Vec<_>>()).unwrap()
}

const DNS: (&str, &[(&str, &str)]) = (
    "dns",
    &[
        ("bind", "127.0.0.1"),
        ("domain", "voice.example.com"),
        ("target_normal", "10.0.0.254"),
        ("target_failover", "192.0.2.1"),
    ],
);

fn dialplan(lines: &[(&str, &str)]) -> Dialplan {
    settings(&[DNS, ("dialplan", lines)]).dialplan.unwrap()
}

#[test]
fn the_name_would_be_the_branch() {
    let settings = settings(&[DNS]).dns.unwrap();
    let found = dns(&settings, &|address| address.to_string() == "192.0.2.1").unwrap();
    assert_eq!(found, "sip.voice.example.com would resolve to 192.0.2.1, with a TTL of 10 s");
}

#[test]
fn a_call_rings_the_user_and_one_for_help_leaves_over_the_trunk_with_either_driver_and_main_trunk() {
    for lines in [
        [("local_trunk", "gateway"), ("emergency", "112"), ("ring_time", "20"), ("caller_id", "+4930")],
        [("local_trunk", "gateway"), ("emergency", "112"), ("ring_time", "20"), ("main_trunk", "main")],
    ] {
        let settings = dialplan(&lines);
        let calls = Calls::new(&settings, &snapshot());
        assert_eq!(calls.user(None), Ok(("1001".to_owned(), "1001".to_owned())));
        assert_eq!(calls.to_user("1002", true).unwrap(), "1002 in synch-internal rings PJSIP/1002,20");
        assert_eq!(
            calls.to_help("112", true).unwrap(),
            "112 in synch-internal goes out as PJSIP/112@gateway"
        );
    }
}

#[test]
fn what_would_not_work_is_told_with_what_to_do() {
    let settings = dialplan(&[("local_trunk", "gateway"), ("emergency", "112")]);
    let mut snapshot = snapshot();
    let calls = Calls::new(&settings, &snapshot);
    assert!(calls.user(Some("1099")).unwrap_err().contains("change [drill] number"));
    assert_eq!(calls.to_help("911", true), Err("context synch-internal has no extension for 911".to_owned()));
    assert!(
        calls.to_help("1001", true).unwrap_err().contains("goes to PJSIP/1001,30 instead of local_trunk")
    );
    assert!(
        calls
            .to_help("112", false)
            .unwrap_err()
            .contains("Asterisk has no extension for 112 in context synch-internal")
    );
    snapshot.dialplan = InDialplan::Wrong("made by pbx_config".to_owned());
    let calls = Calls::new(&settings, &snapshot);
    assert_eq!(calls.to_user("1001", true), Err("context synch-internal: made by pbx_config".to_owned()));
    std::sync::Arc::make_mut(&mut snapshot.sync).users.clear();
    assert!(
        Calls::new(&settings, &snapshot)
            .user(None)
            .unwrap_err()
            .contains("no synced user has a number to call")
    );
}

#[test]
fn a_trunk_that_is_away_fails_and_one_that_cannot_be_seen_is_not_tried() {
    assert_eq!(trunk("local_trunk gateway", Reach::There).result(), DrillResult::Passed);
    assert_eq!(trunk("local_trunk gateway", Reach::Away).result(), DrillResult::Failed);
    // Asterisk asks FreePBX's trunks a minute after its start: calls go out before that.
    assert_eq!(trunk("local_trunk gateway", Reach::NotAsked).result(), DrillResult::Skipped);
    assert_eq!(trunk("local_trunk DAHDI/g1/${EXTEN}", Reach::Own).result(), DrillResult::Skipped);
}
