//! How long after the main's death the phones' name points to the branch.

use std::time::Instant;

use lab::dns::a_record;
use lab::site::NAME;
use lab::wait::{GENEROUS, until};
use lab::{Result, Site, Version};

const ROUNDS: usize = 3;

/// From the main's death to the first DNS answer that names the branch, with the default settings of [probe].
pub fn tell() -> Result {
    const INTERVAL: f32 = 5.0;
    println!("Death of the main to DNS switch, default settings (a probe every {INTERVAL} s)");
    let mut site = Site::with_module(Version::V22)?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    let short = "interval = 1\ntimeout = 1\nfailure_tolerance = 2\nalive_threshold = 2\n";
    site.branch.write_conf("res_synch.conf", &conf.replace(short, ""))?;
    site.start()?;
    for (how, cut) in
        [("kill -9", Site::kill_main as fn(&mut Site) -> Result), ("black hole", Site::lose_wan)]
    {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            site.wait_status("Service", "Normal")?;
            let start = Instant::now();
            cut(&mut site)?;
            the_name_is_the_branch(&site)?;
            times.push(start.elapsed().as_secs_f32());
            site.heal()?;
        }
        times.sort_by(f32::total_cmp);
        let [least, median, most] =
            [0, times.len() / 2, times.len() - 1].map(|at| times.get(at).copied().unwrap_or(0.0));
        println!(
            "  {how:<11} {least:5.1} {median:5.1} {most:5.1} s (least, median, most); median = {:.1} probe intervals",
            median / INTERVAL
        );
    }
    Ok(())
}

fn the_name_is_the_branch(site: &Site) -> Result {
    let (server, wanted) = (site.branch.address(), site.branch.address());
    until("the switch", GENEROUS, || a_record(server, NAME).is_ok_and(|found| found == wanted))
}
