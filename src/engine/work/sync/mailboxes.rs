//! The users' mailboxes into voicemail_synch.conf.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Failure, Wish,
    common::{Beside, Common},
    fresh::Fresh,
    kept::Kept,
    part::Part as Kind,
    reading::Reading,
    retry::Retry,
};
use crate::{
    engine::host::{Host, Level},
    export::Part,
    settings::Voicemail,
    site::{
        mailboxes::{Mailboxes as Found, Owner, WantedBoxes, assign, boxes_in, find_boxes, owners_in},
        shrink::{Guarded, Names},
        users::{Document, Store, SyncError, difference, is_ours},
    },
    uplink::ami::Query,
    words::{conf::ConfSection, wording::counted},
};

/// The module that has the boxes, and the file that includes ours.
const MODULE: &str = "app_voicemail.so";
const CONF: &str = "voicemail.conf";
/// What the log hears where they can't be taken from the main, and once they can.
const NOT_READ: &str = "The mailboxes stay as they were";
const READ_AGAIN: &str = "The mailboxes are those of the main again.";
/// Where it is kept whose box is whose: the main's file says more of that than the boxes that are copied (other names, boxes
/// of strangers with the same number), and some are the branch's own.
const OWNERS: Beside = Beside {
    file: "boxes",
    not_kept: "Cannot save for a restart which user has which mailbox",
    kept_again: "Which user has which mailbox is saved for a restart again.",
};

/// A change that no reload of the main tells of is here after this long: the whole company's boxes are 100 bytes a head.
const NOW_AND_THEN: Duration = Duration::from_secs(3600);

/// What app_voicemail sends mail with where voicemail.conf doesn't say (`SENDMAIL`).
const MAILER: &str = "/usr/sbin/sendmail -t";

/// The name of the box of each number.
type OfNumber = BTreeMap<String, String>;

/// The users' mailboxes.
#[derive(Default)]
pub(super) struct Mailboxes {
    /// When they were read.
    fresh: Fresh,
    /// Whose.
    of_users: Vec<Owner>,
    /// Whose box is whose, for a restart.
    kept: Kept<OfNumber>,
    /// When they, which failed, are read again without being asked for.
    wait: Retry,
}

impl<'a> Kind<'a> for Mailboxes {
    fn look_at_disk(&mut self, common: &mut Common<'a>) -> Result<(), Failure> {
        let Some(voicemail) = &common.syncing.all.voicemail else { return Ok(()) };
        let sections = common.host.load_conf(&path(voicemail, common)).unwrap_or_default();
        let (there, owners) = (boxes_in(&sections), owners(common));
        let kept = common.store().and_then(|store| store.read_beside(OWNERS.file)).ok().flatten();
        let kept = kept.map(|text| from_text(&String::from_utf8_lossy(&text)));
        self.kept.found(kept.clone());
        common.status.boxes = Arc::new(match kept {
            // Of an earlier version.
            None => assign(&owners, &there),
            Some(mut boxes) => {
                let local = local(voicemail, common);
                let is_users =
                    |number: &str| owners.iter().any(|owner| owner.number.as_deref() == Some(number));
                boxes.retain(|number, name| is_users(number) && (there.has(name) || local.contains(name)));
                boxes
            }
        });
        Ok(())
    }

    /// Syncs them where they may have changed.
    ///
    /// The main has one file for the whole company and can't be asked for a part of it: so it is read when the main has
    /// reloaded, when somebody asks, and now and then.
    fn sync(&mut self, reading: &mut Reading, wish: Wish, common: &mut Common<'a>) -> Result<(), Failure> {
        let Some(voicemail) = &common.syncing.all.voicemail else { return Ok(()) };
        let owners = owners(common);
        // A main that exports says at once where nothing has changed.
        if wish == Wish::Due && !reading.exports() && !self.is_due(&owners, common) {
            return Ok(());
        }
        let read = self.read(reading, voicemail, &owners, common);
        match &read {
            Err(failure) if failure.is_about_the_line() => self.wait.failed(Instant::now()),
            Err(_) => {}
            Ok(()) => {
                self.wait = Retry::default();
                self.fresh.read(common.stamp.clone(), Instant::now());
                self.of_users = owners;
            }
        }
        common.status.boxes_problem = common.problem(read, NOT_READ, READ_AGAIN)?;
        Ok(())
    }
}

impl Mailboxes {
    /// Whether they may have changed. After a failure that costs as much again each time, of a file that can't be had in
    /// parts: not at every sync.
    fn is_due(&self, owners: &[Owner], common: &Common<'_>) -> bool {
        let now = Instant::now();
        let stays = self.of_users == owners && self.fresh.is_of(common.stamp.as_ref());
        (!stays || self.fresh.is_old(now, NOW_AND_THEN)) && self.wait.is_due(now)
    }

    /// Shows whose box is whose, and keeps it for a restart.
    pub(super) fn take(&mut self, of_number: OfNumber, common: &mut Common<'_>) {
        common.keep(&mut self.kept, &of_number, &OWNERS, || to_text(&of_number));
        common.status.boxes = Arc::new(of_number);
    }

    fn read(
        &mut self,
        reading: &mut Reading,
        voicemail: &Voicemail,
        owners: &[Owner],
        common: &mut Common<'_>,
    ) -> Result<(), Failure> {
        let (answer, document);
        if reading.exports() {
            answer = common.exported.part(reading, Part::Boxes, "")?;
            document = Document::read_part(&answer.frame);
        } else {
            answer = reading.ask(&Query::whole(&voicemail.file))?;
            document = Document::read(&answer.frame);
        }
        let document =
            document.map_err(|error| SyncError::Document { file: voicemail.file.clone(), error })?;
        let local = local(voicemail, common);
        let mails = can_mail(common.host);
        let wanted = WantedBoxes { owners, local: &local, options: &voicemail.options, mails };
        let found = find_boxes(&document, &wanted);
        for left_out in &found.remarks.left_out {
            common.host.log(Level::Debug, &format!("mailbox {left_out}"));
        }
        common.status.box_remarks = Arc::new(found.remarks.clone());
        // As with users: what a main has lost stays until a person says so.
        let new: Names = found.boxes.iter().map(ToString::to_string).collect();
        let old = boxes_of_users(owners, &found, common);
        common.may_become(Guarded::Mailboxes, &old, &new)?;
        let text = found.text(&format!("{}: {}", common.syncing.access.main.host, voicemail.file));
        let store = common.store_of(&voicemail.output)?;
        match store.read_current()? {
            Some(in_place) if !is_ours(&in_place) => Err(Failure::NotOurs(path(voicemail, common))),
            // Voicemail reads a file anew only when it is another one: one that was included too late is written again.
            Some(in_place) if in_place == text.as_bytes() && are_live(&found, common) => Ok(()),
            // Nobody has a box, and nobody had one.
            None if found.boxes.is_empty() => Ok(()),
            _ => install(&store, &found, &text, common),
        }?;
        self.take(found.of_number, common);
        Ok(())
    }
}

fn install(store: &Store, found: &Found, text: &str, common: &Common<'_>) -> Result<(), Failure> {
    let inside = common.enter()?;
    let staged = common.stage(store, text.as_bytes())?;
    let read = common.read_staged(&staged)?;
    if let Some(difference) = difference(&found.meaning(), &read) {
        return Err(Failure::Misread(difference));
    }
    store.add_version(text.as_bytes())?;
    common.commit(staged)?;
    common.reload_inside(MODULE)?;
    drop(inside);
    let count = counted(found.boxes.len(), "mailbox");
    common.log(&format!("Synced {count} from {}", common.syncing.access.main.host));
    Ok(())
}

/// Whether voicemail has them, as far as one tells for all.
fn are_live(found: &Found, common: &Common<'_>) -> bool {
    found.boxes.first().is_none_or(|mailbox| common.host.has_mailbox(&mailbox.to_string()))
}

/// The boxes in place of users who are still there, by what the file says: a box that another one has taken the place
/// of is none that the main has lost.
fn boxes_of_users(owners: &[Owner], new: &Found, common: &Common<'_>) -> Names {
    let numbers = owners.iter().filter_map(|owner| owner.number.as_ref());
    let had = numbers.filter_map(|number| Some((number, common.status.boxes.get(number)?)));
    had.map(|(number, old)| new.of_number.get(number).unwrap_or(old).clone()).collect()
}

/// The users, with the boxes that they name.
fn owners(common: &Common<'_>) -> Vec<Owner> {
    owners_in(&common.sections_in_place())
}

/// What the branch's own voicemail.conf has.
fn local(voicemail: &Voicemail, common: &Common<'_>) -> HashSet<String> {
    let conf = common.host.config_dir().join(CONF);
    let sections = common.host.load_conf_besides(&conf, &voicemail.output).unwrap_or_default();
    let names = |section: &ConfSection| -> Vec<String> {
        section.variables.iter().map(|variable| format!("{}@{}", variable.key, section.name)).collect()
    };
    sections.iter().flat_map(names).collect()
}

fn path(voicemail: &Voicemail, common: &Common<'_>) -> PathBuf {
    common.host.config_dir().join(&voicemail.output)
}

fn to_text(of_number: &OfNumber) -> String {
    of_number.iter().map(|(number, name)| format!("{number} {name}\n")).collect()
}

fn from_text(text: &str) -> OfNumber {
    let boxes = text.lines().filter_map(|line| line.split_once(' '));
    boxes.map(|(number, name)| (number.to_owned(), name.to_owned())).collect()
}

/// Whether voicemail could send a mail: its program is there and can be run.
pub(in crate::engine) fn can_mail(host: &dyn Host) -> bool {
    let sections = host.load_conf(&host.config_dir().join(CONF)).unwrap_or_default();
    let general = sections.iter().filter(|section| section.name.eq_ignore_ascii_case("general"));
    let mut variables = general.flat_map(|section| &section.variables);
    let said = variables.rfind(|variable| variable.key.eq_ignore_ascii_case("mailcmd"));
    let command = said.map_or(MAILER, |variable| &variable.value);
    is_program(command.split_whitespace().next().unwrap_or_default())
}

/// Whether a command line's first word is a program, as a shell finds it.
fn is_program(word: &str) -> bool {
    let runs = |path: &Path| {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if word.contains('/') {
        return runs(Path::new(word));
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    !word.is_empty() && std::env::split_paths(&folders).any(|folder| runs(&folder.join(word)))
}
