//! In whose name the main is asked over SIP. Pure, except for what is kept for a restart.
//!
//! Asterisk handles a request in the name of a user like that of a phone: in the queues and threads that calls use. An
//! answer to a request without a user shows only that Asterisk reads its socket. So the main is asked in the name of a
//! user that it is known to have, whatever the state of the sync. It would log an unknown name at each probe, and
//! fail2ban would ban this branch.

use crate::{
    engine::host::{Host, HostError},
    operator::status::SyncStatus,
    words::{state::SyncState, uri::is_user},
};

/// Where that user is remembered, with the address that was asked.
const SIP_USER: &str = "sip_user";

/// In whose name the main is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    /// A user in whose name the main has answered at its present address.
    proven: Option<String>,
}

impl Question {
    /// Returns what is remembered of the main whose SIP is at that place.
    pub(super) fn recall(host: &dyn Host, place: &str) -> Self {
        let memo = host.recall(SIP_USER);
        let proven = memo.as_deref().and_then(|memo| memo.strip_prefix(place)?.strip_prefix(' '));
        Self { proven: proven.filter(|user| is_user(user)).map(str::to_owned) }
    }

    /// Returns in whose name the main is asked now; `None` means without a user.
    pub(super) fn user(&self, sync: &SyncStatus) -> Option<String> {
        let proven = self.proven.as_ref().filter(|proven| may_be_asked(sync, proven));
        let known = sync.state == SyncState::Synced || sync.knows_who_is_gone();
        let synced = sync.users.iter().map(|user| &user.name).filter(|_| known);
        let mut synced = synced.filter(|name| is_user(name) && may_be_asked(sync, name));
        proven.or_else(|| synced.next()).cloned()
    }

    /// Takes note that the main has answered in the name of that user, and remembers it where that is new.
    ///
    /// # Errors
    /// Asterisk's database refused to store it.
    pub(super) fn answered(&mut self, user: &str, place: &str, host: &dyn Host) -> Result<(), HostError> {
        if self.proven.as_deref() == Some(user) {
            return Ok(());
        }
        self.proven = Some(user.to_owned());
        host.remember(SIP_USER, Some(&format!("{place} {user}")))
    }

    /// Returns the present question, for the status.
    pub(super) fn shown(user: Option<&str>) -> String {
        match user {
            Some(user) => format!("OPTIONS as {user}"),
            None => "BYE without a user name: the branch knows no user of the main yet".to_owned(),
        }
    }
}

/// Returns whether the main has that user, according to the last sync that could read it.
fn may_be_asked(sync: &SyncStatus, user: &str) -> bool {
    match sync.state {
        SyncState::Synced => sync.users.iter().any(|known| known.name == user),
        SyncState::Init | SyncState::Unsynced => !sync.is_gone_on_main(user),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::{
        engine::stand_in::StandIn,
        site::{shrink::Guarded, users::User},
    };

    const PLACE: &str = "udp:10.0.0.254:5060";

    fn sync(state: SyncState, users: &[&str], going: &[&str]) -> SyncStatus {
        let user = |name: &&str| User::new(name, "");
        let held = (!going.is_empty()).then(|| going.iter().map(|name| (*name).to_owned()).collect());
        SyncStatus {
            state,
            users: users.iter().map(user).collect(),
            held_removals: Arc::new(held.map(|names| (Guarded::Users, names)).into_iter().collect()),
            ..SyncStatus::before_the_first(true)
        }
    }

    fn asked(question: &Question, sync: &SyncStatus) -> String {
        question.user(sync).unwrap_or_default()
    }

    #[test]
    fn the_question_is_the_same_whatever_the_sync_is_at_and_after_a_restart() {
        let host = StandIn::default();
        let mut question = Question::recall(&host, PLACE);
        assert_eq!(asked(&question, &sync(SyncState::Synced, &["10 01", "1001", "1002"], &[])), "1001");
        question.answered("1001", PLACE, &host).unwrap();
        for question in [&question, &Question::recall(&host, PLACE)] {
            for (state, users) in [
                (SyncState::Init, &[][..]),
                // A held rollback, a sync that failed.
                (SyncState::Unsynced, &["1003"]),
                (SyncState::Synced, &["1000", "1001"]),
            ] {
                assert_eq!(asked(question, &sync(state, users, &[])), "1001", "{state}");
            }
        }
        assert_eq!(Question::recall(&host, "udp:10.0.0.9:5060"), Question::default());
    }

    #[test]
    fn nobody_is_asked_for_whom_the_main_does_not_know() {
        let mut question = Question::default();
        let host = StandIn::default();
        // Never synced, or not known to be of the main.
        assert_eq!(asked(&question, &sync(SyncState::Init, &["1001"], &[])), "");
        assert_eq!(asked(&question, &sync(SyncState::Unsynced, &["1001"], &[])), "");
        question.answered("1001", PLACE, &host).unwrap();
        assert_eq!(asked(&question, &sync(SyncState::Synced, &["1002"], &[])), "1002");
        // A removal that is held: he is in force here, and gone there.
        let held = |going| sync(SyncState::Unsynced, &["1001", "1002"], going);
        assert_eq!(asked(&question, &held(&["1001"])), "1002");
        assert_eq!(asked(&question, &held(&["1001", "1002"])), "");
        assert_eq!(
            Question::shown(None),
            "BYE without a user name: the branch knows no user of the main yet"
        );
        assert_eq!(Question::shown(Some("1001")), "OPTIONS as 1001");
    }
}
