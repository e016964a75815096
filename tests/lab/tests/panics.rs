//! A bug of ours that panics costs no call, no answer of the DNS and no Asterisk: what panicked is run again.
//!
//! The panics are real ones, to order, at points of the module's own code (`src/words/faults.rs`). The module that takes orders
//! is built for these tests alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::dns::{RecordType, Transport, a_record, ask_with, question};
use lab::headquarters::{SITE, main_with_sites, sections, session, users};
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok, until_value};
use lab::{Asterisk, Error, Result, Site, Version};

lab::on_22_and_16!(
    every_worker_panics_and_is_run_again_while_the_dns_answers,
    a_panic_over_one_question_costs_no_other,
    a_panic_in_what_asterisk_calls_is_an_error_and_no_more,
    the_workers_of_a_main_panic_and_are_run_again,
    the_module_that_is_shipped_takes_no_orders,
);

/// Workers whose loops turn by themselves, by the names of their points and as the status has them.
const TURNING: [(&str, &str); 6] = [
    ("session", "session"),
    ("sip", "SIP probe"),
    ("contacts", "contacts"),
    ("presence", "presence"),
    ("drain", "drain"),
    ("dns", "dns"),
];

/// A site in normal service whose branch panics to order.
fn site(version: Version) -> Result<Site> {
    let mut site = Site::new(version)?;
    site.branch.install_module_that_panics()?;
    site.branch.load_module_at_start()?;
    // An address of no interface in particular: what can't be bound is tried again, which is a turn of the name server's
    // own loop.
    let own = format!("bind = {}", site.branch.address());
    site.branch.edit_conf("res_synch.conf", &own, &format!("{own}, [fe80::53]"))?;
    // This loop turns when something is wanted, and that is at the start.
    site.branch.order_panics(&["dialplan"])?;
    site.serve()?;
    Ok(site)
}

/// Waits until all that was ordered has come, and gives it a push now and then.
fn wait_panics(asterisk: &Asterisk, push: impl Fn() -> Result) -> Result {
    until_ok("the panics", GENEROUS, || {
        push()?;
        let left = asterisk.panics_to_come()?;
        if left.is_empty() { Ok(()) } else { Err(Error::new(format!("to come: {left:?}"))) }
    })
}

/// How often a worker was started again, by the status.
fn restarts(asterisk: &Asterisk, worker: &str) -> Result<usize> {
    let all = asterisk.status("RestartsOf")?;
    let mut counts = all.split(", ").filter_map(|text| text.rsplit_once(' '));
    let count = counts.find(|(name, _)| *name == worker).and_then(|(_, count)| count.parse().ok());
    Ok(count.unwrap_or(0))
}

/// Asks for the phones' name again and again, until it is told to stop.
struct Asking {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, Vec<String>)>,
}

impl Asking {
    fn start(site: &Site) -> Self {
        let (branch, main) = (site.branch.address(), site.main.address());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut asked, mut wrong) = (0, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                asked += 1;
                match a_record(branch, NAME) {
                    Ok(address) if address == main => {}
                    Ok(address) => wrong.push(address.to_string()),
                    Err(error) => wrong.push(error.to_string()),
                }
                thread::sleep(Duration::from_millis(5));
            }
            (asked, wrong)
        });
        Self { stop, thread }
    }

    /// Every answer was there, and right.
    fn assert_answered(self) -> Result {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.join();
        let (asked, wrong) = joined.map_err(|_| Error::new("who asks the DNS has panicked"))?;
        assert!(wrong.is_empty() && asked > 100, "{} of {asked}: {wrong:?}", wrong.len());
        Ok(())
    }
}

fn every_worker_panics_and_is_run_again_while_the_dns_answers(version: Version) -> Result {
    let site = site(version)?;
    let (threads, moves) = (site.branch.module_threads()?, site.moves()?);
    // A call that goes on all the while.
    let held = [("Channel", "Local/700@from-internal"), ("Application", "Echo"), ("Async", "true")];
    site.branch.ami()?.action("Originate", &held)?;
    until_ok("both ends of the call", GENEROUS, || match site.branch.channels()? {
        2 => Ok(()),
        channels => Err(Error::new(format!("{channels} channels"))),
    })?;
    let asking = Asking::start(&site);

    // Twice: the second one shows that the loop turns again.
    for _ in 0..2 {
        // By itself: a step of the engine's that panics may be the one that counts another's panic.
        site.branch.order_panics(&["engine", "engine-publish"])?;
        wait_panics(&site.branch, || Ok(()))?;
        site.branch.order_panics(&TURNING.map(|(point, _)| point))?;
        site.branch.order_panics(&["events", "sync", "dns-udp"])?;
        wait_panics(&site.branch, || {
            // What the watch hears of, and an order for the sync.
            site.main.reload("module reload logger")?;
            site.branch.rx("synch sync").map(drop)
        })?;
    }
    // What was lost of a look is asked for again.
    site.branch.order_panics(&["own-sip", "own-dialplan"])?;
    wait_panics(&site.branch, || site.branch.rx("synch doctor").map(drop))?;
    site.branch.wait_log("The own dialplan worker of synch failed", GENEROUS)?;
    site.wait_status("Branch", "Healthy")?;
    for (point, answer) in [("doctor", "main"), ("drill", "Passed")] {
        site.branch.order_panics(&[point])?;
        let said = site.branch.rx(&format!("synch {point}"))?;
        assert!(said.contains(answer), "{point}: {said}");
    }

    asking.assert_answered()?;
    assert_eq!(site.branch.channels()?, 2);
    // The session's twice as often: over a probe, and over an event.
    let often = |name: &str| if name == "session" { 4 } else { 2 };
    let twice = TURNING.iter().map(|(_, name)| (*name, often(name))).chain([("sync", 2)]);
    let others =
        [("engine", 4), ("dialplan", 1), ("doctor", 1), ("drill", 1), ("own SIP", 1), ("own dialplan", 1)];
    for (worker, times) in twice.chain(others) {
        assert_eq!(restarts(&site.branch, worker)?, times, "{worker} in {}", site.status("RestartsOf")?);
    }
    assert_eq!(site.status("Restarts")?, "25");
    site.wait_status("Dialplan", "in force")?;
    site.wait_status("MainEvents", "heard")?;
    assert!(!site.branch.rx("synch show history")?.contains("Unhealthy"));
    site.wait_status("Sync", "Synced")?;
    assert_eq!((site.moves()?, site.status("Service")?), (moves, "Normal".to_owned()));

    // Each is told of with its place and its thread, and the second time is another line.
    let errors = site.branch.module_log("ERROR").join("\n");
    for (point, thread) in
        [("session", "session"), ("sync", "sync"), ("engine", "engine"), ("dns-udp", "dns-udp")]
    {
        let line = format!("in thread synch/{thread}: ordered at {point}. Please report this.");
        assert!(errors.contains(&line), "{line} not in {errors}");
    }
    assert!(
        errors.contains("The SIP probe worker of synch failed and is started again. (2 times so far)"),
        "{errors}"
    );

    until_ok("all threads to run", GENEROUS, || match site.branch.module_threads()? {
        now if threads.iter().all(|thread| now.contains(thread)) => Ok(()),
        now => Err(Error::new(format!("{now:?} of {threads:?}"))),
    })?;
    site.branch.unload_module()?;
    site.branch.wait_module_threads(&[])?;
    assert_eq!(site.branch.listeners(53)?, "");
    site.branch.load_module()?;
    site.wait_status("Restarts", "0")
}

fn a_panic_over_one_question_costs_no_other(version: Version) -> Result {
    let site = site(version)?;
    let server = SocketAddr::from((site.branch.address(), 53));
    let ask = |transport| ask_with(server, &question(NAME, RecordType::A)?, transport);
    for (point, transport) in [("dns-query", Transport::Udp), ("dns-tcp", Transport::Tcp)] {
        site.branch.order_panics(&[point])?;
        let lost = ask(transport);
        assert!(lost.is_err(), "{point}: {lost:?}");
        assert_eq!(site.branch.panics_to_come()?, [""; 0]);
        for transport in [Transport::Udp, Transport::Tcp] {
            assert_eq!(ask(transport)?.answers.len(), 1, "{point}");
        }
    }
    Ok(())
}

fn a_panic_in_what_asterisk_calls_is_an_error_and_no_more(version: Version) -> Result {
    let site = site(version)?;
    let branch = &site.branch;
    let mut ami = branch.ami()?;
    branch.order_panics(&["cli"])?;
    assert!(!branch.rx("synch show status")?.contains("Monitor"));
    assert!(branch.rx("synch show status")?.contains("Monitor"));

    branch.order_panics(&["ami"])?;
    let answer = ami.action("SynchStatus", &[])?;
    assert_eq!(answer.need("Message")?, "synch failed to answer; see Asterisk's log");
    assert_eq!(ami.action("SynchStatus", &[])?.need("Service")?, "Normal");

    let service = [("Variable", "SYNCH(service)")];
    branch.order_panics(&["function"])?;
    let lost = ami.action("Getvar", &service)?;
    assert!(lost.get("Value").is_none_or(str::is_empty), "{lost:?}");
    assert_eq!(ami.action("Getvar", &service)?.need("Value")?, "Normal");

    branch.order_panics(&["reload"])?;
    assert!(branch.reload_module().is_err());
    branch.reload_module()?;

    // New settings are in force, although their step was lost.
    branch.edit_conf("res_synch.conf", "record = sip", "record = phones")?;
    branch.order_panics(&["configure"])?;
    branch.reload_module()?;
    until_ok("the new name", GENEROUS, || a_record(branch.address(), "phones.voice.example.com"))?;
    assert_eq!(branch.panics_to_come()?, [""; 0]);

    branch.order_panics(&["unload"])?;
    let refused = branch.rx("module unload res_synch.so")?;
    assert!(refused.contains("Unable to unload"), "{refused}");
    assert_eq!(site.status("Service")?, "Normal");
    branch.unload_module()
}

fn the_workers_of_a_main_panic_and_are_run_again(version: Version) -> Result {
    let mut site = main_with_sites(version, &[SITE])?;
    site.main.install_module_that_panics()?;
    site.main.start()?;
    let mut berlin = session(&site.main, SITE)?;
    assert_eq!(users(&berlin.action("SynchExport", &[])?).len(), 3);
    for _ in 0..2 {
        site.main.order_panics(&["export-worker", "branches-worker"])?;
        // Their loops turn by themselves.
        wait_panics(&site.main, || Ok(()))?;
    }
    for worker in ["export", "branches"] {
        until_value(
            worker,
            GENEROUS,
            || site.main.status("RestartsOf"),
            |all| all.split(", ").any(|restarts| restarts == format!("{worker} 2")),
        )?;
    }
    // What was there stays, and what comes is seen.
    assert_eq!(users(&berlin.action("SynchExport", &[])?).len(), 3);
    site.main.rx("database put CF 1001 030777")?;
    let set =
        || Ok(sections(&berlin.action("SynchExport", &[("Part", "settings"), ("Users", "*")])?).join("\n"));
    until_value("what somebody has set", GENEROUS, set, |set| set.contains("030777")).map(drop)
}

fn the_module_that_is_shipped_takes_no_orders(version: Version) -> Result {
    let site = Site::new(version)?;
    let takes_orders = || -> Result<bool> {
        let module = std::fs::read(site.branch.path("modules/res_synch.so"))
            .map_err(|error| Error::new(format!("reading the module: {error}")))?;
        Ok(module.windows(6).any(|bytes| bytes == b"panic-"))
    };
    site.branch.install_module_that_panics()?;
    assert!(takes_orders()?);
    site.branch.install_module()?;
    assert!(!takes_orders()?);
    Ok(())
}
