//! A module that was built for an older minor than the one that runs: it says so, and harms nothing.
//!
//! `tests/lab/older-headers` makes the headers; Asterisk writes into structures that it believes to be longer.

use lab::asterisk::module_file;
use lab::wait::GENEROUS;
use lab::{Asterisk, Result, Site, Version};

lab::on_22_and_16!(
    it_is_loaded_and_unloaded_again_and_again_without_harm,
    the_minor_that_it_was_built_for_is_told,
);

/// What a write beyond a structure breaks is seen at once: each block of memory is checked as it is freed, and filled with
/// something else than zeros.
const STRICT_MEMORY: [&str; 4] =
    ["env", "LD_PRELOAD=libc_malloc_debug.so.0", "MALLOC_CHECK_=3", "MALLOC_PERTURB_=165"];

/// Main and branch run; the module of the older minor and its documentation are in place.
fn ready(version: Version) -> Result<Site> {
    let mut site = Site::new(version)?;
    site.branch.install_module_from(&module_file(&format!("older-{version}")))?;
    site.branch.run_under(&STRICT_MEMORY.map(str::to_owned));
    site.start()?;
    Ok(site)
}

fn it_is_loaded_and_unloaded_again_and_again_without_harm(version: Version) -> Result {
    const CYCLES: usize = 30;
    let site = ready(version)?;
    let branch: &Asterisk = &site.branch;
    for _ in 0..CYCLES {
        branch.load_module()?;
        // Commands, functions, times: all that has room.
        assert!(branch.rx("synch show status")?.contains("Monitor"));
        assert!(branch.rx("core show function SYNCH")?.contains("Synopsis"));
        assert!(branch.rx("core show functions like SYNCH")?.contains("SYNCH_USER"));
        assert!(branch.rx("core show help synch")?.contains("synch show status"));
        branch.unload_module()?;
    }
    branch.load_module()?;
    site.wait_status("Sync", "Synced")?;
    site.wait_status("Service", "Normal")?;
    branch.unload_module()
}

fn the_minor_that_it_was_built_for_is_told(version: Version) -> Result {
    let site = ready(version)?;
    let told = || {
        let notices = site.branch.module_log("NOTICE");
        notices.into_iter().filter(|line| line.contains("was built for Asterisk")).collect::<Vec<_>>()
    };
    site.branch.load_module()?;
    let built = format!("res_synch.so was built for Asterisk {version}.1.0 and runs in {version}.");
    site.branch.wait_log(&built, GENEROUS)?;
    assert_eq!(told().len(), 1);
    Ok(())
}
