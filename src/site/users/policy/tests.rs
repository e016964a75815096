use super::*;
use crate::{
    settings::Technology,
    site::users::{Line, Section},
};

/// The default of `[policy]`.
pub fn settings() -> settings::Policy {
    settings::Policy {
        keep: Vec::new(),
        drop: Vec::new(),
        max_expiration: 120,
        open_users: false,
        endpoint: Vec::new(),
        aor: Vec::new(),
        peer: Vec::new(),
    }
}

/// A section whose options are all written as they are.
pub fn verbatim(section: &Accepted<'_>) -> Tailored {
    let fate =
        |line: &Taken<'_>| Fate { key: line.key.into(), value: (*line.value).into(), origin: Origin::Main };
    let options = section.lines().iter().map(fate).collect();
    Tailored { kind: section.kind(), name: section.name().to_owned(), file: "file.conf".into(), options }
}

/// Written lines, and the others with the reason.
fn tailor(policy: &settings::Policy, technology: Technology, lines: &[&str]) -> (Vec<String>, Vec<String>) {
    tailor_with(policy, technology, "default", lines)
}

/// The same where a user who names no context has this one.
fn tailor_with(
    policy: &settings::Policy,
    technology: Technology,
    unnamed: &str,
    lines: &[&str],
) -> (Vec<String>, Vec<String>) {
    let tailored = tailored(policy, technology, unnamed, lines);
    let written = tailored.written().map(|(key, value)| format!("{key}={value}")).collect();
    let others = tailored.options.iter().filter_map(|fate| match fate.origin {
        Origin::Dropped { why } => Some(format!("{}: {why}", fate.key)),
        _ => None,
    });
    (written, others.collect())
}

/// What becomes of 1001 with these lines.
fn tailored(policy: &settings::Policy, technology: Technology, unnamed: &str, lines: &[&str]) -> Tailored {
    let lines = lines.iter().map(|line| {
        let (key, value) = line.split_once('=').unwrap();
        Line { key: key.as_bytes(), value: value.as_bytes() }
    });
    let section = Section { name: b"1001", lines: lines.collect() };
    let accepted = Accepted::check(&section, technology).unwrap();
    let dialplan = crate::settings::Dialplan::example();
    let policy = Policy {
        settings: policy,
        dialplan: Some(&dialplan),
        boxes: true,
        unnamed,
        declined: &Declined::default(),
    };
    policy.tailor(&accepted, &Arc::from("file.conf"), &mut Texts::default())
}

#[test]
fn what_makes_sense_on_the_main_alone_is_dropped_with_the_reason() {
    let (written, dropped) = tailor(
        &settings(),
        Technology::Pjsip,
        &[
            "type=endpoint",
            "transport=0.0.0.0-udp",
            "media_address=10.0.0.254",
            "allow=ulaw",
            "allow=alaw",
            "outbound_proxy=sip:evil",
            "context=from-internal",
            "set_var=A=1",
            "made_up=1",
        ],
    );
    assert_eq!(written, ["type=endpoint", "allow=ulaw", "allow=alaw", "context=synch-internal"]);
    let keys: Vec<&str> = dropped.iter().map(|text| text.split(':').next().unwrap()).collect();
    assert_eq!(keys, ["transport", "media_address", "outbound_proxy", "set_var", "made_up"]);
    assert!(dropped[4].contains("[policy] keep"), "{dropped:?}");
}

#[test]
fn the_administrator_keeps_drops_and_sets() {
    let mut policy = settings();
    policy.keep = vec!["set_var".into()];
    policy.drop = vec!["allow".into()];
    policy.endpoint = vec![("transport".into(), "local-udp".into()), ("language".into(), String::new())];
    let (written, dropped) = tailor(
        &policy,
        Technology::Pjsip,
        &["type=endpoint", "transport=x", "language=de", "allow=ulaw", "set_var=FLOOR=3"],
    );
    assert_eq!(written, ["type=endpoint", "set_var=FLOOR=3", "context=synch-people", "transport=local-udp"]);
    assert_eq!(
        dropped,
        ["transport: res_synch.conf sets it", "language: res_synch.conf sets it", "allow: [policy] drop"]
    );
}

#[test]
fn a_variable_that_is_a_function_or_is_run_by_others_is_never_kept() {
    let mut policy = settings();
    policy.keep = vec!["set_var".into()];
    for value in
        ["SHELL(reboot)=", "FILE(/etc/passwd)=x", "__MONITOR_EXEC=sh", "MixMonitor_Exec=sh", "=", "${A}=1"]
    {
        let line = format!("set_var={value}");
        let (written, dropped) = tailor(&policy, Technology::Pjsip, &["type=endpoint", &line]);
        assert!(!written.iter().any(|line| line.starts_with("set_var")), "{value}");
        assert_eq!(dropped, ["set_var: it sets something other than a plain variable"], "{value}");
    }
}

#[test]
fn fax_tones_are_listened_for_only_where_the_administrator_says_so() {
    let mut policy = settings();
    for (technology, lines) in [
        (Technology::Pjsip, ["type=endpoint", "fax_detect=yes"]),
        (Technology::Sip, ["type=friend", "faxdetect=t38"]),
    ] {
        let (written, dropped) = tailor(&policy, technology, &lines);
        assert!(!written.iter().any(|line| line.starts_with("fax")), "{written:?}");
        assert!(dropped.iter().any(|line| line.contains("[policy] keep")), "{dropped:?}");
    }
    // Said as FreePBX says it of every user, where the branch's own default may be another.
    let (written, dropped) = tailor(&policy, Technology::Sip, &["type=friend", "faxdetect=no"]);
    assert!(written.contains(&"faxdetect=no".to_owned()) && dropped.is_empty(), "{written:?} {dropped:?}");
    policy.keep = vec!["fax_detect".into()];
    let (written, _) = tailor(&policy, Technology::Pjsip, &["type=endpoint", "fax_detect=yes"]);
    assert!(written.contains(&"fax_detect=yes".to_owned()), "{written:?}");
}

#[test]
fn phones_come_home_soon() {
    let expirations = |lines: &[&str], most| {
        let mut policy = settings();
        policy.max_expiration = most;
        let lines: Vec<&str> = ["type=aor"].iter().chain(lines).copied().collect();
        tailor(&policy, Technology::Pjsip, &lines).0.split_off(1)
    };
    assert_eq!(expirations(&[], 120), ["maximum_expiration=120", "default_expiration=120"]);
    assert_eq!(
        expirations(&["maximum_expiration=7200", "default_expiration=60", "minimum_expiration=300"], 120),
        ["default_expiration=60", "maximum_expiration=120", "minimum_expiration=120"]
    );
    assert_eq!(
        expirations(&["maximum_expiration=60", "default_expiration=x"], 30),
        ["maximum_expiration=30", "default_expiration=30", "minimum_expiration=30"]
    );
    assert!(expirations(&[], 7200).is_empty(), "what Asterisk does anyway needs no word");
}

#[test]
fn a_peer_has_to_register() {
    let (written, _) = tailor(
        &settings(),
        Technology::Sip,
        &["type=friend", "secret=x", "host=192.0.2.66", "insecure=invite"],
    );
    assert_eq!(written, ["type=friend", "secret=x", "context=synch-people", "host=dynamic"]);
    let (written, _) =
        tailor(&settings(), Technology::Sip, &["type=friend", "HOST=Dynamic", "context=synch-people"]);
    assert_eq!(written, ["type=friend", "HOST=Dynamic", "context=synch-people"]);
    let kept = settings::Policy { keep: vec!["host".into()], ..settings() };
    let (written, _) = tailor(&kept, Technology::Sip, &["type=friend", "host=192.0.2.66"]);
    assert_eq!(written, ["type=friend", "host=192.0.2.66", "context=synch-people"]);
}

#[test]
fn rights_follow_the_context_on_the_main_and_its_last_line_counts() {
    for (lines, context) in [
        (&["type=endpoint", "context=from-internal"][..], "synch-internal"),
        (&["type=endpoint", "context=no-outside-lines"], "synch-people"),
        (&["type=endpoint", "context=from-internal", "context=no-outside-lines"], "synch-people"),
        (&["type=endpoint", "context=no-outside-lines", "CONTEXT=from-internal"], "synch-internal"),
        (&["type=endpoint"], "synch-people"),
    ] {
        let (written, _) = tailor(&settings(), Technology::Pjsip, lines);
        assert_eq!(written, ["type=endpoint".to_owned(), format!("context={context}")], "{lines:?}");
    }
}

#[test]
fn no_password_is_left_to_be_looked_at() {
    let lines = vec![Line { key: b"type", value: b"auth" }, Line { key: b"password", value: b"canary" }];
    let section = Section { name: b"1001", lines };
    let accepted = Accepted::check(&section, Technology::Pjsip).unwrap();
    let settings = settings();
    let policy = Policy {
        settings: &settings,
        dialplan: None,
        boxes: true,
        unnamed: "default",
        declined: &Declined::default(),
    };
    let tailored = policy.tailor(&accepted, &Arc::from("file.conf"), &mut Texts::default());
    assert!(tailored.written().any(|option| option == ("password", "canary")));
    assert!(!format!("{:?}", tailored.masked()).contains("canary"));
}

#[test]
fn auth_is_a_password_of_a_peer_and_a_name_of_an_endpoint() {
    let of = |kind, key: &str| {
        let fate = Fate { key: key.into(), value: "1001-auth".into(), origin: Origin::Main };
        let section =
            Tailored { kind, name: "1001".to_owned(), file: "file.conf".into(), options: vec![fate] };
        section.masked().options[0].value.to_string()
    };
    assert_eq!(of(Kind::Peer, "Auth"), "***");
    assert_eq!(of(Kind::Endpoint, "auth"), "1001-auth");
    assert_eq!(of(Kind::Peer, "context"), "1001-auth");
}

#[test]
fn a_phone_that_wants_dtls_has_a_certificate_of_the_branchs() {
    let dtls = ["type=endpoint", "media_encryption=dtls", "dtls_cert_file=/etc/asterisk/keys/main.pem"];
    let has_own = |lines: &[&str], policy: &settings::Policy| {
        tailor(policy, Technology::Pjsip, lines).0.contains(&"dtls_auto_generate_cert=yes".to_owned())
    };
    assert!(has_own(&dtls, &settings()));
    // Asterisk makes one by itself where WebRTC is wanted; elsewhere none is needed.
    assert!(!has_own(&[&dtls[..], &["webrtc=yes"]].concat(), &settings()));
    assert!(!has_own(&["type=endpoint", "media_encryption=sdes"], &settings()));
    let mut policy = settings();
    policy.endpoint = vec![("dtls_cert_file".into(), "/etc/asterisk/keys/branch.pem".into())];
    assert!(!has_own(&dtls, &policy));
}

#[test]
fn a_phone_that_asks_for_a_password_gets_its_own_and_no_other() {
    let outbound = |lines: &[&str]| {
        let (written, _) = tailor(&settings(), Technology::Pjsip, &[&["type=endpoint"], lines].concat());
        written.into_iter().find(|line| line.starts_with("outbound_auth"))
    };
    let own = "outbound_auth=1001-auth";
    assert_eq!(outbound(&["auth=1001-auth", own]).as_deref(), Some(own));
    assert_eq!(outbound(&["auth=1001-auth", "outbound_auth=carrier"]), None);
    assert_eq!(outbound(&["auth=1001-auth", "outbound_auth=1001-auth,carrier"]), None);
    assert_eq!(outbound(&[own]), None);
}

#[test]
fn messages_are_heard_at_a_code_of_the_branchs() {
    let (written, _) = tailor(&settings(), Technology::Pjsip, &["type=endpoint", "voicemail_extension=*500"]);
    assert!(written.contains(&"voicemail_extension=*97".to_owned()), "{written:?}");
    let (written, _) = tailor(&settings(), Technology::Pjsip, &["type=endpoint"]);
    assert!(!written.iter().any(|line| line.starts_with("voicemail_extension")), "{written:?}");
}

/// chan_sip gives such a peer the context of `[general]`.
#[test]
fn whoever_names_no_context_has_the_rights_of_the_usual_one() {
    let lines = ["type=friend", "secret=x", "host=dynamic"];
    for (unnamed, context) in [("from-internal", "synch-internal"), ("guests", "synch-people")] {
        let (written, _) = tailor_with(&settings(), Technology::Sip, unnamed, &lines);
        assert_eq!(written.last(), Some(&format!("context={context}")));
    }
    // The administrator's own word counts, and once.
    let own = settings::Policy { peer: vec![("context".into(), "mine".into())], ..settings() };
    let (written, _) = tailor_with(&own, Technology::Sip, "from-internal", &lines);
    let contexts: Vec<&String> = written.iter().filter(|line| line.starts_with("context=")).collect();
    assert_eq!(contexts, ["context=mine"]);
}

/// Whom the main's usual context concerns: it is asked for only where there is such a peer.
#[test]
fn the_context_on_the_main_is_told_from_one_of_the_branchs_own_settings() {
    let was_usual = |policy: &settings::Policy, lines: &[&str]| {
        tailored(policy, Technology::Sip, "guests", lines).context_was("guests")
    };
    let none = ["type=friend", "secret=x"];
    assert!(was_usual(&settings(), &none));
    assert!(!was_usual(&settings(), &["type=friend", "secret=x", "context=from-internal"]));
    let own = settings::Policy { peer: vec![("context".into(), "guests".into())], ..settings() };
    assert!(!was_usual(&own, &none));
}
