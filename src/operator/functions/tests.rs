use super::*;
use crate::{
    settings,
    site::directory::{Directory, Entry},
    words::conf::ConfSection,
};

#[test]
fn a_phone_adds_neither_options_nor_functions_by_its_contact() {
    let good =
        "PJSIP/1001/sip:1001-0x55@10.77.1.11:5060;ob&PJSIP/1001/sip:1001@[2001:db8::1]:5060;transport=tcp";
    assert_eq!(harmless(good), good);
    for bad in [
        "PJSIP/1001/sip:1001,30,U(evil)@10.0.0.1",
        "PJSIP/1001/sip:\" + SHELL(\"id\") + \"@10.0.0.1",
        "PJSIP/1001/sip:${SHELL(id)}@10.0.0.1",
        "PJSIP/1001/sip:a?b@10.0.0.1",
        "Local/s@outbound",
    ] {
        assert_eq!(harmless(bad), "", "{bad}");
        assert_eq!(harmless(&format!("{bad}&{good}")), good, "{bad}");
    }
}

#[test]
fn a_contact_of_several_endpoints_is_dialled_once_as_the_one_that_registered_it() {
    let (desk, web) = ("sip:299@10.0.0.1:5060", "sip:x7@10.0.0.2:5061;transport=ws");
    let dial = format!("PJSIP/desk/{desk}&PJSIP/desk/{web}&PJSIP/web/{desk}&PJSIP/web/{web}");
    let owner = |_: &str, contact: &str| Some(if contact == web { "web" } else { "desk" }.to_owned());
    assert_eq!(once_each(&dial, owner), format!("PJSIP/desk/{desk}&PJSIP/web/{web}"));
    assert_eq!(once_each(&dial, |_, _| None), format!("PJSIP/desk/{desk}&PJSIP/desk/{web}"));
    assert_eq!(once_each("", |_, _| None), "");
}

#[test]
fn all_devices_of_a_person_are_dialled_and_are_one_lamp() {
    let mut snapshot = settings(&[]);
    let users = [User::new("8439201745", ""), User::new("301-cell", "Ann <301>"), User::new("301", "")];
    let mut users = users.to_vec();
    users[0].number = Some("201".to_owned());
    std::sync::Arc::make_mut(&mut snapshot.sync).users = users;
    let given = |argument: &str| synch_user(&snapshot, argument);
    let contacts =
        |names: &[&str]| Given::Dial(names.iter().map(|name| Phone::Contacts((*name).to_owned())).collect());
    assert_eq!(given("301,dial"), contacts(&["301-cell", "301"]));
    assert_eq!(given("301,hint"), Given::Text("PJSIP/301-cell&PJSIP/301".to_owned()));
    assert_eq!(given("201,dial"), contacts(&["8439201745"]));
    // The name of an account goes on to reach it.
    assert_eq!(given("8439201745,dial"), contacts(&["8439201745"]));
    assert_eq!(given("7,dial"), contacts(&[]));
}

fn settings(lines: &[(&str, &str)]) -> Snapshot {
    let mut snapshot = crate::operator::status::tests::snapshot();
    let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
    let off = |name| ConfSection::new(name, [("enabled", "no")]);
    let dialplan = ConfSection::new("dialplan", lines.iter().copied());
    snapshot.settings = settings::read(&[main, off("sync"), off("dns"), dialplan]).unwrap().into();
    snapshot
}

#[test]
fn a_trunk_dials_numbers_and_nothing_else() {
    let trunks = [("main_trunk", "main"), ("local_trunk", "gw"), ("emergency_second", "DAHDI/g1/${EXTEN}")];
    let mut snapshot = settings(&trunks);
    snapshot.monitor.state = MonitorState::Stable;
    let trunk = |snapshot: &Snapshot, argument: &str| synch_trunk(snapshot, argument);
    let text = |text: &str| Given::Text(text.to_owned());
    assert_eq!(trunk(&snapshot, "main,2001"), text("PJSIP/2001@main"));
    assert_eq!(trunk(&snapshot, "local,+4930"), text("PJSIP/+4930@gw"));
    assert_eq!(trunk(&snapshot, "second,112"), text("DAHDI/g1/112"));
    for bad in ["local,", "local", "local,1&PJSIP/2", "local,1@x", "local,${SHELL(x)}"] {
        assert_eq!(trunk(&snapshot, bad), text(""), "{bad}");
    }
    use {MonitorState as M, ServiceState as S};
    let takes = [(M::Stable, S::Failover), (M::Unstable, S::Normal), (M::Init, S::Init)];
    let takes_none = [(M::Failed, S::Normal), (M::Unstable, S::Failover), (M::Init, S::Failover)];
    for ((monitor, service), dialled) in
        takes.map(|state| (state, "PJSIP/2001@main")).into_iter().chain(takes_none.map(|state| (state, "")))
    {
        (snapshot.monitor.state, snapshot.service.state) = (monitor, service);
        assert_eq!(trunk(&snapshot, "main,2001"), text(dialled), "{monitor}, {service}");
    }
    assert!(matches!(trunk(&snapshot, "other,1"), Given::Unknown(_)));
}

/// Kari's law, and offices where 0 is dialled first: both forms are listed, and the carrier knows one.
#[test]
fn an_emergency_number_goes_out_without_the_prefix_for_an_outside_line() {
    let snapshot = settings(&[
        ("local_trunk", "gw"),
        ("emergency", "112,911,9-911,0-112,0112,9999,0110,118,0118,933,+112"),
    ]);
    for (dialled, goes_out) in [
        ("112", "112"),
        ("911", "911"),
        ("9911", "911"),
        ("0112", "112"),
        ("9999", "999"),
        ("0110", "110"),
        ("0118", "118"),
        ("933", "933"),
        ("+112", "112"),
        // Not listed: no emergency, whatever it looks like.
        ("0911", "0911"),
    ] {
        let given = synch_trunk(&snapshot, &format!("local,{dialled}"));
        assert_eq!(given, Given::Text(format!("PJSIP/{goes_out}@gw")), "{dialled}");
    }
}

#[test]
fn a_public_number_has_to_be_one_that_may_be_dialled() {
    let mut snapshot = settings(&[("premium", "+49900,0900")]);
    let people = [("2001", "+49301"), ("2002", "+499001"), ("2003", "09001"), ("2004", "*21#")];
    let entry = |(number, public)| Entry { number, name: "", site: "", public: Some(public) };
    let directory = Directory::new(people.map(entry)).unwrap();
    std::sync::Arc::make_mut(&mut snapshot.sync).directory = directory.into();
    for (number, public) in [("2001", "+49301"), ("2002", ""), ("2003", ""), ("2004", "")] {
        let given = synch_user(&snapshot, &format!("{number},public"));
        assert_eq!(given, Given::Text(public.to_owned()), "{number}");
    }
}

#[test]
fn what_is_set_counts_while_the_branch_serves() {
    let mut snapshot = settings(&[]);
    let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
    let sync = ConfSection::new("sync", [("filter_value", "x")]);
    let off = ConfSection::new("dns", [("enabled", "no")]);
    snapshot.settings = settings::read(&[main, sync, off]).unwrap().into();
    let ann = User { number: Some("201".to_owned()), ..User::new("8439201745", "") };
    std::sync::Arc::make_mut(&mut snapshot.sync).users = vec![ann];
    let number = || "201".to_owned();
    let devices = vec!["PJSIP/8439201745".to_owned()];
    for (target, argument, given) in [
        (Target::Main, "201,forward", Given::Text(String::new())),
        (Target::Main, "201,dnd", Given::Text("0".to_owned())),
        (
            Target::Branch,
            "8439201745,forward_busy",
            Given::Forward { number: number(), setting: CallSetting::ForwardBusy },
        ),
        (Target::Branch, "201,dnd", Given::Disturbed { number: number(), devices }),
        (Target::Branch, "202,forward", Given::Text(String::new())),
        (Target::Branch, "202,dnd", Given::Text("0".to_owned())),
    ] {
        snapshot.service.target = target;
        assert_eq!(synch_user(&snapshot, argument), given, "{argument}");
    }
}

#[test]
fn a_call_is_sent_on_but_not_in_a_circle_nor_to_where_nobody_has_dialled() {
    let mut snapshot = settings(&[("premium", "0900"), ("emergency", "112"), ("local_trunk", "gw")]);
    let entry = Entry { number: "090011", name: "Inside", site: "B", public: None };
    let directory = Directory::new([entry]).unwrap();
    std::sync::Arc::make_mut(&mut snapshot.sync).directory = directory.into();
    for (set, through, on) in [
        ("1002", "", "1002"),
        ("0171555", ":1003:1004", "0171555"),
        // A circle of one, of two, and a call that has been here.
        ("1001", "", ""),
        ("1002", ":1002", ""),
        ("1002", ":1001:1003", ""),
        ("1002", ":1:2:3:4:5", ""),
        ("112", "", ""),
        ("0900123", "", ""),
        // Behind what is dialled for an outside line.
        ("00900123", "", ""),
        ("0112", "", ""),
        ("9911", "", ""),
        ("090011", "", "090011"),
        ("", "", ""),
        ("1002&Local/x", "", ""),
    ] {
        assert_eq!(forward(&snapshot, "1001", set, through), on, "{set} after {through}");
    }
}

#[test]
fn a_lamp_shows_the_users_device_or_the_one_that_he_will_most_likely_have() {
    let snapshot = settings(&[]);
    let hint = |number: &str| synch_user(&snapshot, &format!("{number},hint"));
    assert_eq!(hint("1001"), Given::Text("PJSIP/1001".to_owned()));
    assert_eq!(hint("1099"), Given::Text("PJSIP/1099".to_owned()));
    assert_eq!(hint("1&x"), Given::Text(String::new()));
}

#[test]
fn a_name_calls_nothing_in_an_expression() {
    assert_eq!(inert("x\" + SHELL(\"id\") + \"y"), "x + SHELLid + y");
    assert_eq!(inert("Zoë ${EVAL(x)} Müller-Lüdenscheid"), "Zoë EVALx Müller-Lüdenscheid");
}
