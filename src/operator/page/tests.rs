use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use super::*;
use crate::{
    maintenance::Until,
    operator::status::{
        BranchStatus, DrillStatus, Examined, MaintenanceStatus,
        tests::{busy, snapshot},
    },
    settings,
    words::{conf::ConfSection, state::MonitorState, wording::visible},
};

const NOW: &str = "20261128133452";

fn page(snapshot: &Snapshot) -> String {
    html(snapshot, Place { prefix: "", now: NOW })
}

/// What a reader sees: the text between the tags.
fn seen(page: &str) -> String {
    let (_, body) = page.split_once("<body>").unwrap();
    let parts = body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    parts.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_first_line_says_who_serves_and_is_the_title() {
    for (state, colour, title) in [
        (ServiceState::Failover, "amber", "This branch serves the phones"),
        (ServiceState::Normal, "green", "The main serves the phones"),
        (ServiceState::Init, "grey", "It is not decided yet who serves the phones"),
    ] {
        let mut snapshot = busy();
        snapshot.service.state = state;
        let page = page(&snapshot);
        assert!(page.contains(&format!("<title>{title}</title>")), "{page}");
        assert!(page.contains(&format!("<header class=\"{colour}\"><h1>{title}</h1>")), "{page}");
        assert!(page.contains("<p>say &quot;why&quot;</p>\n<p>mode auto</p>"), "{page}");
    }
}

#[test]
fn what_is_bad_is_red_whoever_serves() {
    let mut snapshot = busy();
    snapshot.examined = Some(Examined { time: NOW.to_owned(), bad: 1, warnings: 2 });
    let shown = page(&snapshot);
    assert!(shown.contains("<header class=\"red\">") && shown.contains("found 1 bad"), "{shown}");
    assert!(seen(&shown).contains("13:34:52: 1 bad, 2 warnings"));
    snapshot.examined = Some(Examined { bad: 0, ..snapshot.examined.unwrap() });
    assert!(page(&snapshot).contains("<header class=\"green\">"));
    snapshot.branch = BranchStatus {
        state: BranchState::Unhealthy,
        reason: "this Asterisk takes no calls: its SIP: closed".to_owned(),
    };
    let shown = page(&snapshot);
    assert!(shown.contains("<header class=\"red\">") && shown.contains("takes no calls: its SIP: closed"));
    assert_eq!(shown.matches("takes no calls").count(), 1);
}

#[test]
fn a_return_that_waits_says_what_for() {
    let mut snapshot = busy();
    snapshot.service.state = ServiceState::Failover;
    snapshot.service.waits_for = "the main to be Stable".to_owned();
    assert!(
        page(&snapshot).contains("<p>mode auto; the return to the main waits for the main to be Stable</p>")
    );
    snapshot.service.mode = Mode::Failover;
    assert!(page(&snapshot).contains("<p>mode failover, set by an operator; the return"));
}

#[test]
fn a_maintenance_is_blue_and_has_a_card_of_its_own() {
    let mut snapshot = busy();
    assert!(!page(&snapshot).contains("<h2>Maintenance</h2>"));
    snapshot.service.state = ServiceState::Failover;
    snapshot.service.mode = Mode::Maintenance;
    snapshot.maintenance = MaintenanceStatus {
        until: Some((Until::after(60, UNIX_EPOCH), "20261128143000".to_owned())),
        reason: "22.11 <b>".to_owned(),
        drain: Some(DrainState::Waiting),
        main_calls: Some(1),
        ..MaintenanceStatus::default()
    };
    let shown = page(&snapshot);
    assert!(
        shown.contains("<header class=\"blue\"><h1>This branch serves the phones: maintenance"),
        "{shown}"
    );
    let seen = seen(&shown);
    for part in [
        "\nMaintenance\n",
        "14:30:00",
        "22.11 &lt;b&gt;",
        "\nwaiting\n\n 1 call on the main",
        "mode maintenance until",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    let value: serde_json::Value = serde_json::from_str(&json(&snapshot, NOW)).unwrap();
    assert_eq!(value["maintenance"]["Drain"], "waiting");
    assert_eq!(value["maintenance"]["MainCalls"], 1);
}

#[test]
fn each_part_has_its_card() {
    let mut snapshot = busy();
    snapshot.monitor.state = MonitorState::Failed;
    snapshot.counts.moved = [(50, Some(Duration::from_secs(21))), (90, None), (100, None)];
    snapshot.drill = DrillStatus::from_memo("20261127020000 Passed 6 stages in 40 ms");
    let seen = seen(&page(&snapshot));
    for part in [
        "\nMain\n",
        "\nFailed\n",
        "\nUsers\n",
        "1 left out",
        "\nPhones\n",
        "half after 21 s",
        "\nName server\n",
        "0 own, 0 relayed, 0 stale",
        "\nPassed\n\n 27 Nov 02:00: 6 stages in 40 ms",
        "\nWhat happened\n",
        "13:34:52, again every 10 s",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
}

/// Whatever stands in a text of others: it is shown, and nothing of it is HTML.
#[test]
fn hostile_texts_stay_text() {
    let hostile =
        "</p></td></title></style><script>document.title='owned'</script><img src=x onerror=a>\u{202e}\n";
    let shown = "&lt;/p&gt;&lt;/td&gt;&lt;/title&gt;&lt;/style&gt;&lt;script&gt;document.title=&#39;owned&#39;\
                 &lt;/script&gt;&lt;img src=x onerror=a&gt;\\u{202e}\\n";
    let mut snapshot = busy();
    for text in [
        &mut snapshot.monitor.reason,
        &mut snapshot.monitor.ami,
        &mut snapshot.monitor.sip,
        &mut snapshot.service.reason,
        &mut snapshot.service.waits_for,
        &mut snapshot.dns.state,
    ] {
        hostile.clone_into(text);
    }
    snapshot.login.state = LoginState::Refused;
    hostile.clone_into(&mut snapshot.login.reason);
    hostile.clone_into(&mut Arc::make_mut(&mut snapshot.sync).reason);
    let entry = |reason: &str| HistoryEntry {
        time: hostile.to_owned(),
        subject: "Monitor",
        old: "Stable",
        new: "Failed",
        reason: reason.to_owned(),
    };
    snapshot.history = [entry(hostile)].into();
    snapshot.drill =
        Some(DrillStatus { reason: hostile.to_owned(), ..DrillStatus::from_memo("x Failed y").unwrap() });
    let page = page(&snapshot);
    for tag in ["<script", "<img", "</title></style>", "\u{202e}"] {
        assert!(!page.contains(tag), "{tag}: {page}");
    }
    assert_eq!(page.matches(shown).count(), 11, "{page}");
    assert_eq!(page.matches("</title>").count(), 1);
    let value: serde_json::Value = serde_json::from_str(&json(&snapshot, NOW)).unwrap();
    assert_eq!(value["status"]["MonitorReason"], visible(hostile));
    assert_eq!(value["history"][0]["Reason"], visible(hostile));
}

#[test]
fn a_main_that_was_not_asked_has_no_phones_and_none_is_away() {
    let mut snapshot = busy();
    let shown = seen(&page(&snapshot));
    assert!(shown.contains("it has not been asked yet") && !shown.contains("Away"), "{shown}");
    Arc::make_mut(&mut snapshot.phones).asked = true;
    let shown = seen(&page(&snapshot));
    assert!(shown.contains("At the main") && shown.contains("Away"), "{shown}");
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    let page = page(&busy());
    for word in
        ["script", "src=", "url(", "http:", "https:", "@import", "onload", "<form", "<iframe", "<link"]
    {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("<a href=\"/synch/status.json\">") && page.contains("<a href=\"/synch/metrics\">"));
    let place = Place { prefix: "/asterisk", now: NOW };
    assert!(html(&busy(), place).contains("<a href=\"/asterisk/synch/metrics\">"));
    // What `prefix = /asterisk` comes to: begun so, a link would lead to a machine of that name.
    let place = Place { prefix: "//asterisk", now: NOW };
    assert!(html(&busy(), place).contains("<a href=\"/.//asterisk/synch/metrics\">"));
}

#[test]
fn the_newest_change_is_the_first_and_a_long_night_has_an_end() {
    let mut snapshot = busy();
    let entry = |number: usize| HistoryEntry {
        time: format!("202611281300{:02}", number % 60),
        subject: "Monitor",
        old: "Stable",
        new: "Failed",
        reason: format!("change {number}."),
    };
    snapshot.history = (0..500).map(entry).collect();
    let shown = page(&snapshot);
    let (newest, older) = (shown.find("change 499.").unwrap(), shown.find("change 498.").unwrap());
    assert!(newest < older && !shown.contains("change 459.") && shown.contains("and 460 before"));
    assert!(shown.len() < 16 << 10, "{}", shown.len());
    let value: serde_json::Value = serde_json::from_str(&json(&snapshot, NOW)).unwrap();
    assert_eq!(value["history"].as_array().unwrap().len(), 500);
}

#[test]
fn the_json_has_the_status_of_the_cli() {
    let mut snapshot = busy();
    let value: serde_json::Value = serde_json::from_str(&json(&snapshot, NOW)).unwrap();
    let cli: serde_json::Value = serde_json::from_str(&status::json(&snapshot, NOW.to_owned())).unwrap();
    assert_eq!(value["status"], cli[0]);
    assert_eq!(value["drill"], serde_json::json!({}));
    snapshot.drill = DrillStatus::from_memo("20261127020000 Failed trunk: it is \"away\"");
    let value: serde_json::Value = serde_json::from_str(&json(&snapshot, NOW)).unwrap();
    assert_eq!(value["drill"]["Result"], "Failed");
    assert_eq!(value["drill"]["Reason"], "trunk: it is \"away\"");
}

#[test]
fn a_system_that_only_shares_its_states_says_so() {
    let mut snapshot = snapshot();
    let section = ConfSection::new("state", [("host", "10.0.0.5")]);
    snapshot.settings = settings::read(&[section]).unwrap().into();
    let page = page(&snapshot);
    assert!(page.contains("<h1>This system shares its states with other sites</h1>"));
    assert!(!page.contains("<h2>Main</h2>") && !page.contains("mode auto"), "{page}");
}

#[test]
fn times_are_of_today_or_have_their_day() {
    for (time, shown) in [
        ("20261128133447", "13:34:47"),
        ("20261127020000", "27 Nov 02:00"),
        ("20260105020000", "5 Jan 02:00"),
        ("20261327020000", "27 ? 02:00"),
        ("", ""),
        ("yesterday", "yesterday"),
        ("2026112é02000", "2026112é02000"),
    ] {
        assert_eq!(when(time, NOW), shown);
    }
}
