//! The stages of a drill and what each has to find. Pure: from settings, snapshot and the host's answers.

use std::net::IpAddr;

use hickory_server::proto::rr::RecordType;

use super::{Outcome, walk};
use crate::{
    dialplan::{self, device},
    dns::{Zone, slips},
    operator::{
        doctor::{Reach, TRUNK_IS_AWAY, TRUNK_IS_NOT_ASKED, told, unreachable, wrong_ports},
        functions::{FUNCTIONS, Given, Phone},
        status::{InDialplan, Snapshot},
    },
    settings::{Dialplan, Dns},
    uplink::sip::places::{Over, Place},
    words::{
        state::{MonitorState, ServiceState, Target},
        wording::listed,
    },
};

/// Returns what the phones' name would resolve to while the branch serves. `is_own` says which addresses this machine has.
///
/// # Errors
/// When it would lead elsewhere, or phones would not ask for it in time.
pub fn dns(settings: &Dns, is_own: &dyn Fn(IpAddr) -> bool) -> Result<String, String> {
    if let Some(slip) = slips(settings, is_own).into_iter().find(|slip| slip.fails) {
        return Err(format!("[dns] {}", slip.text));
    }
    let zone = Zone::new(settings, Target::Branch, 1);
    let wanted = &settings.target_failover;
    let name = settings.record.to_string();
    let name = name.trim_end_matches('.');
    let records = [RecordType::A, RecordType::AAAA].map(|of| zone.records(&settings.record, of));
    let records: Vec<_> = records.into_iter().flatten().collect();
    let named = |address: &IpAddr| records.iter().any(|record| record.data.ip_addr() == Some(*address));
    let ttl = records.first().map(|record| record.ttl).filter(|_| wanted.iter().all(named));
    let wanted = listed(wanted);
    match ttl {
        Some(ttl) => Ok(format!("{name} would resolve to {wanted}, with a TTL of {ttl} s")),
        None => {
            Err(format!("{name} would not resolve to {wanted}: check target_failover and record in [dns]"))
        }
    }
}

/// Calls through the branch's own contexts, as they are while it serves and the main is gone.
pub struct Calls<'a> {
    settings: &'a Dialplan,
    outage: Snapshot,
    contexts: Vec<dialplan::Context>,
}

impl<'a> Calls<'a> {
    /// With these settings and users.
    #[must_use]
    pub fn new(settings: &'a Dialplan, snapshot: &Snapshot) -> Self {
        let mut outage = snapshot.clone();
        outage.monitor.state = MonitorState::Failed;
        outage.service.state = ServiceState::Failover;
        outage.service.target = Target::Branch;
        let mut all = (*outage.settings).clone();
        all.dialplan = Some(settings.clone());
        outage.settings = all.into();
        let contexts = dialplan::build(settings, &outage.sync.users, outage.settings.voicemail.is_some());
        Self { settings, outage, contexts }
    }

    /// Returns account and number of the user to call: the user with that number, or else the first user with a number.
    ///
    /// # Errors
    /// When there is none, with what to do.
    pub fn user(&self, number: Option<&str>) -> Result<(String, String), String> {
        let users = &self.outage.sync.users;
        let mut numbered = users.iter().filter_map(|user| Some((user.name.clone(), user.number.clone()?)));
        match number {
            Some(wanted) => numbered
                .find(|(_, number)| number == wanted)
                .ok_or_else(|| format!("no synced user has the number {wanted}: change [drill] number")),
            None => numbered.next().ok_or_else(|| {
                format!(
                    "no synced user has a number to call ({}); see 'synch doctor'",
                    self.outage.sync.reason
                )
            }),
        }
    }

    /// Follows a call to a user whose phone is here. `in_force`: whether Asterisk has an extension for the number.
    ///
    /// # Errors
    /// Where the call ends instead, with what to do.
    pub fn to_user(&self, number: &str, in_force: bool) -> Result<String, String> {
        let dialled = self.walk(number)?;
        self.is_in_force(number, in_force)?;
        Ok(format!("{number} in {} rings {dialled}", self.settings.context))
    }

    /// Follows a call to an emergency number, up to the trunk.
    ///
    /// # Errors
    /// Where the call ends instead, with what to do.
    pub fn to_help(&self, number: &str, in_force: bool) -> Result<String, String> {
        let dialled = self.walk(number)?;
        let trunk = self.settings.local_trunk.as_ref();
        let trunk =
            trunk.map(|trunk| trunk.dial(self.outage.technology(), self.settings.goes_out_as(number)));
        if trunk.as_deref() != Some(&dialled) {
            return Err(format!("{number} goes to {dialled} instead of local_trunk"));
        }
        self.is_in_force(number, in_force)?;
        Ok(format!("{number} in {} goes out as {dialled}", self.settings.context))
    }

    fn walk(&self, number: &str) -> Result<String, String> {
        let ask = |function: &str, argument: &str| self.ask(function, argument);
        walk::dialled(&self.contexts, &self.settings.context, number, &ask)
    }

    /// Checks that Asterisk has the contexts; the walk follows them only as they should be.
    fn is_in_force(&self, number: &str, in_force: bool) -> Result<(), String> {
        let context = &self.settings.context;
        match (&self.outage.dialplan, in_force) {
            (InDialplan::InForce, true) => Ok(()),
            (InDialplan::InForce, false) => Err(format!(
                "Asterisk has no extension for {number} in context {context}: see its log, then reload res_synch.so"
            )),
            (problem, _) => Err(format!("context {context}: {problem}")),
        }
    }

    /// Returns what our dialplan functions would give in an outage.
    fn ask(&self, name: &str, argument: &str) -> Result<String, String> {
        let function = FUNCTIONS.iter().find(|function| function.name.to_str() == Ok(name));
        let function = function.ok_or_else(|| format!("synch has no function {name}"))?;
        match (function.read)(&self.outage, argument) {
            Given::Text(text) | Given::Mailbox(text) => Ok(text),
            // The call is one of a phone's.
            Given::From(_) => Ok("0".to_owned()),
            // Whether the way to the phone is there is asked, whatever its owner has set today.
            Given::Disturbed { .. } => Ok("0".to_owned()),
            Given::Forward { .. } | Given::Route(_) => Ok(String::new()),
            Given::Here(phones) => Ok(u8::from(!phones.is_empty()).to_string()),
            Given::Dial(phones) => {
                let dial = |phone| match phone {
                    Phone::Contacts(user) => device(self.outage.technology(), &user),
                    Phone::Device(device) => device,
                };
                Ok(phones.into_iter().map(dial).collect::<Vec<_>>().join("&"))
            }
            Given::Unknown(problem) => Err(problem),
        }
    }
}

/// Checks that phones could register here over the transport that they use at the main, at the port that DNS tells them.
/// `here`: where this Asterisk takes SIP, by its own file.
///
/// # Errors
/// Which phones can't, with what to do.
pub fn transports(snapshot: &Snapshot, here: &[Place]) -> Result<(), String> {
    let wrong = snapshot.settings.dns.as_ref().map(|dns| wrong_ports(dns, Target::Branch, here));
    if let Some(problem) = wrong.and_then(|problems| problems.into_iter().next()) {
        return Err(problem);
    }
    // A web phone is a page of the main's, as a rule, and gone with it.
    let mut lost = unreachable(snapshot, here, &[]).into_iter().filter(|(over, _)| *over != Over::WebSocket);
    match lost.next() {
        Some((over, users)) => Err(told(over, &users, snapshot.technology())),
        None => Ok(()),
    }
}

/// Whether a trunk can be reached.
#[must_use]
pub fn trunk(name: &str, reach: Reach) -> Outcome {
    match reach {
        Reach::There => Outcome::Passed(format!("{name} is available")),
        Reach::Away => Outcome::Failed(format!("{name} {TRUNK_IS_AWAY}")),
        Reach::NotAsked => Outcome::Skipped(format!("{name} {TRUNK_IS_NOT_ASKED}")),
        Reach::Own => Outcome::Skipped(format!("{name} is a dial string of your own: make a test call")),
    }
}

#[cfg(test)]
mod tests;
