//! The commands that show something. They read only the newest snapshot, so they never wait.

use regex::Regex;

use super::{Answer, Asked, CliCommand, answer, nothing, users, versions};
use crate::{
    operator::{
        doctor, operate,
        status::{self, Snapshot},
    },
    settings,
    site::shrink::Guarded,
};

/// `synch show status`
pub const STATUS: CliCommand = CliCommand {
    words: c"synch show status [full|json]",
    summary: c"Show monitor, sync and service state",
    usage: c"Usage: synch show status [full|json]
       Shows the state of the main system, of the sync and of the service,
       each with its reason. With 'full', shows every value that SynchStatus
       has; with 'json', shows the same values in one line for scripts.
",
    at_shutdown: true,
    run: |asked| match asked.words {
        [_, _, _] => Answer::Text(status::summary(&asked.control.snapshot())),
        [_, _, _, "full"] => Answer::Text(status::text(&asked.control.snapshot(), asked.now.clone())),
        [_, _, _, "json"] => Answer::Text(status::json(&asked.control.snapshot(), asked.now.clone())),
        _ => Answer::Usage,
    },
    complete: |_, position| {
        if position == 3 { ["full", "json"].map(str::to_owned).to_vec() } else { Vec::new() }
    },
};

/// `synch show config`
pub const CONFIG: CliCommand = CliCommand {
    words: c"synch show config",
    summary: c"Show the settings in force",
    usage: c"Usage: synch show config
       Shows every setting of res_synch.conf that is in force, defaults
       included. Secrets are shown as ***.
",
    at_shutdown: false,
    run: |asked| plain(asked, |snapshot| settings::text(&snapshot.settings)),
    complete: nothing,
};

/// `synch show users`
pub const USERS: CliCommand = CliCommand {
    words: c"synch show users [like]",
    summary: c"Show the synced users",
    usage: c"Usage: synch show users [like PATTERN]
       Shows the synced users, then the users of this site that were left
       out, with the reason. With PATTERN, a regular expression, shows only
       the synced users whose name or caller id it matches.
",
    at_shutdown: false,
    run: |asked| like(asked, |snapshot, like| status::users(&snapshot.sync, like)),
    complete: |snapshot, position| match position {
        3 => vec!["like".to_owned()],
        4 => users(snapshot),
        _ => Vec::new(),
    },
};

/// `synch show user`
pub const USER: CliCommand = CliCommand {
    words: c"synch show user",
    summary: c"Show everything known about a user",
    usage: c"Usage: synch show user NAME|NUMBER
       Shows who a user is, whether the phone is registered here, and in
       which version the user last changed. Then shows each option: whether
       it comes from the main system, was rewritten, added or left out, and
       why.
       Secrets are shown as ***.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _, _, wanted] => {
            let snapshot = asked.control.snapshot();
            let device = status::device_of(&snapshot, wanted);
            let registered = device.is_some_and(|device| (asked.is_there)(&device));
            answer(status::user(&snapshot, wanted, registered))
        }
        _ => Answer::Usage,
    },
    complete: |snapshot, position| if position == 3 { users(snapshot) } else { Vec::new() },
};

/// `synch show phones`
pub const PHONES: CliCommand = CliCommand {
    words: c"synch show phones",
    summary: c"Show where the phones of this site are",
    usage: c"Usage: synch show phones
       Shows where the phone of each user is, since when, and its contact:
       here (registered at this branch), main (not here; known from the main
       system, and dialled there in an outage) or away. * marks phones that
       were at the main when the branch took over and are not here yet.
",
    at_shutdown: false,
    run: |asked| plain(asked, |snapshot| status::phones(&snapshot.phones)),
    complete: nothing,
};

/// `synch show directory`
pub const DIRECTORY: CliCommand = CliCommand {
    words: c"synch show directory [like]",
    summary: c"Show everybody on all sites, and who is busy",
    usage: c"Usage: synch show directory [like PATTERN]
       Shows number, name, site and public number of everybody on the main
       system, on all sites; without a main, of everybody whom the sites
       share with each other ([state]). Then shows the state of the phone,
       the presence, and the queues that the person is a member of. With
       PATTERN, a regular expression, shows only those whose number, name or
       site it matches.
",
    at_shutdown: false,
    run: |asked| {
        like(asked, |snapshot, like| {
            let held = status::held(&snapshot.sync, &[Guarded::Directory]);
            status::directory(snapshot, like, &asked.control.devices) + &held
        })
    },
    complete: |_, position| if position == 3 { vec!["like".to_owned()] } else { Vec::new() },
};

/// `synch show contexts`
pub const CONTEXTS: CliCommand = CliCommand {
    words: c"synch show contexts",
    summary: c"Show the contexts taken from the main system",
    usage: c"Usage: synch show contexts
       Shows the contexts that were taken from the main system ([dialplan]
       contexts) and how many extensions each has. Then shows which lines of
       them were left out, with the reason.
       'dialplan show CONTEXT' shows one of them.
",
    at_shutdown: false,
    run: |asked| plain(asked, |snapshot| status::contexts(&snapshot.sync)),
    complete: nothing,
};

/// `synch show dialplan`
pub const DIALPLAN: CliCommand = CliCommand {
    words: c"synch show dialplan",
    summary: c"Show who can dial what at this branch",
    usage: c"Usage: synch show dialplan
       Shows each context in which synced users dial, who uses it, and what
       can be dialled in it now: emergency numbers, people of this site and of
       other sites, and contexts of your own.
",
    at_shutdown: false,
    run: |asked| plain(asked, status::dialplan),
    complete: nothing,
};

/// `synch show versions`
pub const VERSIONS: CliCommand = CliCommand {
    words: c"synch show versions",
    summary: c"Show the kept versions of the synced file",
    usage: c"Usage: synch show versions
       Shows the kept versions of the synced file; * marks the one in force.
       'synch rollback VERSION' puts one of them back, 'synch show diff' shows
       the differences between them.
",
    at_shutdown: false,
    run: |asked| plain(asked, |snapshot| status::versions(&snapshot.sync)),
    complete: nothing,
};

/// `synch show diff`
pub const DIFF: CliCommand = CliCommand {
    words: c"synch show diff",
    summary: c"Show the differences between two versions",
    usage: c"Usage: synch show diff [VERSION [VERSION]]
       Compares two versions by user and option. With one VERSION, compares
       it with the version in force; with none, compares the newest version
       with the one before it.
       + user was added, - user was removed, ~ option of a user has changed.
       Secrets are shown as ***.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _, _, versions @ ..] if versions.len() <= 2 => {
            answer(status::diff(&asked.control.snapshot().sync, versions))
        }
        _ => Answer::Usage,
    },
    complete: |snapshot, position| match position {
        3 | 4 => versions(snapshot),
        _ => Vec::new(),
    },
};

/// `synch show history`
pub const HISTORY: CliCommand = CliCommand {
    words: c"synch show history",
    summary: c"Show the changes of state",
    usage: c"Usage: synch show history
       Shows the changes of the monitor, sync and service state and of the
       mode since the module was loaded, newest last, each with its reason.
",
    at_shutdown: false,
    run: |asked| plain(asked, |snapshot| status::history(&snapshot.history)),
    complete: nothing,
};

/// A command of three words.
fn plain(asked: &Asked<'_>, text: fn(&Snapshot) -> String) -> Answer {
    match asked.words {
        [_, _, _] => Answer::Text(text(&asked.control.snapshot())),
        _ => Answer::Usage,
    }
}

/// A command of three words, or with `like PATTERN`.
fn like(asked: &Asked<'_>, text: impl Fn(&Snapshot, Option<&Regex>) -> String) -> Answer {
    let snapshot = asked.control.snapshot();
    match asked.words {
        [_, _, _] => Answer::Text(text(&snapshot, None)),
        [_, _, _, "like", pattern] => {
            answer(operate::pattern(pattern).map(|like| text(&snapshot, Some(&like))))
        }
        _ => Answer::Usage,
    }
}

/// `synch show sites`
pub const SITES: CliCommand = CliCommand {
    words: c"synch show sites",
    summary: c"Show the sites that share their states",
    usage: c"Usage: synch show sites
       Shows every other site that shares the states of its devices with
       this one ([state]): whether it is there, since when, how many devices
       it has in use or ready, how much it says, and when it last gave a sign
       of life.
",
    at_shutdown: false,
    run: |asked| plain(asked, |snapshot| status::sites(&snapshot.state)),
    complete: nothing,
};

/// `synch show state`
pub const STATE: CliCommand = CliCommand {
    words: c"synch show state",
    summary: c"Show what is shared with other sites",
    usage: c"Usage: synch show state [DEVICE]
       Shows what this system publishes and subscribes, and over which
       broker. With a DEVICE, such as PJSIP/1001, shows what each site says
       of it, and what Asterisk makes of that.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _, _] => Answer::Text(status::sharing(&asked.control.snapshot().state)),
        [_, _, _, device] => answer(operate::state_of(asked.control, device)),
        _ => Answer::Usage,
    },
    complete: nothing,
};

/// `synch show branches`
pub const BRANCHES: CliCommand = CliCommand {
    words: c"synch show branches",
    summary: c"Show the branches of this main",
    usage: c"Usage: synch show branches
       Shows each branch that this main gives its users to ([export]):
       whether it is here, on its own (Alone), or was not seen since the start
       (Away); the service state, address and version that it last gave; how
       long ago it was heard, how many users it has, and the digest of them.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _, _] => Answer::Text(status::branches(&asked.control.desk)),
        _ => Answer::Usage,
    },
    complete: nothing,
};

/// `synch show branch`
pub const BRANCH: CliCommand = CliCommand {
    words: c"synch show branch",
    summary: c"Show everything known about a branch",
    usage: c"Usage: synch show branch NAME
       Shows where a branch is and why that is thought, what it said of itself,
       and what this main has for it: how much of each part, and its digest.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _, _, name] => answer(status::branch(&asked.control.desk, name)),
        _ => Answer::Usage,
    },
    complete: nothing,
};

/// `synch show users of`
pub const USERS_OF: CliCommand = CliCommand {
    words: c"synch show users of",
    summary: c"Show the users that a branch is given",
    usage: c"Usage: synch show users of NAME
       Shows the users that this main gives to a branch, each with the digest
       by which the branch sees whether something of it has changed.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _, _, _, name] => answer(status::users_of(&asked.control.desk, name)),
        _ => Answer::Usage,
    },
    complete: nothing,
};

/// `synch show maintenance`
pub const MAINTENANCE: CliCommand = CliCommand {
    words: c"synch show maintenance",
    summary: c"Show how a maintenance goes on",
    usage: c"Usage: synch show maintenance
       Shows until when the phones are held here for work on the main system,
       and why; how many phones have come, the calls of this site that go on
       on the main system, and what 'synch maintenance stop' would say.
",
    at_shutdown: false,
    run: |asked| plain(asked, status::maintenance),
    complete: nothing,
};

/// `synch doctor`
pub const DOCTOR: CliCommand = CliCommand {
    words: c"synch doctor [json]",
    summary: c"Check everything that this branch needs",
    usage: c"Usage: synch doctor [json]
       Checks everything that this branch needs to replace the main system,
       and says how to fix what is wrong: the main and what its account may
       read, the users, includes, DNS, dialplan, emergency numbers and trunks.
       Where states are shared, also the broker. Takes a few seconds.
       With 'json', shows the checks in one line for scripts.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _] => answer(operate::examine(asked.control).map(|checks| doctor::text(&checks))),
        [_, _, "json"] => answer(operate::examine(asked.control).map(|checks| doctor::json(&checks))),
        _ => Answer::Usage,
    },
    complete: |_, position| if position == 2 { vec!["json".to_owned()] } else { Vec::new() },
};
