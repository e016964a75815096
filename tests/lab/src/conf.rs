//! The configuration files of main, branch and carrier, as a test finds them: those of `tests/lab/conf`, with the places filled in.

use std::net::Ipv4Addr;

use crate::net::Net;
use crate::version::Version;

/// What an Asterisk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The system that has all users.
    Main,
    /// The one that stands in for it.
    Branch,
    /// One more of those, at the same site.
    Second,
    /// The public network, at the branch's own line.
    Carrier,
}

impl Role {
    /// `main`, `branch`, `second` or `carrier`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Branch => "branch",
            Self::Second => "second",
            Self::Carrier => "carrier",
        }
    }
}

/// A domain that phones register at: `sip.` and this.
pub const DOMAIN: &str = "voice.example.com";

/// The password of a user of the main's configuration.
pub fn password(user: &str) -> String {
    format!("secret-{user}")
}

macro_rules! files {
    ($($name:literal from $path:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../conf/", $path)))),*]
    };
}

type Files = &'static [(&'static str, &'static str)];

const ANY: Files = files![
    "asterisk.conf" from "any/asterisk.conf",
    "extensions.conf" from "any/extensions.conf",
    "logger.conf" from "any/logger.conf",
    "manager.conf" from "any/manager.conf",
    "rtp.conf" from "any/rtp.conf",
];
/// Asterisk's core complains about each of these that it doesn't find.
const QUIET: Files = &[
    ("acl.conf", ""),
    ("ccss.conf", "[general]\n"),
    ("cdr.conf", "[general]\nenable = no\n"),
    ("cel.conf", "[general]\nenable = no\n"),
    ("features.conf", "[general]\n"),
    (
        "indications.conf",
        "[general]\ncountry = us\n[us]\ndescription = US\nringcadence = 2000,4000\ndial = 350+440\n",
    ),
    ("pjproject.conf", ""),
    ("udptl.conf", "[general]\n"),
    ("voicemail.conf", "[general]\n"),
];
const MODULES_22: Files = files!["modules.conf" from "any/modules-22.conf"];
const MODULES_16: Files = files!["modules.conf" from "any/modules-16.conf"];
const MAIN: Files = files!["voicemail.conf" from "main/voicemail.conf"];
const MAIN_22: Files = files![
    "pjsip.conf" from "main-22/pjsip.conf",
    "pjsip.endpoint.conf" from "main-22/pjsip.endpoint.conf",
    "pjsip.aor.conf" from "main-22/pjsip.aor.conf",
    "pjsip.auth.conf" from "main-22/pjsip.auth.conf",
];
const MAIN_16: Files = files![
    "sip.conf" from "main-16/sip.conf",
    "sip_additional.conf" from "main-16/sip_additional.conf",
];
const BRANCH: Files = files![
    "res_synch.conf" from "branch/res_synch.conf",
    "voicemail.conf" from "branch/voicemail.conf",
];
const BRANCH_22: Files = files!["pjsip.conf" from "branch-22/pjsip.conf"];
const BRANCH_16: Files = files!["sip.conf" from "branch-16/sip.conf"];
const CARRIER: Files = files!["extensions.conf" from "carrier/extensions.conf"];
const CARRIER_22: Files = files!["pjsip.conf" from "carrier-22/pjsip.conf"];
const CARRIER_16: Files = files!["sip.conf" from "carrier-16/sip.conf"];

const DIALPLAN: Files = files![
    "res_synch.conf" from "branch/dialplan.conf",
    "extensions.conf" from "branch/from-branch.conf",
];

/// The files of `role`, by name; of two with the same name the later one counts. `home` is the Asterisk's own folder,
/// as it sees it.
pub fn files(role: Role, version: Version, net: &Net, home: &str) -> Vec<(&'static str, String)> {
    let sets: &[Files] = match (role, version) {
        (Role::Main, Version::V22) => &[ANY, QUIET, MODULES_22, MAIN, MAIN_22],
        (Role::Main, Version::V16) => &[ANY, QUIET, MODULES_16, MAIN, MAIN_16],
        (Role::Branch | Role::Second, Version::V22) => &[ANY, QUIET, MODULES_22, BRANCH, BRANCH_22],
        (Role::Branch | Role::Second, Version::V16) => &[ANY, QUIET, MODULES_16, BRANCH, BRANCH_16],
        (Role::Carrier, Version::V22) => &[ANY, QUIET, MODULES_22, CARRIER, CARRIER_22],
        (Role::Carrier, Version::V16) => &[ANY, QUIET, MODULES_16, CARRIER, CARRIER_16],
    };
    let (own, entity) = match role {
        Role::Main => (net.main_address(), "01"),
        Role::Branch => (net.branch_address(), "02"),
        Role::Carrier => (net.carrier_address(), "03"),
        Role::Second => (net.second_address(), "04"),
    };
    let fill = |text: &str| {
        let address = |address: Ipv4Addr| address.to_string();
        text.replace("@HOME@", home)
            .replace("@NAME@", role.name())
            .replace("@ENTITY@", entity)
            .replace("@ADDRESS@", &address(own))
            .replace("@MAIN@", &address(net.main_address()))
            .replace("@BRANCH@", &address(net.branch_address()))
            .replace("@CARRIER@", &address(net.carrier_address()))
            .replace("@TECHNOLOGY@", version.technology())
            .replace("@TECHNOLOGY_KEY@", &version.technology().to_lowercase())
    };
    sets.iter().flat_map(|set| set.iter()).map(|(name, text)| (*name, fill(text))).collect()
}

/// What a branch with a dialplan of its own has at the end of these files, by name.
pub fn dialplan(version: Version) -> impl Iterator<Item = (&'static str, String)> {
    let fill = move |text: &str| text.replace("@TECHNOLOGY@", version.technology());
    DIALPLAN.iter().map(move |(name, text)| (*name, fill(text)))
}
