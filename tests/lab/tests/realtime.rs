//! A main whose users are in a database gives its branches the same as one whose users are in files.

use std::time::Duration;

use lab::ami::Ami;
use lab::database::{Database, USERS};
use lab::headquarters::{OTHER, SITE, main_with_sites, sections, session, users};
use lab::wait::{GENEROUS, until_ok, until_value};
use lab::{Error, Result, Site, Version};

lab::on_22_and_16!(
    a_site_gets_the_same_as_from_files_and_nobody_elses,
    one_changed_row_is_at_the_branch_within_moments,
    a_database_that_is_away_takes_nobody_away_and_is_told,
    all_users_at_once_are_never_asked_for,
    what_a_database_cannot_be_asked_is_refused_when_it_is_loaded,
    without_res_pjsip_the_module_loads_and_says_what_is_missing,
);

/// `res_synch.conf` of such a main.
fn conf(source: &str) -> String {
    format!(
        "[export]\nsites = manager\nsource = {source}\nrefresh = 5\n\n[site {SITE}]\nfilter_value = ^HeadOffice$\n\n\
         [site {OTHER}]\nfilter_value = ^(DevOps|Nowhere)$\n"
    )
}

fn main_with_files(version: Version) -> Result<Site> {
    let site = main_with_sites(version, &[SITE, OTHER])?;
    site.users_in_files()?;
    site.main.write_conf("res_synch.conf", &conf("files"))?;
    Ok(site)
}

fn main_with_a_database(version: Version) -> Result<(Site, Database)> {
    let site = main_with_sites(version, &[SITE, OTHER])?;
    let database = site.users_in_a_database()?;
    site.main.write_conf("res_synch.conf", &conf("sorcery"))?;
    Ok((site, database))
}

/// A branch of that main: its account may do nothing else.
fn with_a_branch(site: &Site) -> Result {
    site.branch.install_module()?;
    site.branch.load_module_at_start()?;
    site.speaks_pjsip(&site.branch)?;
    let account = format!("username = {SITE}\nsecret = {SITE}-secret");
    site.branch.edit_conf("res_synch.conf", "username = synch\nsecret = SomePasswordHere", &account)?;
    let filter = "filter_key = accountcode\nfilter_value = ^HeadOffice$\n";
    site.branch.edit_conf("res_synch.conf", filter, "")
}

fn in_service(site: &mut Site) -> Result {
    with_a_branch(site)?;
    site.start_main_first()?;
    site.wait_status("MainExport", "yes")?;
    site.wait_status("Sync", "Synced")
}

/// The sections of a text, and their lines, in an order of ours.
fn ordered(sections: impl IntoIterator<Item = String>) -> Vec<String> {
    let in_order = |section: String| {
        let mut lines: Vec<&str> = section.trim().lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    let mut all: Vec<String> =
        sections.into_iter().map(in_order).filter(|section| !section.is_empty()).collect();
    all.sort_unstable();
    all
}

/// What a session is given, section by section.
fn given(ami: &mut Ami) -> Result<Vec<String>> {
    let answer = ami.action("SynchExport", &[("Users", "*")])?;
    let text = sections(&answer).join("\n");
    Ok(ordered(text.split("\n[").map(|section| format!("[{}", section.trim_start_matches('[')))))
}

/// The users that the branch's res_pjsip has, trunks apart.
fn live(site: &Site) -> Result<Vec<String>> {
    let shown = site.branch.rx("pjsip show endpoints")?;
    let names = shown.lines().filter_map(|line| line.trim().strip_prefix("Endpoint:"));
    let name = |line: &str| line.trim().split(['/', ' ']).next().unwrap_or_default().to_owned();
    let mut names: Vec<String> =
        names.map(name).filter(|name| !name.starts_with('<') && !name.ends_with("-trunk")).collect();
    names.sort();
    Ok(names)
}

/// The users' file of the branch.
fn file(site: &Site) -> Result<Vec<String>> {
    let text = site.branch.read_conf("pjsip_synch.conf")?;
    Ok(ordered(text.split("\n\n").skip(1).map(str::to_owned)))
}

fn a_site_gets_the_same_as_from_files_and_nobody_elses(version: Version) -> Result {
    let mut by_files = main_with_files(version)?;
    in_service(&mut by_files)?;
    let (mut by_database, _database) = main_with_a_database(version)?;
    in_service(&mut by_database)?;
    for name in [SITE, OTHER] {
        let wanted = given(&mut session(&by_files.main, name)?)?;
        let found = given(&mut session(&by_database.main, name)?)?;
        assert_eq!(found, wanted, "{name}");
        let text = found.join("\n");
        for (number, _, site) in USERS {
            let is_theirs = (site == "HeadOffice") == (name == SITE) && !site.is_empty();
            assert_eq!(text.contains(&format!("secret-{number}")), is_theirs, "{name}: {number}");
        }
    }
    assert_eq!(file(&by_database)?, file(&by_files)?);
    assert_eq!(by_database.status("Users")?, "3");
    assert_eq!(live(&by_database)?, ["1001", "1002", "1003"]);
    // Everybody of a site is in the directory, with his public number.
    let directory = |site: &Site| -> Result<Vec<String>> {
        let answer =
            session(&site.main, SITE)?.action("SynchExport", &[("Part", "directory"), ("Users", "*")])?;
        Ok(sections(&answer))
    };
    let found = directory(&by_database)?;
    assert!(found.contains(&"2001=Bob,DevOps,+493012001".to_owned()), "{found:?}");
    assert!(!found.iter().any(|line| line.starts_with("3001=")), "{found:?}");
    let nobodys = |line: &String| line.starts_with("3001=");
    let wanted: Vec<String> = directory(&by_files)?.into_iter().filter(|line| !nobodys(line)).collect();
    assert_eq!(found, wanted);
    Ok(())
}

fn one_changed_row_is_at_the_branch_within_moments(version: Version) -> Result {
    let (mut site, database) = main_with_a_database(version)?;
    in_service(&mut site)?;
    let before = file(&site)?;
    for (sql, text) in [
        ("UPDATE ps_auths SET password='other' WHERE id='1002-auth'", "other"),
        ("UPDATE ps_endpoints SET callerid='Bertha <1003>' WHERE id='1003'", "Bertha"),
        ("UPDATE ps_aors SET max_contacts='7' WHERE id='1001'", "max_contacts = 7"),
    ] {
        database.run(sql)?;
        let begun = std::time::Instant::now();
        let shown = || site.branch.read_conf("pjsip_synch.conf");
        until_value(text, GENEROUS, shown, |shown| {
            shown.replace('=', " = ").replace("  ", " ").contains(text)
        })?;
        eprintln!("{version:?}: {text} after {:.2} s", begun.elapsed().as_secs_f32());
    }
    assert_ne!(file(&site)?, before);
    // Somebody goes, and somebody of another site comes.
    database.run("DELETE FROM ps_endpoints WHERE id='1002'")?;
    database.run("UPDATE ps_endpoints SET accountcode='HeadOffice' WHERE id='3001'")?;
    until_ok("the other users", GENEROUS, || match live(&site)? {
        live if live == ["1001", "1003", "3001"] => Ok(()),
        live => Err(Error::new(format!("{live:?}"))),
    })?;
    assert_eq!(site.moves()?, 1, "{}", site.branch.rx("synch show history")?);
    Ok(())
}

fn a_database_that_is_away_takes_nobody_away_and_is_told(version: Version) -> Result {
    let (mut site, database) = main_with_a_database(version)?;
    in_service(&mut site)?;
    let before = file(&site)?;
    let told = |site: &Site| {
        let shown = || site.main.rx("synch show branches");
        until_value("the problem", GENEROUS, shown, |shown| shown.contains("does not answer")).map(drop)
    };
    let over = |site: &Site| {
        let shown = || site.main.rx("synch show branches");
        until_value("its end", GENEROUS, shown, |shown| !shown.contains("does not answer")).map(drop)
    };
    // Held by somebody else.
    let lock = database.lock()?;
    told(&site)?;
    let doctor = site.main.rx("synch doctor")?;
    assert!(doctor.contains("does not answer"), "{doctor}");
    site.sync()?;
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((file(&site)?, site.status("Users")?), (before.clone(), "3".to_owned()));
    // What needs no database goes on.
    for (mode, whereabouts) in [("failover", "Alone"), ("normal", "Here")] {
        site.branch.rx(&format!("synch set mode {mode}"))?;
        let shown = || site.main.rx("synch show branches");
        let shown = until_value(whereabouts, GENEROUS, shown, |shown| shown.contains(whereabouts))?;
        assert!(shown.contains("does not answer"), "{shown}");
    }
    drop(lock);
    over(&site)?;
    // Without a table; and a main that starts so.
    database.run("ALTER TABLE ps_endpoints RENAME TO gone")?;
    told(&site)?;
    site.main.wait_log("is not what the main has: the database does not answer", GENEROUS)?;
    assert_eq!(file(&site)?, before);
    site.main.stop()?;
    site.main.start()?;
    told(&site)?;
    site.wait_status("Service", "Normal")?;
    assert_eq!((file(&site)?, site.status("Users")?), (before.clone(), "3".to_owned()));
    database.run("ALTER TABLE gone RENAME TO ps_endpoints")?;
    over(&site)?;
    site.wait_status("MainExport", "yes")?;
    site.sync()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(file(&site)?, before);
    // And it can be unloaded while nobody answers.
    let lock = database.lock()?;
    told(&site)?;
    site.main.unload_module()?;
    drop(lock);
    Ok(())
}

fn all_users_at_once_are_never_asked_for(version: Version) -> Result {
    let (mut site, database) = main_with_a_database(version)?;
    site.main.start()?;
    drop(session(&site.main, SITE)?);
    // Asterisk itself asks for all of them when it starts: from here on, nobody but the module asks.
    site.main.rx("core set debug 3 res_config_sqlite3")?;
    database.run("UPDATE ps_endpoints SET callerid='Bertha <1003>' WHERE id='1003'")?;
    let mut berlin = session(&site.main, SITE)?;
    until_ok("the change", GENEROUS, || match given(&mut berlin)?.join("\n") {
        text if text.contains("Bertha") => Ok(()),
        text => Err(Error::new(text)),
    })?;
    let asked = until_ok("some rounds of questions", GENEROUS, || match database.questions() {
        asked if asked.iter().filter(|sql| sql.contains("DevOps")).count() >= 3 => Ok(asked),
        asked => Err(Error::new(format!("{asked:?}"))),
    })?;
    for sql in &asked {
        let (_, condition) = sql.split_once(" WHERE ").unwrap_or_default();
        let is_by_value = |column: &str| condition.contains(&format!("\"{column}\" = '"));
        assert!(is_by_value("accountcode") || is_by_value("id"), "{sql}");
        assert!(!sql.contains("LIKE") && !sql.contains("= ''"), "{sql}");
    }
    let of = |text: &str| asked.iter().filter(|sql| sql.contains(text)).count();
    let (sites, endpoints) = (of("\"accountcode\" = 'HeadOffice'"), of("ps_endpoints"));
    assert!(sites >= 3 && of("3001") == 0, "{asked:?}");
    eprintln!("{version:?}: {} questions, {endpoints} of them for endpoints, in {sites} rounds", asked.len());
    Ok(())
}

fn what_a_database_cannot_be_asked_is_refused_when_it_is_loaded(version: Version) -> Result {
    let (mut site, _database) = main_with_a_database(version)?;
    site.main.start()?;
    assert_eq!(users(&session(&site.main, SITE)?.action("SynchExport", &[])?), ["1001", "1002", "1003"]);
    site.main.edit_conf("res_synch.conf", "^HeadOffice$", "^Head")?;
    site.main.reload_answer()?;
    site.main.wait_log("filter_value = ^Head of [site berlin] can't be asked for", GENEROUS)?;
    // What was in force stays.
    assert_eq!(users(&session(&site.main, SITE)?.action("SynchExport", &[])?), ["1001", "1002", "1003"]);
    Ok(())
}

fn without_res_pjsip_the_module_loads_and_says_what_is_missing(version: Version) -> Result {
    let (mut site, _database) = main_with_a_database(version)?;
    let modules = site.main.read_conf("modules.conf")?;
    let is_pjsip = |line: &&str| !line.contains("res_pjsip") && !line.contains("chan_pjsip");
    let without: Vec<&str> = modules.lines().filter(is_pjsip).collect();
    site.main.write_conf("modules.conf", &(without.join("\n") + "\n"))?;
    site.main.start()?;
    let shown = || site.main.rx("synch show branches");
    until_value("the reason", GENEROUS, shown, |shown| {
        shown.contains("res_pjsip.so did not list its objects")
    })?;
    site.main.unload_module()
}
