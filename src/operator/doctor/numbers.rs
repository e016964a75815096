//! Checks the numbers of the users: users without a number, shared numbers, and numbers that lead elsewhere.

use super::{Level, Report};
use crate::{
    operator::status::Snapshot,
    settings::NumberFrom,
    site::users::{User, by_number, number::Account},
    words::{
        caller_id,
        wording::{counted, some_of},
    },
};

impl Report {
    pub(super) fn numbers(&mut self, snapshot: &Snapshot) {
        let Some(sync) = &snapshot.settings.sync else { return };
        let users = &snapshot.sync.users;
        let nobody: Vec<&str> =
            users.iter().filter(|user| user.number.is_none()).map(|user| user.name.as_str()).collect();
        if !nobody.is_empty() {
            let text = format!(
                "{} that nobody can dial: {}. Neither the name nor the caller id is a number: set [sync] number to \
                 where the number is",
                counted(nobody.len(), "user"),
                some_of(&nobody)
            );
            self.say(Level::Warning, "numbers", text);
        }
        for (number, users) in by_number(users).into_iter().filter(|(_, users)| users.len() > 1) {
            let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
            let shown = some_of(&names);
            if one_person(&users) {
                self.say(Level::Fine, "numbers", format!("{number} rings all its devices: {shown}"));
            } else {
                let text = format!(
                    "{number} rings users with different names: {shown}. If these are not devices of one person, set \
                     [sync] number = section, which gives each its own number"
                );
                self.say(Level::Warning, "numbers", text);
            }
        }
        if sync.number == NumberFrom::Guess {
            self.guessed(users);
        }
        let emergency = snapshot.settings.dialplan.iter().flat_map(|dialplan| &dialplan.emergency);
        for number in emergency {
            let users = snapshot.sync.users_of(number);
            if let Some(user) = users.first() {
                let text = format!(
                    "{number} is an emergency number and also the number of user {}: calls to it go to the emergency \
                     service, so nobody can reach that user. Give the user another number on the main",
                    user.name
                );
                self.say(Level::Warning, "numbers", text);
            }
        }
    }

    /// Names users whose name may be only an id, while the number in the caller id may be what others dial.
    fn guessed(&mut self, users: &[User]) {
        let named = users.iter().filter(|user| user.number.as_deref() == Some(&user.name));
        let unsure = named.filter_map(|user| Account::new(&user.name, &user.callerid).unsure());
        let unsure: Vec<String> = unsure.map(|(own, caller)| format!("{own} ({caller})")).collect();
        if !unsure.is_empty() {
            let text = format!(
                "{} reached by the section's name, not by the number in the caller id: {}. If others dial the number \
                 in the caller id, set [sync] number = callerid",
                counted(unsure.len(), "user"),
                some_of(&unsure)
            );
            self.say(Level::Fine, "numbers", text);
        }
    }
}

fn one_person(users: &[&User]) -> bool {
    let mut names = users.iter().map(|user| caller_id::name(&user.callerid)).filter(|name| !name.is_empty());
    let first = names.next();
    names.all(|name| Some(name) == first)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{settings, words::conf::ConfSection};

    fn said(users: &[(&str, &str)], number: &str) -> Vec<(Level, String)> {
        let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
        let sync = ConfSection::new("sync", [("filter_value", "x"), ("number", number)]);
        let dns = ConfSection::new("dns", [("enabled", "no")]);
        let dialplan = ConfSection::new("dialplan", [("local_trunk", "gw"), ("emergency", "112")]);
        let mut snapshot = crate::operator::status::tests::snapshot();
        snapshot.settings = settings::read(&[main, sync, dns, dialplan]).unwrap().into();
        Arc::make_mut(&mut snapshot.sync).users =
            users.iter().map(|(name, callerid)| User::new(name, callerid)).collect();
        let mut report = Report(Vec::new());
        report.numbers(&snapshot);
        report.0.into_iter().map(|check| (check.level, check.text)).collect()
    }

    #[test]
    fn whom_nobody_can_dial_and_who_shares_a_number_is_named() {
        assert_eq!(said(&[("1001", "Alice <1001>"), ("anna", "Anna <1002>")], ""), []);
        for (users, level, part) in [
            (&[("anna", "Anna"), ("1001", "")][..], Level::Warning, "1 user that nobody can dial: anna."),
            (&[("299-desk", "Tom <299>"), ("299-web", "Tom <299>")], Level::Fine, "299-desk and 299-web"),
            (
                &[("a", "Tom <299>"), ("b", "Ann <299>")],
                Level::Warning,
                "299 rings users with different names: a and b",
            ),
            (
                &[("112", "Reception <112>")],
                Level::Warning,
                "112 is an emergency number and also the number of user 112",
            ),
            (&[("1001", "Alice <2001>")], Level::Fine, "1001 (2001)"),
        ] {
            let said = said(users, "");
            assert!(said.len() == 1 && said[0].0 == level && said[0].1.contains(part), "{said:?}");
        }
        assert_eq!(said(&[("1001", "Alice <2001>")], "section"), []);
    }
}
