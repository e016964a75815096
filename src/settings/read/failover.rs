//! `[failover]`

use super::{DAY, WEEK, reader::Reader};
use crate::settings::{Failover, ReturnWhen, Window, value::list};

pub(super) fn read_failover(section: &mut Reader<'_>) -> Option<Failover> {
    let return_hold = section.seconds("return_hold", 120, 0, WEEK);
    let return_spread = section.seconds("return_spread", 60, 0, DAY);
    let return_latest = section.seconds("return_latest", 12 * 3600, 0, WEEK);
    let wanted = "at_once, idle, window, idle_or_window or manual";
    let return_when = section.optional("return_when", ReturnWhen::AtOnce, wanted, ReturnWhen::from_word);
    let wanted = "HH:MM-HH:MM, several separated by commas, such as 22:00-06:00";
    let return_windows =
        section.optional("return_window", Vec::new(), wanted, |text| list(text, Window::read));
    if let (Some(when), Some(windows)) = (return_when, &return_windows)
        && when.needs_window()
        && windows.is_empty()
    {
        let problem =
            format_args!("is missing; return_when = {when} needs hours of the day, such as 22:00-06:00");
        section.error("return_window", problem);
    }
    section.finish();
    Some(Failover {
        return_hold: return_hold?,
        return_spread: return_spread?,
        return_latest: return_latest?,
        return_when: return_when?,
        return_windows: return_windows?,
    })
}
