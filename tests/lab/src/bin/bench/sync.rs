//! What a sync costs, against the module as it was before it asked for no more than its own users.
//!
//! "Before" is that very module, built from the history of this repository and measured by the same code in the same
//! run, on the same company. It did less: it knew no mailboxes, no directory and made no dialplan.

use lab::Result;
use lab::rootfs::lab_dir;

use crate::meter::Used;
use crate::run::{CHANGES, COMPANY, Case, Figures, SITE, SYNCS, figures};

/// The module of then.
const BEFORE: &str = "res_synch-at-df05f3b116c6.so";
/// Where FreePBX writes users.
const THREE: &str = "pjsip.endpoint.conf,pjsip.aor.conf,pjsip.auth.conf";
/// What today's figures must be within; they were set before anything was measured.
const FIRST: f32 = 3.0;
const CHANGED: f32 = 2.0;
const UNCHANGED: f32 = 0.05;

/// Measures and prints.
pub fn tell() -> Result {
    println!("\n{COMPANY} users on the main, {SITE} of them at this site; one machine, Asterisk 22");
    let modules = lab_dir().join("modules");
    let now = modules.join("res_synch-22.so");
    let case = Case { module: &now, listens: true, files: "", exports: false };
    let now = figures(&case)?;
    let before = modules.join(BEFORE);
    let then = Case { module: &before, listens: false, ..case };
    let before = if before.exists() { Some(figures(&then)?) } else { None };
    let table = Table { before: before.as_ref(), now: &now };
    table.print();
    notes(before.as_ref(), &now);
    Ok(())
}

/// What it costs to read pjsip.conf with its includes, against FreePBX's three files alone, which lack what an administrator
/// has written besides. Measures and prints.
pub fn tell_files() -> Result {
    println!("\n{COMPANY} users on the main; before: {THREE}; now: pjsip.conf, with its includes");
    let module = lab_dir().join("modules/res_synch-22.so");
    let case = Case { module: &module, listens: true, files: THREE, exports: false };
    let (three, whole) = (figures(&case)?, figures(&Case { files: "", ..case })?);
    Table { before: Some(&three), now: &whole }.print();
    for (what, directory) in [("before", three.directory), ("now", whole.directory)] {
        if let Some(Used { time, main, megabytes, .. }) = directory {
            println!("  the directory, {what}: {time:.1} s, {megabytes:.1} MB, CPU main {main:.2} s");
        }
    }
    Ok(())
}

struct Table<'a> {
    before: Option<&'a Figures>,
    now: &'a Figures,
}

impl Table<'_> {
    fn print(&self) {
        println!("  {:<48} {:>10} {:>10} {:>12}", "", "before", "now", "before/now");
        self.group("first sync", |figures| figures.first);
        println!("  one due sync, nothing changed (of {SYNCS})");
        self.costs(|figures| figures.unchanged);
        println!("  one changed user (of {CHANGES})");
        for (what, at) in [("least", 0), ("median", CHANGES / 2), ("most", CHANGES - 1)] {
            self.line(&format!("time to live, {what}"), "s", |figures| {
                figures.live.get(usize::from(at)).copied().unwrap_or(f32::NAN)
            });
        }
        self.costs(|figures| figures.changed);
        println!("  memory of the branch's Asterisk");
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let mib = |mib: u64| mib as f32;
        self.line("no module, same files: started", "MiB", |figures| mib(figures.without[0]));
        self.line("the same, after 5 reloads", "MiB", |figures| mib(figures.without[1]));
        self.line("after the first sync", "MiB", |figures| mib(figures.memory[0]));
        self.line("after all that and 5 syncs more", "MiB", |figures| mib(figures.memory[1]));
    }

    fn group(&self, what: &str, used: impl Fn(&Figures) -> Used + Copy) {
        println!("  {what}");
        self.line("time to Synced", "s", |figures| used(figures).time);
        self.costs(used);
    }

    fn costs(&self, used: impl Fn(&Figures) -> Used + Copy) {
        self.line("received", "MB", |figures| used(figures).megabytes);
        self.line("CPU main", "s", |figures| used(figures).main);
        self.line("CPU branch", "s", |figures| used(figures).branch);
    }

    fn line(&self, what: &str, unit: &str, value: impl Fn(&Figures) -> f32) {
        let now = value(self.now);
        let (before, ratio) = match self.before.map(value) {
            None => ("-".to_owned(), "-".to_owned()),
            Some(before) => (format!("{before:.3}"), format!("{:.1}", before / now)),
        };
        println!("    {:<46} {before:>10} {now:>10.3} {ratio:>12}", format!("{what}, {unit}"));
    }
}

fn notes(before: Option<&Figures>, now: &Figures) {
    if let Some(Used { time, main, branch, megabytes }) = now.directory {
        println!(
            "  now, once a day and after the first sync, the directory: {time:.1} s, {megabytes:.1} MB, CPU main {main:.2} s, \
             branch {branch:.2} s"
        );
    }
    if before.is_some() {
        println!(
            "  before, a change was live after the next due sync, up to 300 s later: here it was told to sync at once"
        );
    }
    let median = now.live.get(now.live.len() / 2).copied().unwrap_or(f32::NAN);
    for (what, value, limit) in [
        ("first sync", now.first.time, FIRST),
        ("changed user live", median, CHANGED),
        ("nothing changed, CPU branch", now.unchanged.branch, UNCHANGED),
    ] {
        let verdict = if value <= limit { "met" } else { "MISSED" };
        println!("  target: {what} within {limit} s: {verdict} ({value:.3} s)");
    }
    println!("  nothing changed: nothing was written or reloaded");
}
