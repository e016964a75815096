//! What the main says of users, through everything up to the file: no directive, no foreign line, nothing that is on no
//! list, and what a reader finds in the file is what was meant.

use regex::bytes::Regex;
use res_synch::{
    settings::{self, Filter, FilterKey, NumberFrom, Technology},
    site::users::{
        Answer, Declined, Policy, Rules, Synced, Tailored, Wanted, compose, is_ours, policy::is_usual,
    },
    uplink::ami::Query,
    words::conf::{ConfSection, ConfVariable},
};

use super::{assert_shown, conf, strict};

/// The first octet says for which channel driver and by which policy, the rest is the main's file.
pub fn run(octets: &[u8]) {
    let Some((kind, text)) = octets.split_first() else { return };
    let technology = if kind & 1 == 0 { Technology::Pjsip } else { Technology::Sip };
    let dialplan = (kind & 2 != 0).then(dialplan);
    let policy = policy(kind & 4 == 0, kind & 8 != 0);
    let composed = |text: &[u8]| {
        composed(
            technology,
            Policy {
                settings: &policy,
                dialplan: dialplan.as_ref(),
                boxes: true,
                unnamed: "default",
                declined: &Declined::default(),
            },
            text,
        )
    };
    let synced = match composed(text) {
        Ok(synced) => synced,
        Err(error) => return assert_shown(&error),
    };
    let read: Vec<ConfSection> = strict::sections("fuzz", &synced.text).into_iter().map(loaded).collect();
    let meant: Vec<ConfSection> = synced.sections.iter().map(Tailored::meaning).collect();
    assert_eq!(read, meant);
    assert!(is_ours(synced.text.as_bytes()));
    for section in &synced.sections {
        listed(section, technology, &policy);
        for fate in section.clone().masked().options {
            assert!(!settings::is_secret(&fate.key) || &*fate.value == "***", "{}", fate.key);
        }
    }
    synced.left_out.iter().for_each(|one| assert_shown(&one.to_string()));
    // What was written once is written again: the file is a fixed point. Not where contexts of the branch are in it, which are
    // in no line of [classes].
    if dialplan.is_some() {
        return;
    }
    assert_eq!(composed(conf::text(&meant).as_bytes()).map(|again| again.text), Ok(synced.text));
}

/// The default one.
fn dialplan() -> settings::Dialplan {
    let main = ConfSection::new("main", [("host", "192.0.2.1"), ("username", "u"), ("secret", "s")]);
    let off = |name| ConfSection::new(name, [("enabled", "no")]);
    let settings = settings::read(&[main, off("sync"), off("dns")]).expect("they are right");
    settings.dialplan.expect("it is on")
}

fn policy(open_users: bool, sets: bool) -> settings::Policy {
    let set = |key: &str, value: &str| {
        if sets { vec![(key.to_owned(), value.to_owned())] } else { Vec::new() }
    };
    settings::Policy {
        keep: if sets { vec!["host".to_owned()] } else { Vec::new() },
        drop: if sets { vec!["callerid".to_owned()] } else { Vec::new() },
        max_expiration: 120,
        open_users,
        endpoint: set("allow", "alaw;ulaw"),
        aor: set("remove_existing", "yes"),
        peer: set("allow", ""),
    }
}

fn composed(technology: Technology, policy: Policy<'_>, text: &[u8]) -> Result<Synced, String> {
    let filter = Filter { key: FilterKey::CategoryName, value: Regex::new("").expect("it is one") };
    let files = ["users.conf".to_owned()];
    let wanted = Wanted { technology, files: &files, filter: &filter };
    let rules = Rules {
        wanted,
        policy,
        number: &NumberFrom::Guess,
        people: &std::collections::BTreeMap::new(),
        local: &[],
        refused: &[],
        main: "10.0.0.254",
    };
    let answer = Answer { query: Query::whole("users.conf"), frame: conf::answer(text) };
    compose(&[answer], &rules).map_err(|error| error.to_string())
}

/// As Asterisk's loader reads a line of ours: blanks around `=` go, and `\;` is a `;`.
fn loaded((name, lines): (String, Vec<String>)) -> ConfSection {
    let line = |line: &String| {
        let (key, value) = line.split_once(" =").expect("it is of that form");
        let value = value.strip_prefix(' ').unwrap_or(value).replace("\\;", ";");
        ConfVariable { key: key.to_owned(), value }
    };
    ConfSection { name, variables: lines.iter().map(line).collect() }
}

fn listed(section: &Tailored, technology: Technology, policy: &settings::Policy) {
    let types: &[&str] = match technology {
        Technology::Pjsip => &["endpoint", "aor", "auth"],
        Technology::Sip => &["friend", "peer", "user"],
    };
    let named = |key: &str, list: &[(String, String)]| list.iter().any(|(known, _)| known == key);
    assert!(section.written().any(|(key, _)| key.eq_ignore_ascii_case("type")), "{}", section.name);
    for (key, value) in section.written() {
        let ours = [&policy.endpoint, &policy.aor, &policy.peer].into_iter().any(|list| named(key, list));
        let kept = policy.keep.iter().any(|known| known.eq_ignore_ascii_case(key));
        let number = ["set_var", "setvar"].contains(&key) && value.starts_with("SYNCH_NUMBER=");
        assert!(is_usual(section.kind, key) || key == "context" || ours || kept || number, "{key}");
        assert!(!key.eq_ignore_ascii_case("type") || types.contains(&value), "{value}");
    }
}
