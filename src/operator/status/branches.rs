//! The branches of a main, as people and programs see them.

use std::{fmt, time::Instant};

use crate::{
    export::{
        Part,
        desk::{Account, Desk},
        whereabouts::Whereabouts,
    },
    operator::table::{Cell, Column, Table},
    words::wording::{counted, visible, visible_octets},
};

const BRANCH: [Column; 8] = [
    Column::new("Branch", "Branch", 20),
    Column::new("State", "State", 5),
    Column::new("Service", "Service", 11),
    Column::new("Address", "Address", 21),
    Column::new("Version", "Version", 8),
    Column::new("Heard s ago", "Heard", 11),
    Column::new("Users", "Users", 5),
    Column::new("Digest", "Digest", 16),
];

/// Returns all branches, whether or not they have said something.
#[must_use]
pub fn branch_table(desk: &Desk) -> Table {
    let (shown, accounts, states) = (desk.shown(), desk.accounts(), desk.whereabouts());
    let sites = shown.stock.iter().flat_map(|stock| stock.sites.iter());
    let now = Instant::now();
    let rows = sites.map(|(name, site)| {
        let account = accounts.get(name);
        let state = states.get(name).map(|(state, _)| *state).unwrap_or_default();
        let text = |get: fn(&Account) -> &str| Cell::from(account.map(get).unwrap_or_default());
        let heard = account.map(|account| now.saturating_duration_since(account.last_word).as_secs());
        let (users, digest) = match &site.users {
            Ok(users) => (users.names.len(), users.digest.short().to_string()),
            Err(_) => (0, "too many users".to_owned()),
        };
        vec![
            Cell::from(name.as_str()),
            Cell::from(state.word()),
            text(|account| &account.state),
            text(|account| &account.address),
            text(|account| &account.version),
            Cell::Text(heard.map(|seconds| seconds.to_string()).unwrap_or_default()),
            Cell::from(users),
            Cell::Text(digest),
        ]
    });
    Table { event: "SynchBranch", complete: "SynchBranchesComplete", columns: &BRANCH, rows: rows.collect() }
}

/// What a main gives to its branches, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// All branches.
    pub all: usize,
    /// Those that are [`Whereabouts::Here`].
    pub here: usize,
    /// Those that are [`Whereabouts::Alone`].
    pub alone: usize,
    /// Those that are [`Whereabouts::Away`].
    pub away: usize,
    /// Their users.
    pub users: usize,
    /// Users to whose public numbers calls go, by a forward of ours.
    pub forwarded: usize,
    /// When the files were last taken up; empty before the first time.
    pub read: String,
    /// Why not all is given that the main has.
    pub problem: String,
}

impl Served {
    /// Looks at a desk.
    #[must_use]
    pub fn at(desk: &Desk) -> Self {
        let (shown, states) = (desk.shown(), desk.whereabouts());
        let sites = || shown.stock.iter().flat_map(|stock| &stock.sites);
        let state = |name: &String| states.get(name).map(|(state, _)| *state).unwrap_or_default();
        let count = |wanted| sites().filter(|(name, _)| state(name) == wanted).count();
        let users = sites().filter_map(|(_, site)| site.users.as_ref().ok()).map(|users| users.names.len());
        let too_many = sites().find_map(|(_, site)| site.users.as_ref().err()).map(ToString::to_string);
        Self {
            all: sites().count(),
            here: count(Whereabouts::Here),
            alone: count(Whereabouts::Alone),
            away: count(Whereabouts::Away),
            users: users.sum(),
            forwarded: desk.forwarding().forwarded,
            read: shown.read_at.clone(),
            problem: if shown.problem.is_empty() {
                too_many.unwrap_or_default()
            } else {
                shown.problem.clone()
            },
        }
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, here, alone, away, users, forwarded, .. } = self;
        let (all, users) = (counted(*all, "branch"), counted(*users, "user"));
        write!(f, "{all} ({here} Here, {alone} Alone, {away} Away), {users}")?;
        if *forwarded > 0 {
            write!(f, ", {forwarded} of them forwarded to public numbers")?;
        }
        match self.problem.as_str() {
            "" => Ok(()),
            problem => write!(f, "; {}", visible(problem)),
        }
    }
}

/// Returns the same for the console.
#[must_use]
pub fn branches(desk: &Desk) -> String {
    let shown = desk.shown();
    let problem = match desk.problem().as_str() {
        "" => String::new(),
        problem => format!("What is given is not what the main has: {problem}\n"),
    };
    let Some(stock) = &shown.stock else {
        let nothing = "Nothing is given to branches: [export] of res_synch.conf names no site (sites).\n";
        return if problem.is_empty() { nothing.to_owned() } else { problem };
    };
    branch_table(desk).text() + &format!("{}\n", counted(stock.sites.len(), "branch")) + &problem
}

/// Returns what is known of one branch.
///
/// # Errors
/// There is no branch of that name.
pub fn branch(desk: &Desk, name: &str) -> Result<String, String> {
    let shown = desk.shown();
    let Some(site) = shown.stock.as_ref().and_then(|stock| stock.sites.get(name)) else {
        return Err(format!(
            "There is no branch '{name}'; 'synch show branches' lists those that there are."
        ));
    };
    let account = desk.accounts().remove(name);
    let (state, reason) = desk.whereabouts().remove(name).unwrap_or_default();
    let line =
        |label: &str, value: &str| format!("{label:<12}: {}\n", if value.is_empty() { "-" } else { value });
    let of = |get: fn(&Account) -> &str| account.as_ref().map(get).unwrap_or_default().to_owned();
    let mut text = line("Branch", name) + &line("State", &format!("{state}: {reason}"));
    text += &line("Service", &of(|account| &account.state));
    text += &line("Address", &of(|account| &account.address));
    text += &line("Version", &of(|account| &account.version));
    let sessions = account.as_ref().map_or(0, Account::sessions);
    text += &line("Sessions", &sessions.to_string());
    for part in Part::ALL {
        let Some(things) = shown.stock.as_ref().and_then(|stock| stock.part(name, part)) else { continue };
        text += &line(
            part.word(),
            &match things {
                Ok(things) => format!("{}, digest {}", things.names.len(), things.digest.short()),
                Err(problem) => problem.to_string(),
            },
        );
    }
    text += &line("numbers", &site.numbers.len().to_string());
    Ok(text)
}

/// Returns the users of one branch.
///
/// # Errors
/// There is no branch of that name, or it has too many users.
pub fn users_of(desk: &Desk, name: &str) -> Result<String, String> {
    let shown = desk.shown();
    let Some(site) = shown.stock.as_ref().and_then(|stock| stock.sites.get(name)) else {
        return Err(format!(
            "There is no branch '{name}'; 'synch show branches' lists those that there are."
        ));
    };
    let users = site.users.as_ref().map_err(ToString::to_string)?;
    let all: String =
        users.iter().map(|(name, digest)| format!("{:<20} {digest}\n", visible_octets(name))).collect();
    Ok(all + &format!("{}\n", counted(users.names.len(), "user")))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::export::desk::tests::desk;

    #[test]
    fn branches_are_counted_by_what_they_are() {
        let desk = desk();
        let states = [("berlin", Whereabouts::Here), ("ulm", Whereabouts::Alone)];
        let states = states.map(|(name, state)| (name.to_owned(), (state, String::new())));
        desk.set_whereabouts(states.into());
        desk.set_forwarding(crate::export::desk::Forwarding { forwarded: 1, ..Default::default() });
        let served = Served::at(&desk);
        assert_eq!((served.all, served.here, served.alone, served.away), (3, 1, 1, 1));
        let text = "3 branches (1 Here, 1 Alone, 1 Away), 3 users, 1 of them forwarded to public numbers";
        assert_eq!(served.to_string(), text);
    }

    #[test]
    fn branches_are_listed_whether_or_not_they_have_come() {
        let desk = desk();
        desk.set_whereabouts(BTreeMap::from([(
            "berlin".to_owned(),
            (Whereabouts::Here, "it is connected".to_owned()),
        )]));
        let text = branches(&desk);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("berlin               Here"), "{text}");
        assert!(lines[3].starts_with("ulm                  Away"), "{text}");
        assert_eq!(lines[4], "3 branches");
        let one = branch(&desk, "berlin").unwrap();
        assert!(one.contains("State       : Here: it is connected\n"), "{one}");
        assert!(one.contains("users       : 2, digest "), "{one}");
        assert!(branch(&desk, "bonn").unwrap_err().contains("'synch show branches'"));
        let users = users_of(&desk, "berlin").unwrap();
        assert!(users.starts_with("1001 ") && users.ends_with("2 users\n"), "{users}");
        let none = Arc::new(Desk::new(Arc::new(crate::export::stand_in::Hashing)));
        assert!(branches(&none).starts_with("Nothing is given"), "{}", branches(&none));
    }
}
