//! Whether the main lets us in: told where it changes, also while an older session still works.

use super::Running;
use crate::words::state::LoginState;

impl Running {
    /// A login ended like this, whoever made it.
    pub(super) fn logged_in(&mut self, result: Result<(), String>) {
        let (state, reason) = match result {
            Ok(()) => (LoginState::Accepted, "the main accepted the login".to_owned()),
            Err(reason) => (LoginState::Refused, reason),
        };
        let old = std::mem::replace(&mut self.snapshot.login.state, state);
        self.snapshot.login.reason.clone_from(&reason);
        // That the first login goes well is no news.
        if old != state && (old, state) != (LoginState::Init, LoginState::Accepted) {
            self.announce(old, state, &reason);
        }
    }
}
