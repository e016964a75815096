//! The lab itself, without the module: if these fail, no other result means anything.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lab::dns::{Responder, a_record};
use lab::phone::Settings;
use lab::wait::{GENEROUS, until};
use lab::{Net, Phone, Result, Site, Version};

lab::on_22_and_16!(
    phones_register_and_talk,
    a_killed_main_is_gone_until_it_starts_again,
    a_stopped_main_is_silent_until_it_goes_on,
    phones_follow_the_name_server_to_the_branch,
    the_branch_has_its_own_dialplan_and_manager,
    an_asterisk_runs_as_another_user,
);

/// Phones that find the main by a name server of the test's own.
fn phones(site: &Site) -> Result<(Responder, Phone, Phone)> {
    let main = site.net.main_address();
    let dns = Responder::with_address(SocketAddr::from((site.net.own_address(), 53)), move || main)?;
    let settings = Settings::with_dns(dns.address());
    let alice = Phone::new(&site.net, "1001", &settings)?;
    let alex = Phone::new(&site.net, "1002", &settings)?;
    Ok((dns, alice, alex))
}

fn phones_register_and_talk(version: Version) -> Result {
    let mut site = Site::new(version)?;
    site.start()?;
    let (_dns, mut alice, mut alex) = phones(&site)?;
    site.main.wait_registered("1001")?;
    site.main.wait_registered("1002")?;
    assert_eq!(site.main.registered_from("1001")?, [alice.address().to_string()]);
    assert!(site.branch.registered_from("1001").unwrap_or_default().is_empty());

    alice.dial("1002")?;
    alice.wait_in_call(GENEROUS)?;
    alex.wait_in_call(GENEROUS)?;
    alex.wait_hears("1001", GENEROUS)?;
    alice.wait_hears("1002", GENEROUS)?;
    assert_eq!(site.main.channels()?, 2);

    alice.hang_up()?;
    alex.wait_call_ended(GENEROUS)?;
    Ok(())
}

/// What the module is there for, by hand: the users in the file it writes, and a name server that changes its answer.
fn phones_follow_the_name_server_to_the_branch(version: Version) -> Result {
    let mut site = Site::new(version)?;
    let users = version
        .users_files()
        .iter()
        .map(|file| site.main.read_conf(file))
        .collect::<Result<Vec<_>>>()?
        .concat();
    site.branch.write_conf(version.synced_file(), &users)?;
    site.start()?;

    let (main, branch) = (site.main.address(), site.branch.address());
    let failover = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&failover);
    let server = SocketAddr::from((site.net.own_address(), 53));
    let _dns =
        Responder::with_address(server, move || if answer.load(Ordering::Relaxed) { branch } else { main })?;
    let settings = Settings::with_dns(server);
    let mut alice = Phone::new(&site.net, "1001", &settings)?;
    let mut alex = Phone::new(&site.net, "1002", &settings)?;
    site.main.wait_registered("1001")?;
    site.main.wait_registered("1002")?;

    site.main.kill_9()?;
    failover.store(true, Ordering::Relaxed);
    site.branch.wait_registered("1001")?;
    site.branch.wait_registered("1002")?;
    alice.dial("1002")?;
    alex.wait_in_call(GENEROUS)?;
    alex.wait_hears("1001", GENEROUS)?;
    alice.wait_hears("1002", GENEROUS)?;

    failover.store(false, Ordering::Relaxed);
    site.main.start()?;
    site.main.wait_registered("1001")?;
    site.main.wait_registered("1002")
}

fn a_killed_main_is_gone_until_it_starts_again(version: Version) -> Result {
    let mut site = Site::new(version)?;
    site.main.start()?;
    let (_dns, mut alice, _alex) = phones(&site)?;
    site.main.wait_registered("1001")?;
    site.main.kill_9()?;
    assert!(!site.main.is_running());
    assert!(site.main.ami().is_err());
    site.main.start()?;
    alice.dial("600")?;
    alice.wait_in_call(GENEROUS)?;
    alice.wait_hears("1001", GENEROUS)
}

fn a_stopped_main_is_silent_until_it_goes_on(version: Version) -> Result {
    let mut site = Site::new(version)?;
    site.main.start()?;
    let mut ami = site.main.ami()?;
    site.main.sigstop()?;
    assert!(site.branch.host().reaches(site.main.address()), "the kernel still answers");
    site.main.sigcont()?;
    assert!(ami.action("Ping", &[])?.is_success());
    site.main.stop()
}

fn the_branch_has_its_own_dialplan_and_manager(version: Version) -> Result {
    let mut site = Site::new(version)?;
    site.branch.start()?;
    assert!(site.branch.rx("dialplan show from-internal")?.contains(version.technology()));
    let mut ami = site.branch.ami()?;
    assert!(ami.banner.starts_with("Asterisk Call Manager/"));
    let settings = ami.action("CoreSettings", &[])?;
    assert!(settings.need("AsteriskVersion")?.starts_with(version.number()));
    let vitals = site.branch.vitals()?;
    assert!(vitals.threads > 1 && vitals.descriptors > 5 && vitals.anonymous_kib > 1000, "{vitals:?}");
    assert!(site.branch.thread_names()?.iter().any(|name| name == "asterisk"));
    let _console = site.branch.console()?;
    site.branch.stop()
}

fn an_asterisk_runs_as_another_user(version: Version) -> Result {
    let mut site = Site::new(version)?;
    site.branch.run_as("asterisk")?;
    site.branch.start()?;
    assert_ne!(
        std::fs::metadata(format!("/proc/{}", site.branch.pid()?)).map(|data| data.uid()).ok(),
        Some(0)
    );
    site.branch.terminate()
}

#[test]
fn a_cut_link_is_cut_and_heals() -> Result {
    let net = Net::new()?;
    let (_main, branch) = (net.main_host()?, net.branch_host()?);
    let reaches = || branch.reaches(net.main_address());
    until("the first ping", GENEROUS, reaches)?;
    for cut in [Net::cut_wan, Net::blackhole] {
        cut(&net)?;
        assert!(!reaches());
        net.restore()?;
        until("the link to heal", GENEROUS, reaches)?;
    }
    Ok(())
}

#[test]
fn labs_run_side_by_side_and_leave_nothing() -> Result {
    let (one, two) = (Net::new()?, Net::new()?);
    assert_ne!(one.name(), two.name());
    let (main_of_one, _main_of_two) = (one.main_host()?, two.main_host()?);
    let name = one.name();
    drop(one);
    assert!(exists(&format!("{name}-main")), "a host keeps its network");
    drop(main_of_one);
    assert!(!exists(&format!("{name}-main")) && !exists(&format!("{name}-net")));
    assert!(a_record(two.own_address(), "nobody.example").is_err());
    Ok(())
}

fn exists(namespace: &str) -> bool {
    std::path::Path::new("/run/netns").join(namespace).exists()
}

#[test]
fn answers_of_ones_own_name_server_arrive() -> Result {
    let net = Net::new()?;
    let address = net.main_address();
    let _dns = Responder::with_address(SocketAddr::from((net.own_address(), 53)), move || address)?;
    assert_eq!(a_record(net.own_address(), "sip.voice.example.com")?, address);
    Ok(())
}
