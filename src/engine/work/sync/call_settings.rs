//! What people have set for calls to them, from the main's database into the branch's; and who is logged in at which device.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Failure, Site, reading::Reading};
use crate::{
    engine::host::Level,
    site::{
        call_settings::{CallSetting, CallSettings, DEVICE, OfPerson, person},
        shrink::Names,
        users::User,
    },
};

/// Values asked for in one breath: 5 KB of questions, and as much of answers where people have set little.
const AT_ONCE: usize = 64;

/// What the log hears where they can't be read.
const NOT_READ: &str = "Call forwards and do-not-disturb of the users, and who is logged in at which device, are not as on the main";

/// Which of a person's settings in the branch's database are the main's: the families, by number.
const OURS: &str = "call_settings";

impl Site<'_> {
    /// Learns who is logged in at each of these accounts, where the main says so; whether that has changed. As long as it is
    /// not known, whoever was reached under another number than his account says still is.
    pub(super) fn ask_people(&mut self, reading: &mut Reading, accounts: Names) -> Result<bool, Failure> {
        self.no_database = None;
        if !self.syncing.settings.call_settings {
            return Ok(false);
        }
        let keys: Vec<(&str, String)> =
            accounts.iter().map(|account| (DEVICE, format!("{account}/user"))).collect();
        let people = match values(reading, &keys) {
            Ok(said) => {
                let people = accounts.into_iter().zip(said);
                self.people_known = true;
                people.filter_map(|(account, said)| Some((account, person(&said?)?.to_owned()))).collect()
            }
            Err(Failure::Stopped) => return Err(Failure::Stopped),
            Err(failure) => {
                self.no_database = Some(failure.to_string());
                if self.people_known {
                    return Ok(false);
                }
                self.people_in_place()
            }
        };
        let changed = self.people != people;
        self.people = people;
        Ok(changed)
    }

    /// Whoever has another number in the file in place than his account says.
    fn people_in_place(&self) -> BTreeMap<String, String> {
        let users = self.status.users.iter();
        let moved = users.filter(|user| User::new(&user.name, &user.callerid).number != user.number);
        moved.filter_map(|user| Some((user.name.clone(), user.number.clone()?))).collect()
    }

    /// Takes over what the users have set. Only a stop of the module ends more than that.
    pub(super) fn sync_call_settings(&mut self, reading: &mut Reading) -> Result<(), Failure> {
        if !self.syncing.settings.call_settings {
            return Ok(());
        }
        let problem = match (self.no_database.take(), self.status.users.is_empty()) {
            // It has just not answered such a question.
            (Some(problem), _) => problem,
            (None, true) => return Ok(()),
            (None, false) => match self.take_call_settings(reading) {
                Ok(()) => String::new(),
                Err(Failure::Stopped) => return Err(Failure::Stopped),
                Err(failure) => failure.to_string(),
            },
        };
        if problem.is_empty() {
            self.syncing.kit.log_end(NOT_READ, "The call settings of the users are those of the main again.");
        } else {
            self.syncing.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {problem}"));
        }
        self.status.call_settings_problem = problem;
        Ok(())
    }

    fn take_call_settings(&mut self, reading: &mut Reading) -> Result<(), Failure> {
        let numbers = self.numbers();
        let keys: Vec<(&str, String)> = numbers
            .iter()
            .flat_map(|number| CallSetting::ALL.map(|setting| (setting.family(), number.clone())))
            .collect();
        let said = values(reading, &keys)?;
        self.keep(self.here(numbers, &said))
    }

    /// What an earlier life has left.
    pub(super) fn look_at_call_settings(&mut self) {
        if !self.syncing.settings.call_settings {
            return;
        }
        let of = |number: String| {
            let ours = self.host.recall(&format!("{OURS}/{number}")).unwrap_or_default();
            let is_ours = |setting: &CallSetting| ours.split(',').any(|family| family == setting.family());
            let stored = |setting: CallSetting| Some((setting, self.host.stored(setting.family(), &number)?));
            let of_person: OfPerson =
                CallSetting::ALL.into_iter().filter(is_ours).filter_map(stored).collect();
            (number, of_person)
        };
        self.status.call_settings = Arc::new(self.numbers().into_iter().map(of).collect());
    }

    /// The users' numbers.
    fn numbers(&self) -> BTreeSet<String> {
        self.status.users.iter().filter_map(|user| user.number.clone()).collect()
    }

    /// What the branch is to have, by all answers in the order of the questions.
    fn here(&self, numbers: BTreeSet<String>, said: &[Option<String>]) -> CallSettings {
        let freepbx = !self.people.is_empty();
        let of = |(number, said): (String, &[Option<String>])| {
            let here = |(setting, said): (CallSetting, &Option<String>)| {
                Some((setting, setting.here(said.as_deref(), freepbx)?))
            };
            (number, CallSetting::ALL.into_iter().zip(said).filter_map(here).collect())
        };
        numbers.into_iter().zip(said.chunks(CallSetting::ALL.len())).map(of).collect()
    }

    /// Writes them into the branch's own database, and takes away what is not set any more. What the branch has of its own
    /// there, by feature codes of its dialplan, stays where the main says nothing.
    fn keep(&mut self, settings: CallSettings) -> Result<(), Failure> {
        let before = Arc::clone(&self.status.call_settings);
        let gone = before.keys().filter(|number| !settings.contains_key(*number));
        let nothing = OfPerson::new();
        let wanted = settings.iter().chain(gone.map(|number| (number, &nothing)));
        for (number, now) in wanted {
            let before = before.get(number).unwrap_or(&nothing);
            for setting in CallSetting::ALL {
                let stored = self.host.stored(setting.family(), number);
                let (old, new) = (before.get(&setting), now.get(&setting));
                if stored.as_ref() != new && (new.is_some() || stored.as_ref() == old) {
                    let new = new.map(String::as_str);
                    self.host.store(setting.family(), number, new).map_err(Failure::Database)?;
                }
            }
            let families = |of_person: &OfPerson| {
                let families: Vec<&str> = of_person.keys().map(|setting| setting.family()).collect();
                families.join(",")
            };
            let ours = families(now);
            if ours != families(before) {
                let ours = Some(ours.as_str()).filter(|ours| !ours.is_empty());
                self.host.remember(&format!("{OURS}/{number}"), ours).map_err(Failure::Database)?;
            }
        }
        if *before != settings {
            self.status.call_settings = Arc::new(settings);
        }
        Ok(())
    }
}

/// Values of the main's database, some at a time: a probe that shares the connection comes in between.
fn values(reading: &mut Reading, keys: &[(&str, String)]) -> Result<Vec<Option<String>>, Failure> {
    let mut values = Vec::with_capacity(keys.len());
    for some in keys.chunks(AT_ONCE) {
        let some: Vec<(&str, &str)> = some.iter().map(|(family, key)| (*family, key.as_str())).collect();
        values.extend(reading.database(&some)?);
    }
    Ok(values)
}
