//! Everybody on the main into the directory: piece by piece, between the syncs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Failure, Wish,
    common::{Beside, Common},
    failure::of_file,
    fresh::Fresh,
    kept::Kept,
    part::Part as Kind,
    reading::Reading,
    shrink::Permit,
};
use crate::{
    engine::{
        crew::{
            backoff::{Backoff, random},
            worker::Stopped,
        },
        host::Level,
        work::session::Way,
    },
    export::Part,
    settings::{Dialplan, Technology},
    site::{
        directory::{self, Directory as Entries, Pieces},
        shrink::{Guarded, Names},
    },
    uplink::ami::{Bounds, Gauge, Poured, Stamp, Timing},
    words::wording::counted,
};

/// What a branch that starts in an outage knows of the other sites.
const BESIDE: Beside = Beside {
    file: "directory.txt",
    not_kept: "Cannot save the directory for a restart; the next sync will retry",
    kept_again: "The directory is saved for a restart again.",
};
/// What the log hears where it can't be read on the main, and once it can.
const NOT_READ: &str = "The directory stays as it is";
const READ_AGAIN: &str = "The directory is read again.";

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

/// Everybody on the main.
#[derive(Default)]
pub(super) struct Directory<'a> {
    /// When it was read.
    fresh: Fresh,
    kept: Kept<Arc<Entries>>,
    /// The reading of it that is under way.
    everybody: Option<Everybody<'a>>,
    /// Whether the sync that goes on has it from a main that exports.
    is_exported: bool,
}

/// A reading of the directory that is under way. It outlives failures: what came whole is not read again.
struct Everybody<'a> {
    people: directory::Reading<'a>,
    /// Which of the files is being read.
    file: usize,
    pieces: Pieces,
    way: Option<(Way, usize)>,
    /// When the main had last reloaded as this began: what has changed since then is for the next one.
    of: Option<Stamp>,
    began: Instant,
    /// What a person has accepted for it.
    permit: Permit,
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

impl<'a> Kind<'a> for Directory<'a> {
    fn look_at_disk(&mut self, common: &mut Common<'a>) -> Result<(), Failure> {
        let Ok(Some(text)) = common.store().and_then(|store| store.read_beside(BESIDE.file)) else {
            return Ok(());
        };
        match Entries::from_text(&String::from_utf8_lossy(&text)) {
            Ok(directory) => {
                common.status.directory = Arc::new(directory);
                self.kept.found(Some(Arc::clone(&common.status.directory)));
            }
            Err(error) => {
                common.host.log(Level::Warning, &format!("Cannot use the saved directory: {error}"));
            }
        }
        Ok(())
    }

    /// Takes it from a main that exports, in one piece of 50 bytes a head, and only where it is another one.
    fn sync(&mut self, reading: &mut Reading, _: Wish, common: &mut Common<'a>) -> Result<(), Failure> {
        if !reading.exports() || common.syncing.settings.directory_interval.is_zero() {
            return Ok(());
        }
        self.keep(common);
        if let Some(mut everybody) = self.everybody.take() {
            everybody.hang_up();
        }
        let taken = common
            .exported
            .part(reading, Part::Directory, "")
            .and_then(|answer| Ok(directory::exported(&answer.frame)?));
        self.is_exported = true;
        match taken {
            Ok(directory) => {
                self.fresh.read(None, Instant::now());
                common.syncing.kit.log_end(NOT_READ, READ_AGAIN);
                common.status.directory_state.clear();
                self.take(directory, common);
            }
            Err(Failure::Stopped) => return Err(Failure::Stopped),
            Err(failure) => {
                common.syncing.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {failure}"));
                common.status.directory_state = failure.to_string();
            }
        }
        Ok(())
    }

    /// Begins to read it where it is due. Nothing else depends on it: where it fails, the old one stays.
    ///
    /// There is no short way to it: the main sends whole sections, about 1 KB a head. So it is read seldom, and not at
    /// all while the main has not reloaded, where that shows (chan_sip's own reload doesn't).
    fn begin(&mut self, wish: Wish, common: &mut Common<'a>) {
        let interval = common.syncing.settings.directory_interval;
        if interval.is_zero() || std::mem::take(&mut self.is_exported) {
            return;
        }
        self.keep(common);
        let (asked, now) = (wish == Wish::Asked, Instant::now());
        let oldest = interval.max(OLDEST);
        let is_over = |everybody: &mut Everybody<'_>| {
            // What somebody asks for is what the main says now, unless much of it would have to be read again.
            everybody.began.elapsed() > oldest || asked && everybody.pieces_had < FEW
        };
        if let Some(mut everybody) = self.everybody.take_if(is_over) {
            everybody.hang_up();
        }
        if let Some(everybody) = &mut self.everybody {
            if asked {
                everybody.due = now;
                everybody.permit = common.lost.permit();
            }
            return;
        }
        let stays = common.syncing.settings.technology == Technology::Pjsip
            && self.fresh.is_of(common.stamp.as_ref());
        if asked || self.fresh.is_old(now, interval) && !stays {
            self.everybody = Some(Everybody {
                people: nobody_yet(common),
                file: 0,
                pieces: all_pieces(common),
                way: None,
                of: common.stamp.clone(),
                began: now,
                permit: common.lost.permit(),
                pieces_had: 0,
                bytes: 0,
                waits: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
                told: None,
                due: now,
            });
        }
    }

    fn piece_due(&self) -> Option<Instant> {
        self.everybody.as_ref().map(|everybody| everybody.due)
    }

    /// Reads the next piece, where the line has room for it.
    fn read_piece(&mut self, common: &mut Common<'a>) -> Result<(), Stopped> {
        let Some(mut everybody) = self.everybody.take() else { return Ok(()) };
        if !line_has_room(common) {
            everybody.due = Instant::now() + LOOK_AGAIN;
            everybody.tell_progress("waits, for the main answers slowly", common);
            self.everybody = Some(everybody);
            return Ok(());
        }
        let step = everybody.next_step(common);
        let now = Instant::now();
        match step {
            Ok(Step::Had(took)) => {
                everybody.due = now + Gauge::rest(took);
                everybody.waits.reset();
                common.syncing.kit.forget_failures(NOT_READ);
                everybody.tell_progress("is being read", common);
            }
            Ok(Step::TooLong(took)) => everybody.due = now + Gauge::rest(took),
            Ok(Step::Suffered) => {
                common.gauge.slower();
                everybody.due = now + everybody.waits.wait(random());
                everybody.tell_progress("waits, for the main answers slowly", common);
            }
            Ok(Step::Done) => {
                self.finish(everybody, common);
                return Ok(());
            }
            Err(Failure::Stopped) => return Err(Stopped),
            Err(failure) => {
                everybody.due = now + everybody.waits.wait(random());
                common.syncing.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {failure}"));
                everybody.told = None;
                everybody.tell_progress(&format!("waits: {failure}"), common);
            }
        }
        self.everybody = Some(everybody);
        Ok(())
    }

    /// The next piece makes a new connection.
    fn hang_up(&mut self) {
        if let Some(everybody) = &mut self.everybody {
            everybody.hang_up();
        }
    }
}

impl<'a> Directory<'a> {
    fn finish(&mut self, everybody: Everybody<'a>, common: &mut Common<'a>) {
        self.fresh.read(everybody.of.clone(), Instant::now());
        common.lost.resume(&everybody.permit);
        let Everybody { began, pieces_had, bytes, .. } = everybody;
        let (pieces, took) = (counted(pieces_had as usize, "piece"), began.elapsed().as_secs());
        let text = format!("The directory came in {pieces}, {} KB, within {took} s", bytes / 1024);
        common.host.log(Level::Debug, &text);
        common.status.directory_state.clear();
        match everybody.end() {
            Ok(directory) => {
                common.syncing.kit.log_end(NOT_READ, READ_AGAIN);
                self.take(directory, common);
            }
            Err(failure) => {
                common.syncing.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {failure}"));
                common.status.directory_state = failure.to_string();
            }
        }
        common.tell();
    }

    fn take(&mut self, directory: Entries, common: &mut Common<'_>) {
        let (mut old, new) = (numbers(&common.status.directory), numbers(&directory));
        old.retain(|number| !common.lost.is_free(number));
        if let Err(failure) = common.may_become(Guarded::Directory, &old, &new) {
            common.syncing.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {failure}"));
            return;
        }
        if *common.status.directory == directory {
            return;
        }
        let count = counted(directory.len(), "number");
        common.log(&format!("The directory has {count} of {}", common.syncing.access.main.host));
        common.status.directory = Arc::new(directory);
        self.keep(common);
    }

    fn keep(&mut self, common: &Common<'_>) {
        let directory = &common.status.directory;
        common.keep(&mut self.kept, directory, &BESIDE, || directory.to_text());
    }
}

impl<'a> Everybody<'a> {
    /// One question.
    fn next_step(&mut self, common: &mut Common<'a>) -> Result<Step, Failure> {
        let settings = &common.syncing.settings;
        let Some(file) = settings.files.get(self.file) else { return Ok(Step::Done) };
        let wanted = common.gauge.piece();
        let Some(piece) = self.pieces.next(wanted) else {
            self.file += 1;
            self.pieces = all_pieces(common);
            return Ok(Step::Had(Duration::ZERO));
        };
        let query = piece.query(settings.technology, file);
        let limit = self.pieces.limit(wanted);
        let (mut way, window) = self.way_for(common)?;
        // Where the main allows one session only, it is the one of the probe. Nothing breaks it off: that would end it, and
        // the main may not let us in again at once. What bounds a piece is done before it and after it.
        let single = way.is_single();
        if single && self.pieces.is_unknown() {
            self.pieces.too_long();
            self.way = Some((way, window));
            return Ok(Step::Had(Duration::ZERO));
        }
        let poured = {
            let _reads = common.syncing.teller.reads();
            let bytes = if single { usize::MAX } else { limit };
            let bounds = Bounds { bytes, goes_on: &|| single || line_has_room(common) };
            let people = &mut self.people;
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
                self.people.keep();
                self.pieces.took(bytes);
                self.pieces_had += 1;
                self.bytes += bytes;
                common.gauge.answered(window, timing);
                self.way = Some((way, window));
                // The piece is had, but the next one is smaller and later.
                Ok(if single && !line_has_room(common) { Step::Suffered } else { Step::Had(took) })
            }
            Ok(Poured::TooLong) => {
                self.people.take_back();
                self.pieces.too_long();
                Ok(Step::TooLong(took))
            }
            Ok(Poured::BrokenOff) => {
                self.people.take_back();
                Ok(Step::Suffered)
            }
            Err(error) => {
                self.people.take_back();
                let lost = error.lost_lines();
                if lost {
                    common.gauge.lost_piece();
                }
                if single && error.is_timed_out() && limit < usize::MAX {
                    self.pieces.too_long();
                }
                // A smaller one may fit, where there are any.
                if lost && common.gauge.piece() < wanted && limit < usize::MAX {
                    self.pieces.too_long();
                    return Ok(Step::TooLong(LOOK_AGAIN));
                }
                Err(of_file(file, error))
            }
        }
    }

    /// A way whose window is what the line bears by now.
    fn way_for(&mut self, common: &Common<'_>) -> Result<(Way, usize), Failure> {
        let window = common.gauge.window();
        match self.way.take() {
            Some((way, of)) if of == window && way.is_open() => return Ok((way, window)),
            Some((way, _)) => way.close(),
            None => {}
        }
        let deadline = Instant::now() + PIECE_TIMEOUT;
        let way = common.syncing.access.to_read(common.stop, common.hangup, window, deadline)?;
        Ok((way, window))
    }

    /// Lets others see how far it is, now and then.
    fn tell_progress(&mut self, how: &str, common: &mut Common<'_>) {
        let now = Instant::now();
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < TELL_AGAIN) {
            return;
        }
        self.told = Some(now);
        let people = counted(self.people.len(), "number");
        common.status.directory_state = format!("{how}; {people} so far");
        common.tell();
    }

    fn hang_up(&mut self) {
        if let Some((way, _)) = self.way.take() {
            way.close();
        }
    }

    /// Everybody who has come.
    fn end(mut self) -> Result<Entries, Failure> {
        self.hang_up();
        Ok(self.people.finish()?)
    }
}

/// Whether the main answers the probes as quickly as usual.
fn line_has_room(common: &Common<'_>) -> bool {
    common.syncing.kit.published.read().monitor.has_room
}

fn nobody_yet<'a>(common: &Common<'a>) -> directory::Reading<'a> {
    let settings = &common.syncing.settings;
    let public = common.syncing.all.dialplan.as_ref().map_or(Dialplan::PUBLIC_KEY, |own| &own.public_key);
    directory::Reading::new(settings.technology, &settings.filter.key, &settings.number, public)
}

/// Of one file. How long it is, the directory of before tells.
fn all_pieces(common: &Common<'_>) -> Pieces {
    let known = common.status.directory.len();
    Pieces::new((known > 0).then(|| known * PERSON))
}

/// The number of each.
fn numbers(directory: &Entries) -> Names {
    directory.iter().map(|person| person.number.to_owned()).collect()
}
