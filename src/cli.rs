//! The `synch …` commands: words in, text out. `asterisk::cli` registers them. Pure but for the [`Control`].

use std::ffi::CStr;

use crate::{
    control::Control,
    operate, settings,
    status::{self, Snapshot},
};

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Text to print.
    Text(String),
    /// It could not be done; why.
    Failure(String),
    /// The words make no sense: Asterisk prints the usage.
    Usage,
}

/// One command, in the form that Asterisk's CLI wants it.
pub struct CliCommand {
    /// The words, with `[optional]` and `{one|of}` as Asterisk's parser knows them.
    pub words: &'static CStr,
    /// One line, below 60 characters.
    pub summary: &'static CStr,
    /// For `core show help`.
    pub usage: &'static CStr,
    /// Whether it answers while Asterisk waits for calls to end, before it stops.
    pub at_shutdown: bool,
    /// Carries it out. The words are all of the line, `synch` included.
    pub run: fn(&Control, words: &[&str], now: String) -> Answer,
    /// What the word at this position (0 is `synch`) may be, for words that the command does not spell out.
    pub complete: fn(&Snapshot, position: usize) -> Vec<String>,
}

fn nothing(_: &Snapshot, _: usize) -> Vec<String> {
    Vec::new()
}

/// Every command.
pub const COMMANDS: [CliCommand; 8] = [
    CliCommand {
        words: c"synch show status [json]",
        summary: c"Show monitor, sync and service state",
        usage: c"Usage: synch show status [json]
       Shows the state of the main system, of the sync and of the service,
       each with its reason. With 'json', in one line for scripts.
",
        at_shutdown: true,
        run: |control, words, now| match words {
            [_, _, _] => Answer::Text(status::text(&control.snapshot(), now)),
            [_, _, _, "json"] => Answer::Text(status::json(&control.snapshot(), now)),
            _ => Answer::Usage,
        },
        complete: |_, position| if position == 3 { vec!["json".to_owned()] } else { Vec::new() },
    },
    CliCommand {
        words: c"synch show config",
        summary: c"Show the settings in force",
        usage: c"Usage: synch show config
       Shows every setting of res_synch.conf that is in force, defaults
       included. Secrets are shown as ***.
",
        at_shutdown: false,
        run: |control, words, _| match words {
            [_, _, _] => Answer::Text(settings::text(&control.snapshot().settings)),
            _ => Answer::Usage,
        },
        complete: nothing,
    },
    CliCommand {
        words: c"synch show users [like]",
        summary: c"Show the synced users",
        usage: c"Usage: synch show users [like PATTERN]
       Shows the users in the synced file, those whose name or caller id
       matches the regular expression PATTERN, and the users of this site
       that could not be taken, with the reason.
",
        at_shutdown: false,
        run: show_users,
        complete: |snapshot, position| match position {
            3 => vec!["like".to_owned()],
            4 => snapshot.sync.users.iter().map(|user| user.name.clone()).collect(),
            _ => Vec::new(),
        },
    },
    CliCommand {
        words: c"synch show versions",
        summary: c"Show the kept versions of the synced file",
        usage: c"Usage: synch show versions
       Shows the versions of the synced file that are kept. The one in force
       is marked. 'synch rollback VERSION' puts one of them back.
",
        at_shutdown: false,
        run: |control, words, _| match words {
            [_, _, _] => Answer::Text(status::versions(&control.snapshot().sync)),
            _ => Answer::Usage,
        },
        complete: nothing,
    },
    CliCommand {
        words: c"synch show history",
        summary: c"Show the changes of state",
        usage: c"Usage: synch show history
       Shows the changes of the monitor, sync and service state and of the
       mode since the module was loaded, newest last, each with its reason.
",
        at_shutdown: false,
        run: |control, words, _| match words {
            [_, _, _] => Answer::Text(status::history(&control.snapshot().history)),
            _ => Answer::Usage,
        },
        complete: nothing,
    },
    CliCommand {
        words: c"synch sync",
        summary: c"Sync the users with the main system now",
        usage: c"Usage: synch sync
       Starts a sync. Ends the hold of a rollback, and carries out a sync
       that was held because it would take away too many users.
       See 'synch show status' for the result.
",
        at_shutdown: false,
        run: |control, words, _| match words {
            [_, _] => answer(operate::sync(control, true)),
            _ => Answer::Usage,
        },
        complete: nothing,
    },
    CliCommand {
        words: c"synch rollback",
        summary: c"Put a kept version of the synced file back",
        usage: c"Usage: synch rollback VERSION
       Puts a version of 'synch show versions' back, reloads it, and holds it
       until 'synch sync'.
",
        at_shutdown: false,
        run: |control, words, _| match words {
            [_, _, version] => answer(operate::rollback(control, version)),
            _ => Answer::Usage,
        },
        complete: |snapshot, position| {
            let versions =
                || snapshot.sync.versions.iter().map(|version| version.number.to_string()).collect();
            if position == 2 { versions() } else { Vec::new() }
        },
    },
    CliCommand {
        words: c"synch set mode {auto|normal|failover}",
        summary: c"Hold a service state, or let the monitor decide",
        usage: c"Usage: synch set mode {auto|normal|failover}
       normal, failover: sends the phones to the main system, or to this
       branch, and holds that until the mode is auto again; a restart does not
       change it. auto: lets the monitor decide.
",
        at_shutdown: false,
        run: |control, words, _| match words {
            [_, _, _, mode] => answer(operate::set_mode(control, mode)),
            _ => Answer::Usage,
        },
        complete: nothing,
    },
];

fn answer(result: Result<String, String>) -> Answer {
    match result {
        Ok(text) => Answer::Text(text + "\n"),
        Err(text) => Answer::Failure(text + "\n"),
    }
}

fn show_users(control: &Control, words: &[&str], _now: String) -> Answer {
    let snapshot = control.snapshot();
    match words {
        [_, _, _] => Answer::Text(status::users(&snapshot.sync, None)),
        [_, _, _, "like", pattern] => match regex::Regex::new(pattern) {
            Ok(like) => Answer::Text(status::users(&snapshot.sync, Some(&like))),
            Err(_) => Answer::Failure(format!("'{pattern}' is no regular expression.\n")),
        },
        _ => Answer::Usage,
    }
}
