//! A section of one of Asterisk's configuration files, and its words for yes and no. Pure.

/// One `[section]` as Asterisk's loader found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfSection {
    /// Name between the brackets.
    pub name: String,
    /// Its variables, in the order of the file.
    pub variables: Vec<ConfVariable>,
}

impl ConfSection {
    /// A section of these lines.
    #[must_use]
    pub fn new<K: Into<String>, V: Into<String>>(
        name: impl Into<String>,
        lines: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variable = |(key, value): (K, V)| ConfVariable { key: key.into(), value: value.into() };
        Self { name: name.into(), variables: lines.into_iter().map(variable).collect() }
    }
}

/// One `key = value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfVariable {
    /// What stands before the `=`.
    pub key: String,
    /// What stands behind it, unescaped.
    pub value: String,
}

/// What Asterisk takes for yes (`ast_true`).
#[must_use]
pub fn is_yes(value: &[u8]) -> bool {
    [&b"yes"[..], b"true", b"y", b"t", b"1", b"on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

/// What Asterisk takes for no (`ast_false`).
#[must_use]
pub fn is_no(value: &str) -> bool {
    ["no", "false", "n", "f", "0", "off"].iter().any(|word| value.trim().eq_ignore_ascii_case(word))
}
