//! Whether a device can be reached from here, as its channel driver tells; whether voicemail has a box.

use std::{collections::HashSet, ffi::c_char, ptr};

use super::{dialplan, objects, sys, text};
use crate::{
    operator::doctor::Reach, peers::people::phone, settings::Technology, site::users::Kind,
    words::wording::visible,
};

/// What res_pjsip says of a contact that it has not asked yet (`ast_sip_get_contact_status_label`).
const NOT_ASKED: [&str; 3] = ["Unknown", "NonQualified", "Created"];

/// Room for the contacts of one user: as much as Asterisk itself has for the arguments of an application.
const DIAL_STRING: usize = 4096;

/// Whether it is registered, or where Asterisk has its fixed address.
pub(super) fn is_there(device: &str) -> bool {
    let device = text::to_c(device);
    // SAFETY: the name is NUL-terminated and only read. Asterisk answers out of its cache, or asks the channel driver.
    let state = unsafe { sys::ast_device_state(device.as_ptr()) };
    !matches!(state, sys::AST_DEVICE_UNAVAILABLE | sys::AST_DEVICE_INVALID)
}

/// Whether it rings or is in a call.
pub(super) fn is_in_use(device: &str) -> bool {
    let device = text::to_c(device);
    // SAFETY: as in [`is_there`].
    let state = unsafe { sys::ast_device_state(device.as_ptr()) };
    matches!(
        state,
        sys::AST_DEVICE_INUSE
            | sys::AST_DEVICE_BUSY
            | sys::AST_DEVICE_RINGING
            | sys::AST_DEVICE_RINGINUSE
            | sys::AST_DEVICE_ONHOLD
    )
}

/// Where a user's phone is registered here; none where it is not.
pub(super) fn contact(technology: Technology, user: &str) -> Option<String> {
    match technology {
        // "PJSIP/1001/sip:1001@10.0.0.1:5060&PJSIP/1001/sip:…"
        Technology::Pjsip => {
            let dial = dial_contacts(ptr::null_mut(), user)?;
            let contacts = dial.split('&').filter_map(|contact| contact.splitn(3, '/').nth(2));
            let contacts: Vec<&str> = contacts.collect();
            Some(visible(&contacts.join(" "))).filter(|contacts| !contacts.is_empty())
        }
        Technology::Sip => {
            let value = |what: &str| read(ptr::null_mut(), &format!("SIPPEER({user},{what})"));
            let (address, port) = (value("ip")?, value("port")?);
            (address != "(null)").then(|| visible(&format!("sip:{user}@{address}:{port}")))
        }
    }
}

/// The caller ids of those of these phones that there are, each by its device.
pub(super) fn caller_ids(devices: &[String]) -> Vec<(String, String)> {
    let phones: Vec<_> =
        devices.iter().filter_map(|device| phone(device).map(|phone| (device, phone))).collect();
    let endpoints = phones.iter().filter(|(_, (technology, _))| *technology == Technology::Pjsip);
    let endpoints: Vec<_> = endpoints.map(|(_, (_, name))| (Kind::Endpoint, (*name).to_owned())).collect();
    // Of an endpoint that is gone, Asterisk would log each question; its state stays in the cache. Without res_pjsip, none
    // is there.
    let gone = objects::missing(&endpoints).unwrap_or(endpoints);
    let gone: HashSet<String> = gone.into_iter().map(|(_, name)| name).collect();
    let has_peers = dialplan::has_function("SIPPEER");
    let callerid = |(device, (technology, name)): (&String, (Technology, &str))| {
        let callerid = match technology {
            Technology::Pjsip if gone.contains(name) => return None,
            Technology::Pjsip => ask(&format!("PJSIP_ENDPOINT({name},callerid)")),
            Technology::Sip if !has_peers => return None,
            Technology::Sip => {
                let value = |what: &str| ask(&format!("SIPPEER({name},{what})"));
                format!("{} <{}>", value("callerid_name"), value("callerid_num"))
            }
        };
        Some((device.clone(), callerid))
    };
    phones.into_iter().filter_map(callerid).collect()
}

/// All contacts of an endpoint of res_pjsip as a dial string, empty where it is not registered; none without chan_pjsip.
pub(super) fn dial_contacts(channel: *mut sys::ast_channel, endpoint: &str) -> Option<String> {
    read(channel, &format!("PJSIP_DIAL_CONTACTS({endpoint})"))
}

/// The endpoint that registered a contact which this endpoint of res_pjsip has; none where nobody did.
pub(super) fn registered_by(endpoint: &str, contact: &str) -> Option<String> {
    let names = contacts_of(endpoint);
    let name = names.iter().find(|name| ask(&format!("PJSIP_CONTACT({name},uri)")) == contact)?;
    Some(ask(&format!("PJSIP_CONTACT({name},endpoint)"))).filter(|endpoint| !endpoint.is_empty())
}

/// Whether a trunk's device can be reached. res_pjsip calls one away that it has not asked yet since its start, and calls go
/// there all the same.
pub(super) fn reach(device: &str) -> Reach {
    if is_there(device) {
        return Reach::There;
    }
    let Some(endpoint) = device.strip_prefix("PJSIP/") else { return Reach::Away };
    let is_unknown = |name: &String| NOT_ASKED.contains(&&*ask(&format!("PJSIP_CONTACT({name},status)")));
    if contacts_of(endpoint).iter().any(is_unknown) { Reach::NotAsked } else { Reach::Away }
}

/// The names of all contacts that an endpoint of res_pjsip has.
fn contacts_of(endpoint: &str) -> Vec<String> {
    let listed = |text: &str| -> Vec<String> {
        text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let aors = listed(&ask(&format!("PJSIP_ENDPOINT({endpoint},aors)")));
    aors.iter().flat_map(|aor| listed(&ask(&format!("PJSIP_AOR({aor},contact)")))).collect()
}

/// What a function that needs no channel gives; empty where it fails.
pub(super) fn ask(call: &str) -> String {
    read(ptr::null_mut(), call).unwrap_or_default()
}

/// Whether app_queue has this queue.
pub(super) fn has_queue(name: &str) -> bool {
    dialplan::has_function("QUEUE_EXISTS") && ask(&format!("QUEUE_EXISTS({name})")) == "1"
}

/// Whether there is a file of that name among the sounds, in Asterisk's own language or in none.
pub(super) fn has_sound(name: &str) -> bool {
    let name = text::to_c(name);
    // SAFETY: the name and Asterisk's own language are NUL-terminated; files are only looked for.
    unsafe {
        sys::ast_fileexists(name.as_ptr(), ptr::null(), (&raw const sys::ast_defaultlanguage).cast()) > 0
    }
}

/// Whether voicemail has this mailbox.
pub(super) fn has_mailbox(name: &str) -> bool {
    ask(&format!("VM_INFO({name},exists)")) == "1"
}

/// What a dialplan function gives; none where it fails, of which Asterisk tells its log. The channel is that of this
/// call, or NULL for a function that needs none.
fn read(channel: *mut sys::ast_channel, call: &str) -> Option<String> {
    read_into(&mut [0; DIAL_STRING], channel, call)
}

/// The same into this buffer, which begins as an empty text.
pub(super) fn read_into(answer: &mut [c_char], channel: *mut sys::ast_channel, call: &str) -> Option<String> {
    let call = text::to_c(call);
    // SAFETY: the caller's channel lives during the call or is NULL; the buffer has the given size.
    let result = unsafe { sys::ast_func_read(channel, call.as_ptr(), answer.as_mut_ptr(), answer.len()) };
    // SAFETY: Asterisk ends what it writes with a NUL, and the buffer began as one; the text is copied.
    (result == 0).then(|| unsafe { text::from_c(answer.as_ptr()) })
}
