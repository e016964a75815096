//! The questions before the phones go home from a maintenance: whether the main is well, is what it should be, and has
//! what the phones need. Pure.

use crate::{
    site::shrink::Names,
    words::{
        state::MonitorState,
        wording::{counted, some_of},
    },
};

/// Why the phones stay at the branch. Its text follows "the phones stay here: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The main is not Stable.
    #[error("the main is {0} ({1})")]
    NotStable(MonitorState, String),
    /// The main has not started up yet.
    #[error("the main is still starting")]
    Starting,
    /// The main runs another version than was asked for.
    #[error("the main runs Asterisk {says}, not {wanted}")]
    Version {
        /// What the operator gave.
        wanted: String,
        /// What the main says.
        says: String,
    },
    /// The main does not say which version it runs.
    #[error("the main does not say whether it runs {0}: that needs class system or reporting")]
    NoVersion(String),
    /// A file of the main can't be read.
    #[error("{0}")]
    File(String),
    /// The main has lost too many users.
    #[error("{}", losing(.0))]
    Loses(Losing),
    /// Users that work here would be left out: each with the reason.
    #[error("{} would be left out: {}", counted(.0.len(), "user"), some_of(.0))]
    LeavesOut(Vec<String>),
    /// What the main has was not taken over.
    #[error("{0}")]
    NotSynced(String),
    /// The main could not be asked, or did not answer all questions.
    #[error("{0}")]
    Unanswered(String),
}

impl Refusal {
    /// Returns whether the main was asked and does not have what the phones need: time alone does not change that.
    #[must_use]
    pub const fn is_of_the_main(&self) -> bool {
        !matches!(self, Self::NotStable(..) | Self::Starting | Self::Unanswered(_))
    }
}

/// Users that the main has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Losing {
    /// Who.
    pub names: Names,
    /// Of how many.
    pub of: usize,
}

fn losing(Losing { names, of }: &Losing) -> String {
    if *of == 0 {
        return "the main has no user of this site".to_owned();
    }
    let (lost, names) = (names.len(), some_of(&names.iter().collect::<Vec<_>>()));
    format!("the main has lost {lost} of {}: {names}", counted(*of, "user"))
}

impl Losing {
    /// Returns who of those in place is missing on the main, where that is as much of them as `max_shrink` says or more;
    /// 100 is no bound. A sync may take exactly so much away; half of the users after an upgrade is too much for the
    /// phones to go there by themselves.
    #[must_use]
    pub fn too_much(in_place: &Names, new: &Names, max_shrink: u8) -> Option<Self> {
        let names: Names = in_place.difference(new).cloned().collect();
        let of = in_place.len();
        // Multiplied out, so that no rounding decides.
        let too_many = names.len().saturating_mul(100) >= usize::from(max_shrink).saturating_mul(of);
        (!names.is_empty() && max_shrink < 100 && too_many).then_some(Self { names, of })
    }
}

/// Whether a main in that state may be asked to take its phones.
///
/// # Errors
/// What is missing.
pub fn is_well(monitor: MonitorState, reason: &str, is_starting: bool) -> Result<(), Refusal> {
    if is_starting {
        return Err(Refusal::Starting);
    }
    match monitor {
        MonitorState::Stable => Ok(()),
        state => Err(Refusal::NotStable(state, reason.to_owned())),
    }
}

/// Whether the main runs a version that begins as the wanted one; any, where none is wanted.
///
/// # Errors
/// It does not, or does not say.
pub fn is_version(wanted: Option<&str>, says: Option<&str>) -> Result<(), Refusal> {
    match (wanted, says) {
        (None, _) => Ok(()),
        (Some(wanted), Some(says)) if says.starts_with(wanted) => Ok(()),
        (Some(wanted), Some(says)) => {
            Err(Refusal::Version { wanted: wanted.to_owned(), says: says.to_owned() })
        }
        (Some(wanted), None) => Err(Refusal::NoVersion(wanted.to_owned())),
    }
}

/// What becomes of a maintenance whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is known of the main yet.
    Wait,
    /// The main is between well and dead: the phones stay until it is one of them.
    Doubt,
    /// The main is dead: that is an outage like any other.
    Outage,
    /// The main is well: it is asked whether it has what the phones need.
    Ask,
}

/// Decides what becomes of it.
#[must_use]
pub const fn at_end(monitor: MonitorState, is_starting: bool) -> End {
    match monitor {
        MonitorState::Init => End::Wait,
        MonitorState::Failed => End::Outage,
        MonitorState::Stable if !is_starting => End::Ask,
        MonitorState::Stable | MonitorState::Unstable => End::Doubt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Names {
        (0..count).map(|number| format!("10{number:02}")).collect()
    }

    #[test]
    fn only_a_main_that_is_stable_and_has_started_is_asked() {
        assert_eq!(is_well(MonitorState::Stable, "", false), Ok(()));
        assert_eq!(is_well(MonitorState::Stable, "", true), Err(Refusal::Starting));
        let refused = is_well(MonitorState::Failed, "all ports are closed", false).unwrap_err();
        assert_eq!(refused.to_string(), "the main is Failed (all ports are closed)");
    }

    #[test]
    fn a_version_is_the_beginning_of_what_the_main_says() {
        assert_eq!(is_version(None, None), Ok(()));
        assert_eq!(is_version(Some("22.11"), Some("22.11.0~dfsg")), Ok(()));
        let refused = is_version(Some("22.11"), Some("22.10.1~dfsg")).unwrap_err();
        assert_eq!(refused.to_string(), "the main runs Asterisk 22.10.1~dfsg, not 22.11");
        let refused = is_version(Some("22.11"), None).unwrap_err().to_string();
        assert!(refused.contains("whether it runs 22.11: that needs class system"), "{refused}");
    }

    #[test]
    fn half_of_the_users_are_too_much_and_less_is_not() {
        assert_eq!(Losing::too_much(&names(20), &names(20), 50), None);
        assert_eq!(Losing::too_much(&names(20), &names(11), 50), None);
        let losing = Losing::too_much(&names(20), &names(10), 50).unwrap();
        assert_eq!((losing.names.len(), losing.of), (10, 20));
        assert_eq!(
            Refusal::Loses(losing).to_string(),
            "the main has lost 10 of 20 users: 1010, 1011, 1012, 1013, 1014 and 5 more"
        );
        // None may go, and any may.
        assert!(Losing::too_much(&names(20), &names(19), 0).is_some());
        assert_eq!(Losing::too_much(&names(20), &names(0), 100), None);
        assert_eq!(Losing::too_much(&names(0), &names(0), 0), None);
    }

    #[test]
    fn a_site_without_users_has_lost_none() {
        let refused = Refusal::Loses(Losing { names: names(0), of: 0 });
        assert_eq!(refused.to_string(), "the main has no user of this site");
    }

    #[test]
    fn only_an_answer_of_the_main_is_not_asked_for_again() {
        assert!(
            !Refusal::Unanswered("busy".to_owned()).is_of_the_main() && !Refusal::Starting.is_of_the_main()
        );
        assert!(!Refusal::NotStable(MonitorState::Unstable, String::new()).is_of_the_main());
        assert!(Refusal::NotSynced("held".to_owned()).is_of_the_main());
        assert!(Refusal::LeavesOut(Vec::new()).is_of_the_main());
    }

    #[test]
    fn who_would_be_left_out_is_named_with_the_reason() {
        let user = "1001 (it names no aor)".to_owned();
        assert_eq!(
            Refusal::LeavesOut(vec![user]).to_string(),
            "1 user would be left out: 1001 (it names no aor)"
        );
    }

    #[test]
    fn at_the_end_a_dead_main_is_an_outage_and_one_in_doubt_is_waited_for() {
        for (monitor, is_starting, end) in [
            (MonitorState::Init, false, End::Wait),
            (MonitorState::Unstable, false, End::Doubt),
            (MonitorState::Stable, true, End::Doubt),
            (MonitorState::Failed, true, End::Outage),
            (MonitorState::Stable, false, End::Ask),
        ] {
            assert_eq!(at_end(monitor, is_starting), end, "{monitor} {is_starting}");
        }
    }
}
