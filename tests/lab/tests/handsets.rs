//! How handsets find who serves: by NAPTR and SRV, as RFC 3263 has it. The branch listens at another port than the main,
//! so that nobody comes there who only asked for an address.

use std::process::Command;

use lab::command::run;
use lab::dns::{RecordType, records};
use lab::phone::{Phone, Settings};
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
use lab::{Asterisk, Error, Result, Site, Version};

lab::on_22_and_16!(the_records_follow_the_service, a_phone_follows_naptr_and_srv_over_udp);
// chan_sip takes a user over TCP or TLS only where his section says so.
lab::tests_on!(
    over_tcp_on_22,
    V22,
    a_phone_follows_srv_over_tcp,
    a_phone_follows_srv_over_tls,
    a_port_where_nobody_listens_is_told_by_the_doctor
);

const DOMAIN: &str = "voice.example.com";

/// A site in normal service, where the branch listens at port 5070, and at 5071 for TLS.
fn site(version: Version, transports: &str) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    if transports.contains("tls") {
        takes_tls(&site.main, 5061)?;
        takes_tls(&site.branch, 5071)?;
    }
    let address = site.branch.address();
    let conf = match version {
        Version::V22 => "pjsip.conf",
        Version::V16 => "sip.conf",
    };
    site.branch.edit_conf(conf, &format!("{address}:5060"), &format!("{address}:5070"))?;
    let port = |transport| if transport == "tls" { 5071 } else { 5070 };
    let of_branch = transports.split(',').map(|transport| format!("{transport}:{}", port(transport)));
    let of_branch = of_branch.collect::<Vec<_>>().join(",");
    let lines = format!("[dns]\ntransports = {transports}\ntransports_failover = {of_branch}");
    site.branch.edit_conf("res_synch.conf", "[dns]", &lines)?;
    site.branch.edit_conf("res_synch.conf", "record_ttl = 5", "record_ttl = 60")?;
    site.serve()?;
    Ok(site)
}

/// Lets a PJSIP listen for TLS, with a certificate of its own making.
fn takes_tls(asterisk: &Asterisk, port: u16) -> Result {
    let etc = asterisk.path("etc");
    let (key, certificate) = (etc.join("tls.key"), etc.join("tls.crt"));
    run(Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"])
        .arg(format!("/CN={NAME}"))
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate))?;
    let address = asterisk.address();
    let transport = format!(
        "[transport-tls]\ntype = transport\nprotocol = tls\nbind = {address}:{port}\nmethod = tlsv1_2\n\
         cert_file = {inside}/tls.crt\npriv_key_file = {inside}/tls.key\n\n[transport-udp]",
        inside = asterisk.inside("etc"),
    );
    asterisk.edit_conf("pjsip.conf", "[transport-udp]", &transport)
}

fn until_records(site: &Site, name: &str, record: RecordType, wanted: &[&str]) -> Result {
    until_ok(&format!("{record} of {name}"), GENEROUS, || {
        match records(site.branch.address(), name, record)? {
            found if found == wanted => Ok(()),
            found => Err(Error::new(format!("{found:?}, not {wanted:?}"))),
        }
    })
}

fn the_records_follow_the_service(version: Version) -> Result {
    let mut site = site(version, "tcp,udp")?;
    // A phone may be set up with either.
    for name in [NAME, DOMAIN] {
        let naptr = format!(
            "60 NAPTR 10 10 \"s\" \"SIP+D2T\" \"\" _sip._tcp.{name}.|60 NAPTR 20 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.{name}."
        );
        until_records(&site, name, RecordType::NAPTR, &naptr.split('|').collect::<Vec<_>>())?;
        let tcp = ["60 SRV 10 0 5060 main.voice.example.com.", "60 SRV 20 0 5070 branch.voice.example.com."];
        until_records(&site, &format!("_sip._tcp.{name}"), RecordType::SRV, &tcp)?;
        until_records(&site, &format!("_sip._udp.{name}"), RecordType::SRV, &tcp[..1])?;
        until_records(&site, &format!("_sips._tcp.{name}"), RecordType::SRV, &[])?;
        until_records(&site, name, RecordType::A, &[&format!("60 A {}", site.main.address())])?;
    }
    site.kill_main()?;
    for name in [NAME, DOMAIN] {
        let tcp = ["10 SRV 10 0 5070 branch.voice.example.com.", "10 SRV 20 0 5060 main.voice.example.com."];
        until_records(&site, &format!("_sip._tcp.{name}"), RecordType::SRV, &tcp)?;
        until_records(&site, &format!("_sip._udp.{name}"), RecordType::SRV, &tcp[..1])?;
        until_records(&site, name, RecordType::A, &[&format!("10 A {}", site.branch.address())])?;
    }
    for (host, system) in [("main", &site.main), ("branch", &site.branch)] {
        let name = format!("{host}.{DOMAIN}");
        until_records(&site, &name, RecordType::A, &[&format!("60 A {}", system.address())])?;
    }
    Ok(())
}

/// A phone registers at the main, at the branch when the main is gone, and at the main again.
fn over_and_back(mut site: Site, settings: &Settings) -> Result {
    let mut phone = Phone::new(&site.net, "1001", settings)?;
    phone.wait_registered_at(&site.main)?;
    site.kill_main()?;
    phone.wait_registered_at(&site.branch)?;
    site.main.start()?;
    phone.wait_registered_at(&site.main)
}

fn a_phone_follows_naptr_and_srv_over_udp(version: Version) -> Result {
    let site = site(version, "udp")?;
    // Told of no transport, and of the domain alone: everything else it has from the name server.
    let settings =
        Settings { registrar: DOMAIN.to_owned(), transport: String::new(), ..site.phone_settings() };
    over_and_back(site, &settings)
}

fn a_phone_follows_srv_over_tcp(version: Version) -> Result {
    let site = site(version, "udp,tcp")?;
    let settings = Settings { transport: "tcp".to_owned(), ..site.phone_settings() };
    over_and_back(site, &settings)
}

fn a_phone_follows_srv_over_tls(version: Version) -> Result {
    let site = site(version, "udp,tls")?;
    let settings = Settings { transport: "tls".to_owned(), ..site.phone_settings() };
    over_and_back(site, &settings)
}

fn a_port_where_nobody_listens_is_told_by_the_doctor(version: Version) -> Result {
    let site = site(version, "udp,tcp")?;
    site.branch.edit_conf("res_synch.conf", "tcp:5070", "tcp:5080")?;
    site.branch.reload_answer()?;
    let report = site.branch.rx("synch doctor")?;
    let (main, branch) = (site.main.address(), site.branch.address());
    for line in [
        format!("ok   transports  the main accepts tcp at {main}:5060"),
        format!(
            "BAD  transports  [dns] sends phones to the branch over tcp, but nothing listens at {branch}:5080"
        ),
    ] {
        assert!(report.lines().any(|told| told.starts_with(&line)), "{line} in {report}");
    }
    Ok(())
}
