//! What users dial to hear their messages. Both codes are FreePBX's. Pure.

/// The own box.
pub const OWN_MESSAGES: &str = "*97";

/// Any box.
pub const ANY_MESSAGES: &str = "*98";
