//! The firewall of the role (`synch_firewall`): each reaches what it has to, and nothing else. `make fleet` runs it.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use lab::command::run;
use lab::conf::Role;
use lab::deploy::{Machine, Packed, machines, package};
use lab::net::Host;
use lab::wait::{GENEROUS, until_ok};
use lab::{Asterisk, Context, Deploy, Error, Net, Result, Version};

/// Asks once, over UDP or TCP, and says what came of it: `answers`; `refuses`, where it comes through and nobody listens;
/// `silent`.
const ASK: &str = "
import socket, sys
over, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if over == 'udp' else socket.SOCK_STREAM)
asker.settimeout(2)
name = b''.join(bytes([len(part)]) + part for part in (b'sip', b'voice', b'example', b'com')) + b'\\0'
question = {
    53: b'\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0' + name + b'\\0\\1\\0\\1',
    5060: (b'OPTIONS sip:x@%s SIP/2.0\\r\\nVia: SIP/2.0/UDP 0.0.0.0;rport;branch=z9hG4bK1\\r\\nFrom: <sip:a@b>;tag=1\\r\\n'
           b'To: <sip:x@c>\\r\\nCall-ID: 1\\r\\nCSeq: 1 OPTIONS\\r\\nMax-Forwards: 70\\r\\nContent-Length: 0\\r\\n\\r\\n'
           % address.encode()),
}.get(port, b'x')
try:
    asker.connect((address, port))
    if over == 'udp':
        asker.send(question)
        asker.recv(4096)
    print('answers')
except ConnectionRefusedError:
    print('refuses')
except TimeoutError:
    print('silent')
";

/// Where each kind of asker comes to; all else is silent for it. Nobody listens for RTP where there is no call, nor for ssh in
/// the lab.
const PHONE: &[(&str, u16, &str)] = &[
    ("udp", 53, "answers"),
    ("tcp", 53, "answers"),
    ("udp", 5060, "answers"),
    ("tcp", 5060, "refuses"),
    ("udp", 10_500, "refuses"),
];
const MAIN: &[(&str, u16, &str)] =
    &[("udp", 5060, "answers"), ("tcp", 5060, "refuses"), ("udp", 10_500, "refuses")];
const MONITOR: &[(&str, u16, &str)] = &[("tcp", 8089, "answers")];
const ADMIN: &[(&str, u16, &str)] = &[("tcp", 22, "refuses")];
/// All that anybody asks for: AMI (5038) and the page in clear (8088) among them.
const ASKED: [(&str, u16); 9] = [
    ("udp", 53),
    ("tcp", 53),
    ("udp", 5060),
    ("tcp", 5060),
    ("udp", 10_500),
    ("tcp", 8089),
    ("tcp", 8088),
    ("tcp", 5038),
    ("tcp", 22),
];

fn asks(host: &Host, address: Ipv4Addr, over: &str, port: u16) -> Result<String> {
    let said =
        run(&mut host.command(&["python3", "-c", ASK, over, &address.to_string(), &port.to_string()]))?;
    Ok(said.trim().to_owned())
}

/// A branch with a manager interface that listens everywhere, and who is around it.
struct Ground {
    branch: Machine,
    deploy: Deploy,
    phone: Host,
    monitor: Host,
    admin: Host,
    stranger: Host,
    main: Asterisk,
}

impl Ground {
    fn new() -> Result<Self> {
        let net = Net::new()?;
        let mut main = Asterisk::new(&net, Role::Main, Version::V22)?;
        main.start()?;
        let branch = machines(&net, ["berlin"])?.pop().context("no machine")?;
        let manager = branch.path("etc/asterisk/manager.conf");
        fs::write(&manager, "[general]\nenabled = yes\nbindaddr = 0.0.0.0\nport = 5038\n")
            .context("manager.conf")?;
        branch.rx("manager reload")?;
        let [phone, monitor, admin, stranger] =
            ["desk", "monitor", "admin", "stranger"].map(|name| net.phone_host(name));
        let (phone, monitor, admin, stranger) = (phone?, monitor?, admin?, stranger?);
        let deploy = Deploy::new(&net, &[&branch])?;
        package(&deploy.path("packages"), "1.0.0", Packed::Well)?;
        let ground = Self { branch, deploy, phone, monitor, admin, stranger, main };
        ground.say("false")?;
        ground.deploy.play_well(&["site.yml"])?;
        Ok(ground)
    }

    /// The inventory, with a word for `synch_firewall`.
    fn say(&self, firewall: &str) -> Result {
        let text = format!(
            "synch_site:\n  sync: {{filter_value: '^HeadOffice$'}}\nsynch_http_tls: true\nsynch_firewall: {firewall}\n\
             synch_phones: ['{}']\nsynch_monitors: ['{}']\nsynch_admins: ['{}']\n",
            self.phone.address, self.monitor.address, self.admin.address
        );
        self.deploy.site("berlin", &text)
    }

    fn asks(&self, host: &Host, over: &str, port: u16) -> Result<String> {
        asks(host, self.branch.address(), over, port)
    }

    /// Asks until that is found, for a busy branch may be silent once; silence counts at once.
    fn finds(&self, host: &Host, over: &str, port: u16, wanted: &str) -> Result {
        let bound = if wanted == "silent" { Duration::ZERO } else { GENEROUS };
        until_ok(&format!("{over} {port} to be found so: {wanted}"), bound, || {
            match self.asks(host, over, port)? {
                found if found == wanted => Ok(()),
                found => Err(Error::new(found)),
            }
        })
    }
}

#[test]
#[ignore = "make fleet"]
fn each_reaches_what_it_has_to_and_nothing_else() -> Result {
    let ground = Ground::new()?;
    // Without it, a stranger reaches it all.
    for (port, over) in [(53, "udp"), (5060, "udp"), (5038, "tcp"), (8089, "tcp")] {
        ground.finds(&ground.stranger, over, port, "answers")?;
    }
    ground.say("true")?;
    ground.deploy.play_well(&["site.yml", "-vvv"])?.keeps_secrets()?;
    for (who, host, reached) in [
        ("a phone", &ground.phone, PHONE),
        ("the main", ground.main.host(), MAIN),
        ("the monitoring", &ground.monitor, MONITOR),
        ("who administers", &ground.admin, ADMIN),
        ("a stranger", &ground.stranger, &[]),
    ] {
        for (over, port) in ASKED {
            let wanted = reached.iter().find(|(o, p, _)| (*o, *p) == (over, port));
            let wanted = wanted.map_or("silent", |(_, _, wanted)| *wanted);
            ground.finds(host, over, port, wanted).map_err(|error| Error::new(format!("{who}: {error}")))?;
        }
    }
    // The branch itself goes on: it asks its main, and its own console.
    ground.branch.wait_status("Service", "Normal")?;
    ground.branch.rx("synch sync")?;
    ground.branch.wait_status("Sync", "Synced")?;
    let again = ground.deploy.play_well(&["site.yml"])?;
    assert_eq!(again.count("berlin", "changed"), Some(0), "{}", again.text);
    // As nftables.service reads it when the machine starts.
    ground.branch.run(&["nft", "-c", "-f", "/etc/nftables.conf"])?;
    Ok(())
}

/// What would lock the administrator out is refused, or taken back.
#[test]
#[ignore = "make fleet"]
fn nobody_is_locked_out() -> Result {
    let ground = Ground::new()?;
    ground.say("true")?;
    for (wrong, why) in [
        ("synch_admins=[]", "has to name whoever comes by ssh"),
        ("synch_phones=['desk']", "wants addresses"),
    ] {
        let (key, value) = wrong.split_once('=').context(wrong)?;
        let extra = format!("{{\"{key}\": {}}}", value.replace('\'', "\""));
        let played = ground.deploy.play_badly(&["site.yml", "-e", &extra])?;
        assert!(played.text.contains(why), "{why}: {}", played.text);
    }
    // A door that is shut as long as the table is there: nobody gets in any more.
    let (namespace, root) = (ground.branch.host().namespace.clone(), ground.branch.root());
    let door = format!(
        "namespace={namespace}\nroot={}\nif ip netns exec {namespace} nft list table inet synch >/dev/null 2>&1; then\n\
         echo 'ssh: connect: Connection timed out' >&2; exit 255\nfi\n",
        root.display()
    );
    ground.deploy.write(&format!("doors/{}", ground.branch.address()), &door)?;
    let played = ground.deploy.play_badly(&["site.yml"])?;
    assert_eq!(ground.asks(&ground.stranger, "udp", 53)?, "silent");
    until_ok("the table to be taken back", GENEROUS + Duration::from_secs(60), || {
        match ground.asks(&ground.stranger, "udp", 53)?.as_str() {
            "answers" => Ok(()),
            other => Err(Error::new(format!("{other}\n{}", played.text))),
        }
    })?;
    // Nor is it there after a start of the machine.
    assert!(!ground.branch.path("etc/nftables.d/synch.nft").exists());
    ground.branch.wait_status("Service", "Normal")
}
