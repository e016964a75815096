//! `synch doctor`: one line for each thing that a branch needs, and what to do where it is missing.

use lab::wait::{GENEROUS, until_value};
use lab::{Result, Site, Version};

lab::on_22_and_16!(
    a_branch_that_has_all_it_needs_is_told_so,
    each_thing_that_is_missing_is_told_with_what_to_do,
    phones_that_could_not_come_are_told_and_fail_the_drill,
    an_outage_is_no_disease_of_the_branch,
);

fn a_branch_that_has_all_it_needs_is_told_so(version: Version) -> Result {
    let site = Site::dialling(version)?;
    let report = site.branch.rx("synch doctor")?;
    let healthy = "main sip events files users include realm dns dialplan emergency trunk clock";
    for part in healthy.split_whitespace() {
        assert!(report.lines().any(|line| line.starts_with(&format!("ok   {part}"))), "{part} in {report}");
    }
    // The carrier is not there.
    let bad: Vec<&str> = report.lines().filter(|line| line.starts_with("BAD")).collect();
    let trunks = bad.iter().all(|line| line.contains("trunk"));
    assert!(trunks, "{report}");
    assert!(!report.contains("SomePasswordHere"));
    Ok(())
}

fn each_thing_that_is_missing_is_told_with_what_to_do(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    let including = version.including_file();
    let include = format!("#tryinclude {}", version.synced_file());
    site.branch.edit_conf(including, &include, "")?;
    site.branch.edit_conf("res_synch.conf", "outside = from-branch", "outside = nowhere-at-all")?;
    site.branch.edit_conf("res_synch.conf", "local_trunk = local-trunk", "local_trunk = no-such-trunk")?;
    site.main.edit_conf("manager.conf", "read = system", "read =")?;
    let (file, realm, line) = match version {
        Version::V22 => ("pjsip.conf", "type = global\n", "default_realm = elsewhere"),
        Version::V16 => ("sip.conf", "realm = voice.example.com\n", "realm = elsewhere"),
    };
    site.main.edit_conf(file, realm, &format!("{realm}{line}\n"))?;
    let database = if version == Version::V22 { "ps_endpoints" } else { "sippeers" };
    site.main.write_conf("extconfig.conf", &format!("[settings]\n{database} => odbc,asterisk\n"))?;
    site.start()?;
    site.wait_unsynced("no user is live")?;
    let report = site.branch.rx("synch doctor")?;
    for (level, text) in [
        ("BAD", format!("{including} does not include {}: add the line '{include}'", version.synced_file())),
        ("BAD", "context nowhere-at-all does not exist".to_owned()),
        ("BAD", "local_trunk no-such-trunk can't be reached".to_owned()),
        ("WARN", "'read = system' in manager.conf on the main".to_owned()),
        ("WARN", format!("Set {line} in ")),
        ("WARN", "extconfig.conf on the main says that users are in a database".to_owned()),
    ] {
        let told = report.lines().any(|line| line.starts_with(level) && line.contains(&text));
        assert!(told, "{level} {text} in {report}");
    }
    Ok(())
}

fn phones_that_could_not_come_are_told_and_fail_the_drill(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    let (file, tcp, none, transport) = match version {
        Version::V22 => ("pjsip.conf", "[transport-tcp]", "[transport-tcp](!)", "transport-tcp"),
        Version::V16 => ("sip.conf", "tcpenable = yes", "tcpenable = no", "tcp"),
    };
    site.branch.edit_conf(file, tcp, none)?;
    let alice = "callerid=Alice <1001>";
    site.edit_users(alice, &format!("{alice}\ntransport={transport}"))?;
    site.serve()?;
    let report = || site.branch.rx("synch doctor");
    let told = "1 phone can't register here in an outage, because this Asterisk does not accept SIP over TCP";
    assert!(report()?.lines().any(|line| line.starts_with("BAD") && line.contains(told)), "{}", report()?);
    // The main says what a user's phone is to use; what it does use is known once it is there.
    if version == Version::V22 {
        let _alice = site.phone_at(&site.main, "1001")?;
        until_value("the phone", GENEROUS, report, |report| !report.contains("over TCP"))?;
    }
    let drill = site.branch.rx("synch drill")?;
    assert_eq!(drill.lines().any(|line| line.starts_with("ok   dns  ")), version == Version::V22, "{drill}");
    // A port that nobody listens at.
    let line = "[dns]\ntransports_failover = udp:5160\n";
    site.branch.edit_conf("res_synch.conf", "[dns]\n", line)?;
    site.branch.reload_module()?;
    let told = "accepts UDP at port 5160, but its configuration says 5060";
    until_value(
        "the port",
        GENEROUS,
        || site.branch.rx("synch drill"),
        |drill| drill.lines().any(|line| line.starts_with("BAD  dns  ") && line.contains(told)),
    )?;
    assert!(report()?.contains(told), "{}", report()?);
    Ok(())
}

fn an_outage_is_no_disease_of_the_branch(version: Version) -> Result {
    let site = Site::dialling_in_an_outage(version)?;
    let report = site.branch.rx("synch doctor")?;
    let bad: Vec<&str> = report.lines().filter(|line| line.starts_with("BAD")).collect();
    assert!(bad.iter().all(|line| line.contains(" main ") || line.contains("trunk")), "{report}");
    assert!(bad.iter().any(|line| line.contains("cannot connect")), "{report}");
    assert!(report.lines().any(|line| line.starts_with("ok   dns")), "{report}");
    Ok(())
}
