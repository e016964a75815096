//! The one owned value that lives from load to unload.
//!
//! The image stays mapped (`-z nodelete`), so load runs many times in it and nothing may be left over from the time
//! before.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{
    cli, current, dialplan, export, functions,
    host::{self, Asterisk},
    http, lamps,
    load::Load,
    log, manager, prometheus,
    reference::{self, asterisk_ends},
    switch,
    thread::Thread,
};
use crate::{
    engine::{self, Ended, Ending, gate::Gate, host::Level, left_alone},
    settings::Settings,
};

/// How long a session that was answered gets to leave Asterisk's own code, before Asterisk frees what it counts references in.
const LAST_STEPS: Duration = Duration::from_millis(100);

/// Emptied by the unload: statics never drop. Asterisk's module list is locked whenever this is touched.
static INSTANCE: Mutex<Option<Instance>> = Mutex::new(None);

/// All that a loaded module owns.
struct Instance {
    load: Load,
    actions: manager::Registered,
    commands: cli::Registered,
    functions: functions::Registered,
    switch: switch::Registered,
    hook: dialplan::hints::Registered,
    page: Option<http::Linked>,
    export: Option<export::Registered>,
    ending: Ending,
    gate: Arc<Gate>,
    supervisor: Thread,
}

/// Starts everything.
///
/// # Errors
/// No thread could be started, or the engine of an earlier load cannot be ended yet.
pub(super) fn start(settings: Settings) -> io::Result<()> {
    // After a forced unload (`module unload -h`) that we had refused, everything still runs.
    if !stop() {
        return Err(io::Error::other(
            "the engine of the last load still runs, because a forced unload came in the middle of a reload; try \
             again in a few seconds",
        ));
    }
    reference::forget_all(false);
    // Contexts may still ask the switch, where somebody of an earlier load was left alone. While it knows no user yet, it
    // sends their numbers to the administrator's contexts, and out of the house.
    let load = Load::begin();
    dialplan::remove(load);
    let booted = host::fully_booted();
    let hook = dialplan::hints::register(booted)?;
    if !booted {
        lamps::add(&settings);
    }
    let (has_page, exports) = (settings.http.is_some(), settings.export.is_some());
    let gate = Arc::new(Gate::default());
    let (control, engine) = engine::prepare(Arc::new(Asterisk(load)), Arc::new(settings), Arc::clone(&gate));
    let ending = engine.ending(&control);
    current::set(Some(control));
    // What our contexts lead to is there before the engine makes them: a call could come in between.
    let (functions, switch) = (functions::register(), switch::register());
    // Our contexts are taken away there and not in the unload itself: it could wait for Asterisk's lock of the dialplan.
    let supervisor =
        Thread::start(c"synch/engine", c"synch supervisor", move || engine.run(|| dialplan::remove(load)))
            .inspect_err(|_| current::set(None))?;
    let instance = Instance {
        load,
        actions: manager::register(),
        commands: cli::register(),
        functions,
        switch,
        hook,
        page: has_page.then(http::link).flatten(),
        export: exports.then(export::register),
        ending,
        gate,
        supervisor,
    };
    http::open();
    prometheus::register();
    *INSTANCE.lock().unwrap_or_else(PoisonError::into_inner) = Some(instance);
    Ok(())
}

/// Takes up what Asterisk has to know of new settings: whether there is a page, and whether branches are served. And
/// res_prometheus, which may have been loaded anew.
pub(super) fn reloaded(has_page: bool, exports: bool) {
    let mut slot = INSTANCE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(instance) = &mut *slot else { return };
    match (has_page, instance.page.is_some()) {
        (true, false) => instance.page = http::link(),
        (false, true) => instance.page = None,
        (true, true) | (false, false) => {}
    }
    match (exports, instance.export.is_some()) {
        (true, false) => instance.export = Some(export::register()),
        (false, true) => instance.export = None,
        (true, true) | (false, false) => {}
    }
    prometheus::register();
}

/// Stops everything in bounded time, unless work is going on that must not be waited for here: then nothing is touched.
///
/// A thread that hangs in Asterisk is left running, and the unload goes on without it. Refusing the unload would leave
/// half an engine that the administrator could not remove.
///
/// An Asterisk that ends asks nobody whether it may: it goes on, whatever is answered here.
pub(super) fn stop() -> bool {
    let mut slot = INSTANCE.lock().unwrap_or_else(PoisonError::into_inner);
    let ends = asterisk_ends();
    if let Some(Instance { gate, .. }) = &*slot {
        if ends {
            gate.shut();
        } else if !gate.close(Instant::now()) {
            return false;
        }
    }
    if let Some(instance) = slot.take() {
        // Before anybody is waited for: what is still on its way into the dialplan comes too late.
        instance.load.end();
        let Instance { actions, commands, functions, switch, hook, page, export, ending, supervisor, .. } =
            instance;
        drop(commands);
        // Branches that wait are answered.
        let exported = export.is_some();
        drop(export);
        reference::forget_all(ends);
        // From here on, a request finds nobody.
        http::close();
        prometheus::unregister();
        let Ended { joinable, left } = ending.end();
        for name in left {
            log::write(Level::Warning, &left_alone(&name));
        }
        if joinable {
            supervisor.join();
        } else {
            supervisor.leave_alone();
        }
        drop(actions);
        drop(functions);
        drop(switch);
        drop(hook);
        current::set(None);
        drop(page);
        if ends && exported {
            // A session that was answered is not out of Asterisk's own code yet, which gives its reference back.
            thread::sleep(LAST_STEPS);
        }
    }
    true
}
