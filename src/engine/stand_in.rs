//! An Asterisk for the tests of the engine: keeps what it is told, has what is in the file when it reloads, and agrees to
//! everything else.

use std::{
    collections::HashMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use parking_lot::Mutex;

use super::crew::kit::Kit;
use crate::{
    dialplan::{Context, Hint},
    engine::{
        host::{Hears, Host, HostError, Level, Octets, ReloadError, StatesWatch, Verdict},
        turn::first_snapshot,
    },
    export::{Section, desk::Desk, objects::Object},
    operator::{control::Published, doctor::Reach},
    peers::{DeviceState, Fact, Show},
    settings::{Settings, Shared, Technology, Tls},
    site::users::{Declined, Kind, User},
    uplink::ami::{Crypto, TlsError, TlsSession},
    words::conf::{ConfSection, ConfVariable},
};

#[derive(Default)]
pub(super) struct StandIn {
    /// Where all its files are.
    folder: PathBuf,
    /// A user whom its channel driver never takes.
    never: &'static str,
    pub(super) log: Mutex<Vec<String>>,
    pub(super) events: Mutex<Vec<String>>,
    /// Whether it is being told of one: for long, where somebody holds them.
    pub(super) is_told: AtomicBool,
    /// How many of the next events it panics at.
    pub(super) panics: AtomicUsize,
    pub(super) contexts: Mutex<Vec<Context>>,
    pub(super) hints: Mutex<Vec<Hint>>,
    /// Whether it builds a dialplan of its own when it is next asked to take hints.
    pub(super) builds: AtomicBool,
    pub(super) reloads: Mutex<usize>,
    /// Users of its channel driver.
    live: Mutex<Vec<String>>,
    /// Held, whoever looks into its dialplan hangs.
    pub(super) dialplan: Mutex<()>,
    /// Whether somebody has begun to look into it.
    pub(super) is_looked_into: AtomicBool,
    /// Addresses of its own. The loopback is none: there the mains of the tests are.
    pub(super) own: Mutex<Vec<IpAddr>>,
    /// Modules of its own that are loaded.
    pub(super) modules: Mutex<Vec<&'static str>>,
    /// What it says of itself.
    pub(super) facts: Mutex<Vec<Fact>>,
    /// Where phones are registered, by user.
    pub(super) contacts: Mutex<HashMap<String, Vec<String>>>,
    /// What it was shown of other sites.
    pub(super) shown: Mutex<Vec<Show>>,
    /// Whether it ends.
    pub(super) ends: AtomicBool,
    /// Whether somebody else has taken our place.
    pub(super) replaced: AtomicBool,
    /// Its users in a database.
    pub(super) objects: Objects,
    database: Mutex<HashMap<String, String>>,
    /// Keys that its database does not take.
    pub(super) unwritable: Mutex<Vec<&'static str>>,
}

/// Users in a database that may not answer.
#[derive(Default)]
pub(super) struct Objects {
    rows: Mutex<Vec<(Kind, Object)>>,
    /// Whether it gives no row of these kinds.
    pub(super) silent: Mutex<Vec<Kind>>,
    /// What it was asked.
    pub(super) asked: Mutex<Vec<String>>,
}

impl Objects {
    /// Puts a row there, in place of the one of that name; without options, it goes.
    pub(super) fn put(&self, kind: Kind, name: &str, options: &[(&str, &str)]) {
        let pair = |(key, value): &(&str, &str)| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
        let mut rows = self.rows.lock();
        rows.retain(|(of, row)| *of != kind || row.name != name.as_bytes());
        if !options.is_empty() {
            let options = options.iter().map(pair).collect();
            rows.push((kind, Object { name: name.into(), options, lists: Vec::new() }));
        }
    }

    fn those(&self, kind: Kind, is_it: impl Fn(&Object) -> bool) -> Vec<Object> {
        if self.silent.lock().contains(&kind) {
            return Vec::new();
        }
        let rows = self.rows.lock();
        let those = rows.iter().filter(|(of, row)| *of == kind && is_it(row));
        those.map(|(_, row)| row.clone()).collect()
    }

    fn with(&self, kind: Kind, key: &str, value: &str) -> Result<Vec<Object>, HostError> {
        self.asked.lock().push(format!("{kind} {key}={value}"));
        let has = |row: &Object| match key {
            "id" => row.name == value.as_bytes(),
            key => row.options.iter().any(|(k, v)| k == key.as_bytes() && v == value.as_bytes()),
        };
        Ok(self.those(kind, has))
    }

    fn named(&self, kind: Kind, names: &[String]) -> Result<Vec<Object>, HostError> {
        self.asked.lock().extend(names.iter().map(|name| format!("{kind} {name}")));
        Ok(self.those(kind, |row| names.iter().any(|name| name.as_bytes() == row.name)))
    }
}

impl StandIn {
    /// One with its files there, whose channel driver never takes that user.
    pub(super) fn at(folder: &Path, never: &'static str) -> Self {
        Self { folder: folder.to_owned(), never, ..Self::default() }
    }

    /// What a worker on it carries.
    pub(super) fn kit(self: &Arc<Self>, settings: &Arc<Settings>) -> Kit {
        let published = Published::new(first_snapshot(settings));
        let desk = Arc::new(Desk::new(self.clone()));
        Kit::new(self.clone(), Arc::default(), published, desk)
    }
}

impl Crypto for StandIn {
    fn md5(&self, text: &str) -> String {
        text.to_owned()
    }
    fn sha256(&self, octets: &[u8]) -> Option<[u8; 32]> {
        Some(crate::export::stand_in::sha256(octets))
    }
    fn tls(&self, _: &Tls) -> Result<Box<dyn TlsSession>, TlsError> {
        Err(TlsError::Unusable("no cryptography here".to_owned()))
    }
}

impl Host for StandIn {
    fn log(&self, level: Level, text: &str) {
        self.log.lock().push(format!("{level:?} {text}"));
    }
    fn event(&self, name: &str, fields: &[(&str, &str)]) {
        self.is_told.store(true, Ordering::SeqCst);
        self.events.lock().push(format!("{name} {fields:?}"));
        self.is_told.store(false, Ordering::SeqCst);
        let less = |panics: usize| panics.checked_sub(1);
        assert!(
            self.panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_err(),
            "as it was told to"
        );
    }
    fn local_time(&self, _: SystemTime) -> String {
        "20260102030405".to_owned()
    }
    fn minute_of_day(&self, _: SystemTime) -> u16 {
        0
    }
    fn calls(&self, _: Technology, _: &[User]) -> usize {
        0
    }
    fn channels(&self) -> usize {
        3
    }
    fn fully_booted(&self) -> bool {
        true
    }
    fn shuts_down(&self) -> bool {
        self.ends.load(Ordering::SeqCst)
    }
    fn config_dir(&self) -> PathBuf {
        self.folder.clone()
    }
    fn data_dir(&self) -> PathBuf {
        self.folder.clone()
    }
    fn load_conf(&self, path: &Path) -> Result<Vec<ConfSection>, HostError> {
        fs::read_to_string(path).map(|text| sections(&text)).map_err(|error| HostError(error.to_string()))
    }
    fn load_conf_besides(&self, _: &Path, _: &str) -> Result<Vec<ConfSection>, HostError> {
        Ok(Vec::new())
    }
    fn contacts_here(&self, _: Technology, user: &str) -> Option<Vec<String>> {
        let is_silent = self.objects.silent.lock().contains(&Kind::Endpoint);
        (!is_silent).then(|| self.contacts.lock().get(user).cloned().unwrap_or_default())
    }
    fn load_octets(&self, path: &Path) -> Result<Option<Octets>, HostError> {
        let path = self.folder.join(path);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let mut sections: Vec<Section> = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                sections.push(Section::new(name));
            } else if let (Some((key, value)), Some(section)) = (line.split_once('='), sections.last_mut()) {
                section.push(key.trim().as_bytes(), value.trim().as_bytes());
            }
        }
        Ok(Some((sections, [path].into())))
    }
    fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::SeqCst)
    }
    fn reload(&self, _: &str) -> Result<(), ReloadError> {
        let file = self.load_conf(&self.folder.join("pjsip_synch.conf")).unwrap_or_default();
        let names = file.into_iter().map(|section| section.name);
        *self.live.lock() = names.filter(|name| name != self.never).collect();
        *self.reloads.lock() += 1;
        Ok(())
    }
    fn missing(&self, _: Technology, wanted: &[(Kind, String)]) -> Result<Vec<(Kind, String)>, HostError> {
        let live = self.live.lock();
        Ok(wanted.iter().filter(|(_, name)| !live.contains(name)).cloned().collect())
    }
    fn try_out(
        &self,
        _: Technology,
        _: &[(Kind, &ConfSection)],
        _: &mut Declined,
    ) -> Result<Option<Vec<bool>>, HostError> {
        Ok(None)
    }
    fn judge(&self, _: Technology, _: &[(Kind, &ConfSection)]) -> Result<Option<Vec<Verdict>>, HostError> {
        Ok(None)
    }
    fn objects_with(&self, kind: Kind, key: &str, value: &str) -> Result<Vec<Object>, HostError> {
        self.objects.with(kind, key, value)
    }
    fn objects_named(&self, kind: Kind, names: &[String]) -> Result<Vec<Object>, HostError> {
        self.objects.named(kind, names)
    }
    fn plain_object(&self, _: Kind) -> Result<Object, HostError> {
        Ok(Object::default())
    }
    fn replace_dialplan(&self, contexts: &[Context]) -> Result<(), HostError> {
        *self.contexts.lock() = contexts.to_vec();
        Ok(())
    }
    fn lacks_hints(&self, hints: &[Hint]) -> bool {
        *self.hints.lock() != hints
    }
    fn add_hints(&self, hints: &[Hint]) -> Result<bool, HostError> {
        if self.builds.swap(false, Ordering::SeqCst) {
            return Ok(false);
        }
        *self.hints.lock() = hints.to_vec();
        Ok(true)
    }
    fn context_owner(&self, _: &str) -> Option<String> {
        None
    }
    fn shares_context(&self, _: &str) -> bool {
        false
    }
    fn has_context(&self, _: &str) -> bool {
        true
    }
    fn asks_synch(&self, _: &str) -> bool {
        true
    }
    fn leads_on(&self, _: &str, _: &str) -> bool {
        self.is_looked_into.store(true, Ordering::SeqCst);
        drop(self.dialplan.lock());
        true
    }
    fn has_application(&self, _: &str) -> bool {
        true
    }
    fn has_function(&self, _: &str) -> bool {
        true
    }
    fn has_mailbox(&self, _: &str) -> bool {
        true
    }
    fn has_queue(&self, _: &str) -> bool {
        true
    }
    fn has_sound(&self, _: &str) -> bool {
        true
    }
    fn has_module(&self, name: &str) -> bool {
        self.modules.lock().contains(&name)
    }
    fn reach(&self, _: &str) -> Reach {
        Reach::There
    }
    fn is_there(&self, _: &str) -> bool {
        true
    }
    fn contact(&self, _: Technology, _: &str) -> Option<String> {
        None
    }
    fn is_own_address(&self, address: IpAddr) -> bool {
        self.own.lock().contains(&address)
    }
    fn watch_states(&self, _: &[Shared], _: Hears) -> Result<Box<dyn StatesWatch>, HostError> {
        struct Watch;
        impl StatesWatch for Watch {}
        Ok(Box::new(Watch))
    }
    fn tell_states(&self, kind: Shared, heard: &mut dyn FnMut(Fact)) {
        let facts = self.facts.lock();
        let of_kind = facts.iter().filter(|fact| match fact {
            Fact::Device(..) => kind == Shared::Device,
            Fact::Mailbox(..) => kind == Shared::Mailbox,
            Fact::Presence(..) => kind == Shared::Presence,
            Fact::Member { .. } => kind == Shared::Agent,
            Fact::People(_) => kind == Shared::People,
        });
        of_kind.cloned().for_each(heard);
    }
    fn caller_ids(&self, devices: &[String]) -> Vec<(String, String)> {
        let callerid = |device: &String| (device.clone(), format!("\"Phone {device}\" <{}>", &device[6..]));
        devices.iter().map(callerid).collect()
    }
    fn show_state(&self, show: &Show) -> Result<(), HostError> {
        self.shown.lock().push(show.clone());
        Ok(())
    }
    fn device_state(&self, _: &str) -> DeviceState {
        DeviceState::Unknown
    }
    fn system_name(&self) -> String {
        "berlin".to_owned()
    }
    fn version(&self) -> String {
        "22".to_owned()
    }
    fn stored(&self, family: &str, key: &str) -> Option<String> {
        self.database.lock().get(&format!("{family}/{key}")).cloned()
    }
    fn database_file(&self) -> PathBuf {
        self.folder.join("astdb")
    }
    fn stored_all(&self, family: &str) -> Vec<(String, String)> {
        let database = self.database.lock();
        let of_family = database.iter().filter_map(|(key, value)| {
            Some((key.strip_prefix(family)?.strip_prefix('/')?.to_owned(), value.clone()))
        });
        of_family.collect()
    }
    fn store(&self, family: &str, key: &str, value: Option<&str>) -> Result<(), HostError> {
        let key = format!("{family}/{key}");
        if self.unwritable.lock().contains(&key.as_str()) {
            return Err(HostError("the disk is full".to_owned()));
        }
        match value {
            Some(value) => self.database.lock().insert(key, value.to_owned()),
            None => self.database.lock().remove(&key),
        };
        Ok(())
    }
}

/// What Asterisk's loader reads out of a file of ours.
pub(super) fn sections(text: &str) -> Vec<ConfSection> {
    let mut sections: Vec<ConfSection> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(';') && !line.is_empty()) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => sections.push(ConfSection { name: name.to_owned(), variables: Vec::new() }),
            None => {
                let (key, value) = line.split_once(" = ").unwrap();
                let variable = ConfVariable { key: key.to_owned(), value: value.to_owned() };
                sections.last_mut().unwrap().variables.push(variable);
            }
        }
    }
    sections
}
