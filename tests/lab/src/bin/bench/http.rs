//! What a scrape of the metrics costs: its size, how long it takes, and Asterisk's processor for ten a second.

use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::http::Client;
use lab::{Context, Error, Result, Site, Version};

use crate::meter::Meter;

const SECTION: &str = "\n[http]\nenabled = yes\nusername = monitor\nsecret = page-secret\n";
const LOGIN: (&str, &str) = ("monitor", "page-secret");
/// Scrapes one after the other, to be timed.
const SCRAPES: usize = 1000;
/// Ten a second for so long.
const PER_SECOND: u32 = 10;
const SECONDS: u32 = 60;

/// Measures and prints.
pub fn tell() -> Result {
    println!("\nA scrape, and the page: one branch with 3 users in normal service");
    for version in [Version::V22, Version::V16] {
        let mut site = Site::with_module(version)?;
        let conf = "[general]\nenabled = yes\nbindaddr = 0.0.0.0\n";
        site.branch.write_conf("http.conf", conf)?;
        let conf = site.branch.read_conf("res_synch.conf")?;
        site.branch.write_conf("res_synch.conf", &(conf + SECTION))?;
        site.serve()?;
        for path in ["/synch/metrics", "/synch/", "/synch/status.json"] {
            tell_one(&site, version, path)?;
        }
        let idle = ten_a_second(&site, false)?;
        let asked = ten_a_second(&site, true)?;
        println!(
            "  Asterisk {version}: {PER_SECOND} scrapes a second take {:.2} % of a processor (without them it is {:.2} %)",
            asked - idle,
            idle
        );
    }
    Ok(())
}

fn tell_one(site: &Site, version: Version, path: &str) -> Result {
    let mut client = Client::connect(site.branch.address())?;
    let mut took = Vec::with_capacity(SCRAPES);
    let (mut octets, mut series) = (0, 0);
    for _ in 0..SCRAPES {
        let begun = Instant::now();
        let answer = client.ask("GET", path, Some(LOGIN))?;
        took.push(begun.elapsed());
        if answer.code != 200 {
            return Err(Error::new(format!("{answer:?}")));
        }
        octets = answer.body.len();
        series = answer.body.lines().filter(|line| line.starts_with("synch_")).count();
    }
    took.sort_unstable();
    let at = |share: usize| took.get((SCRAPES - 1) * share / 100).copied().context("no scrape");
    let milliseconds = |took: Duration| took.as_secs_f64() * 1000.0;
    let of = if series > 0 { format!(", {series} series") } else { String::new() };
    println!(
        "  Asterisk {version}: {path}: {octets} octets{of}; median {:.2} ms, 99 of 100 within {:.2} ms",
        milliseconds(at(50)?),
        milliseconds(at(99)?)
    );
    Ok(())
}

/// Percent of a processor that the branch's Asterisk takes, with ten scrapes a second or without.
fn ten_a_second(site: &Site, asks: bool) -> Result<f32> {
    let mut client = Client::connect(site.branch.address())?;
    let (start, meter) = (Instant::now(), Meter::start(site)?);
    for scrape in 0..PER_SECOND * SECONDS {
        if asks {
            client.ask("GET", "/synch/metrics", Some(LOGIN))?;
        }
        let due = start + Duration::from_secs(1) * (scrape + 1) / PER_SECOND;
        sleep(due.saturating_duration_since(Instant::now()));
    }
    let used = meter.used(site)?;
    Ok(used.branch / used.time * 100.0)
}
