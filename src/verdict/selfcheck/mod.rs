//! The self-check of the branch: whether this Asterisk takes calls. Pure.
//!
//! - [`place`]: where its own SIP is asked
//!
//! Its own SIP gets OPTIONS, and its own dialplan is asked for a number. An Asterisk with a stuck lock answers neither,
//! while our DNS and our status go on as if all were well. One failed check may be a reload; two in a row count.

pub mod place;

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::words::state::BranchState;

/// Pause between two checks.
const EVERY: Duration = Duration::from_secs(60);
/// The same while something is wrong, or a move waits for it.
const SOON: Duration = Duration::from_secs(5);
/// Time limit for one answer: an Asterisk that takes longer takes no calls that a person would wait for.
pub const PATIENCE: Duration = Duration::from_secs(4);
/// How many failed checks in a row count.
const FAILURES: u32 = 2;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// OPTIONS to its own port.
    Sip,
    /// A number in its own dialplan.
    Dialplan,
}

impl Part {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sip, Self::Dialplan];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sip => "SIP",
            Self::Dialplan => "dialplan",
        })
    }
}

/// The result of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It answered; the text says where.
    Fine(String),
    /// It did not; the text says how.
    Failed(String),
    /// There is nothing that could be asked; the text says why.
    NotAsked(String),
}

/// The verdict of the checks so far.
#[derive(Clone, Debug)]
pub struct SelfCheck {
    sip: Look,
    dialplan: Look,
    state: BranchState,
    reason: String,
    due: Instant,
    /// When the newest check began.
    began: Option<Instant>,
    /// Since when the main is in doubt. A check from before that is too old for a move.
    doubt: Option<Instant>,
}

/// The checks of one part.
#[derive(Clone, Debug, Default)]
struct Look {
    /// When the question began that has no answer yet.
    asked: Option<Instant>,
    /// How often that question has counted as a failure.
    late: u32,
    failures: u32,
    /// When the newest question began that went well.
    fine: Option<Instant>,
    text: String,
}

impl SelfCheck {
    /// Makes the state before the first check, which is due now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            sip: Look::default(),
            dialplan: Look::default(),
            state: BranchState::Init,
            reason: "not checked yet".to_owned(),
            due: now,
            began: None,
            doubt: None,
        }
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> BranchState {
        self.state
    }

    /// Why, in one line.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns when the next check is due, or an answer becomes late.
    #[must_use]
    pub fn due(&self) -> Instant {
        let late = Part::ALL.into_iter().filter_map(|part| self.look(part).late_at());
        late.fold(self.due, Instant::min)
    }

    /// Waits, because Asterisk is not fully booted and there is nothing to check.
    pub fn wait_for_boot(&mut self, now: Instant) {
        self.due = now + Duration::from_secs(1);
    }

    /// Returns the parts to ask now. A part without an answer is asked again only when the answer is late: the asking
    /// worker may have failed, and a second order to a hanging worker costs nothing.
    #[must_use]
    pub fn begin(&mut self, now: Instant) -> Vec<Part> {
        for part in Part::ALL {
            let look = self.look_mut(part);
            if look.late_at().is_some_and(|at| now >= at) {
                look.late += 1;
                look.failures += 1;
                self.due = now;
            }
        }
        if now < self.due {
            return Vec::new();
        }
        self.due = now + EVERY;
        self.began = Some(now);
        let is_free = |look: &Look| look.asked.is_none() || look.late > 0;
        let free: Vec<Part> = Part::ALL.into_iter().filter(|part| is_free(self.look(*part))).collect();
        for part in &free {
            self.look_mut(*part).asked.get_or_insert(now);
        }
        free
    }

    /// Takes in what came of a question.
    pub fn answered(&mut self, part: Part, answer: Answer) {
        let look = self.look_mut(part);
        let asked = look.asked.take();
        let was_late = std::mem::take(&mut look.late) > 0;
        match answer {
            Answer::Fine(text) | Answer::NotAsked(text) => {
                look.failures = 0;
                // Of two questions the first one's time is known, which makes the look no newer than it is.
                look.fine = asked.or(look.fine);
                look.text = text;
            }
            // One that has counted as late is the same failure.
            Answer::Failed(text) => {
                look.failures += u32::from(!was_late);
                look.text = text;
            }
        }
    }

    /// Comes to a verdict. Returns the old state where it changed.
    pub fn judge(&mut self, now: Instant) -> Option<BranchState> {
        let parts = Part::ALL.map(|part| (part, self.look(part)));
        let failing = |looks: u32| parts.iter().filter(move |(_, look)| look.failures >= looks);
        let (state, reason) = if failing(FAILURES).next().is_some() {
            let problems: Vec<String> =
                failing(FAILURES).map(|(part, look)| problem(*part, look, now)).collect();
            (BranchState::Unhealthy, format!("this Asterisk takes no calls: {}", problems.join("; ")))
        } else if parts.iter().all(|(_, look)| look.fine.is_some() && look.failures == 0) {
            let texts: Vec<&str> = parts.iter().map(|(_, look)| look.text.as_str()).collect();
            (BranchState::Healthy, texts.join("; "))
        } else {
            (self.state, self.reason.clone())
        };
        let soon = failing(1).next().is_some() || self.doubt.is_some_and(|since| !self.is_fine_since(since));
        if soon {
            self.due = self.due.min(now + SOON);
        }
        self.reason = reason;
        let before = std::mem::replace(&mut self.state, state);
        (before != state).then_some(before)
    }

    /// Makes a check due now, for a person who wants to know.
    pub fn look_now(&mut self, now: Instant) {
        self.due = now;
    }

    /// The main is in doubt, so a move may follow: makes one check due now.
    pub fn main_is_in_doubt(&mut self, now: Instant) {
        if self.doubt.is_none() {
            self.doubt = Some(now);
            self.due = now;
        }
    }

    /// The main is trusted again.
    pub fn main_is_trusted(&mut self) {
        self.doubt = None;
    }

    /// Returns whether this Asterisk takes calls, by checks that began after the main came into doubt.
    #[must_use]
    pub fn takes_calls(&self) -> bool {
        self.state == BranchState::Healthy && self.doubt.is_none_or(|since| self.is_fine_since(since))
    }

    /// Returns whether each part was checked since the main came into doubt, and no check is running.
    #[must_use]
    pub fn has_looked(&self) -> bool {
        let looked = |part| self.look(part).asked.is_none() || self.look(part).late > 0;
        let began = self.doubt.is_none_or(|since| self.began.is_some_and(|began| began >= since));
        began && Part::ALL.into_iter().all(looked)
    }

    fn is_fine_since(&self, since: Instant) -> bool {
        let is_fine = |part| {
            let look = self.look(part);
            look.failures == 0 && look.fine.is_some_and(|fine| fine >= since)
        };
        Part::ALL.into_iter().all(is_fine)
    }

    fn look(&self, part: Part) -> &Look {
        match part {
            Part::Sip => &self.sip,
            Part::Dialplan => &self.dialplan,
        }
    }

    fn look_mut(&mut self, part: Part) -> &mut Look {
        match part {
            Part::Sip => &mut self.sip,
            Part::Dialplan => &mut self.dialplan,
        }
    }
}

impl Look {
    /// Returns when the open question counts as a failure, or as one more.
    fn late_at(&self) -> Option<Instant> {
        // A little more than who asks has himself: his own words are better.
        const GRACE: Duration = Duration::from_secs(1);
        self.asked.map(|asked| asked + (PATIENCE + GRACE) * (self.late + 1))
    }
}

fn problem(part: Part, look: &Look, now: Instant) -> String {
    match look.asked {
        Some(asked) if look.late > 0 => {
            let seconds = now.saturating_duration_since(asked).as_secs();
            format!("its {part} has not answered for {seconds} s")
        }
        _ => format!("its {part}: {}", look.text),
    }
}

#[cfg(test)]
mod tests;
