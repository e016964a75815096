//! What is asked of the main.

use std::time::{Duration, Instant};

use super::{Failure, Site, failure::of_file};
use crate::{
    ami::{Link, LinkError, Part, Query, Refusal, Stamp},
    sync::Answer,
};

/// Bound of everything that is read from the main in one sync: 20,000 users take 2 s in a LAN.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// All answers of one sync together: twice what 20,000 users take, and what a small branch can spare.
const MAX_ANSWERS: usize = 64 << 20;

/// One connection to the main, for one sync.
pub(super) struct Reading {
    link: Link,
    deadline: Instant,
    bytes: usize,
}

impl Site<'_> {
    /// Nothing is connected yet.
    pub(super) fn reading(&self) -> Result<Reading, Failure> {
        let deadline = Instant::now() + READ_TIMEOUT;
        let address = self.syncing.address.get(deadline).map_err(Failure::NoAddress)?;
        let link = Link::for_config(address, &self.syncing.main, self.hangup, self.syncing.start.crypto());
        Ok(Reading { link, deadline, bytes: 0 })
    }
}

impl Reading {
    /// When the main last started and reloaded, where it tells.
    pub(super) fn stamp(&mut self) -> Result<Option<Stamp>, Failure> {
        match self.link.core_status(self.deadline) {
            Ok(stamp) => Ok(Some(stamp)),
            // An account that may not ask that can still be synced with.
            Err(LinkError::Refused { refusal: Refusal::Answer { .. }, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The answer to one question.
    pub(super) fn ask(&mut self, query: &Query) -> Result<Answer, Failure> {
        let frame =
            self.link.get_config(query, self.deadline).map_err(|error| of_file(&query.file, error))?;
        self.bytes += frame.size();
        if self.bytes > MAX_ANSWERS {
            return Err(Failure::TooMuch);
        }
        Ok(Answer { query: query.clone(), frame })
    }

    /// The same for an answer that is not kept: each part goes to the sink, which must be quick.
    pub(super) fn pour(&mut self, query: &Query, sink: &mut dyn FnMut(Part<'_>)) -> Result<(), Failure> {
        let poured = self.link.stream_config(query, self.deadline, sink);
        poured.map_err(|error| of_file(&query.file, error))
    }

    /// Says good-bye.
    pub(super) fn close(mut self) {
        self.link.close();
    }
}
