//! Hundreds of users in one sipp. It knows no DNS but what it is told as it starts, so it runs in rounds: each asks
//! where the name points, and registers everybody there.

use std::net::Ipv4Addr;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use super::Settings;
use super::device::Device;
use super::sipp::{sipp, write_users};
use crate::dns::a_record;
use crate::error::{Context, Error, Result};
use crate::net::Net;

const SCENARIO: &str = include_str!("../../conf/sipp/register.xml");
/// Users a second: what two cores that run a main and a branch, too, do easily.
const RATE: u32 = 50;
/// How long sipp waits for one answer, in milliseconds. A phone would wait 32 s for a dead server; the fleet is about
/// numbers, and its rounds are to be short.
const ANSWER: u32 = 4_000;
const PAUSE: Duration = Duration::from_millis(50);

/// A running fleet. Dropped, it is killed: nobody unregisters.
pub struct Fleet {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a round needs.
struct Rounds {
    device: Device,
    name: String,
    dns: Ipv4Addr,
    users: usize,
    expires: u32,
}

impl Fleet {
    /// Puts a fleet of `users` into service, all on one host. They register over UDP.
    pub fn start(net: &Arc<Net>, users: &[String], settings: &Settings) -> Result<Self> {
        let device = Device::new(net, "fleet")?;
        device.write("register.xml", SCENARIO)?;
        write_users(&device, users.iter().map(String::as_str))?;
        let Some(std::net::IpAddr::V4(dns)) = settings.dns.first().map(std::net::SocketAddr::ip) else {
            return Err(Error::new("the fleet asks one server, over IPv4"));
        };
        let rounds = Rounds {
            device,
            name: settings.registrar.clone(),
            dns,
            users: users.len(),
            expires: settings.expires,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // A round that fails is a round in which phones register nowhere; the next one asks anew.
                if let Err(error) = rounds.round(&stopped) {
                    eprintln!("fleet: {error}");
                }
                sleep(PAUSE);
            }
        });
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Rounds {
    /// Everybody registers once, where the name points now.
    fn round(&self, stop: &AtomicBool) -> Result {
        let Self { device, name, dns, users, expires } = self;
        let registrar = a_record(*dns, name)?;
        let mut command = sipp(device, "register.xml");
        command.args(["-key", "expires", &expires.to_string(), "-m", &users.to_string()]);
        command.args(["-r", &RATE.to_string(), "-l", &users.to_string()]);
        command.args(["-recv_timeout", &ANSWER.to_string()]).arg(registrar.to_string());
        wait(command.spawn().context("starting sipp")?, stop)
    }
}

/// Waits for the end of a round, or ends it. That users were not answered is for the Asterisks to tell.
fn wait(mut sipp: Child, stop: &AtomicBool) -> Result {
    while sipp.try_wait().context("waiting for sipp")?.is_none() {
        if stop.load(Ordering::Relaxed) {
            let _ = sipp.kill();
        }
        sleep(PAUSE);
    }
    Ok(())
}
