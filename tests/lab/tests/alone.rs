//! A branch that is on its own, as its main sees it: calls from headquarters reach its users over the public network, by
//! FreePBX's own forwards, and nothing of that is left behind.

use lab::headquarters::{SITE, give_account, main_with_sites, wait_branch};
use lab::phone::Settings;
use lab::wait::{GENEROUS, until_ok};
use lab::{Carrier, Error, Phone, Result, Site, Version};

lab::on_22_and_16!(
    a_call_from_headquarters_rings_at_the_branch_over_the_carrier,
    a_forward_of_ones_own_stays_and_what_is_changed_meanwhile_too,
    a_main_that_restarts_forwards_on_and_nothing_is_left_after_the_return,
    a_phone_that_is_well_at_the_main_is_called_there,
    a_main_that_is_cut_off_itself_forwards_nobody,
    the_end_of_the_module_or_of_the_option_takes_all_away,
    a_killed_main_without_the_option_leaves_nothing_behind,
    the_doctor_of_the_main_says_what_is_too_wide_and_what_is_missing,
    #[ignore = "measures; takes a minute"]
    twenty_thousand_users_are_forwarded_and_taken_back,
);

/// Alice's number in the public network: it leads to the branch.
const PUBLIC: &str = "+49301001";
/// A colleague at headquarters.
const BOB: &str = "2001";

/// How FreePBX calls somebody: where what is set for calls that reach nobody has its say, and its outbound routes.
const FREEPBX: &str = "
[ext-local]
exten => _X.,1,Set(CFU=${DB(CFU/${EXTEN})})
 same => n,Set(STATE=${EXTENSION_STATE(${EXTEN}@lamps)})
 same => n,GotoIf($[\"${CFU}\" != \"\" & (\"${STATE}\" = \"UNAVAILABLE\" | \"${STATE}\" = \"UNKNOWN\")]?unreachable)
 same => n,Dial(@TECHNOLOGY@/${EXTEN},${RING_TIME})
 same => n,GotoIf($[\"${CFU}\" != \"\" & (\"${DIALSTATUS}\" = \"NOANSWER\" | \"${DIALSTATUS}\" = \"CHANUNAVAIL\")]?unreachable)
 same => n,Hangup()
 same => n(unreachable),Dial(Local/${CFU}@from-internal/n)
 same => n,Hangup()

[outbound-allroutes]
exten => _+X.,1,Dial(@TECHNOLOGY@/${EXTEN}@pstn)
 same => n,Hangup()
";

/// How the main's dialplan leads there.
const DIALS: &str = "exten => _[12]XXX,1,Dial(@TECHNOLOGY@/${EXTEN},${RING_TIME})\n same => n,Hangup()\n";
const LEADS: &str = "exten => _[12]XXX,1,Goto(ext-local,${EXTEN},1)\ninclude => outbound-allroutes\n";

/// What a call from the public network does at the branch.
const INBOUND: &str = "
[from-pstn]
exten => @PUBLIC@,1,Dial(${SYNCH_USER(1001,dial)},30)
 same => n,Hangup()
";

/// What the carrier does with a call to that number.
const CARRIES: &str = "
exten => @PUBLIC@,1,Log(NOTICE,taken: ${EXTEN} from ${CALLERID(num)})
 same => n,Dial(@TECHNOLOGY@/${EXTEN}@branch,60)
 same => n,Hangup()
";

/// The other side of a line without passwords.
fn line(version: Version, name: &str, address: &str, context: &str) -> String {
    match version {
        Version::V22 => format!(
            "\n[{name}]\ntype = endpoint\ntransport = transport-udp\ncontext = {context}\ndisallow = all\nallow = ulaw\n\
             direct_media = no\naors = {name}\n\n[{name}]\ntype = aor\ncontact = sip:{address}:5060\n\n\
             [{name}]\ntype = identify\nendpoint = {name}\nmatch = {address}\n"
        ),
        Version::V16 => format!(
            "\n[{name}]\ntype = peer\nhost = {address}\nfromuser = {name}\ninsecure = port,invite\ncontext = {context}\n\
             directmedia = no\ndisallow = all\nallow = ulaw\n"
        ),
    }
}

fn trunks_file(version: Version) -> &'static str {
    match version {
        Version::V22 => "pjsip.conf",
        Version::V16 => "sip.conf",
    }
}

fn append(asterisk: &lab::Asterisk, file: &str, text: &str) -> Result {
    let text = text.replace("@TECHNOLOGY@", asterisk.version.technology()).replace("@PUBLIC@", PUBLIC);
    asterisk.write_conf(file, &(asterisk.read_conf(file)? + &text))
}

/// `[export]` of the main, with more at its end.
fn export(site: &Site, more: &str) -> Result {
    let conf = lab::headquarters::conf(site.main.version);
    site.main
        .write_conf("res_synch.conf", &conf.replace("sites = manager\n", &format!("sites = manager\n{more}")))
}

const FORWARDS: &str = "lost_after = 10\nlost_forward = freepbx\nlost_max = 60\n";

/// Headquarters with FreePBX's dialplan, and a branch; both have a line to the carrier of their own.
fn company(version: Version) -> Result<Site> {
    let site = main_with_sites(version, &[SITE])?;
    give_account(&site)?;
    export(&site, FORWARDS)?;
    // 1001 and 1003 have public numbers; three of all five users are the branch's.
    let key = if version == Version::V22 { "set_var" } else { "setvar" };
    for (user, public) in [("1001", PUBLIC), ("1003", "+49301003")] {
        let number = format!("<{user}>\n");
        site.edit_users(&number, &format!("{number}{key}=PUBLIC_NUMBER={public}\n"))?;
    }
    let technology = version.technology();
    site.main.edit_conf("extensions.conf", &DIALS.replace("@TECHNOLOGY@", technology), LEADS)?;
    append(&site.main, "extensions.conf", FREEPBX)?;
    let carrier = site.net.carrier_address().to_string();
    append(&site.main, trunks_file(version), &line(version, "pstn", &carrier, "from-internal"))?;
    append(&site.main, "modules.conf", "load = func_db.so\nload = func_extstate.so\n")?;
    site.branch.give_dialplan()?;
    let trunk = "context = nowhere";
    let conf = site.branch.read_conf(trunks_file(version))?;
    let (before, local) = conf.split_once("[local-trunk]").unwrap_or((&conf, ""));
    let local = local.replacen(trunk, "context = from-pstn", 1);
    site.branch.write_conf(trunks_file(version), &format!("{before}[local-trunk]{local}"))?;
    append(&site.branch, "extensions.conf", INBOUND)?;
    Ok(site)
}

fn in_service(version: Version) -> Result<Site> {
    let mut site = company(version)?;
    site.start_main_first()?;
    site.wait_status("MainExport", "yes")?;
    site.wait_status("Sync", "Synced")?;
    wait_state(&site, "Here")?;
    Ok(site)
}

/// The public network, which reaches the branch whatever has become of the line to headquarters.
fn carrier(site: &Site) -> Result<Carrier> {
    let version = site.main.version;
    Carrier::start_with(&site.net, version, |carrier| {
        let file = trunks_file(version);
        append(carrier, "extensions.conf", CARRIES)?;
        append(carrier, file, &line(version, "main", &site.main.address().to_string(), "pstn"))?;
        if version == Version::V22 {
            carrier.edit_conf(
                file,
                "[branch]\ntype = endpoint\n",
                "[branch]\ntype = endpoint\naors = branch\n",
            )?;
            let contact = format!("contact = sip:{}:5060", site.branch.address());
            append(carrier, file, &format!("\n[branch]\ntype = aor\n{contact}\n"))?;
        }
        Ok(())
    })
}

/// Cuts the line between headquarters and the site, but for the carrier, the test and these phones, which are elsewhere.
fn cut(site: &Site, phones: &[&Phone]) -> Result {
    let mut others =
        [site.net.carrier_address(), site.net.own_address()].map(|host| host.to_string()).to_vec();
    others.extend(phones.iter().map(|phone| phone.address().to_string()));
    let others = others.join(", ");
    site.net.drop_packets(&format!("ip saddr != {{ {others} }} ip daddr != {{ {others} }}"))
}

/// Waits until the main says that the branch is there, or on its own.
fn wait_state(site: &Site, state: &str) -> Result {
    wait_branch(&site.main, SITE, state)
}

/// What the main's database has of a family, as `1001 +49301001`.
fn family(site: &Site, name: &str) -> Result<Vec<String>> {
    let shown = site.main.rx(&format!("database show {name}"))?;
    let entries = shown.lines().filter_map(|line| line.split_once(':'));
    let of = |(key, value): (&str, &str)| {
        let key = key.trim().strip_prefix(&format!("/{name}/"))?.to_owned();
        Some(format!("{key} {}", value.trim()))
    };
    Ok(entries.filter_map(of).collect())
}

/// Waits until both families have these.
fn wait_forwards(site: &Site, wanted: &[&str], marks: &[&str]) -> Result {
    until_ok(&format!("the forwards {wanted:?}"), GENEROUS, || {
        let found = (family(site, "CFU")?, family(site, "synch-cfu")?);
        if found.0 == wanted && found.1 == marks { Ok(()) } else { Err(Error::new(format!("{found:?}"))) }
    })
}

const ALICE: &str = "1001 +49301001";
const ZOE: &str = "1003 +49301003";

fn bob_at_headquarters(site: &Site) -> Result<Phone> {
    site.phone_told(&site.main, BOB, Settings { expires: 3600, ..site.phone_settings() })
}

fn a_call_from_headquarters_rings_at_the_branch_over_the_carrier(version: Version) -> Result {
    let mut site = in_service(version)?;
    let carrier = carrier(&site)?;
    let mut bob = bob_at_headquarters(&site)?;
    assert_eq!(site.main.function("SYNCH_ROUTE(1001)")?, "");
    cut(&site, &[&bob])?;
    site.wait_status("Service", "Failover")?;
    wait_state(&site, "Alone")?;
    wait_forwards(&site, &[ALICE, ZOE], &[ALICE, ZOE])?;
    site.main.wait_function("SYNCH_ROUTE(1001)", PUBLIC)?;
    for nobody in ["1002", BOB, "4711", "", "$(id)"] {
        assert_eq!(site.main.function(&format!("SYNCH_ROUTE({nobody})"))?, "", "{nobody}");
    }
    for (key, wanted) in [
        ("Branches", "1"),
        ("BranchesAlone", "1"),
        ("BranchUsers", "3"),
        ("BranchForwards", "2"),
        ("ExportReason", ""),
    ] {
        site.main.wait_status(key, wanted)?;
    }
    let mut alice = site.phone_at(&site.branch, "1001")?;
    bob.dial("1001")?;
    alice.wait_in_call(GENEROUS)?;
    carrier.wait_taken(PUBLIC, GENEROUS)?;
    bob.wait_hears("1001", GENEROUS)?;
    alice.wait_hears(BOB, GENEROUS)?;
    bob.hang_up()?;
    alice.wait_call_ended(GENEROUS)?;
    alice.switch_off();

    site.heal()?;
    site.wait_status("Service", "Normal")?;
    wait_state(&site, "Here")?;
    wait_forwards(&site, &[], &[])?;
    site.main.wait_function("SYNCH_ROUTE(1001)", "")?;
    site.main.wait_log("2 users of lost branches: calls to them go to their public numbers", GENEROUS)?;
    site.main.wait_log("2 users of branches: calls to them go to their phones again", GENEROUS)?;
    // The phone of a user who is there is called as ever.
    let zoe = site.phone_at(&site.main, "1003")?;
    bob.dial("1003")?;
    bob.wait_in_call(GENEROUS)?;
    bob.wait_hears("1003", GENEROUS)?;
    assert_eq!(carrier.taken().len(), 1);
    drop(zoe);
    Ok(())
}

fn a_forward_of_ones_own_stays_and_what_is_changed_meanwhile_too(version: Version) -> Result {
    let mut site = in_service(version)?;
    site.main.rx("database put CFU 1003 0171555")?;
    cut(&site, &[])?;
    wait_forwards(&site, &[ALICE, "1003 0171555"], &[ALICE])?;
    site.main.rx("database put CFU 1001 0171777")?;
    site.heal()?;
    wait_state(&site, "Here")?;
    wait_forwards(&site, &["1001 0171777", "1003 0171555"], &[])
}

fn a_main_that_restarts_forwards_on_and_nothing_is_left_after_the_return(version: Version) -> Result {
    let mut site = in_service(version)?;
    cut(&site, &[])?;
    wait_forwards(&site, &[ALICE, ZOE], &[ALICE, ZOE])?;
    // Killed, and then in the order of a service manager.
    site.main.wait_on_disk("/synch-cfu/1003")?;
    site.main.kill_9()?;
    site.main.start()?;
    wait_state(&site, "Away")?;
    wait_forwards(&site, &[ALICE, ZOE], &[ALICE, ZOE])?;
    for how in ["core stop gracefully", "core stop when convenient", "core stop now"] {
        // It answers nothing any more.
        let _ = site.main.rx(how);
        site.main.wait_ended()?;
        site.main.start()?;
        wait_state(&site, "Away")?;
        wait_forwards(&site, &[ALICE, ZOE], &[ALICE, ZOE])?;
    }
    site.heal()?;
    site.wait_status("Service", "Normal")?;
    wait_state(&site, "Here")?;
    wait_forwards(&site, &[], &[])
}

fn a_phone_that_is_well_at_the_main_is_called_there(version: Version) -> Result {
    let mut site = in_service(version)?;
    let carrier = carrier(&site)?;
    let (mut bob, mut alice) = (bob_at_headquarters(&site)?, site.phone_at(&site.main, "1001")?);
    site.branch.kill_9()?;
    wait_state(&site, "Alone")?;
    wait_forwards(&site, &[ALICE, ZOE], &[ALICE, ZOE])?;
    bob.dial("1001")?;
    alice.wait_in_call(GENEROUS)?;
    bob.wait_hears("1001", GENEROUS)?;
    assert_eq!(carrier.taken(), []);
    Ok(())
}

fn a_main_that_is_cut_off_itself_forwards_nobody(version: Version) -> Result {
    let mut site = company(version)?;
    export(&site, &FORWARDS.replace("lost_max = 60\n", ""))?;
    site.start_main_first()?;
    wait_state(&site, "Here")?;
    cut(&site, &[])?;
    wait_state(&site, "Alone")?;
    site.main.wait_log("3 of 5 users are at branches of which nothing is heard", GENEROUS)?;
    assert_eq!(site.main.function("SYNCH_ROUTE(1001)")?, "");
    wait_forwards(&site, &[], &[])?;
    // With another bound they are, and without it no more.
    export(&site, FORWARDS)?;
    site.main.reload_module()?;
    wait_forwards(&site, &[ALICE, ZOE], &[ALICE, ZOE])?;
    site.main.wait_log("No more users are lost than [export] lost_max allows", GENEROUS)?;
    export(&site, &FORWARDS.replace("60", "59"))?;
    site.main.reload_module()?;
    wait_forwards(&site, &[], &[])
}

fn the_end_of_the_module_or_of_the_option_takes_all_away(version: Version) -> Result {
    let mut site = in_service(version)?;
    cut(&site, &[])?;
    let all = [ALICE, ZOE];
    let without = "[state]\nhost = 192.0.2.1\n";
    for take_away in ["unload", "option", "section"] {
        wait_forwards(&site, &all, &all)?;
        match take_away {
            "unload" => {
                site.main.unload_module()?;
                assert_eq!((family(&site, "CFU")?, family(&site, "synch-cfu")?), (vec![], vec![]));
                site.main.load_module()?;
                // Not seen since then, so nobody is forwarded yet.
                site.net.restore()?;
                wait_state(&site, "Here")?;
                cut(&site, &[])?;
                continue;
            }
            "option" => export(&site, &FORWARDS.replace("freepbx", "none"))?,
            _ => site.main.write_conf("res_synch.conf", without)?,
        }
        site.main.reload_module()?;
        wait_forwards(&site, &[], &[])?;
        let route = if take_away == "option" { PUBLIC } else { "" };
        site.main.wait_function("SYNCH_ROUTE(1001)", route)?;
        export(&site, FORWARDS)?;
        site.main.reload_module()?;
        if take_away == "section" {
            site.net.restore()?;
            wait_state(&site, "Here")?;
            cut(&site, &[])?;
        }
    }
    wait_forwards(&site, &all, &all)?;
    site.heal()?;
    wait_forwards(&site, &[], &[])
}

fn a_killed_main_without_the_option_leaves_nothing_behind(version: Version) -> Result {
    let mut site = in_service(version)?;
    cut(&site, &[])?;
    wait_forwards(&site, &[ALICE, ZOE], &[ALICE, ZOE])?;
    site.main.wait_on_disk("/synch-cfu/1003")?;
    site.main.kill_9()?;
    export(&site, &FORWARDS.replace("freepbx", "none"))?;
    site.main.start()?;
    wait_forwards(&site, &[], &[])?;
    // And where nothing is exported any more; somebody has set another one meanwhile.
    site.main.unload_module()?;
    for (family, number, public) in [
        ("CFU", "1001", PUBLIC),
        ("CFU", "1003", "0171"),
        ("synch-cfu", "1001", PUBLIC),
        ("synch-cfu", "1003", "+49301003"),
    ] {
        site.main.rx(&format!("database put {family} {number} {public}"))?;
    }
    site.main.write_conf("res_synch.conf", "[state]\nhost = 192.0.2.1\n")?;
    site.main.load_module()?;
    wait_forwards(&site, &["1003 0171"], &[])
}

fn the_doctor_of_the_main_says_what_is_too_wide_and_what_is_missing(version: Version) -> Result {
    let site = in_service(version)?;
    let said = |wanted: &str| {
        let report = site.main.rx("synch doctor")?;
        assert!(report.contains(wanted), "{wanted}: {report}");
        Ok::<String, Error>(report)
    };
    said("ok   branches    1 branch (1 Here, 0 Alone, 0 Away), 3 users\n")?;
    said("WARN account     account 'berlin' can be used from anywhere")?;
    said("WARN forward     all branches together have 3 users of 5, no more than [export] lost_max = 60")?;
    let summary = site.main.rx("synch show status")?;
    assert!(summary.contains("Branches       : 1 branch (1 Here"), "{summary}");
    // Wider than it need be.
    export(&site, &FORWARDS.replace("60", "50"))?;
    site.main.edit_conf("res_synch.conf", "sites = manager", "sites = berlin,bonn")?;
    let permit = "write = log,system\npermit = 0.0.0.0/0.0.0.0";
    site.main.edit_conf("manager_custom.conf", "write = log", permit)?;
    site.main.reload_module()?;
    site.main.wait_status("Branches", "2")?;
    let report = said("WARN account     account 'berlin': write = system is more than this main needs")?;
    assert!(!report.contains("'berlin' can be used from anywhere"), "{report}");
    assert!(report.contains("BAD  account     manager.conf has no account 'bonn'"), "{report}");
    assert!(report.contains("berlin alone has 3 users of 5"), "{report}");
    assert!(report.contains("no user of bonn has a public number"), "{report}");
    Ok(())
}

/// The seconds of the day at which a line of the main's log says this.
fn said_at(site: &Site, text: &str) -> Result<f64> {
    site.main.wait_log(text, GENEROUS)?;
    let log = site.main.log();
    let line = log.lines().rfind(|line| line.contains(text)).unwrap_or_default();
    let time = line.split([']', ' ']).find(|part| part.contains(':')).unwrap_or_default();
    Ok(time.split(':').filter_map(|part| part.parse::<f64>().ok()).fold(0.0, |all, part| all * 60.0 + part))
}

fn twenty_thousand_users_are_forwarded_and_taken_back(version: Version) -> Result {
    const USERS: u32 = 20_000;
    let mut site = main_with_sites(version, &[SITE])?;
    let (file, key) = match version {
        Version::V22 => {
            lab::crowd::fill(&site.main, USERS, USERS)?;
            ("pjsip.endpoint.conf", "set_var")
        }
        Version::V16 => {
            lab::crowd::fill_sip(&site.main, USERS, USERS)?;
            ("sip_additional.conf", "setvar")
        }
    };
    let public = format!("accountcode=HeadOffice\n{key}=PUBLIC_NUMBER={PUBLIC}\n");
    site.main.edit_conf(file, "accountcode=HeadOffice\n", &public)?;
    export(&site, "lost_forward = freepbx\nlost_max = 100\n")?;
    site.main.edit_conf("res_synch.conf", "^HeadOffice$\n", "^HeadOffice$\nmax_users = 20000\n")?;
    site.main.start()?;
    let mut branch = lab::headquarters::session(&site.main, SITE)?;
    let mut says = |state: &str| branch.action("SynchWait", &[("Timeout", "0"), ("State", state)]).map(drop);
    says("Failover")?;
    let done = said_at(&site, "20000 users of lost branches")?;
    let begun = said_at(&site, "to Alone")?;
    eprintln!("{version:?}: 20,000 users forwarded in {:.2} s", done - begun);
    assert_eq!(site.main.rx("database get CFU 119999")?.trim(), format!("Value: {PUBLIC}"));
    says("Normal")?;
    let done = said_at(&site, "20000 users of branches")?;
    let begun = said_at(&site, "from Alone to Here")?;
    eprintln!("{version:?}: and taken back in {:.2} s", done - begun);
    says("Failover")?;
    site.main.wait_status("BranchForwards", "20000")?;
    let begun = std::time::Instant::now();
    site.main.unload_module()?;
    eprintln!("{version:?}: unloaded with all of them in {:.2?}", begun.elapsed());
    assert_eq!(family(&site, "synch-cfu")?.len(), 0);
    Ok(())
}
