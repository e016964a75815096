//! The users' mailboxes into voicemail_synch.conf.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Failure, Site, Wish, reading::Reading, retry::Retry};
use crate::{
    engine::host::{Host, Level},
    settings::Voicemail,
    site::{
        mailboxes::{Mailboxes, Owner, WantedBoxes, assign, boxes_in, find_boxes, owners_in},
        shrink::{Guarded, Names},
        users::{Document, Store, SyncError, difference, is_ours},
    },
    uplink::ami::Query,
    words::{conf::ConfSection, wording::counted},
};

/// The module that has the boxes, and the file that includes ours.
const MODULE: &str = "app_voicemail.so";
/// What the log hears where they can't be taken from the main.
const NOT_READ: &str = "The users have no new mailboxes";
const CONF: &str = "voicemail.conf";
/// Where it is kept whose box is whose: the main's file says more of that than the boxes that are copied (other names, boxes
/// of strangers with the same number), and some are the branch's own.
const OWNERS: &str = "boxes";
/// What the log hears where it can't be.
const NOT_KEPT: &str = "Cannot save for a restart whose mailbox is whose";

/// A change that no reload of the main tells of is here after this long: the whole company's boxes are 100 bytes a head.
const NOW_AND_THEN: Duration = Duration::from_secs(3600);

/// What app_voicemail sends mail with where voicemail.conf doesn't say (`SENDMAIL`).
const MAILER: &str = "/usr/sbin/sendmail -t";

impl Site<'_> {
    /// Syncs them where they may have changed. Only a stop of the module ends more than that.
    ///
    /// The main has one file for the whole company and can't be asked for a part of it: so it is read when the main has
    /// reloaded, when somebody asks, and now and then.
    pub(super) fn sync_boxes(&mut self, reading: &mut Reading, wish: Wish) -> Result<(), Failure> {
        let all = Arc::clone(&self.syncing.all);
        let Some(voicemail) = &all.voicemail else { return Ok(()) };
        let old = self.boxes_at.is_none_or(|at| at.elapsed() >= NOW_AND_THEN);
        let owners = self.owners();
        let same_users = self.boxes_users == owners;
        if wish == Wish::Due && !old && same_users && self.stamp.is_some() && self.boxes_of == self.stamp {
            return Ok(());
        }
        // As much again each time, of a file that can't be had in parts: not at every sync.
        if wish == Wish::Due && !self.boxes_wait.is_due(Instant::now()) {
            return Ok(());
        }
        let problem = match self.read_boxes(reading, voicemail, &owners) {
            Err(Failure::Stopped) => return Err(Failure::Stopped),
            Err(failure) => {
                if failure.is_about_the_line() {
                    self.boxes_wait.failed(Instant::now());
                }
                failure.to_string()
            }
            Ok(()) => {
                self.boxes_wait = Retry::new();
                self.boxes_of.clone_from(&self.stamp);
                self.boxes_at = Some(Instant::now());
                self.boxes_users = owners;
                String::new()
            }
        };
        if problem.is_empty() {
            self.syncing.kit.log_end(NOT_READ, "The mailboxes are those of the main again.");
        } else {
            self.syncing.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {problem}"));
        }
        self.status.boxes_problem = problem;
        Ok(())
    }

    /// What an earlier life has left.
    pub(super) fn look_at_boxes(&mut self) {
        let Some(voicemail) = &self.syncing.all.voicemail else { return };
        let sections = self.host.load_conf(&self.boxes_path(voicemail)).unwrap_or_default();
        let (there, owners) = (boxes_in(&sections), self.owners());
        let kept = self.store().and_then(|store| store.read_beside(OWNERS)).ok().flatten();
        self.status.boxes = Arc::new(match kept {
            // Of an earlier version.
            None => assign(&owners, &there),
            Some(kept) => {
                let local = self.local_boxes(voicemail);
                let is_users =
                    |number: &str| owners.iter().any(|owner| owner.number.as_deref() == Some(number));
                let text = String::from_utf8_lossy(&kept);
                let boxes = text.lines().filter_map(|line| line.split_once(' '));
                let live = boxes
                    .filter(|(number, name)| is_users(number) && (there.has(name) || local.contains(*name)));
                live.map(|(number, name)| (number.to_owned(), name.to_owned())).collect()
            }
        });
    }

    /// Shows whose box is whose, and keeps it for a restart.
    pub(super) fn take_boxes(&mut self, of_number: BTreeMap<String, String>) {
        let text: String = of_number.iter().map(|(number, name)| format!("{number} {name}\n")).collect();
        let kept = self.store().and_then(|store| match store.read_beside(OWNERS)? {
            Some(kept) if kept == text.as_bytes() => Ok(()),
            _ => store.write_beside(OWNERS, text.as_bytes()),
        });
        let over = "Whose mailbox is whose is saved for a restart again.";
        self.syncing.kit.log_outcome(&kept, NOT_KEPT, over);
        self.status.boxes = Arc::new(of_number);
    }

    fn read_boxes(
        &mut self,
        reading: &mut Reading,
        voicemail: &Voicemail,
        owners: &[Owner],
    ) -> Result<(), Failure> {
        let answer = reading.ask(&Query::whole(&voicemail.file))?;
        let document = Document::read(&answer.frame)
            .map_err(|error| SyncError::Document { file: voicemail.file.clone(), error })?;
        let local = self.local_boxes(voicemail);
        let mails = can_mail(self.host);
        let wanted = WantedBoxes { owners, local: &local, options: &voicemail.options, mails };
        let found = find_boxes(&document, &wanted);
        for left_out in &found.remarks.left_out {
            self.host.log(Level::Debug, &format!("mailbox {left_out}"));
        }
        self.status.box_remarks = Arc::new(found.remarks.clone());
        // As with users: what a main has lost stays until a person says so.
        let new: Names = found.boxes.iter().map(ToString::to_string).collect();
        let old = self.boxes_of_users(owners, &found);
        self.may_become(Guarded::Mailboxes, &old, &new)?;
        let text = found.text(&format!("{}: {}", self.syncing.access.main.host, voicemail.file));
        let store = self.boxes_store(voicemail)?;
        match store.read_current()? {
            Some(in_place) if !is_ours(&in_place) => Err(Failure::NotOurs(self.boxes_path(voicemail))),
            // Voicemail reads a file anew only when it is another one: one that was included too late is written again.
            Some(in_place) if in_place == text.as_bytes() && self.boxes_live(&found) => Ok(()),
            // Nobody has a box, and nobody had one.
            None if found.boxes.is_empty() => Ok(()),
            _ => self.install_boxes(&store, &found, &text),
        }?;
        self.take_boxes(found.of_number);
        Ok(())
    }

    fn install_boxes(&mut self, store: &Store, found: &Mailboxes, text: &str) -> Result<(), Failure> {
        let inside = self.enter()?;
        let staged = store.stage(text.as_bytes())?;
        let read = self.read_staged(&staged)?;
        if let Some(difference) = difference(&found.meaning(), &read) {
            return Err(Failure::Misread(difference));
        }
        store.add_version(text.as_bytes())?;
        self.commit(staged)?;
        self.reload_inside(MODULE)?;
        drop(inside);
        let count = counted(found.boxes.len(), "mailbox");
        self.log(&format!("Synced {count} from {}", self.syncing.access.main.host));
        Ok(())
    }

    /// Whether voicemail has them, as far as one tells for all.
    fn boxes_live(&self, found: &Mailboxes) -> bool {
        found.boxes.first().is_none_or(|mailbox| self.host.has_mailbox(&mailbox.to_string()))
    }

    /// The boxes in place of users who are still there, by what the file says: a box that another one has taken the place
    /// of is none that the main has lost.
    fn boxes_of_users(&self, owners: &[Owner], new: &Mailboxes) -> Names {
        let numbers = owners.iter().filter_map(|owner| owner.number.as_ref());
        let had = numbers.filter_map(|number| Some((number, self.status.boxes.get(number)?)));
        had.map(|(number, old)| new.of_number.get(number).unwrap_or(old).clone()).collect()
    }

    /// The users, with the boxes that they name.
    fn owners(&self) -> Vec<Owner> {
        owners_in(&self.sections_in_place())
    }

    /// What the branch's own voicemail.conf has.
    fn local_boxes(&self, voicemail: &Voicemail) -> HashSet<String> {
        let conf = self.host.config_dir().join(CONF);
        let sections = self.host.load_conf_besides(&conf, &voicemail.output).unwrap_or_default();
        let names = |section: &ConfSection| -> Vec<String> {
            section.variables.iter().map(|variable| format!("{}@{}", variable.key, section.name)).collect()
        };
        sections.iter().flat_map(names).collect()
    }

    fn boxes_store(&self, voicemail: &Voicemail) -> Result<Store, Failure> {
        Ok(self.store_of(&voicemail.output)?)
    }

    fn boxes_path(&self, voicemail: &Voicemail) -> PathBuf {
        self.host.config_dir().join(&voicemail.output)
    }
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
