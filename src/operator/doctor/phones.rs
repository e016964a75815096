//! Checks the phones: whether the main says where they are, and for how long they register there.

use super::{Level, Report};
use crate::{
    operator::status::Snapshot,
    settings::Technology,
    site::{contacts::LONG_EXPIRATION, phones::NOT_ASKED},
    words::wording::counted,
};

impl Report {
    pub(super) fn phones(&mut self, snapshot: &Snapshot) {
        if snapshot.settings.sync.is_none() {
            return;
        }
        let phones = &snapshot.phones;
        let known = counted(phones.book.len(), "phone");
        if phones.problem.is_empty() {
            self.say(Level::Fine, "phones", format!("the main says where {known} can be reached"));
        } else if phones.problem == NOT_ASKED {
            self.say(
                Level::Fine,
                "phones",
                format!("{known} known from before; synch asks the main once it serves"),
            );
        } else {
            let text = format!(
                "{known} known, but this may be out of date: {}. In an outage all other phones can be called only \
                 after they have registered here",
                phones.problem
            );
            self.say(Level::Warning, "phones", text);
        }
        match phones.lasts {
            Some(lasts) if lasts > LONG_EXPIRATION => {
                let text = format!(
                    "phones register at the main for {lasts} s or longer, so in an outage a phone may register here \
                     that late. {}",
                    remedy(snapshot.technology())
                );
                self.say(Level::Warning, "expiration", text);
            }
            Some(lasts) => {
                self.say(Level::Fine, "expiration", format!("phones register again within {lasts} s"))
            }
            None => {}
        }
    }
}

fn remedy(technology: Technology) -> String {
    match technology {
        Technology::Pjsip => format!(
            "On the main, set maximum_expiration to a value from 60 to {LONG_EXPIRATION} in every aor (FreePBX: \
             Applications, Extensions, Advanced, Maximum Expiration; for all at once: Admin, Bulk Handler)"
        ),
        Technology::Sip => format!(
            "On the main, set maxexpiry to a value from 60 to {LONG_EXPIRATION} in \
             sip.conf (FreePBX: Settings, Asterisk SIP Settings, Chan SIP, Registration Times)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        operator::{doctor::Check, status::tests::snapshot},
        settings,
        site::phones::Phones,
        words::conf::ConfSection,
    };

    fn checks(phones: Phones, technology: &str) -> Vec<Check> {
        let sections = [
            ConfSection::new("main", [("host", "10.0.0.254"), ("username", "synch"), ("secret", "x")]),
            ConfSection::new("sync", [("technology", technology), ("filter_value", ".")]),
            ConfSection::new("dns", [("enabled", "no")]),
        ];
        let mut snapshot = snapshot();
        snapshot.settings = settings::read(&sections).unwrap().into();
        snapshot.phones = Arc::new(phones);
        let mut report = Report(Vec::new());
        report.phones(&snapshot);
        report.0
    }

    #[test]
    fn a_long_registration_is_a_warning_with_the_place_to_change_it() {
        for (technology, remedy) in [("pjsip", "maximum_expiration"), ("sip", "maxexpiry")] {
            let said = checks(Phones { lasts: Some(3600), ..Phones::default() }, technology);
            assert_eq!(
                said.iter().map(|check| check.level).collect::<Vec<_>>(),
                [Level::Fine, Level::Warning]
            );
            assert!(said[1].text.contains(remedy) && said[1].text.contains("3600 s"), "{:?}", said[1]);
            let said = checks(Phones { lasts: Some(120), ..Phones::default() }, technology);
            assert_eq!(said[1].level, Level::Fine);
        }
    }

    #[test]
    fn what_the_main_does_not_tell_is_a_warning() {
        let said = checks(Phones { problem: "Permission denied".to_owned(), ..Phones::default() }, "pjsip");
        assert_eq!((said.len(), said[0].level), (1, Level::Warning));
        assert!(said[0].text.contains("Permission denied"));
    }
}
