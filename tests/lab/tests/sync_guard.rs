//! Nothing takes the users away by accident: what shrank is held, what is torn is void, what was put back stays.

use std::thread::sleep;
use std::time::Duration;

use lab::command::run;
use lab::fake_main::{FakeMain, Reply};
use lab::wait::{GENEROUS, until};
use lab::{Context, Result, Site, Version};

lab::on_22_and_16!(
    a_user_that_the_branch_has_itself_is_left_out,
    a_version_without_users_is_not_put_back,
    a_sync_that_would_take_most_users_away_is_held,
    a_sync_that_takes_half_of_the_users_is_not_held,
    users_that_go_in_small_steps_are_held_over_a_restart_and_go_by_name,
    a_version_put_back_is_live_and_held,
    only_so_many_versions_are_kept,
    a_line_missing_in_the_middle_voids_the_answer,
    a_section_missing_in_the_middle_voids_the_answer,
    lines_missing_at_the_end_of_a_section_void_the_answer,
    lines_missing_at_the_very_end_void_the_answer,
    what_a_real_main_leaves_out_voids_the_answer,
    an_answer_cut_off_is_void,
    an_empty_answer_is_void,
    a_line_that_is_no_header_voids_the_answer,
    an_answer_to_somebody_else_is_not_taken_for_ours,
);

const FOUR: [&str; 4] = ["3001", "3002", "3003", "3004"];

fn a_sync_that_would_take_most_users_away_is_held(version: Version) -> Result {
    let (site, main) = FakeMain::with_users(version, &FOUR)?;
    let file = site.synced_file()?;
    main.answers(Reply::users(version, &["3002"]));
    // Not once and not twice over AMI: only a person who types the command has read why it is held.
    let mut ami = site.branch.ami()?;
    for round in 2..4 {
        assert!(ami.action("SynchSync", &[])?.is_success());
        main.wait_asked(round)?;
        site.wait_unsynced("held: it would take away 3 of 4 users, more than max_shrink = 50 percent")?;
    }
    assert_eq!(site.synced_file()?, file);
    assert_eq!(site.branch.live_users()?, FOUR);
    assert_eq!(site.status("Users")?, "4");

    site.branch.rx("synch sync")?;
    site.wait_status("Users", "1")?;
    site.wait_status("Sync", "Synced")?;
    site.branch.wait_live_users(&["3002"])
}

fn a_sync_that_takes_half_of_the_users_is_not_held(version: Version) -> Result {
    let (site, main) = FakeMain::with_users(version, &FOUR)?;
    main.answers(Reply::users(version, &["3001", "3003"]));
    site.sync()?;
    site.wait_status("Users", "2")?;
    site.wait_status("Sync", "Synced")?;
    site.branch.wait_live_users(&["3001", "3003"])
}

fn users_that_go_in_small_steps_are_held_over_a_restart_and_go_by_name(version: Version) -> Result {
    let eight: Vec<String> = (3001..=3008).map(|number| number.to_string()).collect();
    let users = |some: &[usize]| -> Reply {
        let names: Vec<&str> = some.iter().filter_map(|number| Some(eight.get(*number)?.as_str())).collect();
        Reply::users(version, &names)
    };
    let all: Vec<&str> = eight.iter().map(String::as_str).collect();
    let (mut site, main) = FakeMain::with_users(version, &all)?;
    for (left, some) in [("6", &[0, 1, 2, 3, 4, 5][..]), ("4", &[0, 1, 2, 3])] {
        main.answers(users(some));
        site.sync()?;
        site.wait_status("Users", left)?;
    }
    main.answers(users(&[0, 1, 2]));
    let held = "held: it would take away 1 of 8 users after the 4 that have gone within 24 hours";
    site.sync()?;
    site.wait_unsynced(held)?;
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_unsynced(held)?;
    assert_eq!(site.branch.live_users()?, FOUR);
    assert_eq!(site.status("HeldRemoval")?, "1 user");
    let shown = site.branch.rx("synch show users")?;
    assert!(shown.contains("held: user 3004 is missing on the main"), "{shown}");

    // Another one is gone before the word is given: neither goes, and both are shown.
    main.answers(users(&[0, 1]));
    let said = site.branch.rx("synch sync")?;
    assert!(said.contains("1 user"), "{said}");
    site.wait_unsynced("held: it would take away 2 of 8 users")?;
    assert_eq!(site.branch.live_users()?, FOUR);
    let shown = site.branch.rx("synch show users")?;
    assert!(shown.contains("held: user 3003 ") && shown.contains("held: user 3004 "), "{shown}");
    site.branch.rx("synch sync")?;
    site.wait_status("Users", "2")?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.status("HeldRemoval")?, "");
    Ok(())
}

fn a_version_put_back_is_live_and_held(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "interval = 300", "interval = 1")?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    let first = site.synced_file()?;
    site.edit_users("Alice <1001>", "Alicia <1001>")?;
    site.wait_status("SyncVersion", "2")?;
    site.branch.wait_live("1001", "Alicia")?;

    let refused = site.branch.rx("synch rollback 7")?;
    assert!(refused.contains("There is no version '7'"), "{refused}");
    site.branch.rx("synch rollback 1")?;
    site.wait_status("HeldVersion", "1")?;
    site.branch.wait_live("1001", "Alice")?;
    assert_held(&site, &first)?;
    // Several turns of the timer. A held sync leaves no trace that could be waited for.
    sleep(Duration::from_secs(4));
    assert_held(&site, &first)?;

    site.branch.stop()?;
    site.branch.start()?;
    site.wait_unsynced("version 1 is held")?;
    sleep(Duration::from_secs(4));
    assert_held(&site, &first)?;
    assert!(site.branch.live_user("1001")?.contains("Alice"));

    site.sync()?;
    site.branch.wait_live("1001", "Alicia")?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.status("HeldVersion")?, "");
    assert_eq!(in_force(&site)?, ["2"]);
    Ok(())
}

fn assert_held(site: &Site, file: &str) -> Result {
    assert_eq!(site.synced_file()?, file);
    assert_eq!(site.status("HeldVersion")?, "1");
    assert_eq!(site.status("Sync")?, "Unsynced");
    assert_eq!(in_force(site)?, ["1"]);
    assert!(site.branch.rx("synch show versions")?.contains("Version 1 is held until 'synch sync'."));
    Ok(())
}

/// The versions that `synch show versions` marks.
fn in_force(site: &Site) -> Result<Vec<String>> {
    let versions = site.branch.rx("synch show versions")?;
    let marked = versions.lines().filter_map(|line| line.strip_prefix('*'));
    Ok(marked.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn only_so_many_versions_are_kept(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "[sync]", "[sync]\nversions = 2")?;
    let main = FakeMain::in_place_of_main(&site, Reply::users(version, &FOUR))?;
    site.branch.start()?;
    site.wait_status("SyncVersion", "1")?;
    for (number, users) in [("2", ["3001", "3002", "3003"]), ("3", ["3001", "3002", "3004"])] {
        main.answers(Reply::users(version, &users));
        site.sync()?;
        site.wait_status("SyncVersion", number)?;
    }
    let entries = std::fs::read_dir(site.versions_path()).context("the folder of the versions")?;
    let mut kept: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["000002.conf", "000003.conf"]);
    let shown = site.branch.rx("synch show versions")?;
    assert!(shown.contains("2 versions"), "{shown}");
    let refused = site.branch.rx("synch rollback 1")?;
    assert!(refused.contains("There is no version '1'"), "{refused}");
    assert_eq!(in_force(&site)?, ["3"]);
    Ok(())
}

/// Lets the main answer like that when the branch has its users already: nothing changes, and it is said why. Then the
/// main answers well again.
fn void(version: Version, torn: impl FnOnce(Reply) -> Reply, why: &str) -> Result {
    let (site, main) = FakeMain::with_users(version, &FOUR)?;
    let file = site.synced_file()?;
    // One more than before: whatever of it was taken would show.
    let five = Reply::users(version, &["3001", "3002", "3003", "3004", "3005"]);
    main.answers(torn(five.clone()));
    site.sync()?;
    site.wait_unsynced(why)?;
    assert_eq!(site.synced_file()?, file);
    assert_eq!(site.branch.live_users()?, FOUR);
    assert_eq!(site.status("Users")?, "4");
    // What a person insists on is still no answer.
    site.sync()?;
    main.wait_asked(3)?;
    site.wait_unsynced(why)?;
    assert_eq!(site.synced_file()?, file);

    main.answers(five);
    site.sync()?;
    site.wait_status("Users", "5")?;
    site.wait_status("Sync", "Synced")
}

fn a_line_missing_in_the_middle_voids_the_answer(version: Version) -> Result {
    void(version, |reply| reply.without("Line-000000-000001:"), "'Line-000000-000002' came instead of")
}

fn a_section_missing_in_the_middle_voids_the_answer(version: Version) -> Result {
    let torn = |reply: Reply| reply.without("Category-000002").without("Line-000002");
    void(version, torn, "'Category-000003' came instead of")
}

/// What a real main does whose `writetimeout` has passed: no gap shows, but it closes the connection.
fn lines_missing_at_the_end_of_a_section_void_the_answer(version: Version) -> Result {
    let last = match version {
        Version::V22 => "Line-000001-000001",
        Version::V16 => "Line-000001-000003",
    };
    void(version, |reply| reply.without(last).and_closes(), "lines of it are lost")
}

fn lines_missing_at_the_very_end_void_the_answer(version: Version) -> Result {
    let last = match version {
        Version::V22 => "Line-000014-000003",
        Version::V16 => "Line-000004-000003",
    };
    void(version, |reply| reply.without(last).and_closes(), "lines of it are lost")
}

/// A line that stands still in the middle of a long answer: the real main waits 100 ms, leaves out what it had to say and
/// closes the connection.
fn what_a_real_main_leaves_out_voids_the_answer(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    // By the name of a section the main can't filter: it sends all of them.
    let by_name = "filter_key = categoryname\nfilter_value = ^100[123]\n";
    let by_account = "filter_key = accountcode\nfilter_value = ^HeadOffice$\n";
    site.branch.edit_conf("res_synch.conf", by_account, by_name)?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    site.wait_status("Monitor", "Stable")?;
    let old = site.synced_file()?;
    let conf = site.main.read_conf(version.users_file())?;
    // More than the system keeps for a reader that does not read.
    let long = "x".repeat(1000);
    let other = |number: u32| {
        let head = format!("[{number}]\ntype=friend\naccountcode=DevOps\n");
        head + &format!("context={long}\n").repeat(5)
    };
    let others: String = (20_000..24_000).map(other).collect();
    let changed = conf.replace("Alice <1001>", "Alicia <1001>");
    site.main.write_conf(version.users_file(), &format!("{others}{changed}"))?;

    // The long lines don't come through, and soon the main can write no more. Each line that it could not write within
    // its time is lost.
    site.net.drop_packets("tcp sport 5038 meta length > 1000")?;
    site.sync()?;
    let sockets = ["ss", "-Htn", "state", "established", "sport = :5038"];
    let waits = |socket: &str| {
        let unsent = socket.split_whitespace().nth(1).and_then(|octets| octets.parse().ok());
        unsent.is_some_and(|octets: usize| octets > 10_000)
    };
    let stands_still =
        || run(&mut site.main.host().command(&sockets)).is_ok_and(|all| all.lines().any(waits));
    until("the main to stand still", GENEROUS, stands_still)?;
    sleep(Duration::from_secs(1));
    site.net.restore()?;
    let reason = site.wait_unsynced("")?;
    assert!(
        reason.contains("lines of it are lost") || reason.contains("lines of the answer are missing"),
        "{reason}"
    );
    assert_eq!(site.synced_file()?, old);
    assert_eq!(site.branch.live_users()?, ["1001", "1002", "1003"]);

    site.sync()?;
    site.wait_status("Sync", "Synced")?;
    site.branch.wait_live("1001", "Alicia")
}

fn an_answer_cut_off_is_void(version: Version) -> Result {
    void(version, Reply::cut_off, "connection closed by the main while waiting for the answer to GetConfig")
}

fn an_empty_answer_is_void(version: Version) -> Result {
    void(version, |_| Reply::of(&[]), "nobody on the main has filter_key")
}

fn a_line_that_is_no_header_voids_the_answer(version: Version) -> Result {
    void(version, |reply| reply.with_line("#exec touch /tmp/never"), "garbled: '#exec touch /tmp/never'")
}

fn an_answer_to_somebody_else_is_not_taken_for_ours(version: Version) -> Result {
    let (site, main) = FakeMain::with_users(version, &FOUR)?;
    let others = "Response: Success\r\nActionID: synch-99\r\nCategory-000000: 9999\r\n\
                  Line-000000-000000: accountcode=HeadOffice\r\n\r\n\
                  Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n\
                  Response: Error\r\nActionID: another\r\nMessage: not for you\r\n\r\n";
    main.answers(Reply::users(version, &["3001", "3002", "3003"]).behind(others));
    site.sync()?;
    site.wait_status("Users", "3")?;
    site.wait_status("Sync", "Synced")?;
    site.branch.wait_live_users(&["3001", "3002", "3003"])
}

/// Two of one name and type would take all of that type away at the next start of Asterisk.
fn a_user_that_the_branch_has_itself_is_left_out(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let own = match version {
        Version::V22 => "[1002]\ntype = endpoint\ncontext = own\n",
        Version::V16 => "[1002]\ntype = friend\nhost = dynamic\ncontext = own\n",
    };
    let conf = site.branch.read_conf(version.including_file())?;
    site.branch.write_conf(version.including_file(), &format!("{conf}\n{own}"))?;
    site.start()?;
    site.wait_status("Sync", "Synced")?;
    let users = site.branch.rx("synch show users")?;
    assert!(users.contains("left out: 1002") && users.contains("2 of 2 users"), "{users}");
    site.branch.kill_9()?;
    site.branch.start()?;
    assert_eq!(site.branch.live_users()?, ["1001", "1002", "1003"]);
    assert!(site.branch.live_user("1002")?.contains("own"));
    Ok(())
}

fn a_version_without_users_is_not_put_back(version: Version) -> Result {
    let site = Site::synced(version)?;
    let file = site.synced_file()?;
    std::fs::write(site.versions_path().join("000001.conf"), "").context("the version")?;
    site.branch.rx("synch rollback 1")?;
    site.wait_unsynced("holds no user")?;
    assert_eq!(site.synced_file()?, file);
    assert_eq!(site.status("HeldVersion")?, "");
    Ok(())
}
