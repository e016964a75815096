//! What people have set for calls to them, from the main's database into the branch's; and who is logged in at which device.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Failure, Site, reading::Reading};
use crate::{
    host::Level,
    sync::{
        Names,
        call_settings::{CallSetting, CallSettings, DEVICE, OfPerson, person},
    },
};

/// Values asked for in one breath: 5 KB of questions, and as much of answers where people have set little.
const AT_ONCE: usize = 64;

/// What the log hears where they can't be read.
const NOT_READ: &str = "Call forwards and do-not-disturb of the users are not those of the main";

impl Site<'_> {
    /// Learns who is logged in at each of these accounts, where the main says so; whether that has changed.
    pub(super) fn ask_people(&mut self, reading: &mut Reading, accounts: Names) -> Result<bool, Failure> {
        let keys: Vec<(&str, String)> =
            accounts.iter().map(|account| (DEVICE, format!("{account}/user"))).collect();
        match values(reading, &keys) {
            Ok(said) => {
                let people = accounts.into_iter().zip(said);
                let people: BTreeMap<String, String> = people
                    .filter_map(|(account, said)| Some((account, person(&said?)?.to_owned())))
                    .collect();
                let changed = self.people != people;
                self.people = people;
                Ok(changed)
            }
            Err(Failure::Stopped) => Err(Failure::Stopped),
            // It is told with the call settings, which are asked for in the same way.
            Err(_) => Ok(false),
        }
    }

    /// Takes over what the users have set. Only a stop of the module ends more than that.
    pub(super) fn sync_call_settings(&mut self, reading: &mut Reading) -> Result<(), Failure> {
        if !self.syncing.settings.call_settings {
            return Ok(());
        }
        let problem = match self.take_call_settings(reading) {
            Ok(()) => String::new(),
            Err(Failure::Stopped) => return Err(Failure::Stopped),
            Err(failure) => failure.to_string(),
        };
        if problem.is_empty() {
            self.syncing
                .start
                .log_end(NOT_READ, "The call settings of the users are those of the main again.");
        } else {
            self.syncing.start.log_failure(Level::Warning, &format!("{NOT_READ}: {problem}"));
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
            let stored = |setting: CallSetting| Some((setting, self.host.stored(setting.family(), &number)?));
            let of_person: OfPerson = CallSetting::ALL.into_iter().filter_map(stored).collect();
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

    /// Writes them into the branch's own database, and takes those of people away who are not of this site any more.
    fn keep(&mut self, settings: CallSettings) -> Result<(), Failure> {
        let gone = self.status.call_settings.keys().filter(|number| !settings.contains_key(*number));
        let nothing = OfPerson::new();
        let wanted = settings.iter().chain(gone.map(|number| (number, &nothing)));
        for (number, of_person) in wanted {
            for setting in CallSetting::ALL {
                let value = of_person.get(&setting);
                if self.host.stored(setting.family(), number).as_ref() != value {
                    self.host
                        .store(setting.family(), number, value.map(String::as_str))
                        .map_err(Failure::Database)?;
                }
            }
        }
        if *self.status.call_settings != settings {
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
