//! Sites that share the states of their devices over a broker.

use std::time::{Duration, Instant};

use lab::broker::Kind;
use lab::conf::password;
use lab::phone::{Dialogs, Settings};
use lab::sharing::{SITES, state};
use lab::wait::{GENEROUS, until, until_ok};
use lab::{Broker, Context, Error, Phone, Result, Sharing, Site, Version};

lab::tests_on!(
    on_22,
    V22,
    a_device_in_use_at_one_is_in_use_at_the_other,
    who_has_gone_leaves_no_lamp_lit,
    who_speaks_all_the_time_stays_in_the_broker,
    sites_are_listed_with_their_states,
    a_phone_sees_the_calls_of_a_colleague_at_another_site,
    who_has_the_name_of_another_is_told_so,
    a_site_writes_what_is_its_own_and_nothing_else,
    loading_again_and_again_leaves_nothing_behind,
    a_message_lights_the_lamp_everywhere_and_an_empty_box_puts_none_out,
    the_last_change_of_a_presence_counts_everywhere_and_stays,
    phones_of_both_channel_drivers_are_the_same_person,
    a_member_who_is_busy_elsewhere_is_not_rung,
    states_go_over_tls_and_only_to_a_broker_that_proves_who_it_is,
    the_doctor_proves_that_the_access_list_holds,
    a_panic_leaves_no_lamp_lit,
    a_broker_that_speaks_the_older_version_does_as_well,
    the_directory_shows_everybody_with_state_presence_and_queues,
    #[ignore = "RabbitMQ is as large as all else in the lab, and starts for half a minute"]
    newcomers_ask_where_the_broker_keeps_nothing_for_them,
    #[ignore = "the same"]
    newcomers_ask_as_well_where_it_speaks_the_newer_version,
    a_branch_says_nothing_of_phones_that_are_at_the_main_and_lives_without_the_broker,
);

const BOTH: [Version; 2] = [Version::V22, Version::V16];

/// The test of the seed (distributed-device-state): set on one server, check on the other, by hint and by function.
fn a_device_in_use_at_one_is_in_use_at_the_other(_: Version) -> Result {
    let sharing = Sharing::joined(&BOTH, "")?;
    let [berlin, bonn] = sharing.both()?;
    berlin.rx("channel originate Local/set_inuse@devstate_test application Wait 1")?;
    bonn.wait_device("Custom:mystate", "INUSE")?;
    bonn.wait_hint("1234", "InUse")?;
    // The other one being idle does not make it idle here: INUSE weighs more.
    bonn.set_device("Custom:mystate", "NOT_INUSE")?;
    until("bonn to be heard", GENEROUS, || {
        let all = berlin.rx("synch show state Custom:mystate");
        all.is_ok_and(|all| all.contains("bonn                 NOT_INUSE"))
    })?;
    for system in [berlin, bonn] {
        system.wait_device("Custom:mystate", "INUSE")?;
    }
    berlin.set_device("Custom:mystate", "NOT_INUSE")?;
    for system in [berlin, bonn] {
        system.wait_device("Custom:mystate", "NOT_INUSE")?;
        system.wait_hint("1234", "Idle")?;
    }
    Ok(())
}

/// In each of the ways in which one goes: hint and function of a device that only it had.
fn who_has_gone_leaves_no_lamp_lit(_: Version) -> Result {
    let mut sharing = Sharing::joined(&BOTH, "hold = 2")?;
    let lit = |sharing: &Sharing| -> Result {
        sharing.at(1)?.set_device("Custom:mystate", "INUSE")?;
        sharing.at(0)?.wait_device("Custom:mystate", "INUSE")?;
        sharing.at(0)?.wait_hint("1234", "InUse")
    };
    let dark = |sharing: &Sharing| sharing.at(0)?.wait_dark("1234");
    lit(&sharing)?;
    sharing.at(1)?.unload_module()?;
    dark(&sharing)?;
    assert!(sharing.broker.retained("berlin", "synch/1/bonn/device/#")?.is_empty());
    sharing.at(1)?.load_module()?;
    sharing.wait_joined()?;
    lit(&sharing)?;
    sharing.at_mut(1)?.kill_9()?;
    dark(&sharing)?;
    sharing.at_mut(1)?.start()?;
    sharing.wait_joined()?;
    lit(&sharing)?;
    sharing.broker.kill();
    dark(&sharing)?;
    sharing.broker.run()?;
    sharing.wait_joined()?;
    sharing.at(0)?.wait_device("Custom:mystate", "INUSE")
}

/// Who hears nothing of others hears nothing of the broker either, unless it is asked.
fn who_speaks_all_the_time_stays_in_the_broker(_: Version) -> Result {
    let sharing = Sharing::joined(&[Version::V22, Version::V22], "keepalive = 5")?;
    let [berlin, bonn] = sharing.both()?;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        for state in ["INUSE", "NOT_INUSE"] {
            berlin.set_device("Custom:mystate", state)?;
        }
    }
    for system in [berlin, bonn] {
        let log = system.log();
        assert!(!log.contains("does not answer") && !log.contains("is Lost"), "{log}");
    }
    Ok(())
}

/// A phone in berlin watches 2001, who is in bonn: his phone rings, he talks, he hangs up. Then his system dies in a call.
fn a_phone_sees_the_calls_of_a_colleague_at_another_site(_: Version) -> Result {
    let mut sharing = Sharing::new(&[Version::V22, Version::V22], "hold = 2")?;
    sharing.at(1)?.add_phone("2001", "Bob")?;
    sharing.start()?;
    let [berlin, bonn] = sharing.both()?;
    let settings = Settings {
        registrar: bonn.address().to_string(),
        answers: false,
        ..Settings::with_dns((bonn.address(), 53).into())
    };
    let mut phone = Phone::new(&sharing.net, "2001", &settings)?;
    bonn.wait_registered("2001")?;
    berlin.wait_device("PJSIP/2001", "NOT_INUSE")?;
    let lamp = Dialogs::start(&sharing.net, berlin, "1001", "2001")?;
    lamp.wait("terminated")?;
    bonn.rx("channel originate PJSIP/2001 application Wait 60")?;
    phone.wait_rings(GENEROUS)?;
    lamp.wait("early")?;
    phone.answer()?;
    lamp.wait("confirmed")?;
    phone.hang_up()?;
    lamp.wait("terminated")?;
    assert_eq!(lamp.states(), ["terminated", "early", "confirmed", "terminated"]);
    bonn.rx("channel originate PJSIP/2001 application Wait 60")?;
    phone.wait_rings(GENEROUS)?;
    phone.answer()?;
    lamp.wait("confirmed")?;
    sharing.at_mut(1)?.kill_9()?;
    lamp.wait("terminated")
}

/// A cloned machine: each puts the other out of the broker.
fn who_has_the_name_of_another_is_told_so(_: Version) -> Result {
    let sharing = Sharing::joined(&[Version::V22, Version::V16], "")?;
    let twin = sharing.at(0)?.read_conf("res_synch.conf")?;
    sharing.at(1)?.write_conf("res_synch.conf", &twin)?;
    sharing.at(1)?.reload_answer()?;
    until("one of them to be told", GENEROUS, || {
        sharing.systems.iter().any(|system| system.log().contains("another system calls itself berlin"))
    })?;
    // Whoever waits lets the other one be.
    sharing.wait_one_joined()
}

/// The broker holds it: what bern says on a topic of bonn reaches nobody, and what it says of itself does.
fn a_site_writes_what_is_its_own_and_nothing_else(_: Version) -> Result {
    let sharing = Sharing::joined(&BOTH, "accept = ^bern$ ^PJSIP/3\naccept = ^bonn$ ^PJSIP/2")?;
    let berlin = sharing.at(0)?;
    let broker = &sharing.broker;
    broker.publish("bern", "synch/1/bonn/device/PJSIP/2001", "INUSE")?;
    broker.publish("bern", "synch/1/bern/site", "joined x 22 0.5.0")?;
    for device in ["PJSIP/3001", "PJSIP/2001", "MWI:1001@default", "Queue:q", "PJSIP/a%0Ab"] {
        broker.publish("bern", &format!("synch/1/bern/device/{device}"), "INUSE")?;
    }
    berlin.wait_device("PJSIP/3001", "INUSE")?;
    for device in ["PJSIP/2001", "MWI:1001@default", "Queue:q"] {
        assert_ne!(berlin.device_state(device)?, "INUSE", "{device}");
    }
    until("no more than that to be taken", GENEROUS, || {
        berlin.rx("synch show state").is_ok_and(|state| state.contains("1 device of 2 sites"))
    })?;
    broker.publish("bern", "synch/1/bern/site", "")?;
    until("bern to be gone", GENEROUS, || {
        berlin.device_state("PJSIP/3001").is_ok_and(|state| state != "INUSE")
    })
}

/// With states in force, each unload takes them back.
fn loading_again_and_again_leaves_nothing_behind(_: Version) -> Result {
    /// After these, caches are warm, and what still grows is a leak.
    const WARM_UP: u32 = 50;
    /// What malloc's own order costs. What one load takes, left in each, would be more.
    const GROWTH_KIB: u64 = 512;
    let mut sharing = Sharing::new(&BOTH, "")?;
    // Which of malloc's areas a thread uses is chance, and each keeps a remainder of its own.
    sharing.at_mut(0)?.run_under(&["/usr/bin/env".to_owned(), "MALLOC_ARENA_MAX=1".to_owned()]);
    sharing.start()?;
    let [berlin, bonn] = sharing.both()?;
    bonn.set_device("Custom:mystate", "INUSE")?;
    let mut before = None;
    let mut warm = None;
    for round in 0..100 {
        berlin.wait_hint("1234", "InUse")?;
        berlin.unload_module()?;
        berlin.wait_dark("1234")?;
        berlin.wait_module_threads(&[])?;
        // The first rounds fill what Asterisk keeps. A console that has just gone may still be there.
        match before {
            None if round == 5 => before = Some(berlin.vitals()?.descriptors),
            None => {}
            Some(before) => until("no descriptor to be left", GENEROUS, || {
                berlin.vitals().is_ok_and(|vitals| vitals.descriptors <= before)
            })?,
        }
        if round == WARM_UP {
            berlin.rx("malloc trim")?;
            warm = Some(berlin.vitals()?);
        }
        berlin.load_module()?;
    }
    berlin.wait_hint("1234", "InUse")?;
    berlin.unload_module()?;
    berlin.rx("malloc trim")?;
    let warm = warm.context("not warm")?;
    // Here as well, a console may still be there.
    let after = until_ok("threads and descriptors to be as before", GENEROUS, || match berlin.vitals()? {
        now if now.threads <= warm.threads && now.descriptors <= warm.descriptors => Ok(now),
        now => Err(Error::new(format!("{warm:?} before, {now:?} now: {:?}", berlin.thread_names()?))),
    })?;
    eprintln!("after {WARM_UP} loads {warm:?}, after 100 {after:?}");
    assert!(after.anonymous_kib <= warm.anonymous_kib + GROWTH_KIB, "{warm:?}, {after:?}");
    Ok(())
}

/// 1001 has a box of the same number in bonn, too, which is empty.
fn a_message_lights_the_lamp_everywhere_and_an_empty_box_puts_none_out(_: Version) -> Result {
    let mut sharing = Sharing::new(&BOTH, "")?;
    sharing
        .at(1)?
        .write_conf("voicemail.conf", "[general]\nformat = wav\n[default]\n1001 => 4711,Alice\n")?;
    sharing.start()?;
    let lamp = "MWI:1001@default";
    sharing.at(0)?.rx("channel originate Local/leave@devstate_test application Playback tone")?;
    sharing.at(0)?.wait_message("1001", GENEROUS)?;
    for system in &sharing.systems {
        system.wait_device(lamp, "INUSE")?;
    }
    // Its voicemail says at its start that the box is empty.
    sharing.at_mut(1)?.kill_9()?;
    sharing.at_mut(1)?.start()?;
    sharing.wait_joined()?;
    sharing.at(1)?.wait_device(lamp, "INUSE")?;
    assert_eq!(sharing.at(0)?.device_state(lamp)?, "INUSE");
    until_ok("what both say of the box", GENEROUS, || {
        let mut said = sharing.broker.retained("berlin", "synch/1/+/mwi/default/1001")?;
        said.sort();
        let wanted = ["synch/1/berlin/mwi/default/1001 1 0", "synch/1/bonn/mwi/default/1001 0 0"];
        if said == wanted { Ok(()) } else { Err(Error::new(format!("{said:?}"))) }
    })?;
    // Heard: the box is emptied, and voicemail finds that when it is told to look.
    let inbox = sharing.at(0)?.path("spool/voicemail/default/1001/INBOX");
    std::fs::remove_dir_all(inbox).context("emptying the box")?;
    sharing.at(0)?.ami()?.action("VoicemailRefresh", &[("Context", "default"), ("Mailbox", "1001")])?;
    for system in &sharing.systems {
        system.wait_device(lamp, "NOT_INUSE")?;
    }
    Ok(())
}

/// Hint and function agree; who goes takes nobody's word back.
fn the_last_change_of_a_presence_counts_everywhere_and_stays(_: Version) -> Result {
    let mut sharing = Sharing::joined(&BOTH, "hold = 1")?;
    let provider = "CustomPresence:1006";
    let set = |place: usize, value: &str| -> Result {
        let variable = format!("PRESENCE_STATE({provider})");
        let mut ami = sharing.at(place)?.ami()?;
        ami.action("Setvar", &[("Variable", &variable), ("Value", value)]).map(drop)
    };
    let wait = |place: usize, wanted: [&str; 2]| -> Result {
        let mut ami = sharing.at(place)?.ami()?;
        until("the presence to follow", GENEROUS, || {
            ["value", "message"].iter().zip(wanted).all(|(field, wanted)| {
                let variable = format!("PRESENCE_STATE({provider},{field})");
                let answer = ami.action("Getvar", &[("Variable", &variable)]);
                answer.is_ok_and(|answer| answer.get("Value") == Some(wanted))
            })
        })
    };
    set(0, "dnd,,lunch")?;
    wait(1, ["dnd", "lunch"])?;
    set(1, "available,,")?;
    wait(0, ["available", ""])?;
    set(0, "away,,train")?;
    wait(1, ["away", "train"])?;
    sharing.at_mut(0)?.kill_9()?;
    until("berlin to be lost", GENEROUS, || {
        sharing.at(1).and_then(|bonn| bonn.rx("synch show sites")).is_ok_and(|sites| sites.contains("Lost"))
    })?;
    std::thread::sleep(Duration::from_secs(2));
    let mut ami = sharing.at(1)?.ami()?;
    let answer = ami.action("Getvar", &[("Variable", &format!("PRESENCE_STATE({provider},value)"))])?;
    assert_eq!(answer.get("Value"), Some("away"));
    Ok(())
}

/// `SIP/2001` in bonn, on Asterisk 16, is `PJSIP/2001` in berlin.
fn phones_of_both_channel_drivers_are_the_same_person(_: Version) -> Result {
    let mut sharing = Sharing::new(&BOTH, "")?;
    let bonn = sharing.at(1)?;
    let sip = bonn.read_conf("sip.conf")?;
    let secret = password("2001");
    let user = format!("[2001]\ntype = friend\nhost = dynamic\ncontext = from-internal\nsecret = {secret}\n");
    bonn.write_conf("sip.conf", &format!("{sip}\n{user}"))?;
    sharing.start()?;
    let [berlin, bonn] = sharing.both()?;
    let settings =
        Settings { registrar: bonn.address().to_string(), ..Settings::with_dns((bonn.address(), 53).into()) };
    let mut phone = Phone::new(&sharing.net, "2001", &settings)?;
    bonn.wait_registered("2001")?;
    berlin.wait_device("PJSIP/2001", "NOT_INUSE")?;
    bonn.rx("channel originate SIP/2001 application Wait 60")?;
    berlin.wait_device("PJSIP/2001", "INUSE")?;
    phone.hang_up()?;
    berlin.wait_device("PJSIP/2001", "NOT_INUSE")?;
    // And the other way round: whoever has chan_sip alone sees PJSIP phones as its own.
    sharing.broker.publish("bern", "synch/1/bern/site", "joined x 22 0.5.0")?;
    sharing.broker.publish("bern", "synch/1/bern/device/PJSIP/3001", "INUSE")?;
    bonn.wait_device("SIP/3001", "INUSE")?;
    berlin.wait_device("PJSIP/3001", "INUSE")
}

/// As the queue of berlin sees it, who has `ringinuse = no`.
fn a_member_who_is_busy_elsewhere_is_not_rung(_: Version) -> Result {
    let mut sharing = Sharing::new(&BOTH, "")?;
    let queue = "[general]\n[sales]\nringinuse = no\ntimeout = 2\nretry = 1\n\
                 member => Local/member@devstate_test,0,Alice,Custom:mystate\n";
    sharing.at(0)?.write_conf("queues.conf", queue)?;
    sharing.start()?;
    let [berlin, bonn] = sharing.both()?;
    let rung = || berlin.log().matches("the member is rung").count();
    bonn.set_device("Custom:mystate", "INUSE")?;
    berlin.wait_device("Custom:mystate", "INUSE")?;
    until_ok("the queue to see it", GENEROUS, || {
        let queue = berlin.rx("queue show sales")?;
        if queue.contains("In use") { Ok(()) } else { Err(Error::new(queue)) }
    })?;
    berlin.rx("channel originate Local/caller@devstate_test application Wait 600")?;
    until("the caller to wait", GENEROUS, || {
        berlin.rx("queue show sales").is_ok_and(|queue| queue.contains("has 1 calls"))
    })?;
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(rung(), 0);
    bonn.set_device("Custom:mystate", "NOT_INUSE")?;
    until("the member to be rung", GENEROUS, || rung() > 0)
}

/// Its users are synced, and registered at the main. Then the broker goes, and the main does.
fn a_branch_says_nothing_of_phones_that_are_at_the_main_and_lives_without_the_broker(
    version: Version,
) -> Result {
    let mut site = Site::with_module(version)?;
    let mut broker = Broker::start(&site.net, &SITES)?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    site.branch.write_conf("res_synch.conf", &format!("{conf}\n{}", state("bonn", &broker, "")))?;
    site.serve()?;
    site.branch.wait_status("State", "Joined")?;
    let said = broker.retained("berlin", "synch/1/bonn/device/PJSIP/#")?;
    assert!(!said.iter().any(|line| line.contains("PJSIP/100")), "{said:?}");
    broker.kill();
    site.branch.wait_status("State", "Away")?;
    site.kill_main()?;
    site.branch.wait_status("Service", "Failover")?;
    let phone = site.phone_at(&site.branch, "1001")?;
    broker.run()?;
    site.branch.wait_status("State", "Joined")?;
    until("the phone to be told of", GENEROUS, || {
        let said = broker.retained("berlin", "synch/1/bonn/device/PJSIP/1001");
        said.is_ok_and(|said| said == ["synch/1/bonn/device/PJSIP/1001 NOT_INUSE"])
    })?;
    drop(phone);
    Ok(())
}

/// Berlin knows the authority of the broker, bonn knows none.
fn states_go_over_tls_and_only_to_a_broker_that_proves_who_it_is(_: Version) -> Result {
    let mut sharing = Sharing::new(&BOTH, "tls = yes")?;
    let authority = sharing.broker.take_tls()?;
    let berlin = sharing.at(0)?;
    let known = berlin.path("etc/ca.crt");
    std::fs::copy(authority.certificate(), known).context("the authority for berlin")?;
    let lines = format!("tls_ca_file = {}\ntls = yes", berlin.inside("etc/ca.crt"));
    berlin.edit_conf("res_synch.conf", "tls = yes", &lines)?;
    sharing.at_mut(0)?.start()?;
    sharing.at_mut(1)?.start()?;
    let [berlin, bonn] = sharing.both()?;
    berlin.wait_status("State", "Joined")?;
    assert!(berlin.rx("synch show state")?.contains(":8883"));
    bonn.wait_log("certificate is not accepted", GENEROUS)?;
    bonn.wait_status("State", "Away")?;
    assert!(sharing.broker.retained("berlin", "synch/1/bonn/site")?.is_empty());
    Ok(())
}

/// With the list of docs/mosquitto, and with none.
fn the_doctor_proves_that_the_access_list_holds(_: Version) -> Result {
    let mut sharing = Sharing::joined(&BOTH, "")?;
    let access = |sharing: &Sharing| -> Result<String> {
        let report = sharing.at(0)?.rx("synch doctor")?;
        let lines = report.lines().filter(|line| line.contains("access")).collect::<Vec<_>>();
        Ok(lines.join("\n"))
    };
    let said = access(&sharing)?;
    assert!(said.contains("lets no site speak for another") && !said.contains("WARN"), "{said}");
    sharing.broker.run_with_acl("topic readwrite #\npattern readwrite #\n")?;
    sharing.wait_joined()?;
    let said = access(&sharing)?;
    assert!(said.contains("WARN access") && said.contains("pattern readwrite synch/1/%u/#"), "{said}");
    Ok(())
}

/// What the worker has shown before it panics is known to who comes after it.
fn a_panic_leaves_no_lamp_lit(_: Version) -> Result {
    let mut sharing = Sharing::new(&BOTH, "hold = 2")?;
    sharing.at(0)?.install_module_that_panics()?;
    sharing.start()?;
    sharing.at(1)?.set_device("Custom:mystate", "INUSE")?;
    sharing.at(0)?.wait_hint("1234", "InUse")?;
    sharing.at(0)?.order_panics(&["state"])?;
    sharing.at(0)?.wait_log("The state worker of synch failed", GENEROUS)?;
    sharing.wait_joined()?;
    sharing.at(0)?.wait_hint("1234", "InUse")?;
    sharing.at_mut(1)?.kill_9()?;
    sharing.at(0)?.wait_dark("1234")
}

/// NATS refuses MQTT 5 in the form of 3.1.1.
fn a_broker_that_speaks_the_older_version_does_as_well(_: Version) -> Result {
    let mut sharing = Sharing::over(Kind::Nats, &BOTH, "hold = 2")?;
    sharing.start()?;
    let [berlin, bonn] = sharing.both()?;
    assert!(berlin.rx("synch show state")?.contains("MQTT 3.1.1"));
    bonn.set_device("Custom:mystate", "INUSE")?;
    berlin.wait_hint("1234", "InUse")?;
    // It is told anew by what the broker keeps.
    berlin.unload_module()?;
    berlin.wait_dark("1234")?;
    berlin.load_module()?;
    berlin.wait_hint("1234", "InUse")?;
    sharing.at_mut(1)?.kill_9()?;
    sharing.at(0)?.wait_dark("1234")
}

fn newcomers_ask_where_the_broker_keeps_nothing_for_them(_: Version) -> Result {
    newcomers_ask(Kind::Rabbit3)
}

fn newcomers_ask_as_well_where_it_speaks_the_newer_version(_: Version) -> Result {
    newcomers_ask(Kind::Rabbit4)
}

/// RabbitMQ keeps what each topic said last, and gives it to nobody who asks for all topics.
fn newcomers_ask(kind: Kind) -> Result {
    let mut sharing = Sharing::over(kind, &BOTH, "hold = 2")?;
    sharing.start()?;
    sharing.at(1)?.set_device("Custom:mystate", "INUSE")?;
    let berlin = sharing.at(0)?;
    berlin.wait_hint("1234", "InUse")?;
    berlin.unload_module()?;
    berlin.wait_dark("1234")?;
    berlin.load_module()?;
    berlin.wait_hint("1234", "InUse")?;
    assert!(berlin.rx("synch show state")?.contains("ask the sites"));
    sharing.at_mut(1)?.kill_9()?;
    sharing.at(0)?.wait_dark("1234")
}

/// Equal systems without a main: alice is in berlin, and is looked up in bern, which joins last.
fn the_directory_shows_everybody_with_state_presence_and_queues(_: Version) -> Result {
    let mut sharing = Sharing::new(&[Version::V22, Version::V16, Version::V22], "")?;
    sharing.at(0)?.write_conf("queues.conf", "[general]\n[sales]\n")?;
    sharing.at_mut(0)?.start()?;
    sharing.at_mut(1)?.start()?;
    let mut ami = sharing.at(0)?.ami()?;
    let member = [("Queue", "sales"), ("Interface", "PJSIP/1001")];
    ami.action("QueueAdd", &member)?;
    let presence = [("Variable", "PRESENCE_STATE(CustomPresence:1001)"), ("Value", "away,,train")];
    ami.action("Setvar", &presence)?;
    sharing.at_mut(2)?.start()?;
    sharing.wait_joined()?;
    let alice = |wanted: &[&str]| -> Result {
        until_ok("what bern knows of alice", GENEROUS, || {
            let directory = sharing.at(2)?.rx("synch show directory like ^1001$")?;
            let found = wanted.iter().all(|word| directory.contains(word));
            if found { Ok(()) } else { Err(Error::new(directory)) }
        })
    };
    alice(&["1001", "Alice", "away", "sales", "ready"])?;
    ami.action("QueuePause", &[member, [("Paused", "true"), ("Reason", "lunch")]].concat())?;
    alice(&["paused: lunch"])?;
    let phone = Settings {
        registrar: sharing.at(0)?.address().to_string(),
        ..Settings::with_dns((sharing.at(0)?.address(), 53).into())
    };
    let phone = Phone::new(&sharing.net, "1001", &phone)?;
    alice(&["NOT_INUSE"])?;
    sharing.at(0)?.rx("channel originate PJSIP/1001 application Wait 60")?;
    alice(&[" INUSE"])?;
    drop(phone);
    ami.action("QueueRemove", &member)?;
    until("the queue to be gone", GENEROUS, || {
        let directory = sharing.at(2).and_then(|bern| bern.rx("synch show directory like ^1001$"));
        directory.is_ok_and(|directory| !directory.contains("sales"))
    })
}

/// `synch show sites` names every member with its state, and all of them are told when one goes.
fn sites_are_listed_with_their_states(_: Version) -> Result {
    let mut sharing = Sharing::joined(&[Version::V22, Version::V16, Version::V22], "hold = 2")?;
    let mut ami = sharing.at(0)?.ami()?;
    sharing.at_mut(2)?.kill_9()?;
    let bound = Duration::from_secs(60);
    let event =
        ami.event_where("SynchSiteState", bound, |event| event.get("Site") == SITES.last().copied())?;
    assert_eq!((event.get("OldState"), event.get("NewState")), (Some("Joined"), Some("Lost")));
    // The event comes a moment before.
    for (site, state) in [("bonn", "Joined"), ("bern", "Lost")] {
        until_ok(&format!("{site} to be listed as {state}"), GENEROUS, || {
            let sites = sharing.at(0)?.rx("synch show sites")?;
            let listed = sites.lines().any(|line| line.starts_with(site) && line.contains(state));
            if listed { Ok(()) } else { Err(Error::new(sites)) }
        })?;
    }
    let listed = ami.list("SynchSites", &[])?;
    assert_eq!(listed.len(), 2);
    Ok(())
}
