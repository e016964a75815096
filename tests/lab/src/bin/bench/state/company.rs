//! Two systems with the same hints, and how the one learns what the other has.

use std::fmt::{self, Write};
use std::net::Ipv4Addr;

use lab::ami::Ami;
use lab::error::Context;
use lab::wait::{GENEROUS, until_ok};
use lab::{Asterisk, Error, Result, Sharing, Version};

/// Hints at each, one for each device.
pub const LAMPS: usize = 1_000;
/// The number of the first.
const FIRST: usize = 10_000;
/// Their names in the other's files.
const NAMES: [&str; 2] = ["berlin", "bonn"];

/// What Asterisk's own way needs besides what the lab loads.
const PUBLISH_MODULES: &str = "load = res_pjsip_outbound_publish.so\nload = res_pjsip_publish_asterisk.so\n";

/// How the systems share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Not at all: what the changes cost where nobody hears of them.
    Nothing,
    /// By Asterisk's own module, from each to each.
    Publish,
    /// By `[state]`.
    Synch,
    /// The same with TLS.
    SynchTls,
}

impl Means {
    /// In the order in which they are measured and shown.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Publish, Self::Synch, Self::SynchTls];
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nothing => "nothing shared",
            Self::Publish => "res_pjsip_publish_asterisk",
            Self::Synch => "[state]",
            Self::SynchTls => "[state], TLS",
        })
    }
}

/// Berlin, whose devices change, and bonn, whose hints follow.
pub struct Company {
    /// Both of them, and their broker.
    pub sharing: Sharing,
    /// How they share.
    pub means: Means,
}

impl Company {
    /// Starts both, and waits until they know each other.
    pub fn open(means: Means) -> Result<Self> {
        let lines = if means == Means::SynchTls { "tls = yes" } else { "" };
        let mut sharing = Sharing::new(&[Version::V22, Version::V22], lines)?;
        if means == Means::SynchTls {
            let authority = sharing.broker.take_tls()?;
            for system in &sharing.systems {
                std::fs::copy(authority.certificate(), system.path("etc/ca.crt")).context("the authority")?;
                let lines = format!("tls = yes\ntls_ca_file = {}", system.inside("etc/ca.crt"));
                system.edit_conf("res_synch.conf", "tls = yes", &lines)?;
            }
        }
        for system in &sharing.systems {
            give_hints(system)?;
            if matches!(means, Means::Nothing | Means::Publish) {
                system.edit_conf("modules.conf", "load = res_synch.so\n", "")?;
            }
        }
        if means == Means::Publish {
            let [berlin, bonn] = sharing.both()?;
            publish_to(berlin, NAMES, bonn.address())?;
            let [own, other] = NAMES;
            publish_to(bonn, [other, own], berlin.address())?;
        }
        let mut company = Self { sharing, means };
        company.start()?;
        Ok(company)
    }

    fn start(&mut self) -> Result {
        match self.means {
            Means::Synch | Means::SynchTls => self.sharing.start(),
            Means::Nothing | Means::Publish => {
                self.sharing.systems.iter_mut().try_for_each(Asterisk::start)?;
                self.try_out()
            }
        }
    }

    /// Waits until the one hears the other, where they share by Asterisk's own means.
    pub fn try_out(&self) -> Result {
        if self.means != Means::Publish {
            return Ok(());
        }
        let [berlin, bonn] = self.sharing.both()?;
        for state in ["INUSE", "NOT_INUSE"] {
            until_ok("the publication to arrive", GENEROUS, || {
                berlin.set_device("Custom:trial", state)?;
                let there = bonn.device_state("Custom:trial")?;
                if there == state { Ok(()) } else { Err(Error::new(there)) }
            })?;
        }
        Ok(())
    }

    /// Sets these devices of berlin's, as fast as it takes that.
    pub fn set(&self, ami: &mut Ami, lamps: impl IntoIterator<Item = usize>, state: &str) -> Result {
        ami.set_all(lamps.into_iter().map(|lamp| (variable(lamp), state)))
    }
}

/// The dialplan function of the device that a lamp shows.
pub fn variable(lamp: usize) -> String {
    format!("DEVICE_STATE(Custom:s{})", FIRST + lamp)
}

/// The lamp of a number.
pub fn lamp(number: &str) -> Option<usize> {
    let lamp = number.parse::<usize>().ok()?.checked_sub(FIRST)?;
    (lamp < LAMPS).then_some(lamp)
}

fn give_hints(system: &Asterisk) -> Result {
    let mut text = system.read_conf("extensions.conf")?;
    text.push_str("\n[shared]\n");
    for number in (FIRST..).take(LAMPS) {
        let _ = writeln!(text, "exten => {number},hint,Custom:s{number}");
    }
    system.write_conf("extensions.conf", &text)
}

/// As Asterisk's own documentation has it, for the states of devices. `names` are its own and the other's.
fn publish_to(system: &Asterisk, [own, other]: [&str; 2], address: Ipv4Addr) -> Result {
    let modules = system.read_conf("modules.conf")?;
    let modules = modules.replace("load = res_pjsip_outbound_publish.so\n", "");
    system.write_conf("modules.conf", &format!("{modules}{PUBLISH_MODULES}"))?;
    let pjsip = system.read_conf("pjsip.conf")?;
    let lines = format!(
        "[{other}]\ntype = endpoint\n\n\
         [{other}]\ntype = identify\nendpoint = {other}\nmatch = {address}\n\n\
         [{other}-devices]\ntype = outbound-publish\nserver_uri = sip:{own}@{address}\n\
         event = asterisk-devicestate\n\n\
         [{other}]\ntype = inbound-publication\nevent_asterisk-devicestate = {other}\n\n\
         [{other}]\ntype = asterisk-publication\ndevicestate_publish = {other}-devices\ndevice_state = yes\n"
    );
    system.write_conf("pjsip.conf", &format!("{pjsip}\n{lines}"))
}
