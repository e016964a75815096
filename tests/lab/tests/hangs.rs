//! Threads that Asterisk doesn't let go: an unload waits for none of the module's for ever, and every `module` command goes
//! on working. And a load that takes long.
//!
//! The hangs are to order, at points of the module's own code (`src/words/faults.rs`).

use lab::wait::{GENEROUS, until, until_ok};
use lab::{Asterisk, Error, Result, Site, Version};

lab::on_22_and_16!(
    a_worker_that_never_comes_back_keeps_no_unload,
    an_engine_that_never_comes_back_keeps_no_unload,
    nothing_leads_to_the_switch_before_it_is_there,
);

/// A site in normal service whose branch hangs to order.
fn site(version: Version) -> Result<Site> {
    let mut site = Site::new(version)?;
    site.branch.install_module_that_panics()?;
    site.branch.load_module_at_start()?;
    site.serve()?;
    Ok(site)
}

/// The unload has ended, and so have commands and sockets; of the threads, only this one is left.
fn assert_unloaded_but_for(branch: &Asterisk, thread: &str) -> Result {
    assert_eq!(branch.module_threads()?, [thread]);
    assert_eq!(branch.listeners(53)?, "");
    assert!(branch.rx("core show help synch")?.contains("No such command"));
    assert!(!branch.rx("manager show commands")?.contains("Synch"));
    // The list of modules is not locked.
    let shown = branch.rx("module show like res_synch")?;
    assert!(shown.contains("Not Running") || shown.contains("0 modules"), "{shown}");
    branch.wait_log(&format!("Thread {thread} hangs in a call into Asterisk"), GENEROUS)
}

/// Loaded again, it works, whoever is left of its life before; and he ends once he is let go.
fn assert_well_again(site: &Site, thread: &str, let_go: impl FnOnce() -> Result) -> Result {
    let count = || -> Result<usize> {
        Ok(site.branch.module_threads()?.iter().filter(|name| *name == thread).count())
    };
    let_go()?;
    until_ok("the thread that was left alone to end", GENEROUS, || match count()? {
        0 => Ok(()),
        left => Err(Error::new(format!("{left} of {thread}"))),
    })?;
    site.branch.load_module()?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(count()?, 1);
    site.branch.unload_module()?;
    assert_eq!(site.branch.module_threads()?, [""; 0]);
    Ok(())
}

fn a_worker_that_never_comes_back_keeps_no_unload(version: Version) -> Result {
    let site = site(version)?;
    site.branch.order_hang("presence")?;
    until("the worker to hang", GENEROUS, || site.branch.hangs_at("presence"))?;
    // Asked once: it is not refused either.
    let answer = site.branch.rx("module unload res_synch.so")?;
    assert!(answer.contains("Unloaded res_synch.so"), "{answer}");
    assert_unloaded_but_for(&site.branch, "synch/presence")?;

    // A second life beside what is left of the first one.
    site.branch.load_module()?;
    site.wait_status("Service", "Normal")?;
    let answer = site.branch.rx("module unload res_synch.so")?;
    assert!(answer.contains("Unloaded res_synch.so"), "{answer}");
    assert_eq!(site.branch.module_threads()?, ["synch/presence", "synch/presence"]);

    assert_well_again(&site, "synch/presence", || site.branch.end_hang("presence"))
}

fn an_engine_that_never_comes_back_keeps_no_unload(version: Version) -> Result {
    let site = site(version)?;
    site.branch.order_hang("engine")?;
    until("the engine to hang", GENEROUS, || site.branch.hangs_at("engine"))?;
    let answer = site.branch.rx("module unload res_synch.so")?;
    assert!(answer.contains("Unloaded res_synch.so"), "{answer}");
    assert_unloaded_but_for(&site.branch, "synch/engine")?;
    assert_well_again(&site, "synch/engine", || site.branch.end_hang("engine"))
}

/// A number that is dialled while the module is being loaded asks a switch that Asterisk knows.
fn nothing_leads_to_the_switch_before_it_is_there(version: Version) -> Result {
    let site = site(version)?;
    site.wait_status("Sync", "Synced")?;
    site.branch.unload_module()?;
    site.branch.order_hang("switch")?;
    std::thread::scope(|scope| {
        let load = scope.spawn(|| site.branch.load_module());
        until("the load to hang", GENEROUS, || site.branch.hangs_at("switch"))?;
        // Who makes the contexts has not begun.
        assert_eq!(site.branch.module_threads()?, [""; 0]);
        assert!(!site.branch.rx("dialplan show")?.contains("'Synch/"));
        site.branch.end_hang("switch")?;
        load.join().unwrap_or_else(|_| Err(Error::new("a thread of the test panicked")))
    })?;
    until("the users' numbers", GENEROUS, || {
        site.branch.rx("dialplan show").is_ok_and(|shown| shown.contains("'Synch/"))
    })
}
