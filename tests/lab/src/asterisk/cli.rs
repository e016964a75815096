//! One command of the console, as `asterisk -rx` gives it over Asterisk's control socket (`main/asterisk.c`,
//! `ast_remotecontrol`). A process for each costs a hundredth of a second, and all tests together ask a hundred times a second.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};

/// What the socket is called, in the folder that `astrundir` names.
pub const SOCKET: &str = "asterisk.ctl";

/// As long a console takes to start. What is asked at once after something else has happened, nobody could ask.
const START: Duration = Duration::from_millis(20);

/// What the command says, within such a time. `folder` is the one of the control socket.
pub fn ask(folder: &Path, command: &str, bound: Duration) -> Result<String> {
    sleep(START);
    let end = Instant::now() + bound;
    let mut stream = connect(folder).context(format!("the console of {}", folder.display()))?;
    let mut said = Vec::new();
    stream.set_write_timeout(Some(bound)).context("the console")?;
    stream.write_all(format!("cli quit after {command}\0").as_bytes()).context(command)?;
    let mut piece = [0; 65_536];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::new(format!("{command}: no end of the answer within {bound:?}")));
        }
        stream.set_read_timeout(Some(left)).context("the console")?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(size) => said.extend_from_slice(piece.get(..size).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            // It has ended: the command was to stop it.
            Err(_) => break,
        }
    }
    Ok(shown(&said))
}

fn connect(folder: &Path) -> std::io::Result<UnixStream> {
    // The path of a socket holds 108 octets, and a folder may be deeper.
    let folder = File::open(folder)?;
    UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()))
}

/// What a console shows of it: not who speaks, and no line that is for consoles of some verbosity.
fn shown(said: &[u8]) -> String {
    let lines = said.split_inclusive(|octet| *octet == b'\n').skip(1);
    let shown: Vec<&[u8]> = lines.filter(|line| line.first().is_some_and(u8::is_ascii)).collect();
    String::from_utf8_lossy(&shown.concat()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_and_what_is_for_the_verbose_is_left_out() {
        let said = b"main/17/22.1\n\xffa line for the verbose\nService : Normal\n\n  more\n";
        assert_eq!(shown(said), "Service : Normal\n\n  more\n");
        assert_eq!(shown(b"main/17/22.1\n"), "");
        assert_eq!(shown(b""), "");
    }
}
