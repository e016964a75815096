//! Who may read the page and the metrics: the password, read at each start and reload, and the networks of this machine.

use std::{sync::Arc, time::Instant};

use super::Running;
use crate::{
    dns::relay::{
        allow::{Allowed, RENEW},
        own::networks,
    },
    engine::host::Level,
    operator::access::Access,
    settings::Settings,
    uplink::ami::password,
};

/// Beginning of the log line for a page without a password.
const NO_PASSWORD: &str = "HTTP: nobody can read the page and the metrics";

impl Running {
    /// Reads who may read, anew.
    pub(super) fn open_page(&mut self) {
        self.networks = None;
        self.renew_networks();
        let access = access(&self.settings, self.allowed());
        if self.settings.http.is_none() {
            self.kit.forget_failures(NO_PASSWORD);
        } else if access.problem.is_empty() {
            self.kit.log_end(NO_PASSWORD, "HTTP: the page and the metrics can be read again.");
        } else {
            let text = format!("{NO_PASSWORD}: {}; then 'module reload res_synch.so'", access.problem);
            self.kit.log_failure(Level::Error, &text);
        }
        self.snapshot.http = Arc::new(access);
    }

    /// Reads the networks of this machine where that was a while ago: addresses come and go.
    pub(super) fn renew_networks(&mut self) {
        if !self.settings.http.as_ref().is_some_and(|http| http.permit.own) {
            return;
        }
        let now = Instant::now();
        let before = match &self.networks {
            Some((_, read)) if now.saturating_duration_since(*read) < RENEW => return,
            Some((before, _)) => before.clone(),
            None => Vec::new(),
        };
        let found = networks(before.clone());
        let is_new = found != before;
        self.networks = Some((found, now));
        if is_new {
            let allowed = self.allowed();
            self.snapshot.http = Arc::new(Access { allowed, ..(*self.snapshot.http).clone() });
        }
    }

    fn allowed(&self) -> Allowed {
        let own = self.networks.as_ref().map(|(own, _)| own.clone()).unwrap_or_default();
        self.settings.http.as_ref().map(|http| Allowed::new(&http.permit, own)).unwrap_or_default()
    }
}

fn access(settings: &Settings, allowed: Allowed) -> Access {
    let Some(http) = &settings.http else { return Access::default() };
    let username = http.username.clone();
    match password(&http.password) {
        Ok(secret) => Access { username, secret: Some(secret), allowed, problem: String::new() },
        Err(error) => Access { username, secret: None, allowed, problem: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{settings, words::conf::ConfSection};

    #[test]
    fn a_password_is_that_of_its_file_and_without_one_nobody_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let http = [("enabled", "yes"), ("username", "monitor"), ("secret_file", path.to_str().unwrap())];
        let sections = [ConfSection::new("http", http), ConfSection::new("state", [("host", "10.0.0.5")])];
        let settings = settings::read(&sections).unwrap();
        let without = access(&settings, Allowed::default());
        assert!(without.problem.contains("cannot read the password from"), "{}", without.problem);
        assert!(!without.knows("monitor", ""));
        std::fs::write(&path, "canary\n").unwrap();
        let with = access(&settings, Allowed::default());
        assert!(with.problem.is_empty() && with.knows("monitor", "canary"));
    }
}
