//! Checks user by user what would fail in an outage: phones that can't register or call here, and missing mailboxes.

use std::collections::HashMap;

use super::{Level, Report};
use crate::{
    operator::status::Snapshot,
    settings::Technology,
    site::users::{
        Kind, Tailored, User,
        open::{Written, names},
    },
    words::wording::{counted, some_of},
};

/// The values of `identify_by` by which res_pjsip recognises a phone without a fixed address.
const WAYS: [&str; 2] = ["username", "auth_username"];

impl Report {
    pub(super) fn users_one_by_one(&mut self, snapshot: &Snapshot) {
        let sync = &snapshot.sync;
        let accounts = by_name(&sync.sections, Kind::of_account(snapshot.technology()));
        if snapshot.technology() == Technology::Pjsip {
            let aors = by_name(&sync.sections, Kind::Aor);
            let endpoint = |user: &&User| accounts.get(user.name.as_str());
            let unknown =
                users(sync.users.iter().filter(|user| endpoint(user).is_some_and(|found| !is_known(found))));
            self.name(
                &unknown,
                "whose phone this Asterisk can't recognise (identify_by on the main has neither username nor \
                 auth_username)",
            );
            let lost = users(
                sync.users
                    .iter()
                    .filter(|user| endpoint(user).is_some_and(|found| !can_register(found, &aors))),
            );
            self.name(
                &lost,
                "for whom no phone can register (on the main, max_contacts of every aor is 0 and no contact is set)",
            );
        }
        if snapshot.settings.voicemail.is_some() && sync.boxes_problem.is_empty() {
            let without = |user: &&User| {
                let own = accounts.get(user.name.as_str());
                // Boxes are known by number: whose box it is that nobody can call, nobody asks.
                user.number.as_deref().is_some_and(|number| !sync.boxes.contains_key(number))
                    && own.is_some_and(|own| names_box(own))
            };
            let without = users(sync.users.iter().filter(without));
            self.name(&without, "with a mailbox that voicemail.conf on the main doesn't have");
        }
    }

    fn name(&mut self, names: &[&str], what: &str) {
        if !names.is_empty() {
            let text = format!("{} {what}: {}", counted(names.len(), "user"), some_of(names));
            self.say(Level::Warning, "users", text);
        }
    }
}

fn users<'a>(found: impl Iterator<Item = &'a User>) -> Vec<&'a str> {
    found.map(|user| user.name.as_str()).collect()
}

fn by_name(sections: &[Tailored], kind: Kind) -> HashMap<&str, &Tailored> {
    let of_kind = sections.iter().filter(|section| section.kind == kind);
    of_kind.map(|section| (section.name.as_str(), section)).collect()
}

fn is_known(endpoint: &Tailored) -> bool {
    let said = endpoint.values("identify_by").pop();
    said.is_none_or(|ways| names(ways).any(|way| WAYS.contains(&way)))
}

fn can_register(endpoint: &Tailored, aors: &HashMap<&str, &Tailored>) -> bool {
    let takes = |aor: &&Tailored| {
        let most = aor.last("max_contacts").and_then(|most| most.trim().parse::<u32>().ok());
        most.is_some_and(|most| most > 0) || has_address(aor)
    };
    names(endpoint.last("aors").unwrap_or_default()).filter_map(|name| aors.get(name)).any(takes)
}

/// Returns whether the main has a fixed address for it. The branch then learns that address with the other contacts.
fn has_address(aor: &Tailored) -> bool {
    aor.options.iter().any(|fate| fate.key.eq_ignore_ascii_case("contact"))
}

/// FreePBX writes `1005@device` for a user without a mailbox: another name for a mailbox that does not exist.
const NO_BOX: &str = "@device";

fn names_box(user: &Tailored) -> bool {
    let named = ["mailboxes", "mailbox"].into_iter().filter_map(|key| user.last(key));
    named.flat_map(names).any(|name| !name.ends_with(NO_BOX))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::site::users::{Fate, Origin};

    fn section(kind: Kind, name: &str, lines: &[(&str, &str)]) -> Tailored {
        let fate = |(key, value): &(&str, &str)| Fate {
            key: (*key).into(),
            value: (*value).into(),
            origin: Origin::Main,
        };
        Tailored {
            kind,
            name: name.to_owned(),
            file: "pjsip.conf".into(),
            options: lines.iter().map(fate).collect(),
        }
    }

    fn said(endpoint: &[(&str, &str)], aor: &[(&str, &str)]) -> Vec<String> {
        let mut snapshot = crate::operator::status::tests::snapshot();
        let sync = Arc::make_mut(&mut snapshot.sync);
        sync.users = vec![User::new("1001", "Alice <1001>")];
        sync.boxes = Arc::default();
        sync.boxes_problem.clear();
        let endpoint = [&[("aors", "1001")], endpoint].concat();
        sync.sections =
            Arc::from([section(Kind::Endpoint, "1001", &endpoint), section(Kind::Aor, "1001", aor)]);
        let mut report = Report(Vec::new());
        report.users_one_by_one(&snapshot);
        report.0.into_iter().map(|check| check.text).collect()
    }

    #[test]
    fn whose_phone_would_fail_in_an_outage_is_named() {
        let one = ("max_contacts", "1");
        assert_eq!(said(&[("identify_by", "ip,username")], &[one]), [""; 0]);
        // A door station: what is written of it has no address, and the main tells where it is.
        assert_eq!(said(&[], &[("max_contacts", "0"), ("contact", "sip:192.0.2.1")]), [""; 0]);
        assert_eq!(said(&[("mailboxes", "1001@device")], &[one]), [""; 0]);
        for (endpoint, aor, part) in [
            (&[("identify_by", "ip,header")][..], &[one][..], "identify_by"),
            (&[], &[], "max_contacts"),
            (&[], &[("max_contacts", "0")], "max_contacts"),
            (&[("mailboxes", "1001@gone")], &[one], "with a mailbox"),
        ] {
            let said = said(endpoint, aor);
            assert!(said.len() == 1 && said[0].contains(part) && said[0].ends_with(": 1001"), "{said:?}");
        }
    }
}
