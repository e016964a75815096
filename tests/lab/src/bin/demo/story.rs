//! The narration: what has happened so far, and when.

use std::time::Instant;

/// Told line by line, with a table at the end.
pub struct Story {
    start: Instant,
    mark: Instant,
    steps: Vec<(&'static str, f32)>,
}

impl Story {
    /// Begins now.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { start: now, mark: now, steps: Vec::new() }
    }

    /// Tells something.
    pub fn say(&self, text: &str) {
        println!("[{:6.1} s] {text}", self.start.elapsed().as_secs_f32());
    }

    /// Shows what a command of the branch's CLI says.
    pub fn show(&self, command: &str, answer: &str) {
        self.say(&format!("branch> {command}"));
        for line in answer.lines() {
            println!("           {line}");
        }
    }

    /// Tells what happens now; the next steps are timed from here.
    pub fn begin(&mut self, text: &str) {
        self.say(text);
        self.mark = Instant::now();
    }

    /// Tells that something is done, and how long after the beginning.
    pub fn step(&mut self, what: &'static str) {
        let after = self.mark.elapsed().as_secs_f32();
        self.steps.push((what, after));
        self.say(&format!("  {what} (after {after:.1} s)"));
    }

    /// All steps in order.
    pub fn table(&self) {
        const WIDTH: usize = 67;
        println!("\n{:<WIDTH$} {:>8}", "what", "after");
        println!("{:-<WIDTH$} {:->8}", "", "");
        for (what, after) in &self.steps {
            println!("{what:<WIDTH$} {after:>6.1} s");
        }
    }
}
