//! Everybody on the main into the directory: piece by piece, between the syncs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Failure, Site, failure::of_file};
use crate::{
    engine::{
        crew::{
            backoff::{Backoff, random},
            worker::Stopped,
        },
        host::Level,
        work::session::Way,
    },
    settings::{Dialplan, Technology},
    site::{
        directory::{self, Directory, Pieces},
        shrink::{Guarded, Names, Removals},
    },
    uplink::ami::{Bounds, Gauge, Poured, Stamp, Timing},
    words::wording::counted,
};

/// What a branch that starts in an outage knows of the other sites.
const FILE: &str = "directory.txt";
/// What the log hears where it can't be read on the main, and where the file can't be written.
const NOT_READ: &str = "The directory stays as it is";
const NOT_KEPT: &str = "Cannot save the directory for a restart; the next sync will retry";

/// Bound of one piece. The longest ones take four seconds on a line as quick as they are made for.
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);
/// Waits after a piece that failed, or that was broken off.
const FIRST_WAIT: Duration = Duration::from_secs(15);
const LONGEST_WAIT: Duration = Duration::from_secs(1800);
/// How often it is looked whether the line has room again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often it is told how far the reading is.
const TELL_AGAIN: Duration = Duration::from_secs(15);
/// What one of the people takes in an answer, as FreePBX writes them.
const PERSON: usize = 1_150;
/// So many pieces are soon read again.
const FEW: u32 = 8;
/// What has been read for longer than this is read anew, where the interval is no longer than that.
const OLDEST: Duration = Duration::from_secs(6 * 3600);

/// A reading of the directory that is under way. It outlives failures: what came whole is not read again.
pub(super) struct Everybody<'a> {
    people: directory::Reading<'a>,
    /// Which of the files is being read.
    file: usize,
    pieces: Pieces,
    way: Option<(Way, usize)>,
    /// When the main had last reloaded as this began: what has changed since then is for the next one.
    of: Option<Stamp>,
    began: Instant,
    /// The removals that a person has accepted for it, and the numbers of users whose removal was.
    accepted: Arc<Removals>,
    freed: Names,
    pieces_had: u32,
    bytes: usize,
    waits: Backoff,
    /// Since when it has not been told how far it is.
    told: Option<Instant>,
    /// When the next piece is due.
    due: Instant,
}

/// What became of a piece.
enum Step {
    /// It came, and others are left.
    Had(Duration),
    /// All have come.
    Done,
    /// It was longer than thought.
    TooLong(Duration),
    /// The probes suffered: it was broken off, or had, where nothing breaks it off.
    Suffered,
}

impl<'a> Site<'a> {
    /// Begins to read it where it is due. Nothing else depends on it: where it fails, the old one stays.
    ///
    /// There is no short way to it: the main sends whole sections, about 1 KB a head. So it is read seldom, and not at
    /// all while the main has not reloaded, where that shows (chan_sip's own reload doesn't).
    pub(super) fn begin_directory(&mut self, asked: bool) {
        let interval = self.syncing.settings.directory_interval;
        if interval.is_zero() {
            return;
        }
        if self.directory_unkept {
            self.write_directory();
        }
        let now = Instant::now();
        let oldest = interval.max(OLDEST);
        let is_over = |everybody: &mut Everybody<'_>| {
            // What somebody asks for is what the main says now, unless much of it would have to be read again.
            everybody.began.elapsed() > oldest || asked && everybody.pieces_had < FEW
        };
        if let Some(everybody) = self.everybody.take_if(is_over) {
            everybody.close();
        }
        if let Some(everybody) = &mut self.everybody {
            if asked {
                everybody.due = now;
                everybody.accepted.clone_from(&self.accepted);
                everybody.freed.clone_from(&self.freed);
            }
            return;
        }
        let tells = self.syncing.settings.technology == Technology::Pjsip && self.stamp.is_some();
        let due = self.directory_at.is_none_or(|at| at.elapsed() >= interval);
        if asked || due && !(tells && self.directory_of == self.stamp) {
            self.everybody = Some(Everybody {
                people: self.nobody_yet(),
                file: 0,
                pieces: self.all_pieces(),
                way: None,
                of: self.stamp.clone(),
                began: now,
                accepted: Arc::clone(&self.accepted),
                freed: self.freed.clone(),
                pieces_had: 0,
                bytes: 0,
                waits: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
                told: None,
                due: now,
            });
        }
    }

    /// When the next piece of it is due; none where it is not being read.
    pub(super) fn piece_due(&self) -> Option<Instant> {
        self.everybody.as_ref().map(|everybody| everybody.due)
    }

    /// What an earlier life has left.
    pub(super) fn look_at_directory(&mut self) {
        let Ok(Some(text)) = self.store().and_then(|store| store.read_beside(FILE)) else { return };
        match Directory::from_text(&String::from_utf8_lossy(&text)) {
            Ok(directory) => self.status.directory = Arc::new(directory),
            Err(error) => self.host.log(Level::Warning, &format!("The kept directory is not used: {error}")),
        }
    }

    /// Reads the next piece, where the line has room for it.
    pub(super) fn read_piece(&mut self) -> Result<(), Stopped> {
        let Some(mut everybody) = self.everybody.take() else { return Ok(()) };
        if !self.line_has_room() {
            everybody.due = Instant::now() + LOOK_AGAIN;
            self.tell_progress(&mut everybody, "waits, for the main answers slowly");
            self.everybody = Some(everybody);
            return Ok(());
        }
        let step = self.next_step(&mut everybody);
        let now = Instant::now();
        match step {
            Ok(Step::Had(took)) => {
                everybody.due = now + Gauge::rest(took);
                everybody.waits.reset();
                self.syncing.kit.forget_failures(NOT_READ);
                self.tell_progress(&mut everybody, "is being read");
            }
            Ok(Step::TooLong(took)) => everybody.due = now + Gauge::rest(took),
            Ok(Step::Suffered) => {
                self.gauge.slower();
                everybody.due = now + everybody.waits.wait(random());
                self.tell_progress(&mut everybody, "waits, for the main answers slowly");
            }
            Ok(Step::Done) => {
                self.finish_directory(everybody);
                return Ok(());
            }
            Err(Failure::Stopped) => return Err(Stopped),
            Err(failure) => {
                everybody.due = now + everybody.waits.wait(random());
                self.syncing.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {failure}"));
                everybody.told = None;
                self.tell_progress(&mut everybody, &format!("waits: {failure}"));
            }
        }
        self.everybody = Some(everybody);
        Ok(())
    }

    /// One question.
    fn next_step(&mut self, everybody: &mut Everybody<'a>) -> Result<Step, Failure> {
        let settings = &self.syncing.settings;
        let Some(file) = settings.files.get(everybody.file) else { return Ok(Step::Done) };
        let wanted = self.gauge.piece();
        let Some(piece) = everybody.pieces.next(wanted) else {
            everybody.file += 1;
            everybody.pieces = self.all_pieces();
            return Ok(Step::Had(Duration::ZERO));
        };
        let query = piece.query(settings.technology, file);
        let limit = everybody.pieces.limit(wanted);
        let (mut way, window) = self.way_for_pieces(everybody)?;
        // Where the main allows one session only, it is the one of the probe. Nothing breaks it off: that would end it, and
        // the main may not let us in again at once. What bounds a piece is done before it and after it.
        let single = way.is_single();
        if single && everybody.pieces.is_unknown() {
            everybody.pieces.too_long();
            everybody.way = Some((way, window));
            return Ok(Step::Had(Duration::ZERO));
        }
        let poured = {
            let _reads = self.syncing.teller.reads();
            let bytes = if single { usize::MAX } else { limit };
            let bounds = Bounds { bytes, goes_on: &|| single || self.line_has_room() };
            let people = &mut everybody.people;
            let deadline = Instant::now() + PIECE_TIMEOUT;
            way.ask(deadline, |link| {
                let poured = link.stream_piece(&query, deadline, &bounds, &mut |part| people.take(part))?;
                Ok((poured, link.timing()))
            })
        };
        let (poured, timing) = match poured {
            Ok((poured, timing)) => (Ok(poured), timing),
            Err(error) => (Err(error), Timing::default()),
        };
        let Timing { bytes, took, .. } = timing;
        match poured {
            Ok(Poured::Whole) => {
                everybody.people.keep();
                everybody.pieces.took(bytes);
                everybody.pieces_had += 1;
                everybody.bytes += bytes;
                self.gauge.answered(window, timing);
                everybody.way = Some((way, window));
                // The piece is had, but the next one is smaller and later.
                Ok(if single && !self.line_has_room() { Step::Suffered } else { Step::Had(took) })
            }
            Ok(Poured::TooLong) => {
                everybody.people.take_back();
                everybody.pieces.too_long();
                Ok(Step::TooLong(took))
            }
            Ok(Poured::BrokenOff) => {
                everybody.people.take_back();
                Ok(Step::Suffered)
            }
            Err(error) => {
                everybody.people.take_back();
                let lost = error.lost_lines();
                if lost {
                    self.gauge.lost_piece();
                }
                if single && error.is_timed_out() && limit < usize::MAX {
                    everybody.pieces.too_long();
                }
                // A smaller one may fit, where there are any.
                if lost && self.gauge.piece() < wanted && limit < usize::MAX {
                    everybody.pieces.too_long();
                    return Ok(Step::TooLong(LOOK_AGAIN));
                }
                Err(of_file(file, error))
            }
        }
    }

    /// A way whose window is what the line bears by now.
    fn way_for_pieces(&self, everybody: &mut Everybody<'a>) -> Result<(Way, usize), Failure> {
        let window = self.gauge.window();
        match everybody.way.take() {
            Some((way, of)) if of == window && way.is_open() => return Ok((way, window)),
            Some((way, _)) => way.close(),
            None => {}
        }
        let deadline = Instant::now() + PIECE_TIMEOUT;
        let way = self.syncing.access.to_read(self.stop, self.hangup, window, deadline)?;
        Ok((way, window))
    }

    fn finish_directory(&mut self, everybody: Everybody<'a>) {
        self.directory_at = Some(Instant::now());
        self.directory_of.clone_from(&everybody.of);
        self.accepted.clone_from(&everybody.accepted);
        self.freed.clone_from(&everybody.freed);
        let Everybody { began, pieces_had, bytes, .. } = everybody;
        let (pieces, took) = (counted(pieces_had as usize, "piece"), began.elapsed().as_secs());
        let text = format!("The directory came in {pieces}, {} KB, within {took} s", bytes / 1024);
        self.host.log(Level::Debug, &text);
        self.status.directory_state.clear();
        match everybody.end() {
            Ok(directory) => {
                self.syncing.kit.log_end(NOT_READ, "The directory is read again.");
                self.take_directory(directory);
            }
            Err(failure) => {
                self.syncing.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {failure}"));
                self.status.directory_state = failure.to_string();
            }
        }
        self.tell();
    }

    /// Whether the main answers the probes as quickly as usual.
    fn line_has_room(&self) -> bool {
        self.syncing.kit.published.read().monitor.has_room
    }

    /// Lets others see how far it is, now and then.
    fn tell_progress(&mut self, everybody: &mut Everybody<'a>, how: &str) {
        let now = Instant::now();
        if everybody.told.is_some_and(|told| now.saturating_duration_since(told) < TELL_AGAIN) {
            return;
        }
        everybody.told = Some(now);
        let people = counted(everybody.people.len(), "number");
        self.status.directory_state = format!("{how}; {people} so far");
        self.tell();
    }

    fn nobody_yet(&self) -> directory::Reading<'a> {
        let settings = &self.syncing.settings;
        let public = self.syncing.all.dialplan.as_ref().map_or(Dialplan::PUBLIC_KEY, |own| &own.public_key);
        directory::Reading::new(settings.technology, &settings.filter.key, &settings.number, public)
    }

    /// Of one file. How long it is, the directory of before tells.
    fn all_pieces(&self) -> Pieces {
        let known = self.status.directory.len();
        Pieces::new((known > 0).then(|| known * PERSON))
    }

    fn take_directory(&mut self, directory: Directory) {
        let (mut old, new) = (numbers(&self.status.directory), numbers(&directory));
        old.retain(|number| !self.freed.contains(number));
        if let Err(failure) = self.may_become(Guarded::Directory, &old, &new) {
            self.syncing.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {failure}"));
            return;
        }
        if *self.status.directory == directory {
            return;
        }
        let count = counted(directory.len(), "number");
        self.log(&format!("The directory has {count} of {}", self.syncing.access.main.host));
        self.status.directory = Arc::new(directory);
        self.write_directory();
    }

    /// For a restart. Where it can't be written, the next sync tries again.
    fn write_directory(&mut self) {
        let text = self.status.directory.to_text();
        let kept = self.store().and_then(|store| store.write_beside(FILE, text.as_bytes()));
        self.directory_unkept = kept.is_err();
        self.syncing.kit.log_outcome(&kept, NOT_KEPT, "The directory is saved for a restart again.");
    }
}

/// The number of each.
fn numbers(directory: &Directory) -> Names {
    directory.iter().map(|person| person.number.to_owned()).collect()
}

impl Everybody<'_> {
    /// Closes the connection, if one is open: the next piece makes a new one.
    pub(super) fn hang_up(&mut self) {
        if let Some((way, _)) = self.way.take() {
            way.close();
        }
    }

    fn close(mut self) {
        self.hang_up();
    }

    /// Everybody who has come.
    fn end(mut self) -> Result<Directory, Failure> {
        self.hang_up();
        Ok(self.people.finish()?)
    }
}
