//! Finds what contexts of the main use and this Asterisk lacks, and extensions of theirs that end every call.

use super::{Findings, Level, Report};
use crate::{
    operator::status::Snapshot,
    words::wording::{counted, some_of},
};

impl Report {
    pub(super) fn contexts_of_main(&mut self, findings: &Findings, snapshot: &Snapshot) {
        if !findings.lacking.is_empty() {
            let lacking: Vec<&str> = findings.lacking.iter().map(String::as_str).collect();
            let text = format!(
                "contexts of the main use things that this Asterisk doesn't have: {}. Create them here, or change \
                 those contexts on the main",
                some_of(&lacking)
            );
            self.say(Level::Warning, "contexts", text);
        }
        let blocked: Vec<&str> = snapshot.sync.contexts_blocked.iter().map(String::as_str).collect();
        if !blocked.is_empty() {
            let text = format!(
                "{} of the main's contexts can't be called, because the first step was left out: {}. 'synch show \
                 contexts' says why",
                counted(blocked.len(), "extension"),
                some_of(&blocked)
            );
            self.say(Level::Warning, "contexts", text);
        }
    }
}
