//! Whether the main accepts our login. A change is announced even while an older session still works.

use super::Running;
use crate::words::state::LoginState;

impl Running {
    /// Takes note of how a login of any worker ended.
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
