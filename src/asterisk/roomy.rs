//! Structures that we make and Asterisk writes into, each with room behind it.
//!
//! Asterisk appends fields to its structures within a major version: `ast_custom_function` has 160, 168 or 176 octets,
//! by the minor. A module that was built with older headers makes the smaller one; Asterisk writes the larger one, and
//! what lies behind it is lost. The sum of build options doesn't tell them apart.
//!
//! So everything that Asterisk writes into, or keeps, is made as a [`Roomy`]: registrations of commands and
//! functions, hooks, and what it fills in for us. Without it are only what Asterisk makes itself, texts whose size it is
//! told, and `ast_module_info` (shim.c), which has spare fields of its own.

/// Spare words: from Asterisk 16 to 23, no structure of ours has grown by more than two.
const ROOM: usize = 32;

/// A structure of Asterisk's headers, and room for the fields of newer ones. They begin as zero, which stands for
/// "nothing" in all of Asterisk's structures.
#[repr(C)]
pub(super) struct Roomy<T> {
    /// First, so that a pointer to it is a pointer to the whole.
    inner: T,
    room: [usize; ROOM],
}

impl<T> Roomy<T> {
    /// With nothing in its room.
    pub(super) const fn new(inner: T) -> Self {
        Self { inner, room: [0; ROOM] }
    }

    /// What Asterisk is given of it. Made of a pointer to the whole, it may be used to write into the room, too.
    pub(super) const fn for_asterisk(whole: *mut Self) -> *mut T {
        whole.cast()
    }

    /// The structure as we know it.
    pub(super) fn get(&self) -> &T {
        &self.inner
    }
}
