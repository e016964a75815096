//! Who is registered at an Asterisk, all at once.

use std::collections::BTreeSet;

use crate::ami::{Ami, Message};
use crate::asterisk::Asterisk;
use crate::error::Result;
use crate::version::Version;

impl Asterisk {
    /// The users who are registered here now.
    pub fn registered(&self) -> Result<BTreeSet<String>> {
        registered(&mut self.ami()?, self.version)
    }
}

/// The same, in a session that is there already.
pub fn registered(ami: &mut Ami, version: Version) -> Result<BTreeSet<String>> {
    let (action, user): (_, fn(&Message) -> Option<&str>) = match version {
        Version::V22 => ("PJSIPShowContacts", contact),
        Version::V16 => ("SIPpeers", peer),
    };
    match ami.list(action, &[]) {
        // PJSIP answers an empty list with an error.
        Err(error) if error.to_string().contains("No Contacts found") => Ok(BTreeSet::new()),
        items => Ok(items?.iter().filter_map(user).map(str::to_owned).collect()),
    }
}

/// Whose contact it is that was registered; those from the configuration never expire.
fn contact(item: &Message) -> Option<&str> {
    let registered = item.get("ExpirationTime").is_some_and(|time| time != "0");
    item.get("ObjectName")?.split_once(';').map(|(aor, _)| aor).filter(|_| registered)
}

/// Who it is that has an address and may change it.
fn peer(item: &Message) -> Option<&str> {
    let registered = item.get("Dynamic") == Some("yes") && item.get("IPaddress") != Some("-none-");
    item.get("ObjectName").filter(|_| registered)
}
