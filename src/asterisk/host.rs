//! [`Host`] on the Asterisk that loaded us.

use std::{
    ffi::{c_char, c_int},
    path::{Path, PathBuf},
    ptr,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    channels, conf, database, devices, dialplan, load::Load, log, memory, objects, peers,
    reference::asterisk_ends, reload, roomy::Roomy, states, sys, text, tls, version,
};
use crate::{
    dialplan::{Context, Hint},
    engine::host::{Hears, Host, HostError, Level, Octets, ReloadError, StatesWatch, Verdict},
    export::objects::Object,
    operator::doctor::Reach,
    peers::{DeviceState, Fact, Show},
    settings::{Shared, Technology, Tls},
    site::users::{Declined, Kind, User},
    uplink::ami::{Crypto, TlsError, TlsSession},
    words::{conf::ConfSection, faults, wording::visible},
};

/// This Asterisk, in one load of the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asterisk(pub(super) Load);

impl Crypto for Asterisk {
    fn md5(&self, text: &str) -> String {
        /// 32 digits and the NUL.
        const ROOM: usize = 33;
        let text = text::to_c(text);
        let mut hex = [0 as c_char; ROOM];
        // SAFETY: the text is NUL-terminated; ast_md5_hash() writes 32 digits and a NUL, which is the room there is.
        unsafe {
            sys::ast_md5_hash(hex.as_mut_ptr(), text.as_ptr());
            text::from_c(hex.as_ptr())
        }
    }

    fn sha256(&self, octets: &[u8]) -> Option<[u8; 32]> {
        tls::sha256(octets)
    }

    fn tls(&self, settings: &Tls) -> Result<Box<dyn TlsSession>, TlsError> {
        Ok(Box::new(tls::Session::new(settings)?))
    }
}

impl Host for Asterisk {
    fn log(&self, level: Level, text: &str) {
        log::write(level, text);
    }

    fn event(&self, name: &str, fields: &[(&str, &str)]) {
        if self.is_replaced() {
            return;
        }
        let body: String =
            fields.iter().map(|(key, value)| format!("{key}: {}\r\n", visible(value))).collect();
        let (name, body) = (text::to_c(name), text::to_c(&body));
        // SAFETY: all texts are NUL-terminated and outlive the call; no channels are passed; "%s" takes one string.
        unsafe {
            sys::__ast_manager_event_multichan(
                sys::EVENT_FLAG_SYSTEM as c_int,
                name.as_ptr(),
                0,
                ptr::null_mut(),
                c"res_synch".as_ptr(),
                0,
                c"event".as_ptr(),
                c"%s".as_ptr(),
                body.as_ptr(),
            );
        }
    }

    fn local_time(&self, time: SystemTime) -> String {
        local_time(time)
    }

    fn minute_of_day(&self, time: SystemTime) -> u16 {
        let time = broken_down(time);
        u16::try_from(time.get().tm_hour * 60 + time.get().tm_min).unwrap_or_default()
    }

    fn calls(&self, technology: Technology, users: &[User]) -> usize {
        channels::of_users(technology, users)
    }

    fn channels(&self) -> usize {
        // SAFETY: reads the length of Asterisk's own list of channels.
        usize::try_from(unsafe { sys::ast_active_channels() }).unwrap_or_default()
    }

    fn fully_booted(&self) -> bool {
        fully_booted()
    }

    fn shuts_down(&self) -> bool {
        shuts_down()
    }

    fn config_dir(&self) -> PathBuf {
        conf::dir()
    }

    fn data_dir(&self) -> PathBuf {
        // SAFETY: as in `conf::dir`.
        unsafe { text::from_c(sys::ast_config_AST_VAR_DIR) }.into()
    }

    fn load_conf(&self, path: &Path) -> Result<Vec<ConfSection>, HostError> {
        conf::load(path)
    }

    fn load_conf_besides(&self, path: &Path, file: &str) -> Result<Vec<ConfSection>, HostError> {
        conf::load_besides(path, Some(file))
    }

    fn contacts_here(&self, technology: Technology, user: &str) -> Option<Vec<String>> {
        peers::contacts(technology, user)
    }

    fn load_octets(&self, path: &Path) -> Result<Option<Octets>, HostError> {
        conf::load_octets(path)
    }

    fn give_back_memory(&self) {
        memory::give_back();
    }

    fn reload(&self, module: &str) -> Result<(), ReloadError> {
        if self.is_replaced() {
            return Err(ReloadError::Failed(format!(
                "{module} was not reloaded: synch was loaded again meanwhile"
            )));
        }
        reload::reload(module)
    }

    fn missing(
        &self,
        technology: Technology,
        wanted: &[(Kind, String)],
    ) -> Result<Vec<(Kind, String)>, HostError> {
        match technology {
            Technology::Pjsip => objects::missing(wanted),
            Technology::Sip => peers::missing(wanted),
        }
    }

    fn try_out(
        &self,
        technology: Technology,
        sections: &[(Kind, &ConfSection)],
        declined: &mut Declined,
    ) -> Result<Option<Vec<bool>>, HostError> {
        match technology {
            Technology::Pjsip => objects::try_out(sections, declined).map(Some),
            Technology::Sip => Ok(None),
        }
    }

    fn judge(
        &self,
        technology: Technology,
        sections: &[(Kind, &ConfSection)],
    ) -> Result<Option<Vec<Verdict>>, HostError> {
        match technology {
            Technology::Pjsip => objects::judge(sections).map(Some),
            Technology::Sip => Ok(None),
        }
    }

    fn objects_with(&self, kind: Kind, key: &str, value: &str) -> Result<Vec<Object>, HostError> {
        objects::with(kind, key, value)
    }

    fn objects_named(&self, kind: Kind, names: &[String]) -> Result<Vec<Object>, HostError> {
        objects::named(kind, names)
    }

    fn plain_object(&self, kind: Kind) -> Result<Object, HostError> {
        objects::plain(kind)
    }

    fn replace_dialplan(&self, contexts: &[Context]) -> Result<(), HostError> {
        dialplan::replace(self.0, contexts)
    }

    fn lacks_hints(&self, hints: &[Hint]) -> bool {
        dialplan::hints::lacks(hints)
    }

    fn add_hints(&self, hints: &[Hint]) -> Result<bool, HostError> {
        if !fully_booted() {
            return Ok(false);
        }
        match reload::with_list_locked(
            || if self.0.is_over() { Ok(false) } else { dialplan::hints::add(hints) },
        ) {
            Ok(added) => added,
            Err(ReloadError::InProgress) => Ok(false),
            Err(error) => Err(HostError(error.to_string())),
        }
    }

    fn context_owner(&self, name: &str) -> Option<String> {
        dialplan::other_owner(name)
    }

    fn shares_context(&self, name: &str) -> bool {
        dialplan::is_shared(name)
    }

    fn has_context(&self, name: &str) -> bool {
        dialplan::has_context(name)
    }

    fn asks_synch(&self, name: &str) -> bool {
        dialplan::asks_synch(name)
    }

    fn leads_on(&self, context: &str, number: &str) -> bool {
        dialplan::leads_on(context, number)
    }

    fn has_application(&self, name: &str) -> bool {
        dialplan::has_application(name)
    }

    fn has_function(&self, name: &str) -> bool {
        dialplan::has_function(name)
    }

    fn has_mailbox(&self, name: &str) -> bool {
        devices::has_mailbox(name)
    }

    fn has_queue(&self, name: &str) -> bool {
        devices::has_queue(name)
    }

    fn has_sound(&self, name: &str) -> bool {
        devices::has_sound(name)
    }

    fn has_module(&self, name: &str) -> bool {
        reload::is_loaded(name)
    }

    fn reach(&self, device: &str) -> Reach {
        devices::reach(device)
    }

    fn is_there(&self, device: &str) -> bool {
        devices::is_there(device)
    }

    fn contact(&self, technology: Technology, user: &str) -> Option<String> {
        devices::contact(technology, user)
    }

    fn watch_states(&self, kinds: &[Shared], heard: Hears) -> Result<Box<dyn StatesWatch>, HostError> {
        states::watch(kinds, heard)
    }

    fn tell_states(&self, kind: Shared, heard: &mut dyn FnMut(Fact)) {
        states::tell_all(kind, heard);
    }

    fn caller_ids(&self, devices: &[String]) -> Vec<(String, String)> {
        devices::caller_ids(devices)
    }

    fn show_state(&self, show: &Show) -> Result<(), HostError> {
        if self.0.takes_to_show() { states::show(show) } else { Ok(()) }
    }

    fn device_state(&self, device: &str) -> DeviceState {
        states::of(device)
    }

    fn is_replaced(&self) -> bool {
        self.0.is_followed()
    }

    fn system_name(&self) -> String {
        // SAFETY: Asterisk sets its paths before any module loads and never changes them.
        let name = unsafe { text::from_c(sys::ast_config_AST_SYSTEM_NAME) };
        if name.is_empty() {
            nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        } else {
            name
        }
    }

    fn version(&self) -> String {
        version::name()
    }

    fn stored(&self, family: &str, key: &str) -> Option<String> {
        database::get(family, key)
    }

    fn database_file(&self) -> PathBuf {
        database::file()
    }

    fn stored_all(&self, family: &str) -> Vec<(String, String)> {
        database::all(family)
    }

    fn store(&self, family: &str, key: &str, value: Option<&str>) -> Result<(), HostError> {
        faults::point(key);
        if self.is_replaced() {
            return Err(HostError(format!(
                "'{family}/{key}' is not stored: synch was loaded again meanwhile"
            )));
        }
        database::set(family, key, value)
    }
}

/// Whether all modules are loaded and have started.
pub(super) fn fully_booted() -> bool {
    // SAFETY: reads one flag of Asterisk.
    unsafe { sys::synch_fully_booted() != 0 }
}

/// Whether it ends, or is about to.
pub(super) fn shuts_down() -> bool {
    // SAFETY: reads a flag of Asterisk's, which doesn't tell of a stop "when convenient".
    let shuts_down = unsafe { sys::ast_shutting_down() != 0 };
    shuts_down || asterisk_ends()
}

/// `yyyyMMddHHmmss` in the zone of the machine.
pub(super) fn local_time(time: SystemTime) -> String {
    let mut time = broken_down(time);
    let mut buffer = [0 as c_char; 32];
    // SAFETY: `time` lives during the call; ast_strftime() writes at most the given size, the NUL included.
    unsafe {
        sys::ast_strftime(
            buffer.as_mut_ptr(),
            buffer.len(),
            c"%Y%m%d%H%M%S".as_ptr(),
            Roomy::for_asterisk(&raw mut time),
        );
        text::from_c(buffer.as_ptr())
    }
}

/// In the zone of the machine.
fn broken_down(time: SystemTime) -> Roomy<sys::ast_tm> {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let time = sys::timeval { tv_sec: seconds.try_into().unwrap_or_default(), tv_usec: 0 };
    let mut broken_down = Roomy::new(sys::ast_tm::default());
    // SAFETY: `time` and `broken_down` live during the call; the zone NULL is the machine's own.
    unsafe { sys::ast_localtime(&raw const time, Roomy::for_asterisk(&raw mut broken_down), ptr::null()) };
    broken_down
}
