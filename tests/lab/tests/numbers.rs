//! What others dial: a person has one number and several devices, and the name of an account may be no number at all.

use lab::phone::Settings;
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    all_devices_of_a_person_ring_and_are_one_lamp,
    an_account_that_is_only_an_id_is_reached_by_its_number,
    the_administrator_says_where_the_number_is,
);

/// A branch whose main has these accounts besides, each with a caller id.
fn with_accounts(version: Version, accounts: &[(&str, &str)], sync: &str) -> Result<Site> {
    let mut site = Site::with_dialplan(version)?;
    for (name, callerid) in accounts {
        site.add_user(name, "HeadOffice")?;
        site.edit_users(&format!("callerid=New <{name}>"), &format!("callerid={callerid}"))?;
    }
    site.branch.edit_conf("res_synch.conf", "[sync]\n", &format!("[sync]\n{sync}"))?;
    site.serve()?;
    site.wait_status("Dialplan", "in force")?;
    Ok(site)
}

fn wait_hint(site: &Site, number: &str, devices: &str) -> Result {
    until_ok(&format!("the lamp of {number}"), GENEROUS, || {
        let hints = site.branch.rx("core show hints")?;
        let hint = hints.lines().find(|line| line.trim_start().starts_with(&format!("{number}@synch-users")));
        match hint.context("none")? {
            hint if hint.contains(devices) => Ok(()),
            hint => Err(Error::new(hint)),
        }
    })
}

/// The device of an account, as hints name it.
fn device(version: Version, name: &str) -> String {
    let driver = if version == Version::V16 { "SIP" } else { "PJSIP" };
    format!("{driver}/{name}")
}

fn all_devices_of_a_person_ring_and_are_one_lamp(version: Version) -> Result {
    let mut site = with_accounts(version, &[("991001", "Alice <1001>")], "")?;
    let devices = [device(version, "1001"), device(version, "991001")].join("&");
    wait_hint(&site, "1001", &devices)?;
    site.begin_outage()?;
    let rings = || Settings { answers: false, ..site.phone_settings() };
    let mut desk = site.phone_told(&site.branch, "1001", rings())?;
    let mut web = site.phone_told(&site.branch, "991001", rings())?;
    let mut zoe = site.phone_at(&site.branch, "1003")?;
    zoe.dial("1001")?;
    desk.wait_rings(GENEROUS)?;
    web.wait_rings(GENEROUS)?;
    web.answer()?;
    zoe.wait_in_call(GENEROUS)?;
    zoe.wait_hears("991001", GENEROUS)?;
    desk.wait_call_ended(GENEROUS)?;
    zoe.hang_up()?;
    web.wait_call_ended(GENEROUS)?;
    let report = site.branch.rx("synch doctor")?;
    assert!(report.contains("1001 rings all its devices: 1001 and 991001"), "{report}");
    Ok(())
}

fn an_account_that_is_only_an_id_is_reached_by_its_number(version: Version) -> Result {
    let accounts = [("8439201745", "Ann <201>"), ("8439201746", "Ben <202>")];
    let mut site = with_accounts(version, &accounts, "")?;
    wait_hint(&site, "201", &device(version, "8439201745"))?;
    site.wait_directory()?;
    assert_eq!(site.branch.function("SYNCH_USER(202,name)")?, "Ben");
    let shown = site.branch.rx("synch show user 201")?;
    assert!(shown.contains("SYNCH_NUMBER=201"), "{shown}");
    site.begin_outage()?;
    let mut zoe = site.phone_at(&site.branch, "1003")?;
    let mut ann = site.phone_at(&site.branch, "8439201745")?;
    // The name goes on to lead there, for whoever has dialled it so far.
    for number in ["201", "8439201745"] {
        zoe.dial(number)?;
        zoe.wait_in_call(GENEROUS)?;
        zoe.wait_hears("8439201745", GENEROUS)?;
        zoe.hang_up()?;
        ann.wait_call_ended(GENEROUS)?;
    }
    // Not before the file is read again: a restart in the outage keeps it.
    site.branch.kill_9()?;
    site.branch.start()?;
    site.branch.wait_context("synch-users", "201", true)
}

fn the_administrator_says_where_the_number_is(version: Version) -> Result {
    let accounts = [("7001", "Ann <201>\nsetvar=HOUSE=301\nset_var=HOUSE=301"), ("anna", "Anna")];
    let site = with_accounts(version, &accounts, "number = HOUSE\n")?;
    wait_hint(&site, "301", &device(version, "7001"))?;
    let report = site.branch.rx("synch doctor")?;
    assert!(report.contains("that nobody can dial: ") && report.contains("anna"), "{report}");
    site.branch.edit_conf("res_synch.conf", "number = HOUSE", "number = section")?;
    site.branch.reload_module()?;
    site.branch.wait_context("synch-users", "7001", true)?;
    // The lamp stays, for those who watch it; it leads nowhere.
    site.branch.wait_function("SYNCH_USER(301,device)", "")?;
    site.branch.wait_function("SYNCH_USER(7001,device)", &device(version, "7001"))
}
