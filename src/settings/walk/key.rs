//! What a row may say of a key: the forms of a value.

use std::{fmt::Display, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration};

use super::{Facts, Keys, Limits, Row, Source};
use crate::settings::{
    Secret,
    value::{each_of, one_line, path, truth},
};

type Read<'a, T> = Box<dyn Fn(&str) -> Option<T> + 'a>;
type Show<'a, T> = Box<dyn Fn(&T) -> String + 'a>;

/// A key: how its value is read and shown. It has to be given unless it has a default.
pub struct Key<'a, T> {
    name: Option<&'static str>,
    wanted: String,
    limits: Option<Limits>,
    default: Option<T>,
    hidden: bool,
    read: Read<'a, T>,
    show: Show<'a, T>,
}

impl<'a, T> Key<'a, T> {
    /// A key whose value is neither a text nor a number: `show` says how it is written.
    pub fn new(
        wanted: &str,
        read: impl Fn(&str) -> Option<T> + 'a,
        show: impl Fn(&T) -> String + 'a,
    ) -> Self {
        let (read, show) = (Box::new(read), Box::new(show));
        Self { name: None, wanted: wanted.to_owned(), limits: None, default: None, hidden: false, read, show }
    }

    /// Counts where the file has no such line.
    pub fn or(self, default: impl Into<Option<T>>) -> Self {
        Self { default: default.into(), ..self }
    }

    /// Its name, where the field is called otherwise.
    pub fn named(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    fn within(self, least: impl Display, most: impl Display) -> Self {
        Self { limits: Some(Limits { least: least.to_string(), most: most.to_string() }), ..self }
    }
}

impl<T: Clone> Row<T> for Key<'_, T> {
    fn walk(self, field: &'static str, keys: &mut dyn Keys, in_force: Option<&T>) -> Option<T> {
        let facts = Facts {
            name: self.name.unwrap_or(field),
            wanted: self.wanted,
            limits: self.limits,
            default: self.default.as_ref().map(&self.show),
            hidden: self.hidden,
        };
        match keys.meet(&facts, in_force.map(&self.show)) {
            Source::Default => self.default,
            Source::InForce => in_force.cloned(),
            Source::File(text) => {
                let value = (self.read)(&text);
                if value.is_none() {
                    let shown = if facts.hidden { "***" } else { &text };
                    keys.error(
                        &format_args!("{} = {shown}", facts.name),
                        &format_args!("wanted is {}", facts.wanted),
                    );
                }
                value
            }
        }
    }
}

/// A value that is shown as it is written.
pub fn text<'a, T: Display + 'a>(wanted: &str, read: impl Fn(&str) -> Option<T> + 'a) -> Key<'a, T> {
    Key::new(wanted, read, T::to_string)
}

/// A value that need not be given; an empty one is none.
pub fn maybe<'a, T: Display + 'a>(wanted: &str, read: impl Fn(&str) -> Option<T> + 'a) -> Key<'a, Option<T>> {
    optional(wanted, read, T::to_string)
}

/// A file of this machine.
pub fn file() -> Key<'static, Option<PathBuf>> {
    optional("a file with its whole path, such as /etc/asterisk/keys/ca.crt", path, |path| {
        path.display().to_string()
    })
}

/// A password.
pub fn secret(wanted: &str) -> Key<'static, Option<Secret>> {
    Key { hidden: true, ..maybe(wanted, |text| one_line(text).map(Secret::new)) }
}

fn optional<'a, T: 'a>(
    wanted: &str,
    read: impl Fn(&str) -> Option<T> + 'a,
    show: impl Fn(&T) -> String + 'a,
) -> Key<'a, Option<T>> {
    let read = move |text: &str| if text.is_empty() { Some(None) } else { read(text).map(Some) };
    let show = move |value: &Option<T>| value.as_ref().map(&show).unwrap_or_default();
    Key { default: Some(None), ..Key::new(wanted, read, show) }
}

/// Values with commas between them, by default none.
pub fn list<'a, T: Display + 'a>(wanted: &str, read: impl Fn(&str) -> Option<T> + 'a) -> Key<'a, Vec<T>> {
    whole_list(wanted, move |text| each_of(text, &read)).or(Vec::new())
}

/// The same where `read` looks at all of them at once. It has to be given.
pub fn whole_list<'a, T: Display + 'a>(
    wanted: &str,
    read: impl Fn(&str) -> Option<Vec<T>> + 'a,
) -> Key<'a, Vec<T>> {
    Key::new(wanted, read, |values| values.iter().map(T::to_string).collect::<Vec<_>>().join(","))
}

/// A key that may be repeated, with one value a line.
pub struct Repeated<'a, T> {
    wanted: String,
    read: Read<'a, T>,
}

/// A key that may be repeated, with one value a line.
pub fn repeated<'a, T>(wanted: &str, read: impl Fn(&str) -> Option<T> + 'a) -> Repeated<'a, T> {
    Repeated { wanted: wanted.to_owned(), read: Box::new(read) }
}

impl<T: Clone + Display> Row<Vec<T>> for Repeated<'_, T> {
    fn walk(self, field: &'static str, keys: &mut dyn Keys, in_force: Option<&Vec<T>>) -> Option<Vec<T>> {
        let facts = Facts {
            name: field,
            wanted: self.wanted,
            limits: None,
            default: Some(String::new()),
            hidden: false,
        };
        let shown: Vec<String> = in_force.into_iter().flatten().map(T::to_string).collect();
        let mut values = Some(Vec::new());
        for source in keys.meet_each(&facts, &shown) {
            match source {
                Source::InForce => return in_force.cloned(),
                Source::File(text) if text.is_empty() => {}
                Source::File(text) => match (self.read)(&text) {
                    Some(value) => values.iter_mut().for_each(|all| all.push(value.clone())),
                    None => {
                        let problem = format_args!("wanted is {}", facts.wanted);
                        keys.error(&format_args!("{} = {text}", facts.name), &problem);
                        values = None;
                    }
                },
                Source::Default => {}
            }
        }
        values
    }
}

/// A whole number within limits.
pub fn number<T>(default: T, limits: RangeInclusive<T>) -> Key<'static, T>
where
    T: Display + FromStr + PartialOrd + 'static,
{
    let (least, most) = (limits.start().to_string(), limits.end().to_string());
    let wanted = format!("a whole number from {least} to {most}");
    let read = move |text: &str| text.parse().ok().filter(|number| limits.contains(number));
    text(&wanted, read).or(default).within(least, most)
}

/// Whole seconds within limits.
pub fn seconds(default: u32, limits: RangeInclusive<u32>) -> Key<'static, Duration> {
    let (least, most) = (*limits.start(), *limits.end());
    let duration = |seconds: u32| Duration::from_secs(seconds.into());
    let read = move |text: &str| {
        let seconds = text.parse().ok().filter(|seconds| limits.contains(seconds));
        seconds.map(duration)
    };
    let wanted = format!("whole seconds from {least} to {most}");
    Key::new(&wanted, read, |value| value.as_secs().to_string()).or(duration(default)).within(least, most)
}

/// Yes or no.
pub fn yes_no(default: bool) -> Key<'static, bool> {
    Key::new("yes or no", truth, |yes| if *yes { "yes" } else { "no" }.to_owned()).or(default)
}
