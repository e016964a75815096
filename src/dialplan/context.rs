//! A dialplan as values: contexts, extensions and their steps.

/// One context, whole: it replaces the one of its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// What stands between the brackets of extensions.conf.
    pub name: String,
    /// Its extensions, each pattern and caller once.
    pub extensions: Vec<Extension>,
    /// Contexts that are looked into behind its own extensions, in order.
    pub includes: Vec<String>,
    /// Whether our switch is asked, behind the extensions and before the includes.
    pub asks_synch: bool,
    /// Digits after which dial tone goes on.
    pub ignored: Vec<String>,
}

/// One extension: what happens when its number is dialled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extension {
    /// A number, or a pattern that begins with `_`.
    pub pattern: String,
    /// Only for callers of this number or pattern.
    pub caller: Option<String>,
    /// Devices whose state it shows.
    pub hint: Option<String>,
    /// By rising priority, each once.
    pub steps: Vec<Step>,
}

/// One priority of an extension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Step {
    /// From 1.
    pub priority: u32,
    /// What `Goto` may call it.
    pub label: Option<String>,
    /// Name of the application.
    pub application: String,
    /// What it is called with, variables and expressions not evaluated yet.
    pub arguments: String,
}

impl Context {
    /// The same without hints, and without extensions that are nothing else.
    #[must_use]
    pub fn without_hints(&self) -> Self {
        let extensions = self.extensions.iter().filter(|extension| !extension.steps.is_empty());
        let extensions = extensions.map(|extension| Extension { hint: None, ..extension.clone() }).collect();
        Self { extensions, ..self.clone() }
    }
}

impl Extension {
    /// Appends a step behind the last one.
    pub fn then(&mut self, application: &str, arguments: impl Into<String>) {
        let priority = self.steps.last().map_or(1, |step| step.priority + 1);
        let (application, arguments) = (application.to_owned(), arguments.into());
        self.steps.push(Step { priority, label: None, application, arguments });
    }

    /// Appends a step that `Goto` may name.
    pub fn labelled(&mut self, label: &str, application: &str, arguments: impl Into<String>) {
        self.then(application, arguments);
        if let Some(step) = self.steps.last_mut() {
            step.label = Some(label.to_owned());
        }
    }
}
