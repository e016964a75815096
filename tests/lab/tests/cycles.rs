//! Load and unload, again and again: all is back where it was.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lab::dns::a_record;
use lab::wait::{GENEROUS, until, until_ok};
use lab::{Asterisk, Error, Result, Site, Version};

lab::on_22_and_16!(
    fifty_cycles_leave_nothing,
    an_unload_under_running_commands_harms_nobody,
    calls_and_reloads_of_the_dialplan_stand_still_nowhere,
);

/// After these, caches are warm, and what still grows is a leak. The sessions that are held open are among them: their
/// threads take memory of their own, once.
const WARM_UP: u32 = 35;
const CYCLES: u32 = WARM_UP + 50;
/// Between these, a console and an AMI session are open and used: threads of Asterisk that outlive the module's.
const HELD_OPEN: std::ops::RangeInclusive<u32> = 16..=30;
/// Memory that 50 cycles may leave: some 100 is what malloc's own order costs. A thread's stack, a runtime or an answer of
/// the main left in each would be more.
const GROWTH_KIB: u64 = 512;
/// Behind this, chan_sip has nothing of a request any more.
const CHAN_SIP_FORGETS: std::time::Duration = std::time::Duration::from_secs(36);

/// Each load asks the branch's own SIP, and chan_sip keeps some 28 KB for such a request for 32 s (RFC 3261 section 17.1.1.2,
/// timer B).
fn forget_requests(site: &Site, version: Version) -> Result {
    if version == Version::V16 {
        std::thread::sleep(CHAN_SIP_FORGETS);
    }
    site.branch.rx("malloc trim").map(drop)
}

fn fifty_cycles_leave_nothing(version: Version) -> Result {
    let mut site = Site::new(version)?;
    site.branch.install_module()?;
    // Which of malloc's areas a thread uses is chance, and each keeps a remainder of its own.
    site.branch.run_under(&["/usr/bin/env".to_owned(), "MALLOC_ARENA_MAX=1".to_owned()]);
    site.start()?;
    let mut before = site.branch.vitals()?;
    let mut held = None;
    for cycle in 1..=CYCLES {
        if cycle == *HELD_OPEN.start() {
            held = Some((site.branch.console()?, site.branch.ami()?));
        }
        site.branch.load_module()?;
        if cycle % 5 == 0 {
            // At once, while everything still starts.
            site.branch.unload_module()?;
            site.branch.load_module()?;
        }
        site.wait_status("Sync", "Synced")?;
        if cycle % 5 == 1 {
            // Into the middle of a reload, where that is still possible.
            site.branch.rx("synch rollback 1")?;
            site.branch.unload_module()?;
            site.branch.load_module()?;
            site.branch.rx("synch sync")?;
            site.wait_status("HeldVersion", "")?;
        }
        until_ok("the site's name", GENEROUS, || a_record(site.branch.address(), "sip.voice.example.com"))?;
        if let Some((console, ami)) = &mut held {
            console.type_line("synch set mode normal")?;
            site.wait_status("Mode", "normal")?;
            assert_eq!(ami.action("SynchStatus", &[])?.need("Mode")?, "normal");
            assert!(ami.action("SynchSetMode", &[("Mode", "auto")])?.is_success());
            site.wait_status("Mode", "auto")?;
        }
        site.branch.unload_module()?;
        site.branch.wait_module_threads(&[])?;
        if cycle == *HELD_OPEN.end() {
            held = None;
        }
        if cycle == WARM_UP {
            forget_requests(&site, version)?;
            before = site.branch.vitals()?;
        }
    }
    forget_requests(&site, version)?;
    let after = until_ok("threads and descriptors to be as before", GENEROUS, || {
        let now = site.branch.vitals()?;
        if now.threads <= before.threads && now.descriptors <= before.descriptors {
            return Ok(now);
        }
        Err(Error::new(format!("{before:?} before, {now:?} now: {:?}", site.branch.thread_names()?)))
    })?;
    eprintln!("Asterisk {version}: after {WARM_UP} cycles {before:?}, after {CYCLES} {after:?}");
    assert!(after.anonymous_kib <= before.anonymous_kib + GROWTH_KIB, "{before:?} before, {after:?} now");
    assert_eq!(site.branch.listeners(53)?, "");
    assert!(site.branch.rx("core show help synch")?.contains("No such command"));
    unload_another(&site.branch)?;
    site.branch.load_module()?;
    unload_another(&site.branch)?;
    site.wait_status("Service", "Normal")
}

/// Where the module had left something on a thread of Asterisk, this would crash it.
fn unload_another(asterisk: &Asterisk) -> Result {
    for module in ["app_echo.so", "format_wav.so"] {
        let answer = asterisk.rx(&format!("module unload {module}"))?;
        assert!(answer.contains(&format!("Unloaded {module}")), "{answer}");
        let answer = asterisk.rx(&format!("module load {module}"))?;
        assert!(answer.contains(&format!("Loaded {module}")), "{answer}");
    }
    until("Asterisk to answer", GENEROUS, || {
        asterisk.rx("core show uptime").is_ok_and(|up| up.contains("uptime"))
    })
}

/// A command that runs while its module goes: Asterisk keeps its entry, and says nothing of it.
fn an_unload_under_running_commands_harms_nobody(version: Version) -> Result {
    const ASKING: usize = 3;
    const LOADS: usize = 40;
    let mut site = Site::new(version)?;
    site.branch.install_module()?;
    site.branch.start()?;
    let over = AtomicBool::new(false);
    let asked = AtomicUsize::new(0);
    let ask = || -> Result {
        let mut ami = site.branch.ami()?;
        while !over.load(Ordering::Relaxed) {
            // Not by SynchStatus: Asterisk ends the session of whoever calls an action of a module that is just
            // coming or going.
            ami.action("Command", &[("Command", "synch show status")])?;
            asked.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let asking: Vec<_> = (0..ASKING).map(|_| scope.spawn(ask)).collect();
        let cycle = || site.branch.load_module().and_then(|()| site.branch.unload_module());
        let cycles = (0..LOADS).try_for_each(|_| cycle());
        over.store(true, Ordering::Relaxed);
        cycles?;
        asking.into_iter().try_for_each(|asking| asking.join().unwrap_or_else(|_| Err(Error::new("a panic"))))
    })?;
    assert!(asked.load(Ordering::Relaxed) > LOADS);
    site.branch.load_module()?;
    for command in ["synch show status", "synch show history"] {
        assert!(!site.branch.rx(command)?.contains("No such command"), "{command}");
    }
    unload_another(&site.branch)
}

/// How often the dialplan is reloaded below, by pbx_config and by us, while calls go through it.
const RELOADS: u32 = 60;

/// Two who merge their contexts at once, calls in them, and loads and unloads between: locks in one order only.
fn calls_and_reloads_of_the_dialplan_stand_still_nowhere(version: Version) -> Result {
    let site = Site::dialling(version)?;
    let running = AtomicBool::new(true);
    let ours = ["synch set mode failover", "synch set mode normal", "synch sync", "synch show user 1001"];
    thread::scope(|scope| {
        let calls = scope.spawn(|| -> Result {
            let mut ami = site.branch.ami()?;
            while running.load(Ordering::Relaxed) {
                for number in ["1999", "7777"] {
                    let channel = format!("Local/{number}@synch-internal");
                    let call = [
                        ("Channel", channel.as_str()),
                        ("Application", "Wait"),
                        ("Data", "0.1"),
                        ("Async", "true"),
                    ];
                    ami.action("Originate", &call)?;
                }
                thread::sleep(Duration::from_millis(100));
            }
            Ok(())
        });
        let commands = scope.spawn(|| -> Result {
            while running.load(Ordering::Relaxed) {
                ours.iter().try_for_each(|command| site.branch.rx(command).map(drop))?;
            }
            Ok(())
        });
        let reloads = (0..RELOADS).try_for_each(|round| {
            site.branch.rx("dialplan reload")?;
            // While calls run through our functions, an unload is refused; the next load finds it loaded then.
            if round % 6 == 5 {
                site.branch.rx("module unload res_synch.so")?;
                site.branch.rx("module load res_synch.so")?;
            }
            Ok(())
        });
        running.store(false, Ordering::Relaxed);
        let joined = |thread: thread::ScopedJoinHandle<'_, Result>| {
            thread.join().unwrap_or_else(|_| Err(Error::new("a thread of the test panicked")))
        };
        reloads.and(joined(calls)).and(joined(commands))
    })?;
    site.branch.wait_context("synch-internal", "112", true)?;
    site.wait_status("Dialplan", "in force")?;
    until("all channels to be gone", GENEROUS, || site.branch.channels().is_ok_and(|left| left == 0))
}
