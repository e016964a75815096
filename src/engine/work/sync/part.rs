//! What each kind of thing that is synced has to answer. It owns what it remembers; [`Common`] is what all share.

use std::time::Instant;

use super::{Failure, Wish, common::Common, reading::Reading};
use crate::engine::crew::worker::Stopped;

/// One kind of thing that comes from the main.
pub(super) trait Part<'a> {
    /// Shows what an earlier life has left: that is what the branch has, whether or not the main answers.
    fn look_at_disk(&mut self, common: &mut Common<'a>) -> Result<(), Failure>;

    /// Takes over what the main says now.
    ///
    /// A failure of the users ends the sync. Every other kind puts its own into status and log and passes on only a stop:
    /// it is worth less than what comes before it.
    fn sync(&mut self, _: &mut Reading, _: Wish, _: &mut Common<'a>) -> Result<(), Failure> {
        Ok(())
    }

    /// Whether it is synced all the same where the users failed like this.
    fn is_synced_after(&self, _: &Failure) -> bool {
        false
    }

    /// Begins what takes its time, once a sync has succeeded.
    fn begin(&mut self, _: Wish, _: &mut Common<'a>) {}

    /// Returns when the next piece of that is due; `None` where nothing is being read.
    fn piece_due(&self) -> Option<Instant> {
        None
    }

    /// Reads the next piece.
    fn read_piece(&mut self, _: &mut Common<'a>) -> Result<(), Stopped> {
        Ok(())
    }

    /// Lets go of the connection to the main, which a sync needs now.
    fn hang_up(&mut self) {}
}

/// Makes the struct of all kinds out of a list of them.
macro_rules! parts {
    ($($name:ident: $kind:ty),+ $(,)?) => {
        /// All kinds that are synced, each with its memory.
        #[derive(Default)]
        struct Parts<'a> {
            $($name: $kind),+
        }

        impl<'a> Parts<'a> {
            /// Returns all of them, in the order of the list.
            fn all(&mut self) -> impl Iterator<Item = &mut dyn Part<'a>> {
                [$(&mut self.$name as &mut dyn Part<'a>),+].into_iter()
            }
        }
    };
}

pub(super) use parts;
