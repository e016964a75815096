//! Who is called what in the zone.

use hickory_server::proto::rr::{LowerName, Name};

use crate::{settings, words::state::Target};

/// The names that have records of their own.
pub(super) struct Names {
    /// This DNS server.
    pub(super) name_server: Name,
    /// What phones are set up with: the record, and the bare domain.
    pub(super) registrars: Vec<Name>,
    /// The two systems, whoever serves: what SRV leads to. None where the domain is so long that they don't fit.
    pub(super) systems: Option<Systems>,
}

/// A host of its own for each system.
pub(super) struct Systems {
    main: Name,
    branch: Name,
}

impl Names {
    pub(super) fn of(settings: &settings::Dns) -> Self {
        let mut registrars = vec![Name::from(&settings.domain)];
        if settings.record != settings.domain {
            registrars.push(Name::from(&settings.record));
        }
        Self {
            // Not the record's: that leads to the main in normal service.
            name_server: host(settings, ["ns", "dns"]).unwrap_or_else(|| Name::from(&settings.domain)),
            registrars,
            systems: Systems::of(settings),
        }
    }
}

impl Systems {
    fn of(settings: &settings::Dns) -> Option<Self> {
        let main = host(settings, ["main", "main-system"])?;
        let branch = host(settings, ["branch", "branch-system"])?;
        Some(Self { main, branch })
    }

    pub(super) fn host(&self, target: Target) -> &Name {
        match target {
            Target::Main => &self.main,
            Target::Branch => &self.branch,
        }
    }
}

/// The first of these labels that the administrator did not take for the record; none where the domain is so long that
/// no label fits before it.
fn host(settings: &settings::Dns, labels: [&str; 2]) -> Option<Name> {
    labels
        .iter()
        .filter_map(|label| settings.domain.prepend_label(*label).ok())
        .find(|name| LowerName::from(name) != settings.record)
}
