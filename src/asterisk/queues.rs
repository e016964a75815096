//! Who is a member of queues, as app_queue tells a dialplan.

use std::ptr;

use super::{
    devices::{ask, read_into},
    dialplan,
};
use crate::peers::{Fact, is_plain};

/// Room for the members of one queue: some thousand. app_queue leaves out whoever has no place in it.
const MEMBERS: usize = 64 * 1024;

/// Tells each member of these queues. Those that nobody has logged in or paused since Asterisk started are on no message.
pub(super) fn tell_members<'a>(queues: impl Iterator<Item = &'a str>, heard: &mut dyn FnMut(Fact)) {
    // Without app_queue, Asterisk would log each question.
    if !["QUEUE_MEMBER_LIST", "QUEUE_MEMBER"].into_iter().all(dialplan::has_function) {
        return;
    }
    // A comma or a bracket in a name would be another question.
    for queue in queues.filter(|queue| queue.split(' ').all(is_plain)) {
        let call = format!("QUEUE_MEMBER_LIST({queue})");
        let members = read_into(&mut vec![0; MEMBERS], ptr::null_mut(), &call).unwrap_or_default();
        for device in members.split(',').filter(|device| is_plain(device)) {
            let is_paused = ask(&format!("QUEUE_MEMBER({queue},paused,{device})")) == "1";
            let word = if is_paused { "paused" } else { "ready" };
            heard(Fact::Member {
                device: device.to_owned(),
                queue: queue.to_owned(),
                word: Some(word.to_owned()),
            });
        }
    }
}
