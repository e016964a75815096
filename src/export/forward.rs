//! Calls to the users of a site that is lost: who is reached at the public number, and what of that stands in the main's
//! database, where FreePBX's dialplan looks for it. Pure.
//!
//! What we put there is remembered beside it before: so it is found again after any end of the main, and what a person has
//! put there is never taken for ours.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    export::{stock::Stock, whereabouts::Whereabouts},
    words::number::is_number,
};

/// The family of Asterisk's database in which FreePBX has where calls to somebody go who can't be reached.
pub const FORWARDS: &str = "CFU";
/// The family in which we remember what we have put there.
pub const MARKS: &str = "synch-cfu";
/// So long after the main's start a site that has said nothing yet counts as here: branches come back within seconds, the
/// last ones of many within minutes. A restart of the main shall forward nobody.
pub const GRACE: Duration = Duration::from_secs(300);
/// Users that are looked at in one go, each with a read and two writes of the database. A hundredth of a second: branches
/// that wait for the same thread notice nothing.
pub const PIECE: usize = 200;

/// What a site counts as, where calls to its users are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Calls reach its users as ever.
    Here,
    /// It has not been seen yet: what was forwarded before the main's start stays so, and nothing else is.
    Unseen,
    /// Its users are reached at their public numbers.
    Lost,
}

impl Standing {
    /// Returns what a site counts as that is there, so long after the start of the main.
    #[must_use]
    pub fn of(whereabouts: Whereabouts, since_start: Duration) -> Self {
        match whereabouts {
            Whereabouts::Here => Self::Here,
            Whereabouts::Away if since_start < GRACE => Self::Unseen,
            Whereabouts::Away | Whereabouts::Alone => Self::Lost,
        }
    }
}

/// Where calls to the users of lost sites go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// By number: the public one.
    public: BTreeMap<Box<str>, Box<str>>,
    /// Numbers of sites that were not seen yet.
    unseen: BTreeSet<Box<str>>,
    /// Users of lost sites, with or without a public number.
    pub lost: usize,
    /// Users of the main, whatever their site.
    pub all: usize,
    /// Whether so many are lost that it is the main who is: then nobody goes anywhere else.
    pub is_too_much: bool,
}

impl Routes {
    /// Finds them. `lost_max` is a part of all users in percent. Of a site with too many users, nobody is forwarded: it is
    /// not known who belongs to it.
    #[must_use]
    pub fn of(stock: &Stock, standing: impl Fn(&str) -> Standing, lost_max: u8) -> Self {
        let mut numbers: BTreeMap<&str, Standing> = BTreeMap::new();
        for (name, site) in stock.sites.iter().filter(|(_, site)| site.users.is_ok()) {
            let standing = standing(name);
            for number in site.numbers.texts().filter(|number| is_number(number)) {
                // Whoever is of two sites can be reached as long as one of them is here.
                let known = numbers.entry(number).or_insert(standing);
                if *known == Standing::Lost {
                    *known = standing;
                }
            }
        }
        let of = |wanted| numbers.iter().filter(move |(_, standing)| **standing == wanted);
        let (lost, all) = (of(Standing::Lost).count(), stock.people.len());
        let is_too_much = lost * 100 > usize::from(lost_max) * all;
        let public = |(number, _): (&&str, _)| {
            let public = stock.people.get(number)?.public.filter(|public| is_number(public))?;
            Some((Box::from(*number), Box::from(public)))
        };
        let public =
            if is_too_much { BTreeMap::new() } else { of(Standing::Lost).filter_map(public).collect() };
        let unseen = of(Standing::Unseen).map(|(number, _)| Box::from(*number)).collect();
        Self { public, unseen, lost, all, is_too_much }
    }

    /// Returns the public number of a user of a lost site.
    #[must_use]
    pub fn get(&self, number: &str) -> Option<&str> {
        self.public.get(number).map(|public| &**public)
    }

    /// Returns how many users are reached at their public numbers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.public.len()
    }

    /// Returns whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.public.is_empty()
    }

    fn wanted(&self, number: &str) -> Wanted<'_> {
        match self.get(number) {
            Some(public) => Wanted::Forward(public),
            None if self.unseen.contains(number) => Wanted::AsBefore,
            None => Wanted::Nothing,
        }
    }
}

/// What shall become of calls to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted<'a> {
    /// They go there.
    Forward(&'a str),
    /// As before the main's start.
    AsBefore,
    /// Nothing of ours.
    Nothing,
}

/// What is done about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act<'a> {
    /// Nothing.
    Nothing,
    /// Calls go there from now on.
    Forward(&'a str),
    /// Calls go to another public number than so far.
    Renew(&'a str),
    /// What we have put there is taken away.
    TakeBack,
    /// A person has put something else there, or taken ours away: that stays, and is not ours any more.
    Leave,
}

/// A change of the database: family, and the value; `None` takes it away.
pub type Write<'a> = (&'static str, Option<&'a str>);

impl<'a> Act<'a> {
    /// Decides about a user, of whom that is remembered, and that stands in the database.
    fn decide(wanted: Wanted<'a>, mark: Option<&str>, stored: Option<&str>) -> Self {
        match (wanted, mark, stored) {
            (Wanted::Forward(public), None, None) => Self::Forward(public),
            // His own.
            (_, None, _) => Self::Nothing,
            (_, Some(mark), stored) if stored != Some(mark) => Self::Leave,
            (Wanted::Forward(public), Some(mark), _) if public != mark => Self::Renew(public),
            (Wanted::Forward(_) | Wanted::AsBefore, Some(_), _) => Self::Nothing,
            (Wanted::Nothing, Some(_), _) => Self::TakeBack,
        }
    }

    /// Returns what is written, in this order. Where it ends in the middle, the mark is there: what is found beside it is
    /// ours, or it is nobody's.
    #[must_use]
    pub fn writes(self) -> Vec<Write<'a>> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Forward(public) => vec![(MARKS, Some(public)), (FORWARDS, Some(public))],
            Self::Renew(public) => vec![(FORWARDS, None), (MARKS, Some(public)), (FORWARDS, Some(public))],
            Self::TakeBack => vec![(FORWARDS, None), (MARKS, None)],
            Self::Leave => vec![(MARKS, None)],
        }
    }
}

/// How many users something was done about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Calls to them go to their public numbers.
    pub forwarded: usize,
    /// They are reached as ever again.
    pub taken_back: usize,
    /// A person has changed it meanwhile.
    pub left: usize,
}

impl Done {
    /// Returns whether nothing was done.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What of the database is ours.
#[derive(Clone, Debug, Default)]
pub struct Forwards {
    /// By number: what we have put there.
    marks: BTreeMap<Box<str>, Box<str>>,
    /// Whom to look at.
    due: BTreeSet<Box<str>>,
    /// Who has changed it himself, as long as his site is lost.
    left: BTreeSet<Box<str>>,
    /// Since the last time that nobody was due.
    done: Done,
}

impl Forwards {
    /// Takes over what is remembered. All of it is looked at.
    #[must_use]
    pub fn remembered(marks: impl IntoIterator<Item = (String, String)>) -> Self {
        let marks: BTreeMap<Box<str>, Box<str>> =
            marks.into_iter().map(|(number, public)| (number.into(), public.into())).collect();
        Self { due: marks.keys().cloned().collect(), marks, ..Self::default() }
    }

    /// Has everybody looked at of whom something else is wanted than there is.
    pub fn want(&mut self, routes: &Routes) {
        self.left.retain(|number| routes.get(number).is_some());
        let new = routes.public.iter().filter(|(number, public)| self.marks.get(*number) != Some(*public));
        let new: BTreeSet<_> =
            new.map(|(number, _)| number).filter(|new| !self.left.contains(*new)).collect();
        let gone = self.marks.keys().filter(|number| routes.wanted(number) == Wanted::Nothing);
        let due: BTreeSet<Box<str>> = new.into_iter().chain(gone).cloned().collect();
        self.due.extend(due);
    }

    /// Returns who is looked at next.
    pub fn take(&mut self) -> Option<Box<str>> {
        self.due.pop_first()
    }

    /// Has somebody looked at once more: the database did not take it.
    pub fn again(&mut self, number: Box<str>) {
        self.due.insert(number);
    }

    /// Decides about a user for whom that stands in the database.
    #[must_use]
    pub fn decide<'r>(&self, number: &str, stored: Option<&str>, routes: &'r Routes) -> Act<'r> {
        // A value that is empty is none, as for FreePBX's dialplan.
        let stored = stored.filter(|stored| !stored.is_empty());
        Act::decide(routes.wanted(number), self.marks.get(number).map(|mark| &**mark), stored)
    }

    /// Takes note of what was written.
    pub fn did(&mut self, number: Box<str>, act: Act<'_>) {
        match act {
            Act::Nothing => {}
            Act::Forward(public) | Act::Renew(public) => {
                self.done.forwarded += 1;
                self.marks.insert(number, public.into());
            }
            Act::TakeBack => {
                self.done.taken_back += 1;
                self.marks.remove(&number);
            }
            Act::Leave => {
                self.done.left += 1;
                self.marks.remove(&number);
                self.left.insert(number);
            }
        }
    }

    /// Returns whether somebody is still to be looked at.
    #[must_use]
    pub fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Returns how many forwards are ours.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Returns whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Returns what was done, once nobody is due any more.
    pub fn take_done(&mut self) -> Option<Done> {
        let done = if self.is_due() { Done::default() } else { std::mem::take(&mut self.done) };
        (!done.is_nothing()).then_some(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        export::{
            Section,
            stand_in::Hashing,
            stock::{Files, take_stock},
        },
        settings::read,
        words::conf::ConfSection,
    };

    /// Berlin has 1001 and 1002, ulm has 2001, and 3001 to 3005 are the main's own.
    fn stock(public: &[(&str, &str)]) -> Stock {
        let user = |number: &str, site: &str| {
            let mut section = Section::new(number);
            section.push(b"type", b"endpoint");
            section.push(b"accountcode", site.as_bytes());
            for (_, public) in public.iter().filter(|(of, _)| *of == number) {
                section.push(b"set_var", format!("PUBLIC_NUMBER={public}").as_bytes());
            }
            section
        };
        let mut users = vec![user("1001", "berlin"), user("1002", "berlin"), user("2001", "ulm")];
        users.extend(["3001", "3002", "3003", "3004", "3005"].map(|number| user(number, "")));
        let export = read(&[ConfSection::new("export", [("sites", "berlin,ulm")])]).unwrap().export.unwrap();
        let sites = ["berlin", "ulm"].map(str::to_owned).into();
        let files = Files { users, boxes: None, contexts: None };
        take_stock(&Hashing, files, &export, &sites).unwrap().0
    }

    const PUBLIC: [(&str, &str); 3] = [("1001", "+49301001"), ("2001", "+49732001"), ("3001", "+49893001")];

    fn routes(lost: &[&str], unseen: &[&str], lost_max: u8) -> Routes {
        let standing = |site: &str| match (lost.contains(&site), unseen.contains(&site)) {
            (true, _) => Standing::Lost,
            (_, true) => Standing::Unseen,
            _ => Standing::Here,
        };
        Routes::of(&stock(&PUBLIC), standing, lost_max)
    }

    /// A database, and the forwards in it.
    #[derive(Default)]
    struct Main {
        stored: BTreeMap<(&'static str, String), String>,
        forwards: Forwards,
    }

    impl Main {
        fn get(&self, family: &'static str, number: &str) -> Option<&str> {
            self.stored.get(&(family, number.to_owned())).map(String::as_str)
        }

        fn set(&mut self, family: &'static str, number: &str, value: Option<&str>) {
            let key = (family, number.to_owned());
            match value {
                Some(value) => self.stored.insert(key, value.to_owned()),
                None => self.stored.remove(&key),
            };
        }

        /// Does all that is due, of each the first `most` writes.
        fn work_until(&mut self, routes: &Routes, most: usize) -> Done {
            self.forwards.want(routes);
            while let Some(number) = self.forwards.take() {
                let act = self.forwards.decide(&number, self.get(FORWARDS, &number), routes);
                for (family, value) in act.writes().into_iter().take(most) {
                    self.set(family, &number, value);
                }
                self.forwards.did(number, act);
            }
            self.forwards.take_done().unwrap_or_default()
        }

        fn work(&mut self, routes: &Routes) -> Done {
            self.work_until(routes, usize::MAX)
        }

        /// It is killed, and remembers what its database has.
        fn restart(&mut self) {
            let marks = self.stored.iter().filter(|((family, _), _)| *family == MARKS);
            let marks: Vec<_> = marks.map(|((_, number), public)| (number.clone(), public.clone())).collect();
            self.forwards = Forwards::remembered(marks);
        }
    }

    #[test]
    fn a_site_is_lost_when_it_is_alone_or_was_not_seen_for_long() {
        let (start, late) = (Duration::ZERO, GRACE);
        for (whereabouts, since, standing) in [
            (Whereabouts::Here, late, Standing::Here),
            (Whereabouts::Alone, start, Standing::Lost),
            (Whereabouts::Away, start, Standing::Unseen),
            (Whereabouts::Away, late, Standing::Lost),
        ] {
            assert_eq!(Standing::of(whereabouts, since), standing, "{whereabouts} {since:?}");
        }
    }

    #[test]
    fn who_has_a_public_number_is_reached_there_while_the_site_is_lost() {
        let routes = routes(&["berlin"], &[], 50);
        assert_eq!((routes.get("1001"), routes.get("1002")), (Some("+49301001"), None));
        assert_eq!((routes.get("2001"), routes.get("3001"), routes.get("x")), (None, None, None));
        assert_eq!((routes.lost, routes.all, routes.len(), routes.is_too_much), (2, 8, 1, false));
        // What is no number is none, whoever has written it.
        let odd = stock(&[("1001", "+49 30,tT"), ("1002", "$(id)"), ("2001", "1&SIP/x")]);
        assert!(Routes::of(&odd, |_| Standing::Lost, 50).is_empty());
    }

    #[test]
    fn nobody_is_reached_elsewhere_where_too_many_are_lost() {
        // Two of eight.
        assert!(!routes(&["berlin"], &[], 25).is_too_much);
        let beyond = routes(&["berlin"], &[], 24);
        assert!(beyond.is_too_much && beyond.is_empty());
        let mut main = Main::default();
        main.work(&routes(&["berlin"], &[], 50));
        assert_eq!(main.get(FORWARDS, "1001"), Some("+49301001"));
        assert_eq!(main.work(&routes(&["berlin", "ulm"], &[], 30)).taken_back, 1);
        assert!(main.stored.is_empty());
    }

    #[test]
    fn a_forward_is_remembered_before_it_is_made_and_forgotten_after_it_is_gone() {
        let mut main = Main::default();
        assert_eq!(main.work(&routes(&["berlin"], &[], 50)).forwarded, 1);
        assert_eq!(
            (main.get(FORWARDS, "1001"), main.get(MARKS, "1001")),
            (Some("+49301001"), Some("+49301001"))
        );
        assert_eq!((main.stored.len(), main.forwards.len()), (2, 1));
        // Once more is nothing new.
        assert!(main.work(&routes(&["berlin"], &[], 50)).is_nothing());
        assert_eq!(main.work(&routes(&[], &[], 50)).taken_back, 1);
        assert!(main.stored.is_empty() && main.forwards.is_empty());
    }

    #[test]
    fn what_a_person_has_set_stays() {
        let (lost, here) = (routes(&["berlin"], &[], 50), routes(&[], &[], 50));
        let mut main = Main::default();
        main.set(FORWARDS, "1001", Some("0171"));
        assert!(main.work(&lost).is_nothing() && main.work(&here).is_nothing());
        assert_eq!((main.get(FORWARDS, "1001"), main.stored.len()), (Some("0171"), 1));
        // Set, or taken away, while ours was there: also where the site is lost for longer, and another one with it.
        for theirs in [Some("0171"), None] {
            let mut main = Main::default();
            main.work(&lost);
            main.set(FORWARDS, "1001", theirs);
            assert!(main.work(&lost).is_nothing());
            if theirs.is_none() {
                main.restart();
                assert_eq!(main.work(&lost).left, 1);
                assert!(main.work(&routes(&["berlin", "ulm"], &[], 100)).left == 0);
                assert_eq!(main.get(FORWARDS, "1001"), None);
            }
            main.work(&here);
            assert_eq!((main.get(FORWARDS, "1001"), main.get(MARKS, "1001")), (theirs, None));
        }
    }

    #[test]
    fn a_main_that_starts_again_forwards_on_and_leaves_nothing_behind() {
        let mut main = Main::default();
        main.work(&routes(&["berlin"], &[], 50));
        main.restart();
        // Nobody new, as long as nobody has been seen.
        assert!(main.work(&routes(&[], &["berlin", "ulm"], 50)).is_nothing());
        assert_eq!(main.get(FORWARDS, "1001"), Some("+49301001"));
        assert_eq!(main.get(FORWARDS, "2001"), None);
        main.work(&routes(&[], &["ulm"], 50));
        assert!(main.stored.is_empty());
        // Of whom nobody knows any more, and where nobody is to be forwarded any more.
        main.set(FORWARDS, "4001", Some("1"));
        main.set(MARKS, "4001", Some("1"));
        main.restart();
        main.work(&Routes::default());
        assert!(main.stored.is_empty());
    }

    #[test]
    fn wherever_it_is_killed_nothing_of_ours_stays_and_nothing_of_theirs_goes() {
        let (lost, here) = (routes(&["berlin"], &[], 50), routes(&[], &[], 50));
        for most in 0..=2 {
            for theirs in [None, Some("0171")] {
                let mut main = Main::default();
                theirs.iter().for_each(|theirs| main.set(FORWARDS, "1001", Some(theirs)));
                main.work_until(&lost, most);
                main.restart();
                main.work_until(&here, most);
                main.restart();
                main.work(&here);
                assert_eq!(main.get(FORWARDS, "1001"), theirs, "{most}");
                assert_eq!(main.get(MARKS, "1001"), None, "{most}");
            }
        }
    }

    #[test]
    fn another_public_number_is_taken_up() {
        let mut main = Main::default();
        main.work(&routes(&["berlin"], &[], 50));
        let other = Routes::of(&stock(&[("1001", "+4930777")]), |_| Standing::Lost, 100);
        for most in 0..=3 {
            let mut main = Main { stored: main.stored.clone(), forwards: main.forwards.clone() };
            main.work_until(&other, most);
            main.restart();
            main.work(&routes(&[], &[], 50));
            assert!(main.stored.is_empty(), "{most}: {:?}", main.stored);
        }
        assert_eq!(main.work(&other).forwarded, 1);
        assert_eq!(main.get(FORWARDS, "1001"), Some("+4930777"));
    }
}
