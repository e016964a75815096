//! The one owned value that lives from load to unload, and what Asterisk's threads see of it.
//!
//! The image stays mapped (`-z nodelete`), so load runs many times in it, and statics never drop: this is the
//! only static with content, and unload empties it.

use std::sync::{Arc, PoisonError, RwLock};

use super::{cli, host::Asterisk, manager, thread::Supervisor};
use crate::{control::Control, engine, gate::Gate, settings::Settings};

static INSTANCE: RwLock<Option<Instance>> = RwLock::new(None);

/// All that a loaded module owns. The fields drop in this order: no new calls first.
struct Instance {
    _actions: manager::Registered,
    _commands: cli::Registered,
    control: Control,
    gate: Arc<Gate>,
    supervisor: Supervisor,
}

/// Starts everything.
///
/// # Errors
/// No thread could be made.
pub(super) fn start(settings: Settings) -> std::io::Result<()> {
    let gate = Arc::new(Gate::default());
    let (control, engine) = engine::prepare(Arc::new(Asterisk), Arc::new(settings), Arc::clone(&gate));
    let supervisor = Supervisor::start(move || engine.run())?;
    let instance =
        Instance { _actions: manager::register(), _commands: cli::register(), control, gate, supervisor };
    *INSTANCE.write().unwrap_or_else(PoisonError::into_inner) = Some(instance);
    Ok(())
}

/// The way to the engine, for CLI and AMI calls.
pub(super) fn control() -> Option<Control> {
    INSTANCE.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|instance| instance.control.clone())
}

/// Stops everything, unless work is going on that must not be waited for here: then nothing is touched.
pub(super) fn stop() -> bool {
    let mut slot = INSTANCE.write().unwrap_or_else(PoisonError::into_inner);
    if slot.as_ref().is_some_and(|instance| !instance.gate.close()) {
        return false;
    }
    let instance = slot.take();
    drop(slot);
    if let Some(Instance { _actions, _commands, control, supervisor, .. }) = instance {
        drop(_actions);
        drop(_commands);
        control.stop();
        supervisor.join();
    }
    true
}
