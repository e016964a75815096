//! What the hints of a system show, and when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use lab::ami::{Ami, Message};
use lab::{Asterisk, Error, Result};

use super::company::lamp;

/// How often it is looked whether nobody wants to know any more.
const LOOK: Duration = Duration::from_secs(1);

/// What a lamp shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    /// Somebody uses the device.
    Lit,
    /// Nobody does.
    Dark,
}

/// A session that hears of each lamp.
pub struct Lamps {
    seen: Receiver<(usize, Light, Instant)>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Lamps {
    /// Begins to look.
    pub fn watch(system: &Asterisk) -> Result<Self> {
        let (mut ami, stop) = (system.ami()?, Arc::new(AtomicBool::new(false)));
        let (say, seen) = channel();
        let stopped = Arc::clone(&stop);
        let thread = spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Ok(event) = ami.event_where("anything", LOOK, |_| true)
                    && let Some((lamp, light)) = read(&event)
                {
                    let _ = say.send((lamp, light, Instant::now()));
                }
            }
        });
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    /// Waits until so many lamps have come to show that, and says of each when.
    pub fn wait(&self, wanted: Light, count: usize, bound: Duration) -> Result<BTreeMap<usize, Instant>> {
        let (end, mut times) = (Instant::now() + bound, BTreeMap::new());
        while times.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            match self.seen.recv_timeout(left) {
                Ok((lamp, light, at)) if light == wanted => drop(times.insert(lamp, at)),
                Ok((lamp, ..)) => drop(times.remove(&lamp)),
                Err(_) => {
                    return Err(Error::new(format!(
                        "waited {bound:?} for {count} lamps to be {wanted:?}: {} are",
                        times.len()
                    )));
                }
            }
        }
        Ok(times)
    }
}

impl Drop for Lamps {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How many of the lamps show that, by a list of them all.
pub fn count(ami: &mut Ami, wanted: Light) -> Result<usize> {
    let hints = ami.list("ExtensionStateList", &[])?;
    Ok(hints.iter().filter_map(read).filter(|(_, light)| *light == wanted).count())
}

fn read(event: &Message) -> Option<(usize, Light)> {
    if event.get("Event") != Some("ExtensionStatus") || event.get("Context") != Some("shared") {
        return None;
    }
    let lamp = lamp(event.get("Exten")?)?;
    let light = if event.get("StatusText") == Some("InUse") { Light::Lit } else { Light::Dark };
    Some((lamp, light))
}
