//! The one owned value that lives from load to unload.
//!
//! The image stays mapped (`-z nodelete`), so load runs many times in it and nothing may be left over from the time
//! before.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use super::{cli, current, dialplan, functions, host::Asterisk, manager, switch, thread::Supervisor};
use crate::{control::Control, engine, gate::Gate, settings::Settings};

/// Emptied by the unload: statics never drop. Asterisk's module list is locked whenever this is touched.
static INSTANCE: Mutex<Option<Instance>> = Mutex::new(None);

/// All that a loaded module owns.
struct Instance {
    actions: manager::Registered,
    commands: cli::Registered,
    functions: functions::Registered,
    switch: switch::Registered,
    control: Control,
    gate: Arc<Gate>,
    supervisor: Supervisor,
}

/// Starts everything.
///
/// # Errors
/// No thread could be made, or an earlier life of the module can't be ended yet.
pub(super) fn start(settings: Settings) -> io::Result<()> {
    // After a forced unload (`module unload -h`) that we had refused, everything still runs.
    if !stop() {
        return Err(io::Error::other("it still runs since a forced unload, in the middle of a reload"));
    }
    let gate = Arc::new(Gate::default());
    let (control, engine) = engine::prepare(Arc::new(Asterisk), Arc::new(settings), Arc::clone(&gate));
    let supervisor = Supervisor::start(move || engine.run())?;
    current::set(Some(control.clone()));
    let instance = Instance {
        actions: manager::register(),
        commands: cli::register(),
        functions: functions::register(),
        switch: switch::register(),
        control,
        gate,
        supervisor,
    };
    *INSTANCE.lock().unwrap_or_else(PoisonError::into_inner) = Some(instance);
    Ok(())
}

/// Stops everything, unless work is going on that must not be waited for here: then nothing is touched.
pub(super) fn stop() -> bool {
    let mut slot = INSTANCE.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.as_ref().is_some_and(|instance| !instance.gate.close()) {
        return false;
    }
    if let Some(Instance { actions, commands, functions, switch, control, supervisor, .. }) = slot.take() {
        // First nobody new comes in, then the engine ends.
        drop(actions);
        drop(commands);
        drop(functions);
        drop(switch);
        current::set(None);
        control.stop();
        supervisor.join();
        dialplan::remove();
    }
    true
}
