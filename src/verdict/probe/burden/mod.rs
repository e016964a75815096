//! What our own reading of the main's files has to do with the probes: whether the line has room for it, and whether a
//! silence may be its doing.
//!
//! A probe that is late, that fails, or that is answered much later than usual ends what can be ended: the directory is read
//! in pieces, and the piece on its way is broken off. Silence of a probe that was on the line with it counts one
//! point and no penalty. That lasts until the line is free again, a second after the first late answer at most: so a
//! main that dies meanwhile is noticed two seconds later than else. Whoever reads on for longer than that gets no more,
//! for a main that is dead looks the same: until a probe is answered as usual again.

use std::{collections::VecDeque, time::Duration, time::Instant};

use super::{Kind, Outcome};
use crate::settings::Probe;

/// An answer that takes this much longer than usual says that something fills the line. What is on its way of ours at once
/// takes a quarter of a second on a line that was measured.
const SLOWER: Duration = Duration::from_millis(500);
/// How long the line may still be busy with us after we were told to stop: it is looked five times a second, and what
/// was on its way comes.
const DRAIN: Duration = Duration::from_secs(1);
/// Answers that say what is usual. A line that has become slow for good is taken for usual after half of them.
const REMEMBERED: usize = 16;

/// How the line bears what is read over it.
#[derive(Clone, Debug)]
pub struct Burden {
    /// An answer that takes longer is late.
    late: Duration,
    ami: Course,
    sip: Course,
    /// Whether something is being read.
    reads: bool,
    /// Whether that is to stop, so that silence is none of its doing any more.
    told: bool,
    /// Probes that began before that were on the line with it.
    shared_until: Option<Instant>,
}

/// How the probes of one kind went.
#[derive(Clone, Debug, Default)]
struct Course {
    /// When the oldest probe began that nobody has heard of since the last one was answered.
    waiting: Option<Instant>,
    /// What answers took while nothing was read.
    usual: VecDeque<Duration>,
    /// Whether the last answer took much longer than that.
    slow: bool,
    /// Whether there was none.
    failed: bool,
}

impl Course {
    /// The middle one of what was usual.
    fn usual(&self) -> Option<Duration> {
        let mut answers: Vec<Duration> = self.usual.iter().copied().collect();
        answers.sort_unstable();
        answers.get(answers.len() / 2).copied()
    }

    fn answered(&mut self, took: Duration, quiet: bool) {
        self.slow = self.usual().is_some_and(|usual| took > usual + SLOWER);
        self.failed = false;
        self.waiting = None;
        if quiet {
            self.usual.push_back(took);
            if self.usual.len() > REMEMBERED {
                self.usual.pop_front();
            }
        }
    }

    /// Whether anything speaks against more on the line. What never answered says nothing of it.
    fn suffers(&self, late: Duration, now: Instant) -> bool {
        let waits = self.waiting.is_some_and(|since| now.saturating_duration_since(since) >= late);
        !self.usual.is_empty() && (waits || self.slow || self.failed)
    }
}

impl Burden {
    /// A line that nothing is known of.
    #[must_use]
    pub fn new(settings: &Probe) -> Self {
        Self {
            late: settings.fast_interval,
            ami: Course::default(),
            sip: Course::default(),
            reads: false,
            told: false,
            shared_until: None,
        }
    }

    /// A probe began.
    pub fn asked(&mut self, kind: Kind, now: Instant) {
        self.course(kind).waiting.get_or_insert(now);
    }

    /// A probe ended that began at `asked`.
    pub fn ended(&mut self, kind: Kind, outcome: &Outcome, asked: Instant, now: Instant) {
        let quiet = !self.shares(asked);
        let course = self.course(kind);
        match outcome {
            Outcome::Alive(took) | Outcome::Heard(took) => course.answered(*took, quiet),
            Outcome::Wrong(_) | Outcome::Closed(_) | Outcome::Rejected(_) | Outcome::Silent(_) => {
                course.failed = true;
                course.waiting = None;
            }
            Outcome::Unasked(_) | Outcome::Barred(_) => course.waiting = None,
        }
        self.has_room(now);
    }

    /// Something begins to be read, or no longer is.
    pub fn reading(&mut self, reads: bool, now: Instant) {
        let has_room = self.has_room(now);
        if self.reads && !reads && !self.told {
            self.shared_until = Some(now + DRAIN);
        }
        if reads && !self.reads {
            self.told = !has_room;
        }
        self.reads = reads;
    }

    /// Whether more may be read.
    pub fn has_room(&mut self, now: Instant) -> bool {
        let suffers = [&self.ami, &self.sip].iter().any(|course| course.suffers(self.late, now));
        if suffers && self.reads && !self.told {
            self.shared_until = Some(now + DRAIN);
        }
        // Who reads looks five times a second: he may not have seen it, and reads on.
        self.told = suffers && self.reads;
        !suffers
    }

    /// Whether a probe that began at `asked` had to share the line with what we read.
    #[must_use]
    pub fn shares(&self, asked: Instant) -> bool {
        self.reads && !self.told || self.shared_until.is_some_and(|until| asked <= until)
    }

    const fn course(&mut self, kind: Kind) -> &mut Course {
        match kind {
            Kind::Ami => &mut self.ami,
            Kind::Sip => &mut self.sip,
        }
    }
}

#[cfg(test)]
mod tests;
