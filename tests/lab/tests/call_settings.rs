//! What people have set for calls to them on a FreePBX main is in force in an outage: forwards, do not disturb, call waiting;
//! and who is logged in at which device.

use lab::carrier::CARRIER;
use lab::phone::Settings;
use lab::wait::{GENEROUS, until_value};
use lab::{Phone, Result, Site, Version};

lab::on_22_and_16!(
    calls_go_where_people_send_them_in_freepbxs_order,
    a_call_that_nobody_answers_goes_on,
    a_forward_that_nobody_answers_ends_in_the_persons_own_box,
    a_forward_to_somebody_who_is_busy_ends_in_the_box_of_who_was_called,
    a_call_from_the_main_does_not_go_back_there,
    who_is_logged_in_is_known_on_when_the_main_does_not_say,
    a_person_who_is_in_a_call_is_busy_without_call_waiting,
    what_a_person_takes_back_is_taken_back_here,
    whoever_logs_in_at_a_device_is_reached_there,
);

/// Sets values in the main's database: `CF/1001 1003`.
fn set(site: &Site, values: &[&str]) -> Result {
    for value in values {
        site.main.rx(&format!("database put {}", value.replacen('/', " ", 1)))?;
    }
    Ok(())
}

/// A branch in an outage, whose main had these values in its database.
fn in_an_outage(version: Version, values: &[&str]) -> Result<Site> {
    let mut site = Site::with_dialplan(version)?;
    site.branch.edit_conf("res_synch.conf", "[dialplan]\n", "[dialplan]\nring_time = 10\n")?;
    site.main.start()?;
    set(&site, values)?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    site.wait_status("Service", "Normal")?;
    site.begin_outage()?;
    Ok(site)
}

/// The phone calls a number, and whoever answers is that one.
fn assert_reaches(phone: &mut Phone, number: &str, who: &str) -> Result {
    phone.dial(number)?;
    phone.wait_in_call(GENEROUS)?;
    phone.wait_hears(who, GENEROUS)?;
    phone.hang_up()?;
    phone.wait_call_ended(GENEROUS).map(drop)
}

fn calls_go_where_people_send_them_in_freepbxs_order(version: Version) -> Result {
    let site = in_an_outage(version, &["CF/1001 1003", "DND/1002 YES", "CFB/1002 1003"])?;
    let carrier = site.carrier()?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let mut bob = site.phone_at(&site.branch, "1002")?;
    let _zoe = site.phone_at(&site.branch, "1003")?;
    assert_reaches(&mut bob, "1001", "1003")?;
    // Whoever wants no calls is busy.
    assert_reaches(&mut alice, "1002", "1003")?;
    let shown = site.branch.rx("synch show user 1002")?;
    assert!(shown.contains("to 1003 while busy, no calls (do not disturb)"), "{shown}");
    // Outside, with the rights of the person who sends the call on. It is there that an administrator may change it, too.
    site.branch.rx("database put CF 1001 030555")?;
    bob.dial("1001")?;
    bob.wait_in_call(GENEROUS)?;
    carrier.wait_taken("30555", GENEROUS)?;
    bob.wait_hears(CARRIER, GENEROUS)?;
    bob.hang_up()?;
    bob.wait_call_ended(GENEROUS)?;
    // In a circle: the one who closes it is rung.
    site.branch.rx("database put CF 1001 1003")?;
    site.branch.rx("database put CF 1003 1001")?;
    assert_reaches(&mut bob, "1003", "1001")?;
    // An emergency number is called by people alone.
    site.branch.rx("database put CF 1001 112")?;
    site.branch.rx("database del CF 1003")?;
    assert_reaches(&mut bob, "1001", "1001")?;
    assert!(carrier.taken().iter().all(|taken| taken.number != "112"));
    Ok(())
}

fn a_call_that_nobody_answers_goes_on(version: Version) -> Result {
    let site = in_an_outage(version, &["CFU/1003 1001", "CFU/1001 1003"])?;
    let silent = Settings { answers: false, ..site.phone_settings() };
    let _zoe = site.phone_told(&site.branch, "1003", silent)?;
    let mut bob = site.phone_at(&site.branch, "1002")?;
    let _alice = site.phone_at(&site.branch, "1001")?;
    assert_reaches(&mut bob, "1003", "1001")?;
    Ok(())
}

fn a_forward_that_nobody_answers_ends_in_the_persons_own_box(version: Version) -> Result {
    let site = in_an_outage(version, &["CF/1001 1002"])?;
    let silent = Settings { answers: false, ..site.phone_settings() };
    let _bob = site.phone_told(&site.branch, "1002", silent)?;
    let mut zoe = site.phone_at(&site.branch, "1003")?;
    zoe.leave_message("1001")?;
    let message = site.branch.wait_message("1001", GENEROUS)?;
    message.is_from("1003")
}

fn a_forward_to_somebody_who_is_busy_ends_in_the_box_of_who_was_called(version: Version) -> Result {
    let site = in_an_outage(version, &["CF/1001 1003", "DND/1003 YES"])?;
    let mut bob = site.phone_at(&site.branch, "1002")?;
    bob.leave_message("1001")?;
    let message = site.branch.wait_message("1001", GENEROUS)?;
    message.is_from("1002")?;
    assert!(site.branch.messages("1003")?.is_empty());
    Ok(())
}

/// Where the branch serves and the main lives, a forward to a number of the main would go back there, and come again.
fn a_call_from_the_main_does_not_go_back_there(version: Version) -> Result {
    let mut site = Site::dialling(version)?;
    site.branch.rx("synch set mode failover")?;
    site.wait_status("Service", "Failover")?;
    site.branch.rx("database put CF 1001 2001")?;
    let trunk = if version == Version::V16 { "SIP/main-trunk" } else { "PJSIP/main-trunk" };
    let asked = "
[asks]
exten => 1,1,Set(__SYNCH_FROM_MAIN=1)
 same => n,Goto(synch-ring,1001,1)
";
    let conf = site.branch.read_conf("extensions.conf")?;
    site.branch.write_conf("extensions.conf", &(conf + asked))?;
    site.branch.rx("dialplan reload")?;
    site.wait_status("Dialplan", "in force")?;
    let calls = |console: &str| console.lines().filter(|line| line.contains(trunk)).count();
    site.branch.rx("channel originate Local/1@asks application Wait 5")?;
    assert_eq!(calls(&site.branch.rx("core show channels concise")?), 0);
    site.heal()
}

fn who_is_logged_in_is_known_on_when_the_main_does_not_say(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.add_user("99001", "HeadOffice")?;
    site.main.start()?;
    set(&site, &["DEVICE/99001/user 1021", "CF/1001 1003"])?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    // What the branch has of its own, where the main says nothing.
    site.branch.rx("database put CFB 1001 1002")?;
    site.main.edit_conf("manager.conf", "write = system", "write = config")?;
    site.main.rx("manager reload")?;
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    let report = || site.branch.rx("synch doctor");
    until_value("the refusal", GENEROUS, report, |report| report.contains("device logins may differ"))?;
    let device = if version == Version::V16 { "SIP/99001" } else { "PJSIP/99001" };
    assert_eq!(site.branch.function("SYNCH_USER(1021,device)")?, device);
    assert!(site.branch.rx("database show CF")?.contains("1003"));
    site.main.edit_conf("manager.conf", "write = config", "write = system")?;
    site.main.rx("manager reload")?;
    site.main.rx("database del CF 1001")?;
    let synced = || {
        site.sync()?;
        site.branch.rx("database show CF")
    };
    until_value("the forward to go", GENEROUS, synced, |shown| !shown.contains("1003"))?;
    assert!(site.branch.rx("database show CFB")?.contains("1002"));
    Ok(())
}

fn a_person_who_is_in_a_call_is_busy_without_call_waiting(version: Version) -> Result {
    let logged_in = ["DEVICE/1001/user 1001", "DEVICE/1002/user 1002", "CW/1001 ENABLED"];
    let site = in_an_outage(version, &logged_in)?;
    let mut alice = site.phone_at(&site.branch, "1001")?;
    let _bob = site.phone_at(&site.branch, "1002")?;
    alice.dial("1002")?;
    alice.wait_in_call(GENEROUS)?;
    alice.wait_hears("1002", GENEROUS)?;
    assert_eq!(site.branch.function("SYNCH_USER(1001,dnd)")?, "0");
    site.branch.wait_function("SYNCH_USER(1002,dnd)", "1")?;
    alice.hang_up()?;
    site.branch.wait_function("SYNCH_USER(1002,dnd)", "0")
}

fn what_a_person_takes_back_is_taken_back_here(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.main.start()?;
    set(&site, &["CF/1001 1003", "DND/1002 YES", "CFU/1002 ${SHELL(id)}", "CF/2001 1001"])?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    let stored = |family: &str| site.branch.rx(&format!("database show {family}"));
    assert!(stored("CF")?.contains("1003") && stored("DND")?.contains("YES"));
    // No number; and somebody of another site.
    assert!(!stored("CFU")?.contains("1002") && !stored("CF")?.contains("2001"));
    // While the main serves, it sees to it itself.
    site.wait_status("Service", "Normal")?;
    assert_eq!(site.branch.function("SYNCH_USER(1001,forward)")?, "");
    site.main.rx("database del CF 1001")?;
    site.sync()?;
    let forwards = || site.branch.rx("database show CF");
    until_value("the forward to go", GENEROUS, forwards, |shown| !shown.contains("1003"))?;
    // A restart in an outage keeps what is left.
    site.kill_main()?;
    site.wait_status("Service", "Failover")?;
    site.branch.kill_9()?;
    site.branch.start()?;
    site.branch.wait_function("SYNCH_USER(1002,dnd)", "1")?;
    let shown = site.branch.rx("synch show user 1002")?;
    assert!(shown.contains("do not disturb"), "{shown}");
    // Whoever does not want any of it says so.
    site.branch.edit_conf("res_synch.conf", "[sync]\n", "[sync]\ncall_settings = no\n")?;
    site.branch.reload_module()?;
    site.branch.wait_function("SYNCH_USER(1002,dnd)", "0")
}

fn whoever_logs_in_at_a_device_is_reached_there(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.add_user("99001", "HeadOffice")?;
    site.main.start()?;
    set(&site, &["DEVICE/99001/user 1021", "DEVICE/1001/user 1001"])?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    let device = if version == Version::V16 { "SIP/99001" } else { "PJSIP/99001" };
    site.branch.wait_function("SYNCH_USER(1021,device)", device)?;
    site.begin_outage()?;
    let mut zoe = site.phone_at(&site.branch, "1003")?;
    let _device = site.phone_at(&site.branch, "99001")?;
    assert_reaches(&mut zoe, "1021", "99001")?;
    // Another one logs in.
    site.heal()?;
    site.wait_status("Service", "Normal")?;
    set(&site, &["DEVICE/99001/user 1022"])?;
    site.sync()?;
    site.branch.wait_function("SYNCH_USER(1022,device)", device)?;
    site.branch.wait_function("SYNCH_USER(1021,device)", "")
}
