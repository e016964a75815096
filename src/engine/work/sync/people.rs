//! Who is logged in at which device, where the main is a FreePBX that tells people from devices.

use std::collections::BTreeMap;

use super::{Failure, exported::Exported, reading::Reading};
use crate::site::{
    call_settings::{DEVICE, person},
    shrink::Names,
    users::User,
};

/// Whose account is whose.
#[derive(Default)]
pub(super) struct People {
    /// The person at each account that has one.
    of: BTreeMap<String, String>,
    /// Whether the main has ever said.
    known: bool,
    /// Why its database was not read in this sync; `None` where it was.
    no_database: Option<Failure>,
}

impl People {
    /// Returns the person at each account that has one.
    pub(super) const fn all(&self) -> &BTreeMap<String, String> {
        &self.of
    }

    /// Asks who is logged in at each of these accounts. Returns whether that has changed. As long as it is not known, whoever
    /// was reached under another number than his account says still is.
    pub(super) fn ask(
        &mut self,
        reading: &mut Reading,
        exported: &mut Exported,
        accounts: Names,
        in_place: &[User],
    ) -> Result<bool, Failure> {
        self.no_database = None;
        let keys: Vec<(&str, String)> =
            accounts.iter().map(|account| (DEVICE, format!("{account}/user"))).collect();
        let said = match reading.exports() {
            true => exported.values(reading, &keys),
            false => reading.values(&keys),
        };
        let people = match said {
            Ok(said) => {
                let people = accounts.into_iter().zip(said);
                self.known = true;
                people.filter_map(|(account, said)| Some((account, person(&said?)?.to_owned()))).collect()
            }
            Err(Failure::Stopped) => return Err(Failure::Stopped),
            Err(failure) => {
                self.no_database = Some(failure);
                if self.known {
                    return Ok(false);
                }
                moved(in_place)
            }
        };
        let changed = self.of != people;
        self.of = people;
        Ok(changed)
    }

    /// Returns why the database was not read in this sync, once: who asks it next need not try.
    pub(super) const fn take_no_database(&mut self) -> Option<Failure> {
        self.no_database.take()
    }
}

/// Whoever has another number in the file in place than his account says.
fn moved(in_place: &[User]) -> BTreeMap<String, String> {
    let moved = in_place.iter().filter(|user| User::new(&user.name, &user.callerid).number != user.number);
    moved.filter_map(|user| Some((user.name.clone(), user.number.clone()?))).collect()
}
