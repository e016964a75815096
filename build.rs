//! Finds Asterisk's headers, lets bindgen read them, compiles the C shim, and sets how the module is linked.

#![warn(unused_crate_dependencies)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "asterisk")]
    asterisk::build();
}

#[cfg(feature = "asterisk")]
mod asterisk {
    use std::{env, fs, path::PathBuf, process};

    /// What of Asterisk the module uses. A name that isn't here can't be called.
    const FUNCTIONS: &str = "ast_(active_channels|md5_hash|cli|cli_unregister|cli_allow_at_shutdown|cli_completion_add|log|free_ptr|get_version|get_version_num|strftime|localtime|db_(put|get_allocated|del)\
        |context_(find|find_or_create|(add|remove)_(include2|ignorepat2|switch2)|remove_extension_callerid2)\
        |get_(context_registrar|(include|ignorepat)_(name|registrar)|extension_(name|registrar|priority|matchcid|cidmatch))\
        |(rdlock|wrlock|unlock)_contexts?|walk_context(s|_extensions|_includes|_ignorepats)|walk_extension_priorities\
        |add_extension2?|(exists|canmatch|matchmore)_extension|explicit_goto|(un)?register_switch\
        |sorcery_(retrieve_by_module_name|retrieve_by_id|alloc|objectset_apply|diff)|variables_destroy\
        |custom_function_(unregister|find)|func_read|device_state\
        |config_load2|config_destroy|category_browse|variable_browse|manager_register2|manager_unregister\
        |hook_send_action|module_reload|pthread_create_stack)|__ast_(cli_register|custom_function_register|module_ref|module_unref\
        |manager_event_multichan)|astman_(append|get_header|send_error|send_ack|send_listack\
        |send_list_complete_start|send_list_complete_end)|pbx_findapp|ast_channel_name|synch_(module|fully_booted|debug|strdup|unref|variable|config_state)";
    const TYPES: &str = "ast_cli_(entry|args|command)|ast_variable|ast_switch|ast_custom_function|manager_custom_hook|ast_tm|synch_config_state";
    const VALUES: &str = "ast_startuptime|ast_config_AST_(CONFIG_DIR|VAR_DIR|DATA_DIR)|EVENT_FLAG_(SYSTEM|REPORTING)|PRIORITY_HINT|AST_DEVICE_(UNAVAILABLE|INVALID)\
        |__LOG_(NOTICE|WARNING|ERROR|DEBUG)|CONFIG_FLAG_(NOCACHE|NOREALTIME)|CLI_(INIT|GENERATE|HANDLER)\
        |SYNCH_CONFIG_.*";

    pub(super) fn build() {
        for changed in ["include", "src/asterisk/shim.c"] {
            println!("cargo::rerun-if-changed={changed}");
        }
        println!("cargo::rerun-if-env-changed=ASTERISK_INCLUDE");
        let include = PathBuf::from(env::var_os("ASTERISK_INCLUDE").unwrap_or_else(|| "/usr/include".into()));
        let major = major_version(&include).unwrap_or_else(|problem| {
            eprintln!("{problem}");
            process::exit(1);
        });
        println!("cargo::rustc-env=SYNCH_ASTERISK_MAJOR={major}");
        bind(&include);
        compile_shim(&include);
        // Rust leaves thread-local destructors on Asterisk's threads that keep the library half alive after an
        // unload; the unload of another module would then unmap it under running code. So it stays mapped.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,res_synch.so");
    }

    /// Which Asterisk the headers belong to: they say no version, but AMI's runs eleven behind it.
    fn major_version(include: &std::path::Path) -> Result<u32, String> {
        const AMI_VERSION_BEHIND: u32 = 11;
        let manager = include.join("asterisk/manager.h");
        println!("cargo::rerun-if-changed={}", manager.display());
        let text = fs::read_to_string(&manager).map_err(|error| {
            format!(
                "No Asterisk headers: cannot read {}: {error}.\nRun `make`, which finds or unpacks them, or set \
                 ASTERISK_INCLUDE to the folder that holds asterisk.h.",
                manager.display()
            )
        })?;
        text.lines()
            .find_map(|line| line.strip_prefix("#define AMI_VERSION"))
            .and_then(|value| value.trim().trim_matches('"').split('.').next()?.parse::<u32>().ok())
            .map(|ami| ami + AMI_VERSION_BEHIND)
            .ok_or_else(|| {
                format!("{} defines no AMI_VERSION: not a header of Asterisk 16 to 23.", manager.display())
            })
    }

    /// Asterisk's headers ask who includes them (asterisk.h).
    const MODULE: [(&str, &str); 2] =
        [("AST_MODULE", "\"res_synch\""), ("AST_MODULE_SELF_SYM", "__internal_res_synch_self")];

    fn bind(include: &std::path::Path) {
        let bindings = bindgen::Builder::default()
            .header("include/wrapper.h")
            .clang_arg(format!("-I{}", include.display()))
            .clang_args(MODULE.map(|(name, value)| format!("-D{name}={value}")))
            .clang_args(["-Iinclude", "-D_GNU_SOURCE", "-fblocks"])
            .allowlist_recursively(true)
            .allowlist_function(FUNCTIONS)
            .allowlist_type(TYPES)
            .allowlist_var(VALUES)
            .default_enum_style(bindgen::EnumVariation::Consts)
            .prepend_enum_name(false)
            .layout_tests(false)
            .generate_comments(false)
            .derive_default(true)
            .generate()
            .unwrap_or_else(|error| {
                eprintln!("bindgen cannot read Asterisk's headers in {}: {error}", include.display());
                process::exit(1);
            });
        let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("sys.rs");
        if let Err(error) = bindings.write_to_file(&out) {
            eprintln!("cannot write {}: {error}", out.display());
            process::exit(1);
        }
    }

    fn compile_shim(include: &std::path::Path) {
        let mut build = cc::Build::new();
        build.file("src/asterisk/shim.c").include(include).include("include").define("_GNU_SOURCE", None);
        for (name, value) in MODULE {
            build.define(name, value);
        }
        build.extra_warnings(false).compile("synch_shim");
    }
}
