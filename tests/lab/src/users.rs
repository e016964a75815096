//! The users of a site, as tests of the sync look at them: in the file, live, and as the main has them.

use std::fs;
use std::path::PathBuf;

use crate::asterisk::Asterisk;
use crate::command::{run, words};
use crate::conf::password;
use crate::error::{Context, Error, Result};
use crate::site::Site;
use crate::version::Version;
use crate::wait::{GENEROUS, until_ok};

/// A section as GetConfig tells it: its name and its `key=value` lines in order.
pub type Told = (String, Vec<String>);

impl Site {
    /// A site with the module whose users are synced and live.
    pub fn synced(version: Version) -> Result<Self> {
        let mut site = Self::with_module(version)?;
        site.start()?;
        site.wait_status("Sync", "Synced")?;
        Ok(site)
    }

    /// Lets the branch take all that the main says of its users, as it stands there.
    pub fn take_all_as_it_is(&self) -> Result {
        let all = "[policy]\nkeep = transport,set_var,setvar,permit,deny,dial,host\nmax_expiration = 604800\n\n\
                   [dialplan]\nenabled = no\n";
        self.branch.edit_conf("res_synch.conf", "[dialplan]\noutside = from-internal\n", all)
    }

    /// Starts a sync at the branch's CLI, as an administrator does, and does not wait for it.
    pub fn sync(&self) -> Result {
        self.branch.rx("synch sync").map(drop)
    }

    /// Waits until the sync is `Unsynced` for a reason that says `why`; the whole reason.
    pub fn wait_unsynced(&self, why: &str) -> Result<String> {
        until_ok(&format!("Unsynced: {why}"), GENEROUS, || {
            let (state, reason) = (self.status("Sync")?, self.status("SyncReason")?);
            match state == "Unsynced" && reason.contains(why) {
                true => Ok(reason),
                false => Err(Error::new(format!("{state}: {reason}"))),
            }
        })
    }

    /// Where the synced file is.
    pub fn synced_path(&self) -> PathBuf {
        self.branch.path("etc").join(self.branch.version.synced_file())
    }

    /// The synced file.
    pub fn synced_file(&self) -> Result<String> {
        self.branch.read_conf(self.branch.version.synced_file())
    }

    /// Where the versions are.
    pub fn versions_path(&self) -> PathBuf {
        self.branch.path("var/synch").join(self.branch.version.synced_file())
    }

    /// Temporary files of the module, wherever it makes them.
    pub fn temporary_files(&self) -> Vec<PathBuf> {
        let folders = [self.branch.path("etc"), self.versions_path()];
        let entries = folders.iter().flat_map(fs::read_dir).flatten().flatten().map(|entry| entry.path());
        entries.filter(|path| path.to_string_lossy().ends_with(".tmp")).collect()
    }

    /// Gives the main one more user, as the others of that account code.
    pub fn add_user(&self, user: &str, account: &str) -> Result {
        self.add_users(&[user.to_owned()], account)
    }

    /// Gives the main more users, as the others of that account code.
    pub fn add_users(&self, users: &[String], account: &str) -> Result {
        let add = |file: &str, section: &dyn Fn(&str) -> String| {
            let before = self.main.read_conf(file)?;
            let new: String = users.iter().map(|user| section(user)).collect();
            self.main.write_conf(file, &format!("{before}\n{new}"))
        };
        let says = |user: &str| format!("callerid=New <{user}>\naccountcode={account}\n");
        if self.main.version == Version::V16 {
            return add("sip_additional.conf", &|user| {
                format!("[{user}](desk-phone)\nsecret={}\n{}", password(user), says(user))
            });
        }
        add("pjsip.endpoint.conf", &|user| {
            format!("[{user}](desk-phone-endpoint)\naors={user}\nauth={user}-auth\n{}", says(user))
        })?;
        add("pjsip.aor.conf", &|user| format!("[{user}](desk-phone-aor)\n"))?;
        add("pjsip.auth.conf", &|user| {
            let password = password(user);
            format!("[{user}-auth]\ntype=auth\nauth_type=userpass\nusername={user}\npassword={password}\n")
        })
    }

    /// Changes what the main says about its users: `from`, which must be there, becomes `to`.
    pub fn edit_users(&self, from: &str, to: &str) -> Result {
        self.main.edit_conf(self.main.version.users_file(), from, to)
    }
}

impl Asterisk {
    /// The users that the channel driver has now, in order. Trunks are none.
    pub fn live_users(&self) -> Result<Vec<String>> {
        let action = match self.version {
            Version::V22 => "PJSIPShowEndpoints",
            Version::V16 => "SIPpeers",
        };
        let items = match self.ami()?.list(action, &[]) {
            // PJSIP answers an empty list with an error.
            Err(error) if error.to_string().contains("No endpoints found") => Vec::new(),
            items => items?,
        };
        let names = items.iter().map(|item| item.need("ObjectName").map(str::to_owned));
        let mut names = names.collect::<Result<Vec<_>>>()?;
        names.retain(|name| !name.ends_with("-trunk"));
        names.sort();
        Ok(names)
    }

    /// Waits until those are the users that it has: chan_sip reloads on a thread of its own.
    pub fn wait_live_users(&self, wanted: &[&str]) -> Result {
        until_ok("the users of the channel driver", GENEROUS, || match self.live_users()? {
            found if found == wanted => Ok(()),
            found => Err(Error::new(format!("{found:?} and not {wanted:?}"))),
        })
    }

    /// What the channel driver knows of a user.
    pub fn live_user(&self, user: &str) -> Result<String> {
        match self.version {
            Version::V22 => self.rx(&format!("pjsip show endpoint {user}")),
            Version::V16 => self.rx(&format!("sip show peer {user}")),
        }
    }

    /// Waits until the channel driver knows `what` of a user.
    pub fn wait_live(&self, user: &str, what: &str) -> Result {
        until_ok(&format!("{what} of {user} to be live"), GENEROUS, || match self.live_user(user)? {
            found if found.contains(what) => Ok(()),
            found => Err(Error::new(found)),
        })
    }

    /// A configuration file, as this Asterisk's own GetConfig tells it.
    pub fn get_config(&self, file: &str) -> Result<Vec<Told>> {
        let answer = self.ami()?.action("GetConfig", &[("Filename", file)])?;
        if !answer.is_success() {
            return Err(Error::new(format!("GetConfig of {file}: {answer:?}")));
        }
        let mut sections: Vec<Told> = Vec::new();
        for (key, value) in answer.fields() {
            if key.starts_with("Category-") {
                sections.push((value.clone(), Vec::new()));
            } else if key.starts_with("Line-") {
                let (_, lines) = sections.last_mut().context("a line before any section")?;
                lines.push(value.clone());
            }
        }
        Ok(sections)
    }

    /// Runs a shell script where its process sees the file systems, so that it can mount what only that process sees.
    /// `$1` is its folder.
    pub fn in_its_mounts(&self, script: &str) -> Result<String> {
        let (pid, folder) = (self.pid()?.to_string(), self.path(""));
        run(words(&["nsenter", "--target", &pid, "--mount", "sh", "-ec", script, "sh"]).arg(folder))
    }
}

impl Version {
    /// The file on the main that says which users belong to which site.
    pub fn users_file(self) -> &'static str {
        match self {
            Self::V22 => "pjsip.endpoint.conf",
            Self::V16 => "sip_additional.conf",
        }
    }

    /// The files on the main that hold its users.
    pub fn users_files(self) -> &'static [&'static str] {
        match self {
            Self::V22 => &["pjsip.endpoint.conf", "pjsip.aor.conf", "pjsip.auth.conf"],
            Self::V16 => &["sip_additional.conf"],
        }
    }

    /// The file on the main that a branch reads, with what it includes.
    pub fn synced_from(self) -> &'static str {
        match self {
            Self::V22 => "pjsip.conf",
            Self::V16 => "sip_additional.conf",
        }
    }

    /// The key of a channel variable of a user.
    pub fn variable_key(self) -> &'static str {
        match self {
            Self::V22 => "set_var",
            Self::V16 => "setvar",
        }
    }

    /// The file on the branch that includes the synced one.
    pub fn including_file(self) -> &'static str {
        match self {
            Self::V22 => "pjsip.conf",
            Self::V16 => "sip.conf",
        }
    }
}
