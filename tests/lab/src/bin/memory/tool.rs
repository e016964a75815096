//! The two that look for errors of memory, and what each needs.

use std::fs;
use std::path::PathBuf;

use lab::asterisk::Asterisk;
use lab::error::{Context, Error};
use lab::rootfs::{rootfs, valgrind_rootfs};
use lab::{Result, Version};

use crate::memcheck::{self, Found};

/// Where valgrind writes what it found, in the branch's folder.
const MEMCHECK_REPORT: &str = "log/memcheck.xml";
/// What a report of `AddressSanitizer` begins with; the process' number is added.
const SANITIZER_REPORT: &str = "asan";
/// The runtime of GCC, which Debian's `asterisk-dev` brings along: it answers what Rust's compiler asks for, too, as both
/// have it from LLVM.
const SANITIZER_RUNTIME: &str = "/usr/lib/x86_64-linux-gnu/libasan.so.8";

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// valgrind's memcheck: all code, some twenty times slower; finds lost memory.
    Memcheck,
    /// `AddressSanitizer` in the code of ours, and around every allocation of the process.
    Sanitizer,
}

impl Tool {
    /// The module's file among those of the lab.
    pub fn module(self) -> &'static str {
        match self {
            Self::Memcheck => "modules/res_synch-valgrind.so",
            Self::Sanitizer => "modules/res_synch-asan.so",
        }
    }

    /// A root file system with Asterisk 22 and what is needed besides.
    pub fn root(self) -> Result<PathBuf> {
        match self {
            Self::Memcheck => valgrind_rootfs(),
            Self::Sanitizer => rootfs(Version::V22),
        }
    }

    /// Has that branch run under it.
    pub fn watch(self, branch: &mut Asterisk) {
        let own = |option: &str, file: &str| format!("{option}={}", branch.inside(file));
        let command = match self {
            Self::Memcheck => vec![
                "/usr/bin/valgrind".to_owned(),
                "--leak-check=full".to_owned(),
                "--show-leak-kinds=definite,indirect".to_owned(),
                // From our innermost function to the thread's first one.
                "--num-callers=50".to_owned(),
                // Else a thread that only computes keeps all others waiting.
                "--fair-sched=yes".to_owned(),
                // Other modules are unloaded, too.
                "--keep-debuginfo=yes".to_owned(),
                "--xml=yes".to_owned(),
                own("--xml-file", MEMCHECK_REPORT),
            ],
            // What is lost is memcheck's to find: there, each loss has its stack, and Asterisk's own are told apart.
            Self::Sanitizer => vec![
                "/usr/bin/env".to_owned(),
                format!("LD_PRELOAD={SANITIZER_RUNTIME}"),
                format!(
                    "ASAN_OPTIONS=detect_leaks=0:{}",
                    own("log_path", &format!("log/{SANITIZER_REPORT}"))
                ),
            ],
        };
        branch.run_under(&command);
    }

    /// What it found in that branch, which has ended: all that has our module in its stack.
    pub fn found(self, branch: &Asterisk) -> Result<Vec<String>> {
        match self {
            Self::Memcheck => {
                let report = branch.path(MEMCHECK_REPORT);
                let report = fs::read_to_string(&report).context(format!("reading {}", report.display()))?;
                let found = memcheck::read(&report);
                let found = found.context("memcheck's report is cut off: Asterisk was killed, or crashed")?;
                let (ours, others): (Vec<_>, Vec<_>) = found.iter().partition(|found| found.is_ours());
                println!("with our module in the stack: {}\nothers': {}", count(&ours), count(&others));
                Ok(ours.iter().map(ToString::to_string).collect())
            }
            Self::Sanitizer => {
                let log = branch.path("log");
                let entries = fs::read_dir(&log).context(format!("reading {}", log.display()))?;
                let reports = entries.flatten().filter(|entry| {
                    entry.file_name().to_string_lossy().starts_with(&format!("{SANITIZER_REPORT}."))
                });
                reports
                    .map(|report| fs::read_to_string(report.path()).context(report.path().display()))
                    .collect()
            }
        }
    }
}

impl std::str::FromStr for Tool {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "valgrind" => Ok(Self::Memcheck),
            "asan" => Ok(Self::Sanitizer),
            other => Err(Error::new(format!("'{other}' is not known here, but valgrind and asan are"))),
        }
    }
}

fn count(found: &[&Found]) -> String {
    let leaks = found.iter().filter(|found| found.kind.starts_with("Leak_")).count();
    let bytes: u64 = found.iter().map(|found| found.bytes).sum();
    format!("{} errors, {leaks} leaks of {bytes} bytes", found.len() - leaks)
}
