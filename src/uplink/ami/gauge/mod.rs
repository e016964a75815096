//! How much at a time is asked of the main, so that the line to it stays free for what matters. Pure.
//!
//! What is on its way at once is what a probe may have to wait for: so no more is than the line has shown that it moves in
//! a quarter of a second. And after each piece the line is left alone for as long as that took: half of it is never ours,
//! and the main, which reads its file anew for each piece, is busy with us half of the time at most.

use std::time::Duration;

use super::Timing;

/// Bytes on their way at once (the receive buffer), and of a piece. With a piece sixteen times as long, it takes two to
/// four seconds on a line of just that speed.
const GEARS: [(usize, usize); 6] = [
    (2 << 10, 32 << 10),
    (4 << 10, 64 << 10),
    (16 << 10, 256 << 10),
    (64 << 10, 1 << 20),
    (256 << 10, 4 << 20),
    (1 << 20, 16 << 20),
];
/// Where it begins: what waits on a line of 256 kbit/s is 0.13 s then.
const FIRST: usize = 1;
/// The same of an answer that can't be had in pieces, before anything is known: on a line of 256 kbit/s half a second.
const UNKNOWN: usize = 16 << 10;
/// The system may grant less (`net.core.rmem_max`).
const WIDEST: usize = 4 << 20;
/// The line moves what is on its way in a second divided by this.
const QUICK: u64 = 4;
/// The same where it has been well so far, and where pieces would not do: a probe waits so long without harm.
const BEARABLE: u64 = 1;
/// An answer of so many windows tells how fast the line is; a shorter one how fast the main is.
const TELLING: usize = 8;
/// Good pieces before a gear is tried again that was too high.
const BEFORE_AGAIN: u32 = 16;
/// Pieces are halved so often at most where the main loses lines of them.
const HALVINGS: u32 = 3;

/// What the line to the main takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge {
    gear: usize,
    /// Good pieces that have to come before a higher gear.
    wait: u32,
    /// How often pieces were halved.
    halvings: u32,
    /// How often the window of whole answers was widened.
    widenings: u32,
    /// The shortest round trip so far.
    round: Option<Duration>,
    /// Bytes a second, as last seen.
    seen: Option<u64>,
}

impl Default for Gauge {
    fn default() -> Self {
        Self { gear: FIRST, wait: 0, halvings: 0, widenings: 0, round: None, seen: None }
    }
}

impl Gauge {
    /// The receive buffer for a piece.
    #[must_use]
    pub fn window(&self) -> usize {
        self.at_gear().0
    }

    /// Bytes that a piece should have.
    #[must_use]
    pub fn piece(&self) -> usize {
        self.at_gear().1 >> self.halvings
    }

    /// The receive buffer for an answer that comes in one piece, however long. It is also what a reader may be late by, and
    /// the main loses lines where it is later: so it is wider on a line that is quick, and after such a loss.
    #[must_use]
    pub fn whole_window(&self) -> usize {
        let Some(seen) = self.seen else { return UNKNOWN << (2 * self.widenings).min(2) };
        let bearable = |share: u64| usize::try_from(seen / share).unwrap_or(usize::MAX).min(WIDEST);
        let wanted = bearable(QUICK).saturating_mul(1 << self.widenings);
        wanted.min(bearable(BEARABLE)).max(self.window())
    }

    /// An answer came over this window, as far as it came.
    pub fn answered(&mut self, window: usize, timing: Timing) {
        if let Some(pong) = timing.pong {
            self.round = Some(self.round.map_or(pong, |round| round.min(pong)));
        }
        if timing.bytes < window.saturating_mul(TELLING) {
            return;
        }
        let rate = self.rate_of(window, timing);
        self.seen = Some(per_second(timing.bytes, timing.took));
        let allowed = |gear: usize| GEARS.get(gear).is_some_and(|(window, _)| rate / QUICK >= *window as u64);
        let below = |window: usize, rate: u64| rate * 2 / QUICK < window as u64;
        if below(self.window(), rate) && self.gear > 0 {
            self.slower();
        } else if self.wait > 0 {
            self.wait -= 1;
        } else if window >= self.window() && allowed(self.gear + 1) {
            self.gear += 1;
        }
    }

    /// The main lost lines of a piece: it has no room for as much as the line leaves there.
    pub fn lost_piece(&mut self) {
        if self.halvings < HALVINGS {
            self.halvings += 1;
        } else {
            self.slower();
        }
    }

    /// The main lost lines of an answer that can't be had in pieces: more has to be on its way.
    pub fn lost_whole(&mut self) {
        self.widenings = (self.widenings + 1).min(HALVINGS);
    }

    /// The main's answers to probes became slow meanwhile.
    pub fn slower(&mut self) {
        self.gear = self.gear.saturating_sub(1);
        self.wait = BEFORE_AGAIN;
    }

    /// How long the line is left alone after what took so long.
    #[must_use]
    pub const fn rest(took: Duration) -> Duration {
        took
    }

    /// What the line moves, as far as this answer tells: what was spent on waiting for round trips is not the line's.
    fn rate_of(&self, window: usize, timing: Timing) -> u64 {
        let rounds = u32::try_from(timing.bytes / window.max(1)).unwrap_or(u32::MAX);
        let waited = self.round.map_or(Duration::ZERO, |round| round.saturating_mul(rounds));
        // It can't be known what would come without the wait, so not much of it is believed.
        per_second(timing.bytes, timing.took.saturating_sub(waited).max(timing.took / 8))
    }

    fn at_gear(&self) -> (usize, usize) {
        GEARS.get(self.gear).copied().unwrap_or((UNKNOWN, UNKNOWN))
    }
}

fn per_second(bytes: usize, took: Duration) -> u64 {
    u64::try_from(bytes as u128 * 1_000_000 / took.as_micros().max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
