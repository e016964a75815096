//! How far the move of the phones is: told as it goes on, and shown.

use super::Running;
use crate::{engine::host::Level, site::phones::Mark};

impl Running {
    /// Tells how far the move of the phones is.
    pub(super) fn note_move(&mut self, marks: &[Mark]) {
        for Mark { percent, come, all, after } in marks {
            let share = match percent {
                100 => "all",
                90 => "90 %",
                _ => "half",
            };
            let text =
                format!("{come} of {all} registered here, {:.1} s after the verdict", after.as_secs_f32());
            self.log(Level::Notice, &format!("Phones: {text}"));
            self.history.push(self.now(), "Phones", "main", share, &text);
            self.snapshot.counts.came(*percent, *after);
        }
        self.show_phones();
    }

    /// Lets everybody see where they are.
    pub(super) fn show_phones(&mut self) {
        self.snapshot.phones = self.phones.status(&self.snapshot.sync.users);
    }
}
