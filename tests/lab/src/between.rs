//! Somebody between a branch and its main who changes what the main says: a main of another version, or one that is broken.

use std::io::{BufRead, BufReader, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;

use crate::error::Result;
use crate::listener::Listener;
use crate::site::Site;

/// What becomes of a message of the main, its line ends `\n`.
pub type Change = fn(String) -> String;

/// Stands between them until it is dropped.
pub struct Between {
    listener: Listener,
    change: Arc<Mutex<Change>>,
}

impl Between {
    /// From its next start on, the branch asks here, and everything is passed on as it is.
    pub fn branch_and_main(site: &Site) -> Result<Self> {
        let (own, main) = (site.net.own_address(), site.net.main_address());
        let conf = site.branch.read_conf("res_synch.conf")?;
        // Some of the lab's say where its SIP is.
        let sip = if conf.contains("\nsip = ") { String::new() } else { format!("\nsip = udp:{main}:5060") };
        let conf = conf.replace(&format!("host = {main}"), &format!("host = {own}{sip}"));
        site.branch.write_conf("res_synch.conf", &conf)?;
        let change: Arc<Mutex<Change>> = Arc::new(Mutex::new(|message| message));
        let (changes, main) = (Arc::clone(&change), SocketAddr::from((main, 5038)));
        let listener = Listener::start(SocketAddr::from((own, 5038)), move |branch| {
            let changes = Arc::clone(&changes);
            // A connection that breaks is for branch and main to notice.
            spawn(move || pass_on(&branch, main, &changes));
        })?;
        Ok(Self { listener, change })
    }

    /// From now on this becomes of each message, over new connections.
    pub fn changes(&self, change: Change) {
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = change;
        self.listener.hang_up();
    }
}

fn pass_on(branch: &TcpStream, main: SocketAddr, change: &Mutex<Change>) -> Option<()> {
    let main = TcpStream::connect(main).ok()?;
    let (mut from_branch, mut to_main) = (branch.try_clone().ok()?, main.try_clone().ok()?);
    spawn(move || {
        let _ = copy(&mut from_branch, &mut to_main);
        let _ = to_main.shutdown(Shutdown::Both);
    });
    let mut to_branch = branch.try_clone().ok()?;
    let mut said = BufReader::new(main);
    // The banner is a line, and no message.
    let mut message = Vec::new();
    said.read_until(b'\n', &mut message).ok()?;
    to_branch.write_all(&message).ok()?;
    message.clear();
    while said.read_until(b'\n', &mut message).ok()? > 0 {
        if message.ends_with(b"\r\n\r\n") {
            let change = *change.lock().unwrap_or_else(PoisonError::into_inner);
            let text = String::from_utf8_lossy(&message).replace("\r\n", "\n");
            to_branch.write_all(change(text).replace('\n', "\r\n").as_bytes()).ok()?;
            message.clear();
        }
    }
    let _ = to_branch.shutdown(Shutdown::Both);
    Some(())
}
