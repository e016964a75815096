//! Nobody can be a user of this site without his password, whatever the main says of it.

use std::net::UdpSocket;
use std::time::Duration;

use lab::command::{run_with, words};
use lab::fake_main::{FakeMain, Reply, Section, user, with_pjsip_users};
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result, Site, Version};

lab::tests_on!(chan_sip, V16, nobody_is_a_peer_without_his_password);

lab::on_22_and_16!(
    nobody_is_a_pjsip_user_without_his_password,
    the_administrator_may_take_them_all_the_same,
    a_version_with_an_open_user_is_not_put_back,
);

/// The password of 5001; all others have none.
const PASSWORD: &str = "secret-5001";

/// A user of res_pjsip, with the lines of its auths.
fn pjsip_user(name: &str, auths: &[&[&str]]) -> Vec<Section> {
    let auth_names: Vec<String> = (0..auths.len()).map(|number| format!("{name}-{number}")).collect();
    let (aors, auth) = (format!("aors={name}"), format!("auth={}", auth_names.join(",")));
    let endpoint = ["type=endpoint", &aors, &auth, "disallow=all", "allow=ulaw", "accountcode=HeadOffice"];
    let mut sections =
        vec![Section::new(name, &endpoint), Section::new(name, &["type=aor", "max_contacts=2"])];
    for (auth_name, lines) in auth_names.iter().zip(auths) {
        let username = format!("username={name}");
        sections.push(Section::new(auth_name, &[&["type=auth", &username], *lines].concat()));
    }
    sections
}

/// The kinds of users who have no password, each with what is said of it.
fn open_pjsip_users() -> Vec<(Vec<Section>, &'static str)> {
    vec![
        (pjsip_user("5010", &[&["auth_type=userpass"]]), "its auth '5010-0' has no password"),
        (pjsip_user("5011", &[&["password="]]), "its auth '5011-0' has no password"),
        (pjsip_user("5012", &[&["password=x"], &["password="]]), "its auth '5012-1' has no password"),
        (pjsip_user("5013", &[&["auth_type=md5"]]), "its auth '5013-0' has no md5_cred"),
        (pjsip_user("5014", &[]), "it has no auth"),
        (pjsip_user("5015", &[&["password=x", "password="]]), "its auth '5015-0' has no password"),
        (
            pjsip_user("5016", &[&["auth_type=google_oauth"]]),
            "its auth '5016-0' has auth_type 'google_oauth'",
        ),
    ]
}

fn nobody_is_a_pjsip_user_without_his_password(version: Version) -> Result {
    let open = open_pjsip_users();
    let mut sections = user(Version::V22, "5001");
    sections.extend(open.iter().flat_map(|(sections, _)| sections.clone()));
    let (site, _main) = with_pjsip_users(version, &sections, "")?;
    assert_eq!(site.status("Users")?, "1");
    let shown = site.branch.rx("synch show users")?;
    for (_, said) in &open {
        assert!(shown.contains(said), "'{said}' is not in\n{shown}");
    }
    assert!(shown.contains("give it a password on the main"), "{shown}");
    for number in 5010..=5016 {
        assert_ne!(register(&site, &number.to_string(), "")?, 200, "{number}");
    }
    assert_ne!(register(&site, "5001", "")?, 200);
    assert_eq!(register(&site, "5001", PASSWORD)?, 200);
    Ok(())
}

fn nobody_is_a_peer_without_his_password(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let peer = |name: &str, lines: &[&str]| {
        Section::new(name, &[&["type=friend", "host=dynamic", "accountcode=HeadOffice"], lines].concat())
    };
    let sections = [
        peer("5001", &["secret=secret-5001"]),
        peer("5010", &[]),
        peer("5011", &["secret="]),
        peer("5012", &["secret=x", "secret=", "md5secret="]),
        peer("5013", &["remotesecret=x"]),
    ];
    let _main = FakeMain::in_place_of_main(&site, Reply::of(&sections))?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    assert_eq!(site.branch.live_users()?, ["5001"]);
    let shown = site.branch.rx("synch show users")?;
    assert_eq!(shown.matches("it has no secret, so anybody could call as this user").count(), 4, "{shown}");
    for number in 5010..=5013 {
        assert_ne!(register(&site, &number.to_string(), "")?, 200, "{number}");
    }
    assert_ne!(register(&site, "5001", "")?, 200);
    assert_eq!(register(&site, "5001", PASSWORD)?, 200);
    Ok(())
}

/// It also shows that the test would see a user who can be anybody: on 16, the empty password is the right one.
fn the_administrator_may_take_them_all_the_same(version: Version) -> Result {
    let sections = [user(Version::V22, "5001"), pjsip_user("5010", &[&["auth_type=userpass"]])].concat();
    let (site, _main) = with_pjsip_users(version, &sections, "[policy]\nopen_users = yes")?;
    assert_eq!(register(&site, "5001", PASSWORD)?, 200);
    if version == Version::V16 {
        assert_eq!(site.status("Users")?, "2");
        assert_eq!(register(&site, "5010", "")?, 200);
    }
    Ok(())
}

fn a_version_with_an_open_user_is_not_put_back(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let main = FakeMain::in_place_of_main(&site, Reply::of(&user(version, "5001")))?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    let file = site.synced_file()?;
    main.answers(Reply::of(&[user(version, "5001"), user(version, "5002")].concat()));
    site.sync()?;
    site.wait_status("Users", "2")?;
    // As an earlier version of the module has left it.
    let line = if version == Version::V16 { "secret = x\n" } else { "password = secret-5001\n" };
    assert!(file.contains(line), "{file}");
    std::fs::write(site.versions_path().join("000001.conf"), file.replace(line, ""))
        .context("the version")?;
    site.branch.rx("synch rollback 1")?;
    // The state is told by the log: the next sync may have ended by now.
    until_ok("it to be told", GENEROUS, || {
        match site.branch.log().contains("version 1 was not put back, because of its user 5001") {
            true => Ok(()),
            false => Err(Error::new("it is not")),
        }
    })?;
    assert_eq!(site.status("HeldVersion")?, "");
    assert_eq!(site.branch.live_users()?, ["5001", "5002"]);

    // And where it is in force already, it is told at the start.
    site.branch.kill_9()?;
    std::fs::write(site.synced_path(), file.replace(line, "")).context("the file in place")?;
    main.answers(Reply::of(&user(version, "5002")));
    site.branch.start()?;
    site.branch.wait_log(".conf, 5001 the first: ", GENEROUS)?;
    assert!(site.branch.log().contains("Anybody can call as 1 user in "));
    // That all users would go keeps nobody in force who can be anybody.
    site.wait_status("Sync", "Synced")?;
    site.branch.wait_live_users(&["5002"])
}

/// Registers at the branch as a phone would that has this password; the final code.
fn register(site: &Site, name: &str, password: &str) -> Result<u16> {
    let socket = UdpSocket::bind((site.net.own_address(), 0)).context("a socket")?;
    socket.connect((site.branch.address(), 5060)).context("the branch")?;
    socket.set_read_timeout(Some(Duration::from_secs(2))).context("its bound")?;
    let challenged = ask(&socket, site, name, 1, "")?;
    let (Some(realm), Some(nonce)) = (quoted(&challenged, "realm"), quoted(&challenged, "nonce")) else {
        return code(&challenged);
    };
    let uri = format!("sip:{}", site.branch.address());
    let secret = md5(&format!("{name}:{realm}:{password}"))?;
    let (request, qop) = (md5(&format!("REGISTER:{uri}"))?, challenged.contains("qop="));
    let between = if qop { format!("{nonce}:00000001:abc:auth") } else { nonce.clone() };
    let response = md5(&format!("{secret}:{between}:{request}"))?;
    let with_qop = if qop { ", qop=auth, nc=00000001, cnonce=\"abc\"" } else { "" };
    let opaque =
        quoted(&challenged, "opaque").map(|opaque| format!(", opaque=\"{opaque}\"")).unwrap_or_default();
    let authorization = format!(
        "Authorization: Digest username=\"{name}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5{opaque}{with_qop}\r\n"
    );
    code(&ask(&socket, site, name, 2, &authorization)?)
}

fn ask(socket: &UdpSocket, site: &Site, name: &str, number: u32, more: &str) -> Result<String> {
    let (here, there) = (socket.local_addr().context("our address")?, site.branch.address());
    let request = format!(
        "REGISTER sip:{there} SIP/2.0\r\nVia: SIP/2.0/UDP {here};rport;branch=z9hG4bK{}-{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{name}@{there}>;tag=t\r\nTo: <sip:{name}@{there}>\r\n\
         Call-ID: {}\r\nCSeq: {number} REGISTER\r\nContact: <sip:{name}@{here}>\r\nExpires: 60\r\n{more}\
         Content-Length: 0\r\n\r\n",
        here.port(),
        here.port(),
    );
    until_ok("the branch's answer", GENEROUS, || {
        socket.send(request.as_bytes()).context("the REGISTER")?;
        let mut octets = [0; 4096];
        loop {
            let length = socket.recv(&mut octets).context("the answer")?;
            let text = String::from_utf8_lossy(octets.get(..length).unwrap_or_default()).into_owned();
            if text.contains(&format!("CSeq: {number} REGISTER")) && code(&text)? >= 200 {
                return Ok(text);
            }
        }
    })
}

fn code(response: &str) -> Result<u16> {
    let code = response.split(' ').nth(1).and_then(|code| code.parse().ok());
    code.ok_or_else(|| Error::new(format!("no code in '{response}'")))
}

fn quoted(response: &str, key: &str) -> Option<String> {
    let (_, rest) = response.split_once(&format!("{key}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

fn md5(text: &str) -> Result<String> {
    let sum = run_with(&mut words(&["md5sum"]), text)?;
    Ok(sum.split_whitespace().next().unwrap_or_default().to_owned())
}
