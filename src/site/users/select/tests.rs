use regex::bytes::Regex;

use super::*;
use crate::uplink::ami::Frame;

/// A GetConfig answer from `[name] key=value key=value …`, one section a line.
pub(super) fn answer(sections: &str) -> Frame {
    let mut text = String::from("Response: Success\r\nActionID: synch-2\r\n");
    for (category, section) in sections.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let mut words = section.split_whitespace();
        let name = words.next().unwrap().trim_matches(['[', ']']);
        text += &format!("Category-{category:06}: {name}\r\n");
        for (number, word) in words.enumerate() {
            text += &format!("Line-{category:06}-{number:06}: {word}\r\n");
        }
    }
    Frame::new(text.into_bytes())
}

fn filter(key: &str, value: &str) -> Filter {
    let key = match key {
        "categoryname" => FilterKey::CategoryName,
        key => FilterKey::Variable(key.to_owned()),
    };
    Filter { key, value: Regex::new(value).unwrap() }
}

const NOBODY: Barred<'_> = Barred { local: &[], refused: &[], open: None };

/// Users, names of the sections in order, and who is left out why.
type Found = (Vec<String>, Vec<String>, Vec<String>);

fn found(technology: Technology, files: &[&str], filter: &Filter) -> Result<Found, SelectError> {
    let frames: Vec<_> = files.iter().map(|file| answer(file)).collect();
    let documents: Vec<_> = frames.iter().map(|frame| Document::read(frame).unwrap()).collect();
    let selection = select(&documents, technology, filter, &NOBODY)?;
    Ok((
        selection.users.iter().map(ToString::to_string).collect(),
        selection.sections.iter().map(|(_, section)| section.name().to_owned()).collect(),
        selection.left_out.iter().map(ToString::to_string).collect(),
    ))
}

fn pjsip(files: &[&str], filter: &Filter) -> Found {
    found(Technology::Pjsip, files, filter).unwrap()
}

const ENDPOINTS: &str = "
[1002] type=endpoint accountcode=HeadOffice aors=1002 auth=1002-auth
[1001] type=endpoint accountcode=Branch aors=1001 auth=1001-auth
[1003] type=endpoint accountcode=HeadOffice aors=shared,1003 auth=1002-auth outbound_auth=out
[1004] type=endpoint accountcode=headoffice aors=1004";
const AORS: &str = "
[1001] type=aor
[1003] type=aor
[shared] type=aor
[1002] type=aor";
const AUTHS: &str = "
[1001-auth] type=auth
[out] type=auth
[1002-auth] type=auth";

#[test]
fn users_come_with_all_they_name_in_the_order_of_the_main() {
    let (users, sections, left_out) =
        pjsip(&[ENDPOINTS, AORS, AUTHS], &filter("AccountCode", "^HeadOffice$"));
    assert_eq!(users, ["1002", "1003"]);
    assert_eq!(sections, ["1002", "1003", "1003", "shared", "1002", "1002-auth"]);
    assert!(left_out.is_empty());
}

#[test]
fn files_may_come_in_any_order() {
    let (users, sections, _) = pjsip(&[AUTHS, AORS, ENDPOINTS], &filter("categoryname", "^1001$"));
    assert_eq!((users.len(), sections), (1, ["1001-auth", "1001", "1001"].map(str::to_owned).to_vec()));
}

#[test]
fn a_user_is_complete_or_left_out_with_a_reason() {
    for (endpoint, reason) in [
        ("[9] type=endpoint", "it names no aor"),
        ("[9] type=endpoint aors=,", "it names no aor"),
        ("[9] type=endpoint aors=none", "its aors 'none' is missing in the files that [sync] files names"),
        (
            "[9] type=endpoint aors=1001 auth=none",
            "its auth 'none' is missing in the files that [sync] files names",
        ),
        (
            "[9] type=endpoint aors=1001 auth=1001",
            "its auth '1001' is missing in the files that [sync] files names",
        ),
        (
            "[9] type=endpoint aors=1001\n[9] type=endpoint aors=1001",
            "it is defined twice: merge the two sections on the main",
        ),
        ("[9] type=endpoint aors=x\n[x] type=aor\n[x] type=aor", "its aors 'x' is defined twice"),
        (
            "[9] type=endpoint aors=x\n[x] type=identify type=aor",
            "its aors 'x' is missing in the files that [sync] files names",
        ),
        ("[9] type=transport bind=0.0.0.0", "type 'transport' is not taken over"),
        ("[9] aors=1001", "it has no type"),
        ("[9] type=Endpoint aors=1001", "type 'Endpoint' is not taken over"),
    ] {
        let (users, sections, left_out) =
            pjsip(&[endpoint, ENDPOINTS, AORS, AUTHS], &filter("categoryname", "^(9|1001)$"));
        assert_eq!(users, ["1001"], "{endpoint}");
        assert_eq!(sections, ["1001", "1001", "1001-auth"], "{endpoint}");
        assert_eq!(left_out, [format!("9 is left out: {reason}")], "{endpoint}");
    }
}

/// A mobile that was given up, or one whose address is in a database.
#[test]
fn one_address_of_several_is_enough() {
    let endpoint = "[9] type=endpoint aors=gone,1001 auth=1001-auth";
    let (users, sections, left_out) = pjsip(&[endpoint, AORS, AUTHS], &filter("categoryname", "^9$"));
    assert_eq!((users.as_slice(), sections.len()), (["9".to_owned()].as_slice(), 3));
    assert_eq!(left_out, [""; 0]);
}

#[test]
fn another_section_of_a_users_name_is_no_user_left_out() {
    let file =
        "[1001] type=identify endpoint=1001 match=192.0.2.1\n[1001] type=phoneprov MAC=x\n[5] type=identify";
    let (users, _, left_out) = pjsip(&[file, ENDPOINTS, AORS, AUTHS], &filter("categoryname", "^(1001|5)$"));
    assert_eq!(users, ["1001"]);
    assert_eq!(left_out, ["5 is left out: type 'identify' is not taken over"]);
}

#[test]
fn of_a_list_given_twice_the_last_counts() {
    let endpoint = "[9] type=endpoint aors=none aors=1001,1003";
    let (users, sections, _) = pjsip(&[endpoint, AORS], &filter("categoryname", "9"));
    assert_eq!((users.len(), sections.len()), (1, 3));
    let frame = Frame::new(
        b"Category-000000: 9\nLine-000000-000000: type=endpoint\nLine-000000-000001: aors= 1001 , 1003\n"
            .to_vec(),
    );
    let aors = answer(AORS);
    let documents = [Document::read(&frame).unwrap(), Document::read(&aors).unwrap()];
    let selection = select(&documents, Technology::Pjsip, &filter("type", "endpoint"), &NOBODY);
    // The blank in front can't be written back; the names behind it are found all the same.
    let left_out = selection.unwrap_err().left_out;
    assert_eq!(left_out[0].reason, Reason::Violation(Violation::Value("aors".to_owned())));
}

#[test]
fn any_variable_of_a_channel_may_match() {
    let endpoint = "[9] type=endpoint aors=1001 set_var=SITE=a set_var=SITE=b set_var=SITE=c";
    assert_eq!(pjsip(&[endpoint, AORS], &filter("set_var", "^SITE=b$")).0, ["9"]);
}

/// The first one is a template's.
#[test]
fn of_any_other_key_the_last_value_counts() {
    let endpoints = "
[9] type=endpoint aors=1001 accountcode=HeadOffice accountcode=DevOps
[8] type=endpoint aors=1001 accountcode=DevOps AccountCode=HeadOffice";
    assert_eq!(pjsip(&[endpoints, AORS], &filter("accountcode", "^HeadOffice$")).0, ["8"]);
}

#[test]
fn sip_users_stand_alone() {
    let file = "
        [1001] type=friend context=site call-limit=4
        [1002] type=peer context=other
        [1003] type=user context=site
        [general] type=friend context=site
        [trunk] type=registration context=site
        [Dup] type=friend context=site
        [dup] type=friend context=other";
    let (users, sections, left_out) = found(Technology::Sip, &[file], &filter("context", "^site$")).unwrap();
    assert_eq!(users, ["1001", "1003"]);
    assert_eq!(sections, users);
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    assert!(left_out[2].contains("defined twice"), "{left_out:?}");
}

#[test]
fn nobody_is_an_error_that_says_what_was_looked_at() {
    let error = found(Technology::Pjsip, &[ENDPOINTS, AORS, AUTHS], &filter("accountcode", "^Nowhere$"));
    assert_eq!(
        error.unwrap_err().to_string(),
        "none of the 11 sections on the main is a user with filter_key = accountcode, filter_value = ^Nowhere$"
    );
    let error = found(Technology::Pjsip, &[ENDPOINTS], &filter("accountcode", "Office"));
    assert_eq!(
        error.unwrap_err().to_string(),
        "all 2 with filter_key = accountcode, filter_value = Office among 4 sections are left out; \
         the first: 1002 is left out: its aors '1002' is missing in the files that [sync] files names"
    );
    let error = found(Technology::Pjsip, &[], &filter("accountcode", "Office"));
    assert_eq!(
        error.unwrap_err().to_string(),
        "nobody on the main has filter_key = accountcode, filter_value = Office; users in a database \
         (ps_endpoints) are in no file: let synch on the main export them, or write those of this site into a file"
    );
    // As some write it: Asterisk's files know no quotes.
    let error = found(Technology::Pjsip, &[ENDPOINTS], &filter("accountcode", "\"^HeadOffice$\""));
    assert!(error.unwrap_err().to_string().contains("the quotes count as part of the value: leave them out"));
}

#[test]
fn who_would_take_the_branchs_own_sections_away_is_left_out() {
    let frames = [ENDPOINTS, AORS, AUTHS].map(answer);
    let documents: Vec<_> = frames.iter().map(|frame| Document::read(frame).unwrap()).collect();
    let office = filter("accountcode", "^HeadOffice$");
    let left_out = |local: &[(Kind, String)]| {
        let selection = select(&documents, Technology::Pjsip, &office, &Barred { local, ..NOBODY }).unwrap();
        selection.left_out.into_iter().map(|left| (left.name, left.reason)).collect::<Vec<_>>()
    };
    // An endpoint of the branch does not clash with an aor of the same name.
    assert!(
        left_out(&[(Kind::Endpoint, "shared".to_owned()), (Kind::Aor, "1002-auth".to_owned())]).is_empty()
    );
    assert_eq!(left_out(&[(Kind::Endpoint, "1002".to_owned())]), [("1002".to_owned(), Reason::Local)]);
    let reason = Reason::PartLocal { key: "aors", name: "shared".to_owned() };
    assert_eq!(left_out(&[(Kind::Aor, "shared".to_owned())]), [("1003".to_owned(), reason)]);
}

/// Who is left out of these sections because anybody could be it.
fn open(technology: Technology, file: &str, settings: &crate::settings::Policy) -> Vec<String> {
    let frame = answer(file);
    let documents = [Document::read(&frame).unwrap()];
    let all = filter("categoryname", "^[0-9]");
    let policy = Policy {
        settings,
        dialplan: None,
        boxes: true,
        unnamed: "default",
        declined: &crate::site::users::Declined::default(),
    };
    let left_out = match select(&documents, technology, &all, &Barred { open: Some(policy), ..NOBODY }) {
        Ok(selection) => selection.left_out,
        Err(error) => error.left_out,
    };
    let open = left_out.iter().filter(|left_out| matches!(left_out.reason, Reason::Open(_)));
    open.map(|left_out| left_out.name.clone()).collect()
}

#[test]
fn who_needs_no_password_is_left_out_unless_the_administrator_says_so() {
    let settings = super::super::policy::tests::settings();
    let aor = "[9] type=aor";
    for (technology, file) in [
        (Technology::Pjsip, "[9] type=endpoint aors=9 auth="),
        (Technology::Pjsip, "[9] type=endpoint aors=9 auth=a\n[a] type=auth username=9"),
        (Technology::Pjsip, "[9] type=endpoint aors=9 auth=a\n[a] type=auth username=9 password="),
        (
            Technology::Pjsip,
            "[9] type=endpoint aors=9 auth=a\n[a] type=auth password=x auth_type=md5 password= md5_cred=",
        ),
        (
            Technology::Pjsip,
            "[9] type=endpoint aors=9 auth=a,b\n[a] type=auth password=x\n[b] type=auth password=",
        ),
        (Technology::Pjsip, "[9] type=endpoint aors=9 auth=a\n[a] type=auth auth_type=google_oauth"),
        (Technology::Sip, "[9] type=friend secret= host=dynamic"),
    ] {
        let file = format!("{file}\n{aor}");
        assert_eq!(open(technology, &file, &settings), ["9"], "{file}");
        let frame = answer(&file);
        let documents = [Document::read(&frame).unwrap()];
        let taken = select(&documents, technology, &filter("categoryname", "^9$"), &NOBODY).unwrap();
        assert_eq!(taken.users, ["9"]);
    }
}

#[test]
fn the_reason_names_the_auth_and_the_remedy() {
    let frame = answer("[9] type=endpoint aors=9 auth=nine\n[9] type=aor\n[nine] type=auth username=9");
    let documents = [Document::read(&frame).unwrap()];
    let settings = super::super::policy::tests::settings();
    let policy = Policy {
        settings: &settings,
        dialplan: None,
        boxes: true,
        unnamed: "default",
        declined: &crate::site::users::Declined::default(),
    };
    let barred = Barred { open: Some(policy), ..NOBODY };
    let error = select(&documents, Technology::Pjsip, &filter("categoryname", "^9$"), &barred).unwrap_err();
    assert_eq!(
        error.left_out[0].to_string(),
        "9 is left out: its auth 'nine' has no password, so anybody could call as this user: give it a \
         password on the main, or set [policy] open_users = yes to take it anyway"
    );
}

#[test]
fn one_password_is_enough() {
    let settings = super::super::policy::tests::settings();
    for (technology, file) in [
        (Technology::Pjsip, "[9] type=endpoint aors=9 auth=a\n[9] type=aor\n[a] type=auth password=x"),
        (
            Technology::Pjsip,
            "[9] type=endpoint aors=9 auth=a,a\n[9] type=aor\n[a] type=auth auth_type=md5 md5_cred=x",
        ),
        (Technology::Sip, "[9] type=friend secret=x"),
        (Technology::Sip, "[9] type=friend md5secret=x"),
    ] {
        assert!(open(technology, file, &settings).is_empty(), "{file}");
    }
}

#[test]
fn what_the_branch_drops_and_sets_counts_and_not_what_the_main_has() {
    let pjsip = "[9] type=endpoint aors=9 auth=a\n[9] type=aor\n[a] type=auth password=x\n\
                 [8] type=endpoint aors=9 auth=b\n[b] type=auth username=8";
    let sip = "[9] type=friend secret=x insecure=invite\n[8] type=friend";
    let pair = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    let plain = super::super::policy::tests::settings;
    let drop = |key: &str| crate::settings::Policy { drop: vec![key.to_owned()], ..plain() };
    assert_eq!(open(Technology::Pjsip, pjsip, &plain()), ["8"]);
    assert_eq!(open(Technology::Pjsip, pjsip, &drop("password")), ["9", "8"]);
    assert_eq!(open(Technology::Pjsip, pjsip, &drop("auth")), ["9", "8"]);
    let set = |auth: &str| crate::settings::Policy { endpoint: pair("auth", auth), ..plain() };
    assert_eq!(open(Technology::Pjsip, pjsip, &set("")), ["9", "8"]);
    // The branch's own auth, whatever the main has.
    assert!(open(Technology::Pjsip, pjsip, &set("own")).is_empty());

    assert_eq!(open(Technology::Sip, sip, &plain()), ["8"]);
    assert_eq!(open(Technology::Sip, sip, &drop("secret")), ["9", "8"]);
    let keep = crate::settings::Policy { keep: vec!["insecure".to_owned()], ..plain() };
    assert_eq!(open(Technology::Sip, sip, &keep), ["9", "8"]);
    let secret = crate::settings::Policy { peer: pair("secret", "x"), ..plain() };
    assert!(open(Technology::Sip, sip, &secret).is_empty());
}

#[test]
fn whom_the_channel_driver_would_not_take_is_left_out() {
    let frames = [ENDPOINTS, AORS, AUTHS].map(answer);
    let documents: Vec<_> = frames.iter().map(|frame| Document::read(frame).unwrap()).collect();
    let all = filter("type", "endpoint");
    for (refused, reason) in [
        ((Kind::Endpoint, "1001"), "the branch's Asterisk does not accept it; Asterisk's log"),
        ((Kind::Auth, "1001-auth"), "the branch's Asterisk does not accept its auth '1001-auth'"),
    ] {
        let refused = [(refused.0, refused.1.to_owned())];
        let selection =
            select(&documents, Technology::Pjsip, &all, &Barred { refused: &refused, ..NOBODY }).unwrap();
        let left_out = selection.left_out.iter().find(|user| user.name == "1001").unwrap();
        assert!(left_out.reason.to_string().starts_with(reason), "{left_out}");
    }
}
