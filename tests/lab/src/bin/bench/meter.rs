//! What has been used from one moment to the next: seconds, processor time, bytes over the WAN.

use std::ops::{Add, Div, Sub};
use std::time::Instant;

use lab::{Result, Site};

/// A moment, and what had been used up to it.
pub struct Meter {
    moment: Instant,
    main: f32,
    branch: f32,
    bytes: u64,
}

/// What was used since.
#[derive(Clone, Copy, Default)]
pub struct Used {
    /// Seconds of the clock.
    pub time: f32,
    /// Seconds of the main's processors.
    pub main: f32,
    /// Seconds of the branch's processors.
    pub branch: f32,
    /// Megabytes that the main has sent.
    pub megabytes: f32,
}

impl Meter {
    /// Now.
    pub fn start(site: &Site) -> Result<Self> {
        Ok(Self {
            main: site.main.cpu_time()?.as_secs_f32(),
            branch: site.branch.cpu_time()?.as_secs_f32(),
            bytes: site.net.bytes_from_main()?,
            moment: Instant::now(),
        })
    }

    /// What has been used up to now.
    pub fn used(&self, site: &Site) -> Result<Used> {
        let time = self.moment.elapsed().as_secs_f32();
        let now = Self::start(site)?;
        #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
        let megabytes = (now.bytes - self.bytes) as f32 / 1e6;
        Ok(Used { time, main: now.main - self.main, branch: now.branch - self.branch, megabytes })
    }
}

impl Add for Used {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            time: self.time + other.time,
            main: self.main + other.main,
            branch: self.branch + other.branch,
            megabytes: self.megabytes + other.megabytes,
        }
    }
}

impl Sub for Used {
    type Output = Self;

    /// Never less than nothing: the kernel counts processor time in hundredths of a second.
    fn sub(self, other: Self) -> Self {
        Self {
            time: self.time,
            main: (self.main - other.main).max(0.0),
            branch: (self.branch - other.branch).max(0.0),
            megabytes: (self.megabytes - other.megabytes).max(0.0),
        }
    }
}

impl Div<f32> for Used {
    type Output = Self;

    fn div(self, by: f32) -> Self {
        Self {
            time: self.time / by,
            main: self.main / by,
            branch: self.branch / by,
            megabytes: self.megabytes / by,
        }
    }
}
