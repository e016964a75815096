//! A branch that the system gives no more descriptors or memory to: it says so, does what it still can, and goes on when
//! it is given some.

use lab::ami::Ami;
use lab::dns::a_record;
use lab::fake_main::{FakeMain, Reply, Section, user};
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
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

/// So many users of this site, each with this line besides.
fn users(version: Version, count: usize, line: &str) -> Reply {
    let of = |number: usize| {
        let mut parts = user(version, &(10_000 + number).to_string()).into_iter();
        let own: Option<Section> = parts.next().map(|own| own.with(line));
        own.into_iter().chain(parts)
    };
    Reply::of(&(0..count).flat_map(of).collect::<Vec<_>>())
}

/// Rust ends a process that is denied memory, unless it asks first: so it does where an answer is received, and where it is
/// to be worked on.
fn without_memory_for_a_large_answer_the_old_users_stay(version: Version) -> Result {
    const ROOM: u64 = 16 << 20;
    let (mut site, main) = FakeMain::with_users(version, &["3001", "3002"])?;
    site.wait_status("Service", "Normal")?;
    let file = site.synced_file()?;
    let mut ami = site.branch.ami()?;
    let line = |length: usize| format!("callerid={}", "x".repeat(length));
    // A user of chan_sip has one section, which is asked for once, one of res_pjsip three.
    let medium = if version == Version::V22 { 1 } else { 1200 };
    for (answer, why) in [
        (users(version, 5000, &line(8000)), "this system has no memory left for an answer of"),
        (users(version, 10_000, &line(medium)), "nothing was replaced. Give Asterisk more memory"),
    ] {
        main.answers(answer);
        site.branch.limit("as", Some(site.branch.address_space()? + ROOM))?;
        assert_unsynced(&mut ami, why)?;
        assert_eq!(site.synced_file()?, file);
        assert_eq!(a_record(site.branch.address(), NAME)?, site.net.main_address());
        site.branch.limit("as", None)?;
    }
    main.answers(Reply::users(version, &["3001", "3003"]));
    site.sync()?;
    site.wait_status("Sync", "Synced")?;
    site.branch.wait_live_users(&["3001", "3003"])?;
    assert!(site.branch.is_running());
    Ok(())
}
