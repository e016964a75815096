//! Who is a member of queues, as app_queue tells a dialplan.

use std::{ffi::c_char, ptr};

use super::{dialplan, sys, text};
use crate::peers::{Fact, people::is_plain};

/// Room for the members of one queue: some thousand. app_queue leaves out whoever has no place in it.
const MEMBERS: usize = 64 * 1024;
/// Room for a number.
const NUMBER: usize = 32;

/// Tells each member of these queues. Those that nobody has logged in or paused since Asterisk started are on no message.
pub(super) fn tell_members<'a>(queues: impl Iterator<Item = &'a str>, heard: &mut dyn FnMut(Fact)) {
    // Without app_queue, Asterisk would log each question.
    if !["QUEUE_MEMBER_LIST", "QUEUE_MEMBER"].into_iter().all(dialplan::has_function) {
        return;
    }
    // A comma or a bracket in a name would be another question.
    for queue in queues.filter(|queue| queue.split(' ').all(is_plain)) {
        let members = ask(&format!("QUEUE_MEMBER_LIST({queue})"), MEMBERS);
        for device in members.split(',').filter(|device| is_plain(device)) {
            let is_paused = ask(&format!("QUEUE_MEMBER({queue},paused,{device})"), NUMBER) == "1";
            let word = if is_paused { "paused" } else { "ready" };
            heard(Fact::Member {
                device: device.to_owned(),
                queue: queue.to_owned(),
                word: Some(word.to_owned()),
            });
        }
    }
}

/// Returns what a function gives that needs no channel; empty where it fails.
fn ask(call: &str, room: usize) -> String {
    let call = text::to_c(call);
    let mut answer: Vec<c_char> = vec![0; room];
    // SAFETY: the call is NUL-terminated, the functions of app_queue need no channel; the buffer has the given size.
    let result =
        unsafe { sys::ast_func_read(ptr::null_mut(), call.as_ptr(), answer.as_mut_ptr(), answer.len()) };
    // SAFETY: Asterisk ends what it writes with a NUL, and the buffer began as one; the text is copied.
    if result == 0 { unsafe { text::from_c(answer.as_ptr()) } } else { String::new() }
}
