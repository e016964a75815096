//! What is taken of whom: by the administrator's expressions, and by who owns which devices. Pure.

use super::{Person, Subject, topic::is_name};
use crate::settings::{Taken, Technology};

impl Taken {
    /// Returns whether others may know this of us.
    #[must_use]
    pub fn shares(&self, subject: &Subject) -> bool {
        let Some(kind) = subject.kind() else { return true };
        self.share.contains(&kind)
            && match subject {
                Subject::Device(device) => is_ours_to_tell(device) && self.devices.fits(device),
                Subject::Agent(device) => is_name(device) && self.devices.fits(device),
                Subject::Mailbox(name) | Subject::Presence(name) => is_name(name),
                Subject::Site | Subject::Ask | Subject::Alive | Subject::People => true,
            }
    }

    /// Returns whether we take anything of a site.
    #[must_use]
    pub fn takes_site(&self, site: &str) -> bool {
        self.sites.fits(site)
    }

    /// Returns whether we take this of a site that we take something of. Of people, only [`Self::takes_person`] can tell.
    #[must_use]
    pub fn takes(&self, site: &str, subject: &Subject) -> bool {
        let Some(kind) = subject.kind() else { return true };
        self.take.contains(&kind)
            && match subject {
                Subject::Device(device) => is_ours_to_tell(device) && self.owns(site, &[device]),
                Subject::Agent(device) => self.owns_or_its_number(site, device, called(device)),
                Subject::Mailbox(name) => {
                    let number = name.split_once('@').map(|(number, _)| number);
                    self.owns_or_its_number(site, &format!("MWI:{name}"), number)
                }
                Subject::Presence(name) => {
                    let number = name.split_once(':').map(|(_, number)| number);
                    self.owns_or_its_number(site, name, number)
                }
                Subject::People | Subject::Site | Subject::Ask | Subject::Alive => true,
            }
    }

    /// Returns whether we take it of a site that it has this person: its are the device and the number.
    #[must_use]
    pub fn takes_person(&self, site: &str, person: &Person) -> bool {
        let [pjsip, sip] = phones(&person.number);
        self.owns(site, &[&person.device]) && self.owns(site, &[&pjsip, &sip])
    }

    /// Who owns a phone owns what else belongs to its number. The administrator may also have named that itself.
    fn owns_or_its_number(&self, site: &str, name: &str, number: Option<&str>) -> bool {
        let [pjsip, sip] = phones(number.unwrap_or_default());
        match number {
            Some(_) => self.owns(site, &[name, &pjsip, &sip]),
            None => self.owns(site, &[name]),
        }
    }

    /// Returns whether one of these, which are the same in other words, is a site's to speak of.
    fn owns(&self, site: &str, names: &[&str]) -> bool {
        let mut lines = self.accept.iter().filter(|line| line.sites.fits(site)).peekable();
        lines.peek().is_none() || lines.any(|line| names.iter().any(|name| line.devices.fits(name)))
    }
}

/// The phone of a number, as either channel driver calls it.
fn phones(number: &str) -> [String; 2] {
    [Technology::Pjsip, Technology::Sip].map(|technology| format!("{}/{number}", technology.driver()))
}

/// The number of a member of queues who is called by it: `Local/1001@from-queue/n`, as FreePBX does.
fn called(device: &str) -> Option<&str> {
    device.strip_prefix("Local/")?.split_once('@').map(|(number, _)| number)
}

/// Returns whether a device is a fact of the system that tells of it. Others follow from states that came from elsewhere,
/// and would come back as an echo: the lamps of mailboxes, the callers and the free members of queues.
fn is_ours_to_tell(device: &str) -> bool {
    is_name(device)
        && !device.starts_with("Local/")
        && !device.starts_with("MWI:")
        && (!device.starts_with("Queue:") || device.contains("_pause_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Accept, Pattern, Shared};

    fn taken(devices: &str, sites: &str, accept: &[(&str, &str)]) -> Taken {
        let expression = |text: &str| Pattern::new(text).unwrap();
        let accept = accept
            .iter()
            .map(|(sites, devices)| Accept { sites: expression(sites), devices: expression(devices) });
        Taken {
            share: Shared::ALL.into(),
            take: Shared::ALL.into(),
            devices: expression(devices),
            sites: expression(sites),
            accept: accept.collect(),
        }
    }

    #[test]
    fn what_follows_from_others_is_never_shared() {
        let taken = taken(".", ".", &[]);
        for (device, shared) in [
            ("PJSIP/1001", true),
            ("Custom:lunch", true),
            ("Agent:77", true),
            ("Queue:q1_pause_PJSIP/1001", true),
            ("Queue:q1", false),
            ("Queue:q1_avail", false),
            ("MWI:1001@default", false),
            ("Local/1001@from-queue", false),
            ("PJSIP/\n", false),
        ] {
            let subject = Subject::Device(device.to_owned());
            assert_eq!((taken.shares(&subject), taken.takes("bonn", &subject)), (shared, shared), "{device}");
        }
    }

    #[test]
    fn who_owns_numbers_owns_only_those() {
        let taken = taken("^PJSIP/", "^b", &[("^bonn$", "^PJSIP/2"), ("^b", "^Custom:")]);
        let device = |name: &str| Subject::Device(name.to_owned());
        assert!(taken.shares(&device("PJSIP/1001")) && !taken.shares(&device("Custom:night")));
        assert!(taken.takes_site("bonn") && !taken.takes_site("aachen"));
        assert!(taken.takes("bonn", &device("PJSIP/2001")) && !taken.takes("bonn", &device("PJSIP/1001")));
        assert!(taken.takes("berlin", &device("Custom:x")) && !taken.takes("berlin", &device("PJSIP/2001")));
        assert!(taken.takes("aachen", &device("PJSIP/1001")));
    }

    #[test]
    fn what_belongs_to_a_number_is_his_who_owns_its_phone() {
        let taken = taken(".", ".", &[("^bern$", "^(PJSIP|SIP)/3[0-9]{3}$|^CustomPresence:bern-|^MWI:700@")]);
        let agent = |name: &str| Subject::Agent(name.to_owned());
        let mailbox = |name: &str| Subject::Mailbox(name.to_owned());
        let presence = |name: &str| Subject::Presence(name.to_owned());
        for (subject, owned) in [
            (mailbox("3001@default"), true),
            (mailbox("3001@other"), true),
            (mailbox("700@default"), true),
            (mailbox("1001@default"), false),
            (mailbox("31@default"), false),
            (mailbox("@default"), false),
            (presence("CustomPresence:3001"), true),
            (presence("CustomPresence:bern-door"), true),
            (presence("CustomPresence:1001"), false),
            (presence("3001"), false),
            (agent("SIP/3001"), true),
            (agent("Local/3001@from-queue/n"), true),
            (agent("Local/1001@from-queue/n"), false),
            (agent("PJSIP/1001"), false),
        ] {
            assert_eq!(taken.takes("bern", &subject), owned, "{subject:?}");
            assert!(taken.takes("bonn", &subject), "{subject:?}");
        }
        let person = |number: &str, device: &str| {
            let (number, device) = (number.to_owned(), device.to_owned());
            let mallory = Person { number, name: "Mallory".to_owned(), device };
            assert!(taken.takes_person("bonn", &mallory));
            taken.takes_person("bern", &mallory)
        };
        assert!(person("3001", "PJSIP/3001") && person("3001", "SIP/3002"));
        // Neither somebody else's number at an own phone, nor the lamp of somebody else's phone.
        assert!(!person("1001", "PJSIP/3001") && !person("3001", "PJSIP/1001"));
    }
}
