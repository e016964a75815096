//! One wait on a connection to the main and on everybody who wants something of it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Socket, Type};

/// Rings that are taken in at once.
const RINGS: usize = 64;

/// Wakes up whoever has the [`Ear`]; clones are the same bell.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Bell(Arc<Socket>);

/// Waits for the bell, and for a connection.
#[derive(Debug)]
pub(in crate::engine) struct Ear(Socket);

/// A bell and the ear for it.
///
/// # Errors
/// The system has no descriptors to give.
pub(in crate::engine) fn bell() -> io::Result<(Bell, Ear)> {
    let (bell, ear) = Socket::pair(Domain::UNIX, Type::STREAM, None)?;
    bell.set_nonblocking(true)?;
    ear.set_nonblocking(true)?;
    Ok((Bell(Arc::new(bell)), Ear(ear)))
}

impl Bell {
    /// Wakes it up, or keeps it from falling asleep. Never waits.
    pub(in crate::engine) fn ring(&self) {
        // Full: it has enough to wake up for. Closed: nobody listens any more.
        let _ = self.0.send_with_flags(&[0], libc::MSG_NOSIGNAL);
    }
}

impl Ear {
    /// Waits until then, for the bell, or until something comes over the connection. Whether that was it.
    pub(in crate::engine) fn wait(&self, connection: Option<BorrowedFd<'_>>, until: Instant) -> bool {
        self.wait_for(connection, PollFlags::POLLIN, until)
    }

    /// The same for other things than that something comes.
    pub(in crate::engine) fn wait_for(
        &self,
        connection: Option<BorrowedFd<'_>>,
        flags: PollFlags,
        until: Instant,
    ) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        // Rounded up: a wait that ends too early turns in a circle.
        let left = (left + Duration::from_micros(999)).as_millis().min(60_000);
        let timeout = u16::try_from(left).map_or(PollTimeout::MAX, PollTimeout::from);
        let bell = PollFd::new(self.0.as_fd(), PollFlags::POLLIN);
        let came = match connection {
            None => {
                let _ = poll(&mut [bell], timeout);
                false
            }
            Some(connection) => {
                let mut both = [bell, PollFd::new(connection, flags)];
                // A signal ends it like the time.
                poll(&mut both, timeout).is_ok() && both.last().and_then(PollFd::any) == Some(true)
            }
        };
        let mut rings = [std::mem::MaybeUninit::uninit(); RINGS];
        while self.0.recv(&mut rings).is_ok_and(|count| count == RINGS) {}
        came
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn late() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_bell_that_rang_before_ends_the_wait_once() {
        let (bell, ear) = bell().unwrap();
        for _ in 0..1_000_000 {
            bell.ring();
        }
        let start = Instant::now();
        assert!(!ear.wait(None, late()));
        assert!(start.elapsed() < Duration::from_secs(60));
        // All of them were heard.
        assert!(!ear.wait(None, Instant::now() + Duration::from_millis(20)));
        assert!(start.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn a_bell_that_nobody_hears_hurts_nobody() {
        let (bell, ear) = bell().unwrap();
        drop(ear);
        bell.ring();
    }

    #[test]
    fn what_comes_and_an_end_are_told_from_the_bell() {
        let (_, ear) = bell().unwrap();
        let (mut main, branch) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(!ear.wait(Some(branch.as_fd()), Instant::now()));
        main.write_all(b"x").unwrap();
        assert!(ear.wait(Some(branch.as_fd()), late()));
        let (main, branch) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(main);
        assert!(ear.wait(Some(branch.as_fd()), late()));
    }
}
