//! What Asterisk's loader calls, through the shim: load, reload, unload. All with the module list locked.

use std::{ffi::c_int, path::Path};

use super::{conf, current, guard, instance, log, prometheus, reload, version};
use crate::{
    engine::host::Level,
    operator::control::Command,
    settings::{self, Settings},
    words::faults,
};

const CONF: &str = "res_synch.conf";

const DONE: c_int = 0;
const DECLINED: c_int = 1;
const REFUSED: c_int = -1;

/// Loads the module, or declines and leaves everything as it was.
#[unsafe(no_mangle)]
extern "C" fn synch_load() -> c_int {
    guard::log_panics();
    guard::guard(DECLINED, || match load() {
        Ok(()) => DONE,
        Err(problems) => {
            for problem in problems {
                log::write(Level::Error, &problem);
            }
            DECLINED
        }
    })
}

fn load() -> Result<(), Vec<String>> {
    version::check().map_err(|problem| vec![problem])?;
    let settings = settings()?;
    instance::start(settings)
        .map_err(|error| vec![format!("synch could not be started: {error}. The module is not loaded.")])
}

/// Applies the settings in the file, or keeps the old ones.
#[unsafe(no_mangle)]
extern "C" fn synch_reload() -> c_int {
    guard::guard(REFUSED, || {
        if reload::run_errand() {
            return DONE;
        }
        faults::point("reload");
        let result = settings().and_then(|settings| {
            let control = current::control().ok_or_else(|| vec!["synch is not running.".to_owned()])?;
            let (has_page, exports) = (settings.http.is_some(), settings.export.is_some());
            control.send(Command::Configure(settings.into())).map_err(|error| vec![error.to_string()])?;
            instance::reloaded(has_page, exports);
            Ok(())
        });
        if let Some(control) = current::control() {
            control.snapshot().live.reloaded(result.is_ok());
            if result.is_err() {
                // It may have been loaded anew, whatever our settings say.
                prometheus::register();
            }
        }
        let Err(problems) = result else { return DONE };
        for problem in problems {
            log::write(Level::Error, &problem);
        }
        log::write(Level::Error, "The old settings stay in force.");
        REFUSED
    })
}

/// Ends everything; refuses while another module is being reloaded for us, except where Asterisk ends.
#[unsafe(no_mangle)]
extern "C" fn synch_unload() -> c_int {
    guard::guard(REFUSED, || {
        faults::point("unload");
        if instance::stop() {
            return DONE;
        }
        log::write(
            Level::Warning,
            "res_synch.so cannot be unloaded while it applies a new file; try again in a few seconds.",
        );
        REFUSED
    })
}

fn settings() -> Result<Settings, Vec<String>> {
    let sections = conf::load(Path::new(CONF)).map_err(|error| {
        let there = conf::dir().join(CONF).exists();
        let remedy = format!(
            " 'make install' creates {CONF} in Asterisk's configuration folder; edit it before you load the \
             module."
        );
        vec![format!("{error}.{}", if there { "" } else { &remedy })]
    })?;
    settings::read(&sections)
        .map_err(|errors| errors.iter().map(|error| format!("{CONF}: {error}")).collect())
}
