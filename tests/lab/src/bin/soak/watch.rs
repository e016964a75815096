//! What the branch uses, all the time: a sample every half minute, and the line through them.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use lab::asterisk::Vitals;
use lab::{Error, Result};

/// Between two samples.
const EVERY: Duration = Duration::from_secs(30);

/// What was used at a moment of the soak.
pub struct Sample {
    /// Since the start.
    pub at: Duration,
    /// Then.
    pub vitals: Vitals,
}

/// Takes samples until it is told to finish.
pub struct Watch {
    finish: Sender<()>,
    thread: JoinHandle<Result<Vec<Sample>>>,
}

impl Watch {
    /// Starts to look at that process.
    pub fn start(pid: u32) -> Self {
        let (finish, finished) = channel();
        let thread = spawn(move || {
            let (start, mut samples) = (Instant::now(), Vec::new());
            loop {
                let sample = Sample { at: start.elapsed(), vitals: Vitals::of(pid)? };
                samples.push(sample);
                if finished.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    return Ok(samples);
                }
            }
        });
        Self { finish, thread }
    }

    /// What was seen.
    pub fn finish(self) -> Result<Vec<Sample>> {
        // Where it has ended already, because the process has, it says so below.
        let _ = self.finish.send(());
        self.thread.join().unwrap_or_else(|_| Err(Error::new("who takes the samples panicked")))
    }
}

/// The slope of the line that fits `values` over the samples' time best (least squares), per hour.
#[expect(clippy::cast_precision_loss, reason = "shown with five digits")]
pub fn slope_per_hour(samples: &[Sample], value: impl Fn(&Vitals) -> u64) -> f64 {
    let points =
        || samples.iter().map(|sample| (sample.at.as_secs_f64() / 3600.0, value(&sample.vitals) as f64));
    let count = samples.len() as f64;
    let (hours, values) = points().fold((0.0, 0.0), |(hours, values), (x, y)| (hours + x, values + y));
    let (hours, values) = (hours / count, values / count);
    let (both, square) = points().fold((0.0, 0.0), |(both, square), (x, y)| {
        (both + (x - hours) * (y - values), square + (x - hours).powi(2))
    });
    if square > 0.0 { both / square } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(kib: &[u64]) -> Vec<Sample> {
        let sample = |(minute, kib): (u64, &u64)| Sample {
            at: Duration::from_secs(minute * 60),
            vitals: Vitals { threads: 1, descriptors: 1, resident_kib: *kib },
        };
        (0..).zip(kib).map(sample).collect()
    }

    fn slope(kib: &[u64]) -> f64 {
        slope_per_hour(&samples(kib), |vitals| vitals.resident_kib)
    }

    #[test]
    fn the_slope_is_that_of_the_line_through_the_points() {
        assert!((slope(&[100, 102, 104, 106]) - 120.0).abs() < 1e-6);
        assert!((slope(&[5000, 5000, 5000])).abs() < 1e-6);
        // Up and down by the same: no slope.
        assert!((slope(&[100, 110, 110, 100])).abs() < 1e-6);
    }

    #[test]
    fn too_few_points_have_no_slope() {
        assert!(slope(&[]).abs() < 1e-6);
        assert!(slope(&[100]).abs() < 1e-6);
    }
}
