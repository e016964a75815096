//! A branch that the system gives no more descriptors or memory to: it says so, does what it still can, and goes on when
//! it is given some.

use lab::ami::Ami;
use lab::dns::a_record;
use lab::fake_main::{FakeMain, Reply, Section, user};
use lab::site::NAME;
use lab::wait::{GENEROUS, until, until_ok};
use lab::{Error, Result, Site, Version};

lab::on_22_and_16!(
    without_descriptors_the_old_users_stay_and_dns_answers,
    without_memory_for_a_large_answer_the_old_users_stay,
);

/// One value of SynchStatus, over a session that is open already.
fn status(ami: &mut Ami, key: &str) -> Result<String> {
    ami.action("SynchStatus", &[]).and_then(|status| status.need(key).map(str::to_owned))
}

/// Syncs, and waits until that is Unsynced for a reason that says so.
fn assert_unsynced(ami: &mut Ami, why: &str) -> Result {
    let before = status(ami, "Syncs")?;
    ami.action("SynchSync", &[])?;
    until_ok(why, GENEROUS, || {
        match (status(ami, "Syncs")?, status(ami, "Sync")?, status(ami, "SyncReason")?) {
            (now, state, reason) if now != before && state == "Unsynced" && reason.contains(why) => Ok(()),
            other => Err(Error::new(format!("{other:?}"))),
        }
    })
}

fn without_descriptors_the_old_users_stay_and_dns_answers(version: Version) -> Result {
    let mut site = Site::in_service(version)?;
    let moves = site.moves()?;
    let file = site.synced_file()?;
    let mut ami = site.branch.ami()?;
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    // Every new one is one too many; those that are open stay.
    site.branch.limit("nofile", Some(16))?;
    assert_unsynced(&mut ami, "Too many open files")?;
    assert_eq!(a_record(site.branch.address(), NAME)?, site.main.address());
    assert_eq!(status(&mut ami, "Service")?, "Normal");
    assert_eq!(site.synced_file()?, file);

    site.branch.limit("nofile", None)?;
    site.sync()?;
    site.branch.wait_live("1001", "Alicia")?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.moves()?, moves);
    assert!(site.branch.is_running());
    Ok(())
}

/// As many sections as fit into the longest answer (64 MiB), about.
fn large(version: Version) -> Reply {
    let long = format!("set_var=X={}", "x".repeat(3000));
    let mut sections: Vec<Section> = Vec::new();
    for number in 0..5000 {
        let mut parts = user(version, &format!("{}", 10_000 + number)).into_iter();
        sections.extend(parts.next().map(|own| (0..3).fold(own, |own, _| own.with(&long))));
        sections.extend(parts);
    }
    Reply::of(&sections)
}

fn without_memory_for_a_large_answer_the_old_users_stay(version: Version) -> Result {
    let users = ["3001", "3002"];
    let (mut site, main) = FakeMain::with_users(version, &users)?;
    site.wait_status("Service", "Normal")?;
    let file = site.synced_file()?;
    let mut ami = site.branch.ami()?;
    main.answers(large(version));
    for mib in [8, 24, 48, 64, 96, 128, 160, 200, 256] {
        site.branch.limit("as", Some(site.branch.address_space()? + mib * 1024 * 1024))?;
        let before = status(&mut ami, "Syncs")?;
        ami.action("SynchSync", &[])?;
        until("the sync to end", GENEROUS, || status(&mut ami, "Syncs").is_ok_and(|now| now != before))?;
        eprintln!("{mib} MiB: {}", status(&mut ami, "SyncReason")?);
        assert_eq!(site.synced_file()?, file);
        site.branch.limit("as", None)?;
    }
    assert!(site.branch.is_running());
    Ok(())
}
