//! Cuts connections from another thread: a blocked connect or read ends at once, later connects are refused.

use std::{
    io,
    net::{Shutdown, SocketAddr},
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::uplink::marks::Mark;

/// Handle on every connection that was opened with it; clones are the same handle.
#[derive(Clone, Debug, Default)]
pub struct Hangup(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    stopped: bool,
    sockets: Vec<Weak<Socket>>,
}

impl Hangup {
    /// A handle on no connection yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends every connect, read and write in progress, and lets no new one begin. There is no way back.
    pub fn hang_up(&self) {
        let mut lines = self.0.lock();
        lines.stopped = true;
        for socket in lines.sockets.drain(..).filter_map(|socket| socket.upgrade()) {
            // Also aborts a connect in progress. An error means that there is no connection left to cut.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Whether [`Self::hang_up`] was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.lock().stopped
    }

    /// A socket that is connecting, waits for nothing, and sends what is small at once. None once stopped.
    ///
    /// # Errors
    /// The system has no descriptor to give, or no way to there.
    pub fn dial_for_states(&self, address: SocketAddr) -> io::Result<Option<Arc<Socket>>> {
        let Some(socket) = self.dial(address, None, Mark::Probe)? else { return Ok(None) };
        socket.set_nonblocking(true)?;
        // Nothing depends on it.
        let _ = socket.set_tcp_nodelay(true);
        Ok(Some(socket))
    }

    /// A socket that is connecting and does not wait for it: the first read or write does. None once stopped.
    ///
    /// The lock is held over the start of the connect: a shutdown of a socket that has not begun would do nothing,
    /// and the connect would go ahead.
    pub(super) fn dial(
        &self,
        address: SocketAddr,
        receive_buffer: Option<usize>,
        mark: Mark,
    ) -> io::Result<Option<Arc<Socket>>> {
        let mut lines = self.0.lock();
        if lines.stopped {
            return Ok(None);
        }
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?; // before the connect: the window scale is settled there
        }
        // Nothing depends on it.
        let _ = mark.put_on(&SockRef::from(&socket), address);
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        socket.set_nonblocking(false)?;
        let socket = Arc::new(socket);
        lines.sockets.retain(|known| known.strong_count() > 0);
        lines.sockets.push(Arc::downgrade(&socket));
        Ok(Some(socket))
    }
}
