//! Sections of pjsip_wizard.conf as what Asterisk makes of them (`res_pjsip_config_wizard`): an endpoint, its aor and its auth.
//! Pure.

use super::{Line, Section};
use crate::words::conf::is_yes;

/// Of such a section, what the object of that kind has.
const OF_ENDPOINT: &[u8] = b"endpoint/";
const OF_AOR: &[u8] = b"aor/";
const OF_AUTH: &[u8] = b"inbound_auth/";

/// Of such a section, the extension that it makes in the dialplan: what others dial.
pub const NUMBER: &str = "hint_exten";

/// The key of a wizard's line without what says that it is the endpoint's.
#[must_use]
pub fn plain_key(key: &[u8]) -> &[u8] {
    strip(key, OF_ENDPOINT).unwrap_or(key)
}

/// Whether a file of the main's has such sections: they are found by no option of an endpoint, so it is read whole.
#[must_use]
pub fn is_of_wizards(file: &str) -> bool {
    file.contains("wizard")
}

/// Whether that is the type of a wizard.
#[must_use]
pub fn is_wizard(kind: &[u8]) -> bool {
    kind.eq_ignore_ascii_case(b"wizard")
}

/// What becomes of a section: a wizard for phones three objects, anything else itself. One for a trunk has no phone that
/// registers, and stays what nobody takes.
pub fn expand(section: Section<'_>) -> Vec<Section<'_>> {
    let says = |key: &str| section.values(key).next_back();
    let for_phones = says("type").is_some_and(is_wizard) && says("accepts_registrations").is_some_and(is_yes);
    if !for_phones {
        return vec![section];
    }
    let name = section.name;
    let has = |wanted: &[u8]| section.lines.iter().any(|line| strip(line.key, wanted).is_some());
    let mut links = vec![Line { key: b"aors", value: name }];
    links.extend(says(NUMBER).map(|value| Line { key: NUMBER.as_bytes(), value }));
    if has(OF_AUTH) {
        links.push(Line { key: b"auth", value: name });
    }
    let mut objects =
        vec![object(&section, b"endpoint", &links, OF_ENDPOINT), object(&section, b"aor", &[], OF_AOR)];
    if has(OF_AUTH) {
        let username = Line { key: b"username", value: name };
        let own = if has(b"inbound_auth/username") { [].as_slice() } else { &[username] };
        objects.push(object(&section, b"auth", own, OF_AUTH));
    }
    objects
}

fn object<'a>(section: &Section<'a>, kind: &'static [u8], own: &[Line<'a>], prefix: &[u8]) -> Section<'a> {
    let of_object = |line: &Line<'a>| Some(Line { key: strip(line.key, prefix)?, value: line.value });
    let mut lines = vec![Line { key: b"type", value: kind }];
    lines.extend(own);
    lines.extend(section.lines.iter().filter_map(of_object));
    Section { name: section.name, lines }
}

fn strip<'a>(key: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = key.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(lines: &[(&'static str, &'static str)]) -> Section<'static> {
        let line = |(key, value): &(&'static str, &'static str)| Line {
            key: key.as_bytes(),
            value: value.as_bytes(),
        };
        Section { name: b"1001", lines: lines.iter().map(line).collect() }
    }

    fn shown(section: &Section<'_>) -> String {
        let line = |line: &Line<'_>| format!("{}={}", line.key.escape_ascii(), line.value.escape_ascii());
        section.lines.iter().map(line).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_wizard_for_phones_is_an_endpoint_an_aor_and_an_auth() {
        let wizard = section(&[
            ("type", "wizard"),
            ("accepts_registrations", "yes"),
            ("accepts_auth", "yes"),
            ("endpoint/accountcode", "HeadOffice"),
            ("aor/max_contacts", "5"),
            ("inbound_auth/password", "secret"),
            ("Endpoint/CallerID", "Ann <1001>"),
        ]);
        let objects: Vec<String> = expand(wizard).iter().map(shown).collect();
        assert_eq!(
            objects,
            [
                "type=endpoint aors=1001 auth=1001 accountcode=HeadOffice CallerID=Ann <1001>",
                "type=aor max_contacts=5",
                "type=auth username=1001 password=secret",
            ]
        );
    }

    #[test]
    fn without_a_password_there_is_no_auth_and_a_trunk_is_no_user() {
        let open = section(&[("type", "wizard"), ("accepts_registrations", "yes")]);
        assert_eq!(
            expand(open).iter().map(shown).collect::<Vec<_>>(),
            ["type=endpoint aors=1001", "type=aor"]
        );
        let trunk = section(&[("type", "wizard"), ("remote_hosts", "192.0.2.1"), ("endpoint/context", "x")]);
        assert_eq!(expand(trunk.clone()), [trunk]);
        let endpoint = section(&[("type", "endpoint"), ("endpoint/context", "x")]);
        assert_eq!(expand(endpoint.clone()), [endpoint]);
    }
}
