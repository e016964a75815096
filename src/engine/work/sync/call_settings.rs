//! What people have set for calls to them, from the main's database into the branch's.

use std::{collections::BTreeSet, sync::Arc};

use super::{Failure, Wish, common::Common, part::Part, reading::Reading};
use crate::site::call_settings::{CallSetting, CallSettings as Settings, OfPerson};

/// What the log hears where they can't be read, and once they can.
const NOT_READ: &str = "Call forwards, do-not-disturb and device logins of the users stay as they were";
const READ_AGAIN: &str = "The call settings of the users are those of the main again.";

/// Which of a person's settings in the branch's database are the main's: the families, by number.
const OURS: &str = "call_settings";

/// What people have set. The branch's database is its memory.
#[derive(Default)]
pub(super) struct CallSettings;

impl<'a> Part<'a> for CallSettings {
    fn look_at_disk(&mut self, common: &mut Common<'a>) -> Result<(), Failure> {
        if !common.syncing.settings.call_settings {
            return Ok(());
        }
        let host = common.host;
        let of = |number: String| {
            let ours = host.recall(&format!("{OURS}/{number}")).unwrap_or_default();
            let is_ours = |setting: &CallSetting| ours.split(',').any(|family| family == setting.family());
            let stored = |setting: CallSetting| Some((setting, host.stored(setting.family(), &number)?));
            let of_person: OfPerson =
                CallSetting::ALL.into_iter().filter(is_ours).filter_map(stored).collect();
            (number, of_person)
        };
        common.status.call_settings = Arc::new(numbers(common).into_iter().map(of).collect());
        Ok(())
    }

    fn sync(&mut self, reading: &mut Reading, _: Wish, common: &mut Common<'a>) -> Result<(), Failure> {
        if !common.syncing.settings.call_settings {
            return Ok(());
        }
        let taken = match (common.people.take_no_database(), common.status.users.is_empty()) {
            // It has just not answered such a question.
            (Some(failure), _) => Err(failure),
            (None, true) => return Ok(()),
            (None, false) => take(reading, common),
        };
        common.status.call_settings_problem = common.problem(taken, NOT_READ, READ_AGAIN)?;
        Ok(())
    }

    /// A removal that is held says nothing against what people have set.
    fn is_synced_after(&self, failure: &Failure) -> bool {
        matches!(failure, Failure::Shrink { .. })
    }
}

fn take(reading: &mut Reading, common: &mut Common<'_>) -> Result<(), Failure> {
    let numbers = numbers(common);
    let keys: Vec<(&str, String)> = numbers
        .iter()
        .flat_map(|number| CallSetting::ALL.map(|setting| (setting.family(), number.clone())))
        .collect();
    let said = match reading.exports() {
        true => common.exported.values(reading, &keys)?,
        false => reading.values(&keys)?,
    };
    let freepbx = !common.people.all().is_empty();
    keep(here(numbers, &said, freepbx), common)
}

/// The users' numbers.
fn numbers(common: &Common<'_>) -> BTreeSet<String> {
    common.status.users.iter().filter_map(|user| user.number.clone()).collect()
}

/// What the branch is to have, by all answers in the order of the questions.
fn here(numbers: BTreeSet<String>, said: &[Option<String>], freepbx: bool) -> Settings {
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
fn keep(settings: Settings, common: &mut Common<'_>) -> Result<(), Failure> {
    let before = Arc::clone(&common.status.call_settings);
    let gone = before.keys().filter(|number| !settings.contains_key(*number));
    let nothing = OfPerson::new();
    let wanted = settings.iter().chain(gone.map(|number| (number, &nothing)));
    for (number, now) in wanted {
        let before = before.get(number).unwrap_or(&nothing);
        for setting in CallSetting::ALL {
            let stored = common.host.stored(setting.family(), number);
            let (old, new) = (before.get(&setting), now.get(&setting));
            if stored.as_ref() != new && (new.is_some() || stored.as_ref() == old) {
                let new = new.map(String::as_str);
                common.host.store(setting.family(), number, new).map_err(Failure::Database)?;
            }
        }
        let families = |of_person: &OfPerson| {
            let families: Vec<&str> = of_person.keys().map(|setting| setting.family()).collect();
            families.join(",")
        };
        let ours = families(now);
        if ours != families(before) {
            let ours = Some(ours.as_str()).filter(|ours| !ours.is_empty());
            common.host.remember(&format!("{OURS}/{number}"), ours).map_err(Failure::Database)?;
        }
    }
    if *before != settings {
        common.status.call_settings = Arc::new(settings);
    }
    Ok(())
}
