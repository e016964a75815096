//! When the main last started and last reloaded, to compare and nothing else. Pure.

use std::fmt;

use super::Frame;
use crate::words::wording::visible_octets;

/// What the main said about its last start and its last reload: equal as long as neither happened again.
///
/// It counts whole seconds. So one that was taken before a file was read may be that of a later reload, too, where both
/// fell into one second: only a stamp that is older than that shows that nothing has changed. And not everything
/// moves it: `dialplan reload` and chan_sip's `sip reload` do not, `core reload` and `module reload` do.
#[derive(Clone, PartialEq, Eq)]
pub struct Stamp(String);

/// The headers of CoreStatus that it is made of.
const HEADERS: [&str; 4] = ["CoreStartupDate", "CoreStartupTime", "CoreReloadDate", "CoreReloadTime"];

/// Bytes of one of them that are kept at most; a date has 10.
const KEPT: usize = 40;

impl Stamp {
    /// Out of an answer to CoreStatus; none where the answer lacks one of its dates.
    #[must_use]
    pub fn read(answer: &Frame) -> Option<Self> {
        let mut words = Vec::new();
        for name in HEADERS {
            let value = answer.get(name).filter(|value| !value.is_empty())?;
            words.push(visible_octets(value.get(..KEPT).unwrap_or(value)));
        }
        Some(Self(words.join(" ")))
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stamp({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(reload: &str) -> Frame {
        let text = format!(
            "Response: Success\r\nCoreStartupDate: 2026-01-02\r\nCoreStartupTime: 09:20:04\r\n\
             CoreReloadDate: 2026-01-02\r\nCoreReloadTime: {reload}\r\nCoreCurrentCalls: 0\r\n\r\n"
        );
        Frame::new(text.into_bytes())
    }

    #[test]
    fn a_reload_changes_it_and_calls_do_not() {
        let stamp = Stamp::read(&answer("09:20:04")).unwrap();
        let calls = Frame::new(b"CoreReloadTime: 09:20:04\r\nCoreReloadDate: 2026-01-02\r\nCoreStartupTime: 09:20:04\r\nCoreStartupDate: 2026-01-02\r\nCoreCurrentCalls: 7\r\n".to_vec());
        assert_eq!(Stamp::read(&calls), Some(stamp.clone()));
        assert_ne!(Stamp::read(&answer("09:20:05")), Some(stamp));
    }

    #[test]
    fn an_answer_without_a_date_has_none() {
        assert_eq!(Stamp::read(&answer("")), None);
        assert_eq!(Stamp::read(&Frame::new(b"Response: Success\r\n".to_vec())), None);
    }
}
