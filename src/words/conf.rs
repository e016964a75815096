//! A section of one of Asterisk's configuration files. Pure.

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
