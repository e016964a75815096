//! What the branch uses, all the time: a sample every half minute, and the line through them.

use std::time::{Duration, Instant};

use lab::asterisk::Vitals;

use crate::beside::Beside;
use crate::in_use::InUse;

/// Between two samples.
const EVERY: Duration = Duration::from_secs(30);

/// What is used.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// As the kernel sees it.
    pub vitals: Vitals,
    /// What malloc has given out, in KiB.
    pub in_use_kib: u64,
}

/// What was used at a moment of the soak.
pub struct Sample {
    /// Since the start.
    pub at: Duration,
    /// Then.
    pub used: Used,
}

/// Starts to look at that process.
pub fn start(pid: u32, in_use: InUse) -> Beside<Vec<Sample>> {
    let start = Instant::now();
    Beside::start(EVERY, move |samples: &mut Vec<Sample>| {
        let used = Used { vitals: Vitals::of(pid)?, in_use_kib: in_use.now_kib()? };
        samples.push(Sample { at: start.elapsed(), used });
        Ok(())
    })
}

/// The slope of a line, per hour, and how far from the truth it may well be.
#[derive(Clone, Copy, Debug)]
pub struct Slope {
    /// What is added in an hour.
    pub per_hour: f64,
    /// The standard error of that: twice as much is chance in one case of twenty. Infinite where two points or fewer make
    /// the line.
    pub error: f64,
}

impl Slope {
    /// The line that fits `values` over the samples' time best (least squares).
    #[expect(clippy::cast_precision_loss, reason = "shown with five digits")]
    pub fn of(samples: &[Sample], value: impl Fn(&Used) -> u64) -> Self {
        let hours = |sample: &Sample| sample.at.as_secs_f64() / 3600.0;
        let points: Vec<_> =
            samples.iter().map(|sample| (hours(sample), value(&sample.used) as f64)).collect();
        let count = points.len() as f64;
        let mean = |part: fn(&(f64, f64)) -> f64| points.iter().map(part).sum::<f64>() / count;
        let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
        let square: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
        if points.len() < 2 || square <= 0.0 {
            return Self { per_hour: 0.0, error: f64::INFINITY };
        }
        let per_hour = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum::<f64>() / square;
        let left = |(x, y): &(f64, f64)| (y - y_mean - per_hour * (x - x_mean)).powi(2);
        let error = match points.len() {
            2 => f64::INFINITY,
            _ => (points.iter().map(left).sum::<f64>() / (count - 2.0) / square).sqrt(),
        };
        Self { per_hour, error }
    }

    /// What it is at least, as far as can be told.
    pub fn at_least(self) -> f64 {
        self.per_hour - 2.0 * self.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(kib: &[u64]) -> Vec<Sample> {
        let sample = |(minute, kib): (u64, &u64)| Sample {
            at: Duration::from_secs(minute * 60),
            used: Used { vitals: Vitals { threads: 1, descriptors: 1, anonymous_kib: 0 }, in_use_kib: *kib },
        };
        (0..).zip(kib).map(sample).collect()
    }

    fn slope(kib: &[u64]) -> Slope {
        Slope::of(&samples(kib), |used| used.in_use_kib)
    }

    #[test]
    fn the_slope_is_that_of_the_line_through_the_points() {
        let straight = slope(&[100, 102, 104, 106]);
        assert!((straight.per_hour - 120.0).abs() < 1e-6 && straight.error.abs() < 1e-6);
        assert!((straight.at_least() - 120.0).abs() < 1e-6);
        // Up and down by the same: no slope, and no line either.
        let bent = slope(&[100, 110, 110, 100]);
        assert!(bent.per_hour.abs() < 1e-6 && bent.error > 100.0, "{bent:?}");
        // sqrt((1 + 1) / 1 / 2) a minute.
        let three = slope(&[0, 3, 3]);
        assert!((three.per_hour - 90.0).abs() < 1e-6 && (three.error - 0.75_f64.sqrt() * 60.0).abs() < 1e-6);
    }

    #[test]
    fn of_too_few_points_nothing_can_be_told() {
        for kib in [&[] as &[u64], &[100], &[100, 200]] {
            assert!(slope(kib).at_least() < 0.0, "{kib:?}");
        }
    }
}
