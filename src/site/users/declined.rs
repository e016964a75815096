//! What this branch's own Asterisk does not take of an option by option: a main of a newer version says more than an
//! older branch knows. Pure: whoever asks says what is taken.

use std::collections::HashMap;

use super::{
    Kind,
    accept::{is_essential, is_list},
};
use crate::words::conf::{ConfSection, ConfVariable};

/// An option with its value, in a section of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Said {
    kind: Kind,
    key: String,
    value: String,
}

impl Said {
    fn new(kind: Kind, key: &str, value: &str) -> Self {
        Self { kind, key: key.to_ascii_lowercase(), value: value.to_owned() }
    }
}

/// What is written in place of an option that is not taken as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Nothing.
    Nothing,
    /// Those entries of the list that are taken.
    List(String),
}

/// Options that are not taken as they are. None of them is such that a user without it would be open or unreachable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declined(HashMap<Said, Instead>);

impl Declined {
    /// What is written in place of an option; none: it is taken.
    #[must_use]
    pub fn instead_of(&self, kind: Kind, key: &str, value: &str) -> Option<&Instead> {
        if self.0.is_empty() { None } else { self.0.get(&Said::new(kind, key, value)) }
    }

    /// Whether everything is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what was found elsewhere; tells what is new in it, for a person.
    pub fn learn(&mut self, found: Self) -> Vec<String> {
        let new = found.0.into_iter().filter(|(said, _)| !self.0.contains_key(said));
        let new: Vec<(Said, Instead)> = new.collect();
        let mut told: Vec<String> = new
            .iter()
            .map(|(Said { kind, key, value }, instead)| match instead {
                Instead::Nothing => format!("{key} = {value} ({kind})"),
                Instead::List(list) => format!("{key} = {value} ({kind}), but {list}"),
            })
            .collect();
        told.sort_unstable();
        self.0.extend(new);
        told
    }

    /// Looks for what has to go from a section, or change, so that it is taken; false where it can't be taken that way.
    /// What is known of others is not asked about again.
    pub fn search(
        &mut self,
        kind: Kind,
        section: &ConfSection,
        takes: impl Fn(&ConfSection) -> bool,
    ) -> bool {
        let known = self.applied_to(kind, section);
        if takes(&known) {
            return true;
        }
        // An option may be refused for want of another one, as `auth_type = md5` without `md5_cred`.
        let (suspects, mut rest): (Vec<_>, Vec<_>) = known
            .variables
            .iter()
            .cloned()
            .partition(|variable| !takes(&with(section, std::slice::from_ref(variable))));
        if suspects.is_empty() || !takes(&with(section, &rest)) {
            return false;
        }
        let mut found = Self::default();
        for ConfVariable { key, value } in suspects {
            let taken = |value: &str, rest: &[ConfVariable]| {
                let variable = ConfVariable { key: key.clone(), value: value.to_owned() };
                let longer = [rest, &[variable]].concat();
                takes(&with(section, &longer)).then_some(longer)
            };
            if let Some(longer) = taken(&value, &rest) {
                rest = longer;
                continue;
            }
            let list =
                if is_list(&key) { entries(&value, |list| taken(list, &rest).is_some()) } else { None };
            let instead = list.map_or(Instead::Nothing, Instead::List);
            // A list goes on in another line, as codecs do.
            let goes_on = is_list(&key) && rest.iter().any(|other| other.key.eq_ignore_ascii_case(&key));
            if instead == Instead::Nothing && is_essential(kind, &key) && !goes_on {
                return false;
            }
            found.0.insert(Said::new(kind, &key, &value), instead);
        }
        // In their own order they have to be taken, too.
        let mut all = self.clone();
        all.0.extend(found.0);
        let taken = takes(&all.applied_to(kind, section));
        if taken {
            *self = all;
        }
        taken
    }

    /// The section with what is written in place of each option.
    #[must_use]
    pub fn applied_to(&self, kind: Kind, section: &ConfSection) -> ConfSection {
        let lines = section.variables.iter().filter_map(|ConfVariable { key, value }| {
            match self.instead_of(kind, key, value) {
                None => Some((key.as_str(), value.as_str())),
                Some(Instead::List(list)) => Some((key.as_str(), list.as_str())),
                Some(Instead::Nothing) => None,
            }
        });
        ConfSection::new(section.name.clone(), lines)
    }
}

fn with(section: &ConfSection, variables: &[ConfVariable]) -> ConfSection {
    ConfSection { variables: variables.to_vec(), ..section.clone() }
}

/// The entries of a list that are taken, tried one after the other; none where not one is.
fn entries(list: &str, takes: impl Fn(&str) -> bool) -> Option<String> {
    let mut kept = String::new();
    for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let longer = if kept.is_empty() { entry.to_owned() } else { format!("{kept},{entry}") };
        if takes(&longer) {
            kept = longer;
        }
    }
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Asterisk that knows some options and codecs, and wants `md5_cred` beside `auth_type = md5`.
    fn takes(section: &ConfSection) -> bool {
        let has = |wanted: &str| section.variables.iter().any(|variable| variable.key == wanted);
        section.variables.iter().all(|variable| match (variable.key.as_str(), variable.value.as_str()) {
            ("aors" | "auth" | "callerid" | "md5_cred" | "max_contacts", _) => true,
            ("100rel", value) => matches!(value, "yes" | "no"),
            ("allow", value) => value.split(',').all(|codec| ["ulaw", "alaw"].contains(&codec.trim())),
            ("auth_type", "md5") => has("md5_cred"),
            _ => false,
        })
    }

    fn section(lines: &[(&str, &str)]) -> ConfSection {
        ConfSection::new("1001", lines.iter().copied())
    }

    fn found(kind: Kind, lines: &[(&str, &str)]) -> Option<Vec<String>> {
        let mut declined = Declined::default();
        let section = section(lines);
        declined.search(kind, &section, takes).then(|| {
            assert!(takes(&declined.applied_to(kind, &section)));
            Declined::default().learn(declined)
        })
    }

    #[test]
    fn an_option_costs_itself_and_a_list_its_odd_entry() {
        let lines =
            [("aors", "1"), ("tenantid", "a"), ("allow", "ulaw, opus,alaw"), ("100rel", "peer_supported")];
        let told = [
            "100rel = peer_supported (endpoint)",
            "allow = ulaw, opus,alaw (endpoint), but ulaw,alaw",
            "tenantid = a (endpoint)",
        ];
        assert_eq!(found(Kind::Endpoint, &lines).unwrap(), told);
        assert_eq!(found(Kind::Endpoint, &lines[..1]).unwrap(), [""; 0]);
        let lines = [("aors", "1"), ("allow", "ulaw"), ("allow", "opus")];
        assert_eq!(found(Kind::Endpoint, &lines).unwrap(), ["allow = opus (endpoint)"]);
    }

    #[test]
    fn what_wants_another_option_stays() {
        let lines = [("auth_type", "md5"), ("md5_cred", "x"), ("uas", "MD5")];
        assert_eq!(found(Kind::Auth, &lines).unwrap(), ["uas = MD5 (auth)"]);
    }

    #[test]
    fn nobody_becomes_open_or_unreachable() {
        assert_eq!(found(Kind::Endpoint, &[("aors", "1"), ("allow", "opus,g729")]), None);
        assert_eq!(found(Kind::Auth, &[("auth_type", "md5"), ("password_digest", "MD5:x")]), None);
        assert_eq!(found(Kind::Auth, &[("auth_type", "md5")]), None);
    }

    #[test]
    fn what_is_known_of_one_user_is_not_asked_of_the_next() {
        let asked = std::cell::Cell::new(0);
        let takes = |section: &ConfSection| {
            asked.set(asked.get() + 1);
            takes(section)
        };
        let mut declined = Declined::default();
        let user = section(&[("aors", "1"), ("tenantid", "a")]);
        assert!(declined.search(Kind::Endpoint, &user, takes));
        let first = asked.replace(0);
        assert!(first > 2 && declined.search(Kind::Endpoint, &user, takes));
        assert_eq!(asked.get(), 1);
        assert_eq!(declined.instead_of(Kind::Endpoint, "TenantID", "a"), Some(&Instead::Nothing));
        assert_eq!(declined.instead_of(Kind::Aor, "tenantid", "a"), None);
        assert_eq!(declined.instead_of(Kind::Endpoint, "tenantid", "b"), None);
    }
}
