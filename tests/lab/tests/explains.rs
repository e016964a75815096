//! That the branch explains itself: what changed between versions, where each option of a user comes from, who is on
//! the main; and that no password is ever shown.

use lab::wait::{GENEROUS, until_value};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    a_diff_tells_users_and_options_in_either_direction,
    a_restarted_branch_still_tells_what_differs,
    a_user_shows_where_each_option_comes_from,
    a_user_shows_the_version_it_last_changed_in,
    what_came_before_the_oldest_version_is_told_as_that,
    a_user_shows_whether_its_phone_is_here,
    a_user_who_is_left_out_says_why,
    without_a_sync_a_user_shows_what_is_in_the_file,
    the_directory_is_listed_and_searched,
    passwords_are_in_no_answer,
);

/// What the section of a user is called.
fn kind(version: Version) -> &'static str {
    match version {
        Version::V22 => "endpoint",
        Version::V16 => "peer",
    }
}

fn synced_again(site: &Site, number: u32) -> Result {
    site.sync()?;
    site.wait_status("SyncVersion", &number.to_string())?;
    site.wait_status("Sync", "Synced")
}

/// Version 2 has another caller id, version 3 one user more.
fn three_versions(version: Version) -> Result<Site> {
    let site = Site::synced(version)?;
    site.edit_users("Alice", "Alicia")?;
    synced_again(&site, 2)?;
    site.add_user("1004", "HeadOffice")?;
    synced_again(&site, 3)?;
    Ok(site)
}

/// All lines but the first, which has times in it.
fn told(site: &Site, versions: &str) -> Result<Vec<String>> {
    let text = site.branch.rx(&format!("synch show diff {versions}"))?;
    assert!(text.starts_with("From version ") && text.contains(") to version "), "{text}");
    Ok(text.lines().skip(1).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn assert_all_differences(site: &Site, version: Version) -> Result {
    let renamed =
        |from: &str, to: &str| format!("~ 1001 {} callerid: {from} <1001> -> {to} <1001>", kind(version));
    let (there, back) = (renamed("Alice", "Alicia"), renamed("Alicia", "Alice"));
    let counts =
        |added, removed, changed| format!("users: {added} added, {removed} removed, {changed} changed");
    let (come, gone) = ("+ 1004 New <1004>".to_owned(), "- 1004 New <1004>".to_owned());
    assert_eq!(told(site, "")?, [come.clone(), counts(1, 0, 0)]);
    assert_eq!(told(site, "1 2")?, [there.clone(), counts(0, 0, 1)]);
    assert_eq!(told(site, "1")?, [there, come, counts(1, 0, 1)]);
    assert_eq!(told(site, "3 1")?, [back, gone, counts(0, 1, 1)]);
    assert_eq!(told(site, "3")?, [counts(0, 0, 0)]);
    Ok(())
}

fn a_diff_tells_users_and_options_in_either_direction(version: Version) -> Result {
    let site = Site::synced(version)?;
    assert!(site.branch.rx("synch show diff")?.contains("Less than two versions"));
    drop(site);
    let site = three_versions(version)?;
    assert_all_differences(&site, version)?;
    for unknown in ["9", "1 9", "newest"] {
        let answer = site.branch.rx(&format!("synch show diff {unknown}"))?;
        assert!(answer.contains("There is no version '"), "{answer}");
    }
    assert!(site.branch.rx("synch show diff 1 2 3")?.contains("Usage: synch show diff"));

    // Against the one in force: after a rollback that is another one.
    site.branch.rx("synch rollback 1")?;
    site.wait_status("SyncVersion", "1")?;
    let back = told(&site, "3")?;
    assert!(back.iter().any(|line| line == "- 1004 New <1004>"), "{back:?}");
    Ok(())
}

fn a_restarted_branch_still_tells_what_differs(version: Version) -> Result {
    let mut site = three_versions(version)?;
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    assert_all_differences(&site, version)
}

/// The lines of an answer, each with single blanks.
fn words(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn a_user_shows_where_each_option_comes_from(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let file = version.synced_from();
    let set = format!("[{}]\nlanguage = de\n\n[dialplan]\n", kind(version));
    site.branch.edit_conf("res_synch.conf", "[dialplan]\n", &set)?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    let text = site.branch.rx("synch show user 1001")?;
    let section = format!("{} 1001, in {file} on the main", kind(version));
    let mut wanted = vec![
        "User : 1001",
        "Caller ID : Alice <1001>",
        "Number : 1001",
        "Phone : not registered here",
        &section,
        "accountcode = HeadOffice from the main",
        "context = synch-internal rewritten, from-internal on the main: [dialplan] context",
        "language = de added: set in res_synch.conf",
    ];
    wanted.extend(match version {
        Version::V22 => [
            "aor 1001, in pjsip.conf on the main",
            "maximum_expiration = 120 added: [policy] max_expiration, so that phones soon return to the main",
            "auth 1001-auth, in pjsip.conf on the main",
            "password = *** from the main",
        ]
        .as_slice(),
        Version::V16 => &["host = dynamic from the main", "secret = *** from the main"],
    });
    let lines = words(&text);
    for line in wanted {
        assert!(lines.iter().any(|one| one == line), "{line}: {text}");
    }
    // And what is not taken, each with its reason.
    let dropped = match version {
        Version::V22 => "transport = transport-udp ",
        Version::V16 => "permit = 0.0.0.0/0.0.0.0 ",
    };
    assert!(lines.iter().any(|line| line.starts_with(dropped) && line.len() > dropped.len()), "{text}");
    assert!(!site.synced_file()?.contains(dropped.split(' ').next().unwrap_or_default()));

    for nonsense in ["synch show user", "synch show user 1001 1002"] {
        assert!(site.branch.rx(nonsense)?.contains("Usage: synch show user NAME"), "{nonsense}");
    }
    assert!(site.branch.rx("synch show user 9999")?.contains("There is no user '9999'"));
    Ok(())
}

/// The version in which a user last changed, as it is shown.
fn last_changed(site: &Site, user: &str) -> Result<String> {
    let text = site.branch.rx(&format!("synch show user {user}"))?;
    let line =
        words(&text).into_iter().find_map(|line| Some(line.strip_prefix("Last changed : ")?.to_owned()));
    line.context(text)
}

fn a_user_shows_the_version_it_last_changed_in(version: Version) -> Result {
    let site = three_versions(version)?;
    for (user, version) in [("1001", "version 2 ("), ("1002", "version 1 ("), ("1004", "version 3 (")] {
        let found = last_changed(&site, user)?;
        assert!(found.starts_with(version), "{user}: {found}");
    }
    site.branch.rx("synch rollback 1")?;
    site.wait_status("HeldVersion", "1")?;
    assert!(last_changed(&site, "1001")?.starts_with("version 1 ("));
    let text = site.branch.rx("synch show user 1001")?;
    assert!(text.contains("Version 1 is held. ") && text.contains("Alice <1001>"), "{text}");
    Ok(())
}

fn what_came_before_the_oldest_version_is_told_as_that(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "[sync]\n", "[sync]\nversions = 2\n")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    site.edit_users("Alice", "Alicia")?;
    synced_again(&site, 2)?;
    site.add_user("1004", "HeadOffice")?;
    synced_again(&site, 3)?;
    assert_eq!(last_changed(&site, "1002")?, "before version 2");
    assert!(last_changed(&site, "1001")?.starts_with("version 2 ("));
    assert_eq!(told(&site, "2")?, ["+ 1004 New <1004>", "users: 1 added, 0 removed, 0 changed"]);
    // What was before it is not known any more.
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(last_changed(&site, "1001")?, "version 2 or before");
    assert_eq!(told(&site, "2")?, ["+ 1004 New <1004>", "users: 1 added, 0 removed, 0 changed"]);
    Ok(())
}

fn a_user_shows_whether_its_phone_is_here(version: Version) -> Result {
    let site = Site::synced(version)?;
    assert!(site.branch.rx("synch show user 1001")?.contains(": not registered here\n"));
    let _phone = site.phone_at(&site.branch, "1001")?;
    let look = || site.branch.rx("synch show user 1001");
    until_value("the phone to be here", GENEROUS, look, |text| text.contains(": registered here\n"))?;
    assert!(site.branch.rx("synch show user 1002")?.contains(": not registered here\n"));
    Ok(())
}

fn a_user_who_is_left_out_says_why(version: Version) -> Result {
    let site = Site::synced(version)?;
    let proof = match version {
        Version::V22 => "auth=1003-auth\n",
        Version::V16 => "secret=secret-1003\n",
    };
    site.edit_users(proof, "")?;
    synced_again(&site, 2)?;
    let text = site.branch.rx("synch show user 1003")?;
    let without = match version {
        Version::V22 => "auth",
        Version::V16 => "secret",
    };
    let told_why =
        format!("The last sync left 1003 out: it has no {without}, so anybody could call as this user");
    assert!(text.contains(&told_why), "{text}");
    assert_eq!(told(&site, "")?.first().map(|line| line.starts_with("- 1003 ")), Some(true));
    Ok(())
}

fn without_a_sync_a_user_shows_what_is_in_the_file(version: Version) -> Result {
    let mut site = Site::synced(version)?;
    site.kill_main()?;
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_status("Users", "3")?;
    let text = site.branch.rx("synch show user 1001")?;
    assert!(text.contains("The options can be shown after the first sync"), "{text}");
    assert!(text.contains(": Alice <1001>\n") && !text.contains("from the main"), "{text}");
    Ok(())
}

fn the_directory_is_listed_and_searched(version: Version) -> Result {
    let site = Site::synced(version)?;
    site.wait_status("Directory", "5")?;
    let text = site.branch.rx("synch show directory")?;
    // Behind it the state of the phone, which is known here.
    let alice = words(&text).into_iter().find(|line| line.starts_with("1001 Alice HeadOffice "));
    assert!(alice.is_some(), "{text}");
    assert!(text.contains("\n5 of 5 numbers\n"), "{text}");
    for pattern in ["^2001$", "Bo[b]"] {
        let text = site.branch.rx(&format!("synch show directory like {pattern}"))?;
        assert!(words(&text).contains(&"2001 Bob DevOps +4930202001".to_owned()), "{text}");
        assert!(text.contains("\n1 of 5 numbers\n"), "{text}");
    }
    assert!(site.branch.rx("synch show directory like DevOps")?.contains("\n2 of 5 numbers\n"));
    assert!(site.branch.rx("synch show user 2001")?.contains("on the main it is Bob, of DevOps"));

    let mut ami = site.branch.ami()?;
    assert_eq!(ami.list("SynchDirectory", &[])?.len(), 5);
    let found = ami.list("SynchDirectory", &[("Like", "^2001$")])?;
    let [bob] = found.as_slice() else { return Err(Error::new(format!("{found:?}"))) };
    assert_eq!(bob.get("Event"), Some("SynchDirectoryEntry"));
    let values = ["Number", "Name", "Site", "Public"].map(|key| bob.get(key).unwrap_or_default());
    assert_eq!(values, ["2001", "Bob", "DevOps", "+4930202001"]);
    // Nobody shares states here.
    assert_eq!(["State", "Presence", "Agent"].map(|key| bob.get(key)), [Some(""); 3]);
    let refused = ami.action("SynchDirectory", &[("Like", "(")])?;
    assert!(refused.need("Message")?.contains("'(' is not a regular expression"), "{refused:?}");
    Ok(())
}

fn passwords_are_in_no_answer(version: Version) -> Result {
    let site = Site::synced(version)?;
    let file = match version {
        Version::V22 => "pjsip.auth.conf",
        Version::V16 => "sip_additional.conf",
    };
    site.main.edit_conf(file, "secret-1001", "canary-1001")?;
    synced_again(&site, 2)?;
    let changed = match version {
        Version::V22 => "~ 1001 auth 1001-auth password: *** -> *** (changed)",
        Version::V16 => "~ 1001 peer secret: *** -> *** (changed)",
    };
    assert_eq!(told(&site, "")?, [changed, "users: 0 added, 0 removed, 1 changed"]);
    site.main.edit_conf(file, "canary-1001", "secret-1001")?;
    synced_again(&site, 3)?;
    assert_eq!(told(&site, "1 3")?, ["users: 0 added, 0 removed, 0 changed"]);

    // The file has them, so that they could be found.
    assert!(site.synced_file()?.contains("secret-1001"));
    let mut answers = String::new();
    for command in [
        "status",
        "status json",
        "config",
        "users",
        "user 1001",
        "user 1002",
        "directory",
        "contexts",
        "versions",
        "diff",
        "diff 1",
        "diff 2 1",
        "diff 1 3",
        "history",
    ] {
        answers.push_str(&site.branch.rx(&format!("synch show {command}"))?);
    }
    let mut ami = site.branch.ami()?;
    for action in ["SynchUsers", "SynchDirectory", "SynchVersions", "SynchHistory"] {
        answers.push_str(&format!("{:?}", ami.list(action, &[])?));
    }
    answers.push_str(&site.branch.log());
    for secret in ["secret-1", "canary", "SomePasswordHere"] {
        assert!(!answers.contains(secret), "{secret}: {answers}");
    }
    Ok(())
}
