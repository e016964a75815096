//! Finds Asterisk's headers, lets bindgen read them, compiles the C shim, and sets how the module is linked.

#![warn(unused_crate_dependencies)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "asterisk")]
    asterisk::build();
}

#[cfg(feature = "asterisk")]
mod asterisk {
    use std::{
        env, fs,
        path::{Path, PathBuf},
        process::{self, Command},
    };

    /// What of Asterisk the module uses. A name that isn't here can't be called.
    const FUNCTIONS: &str = "ast_(active_channels|md5_hash|cli|cli_unregister|cli_allow_at_shutdown|cli_completion_add|log|free_ptr|get_version|strftime|localtime|db_(put|get_allocated|del|gettree|freetree)\
        |context_(find|find_or_create|(add|remove)_(include2|ignorepat2|switch2)|remove_extension_callerid2)\
        |get_(context_(name|registrar)|(include|ignorepat)_(name|registrar)|switch_registrar|extension_(name|registrar|priority|matchcid|cidmatch|label|app|app_data))\
        |(rdlock|wrlock|unlock)_contexts?|walk_context(s|_extensions|_includes|_ignorepats|_switches)|walk_extension_priorities\
        |add_extension2?|(exists|canmatch|matchmore)_extension|explicit_goto|(un)?register_switch\
        |sorcery_(retrieve_by_module_name|retrieve_by_id|alloc|objectset_apply|objectset_create2|object_get_id|diff)|variables_destroy\
        |custom_function_(unregister|find)|func_(read|write)|device_state|fileexists\
        |config_load2|config_destroy|config_hook_(register|unregister)|category_browse|variable_browse|manager_register2|manager_unregister\
        |hook_send_action|module_(check|reload)|pthread_create_stack)|__ast_(cli_register|custom_function_register|module_ref|module_unref\
        |manager_event_multichan)|astman_(append|get_header|send_error|send_ack|send_listack\
        |send_list_complete_start|send_list_complete_end)|pbx_findapp|pbx_substitute_variables_helper|ast_channel_name|ast_channel_iterator_(all_new|destroy)|synch_((un)?watch|tell_all|(show|clear|forget)_(device|mailbox)|next_channel|module|fully_booted|debug|strdup|unref|variable|config_state|http_(link|unlink|client|send)|append|visit(_keep)?|main_listen(_no_more)?|(not_)?at_exit|session_id|report_key|find)|ast_shutting_down|ast_shutdown_final|ast_http_(get_auth|prefix)";
    const TYPES: &str = "ast_cli_(entry|args|command)|ast_variable|ast_switch|ast_custom_function|manager_custom_hook|ast_tm|ast_device_state|synch_config_state|synch_what|synch_said|synch_method";
    const VALUES: &str = "ast_startuptime|ast_defaultlanguage|ast_config_AST_(DB|CONFIG_DIR|VAR_DIR|DATA_DIR|MODULE_DIR|SYSTEM_NAME)|EVENT_FLAG_(SYSTEM|REPORTING|LOG)|PRIORITY_HINT|AST_DEVICE_(UNKNOWN|NOT_INUSE|UNAVAILABLE|INVALID|INUSE|BUSY|RINGING|RINGINUSE|ONHOLD)\
        |__LOG_(NOTICE|WARNING|ERROR|DEBUG)|AST_HANDLER_ONLY_(STRING|LIST)|CONFIG_FLAG_(NOCACHE|NOREALTIME)|CLI_(INIT|GENERATE|HANDLER)\
        |SYNCH_(CONFIG_.*|GET|HEAD|OTHER|DEVICE|MAILBOX|PRESENCE|MEMBER)";

    pub(super) fn build() {
        for changed in [
            "include",
            "src/asterisk/shim.c",
            "src/asterisk/states.c",
            "src/asterisk/http.c",
            "src/asterisk/export.c",
        ] {
            println!("cargo::rerun-if-changed={changed}");
        }
        println!("cargo::rerun-if-env-changed=ASTERISK_INCLUDE");
        let include = PathBuf::from(env::var_os("ASTERISK_INCLUDE").unwrap_or_else(|| "/usr/include".into()));
        let major = major_version(&include).unwrap_or_else(|problem| {
            eprintln!("{problem}");
            process::exit(1);
        });
        println!("cargo::rustc-env=SYNCH_ASTERISK_MAJOR={major}");
        println!("cargo::rustc-env=SYNCH_ASTERISK_VERSION={}", version(&include, major).unwrap_or_default());
        bind(&include);
        compile_shim(&include);
        // Rust leaves thread-local destructors on Asterisk's threads that keep the library half alive after an
        // unload; the unload of another module would then unmap it under running code. So it stays mapped.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,res_synch.so");
    }

    /// Which Asterisk the headers belong to: they say no version, but AMI's runs eleven behind it.
    fn major_version(include: &Path) -> Result<u32, String> {
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

    /// The whole version of the headers, which is in none of them: `22.10.1~dfsg`. `None` where nobody around says one of
    /// this major.
    fn version(include: &Path, major: u32) -> Option<String> {
        // The first number, as in `certified-22.8-cert4`.
        let first = |found: &String| {
            found.split(|letter: char| !letter.is_ascii_digit()).find_map(|n| n.parse().ok())
        };
        let is_it = |found: &String| first(found) == Some(major);
        // Of asterisk-headers/unpack, and of Asterisk's own source.
        let files = [include.join(".version"), include.join("../.version")];
        let found = files.iter().find_map(|file| first_line(file));
        let found = found.or_else(|| packaged(include));
        found.filter(is_it).or_else(|| installed(include).filter(is_it))
    }

    fn first_line(file: &Path) -> Option<String> {
        let text = fs::read_to_string(file).ok()?;
        // Of one that isn't there, cargo would build anew each time.
        println!("cargo::rerun-if-changed={}", file.display());
        text.lines().next().map(|line| line.trim().to_owned())
    }

    /// Of Debian's package, where the headers are in a file system that has it.
    fn packaged(include: &Path) -> Option<String> {
        let dpkg = include.join("../../var/lib/dpkg");
        let status = fs::read_to_string(dpkg.join("status")).ok()?;
        let entry = status.split("\n\n").find(|entry| entry.starts_with("Package: asterisk-dev\n"))?;
        // It changes with that package, `status` with any.
        println!("cargo::rerun-if-changed={}", dpkg.join("info/asterisk-dev.list").display());
        let version = entry.lines().find_map(|line| line.strip_prefix("Version: "))?;
        let (_, version) = version.split_once(':').unwrap_or(("", version));
        Some(version.to_owned())
    }

    /// Of the Asterisk of this machine, where these are its headers.
    fn installed(include: &Path) -> Option<String> {
        if include != Path::new("/usr/include") {
            return None;
        }
        let said = Command::new("/usr/sbin/asterisk").arg("-V").output().ok()?;
        println!("cargo::rerun-if-changed=/usr/sbin/asterisk");
        String::from_utf8(said.stdout).ok()?.trim().strip_prefix("Asterisk ").map(str::to_owned)
    }

    /// Asterisk's headers ask who includes them (asterisk.h).
    const MODULE: [(&str, &str); 2] =
        [("AST_MODULE", "\"res_synch\""), ("AST_MODULE_SELF_SYM", "__internal_res_synch_self")];

    fn bind(include: &Path) {
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

    fn compile_shim(include: &Path) {
        let mut build = cc::Build::new();
        build
            .files([
                "src/asterisk/shim.c",
                "src/asterisk/states.c",
                "src/asterisk/http.c",
                "src/asterisk/export.c",
            ])
            .include(include)
            .include("include")
            .define("_GNU_SOURCE", None);
        for (name, value) in MODULE {
            build.define(name, value);
        }
        build.extra_warnings(false).compile("synch_shim");
    }
}
