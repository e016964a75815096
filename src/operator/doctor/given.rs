//! Whether a main gives its branches what it has.

use super::{Findings, Level, Report};
use crate::words::wording::counted;

impl Report {
    pub(super) fn given(&mut self, findings: &Findings) {
        let Some((branches, problem)) = &findings.given else { return };
        if problem.is_empty() {
            let text = format!("{} can have what this main has for them", counted(*branches, "branch"));
            self.say(Level::Fine, "branches", text);
        } else {
            let text = format!("what the branches are given is not what this main has: {problem}");
            self.say(Level::Broken, "branches", text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_is_told_where_something_is_exported() {
        let said = |given: Option<(usize, &str)>| {
            let given = given.map(|(branches, problem)| (branches, problem.to_owned()));
            let mut report = Report(Vec::new());
            report.given(&Findings { given, ..Findings::default() });
            report.0.into_iter().map(|check| check.to_string()).collect::<Vec<_>>()
        };
        assert!(said(None).is_empty());
        assert_eq!(said(Some((2, ""))), ["ok   branches    2 branches can have what this main has for them"]);
        let bad = said(Some((2, "the database does not answer")));
        assert!(
            bad[0].starts_with("BAD  branches ") && bad[0].ends_with("the database does not answer"),
            "{bad:?}"
        );
    }
}
