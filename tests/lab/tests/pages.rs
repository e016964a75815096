//! What docs/commands.md shows is what the module prints: the lines, labels and headers of each example are those of a real
//! branch. `SYNCH_PAGES=/a/folder` keeps what was printed, to be put on the page where that has changed.

use std::{env, fs, path::PathBuf};

use lab::ami::Message;
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result, Sharing, Site, Version};

lab::tests_on!(
    on_22,
    V22,
    commands_print_what_the_page_shows,
    actions_and_events_have_the_headers_of_the_page,
    what_sites_share_is_shown_as_on_the_page,
);

/// A branch with users at work.
fn at_work(version: Version) -> Result<Site> {
    let mut site = Site::with_dialplan(version)?;
    site.add_account("operator")?;
    site.serve()?;
    site.wait_directory()?;
    Ok(site)
}

/// The examples below a heading of the page, each without its indentation.
fn examples(heading: &str) -> Result<Vec<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/commands.md");
    let page = fs::read_to_string(page).context("reading docs/commands.md")?;
    let (_, below) =
        page.split_once(&format!("\n### {heading}\n")).context(format!("no heading {heading}"))?;
    let own = below.split("\n### ").next().unwrap_or_default().split("\n## ").next().unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in own.lines() {
        match line.strip_prefix("    ") {
            Some(line) if open => {
                if let Some(example) = found.last_mut() {
                    example.push_str(line);
                    example.push('\n');
                }
            }
            Some(line) => {
                found.push(format!("{line}\n"));
                open = true;
            }
            // An empty line may stand within an example.
            None if line.is_empty() => {}
            None => open = false,
        }
    }
    Ok(found)
}

/// Keeps what was printed, where somebody wants to look at it.
fn keep(name: &str, text: &str) -> Result {
    let Some(folder) = env::var_os("SYNCH_PAGES").map(PathBuf::from) else { return Ok(()) };
    fs::create_dir_all(&folder).context("making the folder of SYNCH_PAGES")?;
    fs::write(folder.join(name.replace(' ', "-")), text).context(format!("keeping {name}"))
}

/// Whether what is printed is kept, and nothing compared.
fn keeping() -> bool {
    env::var_os("SYNCH_PAGES").is_some()
}

/// What is kept.
const KEPT: [&str; 14] = [
    "synch show status",
    "synch show status full",
    "synch show status json",
    "synch show config",
    "synch show users",
    "synch show user 1001",
    "synch show phones",
    "synch show directory",
    "synch show dialplan",
    "synch show contexts",
    "synch show versions",
    "synch show history",
    "synch show maintenance",
    "synch doctor",
];

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// `Label` of each `Label : value`.
fn labels(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(label, _)| label.trim()).collect()
}

/// `key` of each `key = value`, and the sections.
fn keys(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| if line.starts_with('[') { Some(line) } else { Some(line.split_once(" =")?.0) })
        .collect()
}

/// Digits are of the day.
fn without_digits(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect()
}

fn commands_print_what_the_page_shows(version: Version) -> Result {
    let site = at_work(version)?;
    let _phone = site.phone("1001")?;
    let say = |command: &str| -> Result<String> {
        let text = site.branch.rx(command)?;
        keep(command, &text)?;
        Ok(text)
    };
    let shown = |heading: &str, place: usize| -> Result<String> {
        let all = examples(heading)?;
        all.get(place).cloned().context(format!("{heading} has no example {place}: {all:?}"))
    };
    if keeping() {
        for command in KEPT {
            say(command)?;
        }
        return Ok(());
    }
    // Lists by what stands over their columns.
    for list in ["users", "phones", "directory", "versions", "history", "contexts"] {
        let command = format!("synch show {list}");
        let (text, page) = (say(&command)?, shown(&command, 0)?);
        assert_eq!(first_line(&text), first_line(&page), "{command}\n{text}");
    }
    // The state by its labels; what is out of the ordinary has more of them.
    let state = say("synch show status")?;
    assert_eq!(labels(&state), labels(&shown("synch show status", 0)?), "{state}");
    let full = say("synch show status full")?;
    assert_eq!(labels(&full), labels(&shown("synch show status", 1)?), "{full}");
    let json = |text: &str| -> Result<Vec<String>> {
        let value: serde_json::Value = serde_json::from_str(text).context(format!("no JSON: {text}"))?;
        let object = value.get(0).and_then(serde_json::Value::as_object).context("no object in it")?;
        Ok(object.keys().cloned().collect())
    };
    let text = say("synch show status json")?;
    assert_eq!(json(&text)?, json(&shown("synch show status", 2)?.replace('\n', ""))?, "{text}");
    let config = say("synch show config")?;
    let known = keys(&config);
    for key in keys(&shown("synch show config", 0)?) {
        assert!(known.contains(&key), "{key} is on the page, and not in\n{config}");
    }
    let user = say("synch show user 1001")?;
    assert_eq!(labels(&user).get(..9), labels(&shown("synch show user", 0)?).get(..9), "{user}");
    let dialplan = say("synch show dialplan")?;
    assert_eq!(first_line(&dialplan), first_line(&shown("synch show dialplan", 0)?), "{dialplan}");
    for (command, heading) in [
        ("synch sync", "synch sync"),
        ("synch rollback 1", "synch rollback"),
        ("synch set mode failover", "synch set mode"),
    ] {
        let text = say(command)?;
        assert_eq!(without_digits(text.trim()), without_digits(shown(heading, 0)?.trim()), "{command}");
    }
    holds_print_what_the_page_shows(&site, &say, &shown)?;
    doctor_and_drill_print_what_the_page_shows(&say, &shown)
}

/// The same of a mode that is held, and of work on the main.
fn holds_print_what_the_page_shows(
    site: &Site,
    say: &dyn Fn(&str) -> Result<String>,
    shown: &dyn Fn(&str, usize) -> Result<String>,
) -> Result {
    let hold = say("synch set mode normal 10")?;
    assert_eq!(without_digits(hold.trim()), without_digits(shown("synch set mode", 1)?.trim()));
    say("synch set mode auto")?;
    assert_eq!(say("synch show maintenance")?.trim(), shown("synch show maintenance", 1)?.trim());
    // The version of the rollback is held by now.
    site.wait_status("Sync", "Unsynced")?;
    say("synch sync")?;
    site.wait_status("Sync", "Synced")?;
    let begun = say("synch maintenance start 60 to 22.11")?;
    assert_eq!(without_digits(begun.trim()), without_digits(shown("synch maintenance start", 0)?.trim()));
    let during = say("synch show maintenance")?;
    assert_eq!(labels(&during), labels(&shown("synch show maintenance", 0)?), "{during}");
    let ended = say("synch maintenance stop")?;
    assert_eq!(ended.trim(), shown("synch maintenance stop", 0)?.trim());
    Ok(())
}

/// The same of these two, whose lines are many: `say` runs a command, and `shown` is an example of the page.
fn doctor_and_drill_print_what_the_page_shows(
    say: &dyn Fn(&str) -> Result<String>,
    shown: &dyn Fn(&str, usize) -> Result<String>,
) -> Result {
    let checks = say("synch doctor")?;
    let line = |text: &str| text.lines().any(|line| line.starts_with("ok   version     res_synch "));
    assert!(line(&checks) && line(&shown("synch doctor", 0)?), "{checks}");
    for text in [say("synch doctor json")?, shown("synch doctor", 1)?] {
        let value: serde_json::Value = serde_json::from_str(&text).context(format!("no JSON: {text}"))?;
        let first = value.get(0).and_then(serde_json::Value::as_object).context("no check in it")?;
        assert_eq!(first.keys().collect::<Vec<_>>(), ["Check", "Result", "Text"], "{text}");
        assert_eq!(first.get("Check").and_then(serde_json::Value::as_str), Some("branch"), "{text}");
    }
    let drill = say("synch drill")?;
    let line =
        |text: &str| text.lines().any(|line| line.starts_with("ok   dns   ") && line.contains(" ms  "));
    assert!(line(&drill) && line(&shown("synch drill", 0)?), "{drill}");
    Ok(())
}

/// The lines of a message, as they are on the wire.
fn lines(message: &Message) -> String {
    message.fields().iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
}

/// The keys of a message on the page, or of one that came; an id is whatever the client likes.
fn headers(text: &str) -> Vec<&str> {
    let keys = text.lines().filter_map(|line| line.split_once(':')).map(|(key, _)| key);
    keys.filter(|key| !["ActionID", "SequenceNumber", "File", "Line", "Func"].contains(key)).collect()
}

fn compare(heading: &str, message: &Message) -> Result {
    let text = lines(message);
    keep(heading, &text)?;
    if keeping() {
        return Ok(());
    }
    let page = examples(heading)?;
    let page = page.first().context(format!("{heading} has no example"))?;
    match headers(page) == headers(&text) {
        true => Ok(()),
        false => Err(Error::new(format!("{heading}: the page has\n{page}and it is\n{text}"))),
    }
}

fn actions_and_events_have_the_headers_of_the_page(version: Version) -> Result {
    let mut site = at_work(version)?;
    let _phone = site.phone("1001")?;
    let mut ami = site.login("operator")?;
    compare("SynchStatus", &ami.action("SynchStatus", &[])?)?;
    for list in ["SynchUsers", "SynchPhones", "SynchDirectory", "SynchVersions", "SynchHistory"] {
        let items = ami.list(list, &[])?;
        compare(list, items.first().context(format!("{list} is empty"))?)?;
    }
    for (action, fields) in [
        ("SynchSync", vec![]),
        ("SynchRollback", vec![("Version", "1")]),
        ("SynchSetMode", vec![("Mode", "failover")]),
    ] {
        compare(action, &ami.action(action, &fields)?)?;
    }
    compare("SynchServiceState", &ami.event("SynchServiceState", GENEROUS)?)?;
    ami.action("SynchSetMode", &[("Mode", "auto")])?;
    ami.action("SynchSync", &[])?;
    compare("SynchSyncState", &ami.event("SynchSyncState", GENEROUS)?)?;
    compare("SynchMaintenance", &ami.action("SynchMaintenance", &[("Do", "start")])?)?;
    compare("SynchMaintenanceState", &ami.event("SynchMaintenanceState", GENEROUS)?)?;
    ami.action("SynchMaintenance", &[("Do", "stop"), ("Force", "yes")])?;
    let checks = ami.list("SynchDoctor", &[])?;
    compare("SynchDoctor", checks.first().context("no check")?)?;
    let stages = ami.list("SynchDrill", &[])?;
    compare("SynchDrill", stages.first().context("no stage")?)?;
    compare("SynchDrillEnded", &ami.event("SynchDrillEnded", GENEROUS)?)?;
    site.main.kill_9()?;
    compare("SynchMonitorState", &ami.event("SynchMonitorState", GENEROUS)?)?;
    until_ok("the way back to be refused", GENEROUS, || {
        let answer = ami.action("SynchFailback", &[])?;
        if answer.is_success() { Err(Error::new("it was taken")) } else { compare("SynchFailback", &answer) }
    })
}

/// The same of systems that share their states.
fn what_sites_share_is_shown_as_on_the_page(version: Version) -> Result {
    let mut sharing = Sharing::joined(&[version, version], "")?;
    let [berlin, bonn] = sharing.systems.as_mut_slice() else { return Err(Error::new("not two systems")) };
    bonn.set_device("Custom:mystate", "INUSE")?;
    berlin.wait_device("Custom:mystate", "INUSE")?;
    let mut texts = Vec::new();
    for command in ["synch show sites", "synch show state", "synch show state Custom:mystate"] {
        let text = berlin.rx(command)?;
        keep(command, &text)?;
        texts.push(text);
    }
    let mut ami = berlin.ami()?;
    let sites = ami.list("SynchSites", &[])?;
    compare("SynchSites", sites.first().context("SynchSites is empty")?)?;
    bonn.kill_9()?;
    compare("SynchSiteState", &ami.event("SynchSiteState", GENEROUS)?)?;
    if keeping() {
        return Ok(());
    }
    let [sites, state, device] = texts.as_slice() else { return Err(Error::new("not three texts")) };
    let on_page = |heading: &str, place: usize| -> Result<String> {
        examples(heading)?.get(place).cloned().context(format!("{heading} has no example {place}"))
    };
    assert_eq!(first_line(sites), first_line(&on_page("synch show sites", 0)?), "{sites}");
    assert_eq!(labels(state), labels(&on_page("synch show state", 0)?), "{state}");
    let page = on_page("synch show state", 1)?;
    assert_eq!(device.lines().count(), page.lines().count(), "{device}");
    for text in [device, &page] {
        assert!(text.lines().any(|line| line.starts_with("bonn   ")), "{text}");
        assert!(text.lines().last().is_some_and(|line| line.starts_with("All together   ")), "{text}");
    }
    Ok(())
}
