//! States shared between two systems: over a broker, beside Asterisk's own `res_pjsip_publish_asterisk` in the same run; then a
//! company of a thousand sites.
//!
//! - `company`: the two systems, and how they share
//! - `lamps`: what the hints of one show, and when
//! - `changes`: what a change costs, and how soon it shows
//! - `loss`: newcomers, and who goes in which way
//! - `crowd`: a thousand sites, and fifty thousand devices
//! - `sites`: the simulated ones, as a program of its own
//! - `table`: what is printed

mod changes;
mod company;
mod crowd;
mod lamps;
mod loss;
pub mod sites;
mod table;

use lab::Result;

use self::company::{Company, Means};
use self::table::Figures;

/// Measures and prints: both parts, or the one that a second word names.
pub fn tell() -> Result {
    match std::env::args().nth(2).as_deref() {
        Some("pair") => pair(),
        Some("crowd") => crowd::tell(),
        _ => pair().and_then(|()| crowd::tell()),
    }
}

fn pair() -> Result {
    println!("States: berlin says, bonn shows; both Asterisk 22, {} hints each", company::LAMPS);
    let mut measured = Vec::new();
    for means in Means::ALL {
        println!("  (measuring {means})");
        measured.push((means, figures(means)?));
    }
    table::print(&measured);
    Ok(())
}

fn figures(means: Means) -> Result<Figures> {
    let mut company = Company::open(means)?;
    let costs = changes::costs(&company)?;
    let losses = match means {
        Means::Publish | Means::Synch => Some(loss::losses(&mut company)?),
        Means::Nothing | Means::SynchTls => None,
    };
    Ok(Figures { costs, losses })
}
