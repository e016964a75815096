//! The mailboxes of the site's users on the branch, and who reaches them.

use std::time::Duration;

use lab::phone::Settings;
use lab::wait::{GENEROUS, until, until_value};
use lab::{Phone, Result, Site, Version};

lab::on_22_and_16!(
    boxes_of_the_sites_users_are_on_the_branch_and_no_others,
    a_box_that_changed_on_the_main_changes_on_the_branch,
    boxes_that_the_main_has_lost_stay_until_a_person_says_so,
    an_absent_users_caller_leaves_a_message_on_the_branch,
    a_busy_users_caller_leaves_a_message_on_the_branch,
    a_caller_whom_nobody_answers_leaves_a_message_on_the_branch,
    a_user_without_a_box_is_busy_or_unavailable,
    without_voicemail_there_are_no_boxes,
    messages_outlive_a_sync_and_a_restart,
    the_box_is_the_one_that_the_user_names,
    no_message_is_lost_that_the_main_would_mail,
);

const OUTPUT: &str = "voicemail_synch.conf";

/// Waits until voicemail on the branch shows a line about that box which holds `text`.
fn wait_box(site: &Site, number: &str, text: &str) -> Result {
    let shown = || site.branch.rx("voicemail show users");
    let has = |shown: &str| shown.lines().any(|line| line.contains(number) && line.contains(text));
    until_value(&format!("the box {number} with {text}"), GENEROUS, shown, has).map(drop)
}

/// In an outage, with the boxes of all users live.
fn outage(version: Version) -> Result<Site> {
    let mut site = Site::dialling(version)?;
    wait_box(&site, "1003", "Zo")?;
    site.begin_outage()?;
    Ok(site)
}

fn assert_message(site: &Site, user: &str, caller: &Phone) -> Result {
    let message = site.branch.wait_message(user, GENEROUS)?;
    assert!(message.length > Duration::from_secs(1), "{message:?}");
    message.is_from(&caller.user)
}

/// A phone that rings until its user does something.
fn ringing(site: &Site, user: &str) -> Result<Phone> {
    site.phone_told(&site.branch, user, Settings { answers: false, ..site.phone_settings() })
}

fn boxes_of_the_sites_users_are_on_the_branch_and_no_others(version: Version) -> Result {
    let site = Site::dialling(version)?;
    for (number, name) in [("1001", "Alice"), ("1002", "Alex"), ("1003", "Zo")] {
        wait_box(&site, number, name)?;
    }
    let file = site.branch.read_conf(OUTPUT)?;
    for text in ["[default]", "4711", "alice@example.com", "attach=yes", "4713"] {
        assert!(file.contains(text), "{text} in {file}");
    }
    assert!(!file.contains("2001") && !file.contains("4721"), "{file}");
    assert!(!site.branch.rx("voicemail show users")?.contains("2001"));
    assert_eq!(site.branch.function("SYNCH_USER(2001,voicemail)")?, "");
    Ok(())
}

fn a_box_that_changed_on_the_main_changes_on_the_branch(version: Version) -> Result {
    let site = Site::dialling(version)?;
    wait_box(&site, "1001", "Alice")?;
    site.main.edit_conf("voicemail.conf", "1001 => 4711,Alice,", "1001 => 4799,Alicia,")?;
    site.main.edit_conf(
        "voicemail.conf",
        "1002 => 4712,Alex,alex@example.com,,attach=yes|saycid=no\n",
        "",
    )?;
    site.sync()?;
    wait_box(&site, "1001", "Alicia")?;
    let file = site.branch.read_conf(OUTPUT)?;
    assert!(file.contains("4799") && !file.contains("4711") && !file.contains("1002"), "{file}");
    site.branch.wait_function("SYNCH_USER(1002,voicemail)", "")
}

fn boxes_that_the_main_has_lost_stay_until_a_person_says_so(version: Version) -> Result {
    let site = Site::dialling(version)?;
    wait_box(&site, "1003", "Zo")?;
    let file = site.branch.read_conf(OUTPUT)?;
    site.main.write_conf("voicemail.conf", "[general]\nformat=wav\n")?;
    site.branch.ami()?.action("SynchSync", &[])?;
    let reason = || site.status("MailboxesReason");
    let told = "held: it would take away 3 of 3 mailboxes";
    until_value("it to be told", GENEROUS, reason, |reason| reason.contains(told))?;
    assert_eq!(site.status("Sync")?, "Synced");
    assert_eq!(site.branch.read_conf(OUTPUT)?, file);

    site.sync()?;
    until_value("it to be carried out", GENEROUS, || site.status("Mailboxes"), |left| left == "0")?;
    assert!(!site.branch.read_conf(OUTPUT)?.contains("1001"));
    Ok(())
}

fn an_absent_users_caller_leaves_a_message_on_the_branch(version: Version) -> Result {
    let site = outage(version)?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.leave_message("1003")?;
    assert_message(&site, "1003", &alice)?;
    assert_eq!(site.branch.messages("1003")?.len(), 1);
    assert!(site.branch.messages("1001")?.is_empty());
    assert!(site.main.messages("1003")?.is_empty());
    Ok(())
}

fn a_busy_users_caller_leaves_a_message_on_the_branch(version: Version) -> Result {
    let site = outage(version)?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let mut zoe = site.phone_told(&site.branch, "1003", Settings { calls: 1, ..site.phone_settings() })?;
    zoe.dial("600")?;
    zoe.wait_in_call(GENEROUS)?;
    alice.leave_message("1003")?;
    assert_message(&site, "1003", &alice)
}

fn a_caller_whom_nobody_answers_leaves_a_message_on_the_branch(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.branch.edit_conf("res_synch.conf", "[dialplan]\n", "[dialplan]\nring_time = 2\n")?;
    site.serve()?;
    wait_box(&site, "1003", "Zo")?;
    site.begin_outage()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let mut zoe = ringing(&site, "1003")?;
    alice.leave_message("1003")?;
    zoe.wait_rings(GENEROUS)?;
    assert_message(&site, "1003", &alice)
}

fn a_user_without_a_box_is_busy_or_unavailable(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.main.edit_conf(
        "voicemail.conf",
        "1002 => 4712,Alex,alex@example.com,,attach=yes|saycid=no\n",
        "",
    )?;
    site.serve()?;
    wait_box(&site, "1003", "Zo")?;
    site.begin_outage()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.dial("1002")?;
    alice.wait_refused("480", GENEROUS)?;

    let mut alex = ringing(&site, "1002")?;
    alice.dial("1002")?;
    alex.wait_rings(GENEROUS)?;
    alex.refuse()?;
    alice.wait_refused("486", GENEROUS)
}

fn without_voicemail_there_are_no_boxes(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.branch.edit_conf("res_synch.conf", "[voicemail]\nenabled = yes", "[voicemail]\nenabled = no")?;
    site.serve()?;
    site.begin_outage()?;
    assert!(site.branch.read_conf(OUTPUT).is_err());
    assert_eq!(site.branch.function("SYNCH_USER(1003,voicemail)")?, "");
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.dial("1003")?;
    alice.wait_refused("480", GENEROUS)
}

fn messages_outlive_a_sync_and_a_restart(version: Version) -> Result {
    let mut site = outage(version)?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.leave_message("1003")?;
    assert_message(&site, "1003", &alice)?;
    site.heal()?;
    site.wait_status("Service", "Normal")?;
    site.main.edit_conf("voicemail.conf", "1001 => 4711,", "1001 => 4799,")?;
    site.sync()?;
    until_value("the new PIN", GENEROUS, || site.branch.read_conf(OUTPUT), |file| file.contains("4799"))?;
    site.branch.stop()?;
    site.branch.start()?;
    assert_message(&site, "1003", &alice)?;
    wait_box(&site, "1003", "Zo")
}

/// Two tenants with the same number: the caller reaches the user's own box, and no stranger's is copied.
fn the_box_is_the_one_that_the_user_names(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    let edits: &[(&str, &str)] = match version {
        Version::V22 => &[
            ("Alice <1001>", "Alice <1001>\nmailboxes=1001@sales"),
            ("[3]\" <1003>", "[3]\" <1003>\nmailboxes=1003@default"),
        ],
        Version::V16 => &[("mailbox=1001@default", "mailbox=1001@sales"), ("mailbox=1002@default\n", "")],
    };
    edits.iter().try_for_each(|(from, to)| site.edit_users(from, to))?;
    let others = "\n[sales]\n1001 => 2222,Dave,dave@example.com\n1003 => 2223,Eve\n\n[tenant2]\n1002 => 5555,Foreign\n";
    let boxes = site.main.read_conf("voicemail.conf")?;
    site.main.write_conf("voicemail.conf", &(boxes + others))?;
    site.serve()?;
    wait_box(&site, "1001", "Dave")?;
    let file = site.branch.read_conf(OUTPUT)?;
    for stranger in ["4711", "4712", "2223", "5555"] {
        assert!(!file.contains(stranger), "{stranger} in {file}");
    }
    site.branch.wait_function("SYNCH_USER(1001,voicemail)", "1001@sales")?;
    // Nobody says which of two it is.
    site.branch.wait_function("SYNCH_USER(1002,voicemail)", "")?;
    let shown = site.branch.rx("synch show user 1002")?;
    assert!(shown.contains("it could be 1002@default or 1002@tenant2"), "{shown}");

    site.begin_outage()?;
    let mut alex = site.phone_at(&site.branch, "1002")?;
    alex.leave_message("1001")?;
    assert_message(&site, "1001", &alex)?;
    assert!(site.branch.path("spool/voicemail/sales/1001/INBOX").exists());
    Ok(())
}

/// Two addresses and `delete=yes`, as FreePBX writes them: both get the message. Without an address it stays.
fn no_message_is_lost_that_the_main_would_mail(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    for (from, to) in [
        (
            "1001 => 4711,Alice,alice@example.com,,attach=yes|saycid=no",
            "1001 => 4711,Alice \"Al\" O'Hara,al.o'hara@example.com|team@example.com,,attach=yes|delete=yes",
        ),
        (
            "1002 => 4712,Alex,alex@example.com,,attach=yes|saycid=no",
            "1002 => 4712,Alex,,,attach=yes|delete=yes",
        ),
    ] {
        site.main.edit_conf("voicemail.conf", from, to)?;
    }
    site.serve()?;
    wait_box(&site, "1001", "O'Hara")?;
    let shown = site.branch.rx("synch show user 1002")?;
    assert!(shown.contains("delete: the mailbox has no address, so the message would be lost"), "{shown}");

    site.begin_outage()?;
    let mut zoe = site.phone_at(&site.branch, "1003")?;
    zoe.leave_message("1002")?;
    assert_message(&site, "1002", &zoe)?;
    zoe.leave_message("1001")?;
    let mails = || Ok(std::fs::read_to_string(site.branch.path("spool/mails")).unwrap_or_default());
    let both = |mails: &str| mails.contains("al.o'hara@example.com") && mails.contains("team@example.com");
    until_value("both mails", GENEROUS, mails, both)?;
    until("the message to be deleted", GENEROUS, || {
        site.branch.messages("1001").is_ok_and(|messages| messages.is_empty())
    })?;
    assert_eq!(site.branch.messages("1002")?.len(), 1);
    Ok(())
}
