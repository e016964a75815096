//! A new file into force, on a stand-in for Asterisk whose channel driver refuses what it is told to.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crossbeam_channel::bounded;
use parking_lot::Mutex;

use super::*;
use crate::{
    dialplan::Context,
    engine::{lookup::Lookup, worker::Predecessor},
    gate::Gate,
    host::{HostError, Level, ReloadError, Verdict},
    settings::{ConfVariable, Technology, read},
    sync::Store,
};

/// An Asterisk whose channel driver has what is in the file when it reloads, but never a user of that name.
struct StandIn {
    folder: PathBuf,
    never: &'static str,
    live: Mutex<Vec<String>>,
    reloads: Mutex<usize>,
}

impl Host for StandIn {
    fn log(&self, _: Level, _: &str) {}
    fn event(&self, _: &str, _: &[(&str, &str)]) {}
    fn local_time(&self, _: SystemTime) -> String {
        String::new()
    }
    fn minute_of_day(&self, _: SystemTime) -> u16 {
        0
    }
    fn channels(&self) -> usize {
        0
    }
    fn fully_booted(&self) -> bool {
        true
    }
    fn config_dir(&self) -> PathBuf {
        self.folder.clone()
    }
    fn data_dir(&self) -> PathBuf {
        self.folder.clone()
    }
    fn load_conf(&self, path: &Path) -> Result<Vec<ConfSection>, HostError> {
        let text = fs::read_to_string(path).map_err(|error| HostError(error.to_string()))?;
        Ok(sections(&text))
    }
    fn load_conf_besides(&self, _: &Path, _: &str) -> Result<Vec<ConfSection>, HostError> {
        Ok(Vec::new())
    }
    fn reload(&self, _: &str) -> Result<(), ReloadError> {
        let file = self.load_conf(&self.folder.join("pjsip_synch.conf")).unwrap();
        *self.live.lock() =
            file.into_iter().map(|section| section.name).filter(|name| name != self.never).collect();
        *self.reloads.lock() += 1;
        Ok(())
    }
    fn missing(&self, _: Technology, wanted: &[(Kind, String)]) -> Result<Vec<(Kind, String)>, HostError> {
        let live = self.live.lock();
        Ok(wanted.iter().filter(|(_, name)| !live.contains(name)).cloned().collect())
    }
    fn judge(&self, _: Technology, _: &[(Kind, &ConfSection)]) -> Result<Option<Vec<Verdict>>, HostError> {
        Ok(None)
    }
    fn replace_dialplan(&self, _: &[Context]) -> Result<(), HostError> {
        Ok(())
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
    fn leads_on(&self, _: &str, _: &str) -> bool {
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
    fn is_there(&self, _: &str) -> bool {
        true
    }
    fn md5(&self, text: &str) -> String {
        text.to_owned()
    }
    fn contact(&self, _: Technology, _: &str) -> Option<String> {
        None
    }
    fn version(&self) -> String {
        String::new()
    }
    fn recall(&self, _: &str) -> Option<String> {
        None
    }
    fn remember(&self, _: &str, _: Option<&str>) -> Result<(), HostError> {
        Ok(())
    }
}

fn sections(text: &str) -> Vec<ConfSection> {
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

fn settings() -> Arc<Settings> {
    let main = ConfSection::new("main", [("host", "192.0.2.1"), ("username", "synch"), ("secret", "x")]);
    let sync = ConfSection::new("sync", [("filter_value", "x")]);
    Arc::new(read(&[main, sync, ConfSection::new("dns", [("enabled", "no")])]).unwrap())
}

/// Runs something with a site whose channel driver never has that user.
fn with_site(never: &'static str, body: impl Fn(&mut Site<'_>, &Store, &StandIn) + Send + 'static) {
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(StandIn {
        folder: folder.path().to_owned(),
        never,
        live: Mutex::default(),
        reloads: Mutex::default(),
    });
    let settings = settings();
    let published = crate::control::Published::new(crate::engine::running::first_snapshot(&settings));
    let (events, _told) = crossbeam_channel::unbounded();
    let syncing = Syncing {
        start: Start { host: host.clone(), gate: Arc::new(Gate::default()), published },
        main: settings.main.clone(),
        settings: settings.sync.clone().unwrap(),
        address: Lookup::start(&settings.main).unwrap().address(),
        all: settings,
        orders: bounded(1).1,
        teller: Teller::new(1, events),
    };
    let (done, is_done) = bounded(1);
    let role = Role { name: "test", id: 1, after: Predecessor::default() };
    let worker = Worker::start(
        role,
        || {},
        || {},
        move |stop| {
            let hangup = Hangup::new();
            let mut site = Site::new(&syncing, &hangup, stop);
            let store = site.store().unwrap();
            let result =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(&mut site, &store, &host)));
            done.send(result.is_ok()).unwrap();
        },
    );
    let worker = worker.unwrap();
    assert!(is_done.recv_timeout(Duration::from_secs(60)).unwrap());
    drop(worker);
}

const GOOD: &str = "; Written by res_synch from test.\n[1001]\ntype = endpoint\n[1002]\ntype = endpoint\n";
const BAD: &str = "; Written by res_synch from test.\n[1001]\ntype = endpoint\n[1003]\ntype = endpoint\n";

#[test]
fn the_last_good_version_goes_back_and_the_bad_one_is_not_tried_again() {
    with_site("1003", |site, store, host| {
        site.install(store, GOOD, &sections(GOOD)).unwrap();
        let failure = site.install(store, BAD, &sections(BAD)).unwrap_err().to_string();
        assert!(failure.starts_with("version 1 is in force again"), "{failure}");
        assert!(failure.contains("endpoint 1003 the first"), "{failure}");
        assert_eq!(store.read_current().unwrap().as_deref(), Some(GOOD.as_bytes()));
        assert_eq!((site.status.version, *host.reloads.lock()), (Some(1), 3));
        assert_eq!(site.status.users.len(), 2);

        let failure = site.install(store, BAD, &sections(BAD)).unwrap_err().to_string();
        assert!(failure.starts_with("the last good version stays in force"), "{failure}");
        assert_eq!(*host.reloads.lock(), 3);
        // A person's word.
        site.bad = None;
        assert!(matches!(
            site.install(store, BAD, &sections(BAD)),
            Err(Failure::WentBack { version: 1, .. })
        ));
    });
}

#[test]
fn a_first_file_stays_because_there_is_none_to_go_back_to() {
    with_site("1003", |site, store, _| {
        let failure = site.install(store, BAD, &sections(BAD)).unwrap_err();
        assert!(matches!(failure, Failure::NotLive { missing: 1, .. }), "{failure}");
        assert_eq!(store.read_current().unwrap().as_deref(), Some(BAD.as_bytes()));
    });
}
