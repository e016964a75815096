//! The main's answers into the file of users.
//!
//! - `plan`: what a sync would do, for whoever has to know it before
//! - `install`: a new file into force, or the last good one back
//! - `versions`: the file in place and its versions, as the status shows them

mod install;
mod plan;
mod versions;

use std::{hash::RandomState, sync::Arc, time::Instant};

use self::versions::in_place;
use super::{Failure, Wish, common::Common, part::Part, reading::Reading, shrink::now};
use crate::{
    engine::host::Level,
    operator::status::LeftOut,
    settings::{self, Settings},
    site::{
        shrink::{Guarded, Names},
        users::{
            Answer, Bounds, Content, Declined, Document, Kind, Plan, Policy, Rules, SyncError, Synced,
            Tailored, User, Wanted, changed_in, compose, open, policy::UNNAMED, users_in,
        },
    },
    uplink::ami::Query,
    words::{conf::ConfSection, wording::counted},
};

/// Options that a warning names.
const DECLINED_SHOWN: usize = 5;

/// Users lost by an edit of the main whom the log names, each in a line.
const LOST_NAMED: usize = 10;

/// The users of this site.
#[derive(Default)]
pub(super) struct Users {
    /// Keys of the marks that stand for passwords where versions are compared.
    marks: RandomState,
    /// What of the file the channel driver lists once it is live.
    listed: Vec<(Kind, String)>,
    /// Sections that the channel driver would not take, as they were then.
    refused: Vec<(Kind, ConfSection)>,
    /// What the channel driver does not take of them.
    declined: Declined,
    /// The file that did not come into force, and why: it is not tried again.
    bad: Option<(String, String)>,
    /// The context on the main of whoever names none, where it says one.
    unnamed: Option<String>,
}

impl<'a> Part<'a> for Users {
    fn look_at_disk(&mut self, common: &mut Common<'a>) -> Result<(), Failure> {
        self.look_at_file(common)
    }

    /// From the main to live users.
    fn sync(&mut self, reading: &mut Reading, _: Wish, common: &mut Common<'a>) -> Result<(), Failure> {
        let start = Instant::now();
        let answers = read_users(reading, common)?;
        let store = common.store()?;
        let in_place = in_place(&store, common)?;
        let synced = match self.compose(reading, &answers, in_place.as_deref(), common) {
            Err(failure @ Failure::Answer(SyncError::Select(_))) => {
                // It was read whole, and has none of them.
                common.status.none_on_main = true;
                return Err(failure);
            }
            synced => synced?,
        };
        common.status.none_on_main = false;
        reading.is_wanted()?;
        drop(answers);
        let meant: Vec<ConfSection> = synced.sections.iter().map(Tailored::meaning).collect();
        note_left_out(&synced, common);
        let new = names(&users_in(&meant, common.syncing.settings.technology));
        let old = users_to_keep(&new, common);
        match plan(in_place.as_deref(), &old, &synced.text, &new, common) {
            // Also where it is in place and not in force: a reload that came to nothing, a file that could not be
            // read. Asterisk reads a file anew only when it is another one.
            Plan::Unchanged if !self.is_live(&meant, common)? => {
                self.install(&store, &synced.text, &meant, common)?
            }
            Plan::Unchanged => common.nothing_held(Guarded::Users),
            Plan::Hold(held) => return Err(common.hold_removal(Guarded::Users, held)),
            Plan::Write => {
                free_numbers(&new, common);
                common.note_change(Guarded::Users, &old, &new);
                self.install(&store, &synced.text, &meant, common)?;
                let (users, version) = (common.status.users.len(), common.status.version.unwrap_or_default());
                let (users, took) = (counted(users, "user"), start.elapsed().as_secs_f32());
                let main = &common.syncing.access.main.host;
                common.log(&format!("Synced {users} from {main} in {took:.1} s: version {version}"));
            }
        }
        show(synced.sections, common);
        Ok(())
    }
}

impl Users {
    /// Puts a version back, and holds it.
    pub(super) fn roll_back(&mut self, version: u64, common: &mut Common<'_>) -> Result<(), Failure> {
        let store = common.store()?;
        in_place(&store, common)?;
        self.install_version(&store, version, common)
    }

    /// Tries the file again that did not come into force.
    pub(super) fn forget_bad(&mut self) {
        self.bad = None;
    }

    /// Asks for the context of peers that name none, where there are such: `[general]` of sip.conf says it, and the main reads
    /// all of that file for the answer. A main that doesn't tell has said it before, or means chan_sip's own default. Returns
    /// whether it is another one now.
    fn ask_unnamed(&mut self, reading: &mut Reading, sections: &[Tailored]) -> bool {
        let unnamed = self.unnamed.as_deref().unwrap_or(UNNAMED);
        let concerns = |section: &Tailored| section.kind == Kind::Peer && section.context_was(unnamed);
        if !sections.iter().any(concerns) {
            return false;
        }
        // Nothing of the main's own is exported.
        if reading.exports() {
            return false;
        }
        let Ok(answer) = reading.ask(&Query::named("sip.conf", "general")) else { return false };
        let Ok(document) = Document::read_part(&answer.frame) else { return false };
        let value = document.sections.iter().flat_map(|section| section.values("context")).last();
        let value = value.map(|value| String::from_utf8_lossy(value).into_owned());
        let is_new = value.as_deref().unwrap_or(UNNAMED) != unnamed;
        self.unnamed = value;
        is_new
    }

    /// The file, without the users whom the channel driver would not take: one that it refused would be missing, or
    /// stay as it was, without a word.
    fn compose(
        &mut self,
        reading: &mut Reading,
        answers: &[Answer],
        in_place: Option<&[u8]>,
        common: &mut Common<'_>,
    ) -> Result<Synced, Failure> {
        let local = common.local_sections();
        let mut all = self.compose_without(answers, &local, &[], common)?;
        if self.ask_unnamed(reading, &all.sections) {
            all = self.compose_without(answers, &local, &[], common)?;
        }
        if ask_people(reading, &all.sections, common)? {
            all = self.compose_without(answers, &local, &[], common)?;
        }
        if in_place == Some(all.text.as_bytes()) {
            self.refused.clear();
            return Ok(all);
        }
        if self.judge(&all, common)? {
            all = self.compose_without(answers, &local, &[], common)?;
        }
        if self.refused.is_empty() {
            return Ok(all);
        }
        let refused: Vec<(Kind, String)> =
            self.refused.iter().map(|(kind, section)| (*kind, section.name.clone())).collect();
        self.compose_without(answers, &local, &refused, common)
    }

    fn compose_without(
        &self,
        answers: &[Answer],
        local: &[(Kind, String)],
        refused: &[(Kind, String)],
        common: &Common<'_>,
    ) -> Result<Synced, Failure> {
        let rules = Rules {
            wanted: wanted(&common.syncing.settings),
            policy: self.policy(common),
            number: &common.syncing.settings.number,
            people: common.people.all(),
            local,
            refused,
            main: &common.syncing.access.main.host,
        };
        Ok(compose(answers, &rules)?)
    }

    /// Has the channel driver look at what is new to it; what it refused before is not asked about again. Says whether
    /// there is something new that it does not take of them.
    fn judge(&mut self, synced: &Synced, common: &Common<'_>) -> Result<bool, Failure> {
        let meant: Vec<(Kind, ConfSection)> =
            synced.sections.iter().map(|section| (section.kind, section.meaning())).collect();
        self.refused.retain(|refused| meant.contains(refused));
        let known = common.sections_in_place();
        let new = changed_in(&meant, &known);
        let asked: Vec<(Kind, &ConfSection)> = new
            .into_iter()
            .filter(|section| !self.refused.contains(section))
            .map(|(kind, section)| (*kind, section))
            .collect();
        let mut declined = Declined::default();
        // Where it doesn't answer, the reload will say so.
        let Ok(Some(taken)) = common.host.try_out(common.syncing.settings.technology, &asked, &mut declined)
        else {
            return Ok(false);
        };
        let refused = asked.iter().zip(taken).filter(|(_, taken)| !taken);
        let refused: Vec<_> = refused.map(|((kind, section), _)| (*kind, (*section).clone())).collect();
        self.refused.extend(refused);
        let new = self.declined.learn(declined);
        tell_declined(&new, common);
        Ok(!new.is_empty())
    }

    /// What is done to each user.
    fn policy<'a>(&'a self, common: &'a Common<'_>) -> Policy<'a> {
        let Settings { policy, dialplan, voicemail, .. } = &*common.syncing.all;
        let boxes = voicemail.is_some();
        let unnamed = self.unnamed.as_deref().unwrap_or(UNNAMED);
        Policy { settings: policy, dialplan: dialplan.as_ref(), boxes, unnamed, declined: &self.declined }
    }
}

/// Whether the new text is written.
fn plan(in_place: Option<&[u8]>, old: &Names, text: &str, new: &Names, common: &Common<'_>) -> Plan {
    let bounds = Bounds {
        losses: &common.lost.losses_of(Guarded::Users),
        now: now(),
        max_shrink: common.syncing.settings.max_shrink,
        accepted: &common.lost.accepted_of(Guarded::Users),
    };
    let in_place = in_place.map(|text| Content { text, users: old });
    Plan::decide(in_place, Content { text: text.as_bytes(), users: new }, &bounds)
}

/// The users in place, without those who can be anybody: an earlier version of the module took them, and what has
/// shrunk does not keep them in force.
fn users_to_keep(new: &Names, common: &Common<'_>) -> Names {
    let mut old = names(&common.status.users);
    if !old.is_subset(new) && !common.syncing.all.policy.open_users {
        for (name, _) in open::users_in(&common.sections_in_place()) {
            old.remove(name);
        }
    }
    old
}

/// Whoever goes by a person's word may go from the directory as well.
fn free_numbers(staying: &Names, common: &mut Common<'_>) {
    let accepted = common.lost.accepted_of(Guarded::Users);
    let going = common.status.users.iter().filter(|user| !staying.contains(&user.name));
    let going = going.filter(|user| accepted.contains(&user.name));
    let numbers = going.filter_map(|user| user.number.clone()).collect();
    common.lost.free(numbers);
}

/// As little of the main's files as there is for this site.
fn read_users(reading: &mut Reading, common: &mut Common<'_>) -> Result<Vec<Answer>, Failure> {
    if reading.exports() {
        return common.exported.users(reading);
    }
    let settings = &common.syncing.settings;
    if !settings.filter.is_given() {
        return Err(Failure::NoFilter);
    }
    let mut answers: Vec<Answer> = Vec::new();
    loop {
        let told = answers.iter().map(Answer::told).collect::<Result<Vec<_>, _>>()?;
        let queries = wanted(settings).next_queries(&told);
        if queries.is_empty() {
            return Ok(answers);
        }
        for query in &queries {
            answers.push(reading.ask(query)?);
        }
    }
}

fn wanted(settings: &settings::Sync) -> Wanted<'_> {
    let settings::Sync { technology, files, filter, .. } = settings;
    Wanted { technology: *technology, files, filter }
}

fn tell_declined(new: &[String], common: &Common<'_>) {
    let shown = new.get(..new.len().min(DECLINED_SHOWN)).unwrap_or_default();
    let more = match new.len() - shown.len() {
        _ if shown.is_empty() => return,
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let text = format!(
        "This Asterisk does not accept every option of the main's users: {}{more}. What it refuses is left out; \
         'synch show user' shows what is written.",
        shown.join("; ")
    );
    common.host.log(Level::Warning, &text);
}

/// Lets everybody see what became of each option.
fn show(sections: Vec<Tailored>, common: &mut Common<'_>) {
    let masked: Vec<Tailored> = sections.into_iter().map(Tailored::masked).collect();
    if *common.status.sections != *masked {
        common.status.sections = Arc::from(masked);
    }
}

fn note_left_out(synced: &Synced, common: &mut Common<'_>) {
    let left_out: Vec<LeftOut> = synced
        .left_out
        .iter()
        .map(|user| LeftOut { name: user.name.clone(), reason: user.reason.to_string() })
        .collect();
    if left_out == common.status.left_out {
        return;
    }
    let is_live = |user: &&LeftOut| common.status.users.iter().any(|live| live.name == user.name);
    let (lost, others): (Vec<&LeftOut>, Vec<&LeftOut>) = left_out.iter().partition(is_live);
    for LeftOut { name, reason } in lost.iter().take(LOST_NAMED) {
        let text = format!("{name} was a user here, and the last sync left it out: {reason}");
        common.host.log(Level::Warning, &text);
    }
    if let Some(LeftOut { name, reason }) = others.first().or_else(|| lost.get(LOST_NAMED)) {
        let count = counted(left_out.len(), "user");
        let text = format!("{count} left out, {name} the first: {reason}. See 'synch show users'.");
        common.host.log(Level::Warning, &text);
    }
    common.status.left_out = left_out;
}

/// Asks who is logged in where, where that is wanted. Returns whether it has changed.
fn ask_people(
    reading: &mut Reading,
    sections: &[Tailored],
    common: &mut Common<'_>,
) -> Result<bool, Failure> {
    if !common.syncing.settings.call_settings {
        return Ok(false);
    }
    let Common { people, exported, status, .. } = common;
    people.ask(reading, exported, accounts_in(sections), &status.users)
}

/// The accounts among these sections.
fn accounts_in(sections: &[Tailored]) -> Names {
    let accounts = sections.iter().filter(|section| section.kind.is_account());
    accounts.map(|account| account.name.clone()).collect()
}

/// Their names.
fn names(users: &[User]) -> Names {
    users.iter().map(|user| user.name.clone()).collect()
}
