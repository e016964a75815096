//! What is saved for a restart, beside the versions of the users' file. Pure.

/// What of it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept<T> {
    /// `None` where that is not known, or the last write failed.
    on_disk: Option<T>,
}

impl<T: Clone + PartialEq> Kept<T> {
    /// An earlier life has left this; `None` where it can't be known.
    pub(super) fn found(&mut self, on_disk: Option<T>) {
        self.on_disk = on_disk;
    }

    /// Writes what is to be kept, where that is not on disk yet. `None` where there is nothing to do. What could not be
    /// written is written with the next call.
    pub(super) fn keep<E>(
        &mut self,
        now: &T,
        write: impl FnOnce() -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        if self.on_disk.as_ref() == Some(now) {
            return None;
        }
        let written = write();
        self.on_disk = written.is_ok().then(|| now.clone());
        Some(written)
    }
}

impl<T: Default> Default for Kept<T> {
    /// Nothing is on disk, which is as good as an empty file.
    fn default() -> Self {
        Self { on_disk: Some(T::default()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Result<(), &'static str> {
        Err("disk full")
    }

    #[test]
    fn only_what_is_another_one_is_written() {
        let mut kept = Kept::<u8>::default();
        assert_eq!(kept.keep(&0, full), None, "nothing, as before");
        assert_eq!(kept.keep(&1, || Ok::<_, ()>(())), Some(Ok(())));
        assert_eq!(kept.keep(&1, full), None);
        kept.found(Some(2));
        assert_eq!(kept.keep(&2, full), None);
    }

    #[test]
    fn what_could_not_be_written_is_tried_again_until_it_is() {
        let mut kept = Kept::<u8>::default();
        for _ in 0..2 {
            assert_eq!(kept.keep(&1, full), Some(Err("disk full")));
        }
        // Nor is it known whether the old one is whole.
        assert_eq!(kept.keep(&0, || Ok::<_, ()>(())), Some(Ok(())));
        assert_eq!(kept.keep(&0, full), None);
    }

    #[test]
    fn where_it_is_not_known_what_is_there_it_is_written() {
        let mut kept = Kept::<u8>::default();
        kept.found(None);
        assert_eq!(kept.keep(&0, || Ok::<_, ()>(())), Some(Ok(())));
    }
}
