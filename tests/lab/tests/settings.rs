//! What is set: by `module reload`, by an operator, by the machine's administrator.

use std::net::SocketAddr;

use lab::dns::{RecordType, Transport, a_record, ask, ask_with, question};
use lab::site::NAME;
use lab::wait::{GENEROUS, until, until_ok, until_value};
use lab::{Error, Result, Site, Version};

lab::on_22_and_16!(
    a_reload_with_a_bad_file_keeps_the_settings_and_tells_every_error,
    a_reload_takes_changes_up_at_once,
    a_changed_bind_closes_the_old_socket_and_opens_the_new_one,
    a_changed_main_is_probed_and_synced_from_anew,
    the_mode_of_an_operator_survives_reload_load_and_crash,
    port_53_without_permission_is_a_state_until_it_is_allowed,
);

fn wait_config(site: &Site, line: &str) -> Result {
    let look = || site.branch.rx("synch show config");
    until_value(&format!("the setting {line}"), GENEROUS, look, |config| {
        config.lines().any(|one| one == line)
    })
    .map(drop)
}

fn a_reload_with_a_bad_file_keeps_the_settings_and_tells_every_error(version: Version) -> Result {
    let site = Site::in_service(version)?;
    let (before, good) = (site.branch.rx("synch show config")?, site.branch.read_conf("res_synch.conf")?);
    let mode = site.status("Mode")?;
    let bad = good
        .replace("record_ttl = 5", "record_ttl = long")
        .replace("interval = 300", "interval = 0")
        .replace("[probe]\n", "[probe]\nspeed = high\n");
    let cases: [(&str, &[&str]); 4] = [
        (
            &bad,
            &["[dns] record_ttl = long: wanted", "[sync] interval = 0: wanted", "[probe] speed: is no key"],
        ),
        ("", &["[main] host: is missing", "[main] secret: is missing", "[dns] bind: is missing"]),
        ("[main\nhost = 10.0.0.1\n", &["res_synch.conf is invalid"]),
        ("(gone)", &["res_synch.conf is missing"]),
    ];
    for (text, wanted) in cases {
        let old = site.branch.module_log("ERROR").len();
        match text {
            "(gone)" => std::fs::remove_file(site.branch.path("etc/res_synch.conf"))
                .map_err(|error| Error::new(error.to_string()))?,
            text => site.branch.write_conf("res_synch.conf", text)?,
        }
        let answer = site.branch.reload_answer()?;
        assert!(answer.contains("fail") && !answer.contains("successfully"), "{answer}");
        until_ok("every error in the log", GENEROUS, || {
            let errors = site.branch.module_log("ERROR").split_off(old);
            let mut wanted = wanted.iter().chain(&["The old settings stay in force."]);
            match wanted.find(|wanted| !errors.iter().any(|line| line.contains(**wanted))) {
                Some(missing) => Err(Error::new(format!("{missing} is not in {errors:#?}"))),
                None => Ok(()),
            }
        })?;
        assert_eq!(site.branch.rx("synch show config")?, before);
        assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());
    }
    assert_eq!((site.status("Service")?, site.status("Mode")?), ("Normal".to_owned(), mode));
    assert_eq!(site.status("Sync")?, "Synced");

    site.branch.write_conf("res_synch.conf", &good)?;
    site.branch.reload_module()
}

fn a_reload_takes_changes_up_at_once(version: Version) -> Result {
    let site = Site::in_service(version)?;
    site.branch.rx("synch set mode failover")?;
    let elsewhere = site.net.own_address();
    let branch = site.branch.address();
    site.branch.edit_conf("res_synch.conf", "record_ttl = 5", "record_ttl = 88\nfailover_ttl = 77")?;
    let target = |address| format!("target_failover = {address}");
    site.branch.edit_conf("res_synch.conf", &target(branch), &target(elsewhere))?;
    site.branch.reload_module()?;
    until_ok("the new record", GENEROUS, || {
        let answer = ask(branch, NAME, RecordType::A)?;
        let ttls: Vec<u32> = answer.answers.iter().map(|record| record.ttl).collect();
        let found = (ttls, a_record(branch, NAME)?);
        if found == (vec![77], elsewhere) { Ok(()) } else { Err(Error::new(format!("{found:?}"))) }
    })?;
    wait_config(&site, "failover_ttl = 77")?;
    wait_config(&site, &target(elsewhere))?;
    // What was not changed went on: neither the monitor nor the sync began anew.
    assert_eq!((site.status("Monitor")?, site.status("Sync")?), ("Stable".to_owned(), "Synced".to_owned()));
    assert!(!site.branch.rx("synch show history")?.contains("was changed"));
    Ok(())
}

fn a_changed_bind_closes_the_old_socket_and_opens_the_new_one(version: Version) -> Result {
    let site = Site::in_service(version)?;
    let branch = site.branch.address();
    site.branch.edit_conf("res_synch.conf", &format!("bind = {branch}"), &format!("bind = {branch}:5353"))?;
    site.branch.reload_module()?;
    until_value(
        "the new sockets",
        GENEROUS,
        || site.branch.listeners(5353),
        |sockets| sockets.contains("udp") && sockets.contains("tcp"),
    )?;
    assert_eq!(site.branch.listeners(53)?, "");
    for transport in [Transport::Udp, Transport::Tcp] {
        let answer = ask_with(SocketAddr::from((branch, 5353)), &question(NAME, RecordType::A)?, transport)?;
        assert_eq!(answer.answers.len(), 1, "{answer}");
    }
    until_value(
        "the status",
        GENEROUS,
        || site.status("Dns"),
        |dns| dns.contains(&format!("{branch}:5353")),
    )?;

    site.branch.edit_conf("res_synch.conf", "[dns]\n", "[dns]\nenabled = no\n")?;
    site.branch.reload_module()?;
    until_value("no sockets", GENEROUS, || site.branch.listeners(5353), str::is_empty)?;
    until_value("the status", GENEROUS, || site.status("Dns"), |dns| dns == "off").map(drop)
}

fn a_changed_main_is_probed_and_synced_from_anew(version: Version) -> Result {
    let site = Site::in_service(version)?;
    let secret = ("secret = SomePasswordHere", "secret = AnotherOne");
    site.branch.edit_conf("res_synch.conf", secret.0, secret.1)?;
    // Else SIP alone decides, which answers.
    site.branch.edit_conf("res_synch.conf", "[probe]\n", "[probe]\nrequire = all\n")?;
    site.branch.reload_module()?;
    site.wait_status("Monitor", "Failed")?;
    site.wait_status("Sync", "Unsynced")?;
    site.wait_name(site.branch.address())?;
    // The users stay, whatever becomes of the main.
    assert_eq!(site.status("Users")?, "3");
    for text in
        [site.branch.log(), site.branch.rx("synch show status")?, site.branch.rx("synch show history")?]
    {
        assert!(!text.contains("AnotherOne") && !text.contains("SomePasswordHere"), "{text}");
    }

    site.branch.edit_conf("res_synch.conf", secret.1, secret.0)?;
    site.branch.reload_module()?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("Sync", "Synced")
}

fn the_mode_of_an_operator_survives_reload_load_and_crash(version: Version) -> Result {
    let mut site = Site::in_service(version)?;
    site.branch.rx("synch set mode failover")?;
    let held = |site: &Site| -> Result {
        site.wait_status("Monitor", "Stable")?;
        assert_eq!(
            (site.status("Mode")?, site.status("Service")?),
            ("failover".to_owned(), "Failover".to_owned())
        );
        site.wait_name(site.branch.address())?;
        Ok(())
    };
    held(&site)?;

    site.branch.edit_conf("res_synch.conf", "alive_threshold = 2", "alive_threshold = 3")?;
    site.branch.reload_module()?;
    wait_config(&site, "alive_threshold = 3")?;
    held(&site)?;

    site.branch.unload_module()?;
    site.branch.load_module()?;
    held(&site)?;

    // Asterisk writes its database about a second later.
    until("the mode to be on disk", GENEROUS, || {
        let database = std::fs::read(site.branch.path("var/astdb.sqlite3")).unwrap_or_default();
        let entry = b"/synch/modefailover";
        database.windows(entry.len()).any(|bytes| bytes == entry)
            && !site.branch.path("var/astdb.sqlite3-journal").exists()
    })?;
    site.branch.kill_9()?;
    site.branch.start()?;
    held(&site)?;

    site.branch.rx("synch set mode auto")?;
    site.wait_status("Service", "Normal")?;
    assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());
    Ok(())
}

fn port_53_without_permission_is_a_state_until_it_is_allowed(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.run_as("asterisk")?;
    site.start()?;
    let refused = |text: &str| text.contains("cannot listen on");
    let state = until_value("the refusal", GENEROUS, || site.status("Dns"), refused)?;
    for way in
        ["AmbientCapabilities=CAP_NET_BIND_SERVICE", "net.ipv4.ip_unprivileged_port_start=53", "nftables"]
    {
        assert!(state.contains(way), "{way} in {state}");
        site.branch.wait_log(way, GENEROUS)?;
    }
    // All the rest works.
    site.wait_status("Monitor", "Stable")?;
    site.wait_status("Sync", "Synced")?;

    let allow = ["sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=53"];
    lab::command::run(&mut site.branch.host().command(&allow))?;
    until_value("the port", GENEROUS, || site.status("Dns"), |dns| dns.starts_with("listening on"))?;
    assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());
    Ok(())
}
