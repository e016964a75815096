//! What one branch's syncs cost, from a main that exports and from one whose files are read, in the same run.

use std::thread::sleep;
use std::time::Duration;

use lab::Result;
use lab::ami::Ami;
use lab::rootfs::lab_dir;

use crate::meter::Used;
use crate::run::{CHANGES, COMPANY, Case, Figures, SITE, figures};

/// Where FreePBX writes users: what a branch reads of a main whose files are read.
const THREE: &str = "pjsip.endpoint.conf,pjsip.aor.conf,pjsip.auth.conf";

/// A site may take 1 MB a second, and has taken more: its share is there again after that.
const SHARE: Duration = Duration::from_secs(10);

/// What it may take: so much, and so many octets a user.
const MEMORY_MIB: f64 = 5.0;
const MEMORY_PER_USER: f64 = 100.0;

/// Measures and prints.
pub fn tell() -> Result {
    println!("\n{COMPANY} users on the main, {SITE} of them at this site; Asterisk 22");
    println!("  files: GetConfig with 'write = system'; export: the module on the main, 'write = log'");
    let module = lab_dir().join("modules/res_synch-22.so");
    let case = Case { module: &module, listens: true, files: THREE, exports: false };
    let files = figures(&case)?;
    let export = figures(&Case { files: "", exports: true, ..case })?;
    println!("  {:<46} {:>12} {:>12} {:>14} {:>12}", "", "files", "export", "files/export", "target");
    used("first sync", files.first, export.first, ["3", "2", ""]);
    used("nothing changed, with the probes of that time", files.unchanged, export.unchanged, ["", "", ""]);
    let net = |figures: &Figures| figures.unchanged - figures.idle;
    used("nothing changed, the sync alone", net(&files), net(&export), ["10000", "1000", "20"]);
    used("one user of the site changed", files.changed, export.changed, ["100", "", ""]);
    let live = |figures: &Figures| figures.live.get(usize::from(CHANGES / 2)).copied().unwrap_or(f32::NAN);
    line("the same: live at the branch after, median", "s", live(&files), live(&export), "within 2 s");
    if let (Some(files), Some(export)) = (files.directory, export.directory) {
        used("the directory", files, export, ["", "", ""]);
    }
    if let Some(main) = &export.main {
        println!(
            "  the main's module: {:.2} s of a processor to read the files, once for all sites",
            main.parse
        );
        println!(
            "  a second site's first questions: {:.3} s of the main's processor, {} octets",
            main.second.seconds, main.second.octets
        );
        println!(
            "  memory of the main for it: {:.1} MiB while branches fetch, {:.1} MiB two minutes after (target: {:.1})",
            main.memory[0],
            main.memory[1],
            MEMORY_MIB + MEMORY_PER_USER * f64::from(COMPANY) / 1024.0 / 1024.0
        );
        println!("  nothing new, as asked by a client: {} octets", main.second.unchanged);
        println!("  sessions of the branch at the main: {}", main.sessions);
    }
    Ok(())
}

fn used(what: &str, files: Used, export: Used, [bytes, main, branch]: [&str; 3]) {
    println!("  {what}");
    line("received", "MB", files.megabytes, export.megabytes, bytes);
    line("CPU main", "s", files.main, export.main, main);
    line("CPU branch", "s", files.branch, export.branch, branch);
}

fn line(what: &str, unit: &str, files: f32, export: f32, target: &str) {
    let what = format!("{what}, {unit}");
    println!("    {what:<44} {files:>12.4} {export:>12.4} {:>14.1} {target:>12}", files / export);
}

/// What is asked of the main besides, by a client of the lab's own.
pub struct Second {
    /// Seconds of the main's processor.
    pub seconds: f32,
    /// What came.
    pub octets: usize,
    /// What comes where nothing is new.
    pub unchanged: usize,
}

/// The size of an answer as it was sent.
fn octets(answer: &lab::ami::Message) -> usize {
    answer.fields().iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() + 2
}

impl Second {
    /// Another site asks for all its users, and then whether there is anything new.
    pub fn ask(ami: &mut Ami, mut cpu: impl FnMut() -> Result<f32>) -> Result<Self> {
        let before = cpu()?;
        let manifest = ami.action("SynchExport", &[])?;
        let all = ami.action("SynchExport", &[("Users", "*")])?;
        let seconds = cpu()? - before;
        let digest = manifest.need("Digest")?;
        // Whoever has taken so much has to wait for more.
        sleep(SHARE);
        let unchanged = ami.action("SynchExport", &[("Digest", digest)])?;
        unchanged.need("Unchanged")?;
        Ok(Self { seconds, octets: octets(&manifest) + octets(&all), unchanged: octets(&unchanged) })
    }
}
