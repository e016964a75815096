//! Threads that Asterisk doesn't let go: an unload waits for none of the module's for ever, and every `module` command goes
//! on working. And a load that takes long.
//!
//! The hangs are to order, at points of the module's own code (`src/words/faults.rs`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use lab::wait::{GENEROUS, until, until_ok};
use lab::{Asterisk, Error, Result, Site, Version};

lab::on_22_and_16!(
    a_worker_that_never_comes_back_keeps_no_unload,
    an_engine_that_never_comes_back_keeps_no_unload,
    nothing_leads_to_the_switch_before_it_is_there,
    who_comes_late_to_the_dialplan_changes_nothing,
    who_comes_late_to_the_database_stores_nothing,
    a_console_that_completes_a_command_holds_nobody_up,
    who_applies_a_file_keeps_no_asterisk_from_its_end,
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
    branch.wait_module_threads(&[thread])?;
    assert_eq!(branch.listeners(53)?, "");
    assert!(branch.rx("core show help synch")?.contains("No such command"));
    assert!(!branch.rx("manager show commands")?.contains("Synch"));
    // The list of modules is not locked.
    let shown = branch.rx("module show like res_synch")?;
    assert!(shown.contains("Not Running") || shown.contains("0 modules"), "{shown}");
    branch.wait_log(&format!("Thread {thread} hangs in a call into Asterisk"), GENEROUS)
}

/// Unloads the module beside a thread that hangs: for an engine, Asterisk's console waits 23 s. Who hangs keeps it from
/// nothing; it is refused while a reload of ours runs, and asked for again then.
fn unload_beside(branch: &Asterisk) -> Result {
    branch.unload_module_within(Duration::from_secs(60))
}

/// How many threads of that name the module has.
fn count(branch: &Asterisk, thread: &str) -> Result<usize> {
    Ok(branch.module_threads()?.iter().filter(|name| *name == thread).count())
}

/// Who was left alone in an earlier load has ended.
fn wait_count(branch: &Asterisk, thread: &str, wanted: usize) -> Result {
    until_ok("the thread that was left alone to end", GENEROUS, || match count(branch, thread)? {
        found if found == wanted => Ok(()),
        found => Err(Error::new(format!("{found} of {thread}"))),
    })
}

/// Loaded again, it works, whoever is left of its life before; and he ends once he is let go.
fn assert_well_again(site: &Site, thread: &str, let_go: impl FnOnce() -> Result) -> Result {
    let_go()?;
    wait_count(&site.branch, thread, 0)?;
    site.branch.load_module()?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(count(&site.branch, thread)?, 1);
    site.branch.unload_module()?;
    site.branch.wait_module_threads(&[])
}

fn a_worker_that_never_comes_back_keeps_no_unload(version: Version) -> Result {
    let site = site(version)?;
    site.branch.order_hang("presence")?;
    until("the worker to hang", GENEROUS, || site.branch.hangs_at("presence"))?;
    unload_beside(&site.branch)?;
    assert_unloaded_but_for(&site.branch, "synch/presence")?;

    // A second life beside what is left of the first one.
    site.branch.load_module()?;
    site.wait_status("Service", "Normal")?;
    unload_beside(&site.branch)?;
    site.branch.wait_module_threads(&["synch/presence", "synch/presence"])?;

    assert_well_again(&site, "synch/presence", || site.branch.end_hang("presence"))
}

fn an_engine_that_never_comes_back_keeps_no_unload(version: Version) -> Result {
    let site = site(version)?;
    site.wait_status("Sync", "Synced")?;
    site.branch.order_hang("engine")?;
    until("the engine to hang", GENEROUS, || site.branch.hangs_at("engine"))?;
    while_somebody_completes(&site.branch, || unload_beside(&site.branch))?;
    assert_unloaded_but_for(&site.branch, "synch/engine")?;

    // What it has left behind leads nowhere, also while the next load does not know the users yet.
    assert!(asks_synch(&site.branch)?);
    site.branch.end_hang("engine")?;
    while_a_load_hangs(&site.branch, || asks_nobody(&site.branch))?;
    site.wait_status("Sync", "Synced")?;
    site.branch.unload_module()?;
    assert_well_again(&site, "synch/engine", || Ok(()))
}

/// A console where somebody presses the tabulator has Asterisk's lock of commands, and asks for the list of modules.
fn completes(branch: &Asterisk) -> Result {
    branch.rx("_command matchesarray \"module unload res_s\" \"res_s\"").map(drop)
}

/// What is done, with somebody at another console who does that all the while.
fn while_somebody_completes<T>(branch: &Asterisk, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| -> Result {
            while !over.load(Ordering::Relaxed) {
                completes(branch)?;
            }
            Ok(())
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        other.join().unwrap_or_else(|_| Err(Error::new("a thread of the test panicked")))?;
        done
    })
}

fn a_console_that_completes_a_command_holds_nobody_up(version: Version) -> Result {
    let site = site(version)?;
    let branch = &site.branch;
    // As long as that lasts, Asterisk is not told of commands.
    for work in [Asterisk::unload_module, Asterisk::load_module] {
        branch.order_hang("commands")?;
        std::thread::scope(|scope| {
            let worked = scope.spawn(|| work(branch));
            until("somebody to tell Asterisk of the commands", GENEROUS, || branch.hangs_at("commands"))?;
            let completed = scope.spawn(|| completes(branch));
            let joined = |thread: ScopedJoinHandle<'_, Result>| {
                thread.join().unwrap_or_else(|_| Err(Error::new("a thread of the test panicked")))
            };
            let both = joined(worked).and(joined(completed));
            branch.end_hang("commands")?;
            both
        })?;
        branch.hung_at("commands")?;
    }
    until("the commands", GENEROUS, || {
        branch.rx("synch show status").is_ok_and(|status| status.contains("Monitor"))
    })?;
    // And where nothing hangs.
    for _ in 0..5 {
        while_somebody_completes(branch, || branch.unload_module())?;
        while_somebody_completes(branch, || branch.load_module())?;
    }
    site.wait_status("Service", "Normal")
}

/// Whether a number of our contexts asks synch.
fn asks_synch(branch: &Asterisk) -> Result<bool> {
    Ok(branch.rx("dialplan show")?.contains("'Synch/"))
}

fn asks_nobody(branch: &Asterisk) -> Result {
    if asks_synch(branch)? { Err(Error::new("a context asks a switch that is not there")) } else { Ok(()) }
}

/// Loads the module, and does something before it has told Asterisk of its switch.
fn while_a_load_hangs(branch: &Asterisk, work: impl FnOnce() -> Result) -> Result {
    branch.order_hang("switch")?;
    std::thread::scope(|scope| {
        let load = scope.spawn(|| branch.load_module());
        let done = until("the load to hang", GENEROUS, || branch.hangs_at("switch")).and_then(|()| work());
        branch.end_hang("switch")?;
        load.join().unwrap_or_else(|_| Err(Error::new("a thread of the test panicked")))?;
        done
    })
}

fn who_applies_a_file_keeps_no_asterisk_from_its_end(version: Version) -> Result {
    for command in ["core stop gracefully", "core stop when convenient"] {
        let mut site = site(version)?;
        site.wait_status("Sync", "Synced")?;
        site.branch.order_hang("install")?;
        site.edit_users("Alice <1001>", "Alicia <1001>")?;
        site.sync()?;
        until("the sync to be at its file", GENEROUS, || site.branch.hangs_at("install"))?;
        // It answers nothing any more.
        let _ = site.branch.rx(command);
        // Its end has begun: the name server goes first.
        until("the unload", GENEROUS, || site.branch.listeners(53).is_ok_and(|found| found.is_empty()))?;
        site.branch.end_hang("install")?;
        let status = site.branch.exit_status()?;
        assert!(status.success(), "{command}: {status}");
        let log = site.branch.log();
        assert!(!log.contains("cannot be unloaded"), "{command}: {log}");
        // The file is there for the next start.
        site.branch.start()?;
        site.branch.wait_live("1001", "Alicia")?;
    }
    Ok(())
}

/// A number that is dialled while the module is being loaded asks a switch that Asterisk knows.
fn nothing_leads_to_the_switch_before_it_is_there(version: Version) -> Result {
    let site = site(version)?;
    site.wait_status("Sync", "Synced")?;
    site.branch.unload_module()?;
    while_a_load_hangs(&site.branch, || {
        // Who makes the contexts has not begun.
        site.branch.wait_module_threads(&[])?;
        asks_nobody(&site.branch)
    })?;
    until("the users' numbers", GENEROUS, || asks_synch(&site.branch).is_ok_and(|asks| asks))
}

/// Somebody who was left alone on his way into the dialplan, or out of it, finds that of a later load, and leaves it as it is.
fn who_comes_late_to_the_dialplan_changes_nothing(version: Version) -> Result {
    let site = site(version)?;
    let branch = &site.branch;
    site.wait_status("Sync", "Synced")?;
    until("the users' numbers", GENEROUS, || asks_synch(branch).is_ok_and(|asks| asks))?;
    // On its way out.
    branch.order_hold("remove")?;
    unload_beside(branch)?;
    assert!(branch.is_held_at("remove"));
    assert_unloaded_but_for(branch, "synch/engine")?;
    branch.load_module()?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("Dialplan", "in force")?;
    branch.let_go("remove")?;
    wait_count(branch, "synch/engine", 1)?;
    assert!(asks_synch(branch)?);
    branch.unload_module()?;

    // On its way in. First nobody is there any more, then a load that is to have no dialplan.
    for load in [false, true] {
        branch.order_hold("replace")?;
        branch.load_module()?;
        until("the contexts to be on their way", GENEROUS, || branch.is_held_at("replace"))?;
        unload_beside(branch)?;
        assert_unloaded_but_for(branch, "synch/dialplan")?;
        if load {
            branch.edit_conf("res_synch.conf", "[dialplan]\n", "[dialplan]\nenabled = no\n")?;
            branch.load_module()?;
            site.wait_status("Service", "Normal")?;
        }
        branch.let_go("replace")?;
        wait_count(branch, "synch/dialplan", usize::from(load))?;
        asks_nobody(branch)?;
    }
    Ok(())
}

/// The mode that an operator has chosen since stays remembered.
fn who_comes_late_to_the_database_stores_nothing(version: Version) -> Result {
    let site = site(version)?;
    let branch = &site.branch;
    site.wait_status("Sync", "Synced")?;
    branch.order_hold("mode")?;
    branch.rx("synch set mode failover")?;
    until("the engine to store the mode", GENEROUS, || branch.is_held_at("mode"))?;
    unload_beside(branch)?;
    assert_unloaded_but_for(branch, "synch/engine")?;
    branch.load_module()?;
    site.wait_status("Service", "Normal")?;
    branch.rx("synch set mode normal")?;
    site.wait_status("Mode", "normal")?;
    branch.let_go("mode")?;
    wait_count(branch, "synch/engine", 1)?;
    assert_eq!(branch.rx("database get synch mode")?.trim(), "Value: normal");
    Ok(())
}
