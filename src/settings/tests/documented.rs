//! What the sample, the page of options and Asterisk's help say of the keys, against each other and against the reader.

use super::*;

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
            None if said.starts_with('[') => words += &format!("{said} "),
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
    let keys =
        |sections: &[ConfSection]| sections.iter().map(|section| section.variables.len()).sum::<usize>();
    assert_eq!(keys(&sample(true)), 94, "a key is missing in the sample");
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
            section = said(line, "name").unwrap();
        } else if line.starts_with("<configOption") {
            let default = said(line, "default").unwrap_or_default();
            found.push(format!("{section} {}={default}", said(line, "name").unwrap()));
        }
    }
    found
}

/// The same keys of the page for administrators, without what a default says beside its value: `section key`.
fn on_the_page() -> Vec<String> {
    let (mut section, mut found) = ("", Vec::new());
    for line in include_str!("../../../docs/options.md").lines() {
        if let Some(heading) = line.strip_prefix("## `[") {
            section = heading.split(']').next().unwrap();
        } else if let Some(row) = line.strip_prefix("| `") {
            let keys = row.split(" | ").next().unwrap();
            found.extend(keys.split(", ").map(|key| format!("{section} {}", key.trim_matches('`'))));
        }
    }
    found
}

/// Any of the sections is documented by itself, not by its keys: they are the administrator's.
const FREE: [&str; 4] = ["endpoint", "aor", "peer", "classes"];

#[test]
fn the_sample_the_page_and_asterisks_help_know_the_same_keys() {
    let sections = sample(true);
    let keys = sections.iter().filter(|section| !FREE.contains(&&*section.name)).flat_map(|section| {
        section.variables.iter().map(|line| (section.name.as_str(), line.key.as_str(), line.value.as_str()))
    });
    let keys: Vec<_> = keys.collect();
    let names: Vec<String> = keys.iter().map(|(section, key, _)| format!("{section} {key}")).collect();
    let (documented, page) = (documented(), on_the_page());
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
