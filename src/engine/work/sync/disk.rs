//! The files of the branch: ours, their versions, and what the administrator has written himself.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{Failure, common::Common};
use crate::{
    engine::{
        gate::Inside,
        host::{Level, ReloadError},
    },
    settings::Technology,
    site::users::{Kind, Store, StoreError, kind_in, kinds_in},
    words::{
        conf::ConfSection,
        disk::{DiskError, Staged},
    },
};

/// Folder of the versions, in Asterisk's variable data.
const VERSIONS: &str = "synch";

/// A reload is refused while another runs; those take seconds.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The module that has the users, and the file that includes ours.
pub(super) struct Driver {
    pub(super) module: &'static str,
    pub(super) conf: &'static str,
}

impl Common<'_> {
    pub(super) fn driver(&self) -> Driver {
        match self.syncing.settings.technology {
            Technology::Pjsip => Driver { module: "res_pjsip.so", conf: "pjsip.conf" },
            Technology::Sip => Driver { module: "chan_sip.so", conf: "sip.conf" },
        }
    }

    /// The file of users and its versions.
    pub(super) fn store(&self) -> Result<Store, StoreError> {
        self.store_of(&self.syncing.settings.output)
    }

    /// Of a file of ours in Asterisk's configuration folder.
    pub(super) fn store_of(&self, output: &str) -> Result<Store, StoreError> {
        Store::new(
            self.host.config_dir().join(output),
            self.versions_of(output),
            self.syncing.settings.versions,
        )
    }

    /// Where the versions of a file of ours are.
    pub(super) fn versions_of(&self, output: &str) -> PathBuf {
        self.host.data_dir().join(VERSIONS).join(output)
    }

    /// The file of users.
    pub(super) fn output(&self) -> PathBuf {
        self.host.config_dir().join(&self.syncing.settings.output)
    }

    /// The users' sections in the file in place. Empty where it can't be read.
    pub(super) fn sections_in_place(&self) -> Vec<(Kind, ConfSection)> {
        self.with_kinds(&self.host.load_conf(&self.output()).unwrap_or_default())
    }

    /// Those of a kind that is synced.
    pub(super) fn with_kinds(&self, sections: &[ConfSection]) -> Vec<(Kind, ConfSection)> {
        let technology = self.syncing.settings.technology;
        sections.iter().filter_map(|section| Some((kind_in(section, technology)?, section.clone()))).collect()
    }

    /// What the branch's own configuration has, outside our file.
    pub(super) fn local_sections(&self) -> Vec<(Kind, String)> {
        let settings = &self.syncing.settings;
        let conf = self.host.config_dir().join(self.driver().conf);
        // Where that file can't be read, Asterisk has refused it as a whole, and nothing can collide.
        let sections = self.host.load_conf_besides(&conf, &settings.output).unwrap_or_default();
        kinds_in(&sections, settings.technology)
    }

    /// From here on an unload is refused: it would wait for our disk and for the reload with Asterisk's module list
    /// locked, or leave a new file behind that nobody has loaded.
    pub(super) fn enter(&self) -> Result<Inside, Failure> {
        self.syncing.kit.gate.enter().ok_or(Failure::Stopped)
    }

    /// What Asterisk's own loader makes of a file: the last word before it is put in place, because a broken
    /// include drops users silently. It can't hold an `#exec`: `site::users::render` alone has written it.
    pub(super) fn read_staged(&self, staged: &Staged) -> Result<Vec<ConfSection>, Failure> {
        self.host.load_conf(staged.path()).map_err(|error| Failure::Misread(error.to_string()))
    }

    /// Writes a file that is not in place yet.
    pub(super) fn stage(&self, store: &Store, text: &[u8]) -> Result<Staged, Failure> {
        // The next load writes it under the same name.
        self.may_write()?;
        Ok(store.stage(text)?)
    }

    /// Nobody else has taken our place.
    fn may_write(&self) -> Result<(), Failure> {
        if self.host.is_replaced() { Err(Failure::Replaced) } else { Ok(()) }
    }

    /// Puts a checked file in place.
    pub(super) fn commit(&self, staged: Staged) -> Result<(), Failure> {
        self.may_write()?;
        match staged.commit() {
            // It is in place all the same, so the rest has to follow.
            Err(error @ DiskError::Unflushed { .. }) => {
                self.syncing.kit.log_failure(Level::Warning, &error.to_string());
            }
            result => result?,
        }
        Ok(())
    }

    /// Reloads a module. Inside the gate: Asterisk's module list is locked meanwhile.
    pub(super) fn reload_inside(&self, module: &str) -> Result<(), Failure> {
        let end = Instant::now() + RELOAD_TIMEOUT;
        loop {
            match self.host.reload(module) {
                Err(ReloadError::InProgress) if Instant::now() < end => self.pause()?,
                result => return result.map_err(Failure::NotReloaded),
            }
        }
    }
}
