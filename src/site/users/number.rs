//! What others dial to reach each account: a person's number, which need not be the account's name. Pure.
//!
//! Accounts are called after a number, a person, a device, or a line of some database (`8439201745`, caller id `<201>`). A
//! caller id is what others see of a caller and call back: a number of the house, or of the whole company in the public
//! network.

use std::collections::{HashMap, HashSet};

use crate::{
    settings::NumberFrom,
    words::{caller_id, number::is_number, variables::sets_variable},
};

/// The variable of a user that says what others dial, where his name and his caller id do not.
pub const VARIABLE: &str = "SYNCH_NUMBER";

/// More devices than that are no person's: a caller id that many share is the one of a company.
const MOST_DEVICES: usize = 5;
/// As long a number of the house may be where the account's name is shorter.
const LONGEST_INSIDE: usize = 6;
/// As short as a name has to be so that the caller id may well be a longer form of it: of ids in a database, too, some are the
/// end of a number.
const LEAST_INSIDE: usize = 3;

/// What is known of one account.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account<'a> {
    /// Its name.
    pub name: &'a str,
    /// The number in its caller id, where there is one.
    pub caller: Option<&'a str>,
    /// What the variable says that holds its number; `None`: it has none.
    pub said: Option<&'a str>,
    /// Whether it names a mailbox of its own name: then it is a person, and no device of somebody else.
    pub has_box: bool,
}

/// Whether a list of mailboxes has the one of that name. FreePBX names `1005@device` for whoever has none.
#[must_use]
pub fn has_own_box(name: &str, mailboxes: &str) -> bool {
    let mut boxes =
        mailboxes.split(',').map(|mailbox| mailbox.trim().split_once('@').unwrap_or((mailbox.trim(), "")));
    boxes.any(|(number, context)| number == name && context != "device")
}

/// What one line says of a variable: an option of that name, or `set_var = NAME=value`.
#[must_use]
pub fn value_of<'a>(variable: &str, key: &str, value: &'a str) -> Option<&'a str> {
    if key.eq_ignore_ascii_case(variable) {
        return Some(value);
    }
    let (name, value) = value.split_once('=').filter(|_| sets_variable(key))?;
    name.trim().eq_ignore_ascii_case(variable).then(|| value.trim())
}

impl<'a> Account<'a> {
    /// Of the lines that are written of it. Asterisk sets one variable after the other: the last counts.
    pub fn of(name: &'a str, lines: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut account = Self { name, ..Self::default() };
        for (key, value) in lines {
            if key.eq_ignore_ascii_case("callerid") {
                account.caller = caller_id::number(value);
            }
            if ["mailboxes", "mailbox"].iter().any(|known| key.eq_ignore_ascii_case(known)) {
                account.has_box |= has_own_box(name, value);
            }
            account.said = value_of(VARIABLE, key, value).or(account.said);
        }
        account
    }

    /// Of a name and a caller id.
    #[must_use]
    pub fn new(name: &'a str, callerid: &'a str) -> Self {
        Self { name, caller: caller_id::number(callerid), ..Self::default() }
    }

    /// Its name where that can be dialled.
    fn own(self) -> Option<&'a str> {
        Some(self.name).filter(|name| is_number(name))
    }

    /// What it has where nothing else says it: its name, else the number in its caller id.
    #[must_use]
    pub fn plain(self) -> Option<&'a str> {
        match self.said {
            Some(said) => Some(said).filter(|said| is_number(said)),
            None => self.own().or(self.caller),
        }
    }

    /// The same as the administrator says; where he says nothing, as long as the other accounts of the site are not known.
    #[must_use]
    pub fn alone(self, from: &NumberFrom) -> Option<&'a str> {
        match from {
            NumberFrom::Guess => self.plain(),
            _ if self.said.is_some() => self.plain(),
            NumberFrom::Section => self.own(),
            NumberFrom::CallerId => self.caller,
            NumberFrom::Variable(_) => None,
        }
    }

    /// Name and number in the caller id, where it can't be told from this account alone which of them is dialled.
    #[must_use]
    pub fn unsure(self) -> Option<(&'a str, &'a str)> {
        let (own, caller) = (self.own()?, self.caller?);
        let inside = caller.bytes().all(|byte| byte.is_ascii_digit())
            && !caller.starts_with('0')
            && (caller.len() <= LONGEST_INSIDE || caller.len() < own.len());
        (self.said.is_none() && own != caller && inside).then_some((own, caller))
    }
}

/// What others dial to reach each of these accounts of one site, in their order.
#[must_use]
pub fn decide<'a>(accounts: &[Account<'a>], from: &NumberFrom) -> Vec<Option<&'a str>> {
    let of_caller = Shared::new(accounts);
    let number = |account: &Account<'a>| match account.unsure() {
        Some((own, caller))
            if *from == NumberFrom::Guess && of_caller.is_dialled(own, caller, account.has_box) =>
        {
            Some(caller)
        }
        _ => account.alone(from),
    };
    accounts.iter().map(number).collect()
}

/// The caller ids of those accounts that are not called after them.
struct Shared<'a> {
    accounts: HashMap<&'a str, usize>,
    people: HashSet<&'a str>,
    /// Whether most of those that no account is called after are of one account alone.
    own: bool,
}

impl<'a> Shared<'a> {
    fn new(all: &[Account<'a>]) -> Self {
        let mut accounts: HashMap<&str, usize> = HashMap::new();
        for (_, caller) in all.iter().filter_map(|account| account.unsure()) {
            *accounts.entry(caller).or_default() += 1;
        }
        let own = |account: &Account<'a>| account.unsure().is_none().then(|| account.plain()).flatten();
        let people: HashSet<&str> = all.iter().filter_map(own).collect();
        let (mut ids, mut of_them) = (0, 0);
        for (_, count) in accounts.iter().filter(|(caller, _)| !people.contains(*caller)) {
            ids += 1;
            of_them += count;
        }
        Self { accounts, people, own: ids * 2 > of_them }
    }

    /// Whether it is a device of somebody whose own account says so, or its name is no number of the house: those look
    /// alike.
    fn is_dialled(&self, own: &str, caller: &str, has_box: bool) -> bool {
        let devices = self.accounts.get(caller).copied().unwrap_or_default();
        // `[201]` with `<445201>`: the number of the house, and the same for callers from outside.
        let long_form = own.len() >= LEAST_INSIDE && caller.ends_with(own);
        let is_id = self.own && own.len() != caller.len() && !long_form;
        devices <= MOST_DEVICES && (self.people.contains(caller) && !has_box || is_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(accounts: &[(&str, &str)], from: &NumberFrom) -> Vec<String> {
        let accounts: Vec<Account<'_>> =
            accounts.iter().map(|(name, callerid)| Account::new(name, callerid)).collect();
        let number = |number: Option<&str>| number.unwrap_or("-").to_owned();
        decide(&accounts, from).into_iter().map(number).collect()
    }

    fn guessed(accounts: &[(&str, &str)]) -> Vec<String> {
        numbers(accounts, &NumberFrom::Guess)
    }

    #[test]
    fn a_name_that_is_only_an_id_is_not_what_others_dial() {
        let ids = [("8439201745", "Ann <201>"), ("8439201746", "Ben <202>"), ("cc203", "User 203 <203>")];
        assert_eq!(guessed(&ids), ["201", "202", "203"]);
        assert_eq!(guessed(&[("7", "Ann <1007>"), ("8", "Ben <1008>")]), ["1007", "1008"]);
    }

    #[test]
    fn a_number_of_the_house_has_a_longer_form_for_outside() {
        assert_eq!(guessed(&[("201", "Ann <445201>"), ("202", "Ben <445202>")]), ["201", "202"]);
        assert_eq!(guessed(&[("201", "Ann <8201>")]), ["201"]);
        assert_eq!(guessed(&[("7201", "Ann <201>"), ("7202", "Ben <202>")]), ["201", "202"]);
    }

    #[test]
    fn all_devices_of_a_person_have_his_number() {
        for (accounts, expected) in [
            // FreePBX's web phone, a mobile beside a desk phone.
            (
                &[("1001", "Alice <1001>"), ("991001", "Alice <1001>"), ("1002", "Bob <1002>")][..],
                "1001 1001 1002",
            ),
            (&[("1001", "Alice <1001>"), ("5001", "Alice <1001>")], "1001 1001"),
            (
                &[("299-plain", "Tom <299>"), ("299-rtc", "Tom <299>"), ("301-desk", "Ann <301>")],
                "299 299 301",
            ),
            // An account without a caller id is called after its name.
            (&[("1001", ""), ("5001", "Alice <1001>")], "1001 1001"),
        ] {
            assert_eq!(guessed(accounts).join(" "), expected, "{accounts:?}");
        }
    }

    #[test]
    fn the_number_of_a_company_is_nobodys() {
        for (accounts, expected) in [
            (&[("1001", "Alice <+49301234>"), ("1002", "Bob <0301234>")][..], "1001 1002"),
            (&[("1001", "Company <4930123400>"), ("1002", "Company <4930123400>")], "1001 1002"),
            (&[("1001", "Alice <2001>")], "1001"),
            (&[("101", "Company <100>"), ("102", "Company <100>"), ("103", "Company <100>")], "101 102 103"),
        ] {
            assert_eq!(guessed(accounts).join(" "), expected, "{accounts:?}");
        }
        let mut many: Vec<(String, &str)> =
            (1001..1010).map(|name| (name.to_string(), "Desk <1000>")).collect();
        many.push(("1000".to_owned(), "Desk <1000>"));
        let many: Vec<(&str, &str)> =
            many.iter().map(|(name, callerid)| (name.as_str(), *callerid)).collect();
        assert_eq!(guessed(&many)[0], "1001");
    }

    #[test]
    fn the_administrator_has_the_last_word() {
        let accounts = [("1001", "Alice <201>"), ("anna", "Anna <202>"), ("1003", "Ben")];
        assert_eq!(numbers(&accounts, &NumberFrom::Section), ["1001", "-", "1003"]);
        assert_eq!(numbers(&accounts, &NumberFrom::CallerId), ["201", "202", "-"]);
        let variable = NumberFrom::Variable("EXTENSION".to_owned());
        assert_eq!(numbers(&accounts, &variable), ["-", "-", "-"]);
        let said = |said| Account { said: Some(said), ..Account::new("1001", "Alice <201>") };
        assert_eq!(decide(&[said("7"), said("x")], &variable), [Some("7"), None]);
        assert_eq!(decide(&[said("7")], &NumberFrom::Guess), [Some("7")]);
    }
}
