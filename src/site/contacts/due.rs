//! Whom the main has to be asked about, and who is next. Pure.

use std::{
    collections::{BTreeSet, HashSet},
    ops::Bound,
};

/// Users whom the main has to be asked about, each once, by name.
#[derive(Debug, Default)]
pub struct Due {
    users: BTreeSet<String>,
    /// Who was asked about in vain last: he comes last, or a user whose answer is always an error would keep everybody
    /// behind him from being asked about.
    failed: String,
}

impl Due {
    /// This user has to be asked about, too.
    pub fn add(&mut self, user: String) {
        self.users.insert(user);
    }

    /// These users have, too.
    pub fn add_all(&mut self, users: impl IntoIterator<Item = String>) {
        self.users.extend(users);
    }

    /// Only these are users at all.
    pub fn keep_only(&mut self, users: &HashSet<String>) {
        self.users.retain(|user| users.contains(user));
    }

    /// Who is next; none where nobody is left.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        let behind = (Bound::Excluded(self.failed.as_str()), Bound::Unbounded);
        self.users.range::<str, _>(behind).next().or_else(|| self.users.first()).map(String::as_str)
    }

    /// The main has told of this user.
    pub fn done(&mut self, user: &str) {
        self.users.remove(user);
    }

    /// It has not: he stays, and everybody else is before him.
    pub fn failed(&mut self, user: &str) {
        user.clone_into(&mut self.failed);
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether nobody is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(names: &str) -> Due {
        let mut due = Due::default();
        due.add_all(names.split_whitespace().map(str::to_owned));
        due
    }

    /// One round, which ends with the first of these users. Who was told of.
    fn round(due: &mut Due, failing: &[&str]) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(user) = due.next().map(str::to_owned) {
            if failing.contains(&user.as_str()) {
                due.failed(&user);
                break;
            }
            due.done(&user);
            told.push(user);
        }
        told
    }

    #[test]
    fn everybody_is_asked_about_once() {
        let mut due = due("1003 1001 1002 1001");
        assert_eq!(due.len(), 3);
        assert_eq!(round(&mut due, &[]), ["1001", "1002", "1003"]);
        assert!(due.is_empty() && due.next().is_none());
    }

    #[test]
    fn users_whose_answers_are_errors_keep_nobody_from_being_asked_about() {
        let (mut due, failing) = (due("1001 1002 1003 1004 1005"), ["1002", "1004"]);
        assert_eq!(round(&mut due, &failing), ["1001"]);
        assert_eq!(round(&mut due, &failing), ["1003"]);
        // Whoever comes meanwhile, before or behind them.
        due.add_all(["1000".to_owned(), "1006".to_owned()]);
        assert_eq!(round(&mut due, &failing), ["1005", "1006", "1000"]);
        assert_eq!(round(&mut due, &failing), [""; 0]);
        // They stay due.
        assert_eq!(round(&mut due, &[]), ["1002", "1004"]);
    }

    #[test]
    fn the_last_failure_is_no_user_any_more() {
        let mut due = due("1001 1002 1003");
        due.failed("1002");
        due.keep_only(&["1001".to_owned()].into());
        assert_eq!(round(&mut due, &[]), ["1001"]);
    }
}
