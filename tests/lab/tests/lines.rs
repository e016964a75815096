//! A line of the main's that the branch can't take costs that line, never the user: what administrators and newer
//! versions write.

use lab::fake_main::{FakeMain, Reply, Section, with_pjsip_users};
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result, Site, Version};

lab::tests_on!(chan_sip, V16, a_peer_of_a_friend_template_is_a_friend);

lab::on_22_and_16!(
    a_newer_main_costs_an_older_branch_no_user,
    letters_that_no_file_holds_cost_no_user,
    a_user_who_worked_here_and_is_lost_is_named,
);

/// An endpoint with its aor and auth; the lines are the endpoint's own.
fn user(name: &str, aor: &[&str], auth: &[&str], lines: &[&[u8]]) -> Vec<Section> {
    let (aors, named) = (format!("aors={name}"), format!("auth={name}-auth"));
    let (username, password) = (format!("username={name}"), format!("password=secret-{name}"));
    let own = ["type=endpoint", &aors, &named, "disallow=all", "allow=ulaw", "accountcode=HeadOffice"];
    let endpoint = lines.iter().fold(Section::new(name, &own), |section, line| section.with(line));
    vec![
        endpoint,
        Section::new(name, &[&["type=aor", "max_contacts=1"], aor].concat()),
        Section::new(format!("{name}-auth"), &[&["type=auth", &username, &password], auth].concat()),
    ]
}

/// Options as 22 has them, of which 16 knows none, and some that neither does.
fn a_newer_main_costs_an_older_branch_no_user(version: Version) -> Result {
    let users = [
        user("5001", &[], &[], &[]),
        user("5002", &[], &[], &[b"tenantid=acme"]),
        user(
            "5003",
            &[],
            &[],
            &[b"codec_prefs_incoming_offer=prefer:pending, operation:intersect, keep:all, transcode:allow"],
        ),
        user("5004", &[], &[], &[b"suppress_moh_on_sendonly=yes", b"send_aoc=no"]),
        user("5005", &[], &[], &[b"100rel=peer_supported", b"tenantid=acme"]),
        user("5006", &["qualify_2xx_only=yes", "remove_unavailable=of course"], &[], &[]),
        user(
            "5007",
            &[],
            &["supported_algorithms_uas=MD5"],
            &[b"allow=opus-from-the-future", b"@tenantid=MY_COMPANY"],
        ),
    ];
    let (site, _main) = with_pjsip_users(version, &users.concat(), "")?;
    let names = ["5001", "5002", "5003", "5004", "5005", "5006", "5007"];
    assert_eq!(site.status("Users")?, names.len().to_string());
    assert_eq!(site.status("UsersLeftOut")?, "0");
    for name in names {
        let live = site.branch.rx(&format!("pjsip show endpoint {name}"))?;
        assert!(live.contains("(ulaw)"), "{name}: {live}");
        assert!(
            live.contains(&format!("InAuth:  {name}-auth/{name}")) && live.contains("Aor:"),
            "{name}: {live}"
        );
    }
    let shown = site.branch.rx("synch show user 5007")?;
    assert!(shown.contains("@tenantid") && shown.contains("opus-from-the-future"), "{shown}");
    let said = "This Asterisk does not accept every option of the main's users";
    site.branch.wait_log(said, GENEROUS)?;
    assert_eq!(site.branch.log().matches(said).count(), 1);
    if version == Version::V16 {
        let shown = site.branch.rx("synch show user 5005")?;
        for option in ["100rel", "tenantid"] {
            let line = shown.lines().find(|line| line.contains(option)).context(option)?;
            assert!(line.contains("this branch's Asterisk does not know this option"), "{shown}");
        }
    }
    Ok(())
}

/// A caller id in Latin-1, a TAB in what nobody takes, a list with an odd entry.
fn letters_that_no_file_holds_cost_no_user(version: Version) -> Result {
    let users = [
        user("5001", &[], &[], &[b"callerid=J\xfcrgen <5001>"]),
        user("5002", &[], &[], &[b"callerid=Ann <5002>", b"set_var=A=b\tc", b"allow=alaw,g7\xff22"]),
    ];
    let (site, _main) = with_pjsip_users(version, &users.concat(), "")?;
    assert_eq!((site.status("Users")?, site.status("UsersLeftOut")?), ("2".to_owned(), "0".to_owned()));
    let live = site.branch.rx("pjsip show endpoint 5001")?;
    assert!(live.contains("Jrgen"), "{live}");
    assert!(site.branch.rx("pjsip show endpoint 5002")?.contains("(ulaw|alaw)"));
    let shown = site.branch.rx("synch show user 5001")?;
    assert!(shown.contains("J\\xfcrgen") && shown.contains("are left out"), "{shown}");
    Ok(())
}

fn a_user_who_worked_here_and_is_lost_is_named(version: Version) -> Result {
    let users: Vec<Vec<Section>> =
        ["5001", "5002", "5003", "5004"].iter().map(|name| user(name, &[], &[], &[])).collect();
    let (site, main) = with_pjsip_users(version, &users.concat(), "")?;
    let mut edited = users.concat();
    edited.extend(user("5002", &[], &[], &[]));
    main.answers(Reply::of(&edited));
    site.sync()?;
    site.branch
        .wait_log("5002 was a user here, and the last sync left it out: it is defined twice", GENEROUS)?;
    site.wait_status("Users", "3")
}

/// `type = friend` in the template and `type = peer` in the section: chan_sip takes both together.
fn a_peer_of_a_friend_template_is_a_friend(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let peer = |name: &str, types: &[&str]| {
        Section::new(name, &[types, &["host=dynamic", "secret=x", "accountcode=HeadOffice"]].concat())
    };
    let sections = [
        peer("5001", &["type=friend", "type=peer"]),
        peer("5002", &["type=peer", "type=user"]),
        peer("5003", &["type=Peer"]),
    ];
    let _main = FakeMain::in_place_of_main(&site, Reply::of(&sections))?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.branch.live_users()?, ["5001", "5002", "5003"]);
    until_ok("the friends to be able to call", GENEROUS, || {
        let users = site.branch.rx("sip show users")?;
        let friends = users.contains("5001") && users.contains("5002");
        if friends { Ok(()) } else { Err(Error::new(users)) }
    })
}
