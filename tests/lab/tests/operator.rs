//! What an operator types: the `synch …` commands at Asterisk's CLI.

use lab::wait::{GENEROUS, until_value};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    status_is_lines_of_label_and_value,
    status_as_json_is_a_list_of_one_object,
    config_is_what_is_in_force_and_hides_the_secret,
    users_are_listed_and_searched,
    versions_are_listed_rolled_back_and_synced_again,
    history_has_every_change_newest_last,
    a_mode_is_set_and_another_word_is_none,
    words_are_completed,
    every_command_has_help,
    cli_permissions_hold,
    commands_for_a_sync_that_is_off_say_so,
);

const COMMANDS: [&str; 25] = [
    "synch show status",
    "synch show config",
    "synch show users",
    "synch show user",
    "synch show directory",
    "synch show phones",
    "synch show contexts",
    "synch show dialplan",
    "synch show versions",
    "synch show diff",
    "synch show history",
    "synch show sites",
    "synch show state",
    "synch show branches",
    "synch show branch",
    "synch show users of",
    "synch show maintenance",
    "synch maintenance start",
    "synch maintenance stop",
    "synch doctor",
    "synch sync",
    "synch rollback",
    "synch set mode",
    "synch failback",
    "synch drill",
];

/// What `synch show` shows.
const SHOWN: [&str; 16] = [
    "branch",
    "branches",
    "config",
    "contexts",
    "dialplan",
    "diff",
    "directory",
    "history",
    "maintenance",
    "phones",
    "sites",
    "state",
    "status",
    "user",
    "users",
    "versions",
];

fn synced(version: Version) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    Ok(site)
}

/// The same, and the main has been found alive: nothing changes by itself any more.
fn in_service(version: Version) -> Result<Site> {
    let site = synced(version)?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("Branch", "Healthy")?;
    Ok(site)
}

fn status_is_lines_of_label_and_value(version: Version) -> Result {
    let site = in_service(version)?;
    let text = site.branch.rx("synch show status full")?;
    let mut values = std::collections::HashMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (label, value) = line.split_once(':').context(format!("no label: {line}"))?;
        assert!(value.is_empty() || value.starts_with(' '), "{line}");
        assert!(values.insert(label.trim_end(), value.trim()).is_none(), "{label} twice: {text}");
    }
    assert_eq!(values.get("Monitor"), Some(&"Stable"));
    assert_eq!(values.get("Sync"), Some(&"Synced"));
    assert_eq!(values.get("Service"), Some(&"Normal"));
    assert_eq!(values.get("Mode"), Some(&"auto"));
    assert_eq!(values.get("Users"), Some(&"3"));
    assert_eq!(values.get("DnsTarget"), Some(&site.main.address().to_string().as_str()));
    let text = site.branch.rx("synch show status")?;
    let labels: Vec<&str> = text.lines().filter_map(|line| line.split(':').next()).map(str::trim).collect();
    assert_eq!(labels, ["Monitor", "Sync", "Service", "Users", "Phones", "DNS", "Dialplan"], "{text}");
    assert!(
        text.contains("Monitor        : Stable (") && text.contains("Service        : Normal ("),
        "{text}"
    );
    Ok(())
}

fn status_as_json_is_a_list_of_one_object(version: Version) -> Result {
    let site = in_service(version)?;
    // A reason with quotes and a backslash must not break it.
    site.branch.edit_conf("res_synch.conf", "filter_value = ^HeadOffice$", "filter_value = ^\"No\\\\w\"$")?;
    site.branch.reload_module()?;
    site.wait_status("Sync", "Unsynced")?;
    let text = site.branch.rx("synch show status json")?;
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).context(&text)?;
    let [object] = json.as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(Error::new(format!("no list of one: {text}")));
    };
    let value =
        |key: &str| object.get(key).and_then(serde_json::Value::as_str).context(format!("{key} in {text}"));
    let time = value("Timestamp")?;
    assert!(time.len() == 14 && time.bytes().all(|byte| byte.is_ascii_digit()), "{time}");
    // In the order in which the old monitoring socket answered.
    let head = format!(
        "[{{\"Timestamp\":\"{time}\",\"Monitor\":\"{}\",\"Sync\":\"Unsynced\",\"Service\":\"{}\"",
        value("Monitor")?,
        value("Service")?
    );
    assert!(text.starts_with(&head), "{text}");
    assert!(object.get("Users").is_some_and(serde_json::Value::is_u64), "{text}");
    Ok(())
}

fn config_is_what_is_in_force_and_hides_the_secret(version: Version) -> Result {
    let site = synced(version)?;
    let config = site.branch.rx("synch show config")?;
    assert!(config.contains("\nsecret = ***\n") && !config.contains("SomePasswordHere"), "{config}");
    let technology = version.technology().to_lowercase();
    let output = format!("output = {}", version.synced_file());
    for line in [
        "[main]",
        "port = 5038",
        "error_penalty = 1",
        &format!("technology = {technology}"),
        "filter_value = ^HeadOffice$",
        &output,
        "max_shrink = 50",
        &format!("bind = {}:53", site.branch.address()),
        "domain = voice.example.com",
        "soa_minimum = 30",
        "default_state = failover",
    ] {
        assert!(config.lines().any(|one| one == line), "{line} in {config}");
    }
    // It is the file again: with the secret filled in, nothing changes.
    site.branch.write_conf("res_synch.conf", &config.replace("***", "SomePasswordHere"))?;
    site.branch.reload_module()?;
    site.branch.wait_log("The settings are unchanged.", GENEROUS)
}

fn users_are_listed_and_searched(version: Version) -> Result {
    let site = synced(version)?;
    let all = site.branch.rx("synch show users")?;
    for user in ["1001 ", "1002 ", "1003 "] {
        assert!(all.lines().any(|line| line.starts_with(user)), "{all}");
    }
    assert!(all.contains("\n3 of 3 users\n"), "{all}");
    for (pattern, found) in [("^1001$", "1001 "), ("Alex", "1002 "), ("Zo.", "1003 ")] {
        let some = site.branch.rx(&format!("synch show users like {pattern}"))?;
        assert!(some.lines().any(|line| line.starts_with(found)), "{some}");
        assert!(some.contains("\n1 of 3 users\n"), "{some}");
    }
    let none = site.branch.rx("synch show users like nobody")?;
    assert!(none.contains("\n0 of 3 users\n"), "{none}");
    let bad = site.branch.rx("synch show users like (")?;
    assert!(bad.contains("'(' is not a regular expression"), "{bad}");
    for nonsense in ["synch show users 1001", "synch show users like", "synch show users like a b"] {
        let usage = site.branch.rx(nonsense)?;
        assert!(usage.contains("Usage: synch show users"), "{nonsense}: {usage}");
    }
    Ok(())
}

fn versions_are_listed_rolled_back_and_synced_again(version: Version) -> Result {
    let site = synced(version)?;
    for file in ["pjsip.endpoint.conf", "sip_additional.conf"] {
        // One of the two is there.
        let _ = site.main.edit_conf(file, "Alice", "Alicia");
    }
    site.branch.rx("synch sync")?;
    site.wait_status("SyncVersion", "2")?;
    site.wait_status("Sync", "Synced")?;
    let marked = |number: u64| {
        let look = || site.branch.rx("synch show versions");
        until_value(&format!("version {number} to be marked"), GENEROUS, look, |text| {
            text.lines().any(|line| {
                line.starts_with('*') && line.split_whitespace().nth(1) == Some(&number.to_string())
            })
        })
    };
    let text = marked(2)?;
    assert!(text.contains("\n2 versions\n"), "{text}");

    let unknown = site.branch.rx("synch rollback 99")?;
    assert!(
        unknown.contains("There is no version '99'") && unknown.contains("synch show versions"),
        "{unknown}"
    );
    assert!(site.branch.rx("synch rollback newest")?.contains("There is no version 'newest'"));
    assert!(site.branch.rx("synch rollback")?.contains("Usage: synch rollback"));

    let started = site.branch.rx("synch rollback 1")?;
    assert!(started.contains("Rollback to version 1 started"), "{started}");
    site.wait_status("HeldVersion", "1")?;
    site.wait_status("Sync", "Unsynced")?;
    assert!(marked(1)?.contains("Version 1 is held until 'synch sync'."));
    assert!(site.branch.rx("synch show users")?.contains("Alice"));

    site.branch.rx("synch sync")?;
    site.wait_status("Sync", "Synced")?;
    site.wait_status("HeldVersion", "")?;
    assert!(site.branch.rx("synch show users")?.contains("Alicia"));
    Ok(())
}

fn history_has_every_change_newest_last(version: Version) -> Result {
    let site = in_service(version)?;
    site.branch.rx("synch set mode failover")?;
    site.branch.rx("synch set mode auto")?;
    let text = site.branch.rx("synch show history")?;
    let changes: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with("20"))
        .map(|line| line.split_whitespace().skip(1).take(3).collect::<Vec<_>>().join(" "))
        .collect();
    let last: Vec<&str> = changes.iter().rev().take(4).rev().map(String::as_str).collect();
    assert_eq!(
        last,
        ["Mode auto failover", "Service Normal Failover", "Mode failover auto", "Service Failover Normal"],
        "{text}"
    );
    assert!(changes.iter().any(|change| change.ends_with("Stable")), "{text}");
    // A main that is slow to start may have been missed once.
    let synced = |change: &String| change.starts_with("Sync ") && change.ends_with(" Synced");
    assert!(changes.iter().any(synced), "{text}");
    assert!(text.contains("set by an operator") && text.contains("mode was set to failover"), "{text}");
    assert!(text.contains(&format!("\n{} changes\n", changes.len())), "{text}");
    let times: Vec<&str> =
        text.lines().filter_map(|line| line.get(..14)).filter(|time| time.starts_with("20")).collect();
    assert!(
        times.is_sorted() && times.iter().all(|time| time.bytes().all(|byte| byte.is_ascii_digit())),
        "{text}"
    );
    Ok(())
}

fn a_mode_is_set_and_another_word_is_none(version: Version) -> Result {
    let site = in_service(version)?;
    for (mode, service) in [("failover", "Failover"), ("normal", "Normal"), ("auto", "Normal")] {
        let answer = site.branch.rx(&format!("synch set mode {mode}"))?;
        assert!(answer.contains(&format!("Mode is {mode}, service state is {service}.")), "{answer}");
        assert_eq!((site.status("Mode")?.as_str(), site.status("Service")?.as_str()), (mode, service));
    }
    for wrong in ["synch set mode", "synch set mode off", "synch set mode normal now"] {
        let answer = site.branch.rx(wrong)?;
        assert!(answer.contains("Usage:") || answer.contains("No such command"), "{wrong}: {answer}");
        assert_eq!(site.status("Mode")?, "auto");
    }
    Ok(())
}

fn words_are_completed(version: Version) -> Result {
    let site = synced(version)?;
    for (line, word, wanted) in [
        (
            "synch ",
            "",
            ["doctor", "drill", "failback", "maintenance", "rollback", "set", "show", "sync"].as_slice(),
        ),
        ("synch show ", "", &SHOWN),
        ("synch show status ", "", &["full", "json"]),
        ("synch show users ", "", &["like", "of"]),
        ("synch show user ", "", &["1001", "1002", "1003"]),
        ("synch show user 1003", "1003", &["1003"]),
        ("synch show directory ", "", &["like"]),
        ("synch show diff ", "", &["1"]),
        ("synch show diff 1 ", "", &["1"]),
        ("synch show users like ", "", &["1001", "1002", "1003"]),
        ("synch show users like 1002", "1002", &["1002"]),
        ("synch rollback ", "", &["1"]),
        ("synch set mode ", "", &["auto", "failover", "normal"]),
        ("synch set mode f", "f", &["failover"]),
        ("synch set mode normal ", "", &["10"]),
        ("synch maintenance ", "", &["start", "stop"]),
        ("synch maintenance start ", "", &["60"]),
        ("synch maintenance stop 1 ", "", &["force"]),
        ("synch sync ", "", &[]),
        ("synch rollback 1 ", "", &[]),
    ] {
        let answer = site.branch.rx(&format!("_command matchesarray \"{line}\" \"{word}\""))?;
        // The first is what they have in common.
        let found: Vec<&str> = match answer.strip_suffix("_EOF_\n").or_else(|| answer.strip_suffix("_EOF_")) {
            Some(words) => words.split(' ').skip(1).filter(|word| !word.is_empty()).collect(),
            None if wanted.is_empty() => Vec::new(),
            None => return Err(Error::new(format!("'{line}': {answer}"))),
        };
        assert_eq!(found, wanted, "'{line}': {answer}");
    }
    Ok(())
}

fn every_command_has_help(version: Version) -> Result {
    let site = synced(version)?;
    let list = site.branch.rx("core show help synch")?;
    assert_eq!(list.lines().filter(|line| line.starts_with("synch ")).count(), COMMANDS.len(), "{list}");
    for command in COMMANDS {
        assert!(
            list.lines().any(|line| line.starts_with(command) && line.contains(" -- ")),
            "{command}: {list}"
        );
        // Of a command that ends in a choice, Asterisk has the help of each of its words only.
        let word = if command == "synch set mode" { " auto" } else { "" };
        let help = site.branch.rx(&format!("core show help {command}{word}"))?;
        assert!(help.contains(&format!("Usage: {command}")), "{command}: {help}");
    }
    Ok(())
}

/// As for any module: who may not change can still look.
fn cli_permissions_hold(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.write_conf(
        "cli_permissions.conf",
        "[general]\ndefault_perm = permit\n[root]\ndeny = synch set\ndeny = synch sync\ndeny = synch rollback\n",
    )?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    for command in ["synch set mode failover", "synch sync", "synch rollback 1"] {
        let answer = site.branch.rx(command)?;
        assert!(answer.contains("permission"), "{command}: {answer}");
    }
    assert!(site.branch.rx("synch show status")?.contains("Monitor"));
    assert_eq!((site.status("Mode")?, site.status("HeldVersion")?), ("auto".to_owned(), String::new()));
    Ok(())
}

fn commands_for_a_sync_that_is_off_say_so(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "[sync]\n", "[sync]\nenabled = no\n")?;
    site.start()?;
    for command in ["synch sync", "synch rollback 1"] {
        let answer = site.branch.rx(command)?;
        assert!(answer.contains("Sync is off") && answer.contains("failed"), "{command}: {answer}");
    }
    assert_eq!(site.status("Sync")?, "Init");
    assert!(site.branch.rx("synch show config")?.contains("[sync]\nenabled = no\n"));
    Ok(())
}
