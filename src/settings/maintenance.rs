//! `[maintenance]`: work on the main.

use std::time::Duration;

use super::{
    value::DAY,
    walk::{Keys, key, rows},
};

/// The longest hold with an end, in minutes: a week. A longer one is a typing error.
pub const LONGEST_HOLD: u32 = 7 * 24 * 60;

/// `[maintenance]`: how long a maintenance lasts, and how long it waits for calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// Minutes that one lasts where no length is given.
    pub minutes: u32,
    /// How long the end of calls on the main is waited for; then those that go on are told.
    pub drain_timeout: Duration,
}

impl Maintenance {
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Maintenance {
                minutes: key::number(60, 1..=LONGEST_HOLD),
                drain_timeout: key::seconds(1800, 0..=DAY),
            },
        )
    }
}
