//! The lab itself, without the module: trunks, the carrier, mailboxes, and phones that don't just answer.

use std::time::Duration;

use lab::carrier::{CARRIER, Taken};
use lab::phone::Settings;
use lab::wait::{GENEROUS, until};
use lab::{Asterisk, Phone, Result, Site, Version};

lab::on_22_and_16!(
    nobody_warns_at_start,
    the_carrier_takes_any_number_and_says_who_called,
    the_branch_reaches_users_of_the_main_over_its_trunk,
    a_message_is_recorded,
    how_a_call_ends_is_told,
    a_phone_in_a_call_is_busy_for_the_next,
);

/// A branch that has the main's users by hand, and dials like this.
fn branch(version: Version, dialplan: &str) -> Result<Site> {
    let site = Site::new(version)?;
    let users = version.users_files().iter().map(|file| site.main.read_conf(file));
    let users = users.collect::<Result<Vec<_>>>()?.concat().replace("from-internal", "from-test");
    site.branch.write_conf(version.synced_file(), &users)?;
    let before = site.branch.read_conf("extensions.conf")?;
    let dialplan = dialplan.replace("TECHNOLOGY", version.technology());
    site.branch.write_conf("extensions.conf", &format!("{before}\n[from-test]\n{dialplan}"))?;
    Ok(site)
}

/// What it warns of; that of `chan_sip`'s end, which 16 announces at every start, is none of ours.
fn complaints(asterisk: &Asterisk) -> Vec<String> {
    let complains = |line: &&str| {
        ["WARNING[", "ERROR["].iter().any(|level| line.contains(level))
            && !line.contains("will be deprecated")
    };
    asterisk.log().lines().filter(complains).map(str::to_owned).collect()
}

fn nobody_warns_at_start(version: Version) -> Result {
    let mut site = Site::new(version)?;
    site.start()?;
    let carrier = site.carrier()?;
    for asterisk in [&site.main, &site.branch, carrier.asterisk()] {
        assert_eq!(complaints(asterisk), [""; 0], "{}", asterisk.role.name());
    }
    Ok(())
}

fn the_carrier_takes_any_number_and_says_who_called(version: Version) -> Result {
    let mut site = branch(version, "exten => _0.,1,Dial(TECHNOLOGY/${EXTEN:1}@local-trunk)\n")?;
    site.branch.start()?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    for number in ["112", "+4930202001"] {
        alice.dial(&format!("0{number}"))?;
        alice.wait_in_call(GENEROUS)?;
        assert_eq!(carrier.wait_taken(number, GENEROUS)?, "1001");
        alice.wait_hears(CARRIER, GENEROUS)?;
        alice.hang_up()?;
        until("the call to end there", GENEROUS, || carrier.channels().is_ok_and(|channels| channels == 0))?;
    }
    let call = |number: &str| Taken { number: number.to_owned(), caller: "1001".to_owned() };
    assert_eq!(carrier.taken(), [call("112"), call("+4930202001")]);
    Ok(())
}

fn the_branch_reaches_users_of_the_main_over_its_trunk(version: Version) -> Result {
    let mut site = branch(version, "exten => _2XXX,1,Dial(TECHNOLOGY/${EXTEN}@main-trunk)\n")?;
    site.start()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let mut bob = site.phone_at(&site.main, "2001")?;
    alice.dial("2001")?;
    bob.wait_in_call(GENEROUS)?;
    alice.wait_hears("2001", GENEROUS)?;
    bob.wait_hears("1001", GENEROUS)
}

fn a_message_is_recorded(version: Version) -> Result {
    let mut site = branch(version, "exten => 500,1,VoiceMail(1003@default,u)\n")?;
    let boxes = site.main.read_conf("voicemail.conf")?;
    let (_, boxes) = boxes.split_once("[default]").unwrap_or_default();
    site.branch.write_conf("voicemail_synch.conf", &format!("[default]{boxes}"))?;
    site.branch.start()?;
    assert!(site.branch.messages("1003")?.is_empty());
    let mut alice = site.phone_at(&site.branch, "1001")?;
    alice.leave_message("500")?;
    let message = site.branch.wait_message("1003", GENEROUS)?;
    assert!(message.length > Duration::from_secs(1), "{message:?}");
    message.is_from("1001")?;
    assert_eq!(site.branch.messages("1003")?.len(), 1);
    assert!(site.branch.messages("1001")?.is_empty());
    Ok(())
}

/// A phone that rings until somebody does something.
fn ringing(site: &Site, user: &str) -> Result<Phone> {
    site.phone_told(&site.branch, user, Settings { answers: false, ..site.phone_settings() })
}

fn how_a_call_ends_is_told(version: Version) -> Result {
    let mut site = branch(
        version,
        "exten => 1003,1,Dial(TECHNOLOGY/1003,30)\n same => n,Hangup(${HANGUPCAUSE})\n\
         exten => 5003,1,Dial(TECHNOLOGY/1003,1)\n same => n,Hangup(20)\n\
         exten => 503,1,Hangup(34)\n",
    )?;
    site.branch.start()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let mut zoe = ringing(&site, "1003")?;

    alice.dial("1003")?;
    zoe.wait_rings(GENEROUS)?;
    zoe.refuse()?;
    alice.wait_refused("486", GENEROUS)?;

    alice.dial("5003")?;
    zoe.wait_rings(GENEROUS)?;
    alice.wait_refused("480", GENEROUS)?;

    alice.dial("503")?;
    alice.wait_refused("503", GENEROUS)?;

    alice.dial("1003")?;
    zoe.wait_rings(GENEROUS)?;
    zoe.answer()?;
    alice.wait_in_call(GENEROUS)?;
    alice.wait_hears("1003", GENEROUS)?;
    zoe.wait_hears("1001", GENEROUS)
}

fn a_phone_in_a_call_is_busy_for_the_next(version: Version) -> Result {
    let mut site = branch(
        version,
        "include => from-internal\n\
         exten => 1003,1,Dial(TECHNOLOGY/1003,30)\n same => n,Hangup(${HANGUPCAUSE})\n",
    )?;
    site.branch.start()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let mut zoe = site.phone_told(&site.branch, "1003", Settings { calls: 1, ..site.phone_settings() })?;
    zoe.dial("600")?;
    zoe.wait_in_call(GENEROUS)?;
    alice.dial("1003")?;
    alice.wait_refused("486", GENEROUS)
}
