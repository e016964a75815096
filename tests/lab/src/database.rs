//! A main whose users are in a database: Asterisk's own realtime, over SQLite; and the same users in files, to compare with.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::asterisk::Asterisk;
use crate::command::{run, words};
use crate::conf::{Role, files, password};
use crate::error::{Context, Error, Result};
use crate::site::Site;
use crate::version::Version;

/// What somebody's object has: a line of a file, or a column.
type Options = Vec<(&'static str, String)>;

/// Number, name and site of the users. The last one is nobody's.
pub const USERS: [(&str, &str, &str); 6] = [
    ("1001", "Alice", "HeadOffice"),
    ("1002", "Alex", "HeadOffice"),
    ("1003", "\"Zoë \\\"Zed\\\" [3]\"", "HeadOffice"),
    ("2001", "Bob", "DevOps"),
    ("2002", "Barbara", "DevOps"),
    ("3001", "Nobody", ""),
];

/// What it says of each of them in a file. A database has it in columns, and `''` where a user has nothing of the kind.
fn endpoint(number: &str, name: &str, site: &str) -> Options {
    let text = |text: &str| text.to_owned();
    let is_first = number.ends_with('1');
    vec![
        ("transport", text("transport-udp")),
        ("aors", text(number)),
        ("auth", format!("{number}-auth")),
        ("context", text("from-internal")),
        ("disallow", text("all")),
        ("allow", text(if is_first { "ulaw,alaw,g722" } else { "ulaw,alaw" })),
        ("callerid", format!("{name} <{number}>")),
        ("accountcode", text(site)),
        ("mailboxes", if is_first { format!("{number}@default") } else { String::new() }),
        ("set_var", if is_first { format!("PUBLIC_NUMBER=+49301{number}") } else { String::new() }),
        ("language", text(if is_first { "de" } else { "" })),
        ("direct_media", text("no")),
        ("rtp_symmetric", text("yes")),
        ("rewrite_contact", text("yes")),
        ("send_pai", text(if is_first { "yes" } else { "no" })),
        ("trust_id_inbound", text("yes")),
        ("device_state_busy_at", text(if is_first { "2" } else { "0" })),
        ("call_group", text(if is_first { "1,3" } else { "" })),
        ("named_call_group", text(if is_first { "sales" } else { "" })),
        ("dtmf_mode", text(if is_first { "auto" } else { "rfc4733" })),
        ("rtp_timeout", text("30")),
        ("timers", text("no")),
    ]
}

fn aor() -> Options {
    let text = |(key, value): (&'static str, &str)| (key, value.to_owned());
    let all = [
        ("max_contacts", "2"),
        ("remove_existing", "yes"),
        ("minimum_expiration", "5"),
        ("default_expiration", "90"),
        ("qualify_frequency", "30"),
    ];
    all.map(text).into()
}

fn auth(number: &str) -> Options {
    vec![
        ("auth_type", "userpass".to_owned()),
        ("username", number.to_owned()),
        ("password", password(number)),
    ]
}

/// What Asterisk has where nobody says anything: a file leaves it out.
const DEFAULTS: [(&str, &str); 3] =
    [("send_pai", "no"), ("device_state_busy_at", "0"), ("dtmf_mode", "rfc4733")];

/// The files that have them.
fn as_files() -> [(&'static str, String); 3] {
    let mut all = [
        ("pjsip.endpoint.conf", String::new()),
        ("pjsip.aor.conf", String::new()),
        ("pjsip.auth.conf", String::new()),
    ];
    let section = |kind: &str, name: &str, options: &Options| {
        let is_said =
            |(key, value): &&(&str, String)| !value.is_empty() && !DEFAULTS.contains(&(*key, value.as_str()));
        let lines = options.iter().filter(is_said).map(|(key, value)| format!("{key}={value}\n"));
        format!("[{name}]\ntype={kind}\n{}\n", lines.collect::<String>())
    };
    for (number, name, site) in USERS {
        let [endpoints, aors, auths] = &mut all;
        endpoints.1.push_str(&section("endpoint", number, &endpoint(number, name, site)));
        aors.1.push_str(&section("aor", number, &aor()));
        auths.1.push_str(&section("auth", &format!("{number}-auth"), &auth(number)));
    }
    all
}

/// The tables that have them.
fn as_tables() -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut sql = String::new();
    let mut row = |table: &str, id: &str, options: &Options| {
        let columns: Vec<String> = options.iter().map(|(key, _)| format!("\"{key}\"")).collect();
        let columns = columns.join(",");
        let values: Vec<String> = options.iter().map(|(_, value)| quoted(value)).collect();
        sql.push_str(&format!(
            "CREATE TABLE IF NOT EXISTS {table} (id,{columns});\nINSERT INTO {table} (id,{columns}) VALUES ({},{});\n",
            quoted(id),
            values.join(",")
        ));
    };
    for (number, name, site) in USERS {
        row("ps_endpoints", number, &endpoint(number, name, site));
        row("ps_aors", number, &aor());
        row("ps_auths", &format!("{number}-auth"), &auth(number));
    }
    sql
}

const SORCERY: &str = "[res_pjsip]
endpoint = realtime,ps_endpoints
endpoint = config,pjsip.conf,criteria=type=endpoint
aor = realtime,ps_aors
aor = config,pjsip.conf,criteria=type=aor
auth = realtime,ps_auths
auth = config,pjsip.conf,criteria=type=auth
";
const TABLES: &str = "[settings]
ps_endpoints => sqlite3,users
ps_aors => sqlite3,users
ps_auths => sqlite3,users
";
/// What it was asked.
const QUESTIONS: &str = "log/questions";

impl Site {
    /// Gives the main those users in files, for res_pjsip, whatever its version.
    pub fn users_in_files(&self) -> Result {
        self.speaks_pjsip(&self.main)?;
        let [endpoints, aors, auths] = as_files();
        [endpoints, aors, auths].iter().try_for_each(|(name, text)| self.main.write_conf(name, text))
    }

    /// Gives the main the same users in a database, and none in a file.
    pub fn users_in_a_database(&self) -> Result<Database> {
        let main = &self.main;
        self.speaks_pjsip(main)?;
        as_files().iter().try_for_each(|(name, _)| main.write_conf(name, ""))?;
        main.write_conf("sorcery.conf", SORCERY)?;
        main.write_conf("extconfig.conf", TABLES)?;
        let file = main.inside("var/users.sqlite3");
        // With a batch, a transaction would stay open, and nobody could write.
        main.write_conf(
            "res_config_sqlite3.conf",
            &format!("[users]\ndbfile = {file}\ndebug = yes\nbatch = 0\n"),
        )?;
        let modules = main.read_conf("modules.conf")?;
        let realtime = "load = res_config_sqlite3.so\nload = res_sorcery_realtime.so\n";
        main.write_conf("modules.conf", &format!("{modules}{realtime}"))?;
        let logger = main.read_conf("logger.conf")?;
        main.write_conf("logger.conf", &format!("{logger}{} = debug\n", main.inside(QUESTIONS)))?;
        let database = Database { file: main.path("var/users.sqlite3"), questions: main.path(QUESTIONS) };
        database.run(&as_tables())?;
        Ok(database)
    }

    /// Has a system use res_pjsip, whatever its version, with the trunks of the lab.
    pub fn speaks_pjsip(&self, system: &Asterisk) -> Result {
        if system.version == Version::V22 {
            return Ok(());
        }
        let wanted =
            ["modules.conf", "pjsip.conf", "pjsip.endpoint.conf", "pjsip.aor.conf", "pjsip.auth.conf"];
        let modules = system.read_conf("modules.conf")?;
        let ours = if modules.contains("res_synch.so") { "load = res_synch.so\n" } else { "" };
        let home = system.inside("");
        for (name, text) in files(system.role, Version::V22, &self.net, home.trim_end_matches('/')) {
            if wanted.contains(&name) {
                let more = if name == "modules.conf" { ours } else { "" };
                system.write_conf(name, &(text + more))?;
            }
        }
        match system.role {
            Role::Main => Ok(()),
            _ => system.edit_conf("res_synch.conf", "technology = sip", "technology = pjsip"),
        }
    }
}

/// The database of a main.
pub struct Database {
    file: PathBuf,
    questions: PathBuf,
}

impl Database {
    /// Runs statements, and returns what they say.
    pub fn run(&self, sql: &str) -> Result<String> {
        run(words(&["sqlite3", "-cmd", ".timeout 20000"]).arg(&self.file).arg(sql))
    }

    /// Locks it, until what this returns is dropped.
    pub fn lock(&self) -> Result<Lock> {
        let mut command = words(&["sqlite3", "-cmd", ".timeout 20000"]);
        command.arg(&self.file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("starting sqlite3")?;
        let stdin = child.stdin.as_mut().context("sqlite3 without input")?;
        writeln!(stdin, "BEGIN EXCLUSIVE; SELECT 'locked';").context("locking the database")?;
        let mut lock = Lock(child);
        lock.wait_locked()?;
        Ok(lock)
    }

    /// All statements that the main has sent since it was told to note them down.
    pub fn questions(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.questions).unwrap_or_default();
        let sql = text.lines().filter_map(|line| line.split_once(" SQL: "));
        sql.map(|(_, sql)| sql.to_owned()).collect()
    }
}

/// Whoever holds the database.
pub struct Lock(Child);

impl Lock {
    fn wait_locked(&mut self) -> Result {
        use std::io::{BufRead, BufReader};
        let stdout = self.0.stdout.take().context("sqlite3 without output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("reading from sqlite3")?;
        if line.trim() == "locked" { Ok(()) } else { Err(Error::new(format!("sqlite3 says {line}"))) }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
