//! Whoever asks for a drill or for the doctor gets an answer, whatever happens meanwhile.

use super::*;
use crate::{drill::Stage, state::DrillResult};

/// A branch that has nothing but a main that nobody is.
fn without(sections: &[&'static str]) -> Settings {
    let main = [("host", "127.0.0.1"), ("port", "9"), ("username", "u"), ("secret", "s")];
    let mut all = vec![ConfSection::new("main", main)];
    all.extend(sections.iter().map(|name| ConfSection::new(*name, [("enabled", "no")])));
    settings::read(&all).unwrap()
}

#[test]
fn a_drill_without_dns_tells_that_nothing_was_registered() {
    let site = Site::start(&Arc::default(), without(&["sync", "dns"]));
    let report = site.control.drill().unwrap();
    let skipped = |Stage { name, outcome, .. }: &Stage| {
        (name.clone(), outcome.result(), outcome.text().contains("[dns] enabled = no"))
    };
    let stages: Vec<_> = report.0.iter().take(2).map(skipped).collect();
    let wanted = ["dns", "register"].map(|name| (name.to_owned(), DrillResult::Skipped, true));
    assert_eq!(stages, wanted, "{report:?}");
}
