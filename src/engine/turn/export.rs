//! Whether the main exports, and what has changed there.

use super::Running;
use crate::{
    engine::{
        host::Level,
        work::{contacts, sync::Order},
    },
    export::Part,
    operator::status::ExportStatus,
    words::state::SyncState,
};

impl Running {
    /// Takes note of whether the main exports. A sync that has failed may have failed for want of it.
    pub(super) fn exports(&mut self, export: ExportStatus) {
        if self.snapshot.export == export {
            return;
        }
        let (is_new, was) = (self.snapshot.export.exports != export.exports, self.snapshot.export.exports);
        self.snapshot.export = export;
        if !is_new {
            return;
        }
        let reason = &self.snapshot.export.reason;
        let main = self.settings.main.as_ref().map_or("", |main| main.host.as_str());
        match self.snapshot.export.is_yes() {
            true => self.log(Level::Notice, &format!("{main} exports what this branch needs.")),
            false if was.is_some() => {
                let text = format!("{main} does not export any more: {reason}. Its files are read instead.");
                self.log(Level::Warning, &text);
            }
            false => self.log(Level::Debug, &format!("{main} does not export: {reason}")),
        }
        if self.snapshot.export.is_yes() && (was.is_some() || self.snapshot.sync.state == SyncState::Unsynced)
        {
            self.order(Order::Due);
            self.roster.ask_contacts(contacts::Ask::Now);
        }
    }

    /// The main has told that it exports something else by now. It costs the main little to be asked at once: no branch is
    /// told of what others have.
    pub(super) fn main_changed(&mut self, parts: &[Part]) {
        let shown: Vec<&str> = parts.iter().map(|part| part.word()).collect();
        self.log(Level::Debug, &format!("The main exports something else by now: {}", shown.join(", ")));
        if parts.contains(&Part::Contacts) {
            self.roster.ask_contacts(contacts::Ask::Now);
        }
        if self.settings.sync.is_some() && parts.iter().any(|part| *part != Part::Contacts) {
            self.order(Order::Due);
        }
    }
}
