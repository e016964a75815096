//! What the users of connected sites have set for calls to them, as Asterisk's database has it.
//!
//! Asterisk tells nobody of a change there. So it is looked at whether the file of the database is another one, which costs
//! nothing, and only then is it read: by family, once for all sites.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    engine::{host::Host, work::export::stamp::Stamp},
    export::{
        NoHash, Part,
        desk::{Line, Shown},
        forward::MARKS,
        stock::{OfSite, Stock},
    },
    site::call_settings::{CallSetting, DEVICE, person},
    uplink::ami::Crypto,
};

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct CallSettings {
    /// By connected site.
    known: BTreeMap<String, Arc<[Line]>>,
    /// What the file of the database was when it was read.
    stamp: Option<Stamp>,
    /// Of which stock the users are.
    stock: Option<Arc<Stock>>,
    due: Option<Instant>,
}

impl CallSettings {
    /// The main has reloaded: somebody has changed something.
    pub(super) fn look(&mut self) {
        self.due = None;
    }

    /// Reads what these sites have, where it is time and something may have changed. Returns whether it has.
    pub(super) fn ask(
        &mut self,
        host: &dyn Host,
        stock: &Arc<Stock>,
        sites: &BTreeSet<String>,
        refresh: Duration,
        now: Instant,
    ) -> bool {
        let is_same = self.stock.as_ref().is_some_and(|known| Arc::ptr_eq(known, stock))
            && sites.iter().eq(self.known.keys());
        if is_same && self.due.is_some_and(|due| now < due) {
            return false;
        }
        self.due = Some(now + refresh);
        // Before it is read: what is written meanwhile makes another file of it.
        let stamp = Stamp::of([host.database_file(), beside(host.database_file())]);
        if is_same && self.stamp.as_ref() == Some(&stamp) {
            return false;
        }
        let families = Families::read(host);
        let of = |name: &String| {
            let site = stock.sites.get(name)?;
            Some((name.clone(), families.of(site, host)))
        };
        let known: BTreeMap<String, Arc<[Line]>> = sites.iter().filter_map(of).collect();
        let changed = known != self.known;
        (self.known, self.stamp, self.stock) = (known, Some(stamp), Some(Arc::clone(stock)));
        changed
    }

    /// Puts what is known to what lies on the desk.
    ///
    /// # Errors
    /// Asterisk has no SHA-256.
    pub(super) fn show(&self, shown: &mut Shown, crypto: &dyn Crypto) -> Result<(), NoHash> {
        shown.keep_live(Part::Settings, |site| self.known.contains_key(site));
        for (site, lines) in &self.known {
            shown.set_live(site, Part::Settings, lines, crypto)?;
        }
        Ok(())
    }
}

/// Where SQLite writes first, where it was told so.
fn beside(file: PathBuf) -> PathBuf {
    let mut name = file.into_os_string();
    name.push("-wal");
    name.into()
}

/// What everybody has set, by family and number.
struct Families(Vec<(CallSetting, BTreeMap<String, String>)>);

impl Families {
    fn read(host: &dyn Host) -> Self {
        // What this module has set for the users of a lost site, nobody of them has.
        let ours: BTreeMap<String, String> = host.stored_all(MARKS).into_iter().collect();
        let of = |setting: CallSetting| {
            let mut all: BTreeMap<String, String> = host.stored_all(setting.family()).into_iter().collect();
            if setting == CallSetting::ForwardUnavailable {
                all.retain(|number, to| ours.get(number) != Some(to));
            }
            (setting, all)
        };
        Self(CallSetting::ALL.map(of).into())
    }

    /// Returns what those of a site have set, and who is logged in at its accounts.
    fn of(&self, site: &OfSite, host: &dyn Host) -> Arc<[Line]> {
        let Ok(users) = &site.users else { return Arc::new([]) };
        let accounts = users.names.iter().map(|name| String::from_utf8_lossy(name).into_owned());
        let accounts: BTreeSet<String> = accounts.collect();
        let logged_in = |account: &String| {
            let said = host.stored(DEVICE, &format!("{account}/user"))?;
            Some((account.clone(), person(&said)?.to_owned()))
        };
        let logged_in: Vec<(String, String)> = accounts.iter().filter_map(logged_in).collect();
        let persons = logged_in.iter().map(|(_, person)| person.clone());
        let numbers = site.numbers.texts().map(str::to_owned);
        let numbers: BTreeSet<String> = accounts.iter().cloned().chain(persons).chain(numbers).collect();
        let line = |section: &str, name: &str, value: &str| Line {
            section: section.into(),
            name: name.into(),
            value: value.into(),
        };
        let mut lines = Vec::new();
        for (setting, all) in &self.0 {
            let set = numbers.iter().filter_map(|number| Some((number, all.get(number)?)));
            lines.extend(set.map(|(number, value)| line(setting.family(), number, value)));
        }
        lines.extend(logged_in.iter().map(|(account, person)| line(DEVICE, account, person)));
        lines.into()
    }
}
