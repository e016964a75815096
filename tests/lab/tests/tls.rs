//! The main's manager interface over TLS: who is believed, and who is not.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use lab::certificates::{Authority, believing, takes_tls};
use lab::fake_main::FakeMain;
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    a_main_that_proves_who_it_is_is_synced_and_watched_over_tls,
    a_certificate_as_the_page_makes_it_is_believed_by_itself,
    a_main_that_does_not_prove_who_it_is_is_failed_with_the_reason,
    a_client_certificate_is_shown_to_a_main_that_wants_one,
    a_file_that_is_of_no_use_is_named_with_the_reason,
    a_main_whose_certificate_does_not_matter_is_not_called_untrusted,
    without_tls_the_password_is_proved_and_not_sent_and_each_start_warns,
    a_password_in_a_file_may_change_without_a_reload,
);

/// A site whose main takes AMI over TLS alone.
fn site(version: Version) -> Result<(Site, Authority)> {
    let site = Site::with_module(version)?;
    let authority = takes_tls(&site)?;
    Ok((site, authority))
}

fn a_main_that_proves_who_it_is_is_synced_and_watched_over_tls(version: Version) -> Result {
    let (mut site, _authority) = site(version)?;
    site.branch.edit_conf("res_synch.conf", "[main]", &format!("[main]\n{}", believing(&site)))?;
    site.serve()?;
    site.wait_status("MainEvents", "heard")?;
    assert!(site.branch.rx("synch doctor")?.contains("ok   main"), "{}", site.branch.rx("synch doctor")?);
    assert!(!site.branch.log().contains("[main] tls = no"));
    // A clean end of TLS is the end of a connection, as fast as without.
    site.kill_main()?;
    site.wait_status("Service", "Failover")?;
    site.wait_name(site.branch.address())?;
    site.main.start()?;
    site.wait_status("Service", "Normal")
}

fn a_certificate_as_the_page_makes_it_is_believed_by_itself(version: Version) -> Result {
    let (mut site, authority) = site(version)?;
    let names = format!("DNS:pbx.example.com,IP:{}", site.main.address());
    let [_, certificate] = authority.files("main");
    authority.sign_itself("main", &names)?;
    fs::copy(certificate, site.branch.path("etc/ca.crt")).context("the certificate for the branch")?;
    site.branch.edit_conf("res_synch.conf", "[main]", &format!("[main]\n{}", believing(&site)))?;
    site.serve()
}

fn a_main_that_does_not_prove_who_it_is_is_failed_with_the_reason(version: Version) -> Result {
    let (mut site, authority) = site(version)?;
    let good = site.branch.read_conf("res_synch.conf")?;
    let believing = believing(&site);
    let other = Authority::new(&site.branch.path("etc/other"))?;
    let other_ca = site.branch.inside("etc/other/ca.crt");
    authority.sign("expired", &format!("IP:{}", site.main.address()), -1)?;
    authority.sign("named", "DNS:pbx.example.com", 2)?;
    let peers = [
        Peer::start(&site, 5040, "expired", &authority, &[])?,
        Peer::start(&site, 5041, "named", &authority, &[])?,
        Peer::start(&site, 5042, "main", &authority, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])?,
    ];
    drop(other);
    let cases = [
        ("expired", format!("{believing}\nport = 5040"), "certificate has expired; renew it on the main"),
        (
            "a name where an address is wanted",
            format!("{believing}\nport = 5041"),
            "IP address mismatch; it is not valid for",
        ),
        (
            "another name",
            format!("{believing}\ntls_name = other.example.com"),
            "not valid for 'other.example.com': set tls_name",
        ),
        (
            "another authority",
            format!("tls = yes\ntls_ca_file = {other_ca}"),
            "tls_ca_file in [main] must hold the authority that signed it",
        ),
        (
            "nobody's authority",
            "tls = yes".to_owned(),
            "tls_ca_file in [main] must hold the authority that signed it",
        ),
        ("TLS 1.1 alone", format!("{believing}\nport = 5042"), "TLS failed: "),
        ("no TLS", format!("{believing}\nport = 5060\n;"), "that port does not speak TLS"),
    ];
    site.main.edit_conf("manager.conf", "bindaddr = 127.0.0.1", "bindaddr = 0.0.0.0")?;
    site.start()?;
    for (what, lines, reason) in cases {
        let lines = lines.replace("port = 5060\n;", "port = 5038");
        // No points for patience: what is wrong is certain at once.
        let conf =
            good.replace("[main]", &format!("[main]\n{lines}")).replace("[probe]", "[probe]\nsip = no");
        site.branch.write_conf("res_synch.conf", &conf)?;
        let before = site.branch.module_log("WARNING").len();
        site.branch.reload_answer()?;
        // The case before may have had the same reason: each of them is told.
        let told = || -> usize {
            let warnings = site.branch.module_log("WARNING").split_off(before);
            let is_it = |line: &&String| line.contains("Monitor state changed") && line.contains(reason);
            warnings.iter().filter(is_it).count()
        };
        until_ok(&format!("{what}: Failed"), GENEROUS, || {
            let (state, why) = (site.status("Monitor")?, site.status("MonitorReason")?);
            let is_so = state == "Failed" && why.contains(reason) && told() > 0;
            if is_so { Ok(()) } else { Err(Error::new(format!("{state}: {why}"))) }
        })?;
        assert_eq!(told(), 1, "{what}: {:#?}", site.branch.module_log("WARNING"));
    }
    // Nothing was said to any of them, least of all who we are.
    for mut peer in peers {
        assert_eq!(peer.heard()?, "", "on port {}", peer.port);
    }
    assert!(!site.main.log().contains("logged on"), "{}", site.main.log());
    Ok(())
}

fn a_client_certificate_is_shown_to_a_main_that_wants_one(version: Version) -> Result {
    let (mut site, authority) = site(version)?;
    authority.sign("branch", "DNS:branch.example.com", 2)?;
    let [key, certificate] = authority.files("branch");
    let ours = [(key, "etc/own.key"), (certificate, "etc/own.crt")];
    for (from, to) in ours {
        fs::copy(from, site.branch.path(to)).context("the branch's own certificate")?;
    }
    let ca = authority.certificate();
    let ca = ca.to_str().unwrap_or_default();
    let mut peer = Peer::start(
        &site,
        5043,
        "main",
        &authority,
        &["-Verify", "1", "-verify_return_error", "-CAfile", ca],
    )?;
    let inside = |file| site.branch.inside(file);
    let own = format!("tls_cert_file = {}\ntls_key_file = {}", inside("etc/own.crt"), inside("etc/own.key"));
    let lines = format!("[main]\nport = 5043\n{}\n{own}", believing(&site));
    site.branch.edit_conf("res_synch.conf", "[main]", &lines)?;
    // The other end greets the first session alone.
    site.branch.edit_conf("res_synch.conf", "timeout = 1", "timeout = 60")?;
    site.branch.start()?;
    // It was let in: the login begins.
    assert_eq!(peer.line()?, "Action: Challenge");
    Ok(())
}

fn a_file_that_is_of_no_use_is_named_with_the_reason(version: Version) -> Result {
    let (mut site, _authority) = site(version)?;
    let good = site.branch.read_conf("res_synch.conf")?;
    let status = Command::new("mkfifo").arg(site.branch.path("etc/pipe")).status().context("mkfifo")?;
    assert!(status.success());
    fs::write(site.branch.path("etc/text"), "no certificate\n").context("a text")?;
    let cases = [
        ("missing", "No such file"),
        ("pipe", "it is not a regular file"),
        ("text", "no certificate or crl found"),
    ];
    site.start()?;
    for (name, reason) in cases {
        let file = site.branch.inside(&format!("etc/{name}"));
        let conf = good.replace("[main]", &format!("[main]\ntls = yes\ntls_ca_file = {file}"));
        site.branch.write_conf("res_synch.conf", &conf)?;
        site.branch.reload_answer()?;
        let reason = format!("tls_ca_file {file}: {reason}");
        until_ok(name, GENEROUS, || {
            let why = site.status("MonitorReason")?;
            if why.contains(&reason) { Ok(()) } else { Err(Error::new(why)) }
        })?;
        // It is no fault of the main.
        assert_ne!(site.status("Monitor")?, "Failed");
    }
    Ok(())
}

fn a_main_whose_certificate_does_not_matter_is_not_called_untrusted(version: Version) -> Result {
    let (mut site, authority) = site(version)?;
    let wants_ours = ["-tls1_2", "-Verify", "1", "-verify_return_error"];
    let _peer = Peer::start(&site, 5044, "main", &authority, &wants_ours)?;
    let lines = "[main]\ntls = yes\ntls_verify = no\nport = 5044";
    site.branch.edit_conf("res_synch.conf", "[main]", lines)?;
    site.branch.start()?;
    until_ok("the main's own reason", GENEROUS, || {
        let why = site.status("MonitorReason")?;
        if why.contains("TLS failed: ") { Ok(()) } else { Err(Error::new(why)) }
    })
}

fn without_tls_the_password_is_proved_and_not_sent_and_each_start_warns(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.serve()?;
    let warns = |site: &Site| {
        let warnings = site.branch.module_log("WARNING");
        warnings.iter().filter(|line| line.contains("[main] tls = no: anybody on the way between")).count()
    };
    assert_eq!(warns(&site), 1);
    site.branch.unload_module()?;
    site.branch.load_module()?;
    until_ok("the second warning", GENEROUS, || match warns(&site) {
        2 => Ok(()),
        count => Err(Error::new(format!("{count}"))),
    })?;
    let (_site, main) = FakeMain::with_users(version, &["1001"])?;
    let heard = main.heard();
    assert!(heard.contains("AuthType: MD5") && heard.contains("Key: "), "{heard}");
    assert!(!heard.contains("SomePasswordHere"), "{heard}");
    Ok(())
}

fn a_password_in_a_file_may_change_without_a_reload(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let file = site.branch.path("etc/ami.secret");
    let line = format!("secret_file = {}", site.branch.inside("etc/ami.secret"));
    site.branch.edit_conf("res_synch.conf", "secret = SomePasswordHere", &line)?;
    site.start()?;
    site.wait_status("Sync", "Unsynced")?;
    let reason = site.status("SyncReason")?;
    assert!(reason.contains("ami.secret: No such file"), "{reason}");
    // Nothing of that is the main's fault: it is not called dead for it.
    until_ok("the monitor to say so", GENEROUS, || {
        let why = site.status("MonitorReason")?;
        let told = why.contains("AMI not asked") && why.contains("ami.secret");
        if told { Ok(()) } else { Err(Error::new(why)) }
    })?;
    assert_ne!(site.status("Monitor")?, "Failed");
    fs::write(&file, "SomePasswordHere\n").context("the password")?;
    site.wait_status("Sync", "Synced")?;
    assert!(site.branch.rx("synch show config")?.contains("secret_file = "));
    Ok(())
}

/// Somebody who speaks TLS on the main's host, greets as AMI does and listens: `openssl s_server`.
struct Peer {
    port: u16,
    process: Child,
}

impl Peer {
    fn start(site: &Site, port: u16, name: &str, authority: &Authority, more: &[&str]) -> Result<Self> {
        let [key, certificate] = authority.files(name);
        let (port_text, key, certificate) =
            (port.to_string(), key.display().to_string(), certificate.display().to_string());
        let mut line =
            vec!["openssl", "s_server", "-quiet", "-accept", &port_text, "-key", &key, "-cert", &certificate];
        line.extend(more);
        let mut command = site.main.host().command(&line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().context("openssl s_server")?;
        if let Some(stdin) = &mut process.stdin {
            stdin.write_all(b"Asterisk Call Manager/9.0.0\r\n").context("the banner")?;
        }
        Ok(Self { port, process })
    }

    /// The next line that was said to it.
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if let Some(stdout) = &mut self.process.stdout {
            BufReader::new(stdout).read_line(&mut line).context("what the branch says")?;
        }
        Ok(line.trim_end().to_owned())
    }

    /// All that was said to it; it ends.
    fn heard(&mut self) -> Result<String> {
        let _ = self.process.kill();
        let mut heard = String::new();
        if let Some(stdout) = &mut self.process.stdout {
            std::io::Read::read_to_string(stdout, &mut heard).context("what the branch said")?;
        }
        Ok(heard)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
