//! What is taken of whom: by the administrator's expressions, and by who owns which devices. Pure.

use super::{Subject, topic::is_name};
use crate::settings::Taken;

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
                Subject::Site | Subject::Ask | Subject::People => true,
            }
    }

    /// Returns whether we take anything of a site.
    #[must_use]
    pub fn takes_site(&self, site: &str) -> bool {
        self.sites.fits(site)
    }

    /// Returns whether we take this of a site that we take something of.
    #[must_use]
    pub fn takes(&self, site: &str, subject: &Subject) -> bool {
        let Some(kind) = subject.kind() else { return true };
        self.take.contains(&kind)
            && match subject {
                Subject::Device(device) => is_ours_to_tell(device) && self.owns(site, device),
                Subject::Agent(device) => self.owns(site, device),
                _ => true,
            }
    }

    fn owns(&self, site: &str, device: &str) -> bool {
        let mut lines = self.accept.iter().filter(|line| line.sites.fits(site)).peekable();
        lines.peek().is_none() || lines.any(|line| line.devices.fits(device))
    }
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
}
