//! Contexts of the main on the branch: the chosen ones, and of them what may run.

use lab::wait::{GENEROUS, until_ok};
use lab::{Error, Result, Site, Version};

lab::on_22_and_16!(
    chosen_contexts_are_taken_and_what_may_not_run_is_told,
    a_changed_context_is_here_after_a_sync_and_gone_with_the_main_after_it_is_not_chosen,
    an_extension_for_one_caller_comes_goes_and_changes_beside_the_one_for_all,
    contexts_are_there_after_a_restart_without_the_main,
    what_is_not_here_and_what_ends_every_call_is_told,
    a_context_of_the_branchs_own_stays_its_own,
);

const ON_MAIN: &str = "
[site-door]
exten => 800,1,Answer()
exten => 800,n(open),SendDTMF(9)
 same => n,System(touch /tmp/synch-was-here)
 same => n,Hangup()
include => site-more

[site-more]
exten => 801,1,Set(X=${SHELL(touch /tmp/synch-was-here)})
exten => 802,1,Goto(site-door,800,1)

[other]
exten => 900,1,Answer()
";

/// A site that takes contexts of the main: those that are chosen, as users of the branch reach them.
fn taking(version: Version, chosen: &str) -> Result<Site> {
    let site = Site::with_dialplan(version)?;
    let conf = site.main.read_conf("extensions.conf")?;
    site.main.write_conf("extensions.conf", &format!("{conf}{ON_MAIN}"))?;
    let outside = "outside = from-branch\n";
    let more = format!("outside = from-branch,site-door\ncontexts = {chosen}\n");
    site.branch.edit_conf("res_synch.conf", outside, &more)?;
    Ok(site)
}

/// All that an administrator may have in a context, and that a branch may not have.
const REFERS: &str = "
[site-refers]
exten => 700,1,Dial(@DRIVER@/1001&@DRIVER@/2001,20)
 same => n,VoiceMail(700@default&1001@default,u)
exten => 701,1,Queue(support)
exten => 702,1,Playback(custom/closed&beep)
exten => 703,1,GotoIf($[\"${NIGHT}\" = \"1\"]?704,1)
 same => n,Dial(@DRIVER@/1001)
exten => 704,1,Hangup()
";

fn what_is_not_here_and_what_ends_every_call_is_told(version: Version) -> Result {
    let mut site = taking(version, "^site-refers")?;
    let driver = if version == Version::V16 { "SIP" } else { "PJSIP" };
    let conf = site.main.read_conf("extensions.conf")?;
    site.main.write_conf("extensions.conf", &(conf + &REFERS.replace("@DRIVER@", driver)))?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    site.branch.wait_context("site-refers", "704", true)?;
    let report = site.branch.rx("synch doctor")?;
    let said = |text: &str| report.lines().find(|line| line.contains(text)).unwrap_or_default();
    let lacking = said("doesn't have: ");
    for what in
        ["mailbox 700@default (700 in ", "queue support", "sound custom/closed", "phone 2001 (700 in "]
    {
        assert!(lacking.starts_with("WARN") && lacking.contains(what), "{what}: {report}");
    }
    for here in ["1001", "beep"] {
        assert!(!lacking.contains(&format!("{here} (")), "{here}: {report}");
    }
    // Not one that is meant to.
    assert!(said("main's contexts can't be called").contains(": 703 in site-refers."), "{report}");
    Ok(())
}

fn wait_left_out(site: &Site, text: &str) -> Result {
    until_ok(&format!("'{text}' to be told"), GENEROUS, || {
        let shown = site.branch.rx("synch show contexts")?;
        if shown.contains(text) { Ok(()) } else { Err(Error::new(shown)) }
    })
}

fn chosen_contexts_are_taken_and_what_may_not_run_is_told(version: Version) -> Result {
    let mut site = taking(version, "^site-")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    site.branch.wait_context("site-door", "800", true)?;
    site.branch.wait_context("site-more", "802", true)?;
    let shown = site.branch.rx("dialplan show site-door")?;
    assert!(shown.contains("[res_synch]") && shown.contains("Answer"), "{shown}");
    assert!(!shown.contains("System") && shown.contains("[open]"), "{shown}");
    assert!(!site.branch.rx("dialplan show site-more")?.contains("SHELL"));
    assert!(!site.branch.contexts()?.contains("other"));
    wait_left_out(
        &site,
        "application System is not allowed; to allow it, add it to [dialplan] allow_applications",
    )?;
    wait_left_out(&site, "SHELL")?;

    // The administrator's own word.
    site.branch.edit_conf("res_synch.conf", "contexts = ", "allow_applications = System\ncontexts = ")?;
    site.branch.reload_module()?;
    site.branch.wait_context("site-door", "System(touch", true)
}

fn a_changed_context_is_here_after_a_sync_and_gone_with_the_main_after_it_is_not_chosen(
    version: Version,
) -> Result {
    let mut site = taking(version, "site-door,site-more")?;
    site.start()?;
    site.branch.wait_context("site-door", "800", true)?;
    site.main.edit_conf("extensions.conf", "SendDTMF(9)", "Wait(1)")?;
    site.sync()?;
    site.branch.wait_context("site-door", "Wait(1)", true)?;
    site.branch.edit_conf("res_synch.conf", "contexts = site-door,site-more", "contexts = site-more")?;
    site.branch.reload_module()?;
    // The name stays, for Asterisk can take no context away without harm; nothing is in it.
    site.branch.wait_context("site-door", "[res_synch]", false)?;
    site.branch.wait_context("site-more", "802", true)
}

/// Asterisk keeps the two in one list, and its own ways of taking one of them out again differ between versions.
fn an_extension_for_one_caller_comes_goes_and_changes_beside_the_one_for_all(version: Version) -> Result {
    let mut site = taking(version, "site-door")?;
    site.start()?;
    site.branch.wait_context("site-door", "800", true)?;
    let all = |seconds: usize| {
        format!("exten => 810,1,Wait({seconds})\n same => n,Answer()\n same => n,Hangup()\n")
    };
    let one = |seconds: usize| format!("exten => 810/1001,1,Wait(1{seconds})\n same => n,Hangup()\n");
    let conf = site.main.read_conf("extensions.conf")?;
    for turn in 0..9 {
        let more = match turn % 3 {
            0 => one(turn) + &all(turn),
            1 => all(turn) + &one(turn),
            _ => all(turn),
        };
        site.main
            .write_conf("extensions.conf", &conf.replace("[site-door]\n", &format!("[site-door]\n{more}")))?;
        site.sync()?;
        site.branch.wait_context("site-door", &format!("Wait({turn})"), true)?;
        site.branch.wait_context("site-door", &format!("Wait(1{turn})"), turn % 3 != 2)?;
        site.branch.rx("dialplan reload")?;
        site.branch.wait_context("site-door", "800", true)?;
    }
    Ok(())
}

fn contexts_are_there_after_a_restart_without_the_main(version: Version) -> Result {
    let mut site = taking(version, "site-door,site-more")?;
    site.start()?;
    site.branch.wait_context("site-door", "800", true)?;
    site.wait_status("Sync", "Synced")?;
    let before = site.branch.rx("dialplan show site-door")?;
    site.kill_main()?;
    site.branch.stop()?;
    site.branch.start()?;
    site.branch.wait_context("site-door", "800", true)?;
    assert_eq!(site.branch.rx("dialplan show site-door")?, before);
    Ok(())
}

fn a_context_of_the_branchs_own_stays_its_own(version: Version) -> Result {
    let mut site = taking(version, "^site-")?;
    let conf = site.branch.read_conf("extensions.conf")?;
    site.branch.write_conf("extensions.conf", &format!("{conf}\n[site-door]\nexten => 700,1,Hangup()\n"))?;
    site.start()?;
    site.branch.wait_context("site-more", "802", true)?;
    let own = site.branch.rx("dialplan show site-door")?;
    assert!(own.contains("700") && !own.contains("800"), "{own}");
    wait_left_out(&site, "site-door")
}
