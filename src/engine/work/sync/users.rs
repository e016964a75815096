//! The main's answers into the file of users.

use std::{sync::Arc, time::Instant};

use super::{Failure, Site, reading::Reading, shrink::now};
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

impl Site<'_> {
    /// From the main to live users.
    pub(super) fn sync_users(&mut self, reading: &mut Reading) -> Result<(), Failure> {
        let start = Instant::now();
        let answers = self.read_users(reading)?;
        let store = self.store()?;
        let in_place = self.in_place(&store)?;
        let synced = match self.compose(reading, &answers, in_place.as_deref()) {
            Err(failure @ Failure::Answer(SyncError::Select(_))) => {
                // It was read whole, and has none of them.
                self.status.none_on_main = true;
                return Err(failure);
            }
            synced => synced?,
        };
        self.status.none_on_main = false;
        drop(answers);
        let meant: Vec<ConfSection> = synced.sections.iter().map(Tailored::meaning).collect();
        self.note_left_out(&synced);
        let new = names(&users_in(&meant, self.syncing.settings.technology));
        let old = self.users_to_keep(&new);
        match self.plan(in_place.as_deref(), &old, &synced.text, &new) {
            // Also where it is in place and not in force: a reload that came to nothing, a file that could not be
            // read. Asterisk reads a file anew only when it is another one.
            Plan::Unchanged if !self.is_live(&meant)? => self.install(&store, &synced.text, &meant)?,
            Plan::Unchanged => self.nothing_held(Guarded::Users),
            Plan::Hold(held) => return Err(self.hold_removal(Guarded::Users, held)),
            Plan::Write => {
                self.free_numbers(&new);
                self.note_change(Guarded::Users, &old, &new);
                self.install(&store, &synced.text, &meant)?;
                let (users, version) = (self.status.users.len(), self.status.version.unwrap_or_default());
                let (users, took) = (counted(users, "user"), start.elapsed().as_secs_f32());
                let main = &self.syncing.access.main.host;
                self.log(&format!("Synced {users} from {main} in {took:.1} s: version {version}"));
            }
        }
        self.show(synced.sections);
        Ok(())
    }

    /// Whether the new text is written.
    fn plan(&self, in_place: Option<&[u8]>, old: &Names, text: &str, new: &Names) -> Plan {
        let bounds = Bounds {
            losses: &self.losses_of(Guarded::Users),
            now: now(),
            max_shrink: self.syncing.settings.max_shrink,
            accepted: &self.accepted_of(Guarded::Users),
        };
        let in_place = in_place.map(|text| Content { text, users: old });
        Plan::decide(in_place, Content { text: text.as_bytes(), users: new }, &bounds)
    }

    /// The users in place, without those who can be anybody: an earlier version of the module took them, and what has
    /// shrunk does not keep them in force.
    fn users_to_keep(&self, new: &Names) -> Names {
        let mut old = names(&self.status.users);
        if !old.is_subset(new) && !self.syncing.all.policy.open_users {
            for (name, _) in open::users_in(&self.sections_in_place()) {
                old.remove(name);
            }
        }
        old
    }

    /// Whoever goes by a person's word may go from the directory as well.
    fn free_numbers(&mut self, staying: &Names) {
        let accepted = self.accepted_of(Guarded::Users);
        let going = self.status.users.iter().filter(|user| !staying.contains(&user.name));
        let going = going.filter(|user| accepted.contains(&user.name));
        self.freed = going.filter_map(|user| user.number.clone()).collect();
    }

    /// As little of the main's files as there is for this site.
    fn read_users(&self, reading: &mut Reading) -> Result<Vec<Answer>, Failure> {
        let mut answers: Vec<Answer> = Vec::new();
        loop {
            let told = answers.iter().map(Answer::told).collect::<Result<Vec<_>, _>>()?;
            let queries = self.wanted().next_queries(&told);
            if queries.is_empty() {
                return Ok(answers);
            }
            for query in &queries {
                answers.push(reading.ask(query)?);
            }
        }
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
        let Ok(answer) = reading.ask(&Query::named("sip.conf", "general")) else { return false };
        let Ok(document) = Document::read_part(&answer.frame) else { return false };
        let value = document.sections.iter().flat_map(|section| section.values("context")).last();
        let value = value.map(|value| String::from_utf8_lossy(value).into_owned());
        let is_new = value.as_deref().unwrap_or(UNNAMED) != unnamed;
        self.unnamed = value;
        is_new
    }

    fn wanted(&self) -> Wanted<'_> {
        let settings::Sync { technology, files, filter, .. } = &self.syncing.settings;
        Wanted { technology: *technology, files, filter }
    }

    /// The file, without the users whom the channel driver would not take: one that it refused would be missing, or
    /// stay as it was, without a word.
    fn compose(
        &mut self,
        reading: &mut Reading,
        answers: &[Answer],
        in_place: Option<&[u8]>,
    ) -> Result<Synced, Failure> {
        let local = self.local_sections();
        let mut all = self.compose_without(answers, &local, &[])?;
        if self.ask_unnamed(reading, &all.sections) {
            all = self.compose_without(answers, &local, &[])?;
        }
        if self.ask_people(reading, accounts_in(&all.sections))? {
            all = self.compose_without(answers, &local, &[])?;
        }
        if in_place == Some(all.text.as_bytes()) {
            self.refused.clear();
            return Ok(all);
        }
        if self.judge(&all)? {
            all = self.compose_without(answers, &local, &[])?;
        }
        if self.refused.is_empty() {
            return Ok(all);
        }
        let refused: Vec<(Kind, String)> =
            self.refused.iter().map(|(kind, section)| (*kind, section.name.clone())).collect();
        self.compose_without(answers, &local, &refused)
    }

    fn compose_without(
        &self,
        answers: &[Answer],
        local: &[(Kind, String)],
        refused: &[(Kind, String)],
    ) -> Result<Synced, Failure> {
        let rules = Rules {
            wanted: self.wanted(),
            policy: self.policy(),
            number: &self.syncing.settings.number,
            people: &self.people,
            local,
            refused,
            main: &self.syncing.access.main.host,
        };
        Ok(compose(answers, &rules)?)
    }

    /// Has the channel driver look at what is new to it; what it refused before is not asked about again. Says whether
    /// there is something new that it does not take of them.
    fn judge(&mut self, synced: &Synced) -> Result<bool, Failure> {
        let meant: Vec<(Kind, ConfSection)> =
            synced.sections.iter().map(|section| (section.kind, section.meaning())).collect();
        self.refused.retain(|refused| meant.contains(refused));
        let known = self.sections_in_place();
        let new = changed_in(&meant, &known);
        let asked: Vec<(Kind, &ConfSection)> = new
            .into_iter()
            .filter(|section| !self.refused.contains(section))
            .map(|(kind, section)| (*kind, section))
            .collect();
        let mut declined = Declined::default();
        // Where it doesn't answer, the reload will say so.
        let Ok(Some(taken)) = self.host.try_out(self.syncing.settings.technology, &asked, &mut declined)
        else {
            return Ok(false);
        };
        let refused = asked.iter().zip(taken).filter(|(_, taken)| !taken);
        let refused: Vec<_> = refused.map(|((kind, section), _)| (*kind, (*section).clone())).collect();
        self.refused.extend(refused);
        let new = self.declined.learn(declined);
        self.tell_declined(&new);
        Ok(!new.is_empty())
    }

    fn tell_declined(&self, new: &[String]) {
        let shown = new.get(..new.len().min(DECLINED_SHOWN)).unwrap_or_default();
        let more = match new.len() - shown.len() {
            _ if shown.is_empty() => return,
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let text = format!(
            "This Asterisk does not take all that the main says of its users: {}{more}. The users are taken without it; \
             'synch show user' shows what is written.",
            shown.join("; ")
        );
        self.host.log(Level::Warning, &text);
    }

    /// What is done to each user.
    fn policy(&self) -> Policy<'_> {
        let Settings { policy, dialplan, voicemail, .. } = &*self.syncing.all;
        let boxes = voicemail.is_some();
        let unnamed = self.unnamed.as_deref().unwrap_or(UNNAMED);
        Policy { settings: policy, dialplan: dialplan.as_ref(), boxes, unnamed, declined: &self.declined }
    }

    /// Lets everybody see what became of each option.
    fn show(&mut self, sections: Vec<Tailored>) {
        let masked: Vec<Tailored> = sections.into_iter().map(Tailored::masked).collect();
        if *self.status.sections != *masked {
            self.status.sections = Arc::from(masked);
        }
    }

    fn note_left_out(&mut self, synced: &Synced) {
        let left_out: Vec<LeftOut> = synced
            .left_out
            .iter()
            .map(|user| LeftOut { name: user.name.clone(), reason: user.reason.to_string() })
            .collect();
        if left_out == self.status.left_out {
            return;
        }
        let is_live = |user: &&LeftOut| self.status.users.iter().any(|live| live.name == user.name);
        let (lost, others): (Vec<&LeftOut>, Vec<&LeftOut>) = left_out.iter().partition(is_live);
        for LeftOut { name, reason } in lost.iter().take(LOST_NAMED) {
            let text = format!("{name} worked here, and the last sync leaves it out: {reason}");
            self.host.log(Level::Warning, &text);
        }
        if let Some(LeftOut { name, reason }) = others.first().or_else(|| lost.get(LOST_NAMED)) {
            let count = counted(left_out.len(), "user");
            let text = format!("{count} left out, {name} the first: {reason}. See 'synch show users'.");
            self.host.log(Level::Warning, &text);
        }
        self.status.left_out = left_out;
    }
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
