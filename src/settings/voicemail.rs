//! `[voicemail]`: the boxes of this site's users.

use super::{
    value::{self, OUTPUT_FILE},
    walk::{Keys, key, rows},
};

/// `[voicemail]`: the boxes of this site's users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voicemail {
    /// The file on the main.
    pub file: String,
    /// File name in Asterisk's configuration folder.
    pub output: String,
    /// Options of a box that are taken besides the usual ones.
    pub options: Vec<String>,
}

impl Voicemail {
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Voicemail {
                file: key::text("a configuration file on the main", value::file_on_main)
                    .or("voicemail.conf".to_owned()),
                output: key::text(OUTPUT_FILE, value::output_file).or("voicemail_synch.conf".to_owned()),
                options: key::list("names of options, separated by commas", value::option),
            },
        )
    }
}
