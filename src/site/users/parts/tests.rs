use regex::bytes::Regex;

use super::*;
use crate::{settings::FilterKey, uplink::ami::Frame};

/// A main as these tests play it: its files, each a list of `[name] key=value …`.
struct Main(Vec<(&'static str, Vec<String>)>);

impl Main {
    fn freepbx(users: impl IntoIterator<Item = u32>, mailboxes: bool) -> Self {
        let (mut endpoints, mut aors, mut auths) = (vec![], vec![], vec![]);
        for user in users {
            let site = if user < 2000 { "Here" } else { "There" };
            endpoints.push(format!(
                "{user} type=endpoint aors={user} auth={user}-auth accountcode={site} mailboxes={user}@default"
            ));
            let mailbox = if mailboxes { format!(" mailboxes={user}@default") } else { String::new() };
            aors.push(format!("{user} type=aor{mailbox}"));
            auths.push(format!("{user}-auth type=auth username={user} password=x"));
        }
        Self(vec![("endpoint", endpoints), ("aor", aors), ("auth", auths)])
    }

    /// All in one file.
    fn merged(self) -> Self {
        Self(vec![("pjsip", self.0.into_iter().flat_map(|(_, sections)| sections).collect())])
    }

    fn add(&mut self, file: usize, section: &str) {
        self.0[file].1.push(section.to_owned());
    }

    fn files(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn answer(&self, query: &Query) -> Frame {
        assert!(query.fits());
        let conditions = query.filter.as_ref().map(|filter| {
            let (key, value) = filter.split_once('=').unwrap();
            (regex::Regex::new(key).unwrap(), regex::Regex::new(value.trim_matches('"')).unwrap())
        });
        let mut text = String::from("Response: Success\r\n");
        let mut number = 0;
        let (_, sections) = self.0.iter().find(|(name, _)| *name == query.file).unwrap();
        for section in sections {
            let mut words = section.split(' ');
            let name = words.next().unwrap();
            let lines: Vec<&str> = words.collect();
            let named = query.category.as_ref().is_none_or(|category| category.eq_ignore_ascii_case(name));
            let chosen = conditions.as_ref().is_none_or(|(key, value)| {
                lines
                    .iter()
                    .filter_map(|line| line.split_once('='))
                    .any(|(k, v)| key.is_match(k) && value.is_match(v))
            });
            if named && chosen {
                text += &format!("Category-{number:06}: {name}\r\n");
                for (at, line) in lines.iter().enumerate() {
                    text += &format!("Line-{number:06}-{at:06}: {line}\r\n");
                }
                number += 1;
            }
        }
        Frame::new(text.into_bytes())
    }

    /// Asks until nothing is left to ask: the queries of each step, and names of the sections that came of it.
    fn read(&self, technology: Technology, filter: &str) -> (Vec<Vec<Query>>, Vec<String>) {
        let filter =
            Filter { key: FilterKey::Variable("accountcode".to_owned()), value: Regex::new(filter).unwrap() };
        let files = self.files();
        let wanted = Wanted { technology, files: &files, filter: &filter };
        let (mut answers, mut steps): (Vec<(Query, Frame)>, Vec<Vec<Query>>) = (Vec::new(), Vec::new());
        loop {
            let told = || -> Vec<Told<'_>> {
                let mut told = Vec::new();
                for (query, frame) in &answers {
                    told.push(Told { query: query.clone(), document: Document::read_part(frame).unwrap() });
                }
                told
            };
            let queries = wanted.next_queries(&told());
            if queries.is_empty() {
                let documents = wanted.documents(told());
                let sections = documents.iter().flat_map(|(_, document)| &document.sections);
                let name = |section: &Section<'_>| {
                    let kind =
                        kind_of(section, technology).map_or_else(|_| "?".to_owned(), |kind| kind.to_string());
                    format!("{kind} {}", section.name.escape_ascii())
                };
                let mut names: Vec<String> = sections.map(name).collect();
                names.sort();
                return (steps, names);
            }
            assert!(steps.len() < 4, "{steps:?}");
            answers.extend(queries.iter().map(|query| (query.clone(), self.answer(query))));
            steps.push(queries);
        }
    }
}

fn here(users: std::ops::Range<u32>) -> Vec<String> {
    let mut names: Vec<String> = users
        .flat_map(|user| [format!("endpoint {user}"), format!("aor {user}"), format!("auth {user}-auth")])
        .collect();
    names.sort();
    names
}

#[test]
fn of_a_freepbx_only_this_site_is_read_in_two_steps() {
    let (steps, names) = Main::freepbx(1000..3000, true).read(Technology::Pjsip, "^Here$");
    assert_eq!(names, here(1000..2000));
    assert_eq!(steps.len(), 2);
    let by_users = "^(username|mailboxes)$=\"^1[0-9]{3}(@|$)\"";
    assert_eq!(steps[1], [Query::filtered("aor", by_users), Query::filtered("auth", by_users)]);
}

#[test]
fn one_file_for_all_comes_without_doubles() {
    let (_, names) = Main::freepbx(1990..2010, true).merged().read(Technology::Pjsip, "^Here$");
    assert_eq!(names, here(1990..2000));
}

#[test]
fn few_that_are_missing_are_asked_for_by_name() {
    let mut main = Main::freepbx(1000..3000, true);
    main.add(0, "door type=endpoint aors=door-aor auth=door-auth accountcode=Here");
    main.add(1, "door-aor type=aor");
    main.add(1, "DOOR-AOR type=aor");
    main.add(2, "door-auth type=auth username=elsewhere");
    let (steps, names) = main.read(Technology::Pjsip, "^Here$");
    assert_eq!(steps.len(), 3);
    assert_eq!(steps[2], [Query::named("aor", "door-aor"), Query::named("auth", "door-auth")]);
    for part in ["endpoint door", "aor door-aor", "auth door-auth", "aor 1500"] {
        assert_eq!(names.iter().filter(|name| *name == part).count(), 1, "{part}");
    }
}

#[test]
fn where_many_are_missing_the_file_is_read_whole() {
    let main = Main::freepbx(1900..2100, false);
    let (steps, names) = main.read(Technology::Pjsip, "^Here$");
    let without_users = ["aor", "auth"].map(Query::whole);
    assert_eq!(steps[2..], [without_users.to_vec()]);
    assert!(here(1900..2000).iter().all(|name| names.iter().filter(|found| *found == name).count() == 1));
}

#[test]
fn what_is_nowhere_is_not_asked_for_for_ever() {
    let mut main = Main::freepbx(1990..2010, true);
    main.add(0, "lost type=endpoint aors=gone auth=gone accountcode=Here");
    let (steps, names) = main.read(Technology::Pjsip, "^Here$");
    assert_eq!(steps[2], [Query::named("aor", "gone"), Query::named("auth", "gone")]);
    assert!(names.contains(&"endpoint lost".to_owned()) && steps.len() == 3);
}

#[test]
fn a_filter_that_the_main_may_misread_reads_every_file_whole() {
    let main = Main::freepbx(1990..2010, true);
    let (steps, names) = main.read(Technology::Pjsip, "(?i)^here$");
    assert_eq!(steps, [main.files().into_iter().map(Query::whole).collect::<Vec<_>>()]);
    assert_eq!(names.len(), 60);
}

#[test]
fn a_site_without_users_asks_once() {
    let (steps, names) = Main::freepbx(2000..2010, true).read(Technology::Pjsip, "^Nowhere$");
    assert_eq!((steps.len(), names.len()), (1, 0));
}

#[test]
fn peers_need_no_other_section() {
    let sections = (1990..2010)
        .map(|user| format!("{user} type=friend accountcode={}", if user < 2000 { "Here" } else { "There" }));
    let main = Main(vec![("sip", sections.collect())]);
    let (steps, names) = main.read(Technology::Sip, "^Here$");
    assert_eq!((steps.len(), names.len()), (1, 10));
}
