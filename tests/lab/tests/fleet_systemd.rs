//! Branches that their own systemd has booted, and a role (`deploy/`) of which nothing was changed: not how Asterisk is
//! started, nor what it is started with. `make fleet` runs it.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use lab::conf::Role;
use lab::deploy::{Machine, Packed, machines_with_systemd, own_version, package};
use lab::dns::a_record;
use lab::phone::Settings;
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
use lab::{Asterisk, Context, Deploy, Error, Net, Phone, Result, Version};

/// What deploy/README.md says: the example with the lines changed that say CHANGE.
#[test]
#[ignore = "make fleet"]
fn the_inventory_of_the_readme_makes_two_branches() -> Result {
    let net = Net::new()?;
    let mut main = Asterisk::new(&net, Role::Main, Version::V22)?;
    let accounts = ["berlin", "bonn"].iter().zip(["SomePasswordHere", "AnotherPassword"]);
    let accounts = accounts.map(|(site, secret)| {
        format!("\n[synch-{site}]\nsecret = {secret}\nread = system\nwrite = system\nwritetimeout = 10000\n")
    });
    let before = main.read_conf("manager.conf")?;
    main.write_conf("manager.conf", &(before + &accounts.collect::<String>()))?;
    main.start()?;
    let machines = machines_with_systemd(&net, ["berlin", "bonn"])?;
    let deploy = Deploy::new(&net, &machines.iter().collect::<Vec<_>>())?;
    let addresses: Vec<String> = machines.iter().map(|machine| machine.address().to_string()).collect();
    let [berlin_at, bonn_at] = addresses.as_slice() else { return Err(Error::new("not two machines")) };
    deploy.take_example(&[
        ("192.168.0.254", berlin_at),
        ("192.168.1.254", bonn_at),
        ("10.0.0.254", &main.address().to_string()),
        // The marks of the lab's users.
        ("^Berlin$", "^HeadOffice$"),
        ("^Bonn$", "^DevOps$"),
    ])?;
    // By the drop-in, where the other one has it as shipped.
    let bonn_has = fs::read_to_string(deploy.path("inventory/host_vars/bonn.yml")).context("bonn.yml")?;
    deploy.write(
        "inventory/host_vars/bonn.yml",
        &(bonn_has.clone() + "synch_port_53: systemd\nsynch_realtime: true\n"),
    )?;
    let version = own_version()?;
    package(&deploy.path("packages"), &version, Packed::Well)?;
    deploy.play_well(&["site.yml", "-vvv"])?.keeps_secrets()?;
    let status = deploy.play_well(&["status.yml"])?;
    for ((machine, users), started) in
        machines.iter().zip(["3", "2"]).zip([Started::AsDebian, Started::AsItsUser])
    {
        for (key, wanted) in [("Sync", "Synced"), ("Service", "Normal"), ("Users", users)] {
            assert_eq!(machine.status(key)?, wanted, "{key} of {}", machine.name());
        }
        let line = status.text.lines().find(|line| line.trim_start().starts_with(machine.name()));
        assert!(line.is_some_and(|line| line.ends_with(&version)), "{}", status.text);
        has_port_53(machine, started)?;
        machine.journal_keeps_secrets()?;
    }
    let played = deploy.play_well(&["site.yml"])?;
    for machine in &machines {
        assert_eq!(played.count(machine.name(), "changed"), Some(0), "{}", played.text);
    }

    let [berlin, bonn] = machines.as_slice() else { return Err(Error::new("not two machines")) };
    let (pid, began) = (berlin.pid()?, berlin.began()?);
    let next = version.replacen('0', "9", 1);
    package(&deploy.path("packages"), &next, Packed::Well)?;
    let upgrade = format!("synch_version={next}");
    deploy.play_well(&["site.yml", "--limit", "berlin", "-e", &upgrade])?;
    assert_eq!(berlin.status("Version")?, next);
    // Asterisk has restarted itself, which systemd has no part in.
    assert_eq!(berlin.pid()?, pid);
    assert_ne!(berlin.began()?, began);
    serves_after_what_systemd_does(&main, berlin, Started::AsDebian)?;
    serves_after_what_systemd_does(&main, bonn, Started::AsItsUser)?;

    goes_back_to_how_debian_starts_it(&deploy, bonn, &bonn_has)?;

    main.kill_9()?;
    carries_a_call(&net, berlin)?;
    // Its end is clean, and in the time that its unit has.
    berlin.run(&["systemctl", "stop", "asterisk"])?;
    let result = berlin.run(&["systemctl", "show", "--property=Result", "--value", "asterisk"])?;
    assert_eq!(result.trim(), "success");
    Ok(())
}

/// What would take the permission back is named, and is no harm where Asterisk is started as Debian does. `vars` say nothing
/// of a port.
fn goes_back_to_how_debian_starts_it(deploy: &Deploy, bonn: &Machine, vars: &str) -> Result {
    let asterisk = bonn.path("etc/asterisk/asterisk.conf");
    let before = fs::read_to_string(&asterisk).context("asterisk.conf")?;
    let with_user = before.replace(";runuser = asterisk", "runuser = asterisk");
    assert_ne!(with_user, before);
    fs::write(&asterisk, with_user).context("asterisk.conf")?;
    let played = deploy.play_badly(&["site.yml", "--limit", "bonn"])?;
    assert!(played.text.contains("asterisk.conf says runuser = asterisk"), "{}", played.text);
    deploy.write("inventory/host_vars/bonn.yml", vars)?;
    deploy.play_well(&["site.yml", "--limit", "bonn"])?;
    has_port_53(bonn, Started::AsDebian)?;
    assert!(!bonn.path("etc/systemd/system/asterisk.service.d/synch-port-53.conf").exists());
    Ok(())
}

/// How systemd starts Asterisk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Started {
    /// As root, with `-p`; it becomes `asterisk` by itself, and every user may open the port.
    AsDebian,
    /// As `asterisk`, which the drop-in permits to open the port; with `synch_realtime`.
    AsItsUser,
}

fn has_port_53(machine: &Machine, started: Started) -> Result {
    let pid = machine.pid()?.to_string();
    let shown = machine.run(&["ps", "--format", "user=,cls=", "--pid", &pid])?;
    let words: Vec<&str> = shown.split_whitespace().collect();
    // RR is the priority of real time.
    assert_eq!(words, ["asterisk", "RR"], "{}", machine.name());
    if started == Started::AsItsUser {
        let process = machine.run(&["cat", &format!("/proc/{pid}/status")])?;
        // CAP_NET_BIND_SERVICE is 10, CAP_NET_ADMIN 12.
        assert!(process.contains("CapEff:\t0000000000001400\n"), "{process}");
    }
    let sockets = machine.run(&["ss", "-Hlnup", "sport = :53"])?;
    assert!(sockets.contains("\"asterisk\""), "{}: {sockets}", machine.name());
    Ok(())
}

/// Killed, it is started again; restarted and reloaded it serves as before.
fn serves_after_what_systemd_does(main: &Asterisk, machine: &Machine, started: Started) -> Result {
    let serves = || {
        until_ok("the name server", GENEROUS, || match a_record(machine.address(), NAME)? {
            found if found == main.address() => Ok(()),
            found => Err(Error::new(format!("it says {found}"))),
        })?;
        machine.wait_status("Service", "Normal")?;
        has_port_53(machine, started)
    };
    let pid = machine.pid()?;
    machine.kill();
    until_ok("another Asterisk", GENEROUS, || match machine.pid()? {
        0 => Err(Error::new("none")),
        same if same == pid => Err(Error::new("the same")),
        _ => Ok(()),
    })?;
    machine.wait_booted()?;
    serves()?;
    machine.run(&["systemctl", "restart", "asterisk"])?;
    serves()?;
    let reloaded = || {
        let settings = machine.rx("core show settings")?;
        let line = settings.lines().find(|line| line.contains("Last reload time:"));
        line.map(str::to_owned).context(format!("no time of a reload in {settings}"))
    };
    // It is told in seconds, and there may be one a second.
    let before = reloaded()?;
    until_ok("another second to reload in", GENEROUS, || {
        machine.run(&["systemctl", "reload", "asterisk"])?;
        let after = reloaded()?;
        if after == before { Err(Error::new(after)) } else { Ok(()) }
    })?;
    serves()
}

/// The main is dead, and two of its users call each other.
fn carries_a_call(net: &Arc<Net>, machine: &Machine) -> Result {
    machine.wait_status("Service", "Failover")?;
    let settings = Settings::with_dns(SocketAddr::from((machine.address(), 53)));
    let mut alice = Phone::new(net, "1001", &settings)?;
    let mut alex = Phone::new(net, "1002", &settings)?;
    for user in ["1001", "1002"] {
        machine.wait_registered(user)?;
    }
    alice.talk_with(&mut alex)
}
