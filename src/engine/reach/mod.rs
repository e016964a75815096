//! The way to the main that all workers share: its address, and whether it lets us in.

pub(super) mod admission;
pub(super) mod lookup;
