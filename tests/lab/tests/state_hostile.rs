//! Sites that share their states, beside one that floods, and with a broker that is none.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lab::conf::password;
use lab::dns::a_record;
use lab::false_broker::{FalseBroker, Guest};
use lab::line::{Account, Line, Media, Secret};
use lab::loud::{Loud, packet, text};
use lab::sharing::SITES;
use lab::site::NAME;
use lab::wait::{GENEROUS, until, until_ok};
use lab::{Asterisk, Broker, Context, Error, Result, Sharing, Site, Version};

lab::on_22_and_16!(
    a_site_that_floods_is_put_aside_and_the_others_are_served,
    whatever_a_broker_sends_there_is_a_reason_and_an_asterisk,
    a_broker_that_never_ends_grows_nothing_and_an_unload_gets_through,
);

lab::tests_on!(on_all, V22, a_broker_that_says_too_little_is_given_up);

/// What a flood may leave in Asterisk: 10,000 devices take 17 MiB there and here, what is on its way as much again, and
/// malloc keeps areas for each thread.
const FLOOD_KIB: u64 = 64 * 1024;
/// What a broker may leave that was let in, heard and given up again and again.
const BROKER_KIB: u64 = 16 * 1024;
/// NOTICE lines about one site that changes its mind 30,000 times.
const LINES: usize = 200;

/// Bern has an account like every site, and a program of its own in the place of Asterisk.
fn a_site_that_floods_is_put_aside_and_the_others_are_served(version: Version) -> Result {
    let mut site = Site::new(version)?;
    let broker = Broker::start(&site.net, &SITES)?;
    site.main.share("bonn", &broker, "")?;
    site.branch.share_besides("berlin", &broker, "")?;
    site.serve()?;
    for system in [&site.main, &site.branch] {
        system.wait_status("State", "Joined")?;
        wait_site(system, if system.role == site.main.role { "berlin" } else { "bonn" }, "Joined")?;
    }
    let secret = Secret::Plain(password("1001"));
    let account = Account { name: "1001".to_owned(), secret, media: Media::Plain };
    let phone = Line::register(&site.net, &site.branch, account)?;
    look(&site, &phone, true)?;
    look(&site, &phone, false)?;

    let before = site.branch.vitals()?;
    let mut most = before;
    let over = AtomicBool::new(false);
    let rounds = thread::scope(|scope| -> Result<usize> {
        let flood = scope.spawn(|| {
            let said = flood(&broker);
            over.store(true, Ordering::Relaxed);
            said
        });
        let mut rounds = 0;
        while rounds < 6 || !over.load(Ordering::Relaxed) {
            rounds += 1;
            look(&site, &phone, rounds % 2 == 1)
                .map_err(|error| Error::new(format!("round {rounds}: {error}")))?;
            let now = site.branch.vitals()?;
            most.anonymous_kib = most.anonymous_kib.max(now.anonymous_kib);
        }
        flood.join().unwrap_or_else(|_| Err(Error::new("a thread of the test panicked")))?;
        Ok(rounds)
    })?;
    eprintln!("Asterisk {version}: {rounds} looks, {before:?} before, at most {} KiB", most.anonymous_kib);
    for system in [&site.main, &site.branch] {
        wait_site(system, "bern", "Throttled")?;
        for device in ["PJSIP/2999", "SIP/2999", "MWI:1001@default", "Queue:q", "Local/1001@x"] {
            assert_ne!(system.device_state(device)?, "INUSE", "{device}");
        }
        let state = system.rx("synch show state")?;
        let taken = state.lines().find(|line| line.contains("devices of")).context(&state)?;
        let count = taken.split_whitespace().find_map(|word| word.parse::<u32>().ok()).context(taken)?;
        // And some of the honest site's.
        assert!((10_000..10_100).contains(&count), "{taken}");
    }
    assert!(most.anonymous_kib <= before.anonymous_kib + FLOOD_KIB, "{before:?} before, {most:?} at most");
    // Whoever says now one thing, now the other, is not believed, nor told of, each time.
    flip(&broker)?;
    until_ok("bern not to be believed", GENEROUS, || {
        let sites = site.branch.rx("synch show sites")?;
        let bern = sites.lines().find(|line| line.starts_with("bern")).context(&sites)?;
        if bern.contains("Throttled") || bern.contains("Lost") {
            Ok(())
        } else {
            Err(Error::new(sites.as_str()))
        }
    })?;
    let lines = site.branch.log().matches("Site bern is").count();
    assert!(lines < LINES, "{lines} lines");
    look(&site, &phone, true)?;
    // What bern has said is taken back with all else.
    site.branch.unload_module()?;
    site.branch.wait_module_threads(&[])?;
    site.branch.wait_dark("1234")?;
    assert_ne!(site.branch.device_state("Custom:f00001")?, "INUSE");
    Ok(())
}

/// Waits until a system says that a site stands there.
fn wait_site(system: &Asterisk, site: &str, wanted: &str) -> Result {
    until_ok(&format!("{site} to be {wanted}"), GENEROUS, || {
        let sites = system.rx("synch show sites")?;
        let stands = sites.lines().any(|line| line.starts_with(site) && line.contains(wanted));
        if stands { Ok(()) } else { Err(Error::new(sites)) }
    })
}

/// What has to go on: the console, the DNS, calls to a phone, and the lamps of an honest site.
fn look(site: &Site, phone: &Line, lit: bool) -> Result {
    assert!(site.branch.rx("core show uptime")?.contains("uptime"));
    assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());
    let driver = if site.branch.version == Version::V22 { "PJSIP" } else { "SIP" };
    let (called, channel) = (phone.called(), format!("{driver}/{}", phone.name()));
    let call = [("Channel", channel.as_str()), ("Application", "Wait"), ("Data", "1"), ("Async", "true")];
    assert!(site.branch.ami()?.action("Originate", &call)?.is_success());
    phone.wait_called(called + 1)?;
    site.main.set_device("Custom:mystate", if lit { "INUSE" } else { "NOT_INUSE" })?;
    site.branch.wait_hint("1234", if lit { "InUse" } else { "Idle" })
}

/// All that one account can say, and as fast as the broker takes it.
fn flood(broker: &Broker) -> Result {
    let own = |rest: &str| format!("synch/1/bern/{rest}");
    // A will on a foreign topic: the broker refuses the login, or the will.
    let _ = Loud::join_with_will(broker, "bern", Some(("synch/1/bonn/site", "lost")));
    let mut bern = Loud::join(broker, "bern")?;
    bern.say(&own("site"), b"joined x 22 0.5.0", true)?;
    for device in ["PJSIP/2999", "SIP/2999"] {
        bern.say(&format!("synch/1/bonn/device/{device}"), b"INUSE", true)?;
    }
    bern.say("synch/1/bonn/site", b"left", true)?;
    bern.say("synch/1/berlin/site", b"left", true)?;
    let long = "2".repeat(200);
    let strange =
        ["MWI:1001@default", "Queue:q", "Local/1001@x", "PJSIP/a%0Ab", "PJSIP/%00", "PJSIP//", &long];
    for device in strange {
        bern.say(&own(&format!("device/{device}")), b"INUSE", true)?;
    }
    bern.flush()?;
    let megabyte = vec![b'x'; 1024 * 1024];
    for subject in ["people", "device/PJSIP/2998", "mwi/default/2998"] {
        bern.say(&own(subject), &megabyte, true)?;
    }
    for number in 0..100_000 {
        bern.say(&own(&format!("device/Custom:f{number:05}")), b"INUSE", true)?;
    }
    bern.flush()?;
    // 10,000 changes a second, of all that a device has.
    for second in 0..5 {
        let end = Instant::now() + Duration::from_secs(1);
        let word: &[u8] = if second % 2 == 0 { b"BUSY" } else { b"INUSE" };
        for number in 0..2_500 {
            bern.say(&own(&format!("device/Custom:f{number:05}")), word, true)?;
            bern.say(
                &own(&format!("mwi/default/{number}")),
                if second % 2 == 0 { b"1 0" } else { b"0 0" },
                true,
            )?;
            bern.say(&own(&format!("presence/CustomPresence/{number}")), br#"{"state":"dnd"}"#, true)?;
            bern.say(&own(&format!("agent/PJSIP/{number}")), br#"{"q":"ready"}"#, true)?;
        }
        bern.flush()?;
        thread::sleep(end.saturating_duration_since(Instant::now()));
    }
    // As it is: mosquitto ends the connection.
    bern.say(&own("device/PJSIP/\u{7}"), b"INUSE", true)?;
    let _ = bern.flush();
    Ok(())
}

/// A site that comes and goes 10,000 times a second.
fn flip(broker: &Broker) -> Result {
    let mut bern = Loud::join(broker, "bern")?;
    for second in 0..3 {
        let end = Instant::now() + Duration::from_secs(1);
        for number in 0..5_000 {
            let joined = format!("joined {second}-{number} 22 0.5.0");
            bern.say("synch/1/bern/site", b"lost", true)?;
            bern.say("synch/1/bern/site", joined.as_bytes(), true)?;
        }
        bern.flush()?;
        thread::sleep(end.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

/// A system whose broker is one of the test's own. The broker goes first: it ends what waits for the system.
struct Alone {
    broker: FalseBroker,
    sharing: Sharing,
}

impl Alone {
    fn new(version: Version) -> Result<Self> {
        let sharing = Sharing::new(&[version], "hold = 2\nkeepalive = 5")?;
        let own = sharing.net.own_address();
        let host = format!("host = {}", sharing.broker.address());
        sharing.at(0)?.edit_conf("res_synch.conf", &host, &format!("host = {own}"))?;
        Ok(Self { broker: FalseBroker::start(own, 1883)?, sharing })
    }

    fn system(&self) -> Result<&Asterisk> {
        self.sharing.at(0)
    }

    /// Loads the module at a broker that does this.
    fn load(&self, script: impl Fn(&mut Guest) -> io::Result<()> + Send + Sync + 'static) -> Result {
        self.broker.does(script);
        self.system()?.load_module()
    }

    /// Unloads it, and looks whether Asterisk is well.
    fn unload(&self) -> Result {
        let system = self.system()?;
        system.unload_module()?;
        system.wait_module_threads(&[])?;
        assert!(system.rx("core show uptime")?.contains("uptime"));
        Ok(())
    }

    fn wait_reason(&self, what: &str, wanted: &str) -> Result {
        wait_reason(self.system()?, what, wanted)
    }
}

fn wait_reason(system: &Asterisk, what: &str, wanted: &str) -> Result {
    until_ok(&format!("the reason of {what}"), GENEROUS, || {
        let (state, reason) = (system.status("State")?, system.status("StateReason")?);
        let told = state == "Away" && reason.contains(wanted);
        if told { Ok(()) } else { Err(Error::new(format!("{state}: {reason}"))) }
    })
}

/// Octets that nobody has chosen, the same each time.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap_or_default()
    };
    (0..count).map(next).collect()
}

type Said = fn(&mut Guest) -> io::Result<()>;

/// Each beside a real Asterisk: why it is no broker, no matter how often, and an unload.
fn whatever_a_broker_sends_there_is_a_reason_and_an_asterisk(version: Version) -> Result {
    fn joined(guest: &mut Guest, then: &[u8]) -> io::Result<()> {
        guest.let_in()?;
        guest.settle()?;
        guest.say(then)
    }
    let cases: [(&str, Said, &str); 12] = [
        ("any octets", |guest| guest.say(&noise(100_000)), "does not speak MQTT"),
        ("a web server", |guest| guest.say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak MQTT"),
        (
            "a word before the login",
            |guest| guest.say(&packet(0x90, &[0, 1, 0, 0])),
            "before it has let us in",
        ),
        ("a packet of a client's", |guest| joined(guest, &[0xC0, 0]), "only clients send"),
        ("an endless packet", |guest| joined(guest, b"\x30\xFF\xFF\xFF\x7F"), "a packet of 268435460 bytes"),
        (
            "one octet more than we take",
            |guest| joined(guest, &packet(0x30, &vec![b'x'; 512 * 1024 + 1 - 4])),
            "a packet of 524289 bytes",
        ),
        (
            "a message of number 0",
            |guest| joined(guest, b"\x32\x08\x00\x03a/b\x00\x00\x00"),
            "does not speak MQTT",
        ),
        ("a receipt of number 0", |guest| joined(guest, b"\x40\x02\x00\x00"), "does not speak MQTT"),
        (
            "a length of five octets",
            |guest| joined(guest, b"\x30\xFF\xFF\xFF\xFF\x01"),
            "does not speak MQTT",
        ),
        (
            "a topic with a wildcard",
            |guest| joined(guest, &packet(0x30, &[&text("a/#")[..], &[0]].concat())),
            "does not speak MQTT",
        ),
        ("noise behind the login", |guest| joined(guest, &noise(1_000_000)), "does not speak MQTT"),
        ("a farewell", |guest| joined(guest, b"\xE0\x02\x8B\x00"), "server shutting down"),
    ];
    let mut alone = Alone::new(version)?;
    alone.broker.does(cases.first().context("no case")?.1);
    alone.sharing.at_mut(0)?.start()?;
    alone.unload()?;
    let mut before = None;
    for (what, said, reason) in cases {
        alone.load(said)?;
        alone.wait_reason(what, reason)?;
        alone.unload().map_err(|error| Error::new(format!("{what}: {error}")))?;
        // The first ones fill what Asterisk keeps.
        before = before.or(Some(alone.system()?.vitals()?)).filter(|_| what != "any octets");
    }
    let (before, after) = (before.context("no case")?, alone.system()?.vitals()?);
    eprintln!("Asterisk {version}: {before:?} before, {after:?} after");
    assert!(after.anonymous_kib <= before.anonymous_kib + BROKER_KIB, "{before:?} before, {after:?} after");
    let warnings = alone.system()?.module_log("WARNING");
    assert!(warnings.iter().all(|line| line.len() < 1_000), "{warnings:?}");
    Ok(())
}

/// More sites than are known at the same time, each with something new each time.
fn every_site(guest: &mut Guest) -> io::Result<()> {
    guest.let_in()?;
    guest.settle()?;
    for round in 0.. {
        for number in 0..3_000 {
            guest.publish(&format!("synch/1/s{number}/site"), format!("joined {round} 22 0.5").as_bytes())?;
            for of in 0..5 {
                let name = format!("{number}-{of}-{round}");
                for (kind, word) in [
                    ("device/Custom:", &b"INUSE"[..]),
                    ("mwi/default/", b"1 0"),
                    ("presence/CustomPresence/", br#"{"state":"dnd"}"#),
                    ("agent/Custom:", br#"{"q":"ready"}"#),
                ] {
                    guest.publish(&format!("synch/1/s{number}/{kind}{name}"), word)?;
                }
            }
        }
    }
    Ok(())
}

/// What an earlier life of berlin's may have left, without end.
fn leftovers(guest: &mut Guest) -> io::Result<()> {
    guest.let_in()?;
    guest.settle()?;
    for number in 0.. {
        guest.publish(&format!("synch/1/berlin/device/Custom:left{number}"), b"INUSE")?;
        guest.publish("synch/1/berlin/site", b"lost")?;
    }
    Ok(())
}

/// It goes on as long as somebody listens.
fn a_broker_that_never_ends_grows_nothing_and_an_unload_gets_through(version: Version) -> Result {
    fn again(guest: &mut Guest, octets: &[u8]) -> io::Result<()> {
        loop {
            guest.say(octets)?;
        }
    }
    let cases: [(&str, Said); 5] = [
        ("receipts that nobody waits for", |guest| {
            guest.let_in()?;
            guest.settle()?;
            again(guest, &[0xB0, 3, 0, 1, 0].repeat(10_000))
        }),
        ("signs of life", |guest| {
            guest.let_in()?;
            guest.settle()?;
            again(guest, &[0xD0, 0].repeat(10_000))
        }),
        ("a message that never ends", |guest| {
            guest.let_in_as_3()?;
            guest.settle()?;
            guest.say(&[&b"\x30\xFF\xFF\xFF\x7F"[..], &text("synch/1/bern/people")].concat())?;
            again(guest, &[b'x'; 65_536])
        }),
        ("sites, and all that they can have", every_site),
        ("what we are said to have left", leftovers),
    ];
    let mut alone = Alone::new(version)?;
    alone.broker.does(|_| Ok(()));
    alone.sharing.at_mut(0)?.start()?;
    alone.unload()?;
    for (what, said) in cases {
        let before = alone.system()?.vitals()?;
        alone.load(said)?;
        alone
            .system()?
            .wait_status("State", "Joined")
            .map_err(|error| Error::new(format!("{what}: {error}")))?;
        let mut most = before.anonymous_kib;
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(500));
            assert!(alone.system()?.rx("core show uptime")?.contains("uptime"), "{what}");
            most = most.max(alone.system()?.vitals()?.anonymous_kib);
        }
        eprintln!("Asterisk {version}, {what}: {} KiB before, {most} at most", before.anonymous_kib);
        assert!(
            most <= before.anonymous_kib + 2 * FLOOD_KIB,
            "{what}: {before:?} before, {most} KiB at most"
        );
        alone.unload().map_err(|error| Error::new(format!("{what}: {error}")))?;
    }
    let lines = alone.system()?.log().lines().filter(|line| line.contains("Site s")).count();
    eprintln!("Asterisk {version}: {lines} lines about sites");
    Ok(())
}

/// Each system has another one, so that they are waited for at the same time.
fn a_broker_that_says_too_little_is_given_up(_: Version) -> Result {
    fn drip(guest: &mut Guest, octets: &[u8]) -> io::Result<()> {
        octets.iter().try_for_each(|octet| {
            guest.say(&[*octet])?;
            thread::sleep(Duration::from_secs(1));
            Ok(())
        })
    }
    let cases: [(&str, Said, &str); 3] = [
        ("one that drips from the first octet on", |guest| drip(guest, &[0x20; 60]), "does not answer"),
        (
            "one that drips once it has let us in",
            |guest| {
                guest.let_in()?;
                guest.settle()?;
                drip(guest, &packet(0x30, &[0; 200]))
            },
            "does not answer",
        ),
        (
            "one that does not confirm our name",
            |guest| {
                guest.let_in()?;
                guest.listen()
            },
            "does not confirm",
        ),
    ];
    let versions = [Version::V22, Version::V16, Version::V22];
    let mut sharing = Sharing::new(&versions, "hold = 2\nkeepalive = 5")?;
    let own = sharing.net.own_address();
    let host = format!("host = {}", sharing.broker.address());
    let mut brokers = Vec::new();
    for ((system, (_, said, _)), port) in sharing.systems.iter().zip(cases).zip(1883..) {
        let line = format!("host = {own}\nport = {port}");
        system.edit_conf("res_synch.conf", &host, &line)?;
        let broker = FalseBroker::start(own, port)?;
        broker.does(said);
        brokers.push(broker);
    }
    sharing.systems.iter_mut().try_for_each(Asterisk::spawn)?;
    sharing.systems.iter_mut().try_for_each(Asterisk::wait_booted)?;
    for (system, (what, _, reason)) in sharing.systems.iter().zip(cases) {
        wait_reason(system, what, reason)?;
    }
    // And one that says nothing at all, before it is asked to go.
    let (system, broker) = (sharing.at(0)?, brokers.first().context("no broker")?);
    system.unload_module()?;
    broker.does(Guest::listen);
    system.load_module()?;
    until("the broker to be asked", GENEROUS, || broker.guests() >= 2)?;
    system.unload_module()?;
    system.load_module()?;
    wait_reason(system, "one that is silent", "does not answer")?;
    sharing.systems.iter().try_for_each(|system| {
        system.unload_module()?;
        system.wait_module_threads(&[])
    })
}
