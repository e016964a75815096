//! What a main with the module gives to its branches, and to nobody else.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lab::ami::{Ami, Message};
use lab::headquarters::{
    OTHER, SITE, account, all, key, login, main_with_sites, nonce, prove, sections, session, users,
    wait_branch,
};
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    an_account_of_class_log_has_synchs_actions_and_those_without_a_class,
    a_site_gets_its_own_users_as_getconfig_has_them,
    who_proves_nothing_or_to_be_another_gets_nothing,
    nothing_new_is_said_in_less_than_100_bytes_and_a_change_at_once,
    waits_end_with_the_module_and_sessions_go_on,
    waits_end_with_the_main,
    parts_besides_the_users_are_the_mains,
    an_account_that_asks_too_much_is_told_so_and_then_ended,
    the_accounts_of_sites_are_found_by_their_class,
    a_machine_that_exports_nothing_has_no_such_action,
    phones_of_the_site_are_told_as_they_come_and_go,
    fifty_hostile_actions_change_nothing_and_tell_nothing,
    branches_are_shown_and_their_comings_and_goings_told,
);

/// From the proof of a session to its wait, which nothing shows.
const TO_WAIT: Duration = Duration::from_secs(3);

fn main_of_two(version: Version) -> Result<Site> {
    let mut site = main_with_sites(version, &[SITE, OTHER])?;
    site.main.start()?;
    Ok(site)
}

fn names_of(ami: &mut Ami) -> Result<BTreeSet<String>> {
    let list = ami.action("ListCommands", &[])?;
    Ok(list.fields().iter().map(|(name, _)| name.clone()).filter(|name| name != "Response").collect())
}

fn an_account_of_class_log_has_synchs_actions_and_those_without_a_class(version: Version) -> Result {
    let mut site = main_with_sites(version, &[SITE])?;
    let accounts = site.main.read_conf("manager_custom.conf")?;
    let nobody = "\n[nobody]\nsecret = nobody-secret\nread =\nwrite =\n";
    site.main.write_conf("manager_custom.conf", &(accounts + nobody))?;
    site.main.start()?;
    let theirs = names_of(&mut login(&site.main, SITE)?)?;
    let without_class = names_of(&mut login(&site.main, "nobody")?)?;
    let more: Vec<&String> = theirs.difference(&without_class).collect();
    assert_eq!(more, ["SynchExport", "SynchHello", "SynchWait"]);
    let refused = login(&site.main, "nobody")?.action("SynchHello", &[])?;
    assert_eq!(refused.get("Message"), Some("Permission denied"));
    Ok(())
}

/// What GetConfig of the files says, for whoever may ask.
fn get_config(site: &Site, files: &[&str]) -> Result<Vec<String>> {
    let mut admin = site.main.ami()?;
    let mut found = Vec::new();
    for file in files {
        found.extend(sections(&admin.action("GetConfig", &[("Filename", file)])?));
    }
    Ok(found)
}

/// Those of these sections alone, each from its name to the next one.
fn of_users(lines: &[String], names: &[&str]) -> Vec<String> {
    let mut wanted = false;
    let mut found = Vec::new();
    for line in lines {
        if let Some(name) = line.strip_prefix('[') {
            wanted = names.contains(&name);
        }
        if wanted {
            found.push(line.clone());
        }
    }
    found
}

fn a_site_gets_its_own_users_as_getconfig_has_them(version: Version) -> Result {
    let site = main_of_two(version)?;
    let mut berlin = session(&site.main, SITE)?;
    let manifest = berlin.action("SynchExport", &[])?;
    assert_eq!(users(&manifest), ["1001", "1002", "1003"], "{manifest:?}");
    let whole = berlin.action("SynchExport", &[("Users", "*")])?;
    assert_eq!(whole.get("Digest"), manifest.get("Digest"));
    let (files, names): (&[&str], &[&str]) = match version {
        Version::V22 => (&["pjsip.conf"], &["1001", "1002", "1003", "1001-auth", "1002-auth", "1003-auth"]),
        Version::V16 => (&["sip_additional.conf"], &["1001", "1002", "1003"]),
    };
    let theirs = of_users(&get_config(&site, files)?, names);
    assert_eq!(sections(&whole), theirs);
    let digest = whole.need("AnswerDigest")?;
    let said: String = whole
        .fields()
        .iter()
        .filter(|(name, _)| name.starts_with("Category-") || name.starts_with("Line-"))
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let program = lab::command::words(&["openssl", "dgst", "-sha256", "-r"]);
    let counted = lab::command::run_with(&mut { program }, &said)?;
    assert_eq!(counted.split_whitespace().next(), Some(digest));

    let one = berlin.action("SynchExport", &[("Users", "1002,2001")])?;
    let theirs = of_users(&sections(&whole), &["1002", "1002-auth"]);
    assert_eq!(sections(&one), theirs);
    let ulm = session(&site.main, OTHER)?.action("SynchExport", &[("Users", "*")])?;
    let ulm = format!("{ulm:?}");
    assert!(ulm.contains("secret-2001") && !ulm.contains("secret-100"), "{ulm}");
    Ok(())
}

const UNPROVED: &str = "prove who you are first (SynchHello)";

/// Whether the other side has closed.
fn is_ended(ami: &mut Ami) -> bool {
    ami.action("Ping", &[]).is_err()
}

fn who_proves_nothing_or_to_be_another_gets_nothing(version: Version) -> Result {
    let site = main_of_two(version)?;
    let mut watcher = site.main.ami()?;
    drop(session(&site.main, SITE)?);
    let mut silent = login(&site.main, SITE)?;
    for action in ["SynchExport", "SynchWait"] {
        let answer = silent.action(action, &[("Users", "*"), ("Timeout", "1")])?;
        assert_eq!(answer.get("Message"), Some(UNPROVED), "{answer:?}");
    }
    // As the other site, with a password of one's own, and with a key that has served.
    let mut served = login(&site.main, SITE)?;
    let used = nonce(&mut served)?;
    let used_key = key("berlin-secret", &used, SITE)?;
    assert!(served.action("SynchHello", &[("Site", SITE), ("Key", &used_key)])?.is_success());
    let again = served.action("SynchHello", &[("Site", SITE), ("Key", &used_key)])?;
    assert!(again.need("Message")?.starts_with("ask for a nonce first"), "{again:?}");
    let other = prove(&mut served, OTHER, "ulm-secret")?;
    assert!(other.need("Message")?.contains("already"), "{other:?}");

    let replay: fn(&mut Ami, &str) -> Result<Message> = |ami, key| {
        nonce(ami)?;
        ami.action("SynchHello", &[("Site", SITE), ("Key", key)])
    };
    let as_other: fn(&mut Ami, &str) -> Result<Message> = |ami, _| prove(ami, OTHER, "berlin-secret");
    let as_admin: fn(&mut Ami, &str) -> Result<Message> = |ami, _| prove(ami, "admin", "berlin-secret");
    let as_nobody: fn(&mut Ami, &str) -> Result<Message> = |ami, _| prove(ami, "bonn", "");
    for (name, attempt) in [(SITE, replay), (OTHER, as_other), ("admin", as_admin), ("bonn", as_nobody)] {
        let mut thief = login(&site.main, SITE)?;
        let begun = Instant::now();
        let answer = attempt(&mut thief, &used_key)?;
        assert!(!answer.is_success() && answer.need("Message")?.starts_with("not proved"), "{answer:?}");
        assert!(begun.elapsed() >= Duration::from_secs(1), "{name}");
        assert!(is_ended(&mut thief), "{name}");
        let event = watcher.event_where("the report", GENEROUS, |event| {
            event.get("Event") == Some("InvalidPassword") && event.get("AccountID") == Some(name)
        })?;
        assert_eq!(event.get("Service"), Some("AMI"), "{event:?}");
        let address = event.need("RemoteAddress")?;
        assert!(address.starts_with("IPV4/TCP/10."), "where it came from: {event:?}");
    }
    let log = site.main.module_log("WARNING").join("\n");
    assert!(log.contains("gave a wrong key for site 'ulm'"), "{log}");
    assert!(!site.main.log().contains("berlin-secret"));
    Ok(())
}

/// Gives a user another caller id, and reloads.
fn change_alice(site: &Site, version: Version) -> Result {
    let file = match version {
        Version::V22 => "pjsip.endpoint.conf",
        Version::V16 => "sip_additional.conf",
    };
    site.main.edit_conf(file, "Alice <1001>", "Alicia <1001>")?;
    site.main.reload(&format!("module reload {}", version.sip_module())).map(drop)
}

fn nothing_new_is_said_in_less_than_100_bytes_and_a_change_at_once(version: Version) -> Result {
    let site = main_of_two(version)?;
    let mut berlin = session(&site.main, SITE)?;
    let first = berlin.action("SynchExport", &[])?;
    let digest = first.need("Digest")?.to_owned();
    let unchanged = berlin.action("SynchExport", &[("Digest", &digest)])?;
    let octets: usize = unchanged.fields().iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    assert_eq!(unchanged.get("Unchanged"), Some("yes"));
    assert!(octets + 2 < 100, "{octets}: {unchanged:?}");

    let mut ulm = session(&site.main, OTHER)?;
    let ulms = ulm.action("SynchExport", &[])?.need("Digest")?.to_owned();
    let (ended, waiting) = std::thread::scope(|scope| -> Result<_> {
        let waiting = scope.spawn(|| {
            berlin.action("SynchWait", &[("Timeout", "60"), ("Digest-users", &digest), ("State", "Normal")])
        });
        std::thread::sleep(Duration::from_secs(1));
        change_alice(&site, version)?;
        let reloaded = Instant::now();
        let ended = waiting.join().map_err(|_| Error::new("the wait panicked"))??;
        Ok((ended, reloaded.elapsed()))
    })?;
    assert_eq!((ended.get("Reason"), ended.get("Changed")), (Some("changed"), Some("users")), "{ended:?}");
    eprintln!("from the reload to the news: {waiting:?}");
    let second = berlin.action("SynchExport", &[("Digest", &digest)])?;
    let (before, after) = (all(&first, "User"), all(&second, "User"));
    let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert_eq!(changed.len(), 1, "{before:?} {after:?}");
    let unchanged = ulm.action("SynchExport", &[("Digest", &ulms)])?;
    assert_eq!(unchanged.get("Unchanged"), Some("yes"));
    Ok(())
}

fn waits_end_with_the_module_and_sessions_go_on(version: Version) -> Result {
    let names: Vec<String> = (1..=5).map(|number| format!("site{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut site = main_with_sites(version, &names)?;
    site.main.start()?;
    for round in 1..=3 {
        let mut sessions = Vec::new();
        for name in &names {
            for _ in 0..4 {
                sessions.push(session(&site.main, name)?);
            }
        }
        std::thread::scope(|scope| -> Result {
            let waits: Vec<_> = sessions
                .iter_mut()
                .map(|ami| scope.spawn(|| ami.action("SynchWait", &[("Timeout", "60")])))
                .collect();
            for name in &names {
                wait_branch(&site.main, name, "Here")?;
            }
            std::thread::sleep(TO_WAIT);
            let begun = Instant::now();
            site.main.unload_module()?;
            eprintln!("round {round}: unloaded with 20 waiting sessions in {:?}", begun.elapsed());
            for wait in waits {
                let answer = wait.join().map_err(|_| Error::new("a wait panicked"))??;
                assert_eq!(answer.get("Reason"), Some("unload"), "{answer:?}");
            }
            Ok(())
        })?;
        for ami in &mut sessions {
            assert!(ami.action("Ping", &[])?.is_success());
            assert!(!ami.action("SynchHello", &[])?.is_success());
        }
        site.main.load_module()?;
        // A session from before has to prove anew who it is.
        let old = sessions.first_mut().context("a session")?;
        let answer = old.action("SynchExport", &[])?;
        assert_eq!(answer.get("Message"), Some(UNPROVED), "{answer:?}");
        assert!(until_ok("the new proof", GENEROUS, || {
            let answer = prove(old, "site1", "site1-secret")?;
            if answer.is_success() { Ok(true) } else { Err(Error::new(format!("{answer:?}"))) }
        })?);
    }
    Ok(())
}

fn waits_end_with_the_main(version: Version) -> Result {
    let site = main_of_two(version)?;
    let mut berlin = session(&site.main, SITE)?;
    std::thread::scope(|scope| -> Result {
        let waiting = scope.spawn(|| berlin.action("SynchWait", &[("Timeout", "60")]));
        wait_branch(&site.main, SITE, "Here")?;
        std::thread::sleep(TO_WAIT);
        // It answers nothing any more.
        let _ = site.main.rx("core stop now");
        let answer = waiting.join().map_err(|_| Error::new("the wait panicked"))??;
        assert_eq!(answer.get("Reason"), Some("shutdown"), "{answer:?}");
        Ok(())
    })
}

fn parts_besides_the_users_are_the_mains(version: Version) -> Result {
    let site = main_of_two(version)?;
    let mut berlin = session(&site.main, SITE)?;
    let mut part = |fields: &[(&str, &str)]| berlin.action("SynchExport", fields);
    let boxes = part(&[("Part", "boxes")])?;
    assert!(users(&boxes).contains(&"1001@default"), "{boxes:?}");
    assert!(users(&boxes).iter().all(|name| !name.starts_with('2')), "{boxes:?}");
    let texts = part(&[("Part", "boxes"), ("Users", "*")])?;
    let found = sections(&texts);
    assert!(found.iter().any(|line| line.starts_with("1001=")) && found.contains(&"[default".to_owned()));
    assert!(!found.iter().any(|line| line.starts_with("2001=")), "{found:?}");

    let directory = part(&[("Part", "directory"), ("Users", "*")])?;
    let found = sections(&directory);
    assert!(found.contains(&"2001=Bob,DevOps,+4930202001".to_owned()), "{found:?}");
    assert!(!format!("{directory:?}").contains("secret"), "{directory:?}");

    let contexts = part(&[("Part", "contexts")])?;
    let names = users(&contexts);
    assert!(names.contains(&"from-internal") && !names.contains(&"globals"), "{names:?}");
    let texts = part(&[("Part", "contexts"), ("Contexts", "from-internal"), ("Users", "*")])?;
    let theirs = of_users(&get_config(&site, &["extensions.conf"])?, &["from-internal"]);
    assert_eq!(sections(&texts), theirs);
    let unknown = part(&[("Part", "passwords")])?;
    assert_eq!(unknown.get("Message"), Some("no such part"));
    Ok(())
}

fn an_account_that_asks_too_much_is_told_so_and_then_ended(version: Version) -> Result {
    let site = main_of_two(version)?;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(session(&site.main, SITE)?);
    }
    let mut fifth = login(&site.main, SITE)?;
    let answer = prove(&mut fifth, SITE, "berlin-secret")?;
    assert_eq!(answer.get("Busy"), Some("yes"), "{answer:?}");
    assert!(is_ended(&mut fifth));
    let mut busy = sessions.pop().context("a session")?;
    drop(sessions);
    let digest = busy.action("SynchExport", &[])?.need("Digest")?.to_owned();
    let mut refused = 0;
    // One after the other, until the session is ended.
    while let Ok(answer) = busy.action("SynchExport", &[("Digest", &digest)]) {
        refused += usize::from(answer.get("Busy") == Some("yes"));
    }
    assert!(refused >= 10, "{refused}");
    // Another site is not concerned, and this one may come again.
    assert!(session(&site.main, OTHER)?.action("SynchExport", &[])?.is_success());
    assert!(session(&site.main, SITE)?.action("Ping", &[])?.is_success());
    Ok(())
}

fn the_accounts_of_sites_are_found_by_their_class(version: Version) -> Result {
    let mut site = main_with_sites(version, &[OTHER])?;
    site.main.start()?;
    drop(session(&site.main, OTHER)?);
    // One more, while it runs.
    let accounts = site.main.read_conf("manager_custom.conf")?;
    let both = "\n[both]\nsecret = both-secret\nread =\nwrite = log,system\n";
    site.main.write_conf("manager_custom.conf", &format!("{accounts}{}{both}", account(SITE)))?;
    site.main.rx("manager reload")?;
    let mut berlin = session(&site.main, SITE)?;
    assert_eq!(users(&berlin.action("SynchExport", &[])?), ["1001", "1002", "1003"]);
    let answer = prove(&mut login(&site.main, "both")?, "both", "both-secret")?;
    assert!(!answer.is_success(), "{answer:?}");
    Ok(())
}

fn a_machine_that_exports_nothing_has_no_such_action(version: Version) -> Result {
    let mut site = main_with_sites(version, &[SITE])?;
    site.main.write_conf("res_synch.conf", "[state]\nhost = 192.0.2.1\n")?;
    site.main.start()?;
    let names = names_of(&mut site.main.ami()?)?;
    assert!(names.contains("SynchStatus") && !names.contains("SynchHello"), "{names:?}");
    assert!(!site.main.module_threads()?.contains(&"synch/export".to_owned()));
    site.main.write_conf("res_synch.conf", &lab::headquarters::conf(version))?;
    site.main.reload_module()?;
    assert_eq!(users(&session(&site.main, SITE)?.action("SynchExport", &[])?).len(), 3);
    assert!(site.main.module_threads()?.contains(&"synch/export".to_owned()));
    site.main.write_conf("res_synch.conf", "[state]\nhost = 192.0.2.1\n")?;
    site.main.reload_module()?;
    assert!(!names_of(&mut site.main.ami()?)?.contains("SynchHello"));
    Ok(())
}

/// All that a stolen account could change: the files of the main, and its database.
fn everything(site: &Site) -> Result<Vec<String>> {
    let folder = site.main.path("etc");
    let mut all = vec![site.main.rx("database show")?];
    for entry in std::fs::read_dir(&folder).context(folder.display())?.flatten() {
        let path = entry.path();
        if path.is_file() {
            let text = std::fs::read(&path).context(path.display())?;
            all.push(format!("{}: {}", path.display(), String::from_utf8_lossy(&text)));
        }
    }
    all.sort();
    Ok(all)
}

/// What of the main nobody of this site may see.
const SECRETS: [&str; 4] = ["secret-2001", "admin-secret", "ulm-secret", "secret-database"];

fn hostile() -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let one = |name, key, value: &str| (name, vec![(key, value.to_owned())]);
    let odd =
        ["2001", "../../etc/passwd", "*,*", "$(id)", "`id`", "%s%n", "2001;#exec id", "globals", "general"];
    let mut all = Vec::new();
    for value in odd {
        all.push(one("SynchExport", "Users", value));
        all.push(("SynchExport", vec![("Part", "contexts".to_owned()), ("Contexts", value.to_owned())]));
    }
    for value in ["../users", "passwords", "users,boxes", &"x".repeat(900)] {
        all.push(one("SynchExport", "Part", value));
        all.push(one("SynchExport", "Digest", value));
    }
    let all_of = |part: &str| vec![("Part", part.to_owned()), ("Users", "*".to_owned())];
    for part in ["boxes", "contexts", "directory"] {
        all.push(("SynchExport", all_of(part)));
    }
    for (key, value) in
        [("Timeout", "-1"), ("Timeout", "999999999999"), ("State", "$(id)"), ("Version", "%n%n")]
    {
        all.push(("SynchWait", vec![(key, value.to_owned()), ("Digest-users", "0".repeat(64))]));
    }
    let ami: [(&str, &[(&str, &str)]); 24] = [
        ("GetConfig", &[("Filename", "manager.conf")]),
        ("GetConfigJSON", &[("Filename", "manager.conf")]),
        (
            "UpdateConfig",
            &[
                ("SrcFilename", "manager.conf"),
                ("DstFilename", "manager.conf"),
                ("Action-000000", "NewCat"),
                ("Cat-000000", "evil"),
            ],
        ),
        ("CreateConfig", &[("Filename", "evil.conf")]),
        ("Command", &[("Command", "module unload res_synch.so")]),
        ("Originate", &[("Channel", "Local/1001@from-internal"), ("Application", "System"), ("Data", "id")]),
        ("DBPut", &[("Family", "CFU"), ("Key", "1001"), ("Val", "0900")]),
        ("DBDel", &[("Family", "CFU"), ("Key", "1001")]),
        ("DBDelTree", &[("Family", "CFU")]),
        ("DBGet", &[("Family", "AMPUSER"), ("Key", "1001")]),
        ("Setvar", &[("Variable", "GLOBAL(x)"), ("Value", "y")]),
        ("Getvar", &[("Variable", "AST_CONFIG(manager.conf,admin,secret)")]),
        ("Reload", &[("Module", "manager")]),
        ("ModuleLoad", &[("Module", "res_synch.so"), ("LoadType", "unload")]),
        ("MessageSend", &[("To", "pjsip:1001"), ("From", "x"), ("Body", "y")]),
        ("UserEvent", &[("UserEvent", "evil")]),
        ("LoggerRotate", &[]),
        ("PJSIPShowEndpoint", &[("Endpoint", "2001")]),
        ("SIPshowpeer", &[("Peer", "2001")]),
        ("SynchStatus", &[]),
        ("SynchBranches", &[]),
        ("SynchSync", &[]),
        ("SynchSetMode", &[("Mode", "failover")]),
        ("SynchDoctor", &[]),
    ];
    for (name, fields) in ami {
        all.push((name, fields.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()));
    }
    all
}

/// Each line of SECURITY.md's thief of a branch's account.
fn fifty_hostile_actions_change_nothing_and_tell_nothing(version: Version) -> Result {
    let mut site = main_with_sites(version, &[SITE, OTHER])?;
    let dialplan = site.main.read_conf("extensions.conf")?;
    site.main
        .write_conf("extensions.conf", &format!("{dialplan}\n[globals]\nAMPDBPASS = secret-database\n"))?;
    site.main.start()?;
    let before = everything(&site)?;
    let attacks = hostile();
    assert!(attacks.len() >= 50, "{}", attacks.len());
    let mut thief = session(&site.main, SITE)?;
    let mut said = String::new();
    for (name, fields) in &attacks {
        // Below the rate, so that each is looked at.
        std::thread::sleep(Duration::from_millis(110));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let answer = match thief.action(name, &fields) {
            Ok(answer) => answer,
            Err(_) => {
                thief = session(&site.main, SITE)?;
                continue;
            }
        };
        assert_ne!(answer.get("Busy"), Some("yes"), "{name} {fields:?}");
        if !name.starts_with("SynchExport") && *name != "SynchWait" {
            assert!(!answer.is_success(), "{name} {fields:?}: {answer:?}");
        }
        said.push_str(&format!("{answer:?}"));
    }
    let own = thief.action("SynchExport", &[("Users", "*")])?;
    assert!(format!("{own:?}").contains("secret-1001"), "{own:?}");
    for secret in SECRETS {
        assert!(!said.contains(secret), "{secret} was told");
    }
    assert_eq!(everything(&site)?, before);
    assert!(site.main.is_running());
    Ok(())
}

fn branches_are_shown_and_their_comings_and_goings_told(version: Version) -> Result {
    let site = main_of_two(version)?;
    let mut watcher = site.main.ami()?;
    let mut berlin = session(&site.main, SITE)?;
    let told = |watcher: &mut Ami, state: &str| {
        watcher.event_where(&format!("{SITE} to be {state}"), GENEROUS, |event| {
            event.get("Event") == Some("SynchBranchState")
                && event.get("Branch") == Some(SITE)
                && event.get("NewState") == Some(state)
        })
    };
    berlin.action("SynchWait", &[("Timeout", "1"), ("State", "Normal"), ("Version", "0.5.0")])?;
    assert_eq!(told(&mut watcher, "Here")?.get("OldState"), Some("Away"));
    // Where it comes from is told some time after its login.
    let shown = until_ok("the address", GENEROUS, || {
        berlin.action("SynchWait", &[("Timeout", "1"), ("State", "Normal"), ("Version", "0.5.0")])?;
        match site.main.rx("synch show branches")? {
            shown if shown.contains("10.") => Ok(shown),
            shown => Err(Error::new(shown)),
        }
    })?;
    let line = shown.lines().find(|line| line.starts_with(SITE)).context(&shown)?;
    for part in ["Here", "Normal", "0.5.0", "10."] {
        assert!(line.contains(part), "{part}: {shown}");
    }
    assert!(shown.contains("2 branches"), "{shown}");
    let one = site.main.rx(&format!("synch show branch {SITE}"))?;
    assert!(one.contains("users       : 3, digest "), "{one}");
    let users = site.main.rx(&format!("synch show users of {SITE}"))?;
    assert!(users.contains("1002 ") && users.contains("3 users"), "{users}");
    let list = site.main.ami()?.list("SynchBranches", &[])?;
    let found: Vec<_> = list.iter().map(|item| item.get("Branch").unwrap_or_default()).collect();
    assert_eq!(found, [SITE, OTHER]);
    // It says that it serves its phones itself.
    berlin.action("SynchWait", &[("Timeout", "1"), ("State", "Failover")])?;
    assert_eq!(told(&mut watcher, "Alone")?.get("OldState"), Some("Here"));
    berlin.action("SynchWait", &[("Timeout", "1"), ("State", "Normal")])?;
    told(&mut watcher, "Here")?;
    // And it is gone.
    drop(berlin);
    told(&mut watcher, "Alone").map(drop)
}

fn phones_of_the_site_are_told_as_they_come_and_go(version: Version) -> Result {
    let site = main_of_two(version)?;
    let mut berlin = session(&site.main, SITE)?;
    let nobody = berlin.action("SynchExport", &[("Part", "contacts")])?;
    assert!(nobody.is_success() && users(&nobody).is_empty(), "{nobody:?}");
    let digest = nobody.need("Digest")?.to_owned();
    let phone = std::thread::scope(|scope| -> Result<_> {
        let waiting =
            scope.spawn(|| berlin.action("SynchWait", &[("Timeout", "60"), ("Digest-contacts", &digest)]));
        let phone = site.phone_at(&site.main, "1001")?;
        let answer = waiting.join().map_err(|_| Error::new("the wait panicked"))??;
        assert_eq!(answer.get("Changed"), Some("contacts"), "{answer:?}");
        Ok(phone)
    })?;
    let there = berlin.action("SynchExport", &[("Part", "contacts"), ("Users", "*")])?;
    let lines = sections(&there);
    assert_eq!(lines.first().map(String::as_str), Some("[contacts"), "{there:?}");
    assert!(lines.iter().any(|line| line.starts_with("1001=sip:1001")), "{there:?}");
    // Nobody else's.
    let ulm = session(&site.main, OTHER)?.action("SynchExport", &[("Part", "contacts")])?;
    assert!(ulm.is_success() && users(&ulm).is_empty(), "{ulm:?}");
    drop(phone);
    Ok(())
}
