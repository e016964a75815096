//! What is asked of the main.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Failure, Ticket, common::Common, failure::of_file};
use crate::{
    engine::{
        crew::worker::Stop,
        event::Teller,
        work::session::{Exports, Unanswered, Way},
    },
    export::{
        Digest, Part,
        asked::{EXPORT, Question},
    },
    site::users::Answer,
    uplink::ami::{Crypto, Frame, Gauge, LinkError, NoMemory, Query, Refusal, Stamp, Timing},
};

/// Bound of everything that is read from the main in one sync: 20,000 users take 2 s in a LAN, and the mailboxes of
/// 20,000 a minute and a half at 256 kbit/s. A main that falls silent is given up long before.
const READ_TIMEOUT: Duration = Duration::from_secs(300);

/// Values asked for in one breath: 5 KB of questions, and as much of answers where people have set little.
const AT_ONCE: usize = 64;

/// Bound of one breath of questions to the main's database: the answers take a fifth of a second at 256 kbit/s.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often, and after which pause, a main is asked again that is busy: it reads its files anew at each reload.
const BUSY_TRIES: u32 = 20;
const BUSY_AGAIN: Duration = Duration::from_secs(1);

/// A section that no file has: whether the file can be read is all that is asked.
const NO_SECTION: &str = "synch";

/// All answers of one sync together: twice what 20,000 users take, and what a small branch can spare.
const MAX_ANSWERS: usize = 64 << 20;

/// What is made of the answers takes this many times their size, they themselves included: 440 MB were measured for 54 MB
/// of 40,000 users.
const WORK: usize = 8;

/// One way to the main, for one sync.
pub(super) struct Reading {
    way: Way,
    deadline: Instant,
    /// Who waits for it; `None` where it is made for its own sake.
    ticket: Option<Ticket>,
    bytes: usize,
    teller: Teller,
    window: usize,
    /// What the answers tell of the line.
    timings: Vec<Timing>,
    /// Whether the main has lost lines of one.
    lost_lines: bool,
    /// When the main last started and reloaded, where it tells.
    pub(super) stamp: Option<Stamp>,
    crypto: Arc<dyn Crypto>,
    stop: Stop,
    /// The main's export; `None` where its files are read.
    export: Option<Exports>,
}

impl Reading {
    /// Logs in. It ends with the time of whoever waits for it.
    pub(super) fn open(common: &Common<'_>, ticket: Option<&Ticket>) -> Result<Self, Failure> {
        wanted(ticket)?;
        let until = ticket.map(|ticket| ticket.until);
        let deadline = until.into_iter().fold(Instant::now() + READ_TIMEOUT, Instant::min);
        let window = common.gauge.whole_window();
        let mut way = common.syncing.access.to_read(common.stop, common.hangup, window, deadline)?;
        let export = common.exports().cloned();
        let export = export.filter(Exports::is_on);
        let stamp = match export {
            // What it exports has digests of its own.
            Some(_) => None,
            None => match way.ask(deadline, |link| link.core_status(deadline)) {
                Ok(stamp) => Some(stamp),
                // An account that may not ask that can still be synced with.
                Err(Unanswered::Link(LinkError::Refused { refusal: Refusal::Answer { .. }, .. })) => None,
                Err(error) => return Err(error.into()),
            },
        };
        let teller = common.syncing.teller.clone();
        let timings = Vec::new();
        Ok(Self {
            way,
            deadline,
            ticket: ticket.cloned(),
            bytes: 0,
            teller,
            window,
            timings,
            lost_lines: false,
            stamp,
            crypto: Arc::clone(&common.syncing.access.crypto),
            stop: common.stop.clone(),
            export,
        })
    }

    /// Whether the main exports: nothing is read of its files then.
    pub(super) const fn exports(&self) -> bool {
        self.export.is_some()
    }

    /// What hashes here.
    pub(super) fn crypto(&self) -> Arc<dyn Crypto> {
        Arc::clone(&self.crypto)
    }

    /// The branch has this of a part now.
    pub(super) fn has(&self, part: Part, digest: Digest) {
        if let Some(export) = &self.export {
            export.has(part, digest);
        }
    }

    /// This part could not be taken, for this reason. Returns the reason.
    pub(super) fn lacks(&self, part: Part, failure: Failure) -> Failure {
        match (&self.export, &failure) {
            (Some(export), Failure::NoPart(_)) => export.is_without(part),
            (Some(export), _) => export.lacks(part),
            (None, _) => {}
        }
        failure
    }

    /// These are the contexts that the branch takes.
    pub(super) fn takes_contexts(&self, contexts: &str) {
        if let Some(export) = &self.export {
            export.takes_contexts(contexts);
        }
    }

    /// The answer to one question about what the main exports.
    pub(super) fn question(&mut self, question: &Question) -> Result<Frame, Failure> {
        let deadline = self.deadline;
        for tries in 1.. {
            self.is_wanted()?;
            let reads = self.teller.reads();
            let answer = self.way.ask(deadline, |link| link.own(EXPORT, &question.headers(), deadline));
            drop(reads);
            match answer {
                Err(error) if tries < BUSY_TRIES && error.is_busy() => {
                    if self.stop.wait_until(Instant::now() + BUSY_AGAIN) {
                        break;
                    }
                }
                Ok(frame) => {
                    self.count(frame.size())?;
                    return Ok(frame);
                }
                Err(error) if error.is_no_such_part() => return Err(Failure::NoPart(question.part)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::Stopped)
    }

    /// Counts what has come, of which there is a bound.
    fn count(&mut self, bytes: usize) -> Result<(), Failure> {
        self.bytes += bytes;
        if self.bytes > MAX_ANSWERS {
            return Err(Failure::TooMuch);
        }
        Ok(find_room(self.bytes)?)
    }

    /// Whether somebody still waits for it.
    pub(super) fn is_wanted(&self) -> Result<(), Failure> {
        wanted(self.ticket.as_ref())
    }

    /// The answer to one question.
    pub(super) fn ask(&mut self, query: &Query) -> Result<Answer, Failure> {
        self.is_wanted()?;
        let (deadline, mut timing) = (self.deadline, None);
        let reads = self.teller.reads();
        let answer = self.way.ask(deadline, |link| {
            let answer = link.get_config(query, deadline);
            timing = Some(link.timing());
            answer
        });
        drop(reads);
        self.lost_lines |= answer.as_ref().is_err_and(Unanswered::lost_lines);
        self.timings.extend(timing);
        let frame = answer.map_err(|error| of_file(&query.file, error))?;
        self.count(frame.size())?;
        Ok(Answer { query: query.clone(), frame })
    }

    /// Which version of Asterisk the main runs; `None` where it does not tell this account.
    pub(super) fn version(&mut self) -> Result<Option<String>, Failure> {
        let deadline = self.deadline.min(Instant::now() + DATABASE_TIMEOUT);
        Ok(self.way.ask(deadline, |link| link.version(deadline))?)
    }

    /// Looks whether the main has a file that can be read, without its content.
    pub(super) fn look_for(&mut self, file: &str) -> Result<(), Failure> {
        self.ask(&Query::named(file, NO_SECTION)).map(drop)
    }

    /// Values of the main's database by family and key, some at a time: a probe that shares the connection comes in
    /// between. `None` for a key that it doesn't have.
    pub(super) fn values(&mut self, keys: &[(&str, String)]) -> Result<Vec<Option<String>>, Failure> {
        let mut values = Vec::with_capacity(keys.len());
        for some in keys.chunks(AT_ONCE) {
            let some: Vec<(&str, &str)> = some.iter().map(|(family, key)| (*family, key.as_str())).collect();
            values.extend(self.database(&some)?);
        }
        Ok(values)
    }

    /// The same in one breath.
    fn database(&mut self, keys: &[(&str, &str)]) -> Result<Vec<Option<String>>, Failure> {
        // Whatever is between us and the main may not know the question, and be silent.
        let deadline = self.deadline.min(Instant::now() + DATABASE_TIMEOUT);
        Ok(self.way.ask(deadline, |link| link.database(keys, deadline))?)
    }

    /// What all of it tells of the line.
    pub(super) fn tell(&self, gauge: &mut Gauge) {
        for timing in &self.timings {
            gauge.answered(self.window, *timing);
        }
        if self.lost_lines {
            gauge.lost_whole();
        }
    }

    /// Says good-bye.
    pub(super) fn close(self) {
        self.way.close();
    }
}

fn wanted(ticket: Option<&Ticket>) -> Result<(), Failure> {
    if ticket.is_some_and(|ticket| ticket.is_over(Instant::now())) { Err(Failure::Over) } else { Ok(()) }
}

/// Asks for the memory that a sync with such answers will need, and gives it back. Here it may be denied; further on, that
/// would end Asterisk.
fn find_room(bytes: usize) -> Result<(), NoMemory> {
    let mut room = Vec::<u8>::new();
    let found = room.try_reserve_exact(bytes.saturating_mul(WORK));
    // The compiler leaves out an allocation that nobody looks at.
    black_box(&room);
    found.map_err(|_| NoMemory { bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_the_longest_answers_and_not_for_any() {
        assert_eq!(find_room(MAX_ANSWERS), Ok(()));
        let bytes = usize::MAX / WORK;
        assert_eq!(find_room(bytes), Err(NoMemory { bytes }));
    }
}
