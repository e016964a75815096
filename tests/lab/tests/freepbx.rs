//! FreePBX as the main: each kind of account that it writes is served by the branch in an outage.

use lab::certificates::believing;
use lab::freepbx::{User, as_main, elsewhere, own, users};
use lab::line::Line;
use lab::wait::{GENEROUS, until_value};
use lab::{Context, Result, Site, Version};

lab::on_22_and_16!(
    every_user_of_a_freepbx_is_served_in_an_outage,
    the_administrators_own_lines_open_ami_over_tls,
    #[ignore = "wants the files of a FreePBX in the folder that SYNCH_FREEPBX_FILES names"]
    every_user_of_those_files_is_served_in_an_outage,
);

const SITE: &str = "HeadOffice";

/// Who the lab's own files have: the account, what others dial, and the box.
const EVERYBODY: [(&str, &str, Option<&str>); 10] = [
    ("1001", "1001", Some("1001@default")),
    ("1002", "1002", Some("1002@default")),
    ("1003", "1003", Some("1003@default")),
    ("1004", "1004", Some("1004@default")),
    ("1005", "1005", Some("1005@default")),
    ("1006", "1006", Some("1006@default")),
    ("1008", "1008", Some("1008@default")),
    ("1010", "1010", Some("1010@default")),
    // Only the administrator's own lines say that he is of this site.
    ("2002", "2002", Some("2002@default")),
    ("99001", "99001", None),
];

fn every_user_of_a_freepbx_is_served_in_an_outage(version: Version) -> Result {
    let mut site = Site::with_freepbx_as_main(version, &as_main(version))?;
    site.serve()?;
    let everybody = users(&site.main, SITE)?;
    let found: Vec<_> = everybody
        .iter()
        .map(|user| (user.account.name.as_str(), user.number.as_str(), user.mailbox.as_deref()))
        .collect();
    let mut wanted = EVERYBODY.to_vec();
    // The web phone of 1001; with chan_sip it has its own number in its caller id.
    let web = if version == Version::V16 { "991001" } else { "1001" };
    wanted.push(("991001", web, Some("1001@default")));
    assert_eq!(found, wanted);
    site.branch.wait_function("SYNCH_USER(1002,name)", "Jürgen Übel")?;
    site.branch.wait_function("SYNCH_USER(2001,public)", "+4930202001")?;
    let shown = site.branch.rx("synch show users")?;
    assert!(shown.lines().any(|line| line.contains("1007") && line.contains("password")), "{shown}");
    let report = || site.branch.rx("synch doctor");
    // One of them has TLS on the main, which nobody has set up here.
    let is_tls = |line: &str| line.contains("over TLS") && line.contains("1008");
    until_value("a report without other faults", GENEROUS, report, |report| {
        report.lines().filter(|line| line.starts_with("BAD")).all(is_tls)
    })?;
    assert_trunk_to_the_main(&site, &everybody)?;
    assert_served(&mut site, &everybody)
}

/// As docs/security.md has it, in the file that FreePBX leaves to its administrator.
fn the_administrators_own_lines_open_ami_over_tls(version: Version) -> Result {
    let mut site = Site::with_freepbx_as_main(version, &as_main(version))?;
    let keys = site.main.inside("etc/keys");
    let tls = format!(
        "tlsenable = yes\ntlsbindaddr = 0.0.0.0:5039\ntlscertfile = {keys}/default.crt\n\
         tlsprivatekey = {keys}/default.key\n"
    );
    let own = site.main.read_conf("manager_custom.conf")?;
    site.main.write_conf("manager_custom.conf", &format!("{own}{tls}"))?;
    let certificate = site.main.read_conf("keys/default.crt")?;
    site.branch.write_conf("ca.crt", &certificate)?;
    site.branch.edit_conf("res_synch.conf", "[main]\n", &format!("[main]\n{}\n", believing(&site)))?;
    site.serve()?;
    assert_eq!(site.status("MainLogin")?, "accepted");
    Ok(())
}

/// A phone at the branch calls somebody of another site, whom the main reaches: it takes the call from its trunk.
fn assert_trunk_to_the_main(site: &Site, everybody: &[User]) -> Result {
    let others = users(&site.main, "DevOps")?;
    let ida = others.iter().find(|user| user.number == "2001").context("2001 is not there")?;
    let ada = everybody.first().context("nobody is there")?;
    let ida = Line::register(&site.net, &site.main, ida.account.clone())?;
    let mut ada = Line::register(&site.net, &site.branch, ada.account.clone())?;
    assert_eq!(ada.call("2001")?, "486");
    ida.wait_called(1)
}

fn every_user_of_those_files_is_served_in_an_outage(version: Version) -> Result {
    let folder = if version == Version::V16 { "17-chan_sip" } else { "17-pjsip" };
    // What includes those of chan_sip is the same everywhere; transports are bound to addresses of their machine.
    let ours = if version == Version::V16 { "sip" } else { "transports" };
    let folders = [elsewhere(folder)?, own(ours)];
    let mut site = Site::with_freepbx_as_main(version, &folders)?;
    site.serve()?;
    let everybody = users(&site.main, SITE)?;
    assert!(everybody.len() > 10, "{everybody:?}");
    assert_served(&mut site, &everybody)
}

/// All are here, and in an outage each registers, calls, is called, and has a box.
fn assert_served(site: &mut Site, everybody: &[User]) -> Result {
    let names: Vec<&str> = everybody.iter().map(|user| user.account.name.as_str()).collect();
    assert_eq!(site.branch.live_users()?, names);
    site.begin_outage()?;
    let register = |user: &User| Line::register(&site.net, &site.branch, user.account.clone());
    let mut lines = everybody.iter().map(register).collect::<Result<Vec<_>>>()?;
    let registered: Vec<String> = site.branch.registered()?.into_iter().collect();
    assert_eq!(registered, names);
    assert_call_each_other(everybody, &mut lines)?;
    everybody.iter().try_for_each(|user| assert_box(site, user))
}

/// Each calls the next one, the last the first: all devices of that number ring, and the box answers.
fn assert_call_each_other(everybody: &[User], lines: &mut [Line]) -> Result {
    let next = everybody.iter().skip(1).chain(everybody.first());
    for (caller, user) in everybody.iter().zip(next) {
        let before: Vec<usize> = lines.iter().map(Line::called).collect();
        let phone = lines.iter_mut().find(|line| line.name() == caller.account.name).context("no phone")?;
        let answer = phone.call(&user.number)?;
        let wanted = if user.mailbox.is_some() { "200" } else { "486" };
        assert_eq!(answer, wanted, "{caller:?} calls {}", user.number);
        let phones = everybody.iter().zip(&*lines).zip(before);
        let devices = phones.filter(|((owner, _), _)| owner.number == user.number && *owner != caller);
        for ((_, line), before) in devices {
            line.wait_called(before + 1)?;
        }
    }
    Ok(())
}

/// Callers reach the box that the user has on the main, and voicemail has it.
fn assert_box(site: &Site, user: &User) -> Result {
    let known = site.branch.function(&format!("SYNCH_USER({},voicemail)", user.number))?;
    assert_eq!(known, user.mailbox.clone().unwrap_or_default(), "{user:?}");
    let Some((number, context)) = known.split_once('@') else { return Ok(()) };
    let boxes = site.branch.rx("voicemail show users")?;
    let there = |line: &str| line.split_whitespace().take(2).eq([context, number]);
    assert!(boxes.lines().any(there), "{known} in {boxes}");
    Ok(())
}
