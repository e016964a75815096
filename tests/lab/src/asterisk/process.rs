//! An Asterisk's process, from outside: signals, and what /proc says.

use std::fs;
use std::process::ExitStatus;
use std::time::Duration;

use super::Asterisk;
use crate::command::{run, words};
use crate::error::{Context, Error, Result};
use crate::wait::{GENEROUS, until};

/// What a process uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// Threads.
    pub threads: usize,
    /// Open descriptors.
    pub descriptors: usize,
    /// Heap and stacks in RAM, in KiB: pages of files come and go with what else the machine does.
    pub anonymous_kib: u64,
}

impl Vitals {
    /// What the process of that number uses now.
    pub fn of(pid: u32) -> Result<Self> {
        let status = proc(pid, "status")?;
        let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib =
            anonymous.and_then(|text| text.split_whitespace().next()).and_then(|number| number.parse().ok());
        Ok(Self {
            threads: entries(pid, "task")?.len(),
            descriptors: entries(pid, "fd")?.len(),
            anonymous_kib: kib.context("/proc says nothing about RssAnon")?,
        })
    }
}

/// User and system time of one line of `/proc/PID/stat`.
pub fn cpu_time(stat: &str) -> Result<Duration> {
    /// What the kernel counts in there, whatever it counts in inside.
    const TICKS_PER_SECOND: u64 = 100;
    // The second field is the name in brackets, which may hold blanks; utime and stime are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks = ticks.sum::<std::result::Result<u64, _>>().context("reading the times in /proc/PID/stat")?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

impl Asterisk {
    /// Whether its process lives.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.as_mut().map(std::process::Child::try_wait), Some(Ok(None)))
    }

    /// Its process, until it has been waited for.
    pub fn pid(&self) -> Result<u32> {
        self.child
            .as_ref()
            .map(std::process::Child::id)
            .context(format!("{} was not started", self.role.name()))
    }

    /// Ends it as an administrator does, by `core stop now`.
    pub fn stop(&mut self) -> Result {
        self.rx("core stop now")?;
        self.wait_ended()
    }

    /// Waits until it has ended by itself.
    pub fn wait_ended(&mut self) -> Result {
        self.exit_status().map(drop)
    }

    /// Waits until it has ended by itself, and says how.
    pub fn exit_status(&mut self) -> Result<ExitStatus> {
        let what = format!("{} to end", self.role.name());
        until(&what, GENEROUS, || !self.is_running())?;
        let mut child = self.child.take().context(format!("{what}: it was not started"))?;
        child.wait().context(what)
    }

    /// Ends it by SIGTERM, as a service manager does.
    pub fn terminate(&mut self) -> Result {
        self.signal("TERM")?;
        self.wait_ended()
    }

    /// Kills it, as a crash or a power cut would.
    pub fn kill_9(&mut self) -> Result {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().context("killing Asterisk")?;
        child.wait().context("waiting for Asterisk's end").map(drop)
    }

    /// Halts it: its sockets stay open, and nobody answers.
    pub fn sigstop(&self) -> Result {
        self.signal("STOP")
    }

    /// Lets it go on.
    pub fn sigcont(&self) -> Result {
        self.signal("CONT")
    }

    /// What it uses now.
    pub fn vitals(&self) -> Result<Vitals> {
        Vitals::of(self.pid()?)
    }

    /// The most memory in RAM it has had since the last look, in KiB.
    pub fn peak_kib(&self) -> Result<u64> {
        let status = self.proc("status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|text| text.split_whitespace().next()).and_then(|number| number.parse().ok());
        // "5" sets it to what is used now: proc(5).
        let reset = format!("/proc/{}/clear_refs", self.pid()?);
        fs::write(&reset, "5").context(reset)?;
        kib.context("/proc says nothing about VmHWM")
    }

    /// Processor time it has used so far, in all threads, to a hundredth of a second.
    pub fn cpu_time(&self) -> Result<Duration> {
        cpu_time(&self.proc("stat")?)
    }

    /// Lets it have no more than that of a resource (`nofile`, `as`, ... of prlimit(1)), or as much as at its start again.
    pub fn limit(&self, resource: &str, most: Option<u64>) -> Result {
        let limits = self.proc("limits")?;
        let name = match resource {
            "nofile" => "Max open files",
            "as" => "Max address space",
            other => return Err(Error::new(format!("no limit '{other}' is known here"))),
        };
        let line = limits.lines().find_map(|line| line.strip_prefix(name));
        let hard = line.and_then(|line| line.split_whitespace().nth(1)).context(name)?;
        // The hard limit stays: that is how it is lifted again.
        let soft = most.map_or_else(|| hard.to_owned(), |most| most.to_string());
        let limit = format!("--{resource}={soft}:{hard}");
        run(&mut words(&["prlimit", "--pid", &self.pid()?.to_string(), &limit])).map(drop)
    }

    /// Its address space, in bytes.
    pub fn address_space(&self) -> Result<u64> {
        let status = self.proc("status")?;
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
        let kib: Option<u64> = size.and_then(|text| text.split_whitespace().next()?.parse().ok());
        Ok(kib.context("/proc says nothing about VmSize")? * 1024)
    }

    /// The names of its threads, in order.
    pub fn thread_names(&self) -> Result<Vec<String>> {
        let tasks = entries(self.pid()?, "task")?;
        // A thread may end while we look.
        let names = tasks.iter().filter_map(|task| self.proc(&format!("task/{task}/comm")).ok());
        let mut names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) -> Result {
        run(&mut words(&["kill", &format!("-{name}"), &self.pid()?.to_string()])).map(drop)
    }

    fn proc(&self, file: &str) -> Result<String> {
        proc(self.pid()?, file)
    }
}

fn proc(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).context(format!("reading {path}"))
}

fn entries(pid: u32, dir: &str) -> Result<Vec<String>> {
    let path = format!("/proc/{pid}/{dir}");
    let entries = fs::read_dir(&path).map_err(|error| Error::new(format!("reading {path}: {error}")))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}
