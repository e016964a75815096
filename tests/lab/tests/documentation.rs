//! What Asterisk itself shows of the module's XML documentation, and that nothing depends on it.

use lab::wait::{GENEROUS, until_value};
use lab::{Context, Result, Site, Version};

lab::on_22_and_16!(
    actions_and_events_are_documented,
    every_key_of_the_status_is_documented,
    functions_are_documented,
    every_option_is_documented,
    without_the_documentation_the_module_works_and_warns_of_nothing,
);

const ACTIONS: [&str; 15] = [
    "SynchStatus",
    "SynchUsers",
    "SynchPhones",
    "SynchDirectory",
    "SynchVersions",
    "SynchHistory",
    "SynchSites",
    "SynchBranches",
    "SynchSync",
    "SynchRollback",
    "SynchSetMode",
    "SynchMaintenance",
    "SynchFailback",
    "SynchDoctor",
    "SynchDrill",
];
const EVENTS: [&str; 5] =
    ["SynchMonitorState", "SynchSyncState", "SynchServiceState", "SynchBranchState", "SynchSiteState"];

fn started(version: Version, documented: bool) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    if !documented {
        let file = site.branch.path("data/documentation/thirdparty/res_synch-en_US.xml");
        std::fs::remove_file(&file).context(format!("removing {}", file.display()))?;
    }
    // The main first: what goes wrong while it boots would be warned of.
    site.main.start()?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    site.wait_status("Service", "Normal")?;
    Ok(site)
}

fn actions_and_events_are_documented(version: Version) -> Result {
    let site = started(version, true)?;
    for action in ACTIONS {
        let shown = site.branch.rx(&format!("manager show command {action}"))?;
        for part in ["Synopsis", "Description", "write class system", "ActionID", "Privilege"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
    for (action, argument) in [
        ("SynchRollback", "Version"),
        ("SynchSetMode", "Minutes"),
        ("SynchMaintenance", "Force"),
        ("SynchDirectory", "Like"),
    ] {
        let shown = site.branch.rx(&format!("manager show command {action}"))?;
        assert!(shown.contains(&format!("{argument}:")), "{shown}");
    }
    let drill = site.branch.rx("manager show event SynchDrillEnded")?;
    for part in ["Raised when", "Result", "Reason", "Stages"] {
        assert!(drill.contains(part), "{part}: {drill}");
    }
    let maintenance = site.branch.rx("manager show event SynchMaintenanceState")?;
    for part in ["Raised when", "State", "Reason", "MainCalls"] {
        assert!(maintenance.contains(part), "{part}: {maintenance}");
    }
    for event in EVENTS {
        let shown = site.branch.rx(&format!("manager show event {event}"))?;
        for part in ["Raised when", "OldState", "NewState", "Reason"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
    Ok(())
}

/// What is shown, without the line ends that depend on the width of the terminal.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn every_key_of_the_status_is_documented(version: Version) -> Result {
    let site = started(version, true)?;
    let shown = flat(&site.branch.rx("manager show command SynchStatus")?);
    let (_, keys) = shown.split_once("never change name: ").context(&shown)?;
    let (keys, _) = keys.split_once('.').context(&shown)?;
    let status = site.branch.rx("synch show status full")?;
    let labels = status.lines().filter_map(|line| line.split_once(':')).map(|(label, _)| label.trim());
    assert_eq!(keys.split(", ").collect::<Vec<_>>(), labels.collect::<Vec<_>>());
    Ok(())
}

/// Without the colours of the terminal.
fn plain(line: &str) -> String {
    let uncoloured = |part: &str| part.split_once('m').map_or_else(String::new, |(_, text)| text.to_owned());
    let mut parts = line.split('\x1b');
    parts.next().unwrap_or_default().to_owned() + &parts.map(uncoloured).collect::<String>()
}

fn functions_are_documented(version: Version) -> Result {
    let site = started(version, true)?;
    for function in ["SYNCH", "SYNCH_USER", "SYNCH_TRUNK", "SYNCH_ROUTE"] {
        let shown = site.branch.rx(&format!("core show function {function}"))?;
        assert!(!shown.contains("Not available"), "{shown}");
    }
    for (function, known) in [
        (
            "SYNCH",
            [
                "monitor",
                "sync",
                "service",
                "mode",
                "users",
                "from_main",
                "over_main",
                "ring_time",
                "forward_time",
                "caller_id",
                "refusal",
            ]
            .as_slice(),
        ),
        (
            "SYNCH_USER",
            &[
                "name",
                "site",
                "public",
                "voicemail",
                "device",
                "hint",
                "here",
                "dial",
                "known",
                "context",
                "forward",
                "forward_busy",
                "forward_unavailable",
                "dnd",
            ],
        ),
        ("SYNCH_TRUNK", &["main", "local", "second"]),
    ] {
        let shown = site.branch.rx(&format!("core show function {function}"))?;
        for part in ["Synopsis", "Description", "Syntax", "Arguments", "See Also"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let lines: Vec<String> = shown.lines().map(plain).collect();
        let words = lines.iter().filter_map(|line| line.strip_prefix("    ")?.split_once(" - "));
        assert_eq!(words.map(|(word, _)| word).collect::<Vec<_>>(), known, "{shown}");
    }
    Ok(())
}

fn every_option_is_documented(version: Version) -> Result {
    let site = started(version, true)?;
    // Sections that are shown only where they have something.
    let some = "[endpoint]\nlanguage = de\n[aor]\nqualify_frequency = 0\n[peer]\nlanguage = de\n\n\
        [state]\nhost = 192.0.2.1\naccept = . .\n\n[sync]\n";
    site.branch.edit_conf("res_synch.conf", "[sync]\n", some)?;
    site.branch.reload_module()?;
    let in_force = || site.branch.rx("synch show config");
    until_value("the settings", GENEROUS, in_force, |config| config.contains("[aor]"))?;
    let sections = site.branch.rx("config show help res_synch")?;
    // What is in force names every section and key there is.
    let config = site.branch.rx("synch show config")?;
    let mut section = "";
    for line in config.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
            assert!(sections.lines().any(|line| line.starts_with(name)), "{name}: {sections}");
            continue;
        }
        let (key, _) = line.split_once(" =").context(line)?;
        // There, any option of the channel driver may be set.
        let key = if ["endpoint", "aor", "peer"].contains(&section) { "^.+$" } else { key };
        let keys = site.branch.rx(&format!("config show help res_synch {section}"))?;
        assert!(keys.lines().any(|line| line.split_whitespace().next() == Some(key)), "{key}: {keys}");
        let shown = site.branch.rx(&format!("config show help res_synch {section} {key}"))?;
        assert!(shown.contains(&format!("{key} = [")), "{section} {key}: {shown}");
    }
    assert!(site.branch.rx("config show help res_synch main host")?.contains("name of the main system"));
    Ok(())
}

fn without_the_documentation_the_module_works_and_warns_of_nothing(version: Version) -> Result {
    let site = started(version, false)?;
    let mut ami = site.branch.ami()?;
    for action in ACTIONS {
        let answer = ami.action(action, &[])?;
        // Two of them miss an argument, and say so; one has nobody to send back.
        let why = |text: &str| text.contains("''") || text.contains("the service state is Normal");
        let said = answer.is_success() || answer.get("Message").is_some_and(why);
        assert!(said, "{answer:?}");
        let shown = site.branch.rx(&format!("manager show command {action}"))?;
        assert!(shown.contains("Synopsis: ") && shown.contains("Privilege: "), "{shown}");
    }
    assert!(site.branch.rx("core show help synch show status")?.contains("Usage: synch show status"));
    site.branch.reload_module()?;
    site.branch.unload_module()?;
    site.branch.load_module()?;
    site.wait_status("Sync", "Synced")?;
    let log = site.branch.log();
    let warnings: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("] WARNING[") || line.contains("] ERROR["))
        // Asterisk 16 says this of chan_sip.
        .filter(|line| !line.contains("will be deprecated"))
        // And this is as it should be.
        .filter(|line| !line.contains("[main] tls = no"))
        .collect();
    assert_eq!(warnings, [""; 0]);
    Ok(())
}
