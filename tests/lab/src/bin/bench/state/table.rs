//! What was measured, as a table for docs/performance.md, and how it stands to what was set beforehand.

use super::changes::Costs;
use super::company::Means;
use super::loss::Losses;

/// All figures of one way to share.
pub struct Figures {
    /// Of changes.
    pub costs: Costs,
    /// Of newcomers and who goes.
    pub losses: Option<Losses>,
}

/// A figure of one way; `None` where it has none.
type Cell = fn(&Figures) -> Option<String>;

/// What a row is called, what it shows, and what was set beforehand for `[state]`.
const ROWS: [(&str, Cell, &str); 16] = [
    ("a change until the hint shows it, median / p99, ms", latency, "1.2 / 15"),
    (
        "processors of both for 1,000 changes, AMI at both included, s",
        |of| Some(format!("{:.2}", of.costs.cpu)),
        "1.2",
    ),
    ("the same without AMI at the taker, s", |of| Some(format!("{:.2}", of.costs.unwatched)), ""),
    ("on the wire at the taker for a change, octets", |of| wire(of, 0), "200; TLS 240"),
    ("the same, packets", |of| wire(of, 1), ""),
    ("a burst of 1,000: made by AMI after, s", |of| burst(of, 0), ""),
    ("a burst of 1,000: all hints show it after, s", |of| burst(of, 1), "0.25"),
    ("a burst of 1,000: processors of both, s", |of| burst(of, 2), ""),
    ("idle: on the wire at the taker, MB a day", |of| idle(of, 0, 24.0 / 1000.0), "0.5"),
    ("idle: processors of both, s an hour", |of| idle(of, 1, 1.0), "not measurable"),
    ("a newcomer's Asterisk is up / shows 1,000 devices after, s", newcomer, ""),
    ("a newcomer whose module is loaded shows 1,000 devices after, s", |of| one(of, |of| of.loaded), "0.7"),
    ("who leaves: 1,000 lamps dark after, s", |of| one(of, |of| of.left), "0.5"),
    ("who is back: 1,000 lamps lit after, s", |of| one(of, |of| of.back), ""),
    ("killed: the first / the last of 1,000 lamps dark after, s", |of| two(of, |of| of.killed), "10.5"),
    ("line cut: the first / the last of 1,000 lamps dark after, s", |of| two(of, |of| of.cut), "33.5"),
];

/// Prints it, in Markdown.
pub fn print(measured: &[(Means, Figures)]) {
    let heads: Vec<String> = measured.iter().map(|(means, _)| means.to_string()).collect();
    println!("\n| | {} | target |", heads.join(" | "));
    println!("| --- |{} --- |", " --- |".repeat(heads.len()));
    for (name, cell, target) in ROWS {
        let cells: Vec<String> =
            measured.iter().map(|(_, figures)| cell(figures).unwrap_or_default()).collect();
        println!("| {name} | {} | {target} |", cells.join(" | "));
    }
}

fn latency(of: &Figures) -> Option<String> {
    of.costs.latency.map(|[median, p99]| format!("{median:.2} / {p99:.1}"))
}

fn wire(of: &Figures, kind: usize) -> Option<String> {
    of.costs.latency?;
    of.costs
        .wire
        .get(kind)
        .map(|figure| if kind == 0 { format!("{figure:.0}") } else { format!("{figure:.1}") })
}

fn burst(of: &Figures, place: usize) -> Option<String> {
    of.costs.burst?.get(place).map(|figure| format!("{figure:.2}"))
}

fn idle(of: &Figures, place: usize, factor: f64) -> Option<String> {
    of.costs.idle.get(place).map(|figure| format!("{:.2}", figure * factor))
}

fn newcomer(of: &Figures) -> Option<String> {
    of.losses.as_ref().map(|of| of.newcomer).map(|[up, known]| format!("{up:.2} / {known:.2}"))
}

fn one(of: &Figures, figure: fn(&Losses) -> Option<f64>) -> Option<String> {
    figure(of.losses.as_ref()?).map(|figure| format!("{figure:.2}"))
}

fn two(of: &Figures, figures: fn(&Losses) -> Option<[f64; 2]>) -> Option<String> {
    Some(match figures(of.losses.as_ref()?) {
        Some([first, last]) => format!("{first:.2} / {last:.2}"),
        None => "not within 60".to_owned(),
    })
}
