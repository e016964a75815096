//! What the sample, the page of options and Asterisk's help say of the keys, against each other and against the reader.

use super::*;
use crate::words::conf::ConfVariable;

/// The sections of `res_synch.conf.sample`; with `defaults`, its `;key = value` lines too.
fn sample(defaults: bool) -> Vec<ConfSection> {
    let mut words = String::new();
    for line in include_str!("../../../res_synch.conf.sample").lines() {
        let line = if defaults {
            line.strip_prefix(';').filter(|rest| rest.contains(" =")).unwrap_or(line)
        } else {
            line
        };
        let said = line.split(';').next().unwrap_or_default().trim();
        // The head of the file talks in sentences; only `key = value` and `[section]` are meant.
        match said.split_once(" =") {
            Some((key, value)) if !key.contains(' ') => words += &format!("{key}={} ", value.trim()),
            None if said.starts_with('[') => words += &format!("{} ", said.replace(' ', "~")),
            _ => {}
        }
    }
    sections(&words)
}

#[test]
fn the_sample_is_valid_and_shows_every_default_as_it_is() {
    let (as_shipped, mut spelled_out) = (read(&sample(false)).unwrap(), read(&sample(true)).unwrap());
    // The one key that is shown and has no default: without it, other names are refused.
    spelled_out.dns.as_mut().unwrap().forwarders.clear();
    assert_eq!(spelled_out, as_shipped);
    // What has to be changed is a line; what may stay as it is, is a default behind a `;`.
    let (given, shown) = (keys_of(&sample(false)), keys_of(&sample(true)));
    for Described { section, key, default, .. } in keys() {
        let value =
            shown.iter().find(|(name, _)| *name == format!("{section} {key}")).map(|(_, value)| value);
        assert!(value.is_some(), "{section} {key} is missing in res_synch.conf.sample");
        let is_given = given.iter().any(|(name, _)| *name == format!("{section} {key}"));
        match default {
            None => {
                assert!(is_given, "{section} {key} is no line in res_synch.conf.sample, and has no default")
            }
            Some(default) if !is_given => {
                assert_eq!(value, Some(&default), "{section} {key} in res_synch.conf.sample")
            }
            // One of two has to be given, or the main has to say it.
            Some(_) => assert!(
                [("main", "secret"), ("sync", "filter_value")].contains(&(section, key)),
                "{section} {key}"
            ),
        }
    }
}

/// Keys and values of the sections that have keys of ours: `section key`, and the value.
fn keys_of(sections: &[ConfSection]) -> Vec<(String, String)> {
    let ours = sections.iter().filter(|section| !FREE.contains(&&*section.name));
    let line = |(section, line): (&ConfSection, &ConfVariable)| {
        (format!("{} {}", described(&section.name), line.key), line.value.clone())
    };
    ours.flat_map(|section| section.variables.iter().map(move |variable| (section, variable)))
        .map(line)
        .collect()
}

/// How the pages call a section: that of a site is called after it.
fn described(section: &str) -> &str {
    if section == "site" || section.starts_with("site ") { "site NAME" } else { section }
}

/// Keys and defaults of the documentation that Asterisk shows: `section key=default`.
fn documented() -> Vec<String> {
    let (mut section, mut found) = (String::new(), Vec::new());
    let said = |line: &str, attribute: &str| {
        let (_, rest) = line.split_once(&format!(" {attribute}=\""))?;
        rest.split('"').next().map(str::to_owned)
    };
    for line in include_str!("../../../docs/res_synch-en_US.xml").lines().map(str::trim) {
        if line.starts_with("<configObject") {
            section = described(&said(line, "name").unwrap()).to_owned();
        } else if line.starts_with("<configOption") {
            let default = said(line, "default").unwrap_or_default();
            found.push(format!("{section} {}={default}", said(line, "name").unwrap()));
        }
    }
    found
}

/// A key on the page for administrators, with what its row says of default and limits.
struct OnThePage {
    /// `section key`
    name: String,
    default: String,
    limits: String,
}

/// The same keys of the page. The head of each table names its columns.
fn on_the_page() -> Vec<OnThePage> {
    let (mut section, mut columns, mut found) = ("", Vec::new(), Vec::new());
    for line in include_str!("../../../docs/options.md").lines() {
        if let Some(heading) = line.strip_prefix("## `[") {
            section = heading.split(']').next().unwrap();
        } else if line.starts_with("| key |") {
            columns = line.split('|').map(str::trim).collect();
        } else if line.starts_with("| `") {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let cell = |name: &str| {
                let place = columns.iter().position(|column| *column == name);
                place.map(|place| cells[place].replace('`', "")).unwrap_or_default()
            };
            found.extend(cell("key").split(", ").map(|key| OnThePage {
                name: format!("{section} {key}"),
                default: cell("default"),
                limits: cell("limits"),
            }));
        }
    }
    found
}

#[test]
fn the_page_and_asterisks_help_say_defaults_and_limits_as_they_are() {
    let (documented, page) = (documented(), on_the_page());
    let keys = keys();
    for Described { section, key, default, limits } in &keys {
        let name = format!("{section} {key}");
        let row = page.iter().find(|row| row.name == name);
        let row = row.unwrap_or_else(|| panic!("{name} is missing in docs/options.md"));
        let limits = limits.as_ref().map(|limits| format!("{} to {}", limits.least, limits.most));
        assert_eq!(row.limits, limits.unwrap_or_default(), "limits of {name} in docs/options.md");
        let expected = match default.as_deref() {
            None => "required",
            Some("") => "none",
            Some(default) => default,
        };
        // Behind a `;` the page may say when another default counts.
        let said = row.default.split(';').next().unwrap_or_default();
        assert_eq!(said, expected, "default of {name} in docs/options.md");
        let in_help = documented.iter().find_map(|line| line.strip_prefix(&format!("{name}=")));
        let expected = default.clone().unwrap_or_default();
        assert_eq!(in_help, Some(expected.as_str()), "default of {name} in docs/res_synch-en_US.xml");
    }
    let known = |name: &str| keys.iter().any(|known| name == format!("{} {}", known.section, known.key));
    let said = page.iter().map(|row| row.name.as_str());
    for name in said.chain(documented.iter().filter_map(|line| line.split('=').next())) {
        assert!(
            known(name) || FREE.iter().any(|free| name.starts_with(&format!("{free} "))),
            "{name} is no key"
        );
    }
}

/// Any of the sections is documented by itself, not by its keys: they are the administrator's.
const FREE: [&str; 4] = ["endpoint", "aor", "peer", "classes"];

#[test]
fn the_sample_the_page_and_asterisks_help_know_the_same_keys() {
    let sections = sample(true);
    let keys = sections.iter().filter(|section| !FREE.contains(&&*section.name)).flat_map(|section| {
        let name = described(&section.name);
        section.variables.iter().map(move |line| (name, line.key.as_str(), line.value.as_str()))
    });
    let keys: Vec<_> = keys.collect();
    let names: Vec<String> = keys.iter().map(|(section, key, _)| format!("{section} {key}")).collect();
    let (documented, page) = (documented(), on_the_page());
    let page: Vec<String> = page.into_iter().map(|row| row.name).collect();
    for name in &names {
        let in_help = documented.iter().any(|line| line.split('=').next() == Some(name));
        assert!(in_help, "{name} is missing in docs/res_synch-en_US.xml");
        assert!(page.contains(name), "{name} is missing in docs/options.md");
    }
    for known in
        documented.iter().filter_map(|line| line.split('=').next()).chain(page.iter().map(|name| &**name))
    {
        let is_free = FREE.iter().any(|section| known.starts_with(&format!("{section} ")));
        assert!(
            is_free || names.iter().any(|name| name == known),
            "{known} is missing in res_synch.conf.sample"
        );
    }
    // What the sample shows as a default, Asterisk's help has as well.
    for (section, key, value) in keys.iter().filter(|(_, _, value)| !value.is_empty()) {
        let prefix = format!("{section} {key}=");
        let default = documented.iter().find_map(|line| line.strip_prefix(&prefix)).unwrap();
        assert!(
            default.is_empty() || default == *value,
            "{section} {key}: {value} in the sample, {default} in the XML"
        );
    }
}
