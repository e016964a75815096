//! The way to the running engine, for CLI and AMI calls: they come with nothing but what Asterisk passes.

use std::sync::{PoisonError, RwLock};

use crate::operator::control::Control;

/// Set at load and emptied at unload: statics never drop, and the image stays mapped.
static CURRENT: RwLock<Option<Control>> = RwLock::new(None);

/// The way to the engine, while one runs.
pub(super) fn control() -> Option<Control> {
    CURRENT.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Sets or ends it.
pub(super) fn set(control: Option<Control>) {
    *CURRENT.write().unwrap_or_else(PoisonError::into_inner) = control;
}
