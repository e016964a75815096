//! What a program does: the AMI actions and events.

use lab::ami::{Ami, Message};
use lab::wait::GENEROUS;
use lab::{Error, Result, Site, Version};

lab::on_22_and_16!(
    system_may_do_everything,
    reporting_may_look_and_change_nothing,
    any_other_class_may_do_nothing,
    status_has_the_keys_of_the_cli,
    lists_end_with_their_length,
    errors_say_why,
    each_change_of_state_is_an_event,
    a_value_can_not_carry_another_header,
);

const READING: [&str; 7] = [
    "SynchStatus",
    "SynchUsers",
    "SynchDirectory",
    "SynchVersions",
    "SynchHistory",
    "SynchSites",
    "SynchBranches",
];
const CHANGING: [(&str, &[(&str, &str)]); 3] =
    [("SynchSetMode", &[("Mode", "normal")]), ("SynchRollback", &[("Version", "1")]), ("SynchSync", &[])];
/// Changes something, too, but not while all is well.
const MOVING: [(&str, &[(&str, &str)]); 4] = [
    ("SynchMaintenance", &[("Do", "start")]),
    ("SynchFailback", &[]),
    ("SynchDoctor", &[]),
    ("SynchDrill", &[]),
];

/// Normal service, and an account that has the class system alone.
fn in_service(version: Version) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    site.add_account("operator")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    site.wait_status("Service", "Normal")?;
    Ok(site)
}

/// A list's first response, its items, and the event that ends it.
fn list(ami: &mut Ami, action: &str) -> Result<(Message, Vec<Message>, Message)> {
    let start = ami.action(action, &[("ActionID", "the-list")])?;
    let mut items = Vec::new();
    loop {
        let item =
            ami.event_where("the list", GENEROUS, |event| event.get("ActionID") == Some("the-list"))?;
        if item.get("EventList").is_some() {
            return Ok((start, items, item));
        }
        items.push(item);
    }
}

fn system_may_do_everything(version: Version) -> Result {
    let site = in_service(version)?;
    let mut ami = site.login("operator")?;
    for action in READING {
        let answer = ami.action(action, &[("ActionID", action)])?;
        assert!(answer.is_success() && answer.get("ActionID") == Some(action), "{answer:?}");
    }
    for (action, fields) in CHANGING {
        let fields = [fields, &[("ActionID", action)]].concat();
        let answer = ami.action(action, &fields)?;
        assert!(answer.is_success() && answer.get("ActionID") == Some(action), "{answer:?}");
        assert!(!answer.need("Message")?.is_empty());
    }
    assert_eq!(site.status("Mode")?, "normal");
    site.wait_status("Sync", "Synced")
}

fn refused(ami: &mut Ami, action: &str, fields: &[(&str, &str)]) -> Result {
    let answer = ami.action(action, &[fields, &[("ActionID", "7")]].concat())?;
    assert_eq!((answer.get("Response"), answer.get("ActionID")), (Some("Error"), Some("7")), "{answer:?}");
    assert_eq!(answer.get("Message"), Some("Permission denied"));
    Ok(())
}

fn reporting_may_look_and_change_nothing(version: Version) -> Result {
    let site = in_service(version)?;
    let mut ami = site.login("reporter")?;
    assert_eq!(ami.action("SynchStatus", &[])?.need("Service")?, "Normal");
    for action in ["SynchUsers", "SynchVersions", "SynchHistory"] {
        let (start, items, end) = list(&mut ami, action)?;
        assert!(start.is_success() && !items.is_empty(), "{start:?}, {items:?}, {end:?}");
    }
    for (action, fields) in CHANGING.into_iter().chain(MOVING) {
        refused(&mut ami, action, fields)?;
    }
    assert_eq!((site.status("Mode")?, site.status("HeldVersion")?), ("auto".to_owned(), String::new()));
    Ok(())
}

fn any_other_class_may_do_nothing(version: Version) -> Result {
    let site = in_service(version)?;
    let mut ami = site.login("caller")?;
    for action in READING {
        refused(&mut ami, action, &[])?;
    }
    for (action, fields) in CHANGING.into_iter().chain(MOVING) {
        refused(&mut ami, action, fields)?;
    }
    assert_eq!((site.status("Mode")?, site.status("HeldVersion")?), ("auto".to_owned(), String::new()));
    Ok(())
}

fn status_has_the_keys_of_the_cli(version: Version) -> Result {
    let site = in_service(version)?;
    let status = site.login("operator")?.action("SynchStatus", &[("ActionID", "x 1")])?;
    let keys: Vec<&str> = status.fields().iter().map(|(key, _)| key.as_str()).collect();
    let cli = site.branch.rx("synch show status full")?;
    let labels: Vec<&str> =
        cli.lines().filter_map(|line| line.split_once(':')).map(|(label, _)| label.trim()).collect();
    assert_eq!(keys, [vec!["Response", "ActionID"], labels].concat());
    for key in
        ["Timestamp", "Monitor", "Sync", "Service", "Mode", "Users", "SyncVersion", "LastSync", "LastProbe"]
    {
        assert!(!status.need(key)?.is_empty(), "{key}: {status:?}");
    }
    assert_eq!(status.get("ActionID"), Some("x 1"));
    assert_eq!((status.need("Users")?, status.need("SyncVersion")?), ("3", "1"));
    Ok(())
}

fn lists_end_with_their_length(version: Version) -> Result {
    let site = in_service(version)?;
    let mut ami = site.login("operator")?;
    let mut whole = |action: &str, event: &str, keys: &[&str]| -> Result<Vec<Message>> {
        let (start, items, end) = list(&mut ami, action)?;
        assert!(start.is_success() && start.get("EventList") == Some("start"), "{start:?}");
        assert_eq!(end.get("Event"), Some(format!("{action}Complete").as_str()));
        assert_eq!(end.get("EventList"), Some("Complete"));
        assert_eq!(end.need("ListItems")?, items.len().to_string());
        for item in &items {
            assert_eq!(item.get("Event"), Some(event));
            for key in keys {
                item.need(key)?;
            }
        }
        Ok(items)
    };
    let users = whole("SynchUsers", "SynchUser", &["Name", "CallerID"])?;
    let names: Vec<_> = users.iter().filter_map(|user| user.get("Name")).collect();
    assert_eq!(names, ["1001", "1002", "1003"]);
    assert_eq!(users.first().and_then(|user| user.get("CallerID")), Some("Alice <1001>"));
    let versions = whole("SynchVersions", "SynchVersion", &["Version", "Time", "Users", "InForce"])?;
    let [only] = versions.as_slice() else { return Err(Error::new(format!("{versions:?}"))) };
    assert_eq!((only.need("Version")?, only.need("InForce")?), ("1", "yes"));
    let history =
        whole("SynchHistory", "SynchChange", &["Time", "Subject", "OldState", "NewState", "Reason"])?;
    let last = history.iter().rfind(|change| change.get("Subject") == Some("Service"));
    assert_eq!(last.and_then(|change| change.get("NewState")), Some("Normal"));
    let checks = whole("SynchDoctor", "SynchDoctorCheck", &["Check", "Result", "Text"])?;
    let results: Vec<_> = checks.iter().filter_map(|check| check.get("Result")).collect();
    assert!(
        results.contains(&"ok") && results.iter().all(|word| ["ok", "warning", "bad"].contains(word)),
        "{checks:?}"
    );
    // Here nothing is shared; state.rs has sites.
    assert!(whole("SynchSites", "SynchSite", &[])?.is_empty());
    Ok(())
}

fn errors_say_why(version: Version) -> Result {
    let site = in_service(version)?;
    let mut ami = site.login("operator")?;
    for (action, fields, why) in [
        ("SynchRollback", [("Version", "99")].as_slice(), "There is no version '99'"),
        ("SynchRollback", &[], "There is no version ''"),
        ("SynchRollback", &[("Version", "-1")], "There is no version '-1'"),
        ("SynchSetMode", &[("Mode", "off")], "the modes are auto, normal and failover"),
        ("SynchSetMode", &[], "the modes are auto, normal and failover"),
    ] {
        let answer = ami.action(action, fields)?;
        assert_eq!(answer.get("Response"), Some("Error"), "{answer:?}");
        assert!(answer.need("Message")?.contains(why), "{answer:?}");
    }
    site.branch.edit_conf("res_synch.conf", "[sync]\n", "[sync]\nenabled = no\n")?;
    site.branch.reload_module()?;
    site.wait_status("Sync", "Init")?;
    for (action, fields) in [("SynchSync", [].as_slice()), ("SynchRollback", &[("Version", "1")])] {
        let answer = ami.action(action, fields)?;
        assert_eq!(answer.get("Response"), Some("Error"), "{answer:?}");
        assert!(answer.need("Message")?.contains("Sync is off"), "{answer:?}");
    }
    Ok(())
}

fn changed(ami: &mut Ami, event: &str, old: &str, new: &str) -> Result<String> {
    let event = ami.event(event, GENEROUS)?;
    assert_eq!((event.need("OldState")?, event.need("NewState")?), (old, new), "{event:?}");
    assert!(event.need("Privilege")?.split(',').any(|class| class == "system"), "{event:?}");
    event.need("Reason").map(str::to_owned)
}

fn each_change_of_state_is_an_event(version: Version) -> Result {
    let mut site = in_service(version)?;
    let mut ami = site.login("operator")?;
    assert!(ami.action("SynchSetMode", &[("Mode", "failover")])?.is_success());
    assert_eq!(changed(&mut ami, "SynchServiceState", "Normal", "Failover")?, "mode was set to failover");
    assert!(ami.action("SynchSetMode", &[("Mode", "auto")])?.is_success());
    changed(&mut ami, "SynchServiceState", "Failover", "Normal")?;

    assert!(ami.action("SynchRollback", &[("Version", "1")])?.is_success());
    assert!(changed(&mut ami, "SynchSyncState", "Synced", "Unsynced")?.contains("version 1 is held"));
    assert!(ami.action("SynchSync", &[])?.is_success());
    changed(&mut ami, "SynchSyncState", "Unsynced", "Synced")?;

    site.main.kill_9()?;
    // Whether the points suffice before both ports are known to be closed is the timing's.
    let event = ami.event_where("Failed", GENEROUS, |event| {
        event.get("Event") == Some("SynchMonitorState") && event.get("NewState") == Some("Failed")
    })?;
    assert!(["Stable", "Unstable"].contains(&event.need("OldState")?), "{event:?}");
    assert!(event.need("Reason")?.contains("closed"), "{event:?}");
    assert!(changed(&mut ami, "SynchServiceState", "Normal", "Failover")?.starts_with("main is Failed"));
    Ok(())
}

/// A carriage return within a value ends a line for many a client.
fn a_value_can_not_carry_another_header(version: Version) -> Result {
    let site = in_service(version)?;
    let mut ami = site.login("operator")?;
    let status = ami.action("SynchStatus", &[("ActionID", "1\rService: Owned")])?;
    assert_eq!(status.get("ActionID"), Some("1\\rService: Owned"));
    let error = ami.action("SynchSetMode", &[("Mode", "x\rService: Owned")])?;
    assert!(error.need("Message")?.starts_with(r"There is no mode 'x\rService: Owned'"), "{error:?}");
    Ok(())
}
