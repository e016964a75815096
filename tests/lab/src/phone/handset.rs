//! Phones of several makes, each with its own idea of DNS and of what to do when nobody answers. They only register.

use std::fmt;
use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use super::device::Device;
use super::{Phone, Settings};
use crate::conf::password;
use crate::error::{Context, Result};
use crate::net::Net;

/// Twinkles that start within one second throw the same dice: the same Call-ID and the same branch, and a registrar
/// takes them for one phone that repeats itself.
static STARTING: Mutex<()> = Mutex::new(());

/// A make of phone, and how it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Asks for NAPTR, SRV and A before each request.
    BaresipUdp,
    /// The same over TCP.
    BaresipTcp,
    /// Asks for SRV and A and keeps the answers as long as their TTL says; those of a name without SRV for as long as
    /// whoever they named answers. UDP.
    Linphone,
    /// Asks for SRV and A before each request. UDP.
    Twinkle,
}

/// A running phone that registers. Dropped, it is killed: it does not unregister.
pub struct Handset {
    /// The user it registers as.
    pub user: String,
    /// What it is.
    pub kind: Kind,
    works: Works,
}

enum Works {
    Baresip(Box<Phone>),
    Other(Device),
}

impl Kind {
    /// Every make.
    pub const ALL: [Self; 4] = [Self::BaresipUdp, Self::BaresipTcp, Self::Linphone, Self::Twinkle];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BaresipUdp => "baresip (UDP)",
            Self::BaresipTcp => "baresip (TCP)",
            Self::Linphone => "linphone",
            Self::Twinkle => "twinkle",
        })
    }
}

impl Handset {
    /// Plugs a phone of that make in and switches it on. Of the settings, `transport` is the make's own affair, and
    /// only baresip takes calls.
    pub fn new(net: &Arc<Net>, kind: Kind, user: &str, settings: &Settings) -> Result<Self> {
        let works = match kind {
            Kind::BaresipUdp => Works::Baresip(Box::new(Phone::new(net, user, settings)?)),
            Kind::BaresipTcp => {
                let settings = Settings { transport: "tcp".to_owned(), ..settings.clone() };
                Works::Baresip(Box::new(Phone::new(net, user, &settings)?))
            }
            Kind::Linphone => Works::Other(linphone(net, user, settings)?),
            Kind::Twinkle => Works::Other(twinkle(net, user, settings)?),
        };
        Ok(Self { user: user.to_owned(), kind, works })
    }

    /// What it printed.
    pub fn output(&self) -> String {
        match &self.works {
            Works::Baresip(phone) => phone.output(),
            Works::Other(device) => device.output(),
        }
    }
}

fn linphone(net: &Arc<Net>, user: &str, settings: &Settings) -> Result<Device> {
    let mut device = Device::new(net, user)?;
    // Else it complains, and forgets its settings.
    let data = device.dir.join(".local/share/linphone");
    fs::create_dir_all(&data).context(format!("making {}", data.display()))?;
    let Settings { registrar, expires, .. } = settings;
    let password = password(user);
    device.write(
        "linphonerc",
        &format!(
            "[sip]\nsip_port=5060\nsip_tcp_port=0\nsip_tls_port=0\nuse_ipv6=0\ndefault_proxy=0\n\
             [proxy_0]\nreg_proxy=<sip:{registrar};transport=udp>\nreg_identity=sip:{user}@{registrar}\n\
             reg_expires={expires}\nreg_sendregister=1\npublish=0\n\
             [auth_info_0]\nusername={user}\npasswd={password}\n"
        ),
    )?;
    let config = device.dir.join("linphonerc");
    let mut command = asking(&device, settings, &["linphonec", "-c"])?;
    device.start(command.arg(config))?;
    Ok(device)
}

fn twinkle(net: &Arc<Net>, user: &str, settings: &Settings) -> Result<Device> {
    let mut device = Device::new(net, user)?;
    let home = device.dir.join(".twinkle");
    fs::create_dir_all(&home).context(format!("making {}", home.display()))?;
    let Settings { registrar, expires, .. } = settings;
    let password = password(user);
    device.write(
        ".twinkle/phone.cfg",
        &format!(
            "user_name={user}\nuser_domain={registrar}\nuser_display={user}\nauth_name={user}\nauth_pass={password}\n\
             registrar={registrar}\nregister_at_startup=yes\nregistration_time={expires}\nsip_transport=udp\n"
        ),
    )?;
    device.write(".twinkle/twinkle.sys", "sip_port=5060\ngui_use_systray=no\n")?;
    let mut command = asking(&device, settings, &["twinkle-console", "phone.cfg"])?;
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    sleep(Duration::from_millis(1100));
    device.start(&mut command)?;
    Ok(device)
}

/// A command that asks the phone's DNS servers: these ask whom the system says, so each sees a resolv.conf of its own.
/// The namespace of mounts that `ip netns exec` makes is private.
fn asking(device: &Device, settings: &Settings, line: &[&str]) -> Result<Command> {
    let servers: String = settings.dns.iter().map(|server| format!("nameserver {}\n", server.ip())).collect();
    device.write("resolv.conf", &servers)?;
    let script = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    let mut command = device.host.command(&["sh", "-c", script]);
    command.arg(device.dir.join("resolv.conf")).args(line).env("HOME", &device.dir);
    Ok(command)
}
