//! What is asked for: how long, on which Asterisk, and what happens.

use std::time::Duration;

use lab::error::{Context, Error};
use lab::{Result, Version};

use crate::act::Act;

/// Nobody waits for more.
const MOST_HOURS: f64 = 24.0 * 31.0;
/// The word for reloads of the dialplan, which are no act: they happen beside all of it.
const RELOADS: &str = "reloads";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// From the end of the warm-up.
    pub time: Duration,
    /// The Asterisk of the branch.
    pub version: Version,
    /// Whether it shares states.
    pub shares: bool,
    /// Whether its dialplan is reloaded all the time.
    pub reloads: bool,
    /// What happens in each round.
    pub acts: Vec<Act>,
}

impl Plan {
    /// Reads the words of the command line: hours, 22 or 16, `alone` where no states are shared, and the only things that
    /// shall happen, with commas between.
    pub fn read(words: impl Iterator<Item = String>) -> Result<Self> {
        let mut plan = Self {
            time: Duration::from_secs(3600),
            version: Version::V22,
            shares: true,
            reloads: true,
            acts: Act::ROUND.to_vec(),
        };
        for (place, word) in words.enumerate() {
            match word.as_str() {
                hours if place == 0 && is_number(hours) => plan.time = time(hours)?,
                "22" => plan.version = Version::V22,
                "16" => plan.version = Version::V16,
                "alone" => plan.shares = false,
                word => plan.only(word)?,
            }
        }
        Ok(plan)
    }

    fn only(&mut self, words: &str) -> Result {
        let words: Vec<&str> = words.split(',').collect();
        if let Some(unknown) =
            words.iter().find(|word| **word != RELOADS && Act::ROUND.iter().all(|act| act.word() != **word))
        {
            let known: Vec<_> = Act::ROUND.iter().map(|act| act.word()).collect();
            return Err(Error::new(format!("'{unknown}': {RELOADS} are known, and {}", known.join(", "))));
        }
        self.reloads = words.contains(&RELOADS);
        self.acts.retain(|act| words.contains(&act.word()));
        if self.acts.is_empty() {
            self.acts = vec![Act::Wait];
        }
        Ok(())
    }
}

fn is_number(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
}

fn time(hours: &str) -> Result<Duration> {
    let hours: f64 = hours.parse().context(format!("'{hours}' hours"))?;
    if hours > 0.0 && hours <= MOST_HOURS {
        return Ok(Duration::from_secs_f64(hours * 3600.0));
    }
    Err(Error::new(format!("{hours} hours: more than 0 and not more than {MOST_HOURS} are wanted")))
}

#[cfg(test)]
mod tests {
    use lab::death::Death;

    use super::*;

    fn read(line: &str) -> Result<Plan> {
        Plan::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_happens_for_an_hour_where_nothing_else_is_said() -> Result {
        let plan = read("")?;
        assert_eq!((plan.time, plan.version), (Duration::from_secs(3600), Version::V22));
        assert!(plan.shares && plan.reloads && plan.acts == Act::ROUND);
        Ok(())
    }

    #[test]
    fn some_of_it_happens_alone() -> Result {
        let plan = read("0.5 16 alone cycle,kill")?;
        assert_eq!((plan.time, plan.version), (Duration::from_secs(1800), Version::V16));
        assert!(!plan.shares && !plan.reloads);
        assert_eq!(plan.acts, [Act::Outage(Death::Kill), Act::Cycle]);
        let plan = read("22 16")?;
        assert_eq!((plan.time, plan.version), (Duration::from_secs(22 * 3600), Version::V16));
        let plan = read("2 reloads")?;
        assert!(plan.shares && plan.reloads && plan.acts == [Act::Wait]);
        Ok(())
    }

    #[test]
    fn what_is_unknown_is_said() {
        for (line, says) in
            [("cycles", "cycle"), ("0", "more than 0"), ("1x", "1x"), ("9999", "not more"), ("1 18", "18")]
        {
            assert!(read(line).is_err_and(|error| error.to_string().contains(says)), "{line}");
        }
    }
}
