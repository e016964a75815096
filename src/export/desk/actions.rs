//! What a branch's session may ask: headers in, an answer out.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Account, Desk, Order, Shown, Visit, live_sections};
use crate::{
    export::{
        Answer, Digest, Group, NoHash, PROTOCOL, Part, Short,
        asked::{ALL, CALLS, YES},
        proof::{Nonce, proves},
        share::Admission,
        stock::Things,
        waits::{Place, Reason},
    },
    words::wording::visible,
};

/// A wrong key is answered so late: nobody tries many.
const AFTER_WRONG_KEY: Duration = Duration::from_secs(1);
/// So long a session waits for the worker that reads the texts: a main of 20,000 users takes one second, a busy one some.
const TEXTS: Duration = Duration::from_secs(10);
/// So long a branch may wait for news.
const LONGEST: u64 = 60;
/// The same where it does not say how long.
const USUAL: u64 = 25;
/// Letters of what a branch says of itself at most.
const WORD: usize = 20;

/// How a header of the question is read, by its name; empty where it has none.
pub type Header<'a> = &'a dyn Fn(&str) -> String;

/// The Asterisk around a session.
pub trait Around {
    /// Returns the password of an AMI account; `None` where there is no such account.
    fn secret(&self, account: &str) -> Option<String>;

    /// Draws a number that nobody can know before; `None` where the system has none.
    fn draw(&self) -> Option<u128>;

    /// Reports a wrong key to whoever hears of attacks.
    fn report(&self, account: &str, nonce: &str);

    /// Returns where the session comes from; `None` where that is not known.
    fn address(&self) -> Option<String>;

    /// Does something that takes its time, without the module being held meanwhile: it may be unloaded.
    fn wait(&self, wait: &mut dyn FnMut());

    /// Returns how many calls these users have, by the names of their accounts. It looks at each channel there is.
    fn calls(&self, users: &BTreeSet<&str>) -> usize;

    /// Returns whether Asterisk has started up.
    fn is_booted(&self) -> bool;
}

/// What a session is answered.
#[derive(Debug)]
pub struct Reply {
    /// `Response: Success`; else it is an error.
    pub is_success: bool,
    /// The headers behind it, each with its line end.
    pub headers: Vec<u8>,
    /// Whether the session is ended.
    pub ends: bool,
    /// Of a session that has waited: the end of all waits is over once it has its answer, too.
    pub place: Option<Place>,
}

impl Reply {
    fn success(headers: &[(&str, &str)]) -> Self {
        let line = |(name, value): &(&str, &str)| format!("{name}: {value}\r\n");
        let headers: String = headers.iter().map(line).collect();
        Self { is_success: true, headers: headers.into_bytes(), ends: false, place: None }
    }

    fn error(message: &str) -> Self {
        let headers = format!("Message: {}\r\n", visible(message)).into_bytes();
        Self { is_success: false, headers, ends: false, place: None }
    }

    fn busy(message: &str, ends: bool) -> Self {
        let headers = format!("Message: Busy: {message}\r\nBusy: yes\r\n").into_bytes();
        Self { is_success: false, headers, ends, place: None }
    }
}

impl From<NoHash> for Reply {
    fn from(error: NoHash) -> Self {
        Self::error(&error.to_string())
    }
}

impl Desk {
    /// `SynchHello`: gives a nonce, or takes the proof that is made with it.
    pub fn hello(&self, visit_of: &Mutex<Visit>, header: Header<'_>, around: &dyn Around) -> Reply {
        let mut visit = lock(visit_of);
        if let Err(reply) = admitted(visit.admits()) {
            return reply;
        }
        let site = header("Site");
        if site.is_empty() {
            let Some(drawn) = around.draw() else {
                return Reply::error("this system has no random numbers to give");
            };
            let nonce = Nonce::new(drawn);
            let shown = self.shown();
            let reply = Reply::success(&[
                ("Protocol", &PROTOCOL.to_string()),
                ("Nonce", nonce.text()),
                ("Version", env!("CARGO_PKG_VERSION")),
                ("Reload", &shown.taken_up.to_string()),
                ("Booted", if around.is_booted() { "yes" } else { "no" }),
                ("Wait", &self.wait_time().to_string()),
            ]);
            visit.nonce = Some(nonce);
            return reply;
        }
        // It serves once, whatever comes of it.
        let Some(nonce) = visit.nonce.take() else {
            return Reply::error("ask for a nonce first (SynchHello without Site)");
        };
        drop(visit);
        self.proved(&site, &nonce, &header("Key"), visit_of, around).unwrap_or_else(|reply| reply)
    }

    fn proved(
        &self,
        site: &str,
        nonce: &Nonce,
        key: &str,
        visit: &Mutex<Visit>,
        around: &dyn Around,
    ) -> Result<Reply, Reply> {
        let secret = around.secret(site).unwrap_or_default();
        if !proves(&*self.crypto, &secret, nonce, site, key)? {
            if let Ok(place) = self.readers.enter("") {
                let end = Instant::now() + AFTER_WRONG_KEY;
                around.wait(&mut || while let Reason::Changed | Reason::Reload = place.wait(end) {});
            }
            // Only now is it known for sure where the session comes from: Asterisk tells of a login some time after it.
            around.report(site, nonce.text());
            let message = "not proved: the key is not made with the password of an account of that name";
            return Err(Reply { ends: true, ..Reply::error(message) });
        }
        let shown = self.shown_with(site, around, Self::want_texts, |shown| shown.stock.is_some())?;
        if !shown.stock.as_ref().is_some_and(|stock| stock.sites.contains_key(site)) {
            // One that was added a moment ago is one at its next attempt.
            self.reader.tell(Order::Sites);
            let message = "not proved: this account is no site; [export] sites of the main says which are";
            return Err(Reply { ends: true, ..Reply::error(message) });
        }
        let mut visit = lock(visit);
        if visit.site().is_some_and(|known| known != site) {
            return Err(Reply::error("this session has proved to be of another site already"));
        }
        if visit.site().is_none() && !visit.proved(site) {
            return Err(Reply::busy("this site has too many sessions", true));
        }
        Ok(Reply::success(&[("Message", "proved")]))
    }

    /// `SynchExport`: says that nothing has changed, which things there are, or what is in them.
    pub fn export(&self, visit: &Mutex<Visit>, header: Header<'_>, around: &dyn Around) -> Reply {
        let site = match site_of(visit) {
            Ok(site) => site,
            Err(reply) => return reply,
        };
        let reply = self.exported(&site, header, around).unwrap_or_else(|reply| reply);
        let now = Instant::now();
        self.with_account(&site, |account| account.share.answered(reply.headers.len(), now));
        reply
    }

    fn exported(&self, site: &str, header: Header<'_>, around: &dyn Around) -> Result<Reply, Reply> {
        let part = match header("Part").as_str() {
            "" => Part::Users,
            word => Part::of_word(word).ok_or_else(|| Reply::error("no such part"))?,
        };
        let (contexts, users) = (header("Contexts"), header("Users"));
        let contexts = listed(&contexts);
        let has_it = |shown: &Shown| {
            // What changes by itself is asked for when the first session of a site comes, which takes a second.
            shown.stock.is_some() && (!part.is_live() || shown.things(site, part).is_some())
        };
        let want = match part {
            Part::Contacts => Self::want_phones,
            Part::Settings => Self::want_settings,
            _ => Self::want_texts,
        };
        let shown = self.shown_with(site, around, want, has_it)?;
        let things = match shown.things(site, part) {
            None => return Err(Reply::error("no such part")),
            Some(Err(too_many)) => return Err(Reply::error(&too_many.to_string())),
            Some(Ok(things)) => things,
        };
        let chosen;
        let things = if part == Part::Contexts && !contexts.is_empty() {
            chosen = Arc::new(things.chosen(&*self.crypto, &contexts)?);
            &chosen
        } else {
            things
        };
        let groups = header("Groups");
        if users.is_empty() && matches!(groups.trim(), "" | ALL) {
            if Digest::read(&header("Digest")) == Some(things.digest) {
                return Ok(Reply::success(&[("Unchanged", "yes")]));
            }
            return self.listed(things, !groups.is_empty());
        }
        let names: Option<BTreeSet<&str>> = if users.is_empty() {
            let groups = listed(&groups).into_iter().filter_map(Group::read).collect();
            Some(things.of_groups(&groups))
        } else {
            (users.trim() != ALL).then(|| listed(&users).into_iter().collect())
        };
        let answer = if let Some(live) = shown.live.get(site).and_then(|parts| parts.get(&part)) {
            let mut answer = Answer::default();
            let is_wanted = |name: &str| names.as_ref().is_none_or(|names| names.contains(name));
            live_sections(live, is_wanted).iter().for_each(|section| answer.push(section));
            answer
        } else {
            let has_texts = |shown: &Shown| shown.stock.is_some() && shown.texts.is_some();
            let shown = self.shown_with(site, around, Self::want_texts, has_texts)?;
            let (Some(stock), Some(texts)) = (&shown.stock, &shown.texts) else {
                return Err(Reply::busy("the texts are being read", false));
            };
            // They may have been read anew meanwhile: then the branch asks again.
            let now = self.digest(&shown, site, part, &contexts)?;
            if now != Some(things.digest) {
                return Err(Reply::busy("it has just changed", false));
            }
            let of_contexts: BTreeSet<&str> = contexts.iter().copied().collect();
            let all = (part == Part::Contexts && !contexts.is_empty()).then_some(&of_contexts);
            texts.answer(stock, site, part, names.as_ref().or(all))
        };
        let mut reply = Reply::success(&[("Digest", &things.digest.to_string())]);
        reply.headers.extend(answer.headers());
        let digest = answer.digest(&*self.crypto)?;
        reply.headers.extend(format!("AnswerDigest: {digest}\r\n").into_bytes());
        Ok(reply)
    }

    /// Says what there is of a part: each thing or each group, with its digest.
    fn listed(&self, things: &Things, by_groups: bool) -> Result<Reply, Reply> {
        let mut reply = Reply::success(&[("Digest", &things.digest.to_string())]);
        if by_groups {
            let line = |(group, digest): &(Group, Short)| format!("Group: {group} {digest}\r\n");
            let lines = things.groups.iter().map(line).collect::<String>().into_bytes();
            let digest = Digest::of(&*self.crypto, &lines)?;
            reply.headers.extend(lines);
            reply.headers.extend(format!("AnswerDigest: {digest}\r\n").into_bytes());
        } else {
            for (name, digest) in things.iter() {
                reply.headers.extend(b"User: ");
                reply.headers.extend(name);
                reply.headers.extend(format!(" {digest}\r\n").into_bytes());
            }
        }
        Ok(reply)
    }

    fn want_texts(&self) {
        self.reader.tell(Order::Texts);
    }

    fn want_phones(&self) {
        self.reader.tell(Order::Phones);
    }

    fn want_settings(&self) {
        self.watcher.tell(());
    }

    /// Returns what lies on the desk once it has what is wanted, for which its worker is asked.
    fn shown_with(
        &self,
        site: &str,
        around: &dyn Around,
        want: fn(&Self),
        has_it: impl Fn(&Shown) -> bool,
    ) -> Result<Arc<Shown>, Reply> {
        let shown = self.shown();
        if has_it(&shown) {
            self.reader.tell(Order::Fetched);
            return Ok(shown);
        }
        let leaves = |_| Reply::busy("the module is being unloaded", false);
        let place = self.readers.enter(site).map_err(leaves)?;
        want(self);
        let end = Instant::now() + TEXTS;
        let mut found = None;
        around.wait(&mut || {
            loop {
                let shown = self.shown();
                if has_it(&shown) {
                    found = Some(shown);
                    return;
                }
                if !matches!(place.wait(end), Reason::Changed | Reason::Reload) {
                    return;
                }
            }
        });
        found.ok_or_else(|| match self.problem().as_str() {
            "" => Reply::busy("the files are being read", false),
            problem => Reply::busy(&visible(problem), false),
        })
    }

    /// `SynchWait`: answers when something of the site has changed.
    pub fn wait(&self, visit: &Mutex<Visit>, header: Header<'_>, around: &dyn Around) -> Reply {
        let site = match site_of(visit) {
            Ok(site) => site,
            Err(reply) => return reply,
        };
        // None at all is the question of a branch that only wants to say how it is.
        let timeout = header("Timeout").parse().unwrap_or(USUAL).min(LONGEST);
        let end = Instant::now() + Duration::from_secs(timeout);
        let contexts = header("Contexts");
        let contexts = listed(&contexts);
        let known: Vec<(Part, String)> = Part::ALL
            .into_iter()
            .map(|part| (part, header(part.digest_header())))
            .filter(|(_, digest)| !digest.is_empty())
            .collect();
        let (state, version) = (word(&header("State")), word(&header("Version")));
        self.with_account(&site, |account| {
            account.waits += 1;
            (account.state, account.version) = (state, version);
            see_from(account, around);
        });
        let reply = self.waited(&site, end, &known, &contexts, around);
        self.with_account(&site, |account| {
            account.waits = account.waits.saturating_sub(1);
            account.last_word = Instant::now();
            see_from(account, around);
        });
        let mut reply = reply.unwrap_or_else(Reply::from);
        // A branch wants to know it while its main is to be worked on, and not all the time.
        if reply.is_success && header(CALLS) == YES {
            let calls = self.calls(&site, around);
            reply
                .headers
                .extend(calls.map(|calls| format!("{CALLS}: {calls}\r\n").into_bytes()).unwrap_or_default());
        }
        reply
    }

    /// Counts the calls of a site's users; `None` where it is not known who they are.
    fn calls(&self, site: &str, around: &dyn Around) -> Option<usize> {
        let shown = self.shown();
        let users = shown.things(site, Part::Users)?.ok()?;
        Some(around.calls(&users.names.texts().collect()))
    }

    fn waited(
        &self,
        site: &str,
        end: Instant,
        known: &[(Part, String)],
        contexts: &[&str],
        around: &dyn Around,
    ) -> Result<Reply, NoHash> {
        let place = match self.news.enter(site) {
            Ok(place) => place,
            Err(reason) => return Ok(Reply::success(&[("Reason", reason.word())])),
        };
        loop {
            let shown = self.shown();
            let mut changed = Vec::new();
            for (part, digest) in known {
                let now = self.digest(&shown, site, *part, contexts)?;
                if now.is_some_and(|now| Digest::read(digest) != Some(now)) {
                    changed.push(part.word());
                }
            }
            if !changed.is_empty() {
                let changed = changed.join(",");
                return Ok(Reply::success(&[("Reason", Reason::Changed.word()), ("Changed", &changed)]));
            }
            let mut reason = Reason::Time;
            around.wait(&mut || reason = place.wait(end));
            if reason != Reason::Changed {
                return Ok(Reply { place: Some(place), ..Reply::success(&[("Reason", reason.word())]) });
            }
            // Of a part that this branch does not have: it goes on waiting.
        }
    }
}

/// Returns the site that the session has proved to be of, where it may ask something now.
fn site_of(visit: &Mutex<Visit>) -> Result<String, Reply> {
    let mut visit = lock(visit);
    admitted(visit.admits())?;
    visit.site().map(str::to_owned).ok_or_else(|| Reply::error("prove who you are first (SynchHello)"))
}

/// Takes note of where the session comes from, which Asterisk tells some time after its login.
fn see_from(account: &mut Account, around: &dyn Around) {
    if let Some(address) = around.address() {
        account.address = address;
    }
}

fn admitted(admission: Admission) -> Result<(), Reply> {
    match admission {
        Admission::Granted => Ok(()),
        Admission::Busy => Err(Reply::busy("too many questions", false)),
        Admission::End => Err(Reply::busy("far too many questions", true)),
    }
}

fn lock(visit: &Mutex<Visit>) -> std::sync::MutexGuard<'_, Visit> {
    visit.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listed(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// A word that a branch says of itself, as it may be shown.
fn word(text: &str) -> String {
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || ".-+~".contains(*letter);
    text.chars().filter(plain).take(WORD).collect()
}
