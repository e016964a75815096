//! The lamps of the users who are on disk, while Asterisk starts: phones that it remembers to watch them are answered as
//! soon as it is up (`subscription_persistence_load`).

use std::fs;

use super::{conf, dialplan::hints, log};
use crate::{
    dialplan,
    engine::host::Level,
    settings::Settings,
    site::users::{is_ours, users_in},
};

/// Adds them; on the loader's own thread, beside which no module builds a dialplan.
pub(super) fn add(settings: &Settings) {
    let (Some(_), Some(sync)) = (&settings.dialplan, &settings.sync) else { return };
    let file = conf::dir().join(&sync.output);
    if !fs::read(&file).is_ok_and(|text| is_ours(&text)) {
        return;
    }
    // What can't be read is told by the sync.
    let sections = conf::load(&file).unwrap_or_default();
    let lamps = dialplan::hints(sync.technology, &users_in(&sections, sync.technology), &[], []);
    if let Err(error) = hints::add(&lamps) {
        log::write(Level::Warning, &error.to_string());
    }
}
