//! The channels of this Asterisk, as far as they are calls of users.

use std::{
    collections::{BTreeSet, HashSet},
    ffi::c_char,
    ptr,
};

use super::{sys, text};
use crate::{engine::host::device_of_channel, maintenance::Calls, settings::Technology, site::users::User};

/// More than the name of any channel has (`AST_CHANNEL_NAME`).
const NAME: usize = 128;

/// More than a Linkedid has: the name of a system, which is bounded by asterisk.conf's lines, and two numbers.
const LINKED: usize = 256;

/// How many channels these users have, without those that are parked. It waits for no channel and no bridge.
pub(super) fn of_users(technology: Technology, users: &[User]) -> usize {
    let users: HashSet<&str> = users.iter().map(|user| user.name.as_str()).collect();
    let mut count = 0;
    each(false, |name, _| {
        count += usize::from(device_of_channel(name, technology).is_some_and(|user| users.contains(user)));
    });
    count
}

/// How many calls these users have, by the names of their accounts: one between two of them is one. A parked one is one, too.
pub(super) fn calls_of(technology: Technology, users: &BTreeSet<&str>) -> usize {
    let mut calls = Calls::of(users.iter().copied());
    each(true, |name, linked| {
        if let Some(user) = device_of_channel(name, technology) {
            // Of a channel that somebody holds just now, it is not known: then it counts as a call of its own.
            calls.take(user, if linked.is_empty() { name } else { linked });
        }
    });
    calls.count()
}

/// Looks at the name of each channel, and with `linked` at what all channels of its call have in common. Without it, the name
/// of one that is parked is empty. It waits for no channel and no bridge.
fn each(linked: bool, mut look: impl FnMut(&str, &str)) {
    // SAFETY: makes an iterator over Asterisk's own list; NULL where there is no memory, which is checked.
    let iterator = unsafe { sys::ast_channel_iterator_all_new() };
    if iterator.is_null() {
        return;
    }
    let (mut name, mut id) = ([0 as c_char; NAME], [0 as c_char; LINKED]);
    loop {
        let id = if linked { id.as_mut_ptr() } else { ptr::null_mut() };
        // SAFETY: the iterator is live until it is destroyed below; the buffers have the given sizes, and the shim always
        // ends each with a NUL and gives back its reference on each channel. NULL is no buffer.
        if unsafe { sys::synch_next_channel(iterator, name.as_mut_ptr(), NAME, id, LINKED) } == 0 {
            break;
        }
        // SAFETY: NUL-terminated by the shim; the texts are copied.
        let (name, id) = unsafe {
            (text::from_c(name.as_ptr()), if id.is_null() { String::new() } else { text::from_c(id) })
        };
        look(&name, &id);
    }
    // SAFETY: made above, destroyed once, and not used any more.
    unsafe { sys::ast_channel_iterator_destroy(iterator) };
}
