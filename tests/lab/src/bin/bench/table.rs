//! What was measured, as a table for docs/performance.md, and what others say of themselves.

use std::time::Duration;

use lab::death::Death;

/// One death of the main: the time from then to each of these.
#[derive(Clone, Copy)]
pub struct Round {
    /// The first DNS answer that names the branch.
    pub detection: Duration,
    /// The answer to a call of a phone that is registered nowhere and dials when the name has switched.
    pub dial_tone: Duration,
    /// Half of the phones registered at the branch.
    pub half: Duration,
    /// All of them.
    pub all: Duration,
}

/// Documented, or, of the original, read in its source and never run.
const OTHERS: &str = "\
| | notices the loss | takes the phones back |
| --- | --- | --- |
| synch 1.0b, the original | refused 10–15 s, silent 30–45 s; then up to the TTL, 150 s | after 25 s or more |
| Cisco SRST | keepalive 30 s × 3: up to 90 s; TCP retries 20–25 s, with a standby connection 10–20 s | after 120 s |
| Avaya Aura | the phone looks every 300 s; an INVITE that is unanswered for 4 s makes it look | after 3–15 min, usually 3 |
| Avaya IP Office | 3 min or more | after 10 min, idle phones only |
";

/// Prints both tables, in Markdown.
pub fn print<'a>(measured: impl Iterator<Item = (Death, &'a [Round])>) {
    println!("| the main's death | detection | dial tone | half of the phones | all phones |");
    println!("| --- | --- | --- | --- | --- |");
    for (death, rounds) in measured {
        let columns: [fn(&Round) -> Duration; 4] =
            [|round| round.detection, |round| round.dial_tone, |round| round.half, |round| round.all];
        let cells = columns.map(|column| spread(rounds.iter().map(column).collect()));
        println!("| {death} | {} |", cells.join(" | "));
    }
    println!("\nSeconds from the death: least / median / most.\n\n{OTHERS}");
}

/// `0.04 / 0.05 / 12.3`
fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let picked = [0, times.len() / 2, times.len().saturating_sub(1)].map(|at| times.get(at).copied());
    picked.map(|time| time.map_or_else(|| "-".to_owned(), seconds)).join(" / ")
}

fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f32();
    if seconds < 10.0 { format!("{seconds:.2}") } else { format!("{seconds:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_least_median_most() {
        let times = [12_400, 40, 2_500].map(Duration::from_millis);
        assert_eq!(spread(times.to_vec()), "0.04 / 2.50 / 12.4");
        assert_eq!(spread(vec![]), "- / - / -");
    }
}
