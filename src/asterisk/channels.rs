//! The channels of this Asterisk, as far as they are calls of users.

use std::{collections::HashSet, ffi::c_char};

use super::{sys, text};
use crate::{engine::host::device_of_channel, settings::Technology, site::users::User};

/// More than the name of any channel has (`AST_CHANNEL_NAME`).
const NAME: usize = 128;

/// How many channels these users have, without those that are parked. It waits for no channel and no bridge.
pub(super) fn of_users(technology: Technology, users: &[User]) -> usize {
    let users: HashSet<&str> = users.iter().map(|user| user.name.as_str()).collect();
    // SAFETY: makes an iterator over Asterisk's own list; NULL where there is no memory, which is checked.
    let iterator = unsafe { sys::ast_channel_iterator_all_new() };
    if iterator.is_null() {
        return 0;
    }
    let mut count = 0;
    let mut name = [0 as c_char; NAME];
    // SAFETY: the iterator is live until it is destroyed below; the buffer has the given size, and the shim always ends
    // it with a NUL and gives back its reference on each channel.
    while unsafe { sys::synch_next_channel(iterator, name.as_mut_ptr(), NAME) } != 0 {
        // SAFETY: NUL-terminated by the shim; the text is copied.
        let name = unsafe { text::from_c(name.as_ptr()) };
        count += usize::from(device_of_channel(&name, technology).is_some_and(|user| users.contains(user)));
    }
    // SAFETY: made above, destroyed once, and not used any more.
    unsafe { sys::ast_channel_iterator_destroy(iterator) };
    count
}
