//! The text format 0.0.4: HELP and TYPE once, the series of a name together.

use std::fmt::Write;

/// Names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// What a series does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// It only grows, but for a new start.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// What was written so far.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// Writes all series of a name; nothing where there is none.
    pub(super) fn family(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing into a String can't fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    /// Writes a series without labels; nothing where its value is not known.
    pub(super) fn one(&mut self, name: &str, kind: Kind, help: &str, value: Option<u64>) {
        #[expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^53")]
        let value = value.map(|value| (Labels::new(), value as f64));
        self.family(name, kind, help, value);
    }

    /// Returns all of it.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// The value of a label, between its quotation marks.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            _ => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_can_not_end_its_label_or_line() {
        assert_eq!(escaped("a\"b\\c\nd} 1\nx 2"), "a\\\"b\\\\c\\nd} 1\\nx 2");
        let mut text = Text::default();
        text.family("x", Kind::Gauge, "h", [(vec![("l", "\"} 2\nx{l=\"".to_owned())], 1.0)]);
        assert_eq!(text.finish(), "# HELP x h\n# TYPE x gauge\nx{l=\"\\\"} 2\\nx{l=\\\"\"} 1\n");
    }

    #[test]
    fn what_has_no_series_has_no_line() {
        let mut text = Text::default();
        text.family("x", Kind::Counter, "h", []);
        text.one("y", Kind::Gauge, "h", None);
        assert_eq!(text.finish(), "");
    }

    #[test]
    fn numbers_are_written_as_they_are() {
        let mut text = Text::default();
        text.one("x", Kind::Gauge, "h", Some(1_764_457_200));
        text.family("y", Kind::Gauge, "h", [(Labels::new(), 0.003)]);
        let written = text.finish();
        assert!(written.contains("\nx 1764457200\n") && written.ends_with("\ny 0.003\n"), "{written}");
    }
}
