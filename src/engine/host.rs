//! What the engine asks of the Asterisk it runs in. Implemented by `asterisk`, and by a stand-in in tests.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    dialplan::{Context, Hint},
    export::{Section, objects::Object},
    operator::doctor::Reach,
    peers::{DeviceState, Fact, Show},
    settings::{Shared, Technology},
    site::users::{Declined, Kind, User},
    uplink::ami::Crypto,
    words::conf::ConfSection,
};

/// The family of Asterisk's database that has what is our own: `database show synch`.
const FAMILY: &str = "synch";

/// How much a log line matters, in Asterisk's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something is broken and nobody repairs it by itself.
    Error,
    /// Something is not as it should be.
    Warning,
    /// A change of state.
    Notice,
    /// For whoever looks closer: `core set debug 1 res_synch`.
    Debug,
}

/// Why a call into the host failed, in one line for the administrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// Why another module was not reloaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// Another reload runs; it may be tried again.
    #[error("it could not be reloaded, because another reload is running")]
    InProgress,
    /// It did not work; the text says which module and why.
    #[error("{0}")]
    Failed(String),
}

/// What the channel driver makes of a section, and what it has of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has it as it is meant.
    InForce,
    /// It has another of that name.
    Different,
    /// It has none of that name.
    Missing,
    /// It would not take it.
    Refused,
}

/// The sections of a file, and the files that they are from.
pub type Octets = (Vec<Section>, BTreeSet<PathBuf>);

/// Where what this Asterisk says of itself is heard, on its own threads: it may not wait.
pub type Hears = Box<dyn Fn(Fact) + Send + Sync>;

/// As long as it lives, what this Asterisk says is heard. Dropping it waits until the last of it has been.
pub trait StatesWatch: Send {}

/// The Asterisk around us. Every call may come from any of our own threads.
pub trait Host: Crypto + 'static {
    /// Writes one line to Asterisk's log.
    fn log(&self, level: Level, text: &str);

    /// Emits an AMI event of class system.
    fn event(&self, name: &str, fields: &[(&str, &str)]);

    /// `yyyyMMddHHmmss` in the zone of the machine.
    fn local_time(&self, time: SystemTime) -> String;

    /// Minute of the day, 0 to 1439, in the zone of the machine.
    fn minute_of_day(&self, time: SystemTime) -> u16;

    /// How many channels these users have in calls: two for a call between two of them. One that is parked is none.
    fn calls(&self, technology: Technology, users: &[User]) -> usize;

    /// How many channels this Asterisk has, whoever's they are.
    fn channels(&self) -> usize;

    /// Whether Asterisk has loaded all its modules; a reload before that would only be queued.
    fn fully_booted(&self) -> bool;

    /// Whether Asterisk ends.
    fn shuts_down(&self) -> bool;

    /// Folder of Asterisk's configuration.
    fn config_dir(&self) -> PathBuf;

    /// Folder of Asterisk's own variable data.
    fn data_dir(&self) -> PathBuf;

    /// Reads a configuration file with Asterisk's own loader; never one that could hold `#exec`.
    ///
    /// # Errors
    /// The file is missing or Asterisk calls it invalid.
    fn load_conf(&self, path: &Path) -> Result<Vec<ConfSection>, HostError>;

    /// Reads a configuration file as GetConfig does, with the files that it is made of. `None`: there is none of that name.
    ///
    /// # Errors
    /// Asterisk calls it invalid, or may not read it.
    fn load_octets(&self, path: &Path) -> Result<Option<Octets>, HostError>;

    /// Gives memory that is not used back to the system, as far as there is a way: after a file of 20,000 users was read, that
    /// is some 100 MiB, of which malloc keeps what lies below the last thing still used.
    fn give_back_memory(&self) {}

    /// Reloads another module and waits for it.
    ///
    /// # Errors
    /// What Asterisk answered when it did not carry the reload out. That it did says nothing of the objects.
    fn reload(&self, module: &str) -> Result<(), ReloadError>;

    /// Reads a configuration file with all its includes, and gives the sections that do not come from the file of
    /// that name.
    ///
    /// # Errors
    /// As [`Host::load_conf`].
    fn load_conf_besides(&self, path: &Path, file: &str) -> Result<Vec<ConfSection>, HostError>;

    /// Which of these the channel driver does not have in force now.
    ///
    /// # Errors
    /// The channel driver did not answer.
    fn missing(
        &self,
        technology: Technology,
        wanted: &[(Kind, String)],
    ) -> Result<Vec<(Kind, String)>, HostError>;

    /// Whether the channel driver would take these sections, as far as what it does not take of them, which is added to
    /// `declined`, is left out; none where it has to be taken on trust (chan_sip takes any peer).
    ///
    /// # Errors
    /// The channel driver did not answer.
    fn try_out(
        &self,
        technology: Technology,
        sections: &[(Kind, &ConfSection)],
        declined: &mut Declined,
    ) -> Result<Option<Vec<bool>>, HostError>;

    /// What the channel driver makes of these sections; none where it has to be taken on trust (chan_sip).
    ///
    /// # Errors
    /// The channel driver did not answer.
    fn judge(
        &self,
        technology: Technology,
        sections: &[(Kind, &ConfSection)],
    ) -> Result<Option<Vec<Verdict>>, HostError>;

    /// The objects of res_pjsip of a kind that have this value of an option, wherever it keeps them. None says nothing of whether
    /// a database has answered. It may take long: whoever keeps them is asked.
    ///
    /// # Errors
    /// res_pjsip is not loaded.
    fn objects_with(&self, kind: Kind, key: &str, value: &str) -> Result<Vec<Object>, HostError>;

    /// Those of these objects that there are. It may take long, too.
    ///
    /// # Errors
    /// res_pjsip is not loaded.
    fn objects_named(&self, kind: Kind, names: &[String]) -> Result<Vec<Object>, HostError>;

    /// An object of a kind of which nothing is said.
    ///
    /// # Errors
    /// res_pjsip is not loaded.
    fn plain_object(&self, kind: Kind) -> Result<Object, HostError>;

    /// Makes of what Asterisk's dialplan has of ours these contexts, in one step for every call. Hints are left alone.
    ///
    /// # Errors
    /// Asterisk did not take all of them; the rest is in force.
    fn replace_dialplan(&self, contexts: &[Context]) -> Result<(), HostError>;

    /// Whether Asterisk's dialplan doesn't have some of these hints.
    fn lacks_hints(&self, hints: &[Hint]) -> bool;

    /// Adds those of these hints that Asterisk's dialplan doesn't have; whether all are there now. They can't be added while
    /// it starts, reloads a module, or builds a dialplan of its own: that is over before long. A hint that is there stays as it
    /// is. Asterisk's module list is locked meanwhile: inside the gate.
    ///
    /// # Errors
    /// Asterisk did not take all of them.
    fn add_hints(&self, hints: &[Hint]) -> Result<bool, HostError>;

    /// Who else has made a context of that name.
    fn context_owner(&self, name: &str) -> Option<String>;

    /// Whether somebody else has extensions in a context of ours.
    fn shares_context(&self, name: &str) -> bool;

    /// Whether there is a context of that name, whoever made it.
    fn has_context(&self, name: &str) -> bool;

    /// Whether our switch is asked in a context.
    fn asks_synch(&self, name: &str) -> bool;

    /// Whether a number that is dialled in a context leads to a step.
    fn leads_on(&self, context: &str, number: &str) -> bool;

    /// Whether Asterisk has this application.
    fn has_application(&self, name: &str) -> bool;

    /// Whether Asterisk has this function.
    fn has_function(&self, name: &str) -> bool;

    /// Whether voicemail has this mailbox, `number@context`.
    fn has_mailbox(&self, name: &str) -> bool;

    /// Whether app_queue has this queue.
    fn has_queue(&self, name: &str) -> bool;

    /// Whether Asterisk has this sound, in its own language or in none.
    fn has_sound(&self, name: &str) -> bool;

    /// Whether a module is loaded: `res_xmpp.so`. Asterisk's module list is locked meanwhile: inside the gate.
    fn has_module(&self, name: &str) -> bool;

    /// Whether a trunk's device can be reached.
    fn reach(&self, device: &str) -> Reach;

    /// Whether a device is registered here, or has a fixed address that answers.
    fn is_there(&self, device: &str) -> bool;

    /// Where a user's phone is registered here: its contact, printable; none where it is not.
    fn contact(&self, technology: Technology, user: &str) -> Option<String>;

    /// Where a user's phones are registered here, the newest first, each as a URI that can be dialled; `None` where that can't
    /// be told. It may wait for the database that the user is in.
    fn contacts_here(&self, technology: Technology, user: &str) -> Option<Vec<String>>;

    /// Whether this machine has that address: whoever answers there is not the main. Where the interfaces can't be read,
    /// only the loopback is known.
    fn is_own_address(&self, address: IpAddr) -> bool {
        is_own_address(address)
    }

    /// Lets what this Asterisk says of itself be heard from now on, as long as what this returns lives.
    ///
    /// # Errors
    /// Asterisk has no memory for it.
    fn watch_states(&self, kinds: &[Shared], heard: Hears) -> Result<Box<dyn StatesWatch>, HostError>;

    /// Tells all that this Asterisk has of a kind of its own now.
    fn tell_states(&self, kind: Shared, heard: &mut dyn FnMut(Fact));

    /// The caller ids of those of these phones that there are now, each by its device: `PJSIP/1001` has `"Alice" <1001>`.
    fn caller_ids(&self, devices: &[String]) -> Vec<(String, String)>;

    /// Shows this Asterisk what another site says.
    ///
    /// # Errors
    /// Asterisk did not take it.
    fn show_state(&self, show: &Show) -> Result<(), HostError>;

    /// What this Asterisk makes of a device, in its words: what it says itself and what other sites say, in one.
    fn device_state(&self, device: &str) -> DeviceState;

    /// Whether the module was loaded anew behind an unload that had left this thread alone: what it would still write or change
    /// is not its own any more.
    fn is_replaced(&self) -> bool {
        false
    }

    /// The name of this system: `systemname` of asterisk.conf, else the host's.
    fn system_name(&self) -> String;

    /// Version of this Asterisk.
    fn version(&self) -> String;

    /// What Asterisk's database has of that family and key.
    fn stored(&self, family: &str, key: &str) -> Option<String>;

    /// The file of Asterisk's database.
    fn database_file(&self) -> PathBuf;

    /// All that Asterisk's database has of a family, by key.
    fn stored_all(&self, family: &str) -> Vec<(String, String)>;

    /// Writes it into Asterisk's database, which keeps it across restarts, or takes it away.
    ///
    /// # Errors
    /// The database did not take it.
    fn store(&self, family: &str, key: &str, value: Option<&str>) -> Result<(), HostError>;

    /// A word of our own that was remembered across restarts.
    fn recall(&self, key: &str) -> Option<String> {
        self.stored(FAMILY, key)
    }

    /// Remembers a word of our own across restarts, or forgets it.
    ///
    /// # Errors
    /// As [`Host::store`].
    fn remember(&self, key: &str, value: Option<&str>) -> Result<(), HostError> {
        self.store(FAMILY, key, value)
    }
}

/// Whether an address is the loopback's or one of an interface of this machine.
fn is_own_address(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback()
        || address.is_unspecified()
        || if_addrs::get_if_addrs()
            .is_ok_and(|interfaces| interfaces.iter().any(|interface| interface.ip() == address))
}

/// The user whose channel it is, by its name: `PJSIP/1001-00000002`. `None`: it is one of another driver.
#[must_use]
pub fn device_of_channel(name: &str, technology: Technology) -> Option<&str> {
    // The number at the end is the driver's; a name may have dashes of its own.
    name.strip_prefix(technology.driver())?.strip_prefix('/')?.rsplit_once('-').map(|(user, _)| user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_named_by_its_device() {
        for (name, technology, user) in [
            ("PJSIP/1001-00000002", Technology::Pjsip, Some("1001")),
            ("PJSIP/front-desk-0000000a", Technology::Pjsip, Some("front-desk")),
            ("SIP/1001-00000002", Technology::Sip, Some("1001")),
            ("SIP/1001-00000002", Technology::Pjsip, None),
            ("Local/1001@x-00000002;1", Technology::Pjsip, None),
            ("", Technology::Pjsip, None),
        ] {
            assert_eq!(device_of_channel(name, technology), user, "{name}");
        }
    }

    #[test]
    fn the_loopback_and_every_interface_are_own_addresses() {
        let own = |text: &str| is_own_address(text.parse().unwrap());
        assert!(
            own("127.0.0.1") && own("127.8.7.6") && own("::1") && own("::ffff:127.0.0.1") && own("0.0.0.0")
        );
        assert!(!own("192.0.2.1") && !own("2001:db8::1"));
        for interface in if_addrs::get_if_addrs().unwrap() {
            assert!(is_own_address(interface.ip()), "{}", interface.ip());
        }
    }
}
