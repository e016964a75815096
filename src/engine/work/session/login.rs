//! What a login says of the account. Pure.

use std::time::SystemTime;

use crate::{engine::event::Event, operator::status::seconds, uplink::ami::LinkError};

/// What the engine is told of a login that ended like this; nothing where the main was not reached, or has not looked at
/// the account.
pub(super) fn told<T>(result: &Result<T, LinkError>) -> Option<Event> {
    match result {
        Ok(_) => Some(Event::Login(Ok(()))),
        Err(error) if error.is_turned_away() || error.is_in_use() => {
            Some(Event::Login(Err(error.to_string())))
        }
        Err(error @ LinkError::Unprepared(_)) => Some(Event::Login(Err(error.to_string()))),
        Err(_) => None,
    }
}

/// When a certificate ends that lasts for so many seconds, in seconds since 1970.
pub(super) fn certificate_end(lasts: Option<i64>, now: SystemTime) -> Option<u64> {
    seconds(now).checked_add_signed(lasts?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_certificate_ends_so_long_from_now_or_has_ended() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let ends = [Some(500), Some(-500), Some(-2_000), None].map(|lasts| certificate_end(lasts, now));
        assert_eq!(ends, [Some(1_500), Some(500), None, None]);
    }
    use crate::uplink::ami::{Refusal, TransportError};

    #[test]
    fn a_login_tells_of_the_account_only_where_the_main_has_looked_at_it() {
        let address = ([192, 0, 2, 1], 5038).into();
        let refused = |refusal| told(&Err::<(), _>(LinkError::Refused { address, refusal }));
        assert!(matches!(told(&Ok(())), Some(Event::Login(Ok(())))));
        for (refusal, words) in [
            (Refusal::Login { message: "Authentication failed".to_owned() }, "username and secret"),
            (Refusal::InUse, "allowmultiplelogin = yes"),
        ] {
            let told = refused(refusal);
            assert!(matches!(&told, Some(Event::Login(Err(text))) if text.contains(words)), "{told:?}");
        }
        assert!(refused(Refusal::ShuttingDown).is_none());
        let error = TransportError::TimedOut { awaited: "x" };
        assert!(told(&Err::<(), _>(LinkError::Transport { address, error })).is_none());
    }
}
