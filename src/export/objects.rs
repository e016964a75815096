//! The objects that Asterisk's sorcery has of res_pjsip, wherever it keeps them, as the sections of a file. Pure.
//!
//! An object has all its options, most of which nobody has set, in Asterisk's own words. A branch is to be given what a
//! file would have said.

use std::collections::BTreeMap;

use super::Section;
use crate::site::users::Kind;

/// An object, as sorcery gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// What it is called.
    pub name: Vec<u8>,
    /// Its options, one text for each.
    pub options: Vec<(Vec<u8>, Vec<u8>)>,
    /// Those that are lists, one by one. Variables of an endpoint stand there under their own names.
    pub lists: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What an object of a kind has of which nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plain(BTreeMap<Vec<u8>, Vec<u8>>);

impl Plain {
    /// Takes it of an object that has only just been made.
    #[must_use]
    pub fn new(object: &Object) -> Self {
        Self(object.options.iter().cloned().collect())
    }

    fn is(&self, key: &[u8], value: &[u8]) -> bool {
        self.0.get(key).is_some_and(|plain| plain == value)
    }

    /// Whether it is an option that is on or off: Asterisk calls that true and false, and files call it yes and no.
    fn is_switch(&self, key: &[u8]) -> bool {
        self.0.get(key).is_some_and(|plain| [&b"true"[..], b"false"].contains(&&**plain))
    }
}

/// Codecs, as a list, and what clears it.
const ALLOW: &[u8] = b"allow";
const DISALLOW: &[u8] = b"disallow";
/// Channel variables.
const SET_VAR: &[u8] = b"set_var";
/// How somebody proves who he is: files say it even where they need not.
const AUTH_TYPE: &[u8] = b"auth_type";
/// Lists that Asterisk writes with a blank behind each comma.
const GROUPS: [&str; 4] = ["call_group", "pickup_group", "named_call_group", "named_pickup_group"];
/// What an auth is to be proved by, by default.
const FILLED_IN: [(&str, &str); 2] =
    [("supported_algorithms_uac", "MD5"), ("supported_algorithms_uas", "MD5")];
/// What `webrtc = yes` makes of an endpoint (`sip_endpoint_apply_handler` of pjsip_configuration.c).
const WEBRTC: &[u8] = b"webrtc";
const OF_WEBRTC: [(&str, &str); 9] = [
    ("bundle", "true"),
    ("dtls_auto_generate_cert", "yes"),
    ("dtls_setup", "actpass"),
    ("dtls_verify", "fingerprint"),
    ("ice_support", "true"),
    ("media_encryption", "dtls"),
    ("media_use_received_transport", "true"),
    ("rtcp_mux", "true"),
    ("use_avpf", "true"),
];

/// Returns an object as the section of a file that says no more than it has to. `always`: an option that is said in any case.
#[must_use]
pub fn section(kind: Kind, object: &Object, plain: &Plain, always: &str) -> Section {
    let mut lines: BTreeMap<&[u8], Vec<Vec<u8>>> = BTreeMap::new();
    let has = |key: &[u8], value: &[u8]| object.options.iter().any(|(k, v)| k == key && v == value);
    let is_webrtc = has(WEBRTC, b"yes");
    for (key, value) in &object.options {
        let is_said = key == always.as_bytes() || key == AUTH_TYPE;
        let is_of_webrtc = is_webrtc && OF_WEBRTC.iter().any(|(of, on)| is(of, key) && is(on, value));
        if (plain.is(key, value) || is_of_webrtc) && (!is_said || value.is_empty()) {
            continue;
        }
        // It has the codecs of `allow` where it has any, which stands for both.
        if key == DISALLOW || is_filled_in(kind, key, value) {
            continue;
        }
        let of_key = lines.entry(key).or_default();
        match &**key {
            ALLOW => of_key.extend(codecs(value)),
            SET_VAR => of_key.extend(variables(value, &object.lists)),
            b"callerid" => of_key.push(caller_id(value)),
            key if GROUPS.iter().any(|of| is(of, key)) => {
                let names: Vec<&[u8]> = value.split(|octet| *octet == b',').map(<[u8]>::trim_ascii).collect();
                of_key.push(names.join(&b","[..]));
            }
            key if plain.is_switch(key) => {
                of_key.push(if value == b"true" { &b"yes"[..] } else { b"no" }.to_vec())
            }
            _ => of_key.push(value.clone()),
        }
    }
    if kind != Kind::Endpoint {
        // In place of the same as one text.
        for (key, _) in &object.lists {
            lines.insert(key, Vec::new());
        }
        for (key, value) in &object.lists {
            lines.entry(key).or_default().push(value.clone());
        }
    }
    let mut section = Section::new(object.name.clone());
    section.push(b"type", kind.to_string().as_bytes());
    for (key, values) in lines {
        if key == ALLOW && !values.is_empty() {
            section.push(DISALLOW, b"all");
        }
        values.iter().for_each(|value| section.push(key, value));
    }
    section
}

/// Returns the names in an option of an object, such as its aors.
#[must_use]
pub fn named(object: &Object, key: &str) -> Vec<String> {
    let of_key = object.options.iter().filter(|(of, _)| of == key.as_bytes());
    let names = of_key.flat_map(|(_, value)| value.split(|octet| *octet == b','));
    let names = names.map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// Whether Asterisk has filled it in where nothing was said, once it had taken the object up (`auth_apply` of config_auth.c).
fn is_filled_in(kind: Kind, key: &[u8], value: &[u8]) -> bool {
    kind == Kind::Auth && FILLED_IN.iter().any(|(of, by)| is(of, key) && is(by, value))
}

fn is(text: &str, octets: &[u8]) -> bool {
    text.as_bytes().eq_ignore_ascii_case(octets)
}

/// `(ulaw|alaw)` as `ulaw,alaw`. Asterisk cuts a long list in the middle of a name: that one goes.
fn codecs(said: &[u8]) -> Option<Vec<u8>> {
    let inside = said.strip_prefix(b"(").unwrap_or(said);
    let inside = match inside.strip_suffix(b")") {
        Some(whole) => whole,
        None if said.starts_with(b"(") => {
            let last = inside.iter().rposition(|octet| *octet == b'|').unwrap_or_default();
            inside.get(..last).unwrap_or_default()
        }
        None => inside,
    };
    let names: Vec<&[u8]> = inside.split(|octet| *octet == b'|').filter(|name| !name.is_empty()).collect();
    (names != [b"nothing"] && !names.is_empty()).then(|| names.join(&b","[..]))
}

/// `A=1,B=2` as what it was made of: a value may have commas itself. The lists have the variables among other things.
fn variables(said: &[u8], lists: &[(Vec<u8>, Vec<u8>)]) -> Vec<Vec<u8>> {
    let lines: Vec<Vec<u8>> =
        lists.iter().map(|(name, value)| [name.as_slice(), b"=", value].concat()).collect();
    for begin in 0..lines.len() {
        let mut joined = Vec::new();
        for (count, line) in lines.iter().skip(begin).enumerate() {
            if count > 0 {
                joined.push(b',');
            }
            joined.extend(line);
            if joined == said {
                return lines.into_iter().skip(begin).take(count + 1).collect();
            }
            if !said.starts_with(&joined) {
                break;
            }
        }
    }
    vec![said.to_vec()]
}

/// `"Alice" <1001>` as `Alice <1001>`, which is how FreePBX writes it. A name that needs its quotes keeps them.
fn caller_id(said: &[u8]) -> Vec<u8> {
    let parts = || {
        let rest = said.strip_prefix(b"\"")?;
        let end = rest.iter().position(|octet| *octet == b'"')?;
        let (name, rest) = rest.split_at_checked(end)?;
        let plain = |octet: &u8| octet.is_ascii_alphanumeric() || b" ._-".contains(octet);
        let is_plain = !name.is_empty() && name.iter().all(plain) && name.trim_ascii() == name;
        (is_plain && rest.starts_with(b"\" <")).then(|| [name, rest.get(1..)?].concat().into())
    };
    parts().flatten().unwrap_or_else(|| said.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect()
    }

    fn object(options: &str, lists: &str) -> Object {
        Object { name: b"1001".to_vec(), options: pairs(options), lists: pairs(lists) }
    }

    const PLAIN: &str = "
        accountcode=
        allow=(nothing)
        aors=
        auth=
        bundle=false
        callerid=<unknown>
        context=default
        direct_media=true
        disallow=(nothing)
        dtls_setup=active
        ice_support=false
        media_encryption=no
        rtp_symmetric=false
        set_var=
        transport=
        trust_connected_line=yes
        webrtc=no";

    fn said(kind: Kind, options: &str, lists: &str) -> Vec<String> {
        let plain = Plain::new(&object(PLAIN, ""));
        let changed = pairs(options);
        let mut all = object(PLAIN, lists);
        all.options.retain(|(key, _)| !changed.iter().any(|(other, _)| other == key));
        all.options.extend(changed);
        let section = section(kind, &all, &plain, "accountcode");
        section.lines().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    #[test]
    fn what_nobody_has_said_is_not_said() {
        assert_eq!(said(Kind::Endpoint, "", ""), ["type=endpoint"]);
        assert_eq!(
            said(
                Kind::Endpoint,
                "rtp_symmetric=true\ndirect_media=false\nallow=(ulaw|alaw)\ndisallow=(ulaw|alaw)\naors=1001\n\
                 callerid=\"Alice\" <1001>\ntrust_connected_line=no\naccountcode=berlin",
                ""
            ),
            [
                "type=endpoint",
                "accountcode=berlin",
                "disallow=all",
                "allow=ulaw,alaw",
                "aors=1001",
                "callerid=Alice <1001>",
                "direct_media=no",
                "rtp_symmetric=yes",
                "trust_connected_line=no",
            ]
        );
    }

    #[test]
    fn by_what_a_site_is_found_is_said_in_any_case() {
        let plain = Plain::new(&object(PLAIN, ""));
        let section = section(Kind::Endpoint, &object(PLAIN, ""), &plain, "context");
        let lines: Vec<&[u8]> = section.lines().collect();
        assert_eq!(lines, [&b"type=endpoint"[..], b"context=default"]);
    }

    #[test]
    fn what_webrtc_makes_of_an_endpoint_is_said_by_that_word() {
        let options = "webrtc=yes\nbundle=true\nice_support=true\nmedia_encryption=dtls\ndtls_setup=actpass";
        assert_eq!(said(Kind::Endpoint, options, ""), ["type=endpoint", "webrtc=yes"]);
        let options = "bundle=true\nmedia_encryption=dtls";
        let wanted = ["type=endpoint", "bundle=yes", "media_encryption=dtls"];
        assert_eq!(said(Kind::Endpoint, options, ""), wanted);
    }

    #[test]
    fn variables_are_told_apart_though_their_values_have_commas() {
        let set = "set_var=GREETING=good=day; a, b,FLOOR=3";
        let lists = "GREETING=good=day; a, b\nFLOOR=3\n@other=1";
        let wanted = ["type=endpoint", "set_var=GREETING=good=day; a, b", "set_var=FLOOR=3"];
        assert_eq!(said(Kind::Endpoint, set, lists), wanted);
        let behind = "@other=1\nGREETING=good=day; a, b\nFLOOR=3";
        assert_eq!(said(Kind::Endpoint, set, behind), wanted);
        // Where nothing tells them apart, it stays one line.
        let one = ["type=endpoint", "set_var=GREETING=good=day; a, b,FLOOR=3"];
        assert_eq!(said(Kind::Endpoint, set, ""), one);
    }

    #[test]
    fn a_cut_list_of_codecs_loses_the_name_that_was_cut() {
        let codecs = |said: &str| codecs(said.as_bytes()).map(|list| String::from_utf8(list).unwrap());
        assert_eq!(codecs("(ulaw|alaw|g72").as_deref(), Some("ulaw,alaw"));
        assert_eq!(codecs("(ulaw|alaw)").as_deref(), Some("ulaw,alaw"));
        assert_eq!(codecs("ulaw,alaw").as_deref(), Some("ulaw,alaw"));
        assert_eq!((codecs("(nothing)"), codecs("()"), codecs("(ul")), (None, None, None));
    }

    #[test]
    fn lists_of_other_objects_stand_for_what_is_one_text_there() {
        let lines = said(Kind::Aor, "contact=sip:a,sip:b", "contact=sip:a\ncontact=sip:b");
        assert_eq!(lines, ["type=aor", "contact=sip:a", "contact=sip:b"]);
        let lines = said(
            Kind::Auth,
            "auth_type=userpass\npassword=x=y\nsupported_algorithms_uac=MD5\nsupported_algorithms_uas=MD5",
            "",
        );
        assert_eq!(lines, ["type=auth", "auth_type=userpass", "password=x=y"]);
    }

    #[test]
    fn groups_are_listed_as_files_list_them() {
        assert_eq!(said(Kind::Endpoint, "call_group=1, 3", ""), ["type=endpoint", "call_group=1,3"]);
    }

    #[test]
    fn a_caller_id_keeps_the_quotes_that_it_needs() {
        let of = |said: &str| String::from_utf8(caller_id(said.as_bytes())).unwrap();
        assert_eq!(of("\"Alice B.\" <1001>"), "Alice B. <1001>");
        for kept in [
            "\"Zoë\" <1>",
            "\"a, b\" <1>",
            "\" a\" <1>",
            "\"\" <1>",
            "<1001>",
            "\"a \\\"b\\\"\" <1>",
            "\"a\"",
            "x",
        ] {
            assert_eq!(of(kept), kept);
        }
    }

    #[test]
    fn names_are_those_of_the_option() {
        let object = object("aors=1001, shared,\nauth=", "");
        assert_eq!(named(&object, "aors"), ["1001", "shared"]);
        assert!(named(&object, "auth").is_empty() && named(&object, "other").is_empty());
    }
}
