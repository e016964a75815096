//! A port of the test process, on which something is played that others connect to.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, spawn};

use crate::error::{Context, Result};

/// Dropped, nobody listens there any more, and every connection is ended.
pub struct Listener {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens there, and hands each connection on. Nobody else is heard until `take` returns.
    pub fn start(address: SocketAddr, take: impl Fn(TcpStream) + Send + 'static) -> Result<Self> {
        let listener = TcpListener::bind(address).context(format!("listening at {address}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
        let (ends, known) = (Arc::clone(&stop), Arc::clone(&connections));
        let thread = spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                lock(&known).extend(stream.try_clone());
                take(stream);
            }
        });
        Ok(Self { address, stop, connections, thread: Some(thread) })
    }

    /// Ends every connection.
    pub fn hang_up(&self) {
        for connection in lock(&self.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Any connection wakes the thread up.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.hang_up();
    }
}

/// What a lock guards, also behind a panic of who held it.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
