//! One desk phone: a baresip in a namespace of its own, told to use one DNS server.
//!
//! It answers by itself if not told otherwise, speaks in its user's tone and records what it hears.

mod control;
mod device;
mod dialogs;
mod fleet;
mod handset;
mod lamp;
mod sipp;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use crate::asterisk::Asterisk;
use crate::audio::{LONG, hears, tone_of, write_tone};
use crate::conf::{DOMAIN, password};
use crate::error::{Context, Error, Result};
use crate::net::{Host, Net};
use crate::wait::{GENEROUS, PHONES_RETRY, until_ok};
use control::Control;
use device::Device;
pub use dialogs::Dialogs;
pub use fleet::Fleet;
pub use handset::{Handset, Kind};
pub use lamp::Lamp;

const CONTROL_PORT: u16 = 4444;
/// With the lab's short prompts, some six seconds of it are the message.
const MESSAGE: Duration = Duration::from_secs(8);

/// What a phone is told, as its provisioning server would.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The DNS servers it asks, the first one first.
    pub dns: Vec<SocketAddr>,
    /// Whom it registers at: a name, or an address.
    pub registrar: String,
    /// `udp` or `tcp`; empty: what NAPTR says.
    pub transport: String,
    /// For how many seconds it registers; it asks again at nine tenths of it.
    pub expires: u32,
    /// Whether it answers by itself; else it rings until it is told to [`Phone::answer`] or [`Phone::refuse`].
    pub answers: bool,
    /// How many calls it takes at once: while it has so many, it is busy for the next one.
    pub calls: u32,
}

impl Settings {
    /// Registers for 10 seconds at `sip.voice.example.com`, which `dns` must know.
    pub fn with_dns(dns: SocketAddr) -> Self {
        Self {
            dns: vec![dns],
            registrar: format!("sip.{DOMAIN}"),
            transport: "udp".to_owned(),
            expires: 10,
            answers: true,
            calls: 4,
        }
    }
}

/// A running phone. Dropped, it is killed: it does not unregister.
pub struct Phone {
    /// The user it registers as.
    pub user: String,
    device: Device,
    control: Option<Control>,
}

impl Phone {
    /// Plugs a phone of `user` in and switches it on; it registers when it can.
    pub fn new(net: &Arc<Net>, user: &str, settings: &Settings) -> Result<Self> {
        let device = Device::new(net, user)?;
        write_tone(&device.dir.join("tone.wav"), tone_of(user), LONG)?;
        device.write("config", &config(device.host.address, &device.dir, settings))?;
        device.write("accounts", &account(user, settings))?;
        device.write("contacts", "")?;
        let mut phone = Self { user: user.to_owned(), device, control: None };
        phone.start()?;
        Ok(phone)
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.device.host.address
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.device.host
    }

    /// Switches it on, after [`Self::switch_off`].
    pub fn start(&mut self) -> Result {
        let mut command = self.host().command(&["baresip", "-f"]);
        self.device.start(command.arg(&self.device.dir))?;
        let address = SocketAddr::from((self.address(), CONTROL_PORT));
        let control = until_ok("baresip's control port", GENEROUS, || Control::connect(address));
        self.control = Some(control.map_err(|error| Error::new(format!("{error}\n{}", self.output())))?);
        Ok(())
    }

    /// Switches it off without a word to anybody.
    pub fn switch_off(&mut self) {
        self.control = None;
        self.device.switch_off();
    }

    /// Calls `number` at its registrar. Whether somebody answers is [`Self::wait_in_call`]'s to say.
    pub fn dial(&mut self, number: &str) -> Result {
        self.command("dial", number).map(drop)
    }

    /// Calls another one, which answers by itself, until each has heard the other.
    pub fn talk_with(&mut self, other: &mut Self) -> Result {
        self.dial(&other.user)?;
        self.wait_in_call(GENEROUS)?;
        other.wait_in_call(GENEROUS)?;
        self.wait_hears(&other.user, GENEROUS)?;
        other.wait_hears(&self.user, GENEROUS)?;
        self.hang_up()?;
        self.wait_call_ended(GENEROUS)?;
        other.wait_call_ended(GENEROUS).map(drop)
    }

    /// Waits until somebody calls it.
    pub fn wait_rings(&mut self, bound: Duration) -> Result {
        self.wait_event("CALL_INCOMING", bound).map(drop)
    }

    /// Takes the call that rings.
    pub fn answer(&mut self) -> Result {
        self.command("accept", "").map(drop)
    }

    /// Says to the call that rings that it is busy (486).
    pub fn refuse(&mut self) -> Result {
        self.command("hangup", "").map(drop)
    }

    /// Ends its call.
    pub fn hang_up(&mut self) -> Result {
        self.command("hangup", "").map(drop)
    }

    /// Waits until a call of its is established.
    pub fn wait_in_call(&mut self, bound: Duration) -> Result {
        self.wait_event("CALL_ESTABLISHED", bound).map(drop)
    }

    /// Waits until a call of its has ended; why, as `486 Busy Here` where the other side did not take it.
    pub fn wait_call_ended(&mut self, bound: Duration) -> Result<String> {
        self.wait_event("CALL_CLOSED", bound)
    }

    /// Waits until its call was refused, with this code of SIP.
    pub fn wait_refused(&mut self, code: &str, bound: Duration) -> Result {
        match self.wait_call_ended(bound)? {
            why if why.starts_with(code) => Ok(()),
            why => Err(Error::new(format!("phone {}: the call ended with '{why}', not {code}", self.user))),
        }
    }

    /// Calls `number`, whose voicemail answers, speaks into it for some seconds and hangs up.
    pub fn leave_message(&mut self, number: &str) -> Result {
        self.dial(number)?;
        self.wait_in_call(GENEROUS)?;
        // What a message takes is time: its length is what a test looks at.
        sleep(MESSAGE);
        self.hang_up()?;
        self.wait_call_ended(GENEROUS).map(drop)
    }

    /// Waits until it has been told of a registration that succeeded, since the last such wait.
    pub fn wait_registered(&mut self, bound: Duration) -> Result {
        self.wait_event("REGISTER_OK", bound).map(drop)
    }

    /// Waits until its last registration was taken by that system: its answer says who it was. What a system knows of
    /// phones says less: one that was killed knows old registrations when it is back.
    pub fn wait_registered_at(&mut self, system: &Asterisk) -> Result {
        let (user, name) = (self.user.clone(), system.role.name());
        until_ok(&format!("{user} to register at the {name}"), PHONES_RETRY, || {
            let said = self.command("reginfo", "")?;
            let words: Vec<&str> = said.split_whitespace().collect();
            if words.contains(&name) { Ok(()) } else { Err(Error::new(said)) }
        })
    }

    /// Waits until the last second that it heard is the tone of `user`: audio came from that phone, and still does.
    pub fn wait_hears(&self, user: &str, bound: Duration) -> Result {
        let what = format!("{} to hear {user}", self.user);
        let heard = until_ok(&what, bound, || hears(&self.recording()?, tone_of(user)));
        heard.map_err(|error| Error::new(format!("{error}\n{}", self.output())))
    }

    /// What it printed.
    pub fn output(&self) -> String {
        self.device.output()
    }

    /// Sends any of baresip's commands; its answer.
    pub fn command(&mut self, command: &str, parameters: &str) -> Result<String> {
        let user = &self.user;
        self.control.as_mut().context(format!("phone {user} is off"))?.command(command, parameters)
    }

    fn wait_event(&mut self, kind: &str, bound: Duration) -> Result<String> {
        let control = self.control.as_mut().context(format!("phone {} is off", self.user))?;
        let outcome = control.event(kind, bound);
        outcome.map_err(|error| Error::new(format!("phone {}: {error}\n{}", self.user, self.output())))
    }

    /// The newest recording of what it heard.
    fn recording(&self) -> Result<PathBuf> {
        let entries = fs::read_dir(&self.device.dir).context("reading the phone's folder")?;
        let heard =
            entries.flatten().filter(|entry| entry.file_name().to_string_lossy().ends_with("-dec.wav"));
        let newest = heard.max_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok());
        newest.map(|entry| entry.path()).context("it has heard nothing yet")
    }
}

fn config(address: Ipv4Addr, dir: &Path, settings: &Settings) -> String {
    let (dir, calls) = (dir.display(), settings.calls);
    let dns: String = settings.dns.iter().map(|server| format!("dns_server {server}\n")).collect();
    // aubridge is a player that only listens: without one, baresip does not decode. No jitter buffer: after a change of
    // the SSRC, as a bridge of Asterisk makes it, that of baresip 1.0 now and then drops everything from there on.
    format!(
        "poll_method epoll\n\
         sip_listen {address}:5060\n\
         net_interface eth0\n\
         {dns}\
         module_path /usr/lib/baresip/modules\n\
         module g711.so\n\
         module aufile.so\n\
         module aubridge.so\n\
         module sndfile.so\n\
         module_tmp account.so\n\
         module_app menu.so\n\
         module_app ctrl_tcp.so\n\
         ctrl_tcp_listen {address}:{CONTROL_PORT}\n\
         audio_source aufile,{dir}/tone.wav\n\
         audio_player aubridge,ear\n\
         audio_alert aubridge,bell\n\
         audio_channels 1-1\n\
         jitter_buffer_delay 0-0\n\
         snd_path {dir}\n\
         call_max_calls {calls}\n"
    )
}

fn account(user: &str, settings: &Settings) -> String {
    let Settings { registrar, transport, expires, .. } = settings;
    let transport = if transport.is_empty() { String::new() } else { format!(";transport={transport}") };
    let password = password(user);
    let mode = if settings.answers { "auto" } else { "manual" };
    format!(
        "<sip:{user}@{registrar}{transport}>;auth_user={user};auth_pass={password};regint={expires};\
         answermode={mode};audio_codecs=PCMU\n"
    )
}
