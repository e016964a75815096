//! What came of it: the table, and whether all is flat.

use lab::Error;

use crate::act::Act;
use crate::load::Counts;
use crate::office::Done;
use crate::watch::{Sample, Slope, Used};

/// Memory may go up by so much in an hour: a day of it is 2.4 MiB, and no leak of anything that is made for each probe,
/// question, sync or outage is so small. Only what is more than chance counts: an hour can't tell it to the KiB.
const SLOPE_KIB_PER_HOUR: f64 = 100.0;
/// A slope through fewer rounds than these, of some two minutes each, says nothing of an hour.
const ROUNDS: usize = 10;
/// And whatever the slope, by so much from the start to the end: malloc keeps holes between what it gave out. Some 200 KiB
/// were measured.
const GROWTH_KIB: u64 = 2048;

/// One of the things that a sample has.
type Value = fn(&Used) -> u64;

/// Everything that was seen.
pub struct Report {
    /// What was used at least while nothing happened: after the warm-up, and at the end.
    pub quiet: [Used; 2],
    /// What was used in between.
    pub samples: Vec<Sample>,
    /// The same at the start, when a round was over and at the end, with unused memory given back: like beside like.
    pub rounds: Vec<Sample>,
    /// How the questions fared, the warm-up's included.
    pub counts: Counts,
    /// What was done, in the warm-up, too.
    pub done: Done,
    /// Whether the dialplan was to be reloaded.
    pub reloading: bool,
    /// Whether states were to be shared.
    pub sharing: bool,
    /// Moves of the service, as the branch's log has them.
    pub moves: usize,
    /// Lines of level ERROR in the branch's log.
    pub errors: Vec<String>,
    /// What ended it before its time, such as a move that was waited for and did not come.
    pub stopped_by: Option<Error>,
}

impl Report {
    /// Prints the table, and what is wrong.
    pub fn print(&self) {
        println!("| the branch's | start | end | slope per hour | most |");
        println!("| --- | --- | --- | --- | --- |");
        let rows: [(&str, Value); 4] = [
            ("memory in use, KiB", |used| used.in_use_kib),
            ("the same with malloc's holes", |used| used.vitals.anonymous_kib),
            ("threads", |used| used.vitals.threads as u64),
            ("descriptors", |used| used.vitals.descriptors as u64),
        ];
        for (name, value) in rows {
            let most = self.samples.iter().map(|sample| value(&sample.used)).max().unwrap_or_default();
            let [start, end] = self.quiet.each_ref().map(value);
            let Slope { per_hour, error } = Slope::of(&self.rounds, value);
            println!("| {name} | {start} | {end} | {per_hour:+.1} ± {error:.1} | {most} |");
        }
        let Counts { asked, main, branch, relayed, lost, wrong, .. } = &self.counts;
        println!(
            "\nDNS: {asked} asked; {main} named the main, {branch} the branch, {relayed} relayed; {lost} lost, {wrong} wrong"
        );
        let acts = &self.done.acts;
        let count = |wanted: fn(&Act) -> bool| acts.iter().filter(|act| wanted(act)).count();
        println!(
            "{} outages, {} changed users, {} changed settings, {} loads; {} moves of the service, {} were meant",
            count(|act| matches!(act, Act::Outage(_))),
            count(|act| *act == Act::Change),
            count(|act| *act == Act::Settings),
            count(|act| *act == Act::Cycle),
            self.moves,
            self.done.meant()
        );
        println!(
            "{} changes of states at the other system, which left and came {} times",
            self.done.changes,
            count(|act| *act == Act::Part)
        );
        println!(
            "{} reloads of the dialplan beside it; {} workers restarted, {} errors in the log",
            self.done.reloads,
            self.done.restarts,
            self.errors.len()
        );
        for line in self.counts.examples.iter().chain(&self.errors) {
            println!("  {line}");
        }
    }

    /// Whatever is not as it was, or not as it must be.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = self.stopped_by.iter().map(ToString::to_string).collect();
        let mut check = |right: bool, fault: String| {
            if !right {
                faults.push(fault);
            }
        };
        let slope = Slope::of(&self.rounds, |used| used.in_use_kib);
        check(
            self.rounds.len() < ROUNDS || slope.at_least() <= SLOPE_KIB_PER_HOUR,
            format!("memory grows by {:.0} ± {:.0} KiB an hour", slope.per_hour, slope.error),
        );
        let [before, after] = &self.quiet;
        let growth = after.vitals.anonymous_kib.saturating_sub(before.vitals.anonymous_kib);
        check(growth <= GROWTH_KIB, format!("memory with malloc's holes has grown by {growth} KiB"));
        let [before, after] = [before.vitals, after.vitals];
        check(
            before.threads == after.threads,
            format!("{} threads became {}", before.threads, after.threads),
        );
        check(
            before.descriptors == after.descriptors,
            format!("{} descriptors became {}", before.descriptors, after.descriptors),
        );
        let Counts { asked, main, branch, relayed, lost, wrong, .. } = self.counts;
        check(
            asked > 0 && asked == main + branch + relayed && lost == 0 && wrong == 0,
            format!("of {asked} questions, {lost} were lost and {wrong} answered wrongly"),
        );
        let (moves, meant) = (self.moves, self.done.meant());
        check(moves == meant, format!("the service moved {moves} times, and {meant} were meant"));
        check(self.done.reloads > 0 || !self.reloading, "the dialplan was never reloaded".to_owned());
        check(self.done.changes > 0 || !self.sharing, "the other system's devices never changed".to_owned());
        check(self.done.restarts == 0, format!("{} workers panicked", self.done.restarts));
        check(self.errors.is_empty(), format!("{} errors in the log", self.errors.len()));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::asterisk::Vitals;
    use std::time::Duration;

    type Spoil = fn(&mut Report);

    fn report() -> Report {
        let vitals = Vitals { threads: 40, descriptors: 60, anonymous_kib: 60_000 };
        let used = Used { vitals, in_use_kib: 50_000 };
        let sample = |minute: u64| Sample { at: Duration::from_secs(minute * 60), used };
        let counts = Counts { asked: 30, main: 10, branch: 10, relayed: 10, ..Counts::default() };
        Report {
            quiet: [used; 2],
            samples: (0..60).map(sample).collect(),
            rounds: (0..20).map(|round| sample(3 * round)).collect(),
            counts,
            done: Done { acts: vec![Act::Hold, Act::Cycle], restarts: 0, reloads: 1, changes: 1 },
            reloading: true,
            sharing: true,
            moves: 3,
            errors: vec![],
            stopped_by: None,
        }
    }

    #[test]
    fn a_flat_line_has_no_fault() {
        assert_eq!(report().faults(), [""; 0]);
    }

    #[test]
    fn each_fault_is_found() {
        let spoil: [(&str, Spoil); 13] = [
            ("memory grows by 1200 ± ", |report| {
                for (round, sample) in (0..).zip(&mut report.rounds) {
                    sample.used.in_use_kib += 60 * round + round % 2;
                }
            }),
            ("has grown by 9000 KiB", |report| report.quiet[1].vitals.anonymous_kib += 9000),
            ("40 threads became 41", |report| report.quiet[1].vitals.threads = 41),
            ("60 descriptors became 59", |report| report.quiet[1].vitals.descriptors = 59),
            ("1 were lost", |report| report.counts.lost = 1),
            ("1 answered wrongly", |report| report.counts.wrong = 1),
            ("of 0 questions", |report| report.counts = Counts::default()),
            ("moved 5 times, and 3 were meant", |report| report.moves = 5),
            ("the dialplan was never reloaded", |report| report.done.reloads = 0),
            ("devices never changed", |report| report.done.changes = 0),
            ("2 workers panicked", |report| report.done.restarts = 2),
            ("it did not come", |report| report.stopped_by = Some(Error::new("it did not come"))),
            ("1 errors in the log", |report| report.errors.push("ERROR".to_owned())),
        ];
        for (fault, spoil) in spoil {
            let mut report = report();
            spoil(&mut report);
            let faults = report.faults();
            assert!(faults.len() == 1 && faults[0].contains(fault), "{fault}: {faults:?}");
        }
    }

    #[test]
    fn a_few_rounds_have_no_slope_but_may_have_grown() {
        let mut report = report();
        report.rounds.truncate(3);
        report.rounds[2].used.in_use_kib += 500;
        assert_eq!(report.faults(), [""; 0]);
        report.quiet[1].vitals.anonymous_kib += 3000;
        assert_eq!(report.faults(), ["memory with malloc's holes has grown by 3000 KiB"]);
    }

    #[test]
    fn chance_is_no_growth() {
        let mut report = report();
        for (round, sample) in (0_usize..).zip(&mut report.rounds) {
            sample.used.in_use_kib += [0, 900, 300, 1200].into_iter().cycle().nth(round).unwrap();
        }
        assert_eq!(report.faults(), [""; 0]);
    }
}
