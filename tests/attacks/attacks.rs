//! What a hostile main tries, against all that stands between it and this branch's Asterisk. The attacks are the
//! data beside this file, which is a part of the module's own tests: it looks behind what others can see.

#[path = "corpus.rs"]
mod corpus;
#[path = "strict.rs"]
mod strict;

use std::collections::BTreeSet;

use corpus::{Attack, of_bytes, of_text};
use regex::{Regex, bytes};

use crate::{
    dialplan::{Allowed, Context, ContextChoice, Terms, Vetted, vet},
    settings::{self, Filter, FilterKey, NumberFrom, Technology},
    site::{
        mailboxes::{Owner, WantedBoxes, find_boxes},
        users::{Answer, Document, Line, Policy, Rules, Section, Synced, Wanted, compose, policy::is_usual},
    },
    uplink::ami::{Frame, Query},
};

/// Attacks whose text is harmless, or that are taken as what they are: nothing of them needs to be left out.
const HARMLESS: [&str; 3] = ["exec-in-values", "comment", "reserved"];

fn contexts() -> Vec<Attack> {
    let text = of_text(include_str!("contexts.conf"));
    text.into_iter().chain(of_bytes(include_str!("contexts.raw"))).collect()
}

fn pjsip() -> Vec<Attack> {
    let text = of_text(include_str!("pjsip.conf"));
    text.into_iter().chain(of_bytes(include_str!("pjsip.raw"))).collect()
}

fn sip() -> Vec<Attack> {
    of_bytes(include_str!("sip.raw"))
}

fn voicemail() -> Vec<Attack> {
    let text = of_text(include_str!("voicemail.conf"));
    text.into_iter().chain(of_bytes(include_str!("voicemail.raw"))).collect()
}

fn vetted(attack: &Attack) -> Vetted {
    let line = |line: &'_ [u8]| line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
    let sections = attack.sections.iter().map(|(name, lines)| Section {
        name,
        lines: lines
            .iter()
            .map(|text| Line {
                key: &text[..line(text)],
                value: text.get(line(text) + 1..).unwrap_or_default(),
            })
            .collect(),
    });
    let document = Document { sections: sections.collect() };
    let taken = ["outbound", "taken", "site-taken"].map(|name| (name.to_owned(), "pbx_config".to_owned()));
    let terms = Terms {
        choice: &ContextChoice::new(&["^site", "^synch", "^taken"]).unwrap(),
        allowed: &Allowed::new(&[], &[]),
        also: &[],
        taken: &taken,
        trunks: &["city"],
        brought: &[],
    };
    vet(&[document], &terms)
}

#[test]
fn there_are_enough_attacks_and_each_has_its_name() {
    let users = pjsip().len() + sip().len() + voicemail().len();
    assert!(contexts().len() >= 60 && users >= 60, "{} {users}", contexts().len());
    for attacks in [contexts(), pjsip(), sip(), voicemail()] {
        let names: BTreeSet<&str> = attacks.iter().map(|attack| attack.name.as_str()).collect();
        assert_eq!(names.len(), attacks.len());
        assert!(attacks.iter().all(|attack| !attack.sections.is_empty() && !attack.tries.is_empty()));
    }
}

fn texts(context: &Context) -> Vec<&str> {
    let mut texts = vec![context.name.as_str()];
    texts.extend(context.includes.iter().chain(&context.ignored).map(String::as_str));
    for extension in &context.extensions {
        texts.push(&extension.pattern);
        texts.extend(extension.caller.iter().chain(&extension.hint).map(String::as_str));
        for step in &extension.steps {
            texts.extend([step.application.as_str(), &step.arguments]);
            texts.extend(step.label.as_deref());
        }
    }
    texts
}

#[test]
fn no_context_of_the_main_runs_what_is_off_the_list() {
    let allowed = Allowed::new(&[], &[]);
    let plain = Regex::new(r"^[A-Za-z0-9_.!*#+\[\]-]{1,79}$").unwrap();
    let outside = Regex::new("outbound|city|taken|synch-internal").unwrap();
    for attack in contexts() {
        let (name, vetted) = (attack.name.as_str(), vetted(&attack));
        assert_eq!(HARMLESS.contains(&name), vetted.left_out().is_empty(), "{name}");
        let names: BTreeSet<&str> = vetted.contexts().iter().map(|context| context.name.as_str()).collect();
        for context in vetted.contexts() {
            assert!(context.name.starts_with("site") && plain.is_match(&context.name), "{name}");
            for text in texts(context) {
                assert!(!text.chars().any(char::is_control) && text.len() <= 2000, "{name}: {text:?}");
                assert!(
                    !text.contains("${$") && !text.contains("$[$[") && !text.contains('\u{fffd}'),
                    "{name}: {text}"
                );
                assert!(
                    strict::called(text).iter().all(|function| allowed.reads(function)),
                    "{name}: {text}"
                );
            }
            let included = |include: &String| names.contains(include.split(',').next().unwrap());
            assert!(context.includes.iter().all(included), "{name}");
            for extension in &context.extensions {
                assert!(plain.is_match(&extension.pattern), "{name}");
                assert!(extension.hint.iter().all(|hint| !hint.contains('$')), "{name}");
                for step in &extension.steps {
                    assert!(allowed.runs(&step.application), "{name}: {}", step.application);
                    let set = ["Set", "MSet"].contains(&step.application.as_str());
                    assert!(!outside.is_match(&step.arguments) || set, "{name}: {}", step.arguments);
                    // What is only kept or handed on is harmless as long as no expression comes near it.
                    let kept = set || ["Goto", "Gosub"].contains(&step.application.as_str());
                    assert!(!step.arguments.contains("SHELL") || kept, "{name}: {}", step.arguments);
                }
            }
        }
        let steps = vetted.contexts().iter().flat_map(|context| &context.extensions);
        let expressions =
            steps.flat_map(|extension| &extension.steps).filter(|step| step.arguments.contains("$["));
        assert_eq!(expressions.filter(|step| step.arguments.contains("${")).count(), 0, "{name}");
        for line in vetted.left_out() {
            let line = line.to_string();
            assert!(!line.chars().any(char::is_control) && line.len() < 1000, "{name}: {line}");
        }
    }
}

#[test]
fn what_is_refused_opens_nothing() {
    let attack = contexts().into_iter().find(|attack| attack.name == "guard-lost").unwrap();
    let vetted = vetted(&attack);
    let steps = &vetted.contexts()[0].extensions[0].steps;
    let applications: Vec<&str> = steps.iter().map(|step| step.application.as_str()).collect();
    assert_eq!(applications, ["Hangup", "Dial"]);
}

/// An answer to GetConfig: the honest user first, the attack behind.
fn answer(honest: &[(&str, &[&str])], attack: &Attack) -> Answer {
    let honest = honest.iter().map(|(name, lines)| {
        (name.as_bytes().to_vec(), lines.iter().map(|line| line.as_bytes().to_vec()).collect())
    });
    let mut bytes = b"Response: Success\r\n".to_vec();
    for (number, (name, lines)) in honest.chain(attack.sections.iter().cloned()).enumerate() {
        let lines: Vec<Vec<u8>> = lines;
        bytes.extend([format!("Category-{number:06}: ").as_bytes(), &name, b"\r\n"].concat());
        for (place, line) in lines.iter().enumerate() {
            bytes.extend([format!("Line-{number:06}-{place:06}: ").as_bytes(), line, b"\r\n"].concat());
        }
    }
    Answer { query: Query::whole("users.conf"), frame: Frame::new(bytes) }
}

/// As the administrator has it who says nothing, but that users need no password and keep their context.
fn policy() -> settings::Policy {
    settings::Policy {
        keep: Vec::new(),
        drop: Vec::new(),
        max_expiration: 7200,
        open_users: true,
        endpoint: Vec::new(),
        aor: Vec::new(),
        peer: Vec::new(),
    }
}

fn composed(technology: Technology, honest: &[(&str, &[&str])], attack: &Attack) -> Option<Synced> {
    let filter = Filter { key: FilterKey::CategoryName, value: bytes::Regex::new("").unwrap() };
    let files = ["users.conf".to_owned()];
    let wanted = Wanted { technology, files: &files, filter: &filter };
    let policy = Policy {
        settings: &policy(),
        dialplan: None,
        boxes: true,
        unnamed: "default",
        declined: &crate::site::users::Declined::default(),
    };
    let rules = Rules {
        wanted,
        policy,
        number: &NumberFrom::Guess,
        people: &std::collections::BTreeMap::new(),
        local: &[],
        refused: &[],
        main: "10.0.0.254",
    };
    compose(&[answer(honest, attack)], &rules).ok()
}

fn assert_structure(technology: Technology, honest: &[(&str, &[&str])], types: &[&str], attacks: &[Attack]) {
    for attack in attacks {
        // An answer that is void as a whole leaves the file in place as it is.
        let Some(synced) = composed(technology, honest, attack) else { continue };
        let name = attack.name.as_str();
        let sections = strict::sections(name, &synced.text);
        for (section, lines) in &sections {
            let typed = lines.iter().filter_map(|line| line.strip_prefix("type = ")).collect::<Vec<_>>();
            assert!(!typed.is_empty() && typed.iter().all(|word| types.contains(word)), "{name}: {section}");
        }
        for section in &synced.sections {
            for (key, _) in section.written() {
                assert!(is_usual(section.kind, key) || key == "context", "{name}: {key}");
            }
        }
        for (user, lines) in honest {
            let lines: Vec<String> = lines.iter().map(|line| line.replacen('=', " = ", 1)).collect();
            assert!(sections.contains(&((*user).to_owned(), lines)), "{name}: {user}");
        }
    }
}

#[test]
fn no_user_of_the_main_becomes_anything_else() {
    let endpoint: &[&str] = &["type=endpoint", "aors=1001", "auth=1001-auth", "context=from-internal"];
    let auth: &[&str] = &["type=auth", "auth_type=userpass", "username=1001", "password=secret"];
    let honest = [("1001", endpoint), ("1001", &["type=aor", "max_contacts=1"]), ("1001-auth", auth)];
    assert_structure(Technology::Pjsip, &honest, &["endpoint", "aor", "auth"], &pjsip());
    let peer: &[&str] = &["type=friend", "host=dynamic", "secret=x"];
    assert_structure(Technology::Sip, &[("1001", peer)], &["friend", "peer", "user"], &sip());
}

#[test]
fn no_mailbox_of_the_main_becomes_anything_else() {
    // Wanted is whatever an attack brings, so that its place alone doesn't keep it out.
    for attack in voicemail() {
        let name = attack.name.as_str();
        let answer = answer(&[("default", &["1001=4711,Alice,alice@example.com,,attach=yes"])], &attack);
        let Ok(document) = Document::read(&answer.frame) else { continue };
        let keys = document.sections.iter().flat_map(|section| &section.lines).map(|line| line.key);
        let owner =
            |key| Owner { number: Some(String::from_utf8_lossy(key).into_owned()), named: Vec::new() };
        let owners: Vec<Owner> = keys.map(owner).collect();
        let wanted = WantedBoxes { owners: &owners, local: &Default::default(), options: &[], mails: true };
        let found = find_boxes(&document, &wanted);
        let text = found.text("10.0.0.254: voicemail.conf");
        let sections = strict::boxes(name, &text);
        assert!(
            sections.iter().all(|section| !["general", "zonemessages"].contains(&&*section.to_lowercase())),
            "{name}"
        );
        assert!(!text.contains("synch-attack") && !text.contains("/bin/"), "{name}: {text}");
        assert!(text.contains("1001 = 4711,Alice,alice@example.com,,attach=yes\n"), "{name}: {text}");
    }
}
