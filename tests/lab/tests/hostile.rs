//! A main that was broken into: every attack of `tests/attacks`, told by a real main to a real branch that would carry
//! out what got through.

#[allow(dead_code, clippy::expect_used, reason = "the pure tests use the rest; its data is our own")]
#[path = "../../attacks/corpus.rs"]
mod corpus;

use corpus::{Attack, of_text};
use lab::ami::Ami;
use lab::wait::{GENEROUS, until};
use lab::{Result, Site, Version};

lab::on_22_and_16!(no_attack_on_contexts_brings_anything_that_may_not_run);
lab::tests_on!(on_22_alone, V22, no_attack_on_users_and_mailboxes_becomes_anything_else);

/// What an attack would make.
const TRACE: &str = "tmp/synch-attack";

/// Applications that have no business in what a hostile main brings.
const PROGRAMS: [&str; 9] =
    ["system", "trysystem", "agi", "eagi", "exec", "tryexec", "execif", "mixmonitor", "originate"];

/// Functions that have none.
const FUNCTIONS: [&str; 4] = ["${SHELL(", "${CURL(", "${FILE(", "${EVAL("];

/// Lets the branch take all that a hostile main offers, and carry out `#exec`.
fn gullible(version: Version) -> Result<Site> {
    let site = Site::with_dialplan(version)?;
    site.branch.edit_conf("asterisk.conf", "[options]", "[options]\nexecincludes = yes")?;
    let dialplan = "[dialplan]\ncontexts = ^site,^synch,^taken\n";
    site.branch.edit_conf("res_synch.conf", "[dialplan]\n", dialplan)?;
    let sync =
        "filter_key = categoryname\nfilter_value = .\nmax_shrink = 100\n\n[policy]\nopen_users = yes\n";
    site.branch.edit_conf(
        "res_synch.conf",
        "filter_key = accountcode\nfilter_value = ^HeadOffice$\n",
        sync,
    )?;
    Ok(site)
}

/// Has the branch sync, and waits for the end of it.
fn sync(ami: &mut Ami) -> Result {
    let syncs = |ami: &mut Ami| {
        ami.action("SynchStatus", &[]).and_then(|status| status.need("Syncs").map(str::to_owned))
    };
    let before = syncs(ami)?;
    ami.action("SynchSync", &[])?;
    until("the sync to end", GENEROUS, || syncs(ami).is_ok_and(|now| now != before))
}

fn assert_no_trace(site: &Site, attack: &Attack) {
    for asterisk in [&site.main, &site.branch] {
        assert!(!asterisk.in_its_root(TRACE).exists(), "{}: {}", attack.name, attack.tries);
    }
}

fn no_attack_on_contexts_brings_anything_that_may_not_run(version: Version) -> Result {
    let mut site = gullible(version)?;
    let honest = site.main.read_conf("extensions.conf")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    let mut ami = site.branch.ami()?;
    let attacks = of_text(include_str!("../../attacks/contexts.conf"));
    assert!(attacks.len() > 50);
    for attack in &attacks {
        // The main itself never loads it: only the branch might run it.
        site.main.write_conf("extensions.conf", &format!("{honest}\n{}", attack.text))?;
        sync(&mut ami)?;
        site.wait_status("Dialplan", "in force")?;
        let shown = site.branch.rx("dialplan show")?;
        let ours: Vec<&str> = shown.lines().filter(|line| line.contains("[res_synch]")).collect();
        assert!(ours.iter().any(|line| line.contains("synch-ring")), "{}", attack.name);
        for line in ours {
            // "'1' => 1. Dial(PJSIP/1)   [res_synch]"
            let application = line.split_once(". ").and_then(|(_, step)| step.split('(').next());
            let application = application.unwrap_or_default().to_lowercase();
            assert!(!PROGRAMS.contains(&application.as_str()), "{}: {line}", attack.name);
            assert!(!FUNCTIONS.iter().any(|call| line.contains(call)), "{}: {line}", attack.name);
        }
        assert_no_trace(&site, attack);
    }
    Ok(())
}

fn no_attack_on_users_and_mailboxes_becomes_anything_else(version: Version) -> Result {
    let mut site = gullible(version)?;
    site.branch.edit_conf(
        "res_synch.conf",
        "technology = pjsip",
        "technology = pjsip\nfiles = pjsip.endpoint.conf,pjsip.aor.conf,pjsip.auth.conf,attack.conf",
    )?;
    site.main.write_conf("attack.conf", "[nobody]\ntype=nothing\n")?;
    let honest = site.main.read_conf("voicemail.conf")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    let mut ami = site.branch.ami()?;
    let users = of_text(include_str!("../../attacks/pjsip.conf"));
    let boxes = of_text(include_str!("../../attacks/voicemail.conf"));
    for (attack, of_boxes) in
        users.iter().map(|user| (user, false)).chain(boxes.iter().map(|one| (one, true)))
    {
        match of_boxes {
            true => site.main.write_conf("voicemail.conf", &format!("{honest}\n{}", attack.text))?,
            false => site.main.write_conf("attack.conf", &attack.text)?,
        }
        sync(&mut ami)?;
        for file in [version.synced_file(), "voicemail_synch.conf"] {
            assert_plain(&site.branch.read_conf(file)?, attack);
        }
        let users = site.branch.live_users()?;
        assert!(
            ["1001", "1002", "1003"].iter().all(|user| users.iter().any(|live| live == user)),
            "{}",
            attack.name
        );
        assert_no_trace(&site, attack);
    }
    Ok(())
}

/// Every line is blank, a comment of ours, a section or `key = value`, and none is off the lists.
fn assert_plain(file: &str, attack: &Attack) {
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with("; ")) {
        let section = line.starts_with('[') && line.ends_with(']') && !line.contains('(');
        let key = line.split(" =").next().unwrap_or_default();
        let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-*#.".contains(&byte));
        assert!(section || (line.contains(" =") && plain), "{}: {line}", attack.name);
        for word in
            ["set_var", "outbound_proxy", "contact", "dtls", "message_context", "synch-attack", "mailcmd"]
        {
            assert!(!key.starts_with(word), "{}: {line}", attack.name);
        }
        assert!(!line.eq_ignore_ascii_case("[general]"), "{}", attack.name);
    }
}
