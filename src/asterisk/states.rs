//! What this Asterisk says of itself on its message bus, and what it is shown of other sites.

use std::{
    ffi::{CString, c_int, c_void},
    ptr::{self, NonNull},
    sync::{Arc, Mutex, PoisonError},
};

use super::{guard::guard, queues, sys, text};
use crate::{
    engine::host::{Hears, HostError, StatesWatch},
    peers::{Count, DeviceState, Eid, Fact, Presence, Show},
    settings::Shared,
};

/// As whom all counts of other systems' mailboxes are shown: one entity does, since the largest is shown, and no sum.
const COUNTED: &str = "mailboxes";

/// Where [`synch_heard`] tells what it is told. Boxed, so that it has an address that stays.
struct Source(Box<dyn Fn(Fact) + Send + Sync>);

/// Tells of nothing any more once it is dropped.
struct Watch {
    subscriptions: Vec<NonNull<sys::stasis_subscription>>,
    source: *mut Source,
}

// SAFETY: the subscriptions and the source may be used on any thread: Asterisk counts references to the first, and the
// second is `Sync` and only freed once the last callback has returned.
unsafe impl Send for Watch {}

impl StatesWatch for Watch {}

impl Drop for Watch {
    fn drop(&mut self) {
        for subscription in &self.subscriptions {
            // SAFETY: it was made by synch_watch() and is given back once. It waits until its last callback has returned,
            // which waits for nothing of ours.
            unsafe { sys::synch_unwatch(subscription.as_ptr()) };
        }
        // SAFETY: made by Box::into_raw() in `watch`; no callback runs any more.
        drop(unsafe { Box::from_raw(self.source) });
    }
}

/// Watches these kinds from now on.
pub(super) fn watch(kinds: &[Shared], heard: Hears) -> Result<Box<dyn StatesWatch>, HostError> {
    let mut watch = Watch { subscriptions: Vec::new(), source: Box::into_raw(Box::new(Source(heard))) };
    for kind in kinds {
        let Some(what) = what(*kind) else { continue };
        // SAFETY: the source lives until the subscription has ended, which `Watch` sees to.
        let subscription = unsafe { sys::synch_watch(what, watch.source.cast()) };
        let Some(subscription) = NonNull::new(subscription) else {
            return Err(HostError("Asterisk has no memory to tell of its devices".to_owned()));
        };
        watch.subscriptions.push(subscription);
    }
    Ok(Box::new(watch))
}

fn what(kind: Shared) -> Option<sys::synch_what> {
    match kind {
        Shared::Device => Some(sys::SYNCH_DEVICE),
        Shared::Mailbox => Some(sys::SYNCH_MAILBOX),
        Shared::Presence => Some(sys::SYNCH_PRESENCE),
        Shared::Agent => Some(sys::SYNCH_MEMBER),
        Shared::People => None,
    }
}

/// Tells all that Asterisk has of a kind, and of its own: out of its cache, but for the members of queues.
pub(super) fn tell_all(kind: Shared, heard: &mut dyn FnMut(Fact)) {
    if kind == Shared::Agent {
        return queues::tell_members(names_of_queues().iter().map(String::as_str), heard);
    }
    let Some(what) = what(kind) else { return };
    let facts: Arc<Mutex<Vec<Fact>>> = Arc::default();
    let into = Arc::clone(&facts);
    let keep = move |fact| into.lock().unwrap_or_else(PoisonError::into_inner).push(fact);
    let mut source = Source(Box::new(keep));
    // SAFETY: the source lives during the call, in which all callbacks come, on this thread.
    unsafe { sys::synch_tell_all(what, (&raw mut source).cast()) };
    drop(source);
    let mut facts = facts.lock().unwrap_or_else(PoisonError::into_inner);
    facts.drain(..).for_each(heard);
}

/// app_queue gives each queue a device of its own, which is in use while none of its members is free.
fn names_of_queues() -> Vec<String> {
    let mut queues = Vec::new();
    tell_all(Shared::Device, &mut |fact| {
        if let Fact::Device(device, _) = fact {
            let queue = device.strip_prefix("Queue:").and_then(|name| name.strip_suffix("_avail"));
            queues.extend(queue.map(str::to_owned));
        }
    });
    queues
}

/// Called by the shim on a thread of Asterisk's, for each thing that was said.
///
/// # Safety
/// `source` is that of [`watch`] or [`tell_all`], `said` and its texts live during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn synch_heard(source: *mut c_void, said: *const sys::synch_said) {
    guard((), || {
        // SAFETY: the caller's promise; the shim passes what it was given.
        let (source, said) = unsafe { (&*source.cast::<Source>(), &*said) };
        // SAFETY: the caller's promise; the shim passes NUL-terminated texts or NULL.
        if let Some(fact) = unsafe { fact(said) } {
            (source.0)(fact);
        }
    });
}

/// # Safety
/// The texts are NUL-terminated or NULL.
unsafe fn fact(said: &sys::synch_said) -> Option<Fact> {
    if said.ours == 0 {
        return None;
    }
    // SAFETY: the caller's promise.
    let [name, text, subtype, message] =
        [said.name, said.text, said.subtype, said.message].map(|text| unsafe { text::from_c(text) });
    let count = |number: c_int| u32::try_from(number).unwrap_or_default();
    match said.what {
        sys::SYNCH_DEVICE => Some(Fact::Device(name, device_state(said.number))),
        sys::SYNCH_MAILBOX => {
            Some(Fact::Mailbox(name, Count { new: count(said.number), old: count(said.more) }))
        }
        sys::SYNCH_PRESENCE => Some(Fact::Presence(name, Presence { state: text, subtype, message })),
        sys::SYNCH_MEMBER => {
            let word = match said.number {
                0 => None,
                1 => Some("ready".to_owned()),
                _ if message.is_empty() => Some("paused".to_owned()),
                _ => Some(format!("paused: {message}")),
            };
            Some(Fact::Member { device: name, queue: text, word })
        }
        _ => None,
    }
}

fn device_state(number: c_int) -> DeviceState {
    let number = sys::ast_device_state::try_from(number).unwrap_or(sys::AST_DEVICE_UNKNOWN);
    match number {
        sys::AST_DEVICE_NOT_INUSE => DeviceState::NotInUse,
        sys::AST_DEVICE_INUSE => DeviceState::InUse,
        sys::AST_DEVICE_BUSY => DeviceState::Busy,
        sys::AST_DEVICE_INVALID => DeviceState::Invalid,
        sys::AST_DEVICE_UNAVAILABLE => DeviceState::Unavailable,
        sys::AST_DEVICE_RINGING => DeviceState::Ringing,
        sys::AST_DEVICE_RINGINUSE => DeviceState::RingInUse,
        sys::AST_DEVICE_ONHOLD => DeviceState::OnHold,
        _ => DeviceState::Unknown,
    }
}

fn number(state: DeviceState) -> c_int {
    let number = match state {
        DeviceState::NotInUse => sys::AST_DEVICE_NOT_INUSE,
        DeviceState::InUse => sys::AST_DEVICE_INUSE,
        DeviceState::Busy => sys::AST_DEVICE_BUSY,
        DeviceState::Invalid => sys::AST_DEVICE_INVALID,
        DeviceState::Unavailable => sys::AST_DEVICE_UNAVAILABLE,
        DeviceState::Ringing => sys::AST_DEVICE_RINGING,
        DeviceState::RingInUse => sys::AST_DEVICE_RINGINUSE,
        DeviceState::OnHold => sys::AST_DEVICE_ONHOLD,
        DeviceState::Unknown => sys::AST_DEVICE_UNKNOWN,
    };
    c_int::try_from(number).unwrap_or_default()
}

/// Shows Asterisk what other sites say.
pub(super) fn show(show: &Show) -> Result<(), HostError> {
    let failed = |what: &str| HostError(format!("Asterisk did not take the state of {what}"));
    match show {
        Show::Device(Eid(eid), device, state) => {
            let name = text::to_c(device);
            // SAFETY: the name is NUL-terminated and the entity has six bytes; Asterisk copies both.
            let result = unsafe { sys::synch_show_device(name.as_ptr(), number(*state), eid.as_ptr()) };
            (result == 0).then_some(()).ok_or_else(|| failed(device))
        }
        Show::Clear(Eid(eid), device) => {
            let name = text::to_c(device);
            // SAFETY: as above.
            unsafe { sys::synch_clear_device(name.as_ptr(), eid.as_ptr()) };
            Ok(())
        }
        Show::Lamp(mailbox, count) => {
            let (name, context) = mailbox_parts(mailbox);
            let [fresh, old] =
                [count.new, count.old].map(|count| c_int::try_from(count).unwrap_or(c_int::MAX));
            let Eid(eid) = Eid::of_site(COUNTED);
            // SAFETY: as above.
            let result =
                unsafe { sys::synch_show_mailbox(name.as_ptr(), context.as_ptr(), fresh, old, eid.as_ptr()) };
            (result == 0).then_some(()).ok_or_else(|| failed(mailbox))
        }
        Show::NoLamp(mailbox) => {
            let (name, context) = mailbox_parts(mailbox);
            let Eid(eid) = Eid::of_site(COUNTED);
            // SAFETY: as above. Its lamp goes out first: of an entry that is only taken away, phones are told nothing.
            unsafe {
                sys::synch_show_mailbox(name.as_ptr(), context.as_ptr(), 0, 0, eid.as_ptr());
                sys::synch_forget_mailbox(name.as_ptr(), context.as_ptr(), eid.as_ptr());
            }
            Ok(())
        }
        Show::Presence(provider, presence) => {
            let function = text::to_c(&format!("PRESENCE_STATE({provider})"));
            let Presence { state, subtype, message } = presence;
            let value = text::to_c(&format!("{state},{subtype},{message}"));
            // SAFETY: both texts are NUL-terminated; the function needs no channel. It writes the database, the cache and the
            // hints alike, which ast_presence_state_changed_literal() does not.
            let result = unsafe { sys::ast_func_write(ptr::null_mut(), function.as_ptr(), value.as_ptr()) };
            (result == 0).then_some(()).ok_or_else(|| failed(provider))
        }
    }
}

fn mailbox_parts(mailbox: &str) -> (CString, CString) {
    let (name, context) = mailbox.rsplit_once('@').unwrap_or((mailbox, "default"));
    (text::to_c(name), text::to_c(context))
}

/// Returns what Asterisk makes of a device.
pub(super) fn of(device: &str) -> DeviceState {
    let device = text::to_c(device);
    // SAFETY: the name is NUL-terminated and only read. Asterisk answers out of its cache, or asks the channel driver.
    let state = unsafe { sys::ast_device_state(device.as_ptr()) };
    device_state(c_int::try_from(state).unwrap_or_default())
}
