//! What of a configuration file is asked for. Pure.

use super::action::LINE_LIMIT;

/// One GetConfig: a file of the main, all of it or what a filter or a name leaves of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Name below the main's configuration folder.
    pub file: String,
    /// Only sections of that name; upper and lower case are the same to the main.
    pub category: Option<String>,
    /// Only sections with variables like these: `name="value"`, both extended regular expressions of POSIX.
    pub filter: Option<String>,
}

impl Query {
    /// The whole file.
    #[must_use]
    pub fn whole(file: impl Into<String>) -> Self {
        Self { file: file.into(), category: None, filter: None }
    }

    /// What the main's own filter leaves of the file.
    #[must_use]
    pub fn filtered(file: impl Into<String>, filter: impl Into<String>) -> Self {
        Self { filter: Some(filter.into()), ..Self::whole(file) }
    }

    /// The sections of one name.
    #[must_use]
    pub fn named(file: impl Into<String>, category: impl Into<String>) -> Self {
        Self { category: Some(category.into()), ..Self::whole(file) }
    }

    /// The same, and only what the main's own filter leaves.
    #[must_use]
    pub fn and_filter(self, filter: impl Into<String>) -> Self {
        Self { filter: Some(filter.into()), ..self }
    }

    /// Whether it asks for all of the file: then an answer without a section is no answer.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.category.is_none() && self.filter.is_none()
    }

    /// Whether every line of the request is short enough for the main's reader.
    #[must_use]
    pub fn fits(&self) -> bool {
        let fits = |name: &str, value: &str| name.len() + ": ".len() + value.len() <= LINE_LIMIT;
        fits("Filename", &self.file)
            && self.category.as_deref().is_none_or(|category| fits("Category", category))
            && self.filter.as_deref().is_none_or(|filter| fits("Filter", filter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_fits_to_the_byte() {
        let room = LINE_LIMIT - "Filter: ".len();
        assert!(Query::filtered("a.conf", "x".repeat(room)).fits());
        assert!(!Query::filtered("a.conf", "x".repeat(room + 1)).fits());
        assert!(!Query::named("a.conf", "x".repeat(LINE_LIMIT)).fits());
    }

    #[test]
    fn only_a_query_without_conditions_is_whole() {
        assert!(Query::whole("a.conf").is_whole());
        assert!(!Query::named("a.conf", "1001").is_whole());
        assert!(!Query::filtered("a.conf", "type=aor").is_whole());
    }
}
