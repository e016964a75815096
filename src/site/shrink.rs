//! Whether what the main has lost may be taken away here, measured by a whole day: a main that loses its users in small
//! steps loses them all the same. Pure: the time is told to it, in seconds since 1970.

use std::collections::{BTreeMap, BTreeSet};

/// What has gone counts for this long.
const DAY: u64 = 24 * HOUR;
/// The most at one time is kept by the hour: 25 numbers are a day.
const HOUR: u64 = 3600;

/// Names, each once, in order.
pub type Names = BTreeSet<String>;

/// What is not taken away without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarded {
    /// Users of this site, by name.
    Users,
    /// Their mailboxes, as `1001@default`.
    Mailboxes,
    /// Everybody on the main, by number.
    Directory,
    /// The main's contexts, by extension: `100@site-features`.
    Contexts,
}

/// Removals that wait for a person's word, or that have it.
pub type Removals = BTreeMap<Guarded, Names>;

impl Guarded {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Users, Self::Mailboxes, Self::Directory, Self::Contexts];

    /// One of it.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Users => "user",
            Self::Mailboxes => "mailbox",
            Self::Directory => "number of the directory",
            Self::Contexts => "extension of the main's contexts",
        }
    }

    /// So many of it.
    #[must_use]
    pub fn counted(self, count: usize) -> String {
        let plural = count != 1;
        let text = match self {
            Self::Users if plural => "users",
            Self::Mailboxes if plural => "mailboxes",
            Self::Directory if plural => "numbers of the directory",
            Self::Contexts if plural => "extensions of the main's contexts",
            one => one.noun(),
        };
        format!("{count} {text}")
    }

    /// `this user`, `these users`.
    #[must_use]
    pub fn these(self, count: usize) -> String {
        let counted = self.counted(count);
        let (_, what) = counted.split_once(' ').unwrap_or_default();
        format!("{} {what}", if count == 1 { "this" } else { "these" })
    }

    /// The command that names what is held.
    #[must_use]
    pub const fn shown_by(self) -> &'static str {
        match self {
            Self::Users | Self::Mailboxes => "synch show users",
            Self::Directory => "synch show directory",
            Self::Contexts => "synch show contexts",
        }
    }

    /// Where its losses are kept for a restart.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Users => "losses.users",
            Self::Mailboxes => "losses.mailboxes",
            Self::Directory => "losses.directory",
            Self::Contexts => "losses.contexts",
        }
    }
}

/// What has gone within a day without a person's word, and how many there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// The most at one time, by the hour.
    most: BTreeMap<u64, usize>,
    /// What has gone, and when.
    gone: BTreeMap<String, u64>,
}

/// A removal that waits for a person's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who would be taken away.
    pub names: Names,
    /// How many others have gone within a day.
    pub earlier: usize,
    /// Of how many: the most at one time within a day.
    pub of: usize,
}

impl Losses {
    /// Whether what is in place may become what is new. `max_shrink` is the percentage that a day may take away, and 100
    /// is no bound. Names that a person has seen and `accepted` may go, unless others go with them.
    ///
    /// # Errors
    /// Who would go.
    pub fn judge(
        &self,
        now: u64,
        in_place: &Names,
        new: &Names,
        max_shrink: u8,
        accepted: &Names,
    ) -> Result<(), Held> {
        let names: Names = in_place.difference(new).cloned().collect();
        if names.is_empty() || max_shrink >= 100 || names.is_subset(accepted) {
            return Ok(());
        }
        let gone = self.gone.iter().filter(|(_, at)| is_of_a_day(**at, now)).map(|(name, _)| name);
        let earlier = gone.filter(|name| !in_place.contains(*name) && !new.contains(*name)).count();
        let most = self.most.iter().filter(|(hour, _)| is_of_a_day(**hour * HOUR + HOUR - 1, now));
        let of = most.map(|(_, most)| *most).fold(in_place.len(), usize::max);
        // Multiplied out, so that no rounding decides.
        let lost = (names.len() + earlier).saturating_mul(100);
        if lost > usize::from(max_shrink).saturating_mul(of) {
            Err(Held { names, earlier, of })
        } else {
            Ok(())
        }
    }

    /// What is in place becomes what is new. What a person has `accepted` is forgotten: from here on counts what is left.
    /// Says whether anything of it has to be kept.
    pub fn note(&mut self, now: u64, in_place: &Names, new: &Names, accepted: &Names) -> bool {
        let before = self.clone();
        let mut names = in_place.difference(new).peekable();
        let forgets = names.peek().is_some() && in_place.difference(new).all(|name| accepted.contains(name));
        if forgets {
            *self = Self::default();
        } else {
            self.gone.extend(names.map(|name| (name.clone(), now)));
        }
        self.gone.retain(|name, at| {
            // A clock that was set back would keep it for ever.
            *at = (*at).min(now);
            is_of_a_day(*at, now) && !new.contains(name)
        });
        self.most.retain(|hour, _| *hour <= now / HOUR && is_of_a_day(*hour * HOUR + HOUR - 1, now));
        let there = if forgets { new.len() } else { in_place.len().max(new.len()) };
        let most = self.most.entry(now / HOUR).or_default();
        *most = there.max(*most);
        *self != before
    }

    /// As a file: a line each.
    #[must_use]
    pub fn to_text(&self) -> String {
        let most = self.most.iter().map(|(hour, most)| format!("most {hour} {most}\n"));
        let gone = self.gone.iter().filter(|(name, _)| !name.contains('\n'));
        most.chain(gone.map(|(name, at)| format!("gone {at} {name}\n"))).collect()
    }

    /// Out of such a file. A line that says nothing is left out.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let mut losses = Self::default();
        for line in text.lines() {
            let mut words = line.splitn(3, ' ');
            let (Some(word), Some(Ok(number)), Some(rest)) =
                (words.next(), words.next().map(str::parse), words.next())
            else {
                continue;
            };
            match (word, rest.parse()) {
                ("most", Ok(most)) => drop(losses.most.insert(number, most)),
                ("gone", _) => drop(losses.gone.insert(rest.to_owned(), number)),
                _ => {}
            }
        }
        losses
    }
}

const fn is_of_a_day(at: u64, now: u64) -> bool {
    now.saturating_sub(at) < DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some time of some day, in the middle of an hour.
    const NOON: u64 = 500_000 * HOUR + 1800;

    fn names(range: std::ops::Range<u32>) -> Names {
        range.map(|number| format!("{number:03}")).collect()
    }

    fn none() -> Names {
        Names::new()
    }

    /// A sync: whether it was carried out, and noted then.
    fn sync(
        losses: &mut Losses,
        now: u64,
        in_place: &mut Names,
        new: Names,
        accepted: &Names,
    ) -> Result<(), Held> {
        losses.judge(now, in_place, &new, 50, accepted)?;
        losses.note(now, in_place, &new, accepted);
        *in_place = new;
        Ok(())
    }

    #[test]
    fn exactly_the_allowed_part_may_go() {
        for (old, new, max_shrink, may) in [
            (0..10, 5..10, 50, true),
            (0..10, 6..10, 50, false),
            (0..3, 1..3, 33, false),
            (0..3, 1..3, 34, true),
            (0..2, 0..1, 0, false),
            (0..2, 5..6, 100, true),
            (0..0, 0..1, 0, true),
            // Newcomers do not make up for the lost.
            (0..10, 100..200, 50, false),
        ] {
            let judged =
                Losses::default().judge(NOON, &names(old.clone()), &names(new.clone()), max_shrink, &none());
            assert_eq!(judged.is_ok(), may, "{old:?} {new:?} {max_shrink}");
        }
    }

    #[test]
    fn a_hundred_users_do_not_become_one_in_small_steps() {
        let (mut losses, mut in_place) = (Losses::default(), names(0..100));
        let mut now = NOON;
        let mut held = None;
        while held.is_none() && in_place.len() > 1 {
            let half = u32::try_from(in_place.len() / 2).unwrap();
            held = sync(&mut losses, now, &mut in_place, names(0..half), &none()).err();
            // Over a restart of the module.
            losses = Losses::from_text(&losses.to_text());
            now += 300;
        }
        assert_eq!(in_place.len(), 50);
        let held = held.unwrap();
        assert_eq!((held.names.len(), held.earlier, held.of), (25, 50, 100));
    }

    #[test]
    fn one_at_a_time_is_held_as_well() {
        let (mut losses, mut in_place) = (Losses::default(), names(0..10));
        for left in (5..10).rev() {
            sync(&mut losses, NOON, &mut in_place, names(0..left), &none()).unwrap();
        }
        let held = sync(&mut losses, NOON + 23 * HOUR, &mut in_place, names(0..4), &none()).unwrap_err();
        assert_eq!((held.names, held.earlier, held.of), (names(4..5), 5, 10));
        // The next day, half of what is left then.
        sync(&mut losses, NOON + 25 * HOUR, &mut in_place, names(0..3), &none()).unwrap();
        assert!(sync(&mut losses, NOON + 25 * HOUR, &mut in_place, names(0..2), &none()).is_err());
    }

    #[test]
    fn who_comes_back_was_not_lost() {
        let (mut losses, mut in_place) = (Losses::default(), names(0..10));
        for _ in 0..20 {
            sync(&mut losses, NOON, &mut in_place, names(0..5), &none()).unwrap();
            sync(&mut losses, NOON, &mut in_place, names(0..10), &none()).unwrap();
        }
        assert_eq!(Losses { gone: BTreeMap::new(), ..losses.clone() }, losses);
    }

    #[test]
    fn what_was_seen_may_go_and_nobody_else_with_it() {
        let (mut losses, mut in_place) = (Losses::default(), names(0..10));
        let seen = sync(&mut losses, NOON, &mut in_place, names(0..3), &none()).unwrap_err().names;
        assert_eq!(seen, names(3..10));
        let others = sync(&mut losses, NOON, &mut in_place, names(0..2), &seen).unwrap_err().names;
        assert_eq!(others, names(2..10), "shown again, all of them");
        // Fewer than were seen, or other ones who are new here.
        sync(&mut losses, NOON, &mut in_place, names(0..4), &seen).unwrap();
        // From here on it is these four that count.
        sync(&mut losses, NOON, &mut in_place, names(0..2), &none()).unwrap();
        assert!(sync(&mut losses, NOON, &mut in_place, names(0..1), &none()).is_err());
    }

    #[test]
    fn as_many_as_were_seen_are_not_those_who_were_seen() {
        let losses = Losses::default();
        let judged = losses.judge(NOON, &names(0..10), &names(0..3), 50, &names(0..7));
        assert!(judged.is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nothing_for_ever() {
        let (mut losses, mut in_place) = (Losses::default(), names(0..10));
        sync(&mut losses, NOON + 1000 * HOUR, &mut in_place, names(0..5), &none()).unwrap();
        assert!(losses.judge(NOON, &in_place, &names(0..4), 50, &none()).is_err());
        losses.note(NOON, &in_place, &in_place.clone(), &none());
        assert!(losses.judge(NOON + 25 * HOUR, &in_place, &names(0..4), 50, &none()).is_ok());
    }

    #[test]
    fn what_is_kept_comes_back_and_what_is_not_ours_is_left_out() {
        let mut losses = Losses::default();
        losses.note(NOON, &["a b", "c"].map(str::to_owned).into(), &none(), &none());
        assert_eq!(Losses::from_text(&losses.to_text()), losses);
        assert!(!losses.clone().note(NOON, &none(), &none(), &none()), "nothing new");
        for text in ["", "most\n", "most x 1\n", "most 1 x\n", "gone\n", "gone 1\n", "gone x y\n", "\0 1 2\n"]
        {
            assert_eq!(Losses::from_text(text), Losses::default(), "{text}");
        }
    }
}
