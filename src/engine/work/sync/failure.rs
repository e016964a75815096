//! Why a sync did not end in Synced: what status and log say.

use std::path::PathBuf;

use crate::{
    engine::{
        crew::worker::Stopped,
        host::{HostError, ReloadError},
        reach::lookup::NoWay,
        work::session::Unanswered,
    },
    export::{Part, asked::Void},
    site::{
        directory::{NoDirectory, TooMany},
        shrink::Guarded,
        users::{Open, StoreError, SyncError},
    },
    uplink::ami::{LinkError, NoMemory, Refusal},
    words::disk::DiskError,
};

/// What the status says of a sync that is not made, because the main is left alone.
pub(super) const HELD_FOR_MAINTENANCE: &str = "held: maintenance";

/// Why a sync did not end in Synced.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    NoWay(#[from] NoWay),
    #[error(transparent)]
    Link(LinkError),
    #[error("{file}: {error}")]
    File { file: String, error: LinkError },
    #[error(transparent)]
    Answer(#[from] SyncError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Of another file of ours.
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{}", shrink(*guarded, *removed, *earlier, *of, *max_shrink))]
    Shrink { guarded: Guarded, removed: usize, earlier: usize, of: usize, max_shrink: u8 },
    #[error("Asterisk reads the new file otherwise than meant ({0}); the file was not put in place")]
    Misread(String),
    #[error("the file is in place, but {0}")]
    NotReloaded(ReloadError),
    #[error("the file is in place, but {0}")]
    NoAnswer(#[from] HostError),
    #[error("the file is in place, but no user is live: is '#tryinclude {output}' in {conf}?")]
    NoneLive { output: String, conf: &'static str },
    #[error(
        "the file is in place, but {missing} of {of} sections are not live, {first} the first: see Asterisk's log for \
         the reason"
    )]
    NotLive { missing: usize, of: usize, first: String },
    #[error(
        "the file is in place, but {differing} of its sections are not in force as written, {first} the first: see \
         Asterisk's log for the reason"
    )]
    NotAsMeant { differing: usize, first: String },
    #[error("version {version} is in force again, because the new one failed: {why}")]
    WentBack { why: String, version: u64 },
    #[error(
        "the last good version stays in force, because the new one failed: {0}; 'synch sync' tries it again"
    )]
    StillBad(String),
    #[error("{0} was not written by res_synch and is not replaced: move it away, or change [sync] output")]
    NotOurs(PathBuf),
    #[error("the file in place can't be read: {0}; the next sync replaces it")]
    Unreadable(HostError),
    #[error(
        "{0}; nothing was replaced. Give Asterisk more memory (ulimit -v, MemoryMax=), or sync fewer users"
    )]
    NoMemory(#[from] NoMemory),
    #[error("the main's export of {part} is not used: {void}")]
    Export { part: Part, void: Void },
    #[error("the main does not export its {0}")]
    NoPart(Part),
    #[error(
        "[sync] filter_value is not set, and the main does not export, so nothing says whose users belong to this site: \
         set it, or load synch on the main ('synch doctor' says why it does not export)"
    )]
    NoFilter,
    #[error("the main's answers are longer than the users of any company; nothing was replaced")]
    TooMuch,
    #[error(transparent)]
    Directory(#[from] TooMany),
    #[error(transparent)]
    NoDirectory(#[from] NoDirectory),
    #[error("version {0} holds no user and was not put back")]
    NoUsers(u64),
    #[error(
        "version {version} was not put back, because of its user {name}: {why}; with [policy] open_users = yes it can \
         be put back"
    )]
    OpenUser { version: u64, name: String, why: Open },
    #[error("version {version} was not put back: the branch's own configuration has a section [{name}], too")]
    Collides { version: u64, name: String },
    #[error("version {0} is held since a rollback; 'synch sync' ends that")]
    Held(u64),
    #[error(transparent)]
    Database(HostError),
    #[error("no user of this site is live here: is '#tryinclude {output}' in {conf}?")]
    NobodyLive { output: String, conf: &'static str },
    #[error("nobody waits for it any more")]
    Over,
    #[error("synch was loaded again meanwhile")]
    Replaced,
    #[error("the module stops")]
    Stopped,
}

fn shrink(guarded: Guarded, removed: usize, earlier: usize, of: usize, max_shrink: u8) -> String {
    let of = guarded.counted(of);
    let after = match earlier {
        0 => String::new(),
        _ => format!(" after the {earlier} that have gone within 24 hours"),
    };
    format!(
        "held: it would take away {removed} of {of}{after}, more than max_shrink = {max_shrink} percent; '{}' names \
         what would go, and 'synch sync' takes just that away",
        guarded.shown_by()
    )
}

impl Failure {
    /// Whether the main let us in neither now nor a moment ago, or was not asked because something is wrong here, or because
    /// the session ended.
    pub(super) const fn is_turned_away(&self) -> bool {
        match self {
            Self::NoWay(NoWay::TurnedAway(_) | NoWay::MadeAnew) | Self::Link(LinkError::Unprepared(_)) => {
                true
            }
            Self::Link(error) => error.is_in_use(),
            _ => false,
        }
    }

    /// Whether nothing is done before a person has said so.
    pub(super) const fn waits_for_a_person(&self) -> bool {
        matches!(self, Self::Shrink { .. } | Self::Held(_))
    }

    /// Whether lines of the main's answer were lost.
    pub(super) const fn has_lost_lines(&self) -> bool {
        matches!(self, Self::Link(error) if error.lost_lines())
    }

    /// Whether the main's answer did not come.
    pub(super) const fn is_about_the_line(&self) -> bool {
        matches!(self, Self::NoWay(_) | Self::Link(_))
    }

    /// Whether the channel driver has other objects than those in the file.
    pub(super) const fn is_about_objects(&self) -> bool {
        matches!(self, Self::NoneLive { .. } | Self::NotLive { .. } | Self::NotAsMeant { .. })
    }
}

impl From<Stopped> for Failure {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        if matches!(error, LinkError::Stopped) { Self::Stopped } else { Self::Link(error) }
    }
}

impl From<Unanswered> for Failure {
    fn from(error: Unanswered) -> Self {
        match error {
            Unanswered::NoWay(error) => Self::NoWay(error),
            Unanswered::Link(error) => error.into(),
            Unanswered::Stopped => Self::Stopped,
        }
    }
}

/// A refused GetConfig is about its file: the main doesn't name it.
pub(super) fn of_file(file: &str, error: Unanswered) -> Failure {
    match error {
        Unanswered::Link(error @ LinkError::Refused { refusal: Refusal::Answer { .. }, .. }) => {
            Failure::File { file: file.to_owned(), error }
        }
        error => error.into(),
    }
}
