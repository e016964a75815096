//! What to ask the main for, so that it sends this site's users, what they name, and little else. Pure.
//!
//! 1. Each file by the filter of this site, in the main's own words: the users.
//! 2. The files without users by the users' names: their aors and auths, as FreePBX writes them (`mailboxes` of an aor,
//!    `username` of an auth).
//! 3. What is still missing: by its name where it is little, else the files whole.
//!
//! Where the filter can't be put into the main's words there is only one step: every file whole.

use std::collections::HashSet;

use super::{
    Document, Kind, Section,
    accept::kind_of,
    cover, narrow,
    select::{PARTS, matches, names},
    wizard::is_of_wizards,
};
use crate::{
    settings::{Filter, Technology},
    uplink::ami::Query,
};

/// Bytes that the names may take in a filter, so that the whole filter is within what is worth it.
const COVER_LIMIT: usize = 200;

/// Sections asked for by name at most. For each the main reads the file again: 20 to 30 ms of 20,000 sections, where a
/// whole answer takes it a second.
const FEW: usize = 20;

/// One query of a sync and what it brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// What was asked for.
    pub query: Query,
    /// What came.
    pub document: Document<'a>,
}

/// What is read on the main for one site.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'s> {
    /// Channel driver.
    pub technology: Technology,
    /// Files on the main, in order.
    pub files: &'s [String],
    /// Which user belongs to this site.
    pub filter: &'s Filter,
}

impl Wanted<'_> {
    /// What to ask for next after all that was told; nothing where that is all there is to know.
    #[must_use]
    pub fn next_queries(&self, told: &[Told<'_>]) -> Vec<Query> {
        let Some(filter) = narrow(self.filter) else {
            return fresh(self.files.iter().map(Query::whole).collect(), told);
        };
        let first: Vec<Query> = self.files.iter().map(|file| self.first_of(file, filter.as_str())).collect();
        let parts = |wanted: fn(&Self, &[Query], &[Told<'_>]) -> Vec<Query>| match self.technology {
            Technology::Pjsip => fresh(wanted(self, &first, told), told),
            Technology::Sip => Vec::new(),
        };
        let mut queries = fresh(first.clone(), told);
        if queries.is_empty() {
            queries = parts(Self::by_users);
        }
        if queries.is_empty() {
            queries = parts(|wanted, _, told| wanted.missing(told));
        }
        queries
    }

    fn first_of(&self, file: &str, filter: &str) -> Query {
        if is_of_wizards(file) { Query::whole(file) } else { Query::filtered(file, filter) }
    }

    /// The files that have the parts of the users found so far, by the names of those.
    fn by_users(&self, first: &[Query], told: &[Told<'_>]) -> Vec<Query> {
        let of_first: Vec<&Told<'_>> = told.iter().filter(|told| first.contains(&told.query)).collect();
        let names = of_first.iter().flat_map(|told| self.users(&told.document));
        let names: Vec<&str> = names.filter_map(|user| std::str::from_utf8(user.name).ok()).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let files = self.files_of_parts(&of_first);
        let filter =
            cover(names, COVER_LIMIT).map(|cover| format!("^(username|mailboxes)$=\"^{cover}(@|$)\""));
        let query = |file: &String| match &filter {
            Some(filter) => Query::filtered(file, filter.as_str()),
            None => Query::whole(file),
        };
        files.into_iter().filter(|file| !is_of_wizards(file)).map(query).collect()
    }

    /// What users name and no answer has had: by name, or the files that can have it.
    fn missing(&self, told: &[Told<'_>]) -> Vec<Query> {
        let mut there: HashSet<(Kind, &[u8])> = HashSet::new();
        for section in told.iter().flat_map(|told| &told.document.sections) {
            there.extend(kind_of(section, self.technology).ok().map(|kind| (kind, section.name)));
        }
        let users = told.iter().flat_map(|told| self.users(&told.document));
        let mut missing: Vec<(Kind, &[u8])> = users.flat_map(parts_of).collect();
        missing.retain(|part| !there.contains(part));
        missing.sort_unstable_by_key(|(kind, name)| (*name, kind.to_string()));
        missing.dedup();
        self.again(&missing, told)
    }

    fn again(&self, missing: &[(Kind, &[u8])], told: &[Told<'_>]) -> Vec<Query> {
        let mut queries = Vec::new();
        for kind in [Kind::Aor, Kind::Auth] {
            let names = missing.iter().filter(|(of, _)| *of == kind).map(|(_, name)| *name);
            // A name that is no text can't be asked for: it would not be written, either.
            let names: Vec<&str> = names.filter_map(|name| std::str::from_utf8(name).ok()).collect();
            let files = self.files_with(kind, told);
            for file in files.iter().filter(|_| !names.is_empty()) {
                if names.len() * files.len() > FEW {
                    queries.push(Query::whole(*file));
                } else {
                    queries.extend(names.iter().map(|name| Query::named(*file, *name)));
                }
            }
        }
        let whole: Vec<Query> = queries.iter().filter(|query| query.is_whole()).cloned().collect();
        queries.retain(|query| query.is_whole() || !whole.iter().any(|whole| whole.file == query.file));
        queries.retain(Query::fits);
        queries
    }

    /// The files to look for sections of that kind in: those that have had some, else those for parts; without what was
    /// read whole.
    fn files_with(&self, kind: Kind, told: &[Told<'_>]) -> Vec<&String> {
        let has = |section: &Section<'_>| kind_of(section, self.technology) == Ok(kind);
        // A wizard has its own parts, and tells nothing of where those of others are.
        let had = |file: &&String| {
            let mut of_file = told.iter().filter(|told| told.query.file == **file && !is_of_wizards(file));
            of_file.any(|told| told.document.sections.iter().any(has))
        };
        let mut files: Vec<&String> = self.files.iter().filter(had).collect();
        if files.is_empty() {
            files = self.files_of_parts(&told.iter().collect::<Vec<_>>());
        }
        files.retain(|file| !told.iter().any(|told| told.query == Query::whole(*file)));
        files
    }

    /// Where the sections that users name are likely to be: in the files without users, or in all where each has some.
    fn files_of_parts(&self, told: &[&Told<'_>]) -> Vec<&String> {
        let has_users = |file: &String| {
            let mut of_file = told.iter().filter(|told| told.query.file == *file);
            of_file.any(|told| self.users(&told.document).next().is_some())
        };
        let without: Vec<&String> = self.files.iter().filter(|file| !has_users(file)).collect();
        if without.is_empty() { self.files.iter().collect() } else { without }
    }

    /// The users of this site in a document.
    fn users<'d, 'a>(&self, document: &'d Document<'a>) -> impl Iterator<Item = &'d Section<'a>> {
        let user = |section: &&Section<'a>| {
            let kind = kind_of(section, self.technology);
            kind.is_ok_and(Kind::is_account) && matches(self.filter, section)
        };
        document.sections.iter().filter(user)
    }

    /// All that was told, once, each with its file, in the order of the files: in place of a file's parts the whole file where that was read, and of its parts no
    /// section that an earlier answer brought.
    #[must_use]
    pub fn documents<'a>(&self, told: Vec<Told<'a>>) -> Vec<(String, Document<'a>)> {
        let whole = told.iter().filter(|told| told.query.is_whole()).map(|told| told.query.file.clone());
        let whole: HashSet<String> = whole.collect();
        let mut there: HashSet<(String, Option<Kind>, &'a [u8])> = HashSet::new();
        let mut documents = Vec::new();
        for Told { query, mut document } in told {
            if whole.contains(&query.file) {
                documents.extend(query.is_whole().then_some((query.file, document)));
                continue;
            }
            let key = |section: &Section<'a>| {
                (query.file.clone(), kind_of(section, self.technology).ok(), section.name)
            };
            document.sections.retain(|section| !there.contains(&key(section)));
            there.extend(document.sections.iter().map(key));
            documents.push((query.file, document));
        }
        // In the order of the files, whatever was asked first: the same users make the same file.
        documents.sort_by_key(|(file, _)| self.files.iter().position(|known| known == file));
        documents
    }
}

/// The sections that a user names.
fn parts_of<'a>(user: &Section<'a>) -> impl Iterator<Item = (Kind, &'a [u8])> + use<'a> {
    let user = user.clone();
    PARTS.into_iter().flat_map(move |(key, kind)| names(&user, key).map(move |name| (kind, name)))
}

fn fresh(mut queries: Vec<Query>, told: &[Told<'_>]) -> Vec<Query> {
    queries.retain(|query| !told.iter().any(|told| told.query == *query));
    queries
}

#[cfg(test)]
mod tests;
