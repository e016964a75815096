use proptest::prelude::*;

use super::*;
use crate::operator::functions::harmless;

fn pjsip(uri: &str) -> Option<String> {
    Contact::parse(uri).ok()?.dial(Technology::Pjsip, "1001")
}

fn sip(uri: &str) -> Option<String> {
    Contact::parse(uri).ok()?.dial(Technology::Sip, "1001")
}

#[test]
fn contacts_as_phones_give_them_are_dialled() {
    for (uri, wanted) in [
        ("sip:1001-0x55@10.77.1.11:5060", "sip:1001-0x55@10.77.1.11:5060"),
        ("SIP:1001@10.77.1.11", "sip:1001@10.77.1.11:5060"),
        ("sip:1001@10.77.1.11:5062;transport=TCP", "sip:1001@10.77.1.11:5062;transport=tcp"),
        ("sip:1001@10.77.1.11;transport=tls", "sip:1001@10.77.1.11:5061;transport=tls"),
        ("sip:1001@10.77.1.11:2048;line=a1-b_2", "sip:1001@10.77.1.11:2048;line=a1-b_2"),
        ("sip:1001@10.77.1.11:5060;ob;+sip.instance=1;user=phone", "sip:1001@10.77.1.11:5060;ob"),
        ("sip:1001@[2001:db8::1]:5062", "sip:1001@[2001:db8::1]:5062"),
        ("sip:1001@[2001:db8::1]", "sip:1001@[2001:db8::1]:5060"),
    ] {
        assert_eq!(pjsip(uri).unwrap(), format!("PJSIP/1001/{wanted}"), "{uri}");
    }
}

#[test]
fn behind_a_router_the_phones_own_address_counts() {
    let uri = "sip:1001@203.0.113.7:61234;transport=UDP;x-ast-orig-host=192.168.0.11:5062";
    assert_eq!(pjsip(uri).unwrap(), "PJSIP/1001/sip:1001@192.168.0.11:5062");
    let uri = "sip:1001@203.0.113.7:61234;x-ast-orig-host=phone.example.com:5062";
    assert_eq!(pjsip(uri).unwrap(), "PJSIP/1001/sip:1001@203.0.113.7:61234");
}

#[test]
fn chan_sip_is_told_the_transport_where_it_has_it() {
    assert_eq!(sip("sip:1001-0x5@10.77.1.11:5062;line=x").unwrap(), "SIP/1001-0x5@10.77.1.11:5062");
    assert_eq!(sip("sip:1001@10.77.1.11;transport=tcp").unwrap(), "SIP/1001::::tcp@10.77.1.11:5060");
    let known = Contact::of_name("1001", "10.77.1.11", "5064").unwrap();
    assert_eq!(known.dial(Technology::Sip, "1001").unwrap(), "SIP/1001@10.77.1.11:5064");
    assert_eq!(Contact::of_name("1001", "(null)", "0"), None);
}

#[test]
fn hostile_contacts_are_not_dialled() {
    for (uri, why) in [
        ("", Refusal::NoSip),
        ("tel:112", Refusal::NoSip),
        ("sips:1001@10.0.0.1", Refusal::NoSip),
        ("Local/112@from-internal", Refusal::NoSip),
        ("sip:10.0.0.1", Refusal::NoSip),
        ("sip:a,30,U(evil)@10.0.0.1", Refusal::User),
        ("sip:${SHELL(id)}@10.0.0.1", Refusal::User),
        ("sip:\" + SHELL(\"id\") + \"@10.0.0.1", Refusal::User),
        ("sip:1001&Local/s@10.0.0.1", Refusal::User),
        ("sip:1001:secret@10.0.0.1", Refusal::User),
        ("sip:1001!0900@10.0.0.1", Refusal::User),
        ("sip:@10.0.0.1", Refusal::User),
        ("sip:1001\u{1f4a9}@10.0.0.1", Refusal::User),
        ("sip:1001@phone.example.com", Refusal::Host),
        ("sip:1001@a@10.0.0.1", Refusal::Host),
        ("sip:1001@10.0.0.1,30,U(evil)", Refusal::Host),
        ("sip:1001@10.0.0.1?Replaces=x", Refusal::Host),
        ("sip:1001@10.0.0.1:0", Refusal::Host),
        ("sip:1001@10.0.0.1:99999", Refusal::Host),
        ("sip:1001@127.0.0.1", Refusal::Host),
        ("sip:1001@[::1]", Refusal::Host),
        ("sip:1001@[::ffff:127.0.0.1]", Refusal::Host),
        ("sip:1001@0.0.0.0", Refusal::Host),
        ("sip:1001@224.0.1.75", Refusal::Host),
        ("sip:1001@255.255.255.255", Refusal::Host),
        ("sip:1001@10.0.0.1;transport=ws", Refusal::Transport),
        ("sip:1001@10.0.0.1;transport=udp,30", Refusal::Transport),
    ] {
        assert_eq!(Contact::parse(uri), Err(why), "{uri}");
    }
    assert_eq!(pjsip("sip:1001@10.0.0.1;line=a,30,U(x)").unwrap(), "PJSIP/1001/sip:1001@10.0.0.1:5060");
    let contact = Contact::parse("sip:1001@10.0.0.1").unwrap();
    assert_eq!(contact.dial(Technology::Pjsip, "1001&Local"), None);
}

proptest! {
    /// Whatever the main says: what is dialled is one channel, without options, functions or variables.
    #[test]
    fn no_uri_becomes_more_than_one_channel(
        uri in prop_oneof![
            "\\PC{0,40}",
            "sip:[a-z0-9,&${}()\"!;:@.-]{0,30}@[0-9.]{7,9}[a-z0-9,&${}();=:]{0,20}",
            "sip:[0-9a-z]{1,5}@10\\.0\\.0\\.[1-9](:[0-9]{1,4})?(;(transport|line|ob|x-ast-orig-host)(=[a-z0-9.,:]{0,12})?){0,3}",
        ],
    ) {
        if let Ok(contact) = Contact::parse(&uri) {
            let dial = contact.dial(Technology::Pjsip, "1001").unwrap();
            prop_assert_eq!(&harmless(&dial), &dial);
            prop_assert!(!dial.contains('&'));
            let dial = contact.dial(Technology::Sip, "1001").unwrap();
            prop_assert!(dial.starts_with("SIP/") && dial.matches('/').count() == 1);
            prop_assert!(dial.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.+*:@[]".contains(&byte)));
            prop_assert_eq!(Contact::parse(&contact.to_string()), Ok(contact));
        }
    }
}
