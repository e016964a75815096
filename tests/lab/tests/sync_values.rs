//! What the main says is believed as a value and as nothing else: every character arrives, and none becomes syntax.

use std::fs;

use lab::fake_main::{FakeMain, Reply, Section, account, user};
use lab::users::Told;
use lab::wait::{GENEROUS, until};
use lab::{Context, Result, Site, Version};

lab::on_22_and_16!(
    every_character_arrives,
    the_order_and_repeated_keys_arrive,
    hostile_words_become_no_syntax,
    values_that_look_like_directives_are_values,
    a_user_defined_twice_is_left_out,
    what_is_hidden_in_a_name_is_shown_as_what_it_is,
);

/// Values as they stand in a file of the main, where a `;` that begins no comment is written `\;`.
const ODD: [&str; 22] = [
    "a=b==c",
    "=",
    "one\\;two\\;\\;three",
    "\\;--no comment--\\;",
    "x\\;",
    "back\\slash",
    "trailing\\",
    "\\\\double\\\\",
    "\\n is no line end",
    "#hash",
    "a #exec b",
    "\"quoted\"",
    "'single' \"un\"balanced\"",
    "[brackets](!)",
    "(+)",
    ">arrow",
    "=> arrow",
    "two  blanks",
    "Zoë Ünï ☎ 漢字 🎧",
    "${VAR} $[1+1] %s %n",
    "<tag> & | ~ ` ^ @ * ? !",
    "!+-,./:_{}",
];

/// The sections of the main's files that are about these names, in the order of the files.
fn on_main(site: &Site, wanted: impl Fn(&str) -> bool) -> Result<Vec<Told>> {
    let told = site.main.get_config(site.main.version.synced_from())?;
    Ok(told.into_iter().filter(|(name, _)| wanted(name)).collect())
}

/// The same sections, each with the same lines in the same order. How sections follow each other means nothing.
fn assert_same(mut one: Vec<Told>, mut other: Vec<Told>) {
    one.sort();
    other.sort();
    assert_eq!(one, other);
}

fn of_this_site(name: &str) -> bool {
    name.starts_with("100")
}

fn every_character_arrives(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.take_all_as_it_is()?;
    let key = version.variable_key();
    let mut odd: String =
        ODD.iter().enumerate().map(|(number, value)| format!("{key}=ODD{number}={value}\n")).collect();
    // At the very beginning of a value, too.
    for begin in ["#exec touch x", "\\;semicolon", ">greater", "[bracket]", "=equals", "\"quote", "(paren)"] {
        odd.push_str(&format!("context={begin}\n"));
    }
    let conf = site.main.read_conf(version.users_file())?;
    let (before, behind) = conf.split_once("accountcode=HeadOffice\n").context("a user of this site")?;
    site.main.write_conf(version.users_file(), &format!("{before}accountcode=HeadOffice\n{odd}{behind}"))?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.branch.live_users()?, ["1001", "1002", "1003"]);

    let main = on_main(&site, of_this_site)?;
    let own = main.first().context("1001 on the main")?;
    assert!(own.1.iter().any(|line| line.ends_with("=;--no comment--;")), "{own:?}");
    assert_same(site.branch.get_config(version.synced_file())?, main);

    let live = site.branch.live_user("1001")?;
    for value in ODD {
        let value = value.replace("\\;", ";");
        assert!(live.contains(&value), "{value} is not in {live}");
    }
    Ok(())
}

fn the_order_and_repeated_keys_arrive(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.take_all_as_it_is()?;
    // Templates of templates, in an order that is not the alphabet's, and the codecs in an order that matters.
    let first = match version {
        Version::V22 => "[desk-phone-endpoint]",
        Version::V16 => "[desk-phone]",
    };
    let name = first.trim_matches(['[', ']']);
    let more = format!(
        "\n[codecs](!)\ndisallow=all\nallow=alaw\nallow=ulaw\n\n[base]({name},codecs)\naccountcode=Elsewhere\n\
         accountcode=HeadOffice\n"
    );
    let more = more.replace(&format!("[base]({name},codecs)"), &format!("[base](!,{name},codecs)"));
    let conf = site.main.read_conf(version.users_file())?;
    let conf = conf.replacen("[1002]", &format!("{more}\n[1002]"), 1);
    let conf = conf.replace(&format!("[1003]({name})"), "[1003](base)");
    site.main.write_conf(version.users_file(), &conf)?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    let main = on_main(&site, of_this_site)?;
    let third = &main.iter().find(|(name, _)| name == "1003").context("1003")?.1;
    let allowed: Vec<_> = third.iter().filter(|line| line.contains("allow=")).collect();
    assert_eq!(
        allowed,
        ["disallow=all", "allow=ulaw", "allow=alaw", "disallow=all", "allow=alaw", "allow=ulaw"]
    );
    assert_same(site.branch.get_config(version.synced_file())?, main);
    assert_eq!(site.branch.live_users()?, ["1001", "1002", "1003"]);
    Ok(())
}

/// What may not be written: each as a user of its own, and what is said of a user whom it costs; a line alone costs none.
fn hostile(version: Version, touch: &str) -> Vec<(Section, Option<String>)> {
    let mut hostile = Vec::new();
    let mut number = 6000;
    let lines: [(Vec<u8>, bool); 15] = [
        (format!("#exec={touch}").into(), false),
        (b"#include=/etc/passwd".to_vec(), false),
        (b"=no key".to_vec(), false),
        (b"[general]=x".to_vec(), false),
        (b";--=x".to_vec(), false),
        (b"context+=x".to_vec(), false),
        (b"con text=x".to_vec(), false),
        (format!("language=x\r#exec {touch}").into(), false),
        (b"type=transport".to_vec(), false),
        (format!("context=x\r#exec {touch}").into(), true),
        (b"context=x\0y".to_vec(), true),
        (b"context=x\x0b#exec y".to_vec(), true),
        (b"context=\xff\xfe".to_vec(), true),
        (b"context= blank".to_vec(), true),
        (format!("context={}", "x".repeat(9000)).into(), true),
    ];
    for (line, costs) in lines {
        number += 1;
        let section = account(version, number.to_string(), "5001").with(line);
        hostile.push((section, costs.then(|| format!("left out: {number}: the value of context"))));
    }
    for (kind, reason) in
        [("transport", "type 'transport' is not taken over"), ("", "type '' is not taken over")]
    {
        number += 1;
        let kind = format!("type={kind}");
        let section = Section::new(number.to_string(), &[&kind, "accountcode=HeadOffice"]);
        hostile.push((section, Some(format!("left out: {number}: {reason}"))));
    }
    number += 1;
    let section = Section::new(number.to_string(), &["accountcode=HeadOffice"]);
    hostile.push((section, Some(format!("left out: {number}: it has no type"))));
    let long = "x".repeat(80);
    for name in ["a](!)", "[a", "a b", "#include x", "a;b", "a]\t#exec y", "", "../a", long.as_str()] {
        let shown = name.escape_default();
        let said = format!("left out: {shown}: its name has characters");
        hostile.push((account(version, name, "5001"), Some(said)));
    }
    if version == Version::V16 {
        let general = account(version, "General", "5001");
        hostile.push((general, Some("left out: General: its name has characters".to_owned())));
    }
    hostile
}

fn hostile_words_become_no_syntax(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    execute_includes(&site)?;
    let hostile = hostile(version, &format!("touch {}/was-here", run_folder(&site)));
    let mut sections = user(version, "5001");
    sections.extend(hostile.iter().map(|(section, _)| section.clone()));
    sections.extend(user(version, "5002"));
    let _main = FakeMain::in_place_of_main(&site, Reply::of(&sections))?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    let cost_a_line = ["6001", "6002", "6003", "6004", "6005", "6006", "6007", "6008", "6009"];
    assert_eq!(site.branch.live_users()?, [&["5001", "5002"], &cost_a_line[..]].concat());

    let users = site.branch.rx("synch show users")?;
    for said in hostile.iter().filter_map(|(_, said)| said.as_ref()) {
        assert!(users.contains(said), "'{said}' is not in\n{users}");
    }
    assert_eq!(site.status("UsersLeftOut")?, (hostile.len() - cost_a_line.len()).to_string());
    let written = site.branch.get_config(version.synced_file())?;
    for name in written.iter().map(|(name, _)| name) {
        let honest = sections_of(version, &["5001", "5002"]).contains(name);
        assert!(honest || cost_a_line.contains(&name.as_str()), "{name}");
    }
    let honest = &written.iter().find(|(name, _)| name == "5002").context("5002")?.1;
    for (name, lines) in written.iter().filter(|(name, _)| cost_a_line.contains(&name.as_str())) {
        assert_eq!(lines.len(), honest.len(), "{name}: {lines:?}");
    }
    for line in site.synced_file()?.lines() {
        let section = line.starts_with('[') && line.ends_with(']');
        assert!(line.is_empty() || line.starts_with("; ") || section || line.contains(" ="), "{line}");
    }
    assert!(!site.branch.path("run/was-here").exists());
    Ok(())
}

fn sections_of(version: Version, users: &[&str]) -> Vec<String> {
    let names = |name: &&str| match version {
        Version::V22 => vec![(*name).to_owned(), (*name).to_owned(), format!("{name}-auth")],
        Version::V16 => vec![(*name).to_owned()],
    };
    users.iter().flat_map(names).collect()
}

/// Lets the branch carry out `#exec`, as FreePBX does, so that one that got through would be seen.
fn execute_includes(site: &Site) -> Result {
    site.branch.edit_conf("asterisk.conf", "[options]", "[options]\nexecincludes = yes")
}

fn values_that_look_like_directives_are_values(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.take_all_as_it_is()?;
    execute_includes(&site)?;
    let folder = run_folder(&site);
    let here = |name: &str| format!("touch {folder}/{name}");
    let lines = [
        format!("context=#exec {}", here("one")),
        format!("context=x #exec {}", here("two")),
        format!("context=\"#exec {}\"", here("three")),
        format!("context=x;\\#exec {}", here("four")),
        "context=;--".to_owned(),
        "context=#include sip.conf".to_owned(),
        "context=[general](+)".to_owned(),
        "context=>x".to_owned(),
    ];
    let mut section = account(version, "5001", "5001");
    for line in &lines {
        section = section.with(line);
    }
    let sections: Vec<Section> =
        std::iter::once(section).chain(user(version, "5001").into_iter().skip(1)).collect();
    let _main = FakeMain::in_place_of_main(&site, Reply::of(&sections))?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    let told = site.branch.get_config(version.synced_file())?;
    let (_, own) = told.first().context("5001 in the file")?;
    let contexts: Vec<&String> = own.iter().filter(|line| line.starts_with("context=")).collect();
    assert_eq!(contexts, lines.iter().collect::<Vec<_>>());
    assert_eq!(site.branch.live_users()?, ["5001"]);
    for name in ["one", "two", "three", "four"] {
        assert!(!site.branch.path("run").join(name).exists(), "#exec {name} was carried out");
    }

    // That it would have been: an `#exec` of the administrator's own is carried out.
    let conf = site.branch.read_conf(version.including_file())?;
    site.branch.write_conf(version.including_file(), &format!("{conf}\n#exec {}\n", here("control")))?;
    site.branch.reload(&format!("module reload {}", version.sip_module()))?;
    let control = site.branch.path("run/control");
    until("an #exec to be carried out at all", GENEROUS, || control.exists())?;
    fs::remove_file(&control).context("removing the control")
}

/// A folder of the branch's own, as the branch sees it.
fn run_folder(site: &Site) -> String {
    format!("/lab/{}/branch/run", site.net.name())
}

fn a_user_defined_twice_is_left_out(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let mut sections = user(version, "5001");
    sections.extend(user(version, "5002"));
    sections.push(account(version, "5002", "5001"));
    let _main = FakeMain::in_place_of_main(&site, Reply::of(&sections))?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.branch.live_users()?, ["5001"]);
    let users = site.branch.rx("synch show users")?;
    assert!(users.contains("left out: 5002: it is defined twice"), "{users}");
    assert!(!site.synced_file()?.contains("5002"));
    Ok(())
}

/// A name that turns its line around, at the console, in the log and over AMI.
fn what_is_hidden_in_a_name_is_shown_as_what_it_is(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let hidden = "Eve\u{202e}nimda\u{2066}\u{200b}\u{e0041}\u{ad}";
    let shown = "Eve\\u{202e}nimda\\u{2066}\\u{200b}\\u{e0041}\\xad";
    let mut sections = user(version, "5001");
    sections.extend(user(version, "5002"));
    sections = sections
        .into_iter()
        .enumerate()
        .map(|(place, section)| match place {
            0 => section.with(format!("callerid={hidden} <5001>")),
            _ => section,
        })
        .collect();
    sections.push(account(version, "7\u{202e}", "5001"));
    sections.push(account(version, "محمد", "5001"));
    let _main = FakeMain::in_place_of_main(&site, Reply::of(&sections))?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    site.branch.wait_log("7\\u{202e}", GENEROUS)?;
    let mut answers = vec![site.branch.log()];
    for command in
        ["synch show users", "synch show user 5001", "synch show directory", "synch show status json"]
    {
        answers.push(site.branch.rx(command)?);
    }
    let listed = site.branch.ami()?.list("SynchUsers", &[])?;
    answers.push(listed.iter().filter_map(|user| user.get("CallerID")).collect());
    for answer in &answers {
        assert!(!answer.contains(['\u{202e}', '\u{2066}', '\u{200b}', '\u{e0041}', '\u{ad}']), "{answer}");
    }
    let [log, users, one, .., list] = answers.as_slice() else { return Ok(()) };
    for answer in [users, one, list] {
        assert!(answer.contains(shown), "'{shown}' is not in\n{answer}");
    }
    // Letters of every script stay as they are.
    assert!(users.contains("left out: 7\\u{202e}: ") && users.contains("left out: محمد: "), "{users}");
    assert!(log.contains("7\\u{202e}"), "{log}");
    Ok(())
}
