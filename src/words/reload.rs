//! Which reloads may change what a branch takes from a main, by the names in the event `Reload`.

/// Without `.so`; `All` stands for `core reload`.
const MODULES: [&str; 8] = [
    "all",
    "res_pjsip",
    "chan_sip",
    "chan_pjsip",
    "app_voicemail",
    "pbx_config",
    "res_pjsip_config_wizard",
    "extconfig",
];

/// Returns a module's name as it stands in lists: in small letters, without `.so`.
#[must_use]
pub fn plain(module: &str) -> String {
    let module = module.to_ascii_lowercase();
    module.strip_suffix(".so").unwrap_or(&module).to_owned()
}

/// Returns whether the reload of a module, called as [`plain`] calls it, may change users, mailboxes or contexts.
#[must_use]
pub fn matters(module: &str) -> bool {
    MODULES.contains(&module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_is_known_with_and_without_its_ending() {
        for module in ["All", "res_pjsip.so", "RES_PJSIP", "pbx_config.so"] {
            assert!(matters(&plain(module)), "{module}");
        }
        for module in ["res_synch.so", "manager", "", ".so"] {
            assert!(!matters(&plain(module)), "{module}");
        }
    }
}
