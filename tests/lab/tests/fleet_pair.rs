//! Two branches at one site with a floating address (`synch_pair_address`): keepalived moves it when one falls, and
//! `takeover.yml` when somebody says so. `make fleet` runs it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::command::run;
use lab::conf::Role;
use lab::deploy::{Machine, Packed, machines_with_systemd, package};
use lab::dns::a_record;
use lab::phone::Settings;
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
use lab::{Asterisk, Context, Deploy, Error, Net, Phone, Result, Version};

/// Both machines, as the inventory names them.
const BOTH: &str = "berlin-a,berlin-b";

struct Two {
    machines: Vec<Machine>,
    deploy: Deploy,
    floating: Ipv4Addr,
    main: Asterisk,
    net: Arc<Net>,
}

impl Two {
    /// A pair in service.
    fn in_service() -> Result<Self> {
        let net = Net::new()?;
        let mut main = Asterisk::new(&net, Role::Main, Version::V22)?;
        main.start()?;
        let machines = machines_with_systemd(&net, ["berlin-a", "berlin-b"])?;
        let [a, b, c, _] = net.own_address().octets();
        let floating = Ipv4Addr::new(a, b, c, 200);
        let deploy = Deploy::new(&net, &machines.iter().collect::<Vec<_>>())?;
        package(&deploy.path("packages"), "1.0.0", Packed::Well)?;
        for (own, other) in [(0, 1), (1, 0)] {
            let (own, other) = (machines.get(own).context("a")?, machines.get(other).context("b")?);
            let text = format!(
                "synch_site:\n  sync: {{filter_value: '^HeadOffice$'}}\n  failover: {{return_when: manual}}\n  dns:\n    \
                 bind: '{{{{ synch_address }}}},{floating}'\n    target_failover: {floating}\n\
                 synch_pair_address: {floating}/24\nsynch_pair_peer: {}\nsynch_pair_secret: '{{{{ vault_synch.pair }}}}'\n",
                other.address()
            );
            deploy.site(own.name(), &text)?;
        }
        let two = Self { machines, deploy, floating, main, net };
        two.deploy.play_well(&["site.yml", "-vvv"])?.keeps_secrets()?;
        Ok(two)
    }

    /// Who has the floating address, and who has not. There is always just one who has.
    fn order(&self) -> Result<[&Machine; 2]> {
        let [a, b] = self.machines.as_slice() else { return Err(Error::new("no pair")) };
        match (self.has(a)?, self.has(b)?) {
            (true, false) => Ok([a, b]),
            (false, true) => Ok([b, a]),
            (both, _) => {
                Err(Error::new(format!("the address is at {} of them", if both { "both" } else { "none" })))
            }
        }
    }

    fn has(&self, machine: &Machine) -> Result<bool> {
        let shown = run(&mut machine.host().command(&[
            "ip",
            "-o",
            "address",
            "show",
            "to",
            &self.floating.to_string(),
        ]))?;
        Ok(!shown.trim().is_empty())
    }

    /// Waits until it is at `machine` alone, and answers there.
    fn wait_at(&self, machine: &Machine) -> Result {
        until_ok(&format!("{} to be at {}", self.floating, machine.name()), GENEROUS, || {
            match self.order()? {
                [active, _] if active.name() == machine.name() => a_record(self.floating, NAME).map(drop),
                [other, _] => Err(Error::new(format!("it is at {}", other.name()))),
            }
        })
    }

    /// A phone that knows the floating address alone.
    fn phone(&self, user: &str) -> Result<Phone> {
        Phone::new(&self.net, user, &Settings::with_dns(SocketAddr::from((self.floating, 53))))
    }
}

#[test]
#[ignore = "make fleet"]
fn the_floating_address_survives_its_machine() -> Result {
    let mut two = Two::in_service()?;
    until_ok("one to have the address", GENEROUS, || two.order().map(drop))?;
    let again = two.deploy.play_well(&["site.yml"])?;
    for name in BOTH.split(',') {
        assert_eq!(again.count(name, "changed"), Some(0), "{}", again.text);
    }
    // The doctor of the one that stands by warns, and has nothing worse to say.
    let [_, standby] = until_ok("one to have the address", GENEROUS, || two.order())?;
    let doctor = standby.rx("synch doctor")?;
    assert!(doctor.contains(&format!("bind and target_failover are {}", two.floating)), "{doctor}");
    assert!(doctor.contains(" 0 bad"), "{doctor}");

    let _alice = two.phone("1001")?;
    two.main.wait_registered("1001")?;
    two.main.kill_9()?;
    for machine in &two.machines {
        machine.wait_status("Service", "Failover")?;
    }
    let [active, standby] = until_ok("one to have the address", GENEROUS, || two.order())?;
    active.wait_registered("1001")?;

    // The active one is cut off: the other one has address, names and registrations.
    two.net.unplug(active.host())?;
    let cut = Instant::now();
    until_ok("a name server", GENEROUS, || match a_record(two.floating, NAME)? {
        found if found == two.floating => Ok(()),
        found => Err(Error::new(format!("it says {found}"))),
    })?;
    eprintln!("fleet: the floating address answers {:.1?} after its machine was cut off", cut.elapsed());
    // One that is switched on now: what the other one waits for is its own affair.
    let mut alex = two.phone("1002")?;
    standby.wait_registered("1002")?;
    eprintln!("fleet: and a phone is registered there after {:.1?}", cut.elapsed());
    standby.wait_registered("1001")?;
    eprintln!("fleet: the phone that was registered at the other one is here after {:.1?}", cut.elapsed());

    // Recovery alone changes nothing: the machine that is back stands by.
    two.net.plug_in(active.host())?;
    until_ok("it to hear the other one", GENEROUS, || {
        let ping = active.host().reaches(standby.address());
        if ping && !two.has(active)? { Ok(()) } else { Err(Error::new("not yet")) }
    })?;
    // Longer than VRRP takes to decide something.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(8) {
        assert_eq!(two.order()?.map(Machine::name), [standby.name(), active.name()]);
        std::thread::sleep(Duration::from_millis(500));
    }
    // A call through the address goes on being possible.
    let mut alice_again = two.phone("1003")?;
    standby.wait_registered("1003")?;
    alex.talk_with(&mut alice_again)?;

    // Takeover.
    let played = two.deploy.play_well(&["takeover.yml", "--limit", BOTH, "-vvv"])?;
    played.keeps_secrets()?;
    two.wait_at(active)?;

    // The main is back, and the phones stay, until somebody says so.
    two.main.start()?;
    for machine in &two.machines {
        machine.wait_status("Monitor", "Stable")?;
        assert_eq!(machine.status("Service")?, "Failover");
    }
    assert_eq!(a_record(two.floating, NAME)?, two.floating);
    for machine in &two.machines {
        machine.rx("synch failback")?;
        machine.wait_status("Service", "Normal")?;
    }
    assert_eq!(a_record(two.floating, NAME)?, two.main.address());
    two.machines.iter().try_for_each(Machine::journal_keeps_secrets)
}

/// An Asterisk that is gone loses the address, although its machine is well; and none is given to such a machine.
#[test]
#[ignore = "make fleet"]
fn the_address_is_where_names_are_answered() -> Result {
    let two = Two::in_service()?;
    let [active, standby] = until_ok("one to have the address", GENEROUS, || two.order())?;
    // Its systemd would start it again within seconds.
    let stays_down = "mkdir -p /run/systemd/system/asterisk.service.d && cd /run/systemd/system/asterisk.service.d && \
                      printf '[Service]\\nRestart=no\\n' >stays-down.conf && systemctl daemon-reload";
    active.run(&["sh", "-c", stays_down])?;
    active.kill();
    let killed = Instant::now();
    two.wait_at(standby)?;
    eprintln!("fleet: the floating address answers {:.1?} after its Asterisk was killed", killed.elapsed());

    let played = two.deploy.play_badly(&["takeover.yml", "--limit", BOTH])?;
    assert!(played.text.contains("could not serve"), "{}", played.text);
    let played = two.deploy.play_badly(&["takeover.yml", "--limit", standby.name()])?;
    assert!(played.text.contains("The other one of the pair does not answer"), "{}", played.text);
    let played = two.deploy.play_badly(&["takeover.yml"])?;
    assert!(played.text.contains("Which pair?"), "{}", played.text);
    assert_eq!(two.order()?.map(Machine::name), [standby.name(), active.name()]);

    active.start()?;
    active.wait_booted()?;
    active.wait_status("Service", "Normal")?;
    two.deploy.play_well(&["takeover.yml", "--limit", BOTH])?;
    two.wait_at(active)?;
    // A restart for new code is shorter than what keepalived waits for.
    active.rx("core restart now")?;
    active.wait_booted()?;
    active.wait_status("Service", "Normal")?;
    two.wait_at(active)?;
    two.machines.iter().try_for_each(Machine::journal_keeps_secrets)
}
