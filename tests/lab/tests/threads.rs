//! A system that has no thread to give: what can't run is a state, and runs as soon as there is one.

use std::os::unix::fs::MetadataExt;

use lab::command::{run, words};
use lab::dns::a_record;
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
use lab::{Asterisk, Context, Error, Result, Site, Version};

lab::on_22_and_16!(without_threads_the_module_is_declined_or_works_as_far_as_it_can_until_there_are_some);

/// A user of every Debian, of whom no other process in the lab is: the limit counts all threads of a user, and does not
/// bind root.
fn nobody_else(version: Version) -> &'static str {
    match version {
        Version::V22 => "games",
        Version::V16 => "news",
    }
}

/// Its user may have so many threads from now on; with `hard`, as many as at first.
fn limit_threads(asterisk: &Asterisk, limit: &str) -> Result {
    let pid = asterisk.pid()?.to_string();
    // As the process itself may: another user would need a permission that a container doesn't have.
    let own = std::fs::metadata(format!("/proc/{pid}")).context("whose it is")?;
    let (user, group) = (format!("--reuid={}", own.uid()), format!("--regid={}", own.gid()));
    let mut prlimit = words(&["setpriv", &user, &group, "--clear-groups", "prlimit", "--pid", &pid]);
    match limit {
        "hard" => {
            let hard = run(prlimit.args(["--nproc", "--noheadings", "--output=HARD"]))?;
            limit_threads(asterisk, hard.trim())
        }
        limit => run(prlimit.arg(format!("--nproc={limit}:"))).map(drop),
    }
}

fn without_threads_the_module_is_declined_or_works_as_far_as_it_can_until_there_are_some(
    version: Version,
) -> Result {
    let mut site = Site::new(version)?;
    site.branch.install_module()?;
    site.branch.run_as(nobody_else(version))?;
    let allow = ["sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=53"];
    run(&mut site.branch.host().command(&allow))?;
    site.start()?;
    // This session has its thread already; a console would need a new one.
    let mut ami = site.branch.ami()?;
    let module = [("Module", "res_synch.so"), ("LoadType", "load")];

    limit_threads(&site.branch, "1")?;
    assert!(!ami.action("ModuleLoad", &module)?.is_success());
    site.branch.wait_log("synch could not be started: Resource temporarily unavailable", GENEROUS)?;

    // One for the engine, none for its workers.
    let threads = site.branch.vitals()?.threads + 1;
    limit_threads(&site.branch, &threads.to_string())?;
    assert!(ami.action("ModuleLoad", &module)?.is_success());
    site.branch.wait_log("A thread of synch could not be started", GENEROUS)?;
    let status = ami.action("SynchStatus", &[])?;
    assert_eq!((status.need("Monitor")?, status.need("Service")?), ("Init", "Init"));

    limit_threads(&site.branch, "hard")?;
    site.branch.wait_log("All threads of synch run again.", GENEROUS)?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("Sync", "Synced")?;
    until_ok("the name server", GENEROUS, || match a_record(site.branch.address(), NAME)? {
        found if found == site.main.address() => Ok(()),
        found => Err(Error::new(format!("{NAME} is {found}"))),
    })?;
    site.branch.unload_module()?;
    site.branch.wait_module_threads(&[])
}
