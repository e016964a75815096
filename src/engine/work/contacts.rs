//! The contacts worker: asks the main where the phones of this site's users are, user by user, so that the cost depends
//! on the size of the site and not of the company. It asks only while the main serves: an outage needs the last known
//! contacts.
//!
//! All branches notice at the same moment that the main is well again. So each asks about all its users at a random
//! time.

use std::{
    collections::HashSet,
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::session::{Lease, Session, Unanswered};
use crate::{
    engine::{
        crew::{
            backoff::random,
            kit::Kit,
            post::{Start, Work, no_reach},
            schedule::Schedule,
            worker::{Role, Stop, Stopped, Worker},
        },
        event::{Contacts, Event, Teller},
        host::Level,
    },
    export::{
        Part,
        asked::{EXPORT, Question},
    },
    operator::status::Snapshot,
    settings::{Main, Settings, Technology},
    site::{
        contacts::{Book, Due, Told, of_endpoint, of_export, of_peer},
        exported::{Fault, Grouped},
        phones::NOT_ASKED,
        users::Document,
    },
    uplink::ami::Frame,
    words::{
        disk::{keep, read_kept},
        faults,
        state::{MonitorState, Target},
    },
};

/// The contacts for a branch that starts in an outage.
const FILE: &str = "synch/contacts.txt";
/// Users that may wait to be asked about. Above this, all users are asked about soon anyway.
const WAITING: usize = 4096;
/// How often the worker checks whether there is something to ask.
const LOOK: Duration = Duration::from_secs(1);
/// All users are asked about this often: events tell of most changes before that. One answer is some 7 KB.
const ALL_AGAIN: Duration = Duration::from_secs(600);
/// Pause before the next attempt where the main did not answer.
const AGAIN: Duration = Duration::from_secs(30);
/// How long events of phones are gathered, because they come in crowds.
const GATHER: Duration = Duration::from_secs(3);
/// Pause before the next attempt to save contacts that could not be written.
const KEEP_AGAIN: Duration = Duration::from_secs(10);
/// Bound of one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Beginning of the log line where [`FILE`] cannot be written.
const NOT_KEPT: &str = "Cannot save the phones' contacts for a restart; will retry";

/// The users to ask the main about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Ask {
    /// One user, whose phone has done something.
    User(String),
    /// All of them, because events may have been missed.
    All,
    /// All of them at once, because the main has told this branch alone that they are others.
    Now,
}

/// What the worker needs.
pub(in crate::engine) struct Asking {
    kit: Kit,
    technology: Technology,
    /// As `[sync]` has it.
    spread: Duration,
    session: Session,
    asked: Receiver<Ask>,
    teller: Teller,
}

impl Work for Asking {
    const THREAD: &'static str = "contacts";
    type Spec = (Main, Technology, Duration);
    type Line = Sender<Ask>;

    fn spec(settings: &Settings) -> Option<Self::Spec> {
        settings
            .main
            .clone()
            .zip(settings.sync.as_ref())
            .map(|(main, sync)| (main, sync.technology, sync.spread))
    }

    fn start(
        (_, technology, spread): &Self::Spec,
        start: &Start<'_>,
        teller: Teller,
        role: Role,
    ) -> io::Result<(Sender<Ask>, Worker)> {
        let session = start.reach()?.session().ok_or_else(no_reach)?;
        let (to_worker, asked) = bounded(WAITING);
        let asking =
            Self { kit: start.kit.clone(), technology: *technology, spread: *spread, session, asked, teller };
        // All its waits are bounded, and end with the session at the latest.
        let worker = Worker::start(
            role,
            || {},
            move |stop| {
                // It only ever ends to stop.
                let _: Result<(), Stopped> = Body::new(&asking).run(stop);
            },
        )?;
        Ok((to_worker, worker))
    }
}

/// What runs on the worker's thread.
struct Body<'a> {
    asking: &'a Asking,
    contacts: Contacts,
    /// When saving them is tried again; `None` where they are saved.
    keep_at: Option<Instant>,
    due: Due,
    /// Users of the last look.
    users: HashSet<String>,
    /// When all of them are asked about.
    all: Schedule,
    /// Whether the main was not well at the last look.
    was_away: bool,
    not_before: Instant,
    /// What a main that exports has last told of all of them.
    exported: Option<Grouped>,
}

impl<'a> Body<'a> {
    fn new(asking: &'a Asking) -> Self {
        let now = Instant::now();
        let contacts = Contacts { problem: NOT_ASKED.to_owned(), ..Contacts::default() };
        Self {
            asking,
            contacts,
            keep_at: None,
            due: Due::default(),
            users: HashSet::new(),
            all: Schedule::new(ALL_AGAIN, asking.spread, now),
            was_away: false,
            not_before: now,
            exported: None,
        }
    }

    fn run(mut self, stop: &Stop) -> Result<(), Stopped> {
        self.look_at_disk();
        self.tell();
        loop {
            faults::point("contacts");
            let mut asked = stop.or_receive(&self.asking.asked, Instant::now() + LOOK)?;
            while let Some(ask) = asked {
                match ask {
                    Ask::User(name) => self.due.add(name),
                    Ask::All => self.all.has_reason(Instant::now(), random()),
                    Ask::Now => self.all.no_later_than(Instant::now()),
                }
                asked = self.asking.asked.try_recv().ok();
            }
            if self.keep_at.is_some_and(|at| Instant::now() >= at) {
                self.keep();
            }
            let snapshot = self.asking.kit.published.read();
            self.look_at_users(&snapshot);
            self.look_at_main(&snapshot);
            if may_ask(&snapshot) && Instant::now() >= self.not_before {
                self.ask(stop)?;
            }
        }
    }

    /// Has all users asked about after a time in which the main could not be asked: the branch has missed which phones
    /// came and went.
    fn look_at_main(&mut self, snapshot: &Snapshot) {
        let (now, is_away) = (Instant::now(), !is_well(snapshot));
        let was_away = std::mem::replace(&mut self.was_away, is_away);
        if !is_away && was_away {
            self.all.resumes(now, random());
            // Whoever was left when it went is one of them.
            self.due.keep_only(&HashSet::new());
        } else if !is_away && !may_ask(snapshot) {
            // The phones come home at a time that is this branch's own already.
            self.all.no_later_than(now);
        }
    }

    /// Adds new users and forgets removed ones. Where there is no user at all, nothing was synced yet.
    fn look_at_users(&mut self, snapshot: &Snapshot) {
        let users: HashSet<String> = snapshot.sync.users.iter().map(|user| user.name.clone()).collect();
        if users.is_empty() || users == self.users {
            return;
        }
        self.due.add_all(users.difference(&self.users).cloned());
        self.users = users;
        let mut book = (*self.contacts.book).clone();
        if book.keep_only(&self.users) {
            self.took(book);
        }
    }

    fn ask(&mut self, stop: &Stop) -> Result<(), Stopped> {
        let now = Instant::now();
        if now >= self.all.due() {
            self.due.add_all(self.users.iter().cloned());
            self.all.begins(now, random());
        }
        self.due.keep_only(&self.users);
        if self.due.is_empty() {
            return Ok(());
        }
        self.not_before = now + GATHER;
        let read = match self.asking.session.exports().is_on() {
            true => match self.read_export(stop) {
                // An account that may ask about each of them has them all the same.
                Err(Failed::NoPart) => self.read(stop),
                read => read,
            },
            false => self.read(stop),
        };
        match read {
            Ok(()) => self.contacts.problem.clear(),
            Err(Failed::Stopped) => return Err(Stopped),
            Err(Failed::NoPart) => {}
            Err(Failed::Problem(problem)) => {
                if self.contacts.problem != problem {
                    let text = format!("The contacts of the phones were not updated: {problem}");
                    self.asking.kit.host.log(Level::Debug, &text);
                }
                self.contacts.problem = problem;
                self.not_before = Instant::now() + AGAIN;
            }
        }
        self.tell();
        Ok(())
    }

    /// Asks about every user who is due. The answers count even where later questions fail.
    fn read(&mut self, stop: &Stop) -> Result<(), Failed> {
        let clock = self.lend(stop)?.ask(|link| link.clock(Instant::now() + ANSWER));
        let now = clock?.unwrap_or_default();
        let mut book = (*self.contacts.book).clone();
        let (mut lasts, everybody) = (None, self.due.len() >= self.users.len());
        let mut changed = false;
        let read = loop {
            let Some(user) = self.due.next().map(str::to_owned) else { break Ok(()) };
            if stop.requested() {
                break Err(Failed::Stopped);
            }
            // What a main says that is going is not where the phones are.
            if !may_ask(&self.asking.kit.published.read()) {
                break Err(Failed::Problem("the main became unavailable while it was asked".to_owned()));
            }
            match self.told(stop, &user, now) {
                Err(error) => {
                    self.due.failed(&user);
                    break Err(error);
                }
                // A user of its own files whom it doesn't have is one that it is just reloading, or could not: that tells
                // nothing of the phone. Whoever is a user no more goes with the next sync.
                Ok(None) => self.due.done(&user),
                Ok(Some(told)) => {
                    if let Some(refusal) = told.refused {
                        let text = format!("A contact of {user} at the main is not dialled: {refusal}");
                        self.asking.kit.host.log(Level::Debug, &text);
                    }
                    let time = self.asking.kit.host.local_time(SystemTime::now());
                    changed |= book.take(&user, told.contacts, &time);
                    lasts = lasts.max(told.lasts);
                    self.due.done(&user);
                }
            }
        };
        self.contacts.lasts = if everybody && read.is_ok() { lasts } else { self.contacts.lasts.max(lasts) };
        if changed {
            self.took(book);
        }
        read
    }

    /// Asks a main that exports about all of them at once: where nothing has changed, that is all it says.
    fn read_export(&mut self, stop: &Stop) -> Result<(), Failed> {
        let taken = self.take_export(stop)?;
        let document =
            Document::read_part(taken.frame()).map_err(|error| Failed::Problem(error.to_string()))?;
        let told = of_export(&document);
        let nothing = Told::default();
        let mut book = (*self.contacts.book).clone();
        let time = self.asking.kit.host.local_time(SystemTime::now());
        let mut changed = false;
        for user in &self.users {
            let told = told.get(user).unwrap_or(&nothing);
            if let Some(refusal) = &told.refused {
                let text = format!("A contact of {user} at the main is not dialled: {refusal}");
                self.asking.kit.host.log(Level::Debug, &text);
            }
            changed |= book.take(user, told.contacts.clone(), &time);
        }
        self.asking.session.exports().has(Part::Contacts, taken.digest());
        self.exported = Some(taken);
        self.contacts.lasts = None;
        self.due.keep_only(&HashSet::new());
        if changed {
            self.took(book);
        }
        Ok(())
    }

    fn take_export(&self, stop: &Stop) -> Result<Grouped, Failed> {
        let ask = |question: &Question| -> Result<Frame, Failed> {
            let lease = self.lend(stop)?;
            Ok(lease.ask(|link| link.own(EXPORT, &question.headers(), Instant::now() + ANSWER))?)
        };
        let crypto = self.asking.kit.crypto();
        Grouped::take(self.exported.clone(), Part::Contacts, "", &*crypto, ask).map_err(|fault| match fault {
            Fault::Asked(failed) => failed,
            Fault::Void(void) => Failed::Problem(void.to_string()),
        })
    }

    /// Returns what the main knows of a user; `None` where it has no user of that name. Each user is a separate
    /// question, so that a probe may come between.
    fn told(&self, stop: &Stop, user: &str, now: i64) -> Result<Option<Told>, Failed> {
        let lease = self.lend(stop)?;
        let deadline = Instant::now() + ANSWER;
        Ok(match self.asking.technology {
            Technology::Pjsip => {
                let items = lease.ask(|link| link.show_endpoint(user, deadline))?;
                items.map(|items| of_endpoint(&items, now))
            }
            Technology::Sip => {
                lease.ask(|link| link.show_peer(user, deadline))?.map(|peer| of_peer(&peer, user))
            }
        })
    }

    fn lend(&self, stop: &Stop) -> Result<Lease, Failed> {
        self.asking
            .session
            .lend(stop, Instant::now() + ANSWER)
            .map_err(|error| Unanswered::from(error).into())
    }

    fn look_at_disk(&mut self) {
        let host = &self.asking.kit.host;
        let Ok(Some(text)) = read_kept(&self.file()) else { return };
        match Book::from_text(&String::from_utf8_lossy(&text)) {
            Ok(book) => self.contacts.book = Arc::new(book),
            Err(error) => {
                host.log(Level::Warning, &format!("The saved contacts of the phones are not used: {error}"))
            }
        }
    }

    fn took(&mut self, book: Book) {
        self.contacts.book = Arc::new(book);
        self.keep();
        self.tell();
    }

    /// Saves the contacts for a restart. A failed write is tried again: a full disk may have room soon, and the
    /// contacts may not change for days.
    fn keep(&mut self) {
        if self.asking.kit.host.is_replaced() {
            return;
        }
        let kept = keep(&self.file(), self.contacts.book.to_text().as_bytes());
        self.keep_at = kept.is_err().then(|| Instant::now() + KEEP_AGAIN);
        self.asking.kit.log_outcome(&kept, NOT_KEPT, "The phones' contacts are saved for a restart again.");
    }

    fn file(&self) -> PathBuf {
        self.asking.kit.host.data_dir().join(FILE)
    }

    fn tell(&self) {
        self.asking.teller.tell(Event::Contacts(self.contacts.clone()));
    }
}

/// Whether the main serves the phones, and can be asked.
fn may_ask(snapshot: &Snapshot) -> bool {
    snapshot.service.target == Target::Main && is_well(snapshot)
}

fn is_well(snapshot: &Snapshot) -> bool {
    snapshot.monitor.state == MonitorState::Stable
}

/// Why not all users were asked about.
enum Failed {
    Stopped,
    /// The main does not export them.
    NoPart,
    Problem(String),
}

impl From<Unanswered> for Failed {
    fn from(error: Unanswered) -> Self {
        match error {
            Unanswered::Stopped => Self::Stopped,
            error if error.is_no_such_part() => Self::NoPart,
            error => Self::Problem(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{stand_in::StandIn, work::session::counter},
        settings::read,
        words::conf::ConfSection,
    };

    const SPREAD: Duration = Duration::from_secs(60);

    fn asking() -> (Asking, Snapshot) {
        let sections = [
            ConfSection::new("main", [("host", "192.0.2.1"), ("username", "synch"), ("secret", "x")]),
            ConfSection::new("sync", [("filter_value", "x")]),
            ConfSection::new("dns", [("enabled", "no")]),
        ];
        let kit = Arc::new(StandIn::default()).kit(&Arc::new(read(&sections).unwrap()));
        let snapshot = (*kit.published.read()).clone();
        let (session, _) = counter().unwrap();
        let teller = Teller::new(1, crossbeam_channel::unbounded().0);
        let asked = bounded(1).1;
        let technology = Technology::Pjsip;
        (Asking { kit, technology, spread: SPREAD, session, asked, teller }, snapshot)
    }

    #[test]
    fn a_main_that_is_well_again_is_not_asked_by_all_branches_at_once() {
        let (asking, mut snapshot) = asking();
        let mut body = Body::new(&asking);
        let mut look = |body: &mut Body<'_>, state, target| {
            (snapshot.monitor.state, snapshot.service.target) = (state, target);
            body.look_at_main(&snapshot);
            body.all.due().saturating_duration_since(Instant::now())
        };
        look(&mut body, MonitorState::Init, Target::Main);
        // Nothing is known yet.
        assert_eq!(look(&mut body, MonitorState::Stable, Target::Main), Duration::ZERO);

        let waits = (0..8).map(|_| {
            body.all.begins(Instant::now(), 0);
            body.due.add("1001".to_owned());
            look(&mut body, MonitorState::Unstable, Target::Main);
            let wait = look(&mut body, MonitorState::Stable, Target::Main);
            assert!(wait <= SPREAD && body.due.is_empty());
            wait
        });
        // The chance that none of them is as long is one in 10^14.
        assert!(waits.max().unwrap() > Duration::from_secs(1));
        // The phones come home, which has waited already.
        look(&mut body, MonitorState::Stable, Target::Branch);
        assert_eq!(look(&mut body, MonitorState::Stable, Target::Main), Duration::ZERO);
    }
}
