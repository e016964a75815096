//! dnsperf, and what it says.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use lab::command::run;
use lab::error::Context;
use lab::{Result, Site};

use super::{Contender, family, used};

/// Seconds of one measurement.
const SECONDS: &str = "5";

/// Seconds of the load under which the CLI is asked: longer than that takes.
const LONG: &str = "60";

/// Questions per second of the load under which times are taken.
const FIXED: &str = "10000";

/// Names outside the zone.
const FOREIGN: usize = 1000;

/// Where dnsperf runs; the servers run on [`SERVER_CORE`].
const CLIENT_CORE: &str = "1";

/// Where a server runs while it is measured.
const SERVER_CORE: &str = "0";

/// Asks.
pub struct Load<'a> {
    site: &'a Site,
    root: PathBuf,
}

/// What was measured of one server.
#[derive(Clone, Copy)]
pub struct Figures {
    /// Answers per second under full load.
    pub rate: f64,
    /// Microseconds of processor time per answer, under the same load.
    pub cpu: f64,
    /// Microseconds to the answer for half of the questions at the fixed load.
    pub median: f64,
    /// The same for 99 of 100.
    pub p99: f64,
}

impl Figures {
    /// Keeps the better one of each.
    pub fn take_better(&mut self, other: &Figures) {
        self.rate = self.rate.max(other.rate);
        self.cpu = self.cpu.min(other.cpu);
        self.median = self.median.min(other.median);
        self.p99 = self.p99.min(other.p99);
    }
}

/// A load that goes on until it is ended.
pub struct Running(Child);

impl Running {
    /// Ends it.
    pub fn end(mut self) -> Result {
        self.0.kill().context("ending dnsperf")?;
        self.0.wait().context("waiting for dnsperf").map(drop)
    }
}

impl<'a> Load<'a> {
    /// Writes the questions.
    pub fn new(site: &'a Site, root: &Path) -> Result<Self> {
        let load = Self { site, root: root.to_owned() };
        let mut foreign = String::new();
        for number in 0..FOREIGN {
            let _ = writeln!(foreign, "host{number}.example.org A");
        }
        for (file, text) in [(load.own(), format!("{} A\n", lab::site::NAME)), (load.foreign(), foreign)] {
            fs::write(load.root.join(file), text).context(file)?;
        }
        Ok(load)
    }

    /// The file with the phones' name.
    pub fn own(&self) -> &'static str {
        "lab-own"
    }

    /// The file with names outside the zone.
    pub fn foreign(&self) -> &'static str {
        "lab-foreign"
    }

    /// Measures one server with these questions.
    pub fn measure(&self, server: &Contender, questions: &str) -> Result<Figures> {
        for pid in family(server.pid) {
            run(&mut lab::command::words(&["taskset", "-a", "-p", "-c", SERVER_CORE, &pid.to_string()]))?;
        }
        // Once before it counts: caches are filled, and sockets known.
        self.dnsperf(server.port, questions, &["-n", "3"])?;
        let before = used(server.pid)?;
        let said = self.dnsperf(server.port, questions, &["-l", SECONDS, "-q", "128"])?;
        let used = used(server.pid)? - before;
        let (rate, completed) = (number(&said, "Queries per second:")?, number(&said, "Queries completed:")?);
        let times = self.dnsperf(server.port, questions, &["-l", SECONDS, "-Q", FIXED, "-v"])?;
        let mut times: Vec<f64> = times.lines().filter_map(time).collect();
        times.sort_by(f64::total_cmp);
        let at = |hundredth: usize| times.get(times.len() * hundredth / 100).copied().context("no times");
        Ok(Figures { rate, cpu: used.as_secs_f64() * 1e6 / completed, median: at(50)?, p99: at(99)? })
    }

    /// Puts a server under full load with the phones' name.
    pub fn start_full(&self, port: u16) -> Result<Running> {
        let mut command = self.command(port, self.own(), &["-l", LONG, "-q", "128"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        child.context("starting dnsperf").map(Running)
    }

    fn dnsperf(&self, port: u16, questions: &str, more: &[&str]) -> Result<String> {
        run(&mut self.command(port, questions, more))
    }

    fn command(&self, port: u16, questions: &str, more: &[&str]) -> Command {
        let (server, port, root) =
            (self.site.branch.address().to_string(), port.to_string(), self.root.display().to_string());
        let questions = format!("/{questions}");
        let mut command = self.site.branch.host().command(&["taskset", "-c", CLIENT_CORE, "chroot", &root]);
        command
            .args(["dnsperf", "-s", &server, "-p", &port, "-d", &questions, "-c", "8", "-T", "1"])
            .args(more);
        command
    }
}

/// The number behind a label of dnsperf's report.
fn number(report: &str, label: &str) -> Result<f64> {
    let line = report.lines().find_map(|line| line.trim().strip_prefix(label));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).context(format!("dnsperf says no {label} {report}"))
}

/// The time of one answer, in microseconds: `> NOERROR sip.voice.example.com A 0.000123`.
fn time(line: &str) -> Option<f64> {
    let seconds: f64 = line.strip_prefix("> ")?.rsplit(' ').next()?.parse().ok()?;
    Some(seconds * 1e6)
}
