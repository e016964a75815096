//! Every external command goes through here, so that a failure always says command, status and output.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::error::{Context, Error, Result};

/// For `sh -c`, in a namespace of mounts of its own: the root file system and a command follow.
pub const IN_ROOT: &str = "mount -t proc proc \"$0/proc\" && exec chroot \"$0\" \"$@\"";

/// Runs `command` to its end; its standard output, or an error with everything it said.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().context(describe(command))?;
    outcome(command, &output)
}

/// Like [`run`], with `input` on standard input.
pub fn run_with(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context(describe(command))?;
    // Dropped after writing: the command sees the end of its input. A command that stops reading says why itself.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().context(describe(command))?;
    outcome(command, &output)
}

/// A command from its words.
pub fn words(line: &[&str]) -> Command {
    let mut words = line.iter();
    let mut command = Command::new(words.next().unwrap_or(&""));
    command.args(words);
    command
}

fn outcome(command: &Command, output: &Output) -> Result<String> {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format!("{}: {}\n{}{stdout}", describe(command), output.status, stderr)))
}

fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
