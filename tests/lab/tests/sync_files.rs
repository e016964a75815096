//! The synced file on disk: equal content is left alone, nobody else reads it, and it is whole whatever happens.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::fake_main::{FakeMain, Reply, Section, account, user};
use lab::wait::{GENEROUS, until, until_value};
use lab::{Context, Result, Site, Version};

lab::on_22_and_16!(
    equal_content_is_neither_written_nor_reloaded,
    only_the_owner_reads_what_is_synced,
    a_full_disk_is_named_and_the_old_file_stays_whole,
    a_read_only_folder_is_named_and_the_old_file_stays_whole,
    a_full_disk_for_versions_is_named_and_the_old_file_stays_whole,
    a_disk_that_has_room_again_needs_nobody,
    what_a_disk_had_no_room_for_is_kept_when_it_has,
    what_a_killed_process_left_half_written_goes,
    a_kill_in_mid_write_leaves_a_whole_file,
);

fn metadata(path: &Path) -> Result<Metadata> {
    fs::metadata(path).context(path.display())
}

fn equal_content_is_neither_written_nor_reloaded(version: Version) -> Result {
    let site = Site::synced(version)?;
    let mut ami = site.branch.ami()?;
    let before = metadata(&site.synced_path())?;
    for _ in 0..2 {
        // It is told to the second when the last sync succeeded: only that shows that one has ended.
        let last = site.status("LastSync")?;
        until_value("another second", GENEROUS, || site.status("Timestamp"), |now| now != last)?;
        site.sync()?;
        until_value("the sync to end", GENEROUS, || site.status("LastSync"), |now| now != last)?;
    }
    let after = metadata(&site.synced_path())?;
    assert_eq!((before.ino(), before.modified().ok()), (after.ino(), after.modified().ok()));
    assert!(site.branch.rx("synch show versions")?.contains("1 version\n"));

    // Events come in order: had there been a reload, it would come before this.
    ami.action("UserEvent", &[("UserEvent", "Marker")])?;
    let next = |event: &lab::ami::Message| matches!(event.get("Event"), Some("Reload" | "UserEvent"));
    let first = ami.event_where("a reload or the marker", GENEROUS, next)?;
    assert_eq!(first.get("Event"), Some("UserEvent"), "{first:?}");

    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.sync()?;
    let reload = ami.event("Reload", GENEROUS)?;
    assert_eq!(reload.get("Module"), Some(version.sip_module()));
    site.wait_status("SyncVersion", "2")?;
    assert_ne!(metadata(&site.synced_path())?.ino(), before.ino());
    Ok(())
}

fn only_the_owner_reads_what_is_synced(version: Version) -> Result {
    let site = Site::synced(version)?;
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.sync()?;
    site.wait_status("SyncVersion", "2")?;
    let versions = site.versions_path();
    let mut files = vec![site.synced_path()];
    for entry in fs::read_dir(&versions).context(versions.display())?.flatten() {
        files.push(entry.path());
    }
    assert_eq!(files.len(), 3, "{files:?}");
    for file in &files {
        let mode = metadata(file)?.permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{} has {mode:o}", file.display());
        assert!(fs::read_to_string(file).context(file.display())?.contains("secret-1001"));
    }
    for folder in [Some(versions.as_path()), versions.parent()] {
        let folder = folder.context("the folder of the versions")?;
        let mode = metadata(folder)?.permissions().mode() & 0o7777;
        assert_eq!(mode, 0o700, "{} has {mode:o}", folder.display());
    }
    assert_eq!(site.temporary_files().len(), 0);
    Ok(())
}

/// Makes writing impossible, changes a user on the main, and makes writing possible again. All of it where only the
/// branch's process sees it.
fn unwritable(version: Version, spoil: &str, why: &str, heal: &str) -> Result {
    let site = Site::synced(version)?;
    let see = |file: &str| site.branch.in_its_mounts(&format!("cat \"$1/{file}\""));
    let file = format!("etc/{}", version.synced_file());
    let old = see(&file)?;
    site.branch.in_its_mounts(spoil)?;
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.sync()?;
    site.wait_unsynced(why)?;
    assert_eq!(see(&file)?, old);
    assert_eq!(site.branch.in_its_mounts("ls -A \"$1/etc\" | grep '\\.tmp$' || true")?, "");
    assert!(site.branch.live_user("1001")?.contains("Alice"));
    assert_eq!(site.status("Users")?, "3");

    site.branch.in_its_mounts(heal)?;
    site.sync()?;
    site.branch.wait_live("1001", "Alicia")?;
    site.wait_status("Sync", "Synced")?;
    assert!(see(&file)?.contains("Alicia"));
    Ok(())
}

fn a_full_disk_is_named_and_the_old_file_stays_whole(version: Version) -> Result {
    let spoil = "cp -a \"$1/etc\" \"$1/run/etc\"; mount -t tmpfs -o size=256k tmpfs \"$1/etc\"; \
                 cp -a \"$1/run/etc/.\" \"$1/etc\"; cat /dev/zero >\"$1/etc/filler\" || true";
    unwritable(version, spoil, "No space left on device", "rm \"$1/etc/filler\"")
}

fn a_read_only_folder_is_named_and_the_old_file_stays_whole(version: Version) -> Result {
    let spoil = "mount --bind \"$1/etc\" \"$1/etc\"; mount -o remount,bind,ro \"$1/etc\"";
    unwritable(version, spoil, "Read-only file system", "umount \"$1/etc\"")
}

fn a_full_disk_for_versions_is_named_and_the_old_file_stays_whole(version: Version) -> Result {
    let spoil = "mount -t tmpfs -o size=64k tmpfs \"$1/var/synch\"; mkdir \"$1\"/var/synch/*_synch.conf || true; \
                 cat /dev/zero >\"$1/var/synch/filler\" || true";
    unwritable(version, spoil, "No space left on device", "umount \"$1/var/synch\"")
}

/// Fills the disk of `folder`, as only the branch's process sees it.
fn fill(site: &Site, folder: &str) -> Result {
    let script = format!(
        "cp -a \"$1/{folder}\" \"$1/run/copy\"; mount -t tmpfs -o size=256k tmpfs \"$1/{folder}\"; \
         cp -a \"$1/run/copy/.\" \"$1/{folder}\"; cat /dev/zero >\"$1/{folder}/filler\" || true"
    );
    site.branch.in_its_mounts(&script).map(drop)
}

fn make_room(site: &Site, folder: &str) -> Result {
    site.branch.in_its_mounts(&format!("rm \"$1/{folder}/filler\"")).map(drop)
}

fn a_disk_that_has_room_again_needs_nobody(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "interval = 300", "interval = 1")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    fill(&site, "etc")?;
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.wait_unsynced("No space left on device")?;
    make_room(&site, "etc")?;
    site.branch.wait_live("1001", "Alicia")?;
    site.wait_status("Sync", "Synced")
}

/// What a branch that starts in an outage knows: where the phones were, and everybody on the main.
fn what_a_disk_had_no_room_for_is_kept_when_it_has(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    site.serve()?;
    site.wait_directory()?;
    fill(&site, "var/synch")?;
    let _phone = site.phone_at(&site.main, "1001")?;
    site.add_user("2009", "DevOps")?;
    site.sync()?;
    site.branch.wait_log("Cannot save the directory for a restart", GENEROUS)?;
    site.branch.wait_log("Cannot save the phones' contacts for a restart", GENEROUS)?;
    site.wait_status("Sync", "Synced")?;

    make_room(&site, "var/synch")?;
    site.sync()?;
    for (file, wanted) in [("directory.txt", "2009"), ("contacts.txt", "1001")] {
        let see = || site.branch.in_its_mounts(&format!("cat \"$1/var/synch/{file}\" || true"));
        until_value(file, GENEROUS, see, |text| text.contains(wanted))?;
    }
    Ok(())
}

fn what_a_killed_process_left_half_written_goes(version: Version) -> Result {
    let mut site = Site::synced(version)?;
    site.branch.kill_9()?;
    let left = [
        site.synced_path().with_file_name(format!(".{}.tmp", version.synced_file())),
        site.versions_path().join(".000002.conf.tmp"),
    ];
    for path in &left {
        fs::write(path, "[1001]\ntype=fri").context(path.display())?;
    }
    assert_eq!(site.temporary_files().len(), 2);
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.temporary_files().len(), 0);
    assert_eq!(site.branch.live_users()?, ["1001", "1002", "1003"]);
    Ok(())
}

/// Users of the sites in the test below: enough that writing them takes a while.
const MANY: usize = 400;
/// How often the branch is killed there, unless SYNCH_KILLS says how often.
const KILLS: u32 = 20;

/// An answer with many users that is not the same each time.
fn many(version: Version, tag: &str) -> Reply {
    let names = (0..MANY).map(|number| format!("{}", 4000 + number));
    let sections = names.flat_map(|name| {
        let line = format!("callerid={tag} <{name}>");
        let own = account(version, &name, &name).with(line);
        std::iter::once(own).chain(user(version, &name).into_iter().skip(1))
    });
    Reply::of(&sections.collect::<Vec<Section>>())
}

fn a_kill_in_mid_write_leaves_a_whole_file(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let (one, two) = (many(version, "Ann"), many(version, "Bob"));
    let main = FakeMain::in_place_of_main(&site, one.clone())?;
    site.branch.start()?;
    site.wait_status("SyncVersion", "1")?;
    let first = site.synced_file()?;
    main.answers(two.clone());
    site.sync()?;
    site.wait_status("SyncVersion", "2")?;
    let second = site.synced_file()?;
    assert!(first.contains("Ann <4000>") && second.contains("Bob <4399>"));

    let wanted = std::env::var("SYNCH_KILLS").ok().and_then(|count| count.parse().ok());
    let kills: u32 = wanted.unwrap_or(KILLS);
    let mut in_mid_write = 0;
    for round in 0..kills {
        // A sync that changes the file, and the kill somewhere in it: in every other round as soon as something is
        // half-written, else after a while.
        main.answers(if round % 2 == 0 { one.clone() } else { two.clone() });
        site.sync()?;
        if round % 2 == 0 {
            let patience = Instant::now() + Duration::from_secs(5);
            while site.temporary_files().is_empty() && Instant::now() < patience {}
        } else {
            sleep(Duration::from_millis(u64::from(round * 37 % 150)));
        }
        site.branch.kill_9()?;
        in_mid_write += usize::from(!site.temporary_files().is_empty());
        let found = site.synced_file()?;
        let lengths = [first.len(), second.len()];
        assert!(found == first || found == second, "round {round}: {} bytes of {lengths:?}", found.len());
        site.branch.start()?;
        // A reload of chan_sip takes one peer after the other out for a moment.
        let live = || site.branch.live_users().is_ok_and(|users| users.len() == MANY);
        until("all users to be live", GENEROUS, live)?;
        site.wait_status("Sync", "Synced")?;
        assert_eq!(site.temporary_files().len(), 0, "round {round}");
    }
    eprintln!("{in_mid_write} of {kills} kills hit a file that was being written");
    assert!(in_mid_write > 0, "not one of {kills} kills hit a file that was being written");
    Ok(())
}
