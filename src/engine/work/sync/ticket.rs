//! An order that somebody waits for. Where he does not any more, it is not carried out. Pure.

use std::{
    sync::{Arc, Weak},
    time::Instant,
};

/// The side of who waits: the order is wanted as long as this lives, and until then.
#[derive(Debug)]
pub(in crate::engine) struct Claim {
    pub(in crate::engine) until: Instant,
    _alive: Arc<()>,
}

/// The side of who carries it out.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Ticket {
    /// The number of the order.
    pub(in crate::engine) number: u64,
    pub(super) until: Instant,
    alive: Weak<()>,
}

impl Claim {
    /// Makes both sides.
    pub(in crate::engine) fn new(number: u64, until: Instant) -> (Self, Ticket) {
        let alive = Arc::new(());
        let ticket = Ticket { number, until, alive: Arc::downgrade(&alive) };
        (Self { until, _alive: alive }, ticket)
    }
}

impl Ticket {
    /// Returns whether nobody waits any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.until || self.alive.strong_count() == 0
    }
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Ticket {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_order_is_wanted_until_its_time_is_over_or_nobody_waits() {
        let now = Instant::now();
        let (claim, ticket) = Claim::new(1, now + Duration::from_secs(1));
        assert!(!ticket.is_over(now) && ticket.is_over(claim.until));
        drop(claim);
        assert!(ticket.is_over(now));
    }
}
