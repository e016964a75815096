//! What a main gives to its branches: whether their accounts can do more than they need, and whether calls to a branch that is
//! lost would reach anybody.

use super::{Level, Report};
use crate::{
    export::desk::Desk,
    operator::status::Served,
    settings::{Export, LostForward},
    words::{conf::ConfSection, wording::counted},
};

/// The write class that a branch needs, and no other.
const CLASS: &str = "log";

/// The account of a branch in manager.conf, as far as it is of interest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchAccount {
    name: String,
    /// Classes that it has besides `log`, as `write = system`; empty where it has none.
    more: String,
    /// Whether it can be used from some addresses alone.
    is_bound: bool,
    /// Whether there is one of that name.
    is_there: bool,
    /// Whether it has the class that it needs.
    has_class: bool,
}

impl BranchAccount {
    /// Looks for it among the sections of manager.conf.
    #[must_use]
    pub fn of(name: &str, sections: &[ConfSection]) -> Self {
        let section = sections.iter().rfind(|section| section.name == name && name != "general");
        let lines = || section.into_iter().flat_map(|section| &section.variables);
        let classes = |key: &str| -> Vec<&str> {
            let line = lines().rfind(|line| line.key.eq_ignore_ascii_case(key));
            let classes = line.into_iter().flat_map(|line| line.value.split(',')).map(str::trim);
            classes.filter(|class| !class.is_empty()).collect()
        };
        let besides: Vec<String> = [("read", classes("read")), ("write", classes("write"))]
            .into_iter()
            .filter_map(|(key, mut classes)| {
                classes.retain(|class| key == "read" || *class != CLASS);
                (!classes.is_empty()).then(|| format!("{key} = {}", classes.join(",")))
            })
            .collect();
        let bounds = ["permit", "acl"];
        Self {
            name: name.to_owned(),
            more: besides.join(" and "),
            is_bound: lines().any(|line| bounds.iter().any(|key| line.key.eq_ignore_ascii_case(key))),
            is_there: section.is_some(),
            has_class: classes("write").iter().any(|class| [CLASS, "all"].contains(class)),
        }
    }
}

impl Report {
    pub(super) fn serving(&mut self, accounts: &[BranchAccount], desk: &Desk, export: &Export) {
        let served = Served::at(desk);
        let level = match (served.problem.as_str(), served.all) {
            ("", 1..) => Level::Fine,
            ("", 0) => Level::Warning,
            _ => Level::Broken,
        };
        let remedy = if served.all == 0 {
            ". [export] sites says which accounts of manager.conf are branches: those with 'write = log', or those named"
        } else {
            ""
        };
        self.say(level, "branches", format!("{served}{remedy}"));
        for account in accounts {
            self.account(account);
        }
        if export.lost_forward == LostForward::FreePbx {
            self.forwards(desk, export);
        }
    }

    fn account(&mut self, account: &BranchAccount) {
        let BranchAccount { name, more, is_bound, is_there, has_class } = account;
        if !is_there {
            let text = format!("manager.conf has no account '{name}', which [export] sites names");
            return self.say(Level::Broken, "account", text);
        }
        if !has_class {
            let text = format!("account '{name}' has no 'write = log', so its branch is given nothing");
            self.say(Level::Broken, "account", text);
        }
        if !more.is_empty() {
            let text = format!(
                "account '{name}': {more} is more than this main needs; 'read =' and 'write = log' are enough for a \
                 branch that runs synch 0.5.0"
            );
            self.say(Level::Warning, "account", text);
        }
        if !is_bound {
            let text = format!(
                "account '{name}' can be used from anywhere: give it deny = 0.0.0.0/0.0.0.0 and permit = the address of \
                 its branch"
            );
            self.say(Level::Warning, "account", text);
        }
    }

    /// Whether calls to a branch that is lost would go anywhere.
    fn forwards(&mut self, desk: &Desk, export: &Export) {
        let shown = desk.shown();
        let Some(stock) = &shown.stock else { return };
        let all = stock.people.len();
        let (mut users, mut public, mut nobody) = (0, 0, Vec::new());
        for (name, site) in stock.sites.iter().filter(|(_, site)| site.users.is_ok()) {
            let has_public =
                |number: &&str| stock.people.get(number).is_some_and(|found| found.public.is_some());
            let theirs = site.numbers.texts().filter(has_public).count();
            users += site.numbers.len();
            public += theirs;
            if theirs == 0 {
                nobody.push(name.as_str());
            }
        }
        if !nobody.is_empty() {
            let text = format!(
                "lost_forward = freepbx: no user of {} has a public number, so calls to them go nowhere while it is lost: \
                 {} says it, as a variable of the user",
                nobody.join(", "),
                export.public_key
            );
            self.say(Level::Warning, "forward", text);
        }
        if public == 0 {
            return;
        }
        let most = usize::from(export.lost_max);
        if users * 100 <= most * all {
            let text = format!(
                "all branches together have {} of {all}, no more than [export] lost_max = {most} percent: where the line \
                 of this main itself dies, it would not be noticed, and calls to all of them would be forwarded. Take less",
                counted(users, "user")
            );
            self.say(Level::Warning, "forward", text);
        } else {
            let text = format!("{public} of {} of branches have a public number", counted(users, "user"));
            self.say(Level::Fine, "forward", text);
        }
        for (name, site) in stock.sites.iter().filter(|(_, site)| site.numbers.len() * 100 > most * all) {
            let text = format!(
                "{name} alone has {} of {all}, more than [export] lost_max = {most} percent: calls to them are never \
                 forwarded",
                counted(site.numbers.len(), "user")
            );
            self.say(Level::Warning, "forward", text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{export::desk::tests::desk, settings::read};

    fn account(lines: &[(&str, &str)]) -> BranchAccount {
        let sections =
            [ConfSection::new("general", [("enabled", "yes")]), ConfSection::new("berlin", lines.to_vec())];
        BranchAccount::of("berlin", &sections)
    }

    fn said(accounts: &[BranchAccount], more: &[(&str, &str)]) -> Vec<(Level, String)> {
        let lines = [("sites", "manager")].into_iter().chain(more.iter().copied());
        let export = read(&[ConfSection::new("export", lines)]).unwrap().export.unwrap();
        let mut report = Report(Vec::new());
        report.serving(accounts, &desk(), &export);
        report.0.into_iter().map(|check| (check.level, check.text)).collect()
    }

    #[test]
    fn an_account_that_can_do_more_than_a_branch_needs_is_told() {
        let bound = ("permit", "192.0.2.1/255.255.255.255");
        let all_fine = said(&[account(&[("read", ""), ("write", "log"), bound])], &[]);
        assert_eq!(all_fine.len(), 1, "{all_fine:?}");
        assert!(all_fine[0].1.starts_with("3 branches (0 Here, 0 Alone, 3 Away), 3 users"), "{all_fine:?}");
        for (lines, level, expected) in [
            (
                vec![("write", "log,system"), bound],
                Level::Warning,
                "write = system is more than this main needs",
            ),
            (vec![("read", "all"), ("write", "log"), bound], Level::Warning, "read = all is more"),
            (
                vec![("read", "system"), ("write", "all"), bound],
                Level::Warning,
                "read = system and write = all is more",
            ),
            (vec![("write", "log")], Level::Warning, "can be used from anywhere"),
            (vec![("write", ""), ("acl", "x")], Level::Broken, "has no 'write = log'"),
        ] {
            let found = said(&[account(&lines)], &[]);
            assert_eq!((found.len(), found[1].0), (2, level), "{found:?}");
            assert!(found[1].1.contains(expected), "{expected}: {found:?}");
        }
        let missing = said(&[BranchAccount::of("bonn", &[])], &[]);
        assert!(missing[1].0 == Level::Broken && missing[1].1.contains("no account 'bonn'"), "{missing:?}");
    }

    #[test]
    fn forwards_that_would_lead_nowhere_are_told() {
        let found = said(&[], &[("lost_forward", "freepbx")]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[1].1.contains("no user of berlin, empty, ulm has a public number"), "{found:?}");
    }
}
