//! A fleet by Ansible (`deploy/`), three branches of it: upgrade, the way back, canaries, calls that go on, backups, restore,
//! maintenance. `make fleet` runs them: some minutes.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use lab::command::{run, words};
use lab::conf::Role;
use lab::deploy::{Machine, Packed, Played, machines, machines_of, own_version, package, package_for};
use lab::dns::{RecordType, question};
use lab::phone::Settings;
use lab::site::NAME;
use lab::wait::{GENEROUS, PHONES_RETRY, until_ok};
use lab::{Asterisk, Context, Deploy, Error, Net, Phone, Result, Version};

/// A main and its branches, with 1.0.0 on each.
struct Branches {
    main: Asterisk,
    machines: Vec<Machine>,
    deploy: Deploy,
    net: Arc<Net>,
}

/// Each site's name, and the account codes of its users.
const SITES: [(&str, &str); 3] =
    [("berlin", "HeadOffice"), ("bonn", "DevOps"), ("kiel", "(HeadOffice|DevOps)")];

impl Branches {
    /// As many of the sites, not installed yet.
    fn new<const N: usize>(names: [&'static str; N]) -> Result<Self> {
        let net = Net::new()?;
        let mut main = Asterisk::new(&net, Role::Main, Version::V22)?;
        main.start()?;
        let machines = machines(&net, names)?;
        let deploy = Deploy::new(&net, &machines.iter().collect::<Vec<_>>())?;
        for (name, account) in SITES {
            deploy.site(name, &own(account, None))?;
        }
        let branches = Self { main, machines, deploy, net };
        branches.make("1.0.0", Packed::Well)?;
        Ok(branches)
    }

    /// The same, in service with 1.0.0.
    fn in_service<const N: usize>(names: [&'static str; N]) -> Result<Self> {
        let branches = Self::new(names)?;
        branches.play_well(&["site.yml"])?;
        Ok(branches)
    }

    fn make(&self, number: &str, packed: Packed) -> Result {
        package(&self.deploy.path("packages"), number, packed).map(drop)
    }

    fn machine(&self, name: &str) -> Result<&Machine> {
        self.machines.iter().find(|machine| machine.name() == name).context(format!("no machine {name}"))
    }

    /// A play that ends well and says no password.
    fn play_well(&self, line: &[&str]) -> Result<Played> {
        let played = self.deploy.play_well(&[line, &["-vvv"]].concat())?;
        played.keeps_secrets()?;
        Ok(played)
    }

    /// A play that fails and says no password.
    fn play_badly(&self, line: &[&str]) -> Result<Played> {
        let played = self.deploy.play_badly(&[line, &["-vvv"]].concat())?;
        played.keeps_secrets()?;
        Ok(played)
    }

    /// Switches a phone on that asks the name server of that site.
    fn phone(&self, site: &str, user: &str) -> Result<Phone> {
        let dns = SocketAddr::from((self.machine(site)?.address(), 53));
        Phone::new(&self.net, user, &Settings::with_dns(dns))
    }

    /// The archives of a site, the oldest first.
    fn archives(&self, site: &str) -> Result<Vec<PathBuf>> {
        let folder = self.deploy.path("backups").join(site);
        let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in &paths {
            let mode = fs::metadata(path).context(path.display())?.mode() & 0o7777;
            assert_eq!(mode, 0o600, "{}", path.display());
        }
        Ok(paths)
    }

    /// The timestamp of the newest archive of a site.
    fn newest(&self, site: &str) -> Result<String> {
        let path = self.archives(site)?.pop().context(format!("{site} has no archive"))?;
        let name = path.file_name().context("an archive without a name")?.to_string_lossy().into_owned();
        Ok(name.trim_end_matches(".tar.gz").to_owned())
    }

    /// When the Asterisks began, in the machines' order.
    fn began(&self) -> Result<Vec<String>> {
        self.machines.iter().map(Machine::began).collect()
    }

    /// Every branch has that version and serves as it is to.
    fn all_run(&self, version: &str) -> Result {
        self.machines.iter().try_for_each(|machine| {
            for (key, wanted) in [("Version", version), ("Sync", "Synced"), ("Service", "Normal")] {
                assert_eq!(machine.status(key)?, wanted, "{key} of {}", machine.name());
            }
            Ok(())
        })
    }
}

/// What is a site's own.
fn own(account: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!("synch_version: {version}\n")).unwrap_or_default();
    format!("{version}synch_site:\n  sync: {{filter_value: '^{account}$'}}\n")
}

/// Whether nothing was done with a host.
fn is_untouched(played: &Played, host: &str) -> bool {
    played.count(host, "changed").unwrap_or(0) == 0
}

/// Asks a name server without end; the longest time without an answer.
fn longest_gap(address: SocketAddr, over: &AtomicBool) -> Result<Duration> {
    const PATIENCE: Duration = Duration::from_millis(20);
    let socket = UdpSocket::bind("0.0.0.0:0").context("a socket")?;
    socket.set_read_timeout(Some(PATIENCE)).context("a timeout")?;
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    let mut answer = [0; 512];
    while !over.load(Ordering::Relaxed) {
        let asked = question(NAME, RecordType::A)?.to_vec().context("a question")?;
        // Nobody listens for a while: that is what is measured.
        let _ = socket.send_to(&asked, address);
        if socket.recv(&mut answer).is_ok() {
            longest = longest.max(last.elapsed());
            last = Instant::now();
            std::thread::sleep(PATIENCE);
        }
    }
    Ok(longest)
}

#[test]
#[ignore = "make fleet"]
fn three_branches_go_up_and_back() -> Result {
    let branches = Branches::new(["berlin", "bonn", "kiel"])?;
    let start = Instant::now();
    branches.play_well(&["site.yml"])?;
    eprintln!("fleet: install on three {:.0?}", start.elapsed());
    branches.all_run("1.0.0")?;
    for (site, users) in [("berlin", "3"), ("bonn", "2"), ("kiel", "5")] {
        assert_eq!(branches.machine(site)?.status("Users")?, users, "{site}");
    }
    let start = Instant::now();
    let played = branches.play_well(&["site.yml"])?;
    eprintln!("fleet: nothing to do on three {:.0?}", start.elapsed());
    for (site, _) in SITES {
        assert_eq!(played.count(site, "changed"), Some(0), "{}", played.text);
    }

    // One site's version in the inventory: that site, and no other.
    let before = branches.began()?;
    branches.make("1.1.0", Packed::Well)?;
    branches.deploy.site("bonn", &own("DevOps", Some("1.1.0")))?;
    let start = Instant::now();
    let played = branches.play_well(&["site.yml"])?;
    eprintln!("fleet: upgrade of one of three {:.0?}", start.elapsed());
    assert_eq!(branches.machine("bonn")?.status("Version")?, "1.1.0");
    for site in ["berlin", "kiel"] {
        assert_eq!(branches.machine(site)?.status("Version")?, "1.0.0");
        assert!(is_untouched(&played, site), "{}", played.text);
    }
    let after = branches.began()?;
    let same: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before == after).collect();
    assert_eq!(same, [true, false, true]);
    // An upgrade begins with a backup.
    assert_eq!(branches.archives("bonn")?.len(), 1);
    assert!(branches.archives("berlin")?.is_empty());

    // All of them, and how long the phones of one have no name server.
    let berlin = branches.machine("berlin")?;
    let server = SocketAddr::from((berlin.address(), 53));
    let over = AtomicBool::new(false);
    let start = Instant::now();
    let (played, gap) = scope(|scope| {
        let gap = scope.spawn(|| longest_gap(server, &over));
        let played = branches.play_well(&["site.yml", "-e", "synch_version=1.1.0"]);
        over.store(true, Ordering::Relaxed);
        (played, gap.join().unwrap_or_else(|_| Err(Error::new("a panic"))))
    });
    eprintln!("fleet: upgrade of two of three {:.0?}", start.elapsed());
    eprintln!("fleet: longest time without a name server {:.1?}", gap?);
    assert!(is_untouched(&played?, "bonn"));
    branches.all_run("1.1.0")?;

    // Back, and everything but the code is as it was.
    let add = "synch set mode normal";
    berlin.rx(add)?;
    let versions = berlin.rx("synch show versions")?;
    let users = berlin.rx("synch show users")?;
    let start = Instant::now();
    branches.deploy.site("bonn", &own("DevOps", None))?;
    branches.play_well(&["site.yml"])?;
    eprintln!("fleet: three back to the older version {:.0?}", start.elapsed());
    branches.all_run("1.0.0")?;
    assert_eq!(berlin.status("Mode")?, "normal");
    assert_eq!(berlin.rx("synch show versions")?, versions);
    assert_eq!(berlin.rx("synch show users")?, users);
    Ok(())
}

#[test]
#[ignore = "make fleet"]
fn an_upgrade_waits_for_the_end_of_a_call_and_cuts_none() -> Result {
    let branches = Branches::in_service(["berlin"])?;
    let berlin = branches.machine("berlin")?;
    branches.make("1.1.0", Packed::Well)?;
    // What would change, and nothing does.
    let played = branches.play_well(&["site.yml", "--check", "-e", "synch_version=1.1.0"])?;
    assert_eq!(played.count("berlin", "changed"), Some(1), "{}", played.text);
    assert!(played.text.contains("1.1.0 in the place of 1.0.0"), "{}", played.text);
    assert!(berlin.run(&["dpkg-query", "--show", "asterisk22-res-synch"])?.contains("1.0.0"));
    // At the branch, so that the call is there.
    berlin.rx("synch set mode failover")?;
    let mut alice = branches.phone("berlin", "1001")?;
    let mut alex = branches.phone("berlin", "1002")?;
    for user in ["1001", "1002"] {
        wait_registered(berlin, user)?;
    }
    alice.dial("1002")?;
    alice.wait_in_call(GENEROUS)?;
    alex.wait_in_call(GENEROUS)?;
    let began = berlin.began()?;

    let upgrade = ["site.yml", "-e", "synch_version=1.1.0", "-e", "outage=yes", "-e", "synch_patience=10"];
    let played = branches.play_badly(&upgrade)?;
    assert!(played.text.contains("Asterisk was not restarted"), "{}", played.text);
    assert_eq!(berlin.began()?, began);
    assert_eq!(berlin.status("Version")?, "1.0.0");
    assert!(berlin.rx("core show channels count")?.contains("2 active channels"));
    alice.wait_hears("1002", GENEROUS)?;
    alex.wait_hears("1001", GENEROUS)?;

    // What waits is taken up once nobody talks, although the package is there already.
    alice.hang_up()?;
    alex.wait_call_ended(GENEROUS)?;
    branches.play_well(&upgrade)?;
    assert_eq!(berlin.status("Version")?, "1.1.0");
    assert_eq!(berlin.status("Mode")?, "failover");
    Ok(())
}

fn wait_registered(machine: &Machine, user: &str) -> Result {
    until_ok(&format!("{user} to register at {}", machine.name()), PHONES_RETRY, || {
        let contacts = machine.rx("pjsip show contacts")?;
        if contacts.contains(&format!("{user}/sip:")) { Ok(()) } else { Err(Error::new(contacts)) }
    })
}

#[test]
#[ignore = "make fleet"]
fn what_is_broken_ends_at_the_canary() -> Result {
    let branches = Branches::in_service(["berlin", "bonn", "kiel"])?;
    let berlin = branches.machine("berlin")?;
    let began = branches.began()?;
    for (number, packed, why) in [
        ("1.1.0", Packed::NotLoadable, "the module is not loaded"),
        ("1.2.0", Packed::NotSyncing, "Sync is Unsynced"),
        ("1.3.0", Packed::OtherVersion, &format!("it runs {}, not 1.3.0", own_version()?)),
    ] {
        branches.make(number, packed)?;
        let version = format!("synch_version={number}");
        let upgrade = ["site.yml", "-e", &version, "-e", "synch_gate_timeout=20"];
        let played = branches.play_badly(&upgrade)?;
        assert!(played.text.contains(why), "{why}: {}", played.text);
        assert_eq!(played.count("berlin", "failed"), Some(1), "{}", played.text);
        for site in ["bonn", "kiel"] {
            assert_eq!(played.count(site, "ok"), None, "{}", played.text);
        }
        // The command that the failed gate prints brings it back.
        let way_back = played.text.lines().find_map(|line| {
            let (_, rest) = line.split_once("ansible-playbook restore.yml")?;
            Some(format!("restore.yml{rest}"))
        });
        let way_back = way_back.context(played.text.clone())?;
        branches.play_well(&way_back.split_whitespace().collect::<Vec<_>>())?;
        berlin.wait_status("Sync", "Synced")?;
        berlin.wait_status("Service", "Normal")?;
        assert_eq!(berlin.status("Version")?, "1.0.0");
    }
    // One that nobody reaches.
    branches.make("1.4.0", Packed::Well)?;
    branches.deploy.close(berlin)?;
    let played = branches.play_badly(&["site.yml", "-e", "synch_version=1.4.0"])?;
    assert_eq!(played.count("berlin", "unreachable"), Some(1), "{}", played.text);
    for (site, began) in [("bonn", began.get(1)), ("kiel", began.get(2))] {
        assert_eq!(played.count(site, "ok"), None, "{}", played.text);
        assert_eq!(branches.machine(site)?.status("Version")?, "1.0.0");
        assert_eq!(Some(&branches.machine(site)?.began()?), began);
    }
    Ok(())
}

/// Settings that the module refuses do not come into force, and are not left for its next start.
#[test]
#[ignore = "make fleet"]
fn settings_that_are_refused_are_taken_back() -> Result {
    let branches = Branches::in_service(["berlin"])?;
    let berlin = branches.machine("berlin")?;
    let before = berlin.read("etc/asterisk/res_synch.conf")?;
    branches
        .deploy
        .site("berlin", "synch_site:\n  sync: {filter_value: '^HeadOffice$', interval: never}\n")?;
    let played = branches.play_badly(&["site.yml"])?;
    assert!(played.text.contains("does not take the settings"), "{}", played.text);
    assert_eq!(berlin.read("etc/asterisk/res_synch.conf")?, before);
    assert_eq!(berlin.status("Service")?, "Normal");
    // Others are, without a restart.
    let began = berlin.began()?;
    branches.deploy.site("berlin", "synch_site:\n  sync: {filter_value: '^HeadOffice$', interval: 299}\n")?;
    branches.play_well(&["site.yml"])?;
    assert!(berlin.rx("synch show config")?.contains("interval = 299"));
    assert_eq!(berlin.began()?, began);
    let played = branches.play_well(&["site.yml"])?;
    assert_eq!(played.count("berlin", "changed"), Some(0), "{}", played.text);
    Ok(())
}

#[test]
#[ignore = "make fleet"]
fn a_backup_is_put_back_into_a_branch_that_works() -> Result {
    let branches = Branches::in_service(["berlin", "bonn"])?;
    let berlin = branches.machine("berlin")?;
    // A held version, a held mode and a forward that the main knows.
    branches.main.edit_conf("pjsip.endpoint.conf", "Alice <1001>", "Alicia <1001>")?;
    branches.main.rx("module reload res_pjsip.so")?;
    berlin.rx("synch sync")?;
    berlin.wait_status("SyncVersion", "2")?;
    berlin.rx("synch rollback 1")?;
    berlin.wait_status("HeldVersion", "1")?;
    berlin.rx("synch set mode failover 600")?;
    let users = berlin.rx("synch show users")?;
    assert!(users.contains("Alice"), "{users}");
    let until = berlin.status("ModeUntil")?;

    let played = branches.play_well(&["backup.yml"])?;
    for (site, _) in SITES.iter().take(2) {
        assert_eq!(branches.archives(site)?.len(), 1, "{site}");
    }
    let timestamp = branches.newest("berlin")?;
    assert_eq!(timestamp, branches.newest("bonn")?);
    assert!(played.text.contains(&format!("restore_timestamp={timestamp}")), "{}", played.text);
    let archive = branches.archives("berlin")?.pop().context("no archive")?;
    let list = run(words(&["tar", "-tzf"]).arg(archive))?;
    for file in ["etc/res_synch.conf", "etc/pjsip_synch.conf", "etc/pjsip.conf", "database", "var/synch/"] {
        assert!(list.lines().any(|line| line == file), "{file} is not in\n{list}");
    }
    assert!(!berlin.path("var/lib/synch-deploy/backup.tar.gz").exists());

    // Everything is another.
    berlin.rx("synch set mode auto")?;
    berlin.rx("synch sync")?;
    berlin.wait_status("HeldVersion", "")?;
    until_ok("Alicia", GENEROUS, || {
        let users = berlin.rx("synch show users")?;
        if users.contains("Alicia") { Ok(()) } else { Err(Error::new(users)) }
    })?;
    let began = berlin.began()?;
    let restore = format!("restore_timestamp={timestamp}");
    let start = Instant::now();
    branches.play_well(&["restore.yml", "--limit", "berlin", "-e", &restore])?;
    eprintln!("fleet: restore {:.0?}", start.elapsed());
    assert_eq!(berlin.began()?, began, "Asterisk was restarted");
    for (key, wanted) in [("HeldVersion", "1"), ("Mode", "failover"), ("ModeUntil", &until)] {
        assert_eq!(berlin.status(key)?, wanted, "{key}");
    }
    assert_eq!(berlin.rx("synch show users")?, users);
    let live = berlin.rx("pjsip show endpoint 1001")?;
    assert!(live.contains("Alice"), "{live}");

    // One that is cut short takes nothing out.
    let broken = branches.deploy.path("backups/berlin/20010101T000001Z.tar.gz");
    fs::write(&broken, "no archive").context("a broken archive")?;
    branches.play_badly(&["restore.yml", "--limit", "berlin", "-e", "restore_timestamp=20010101T000001Z"])?;
    assert_eq!(berlin.status("HeldVersion")?, "1");
    let played = branches.play_badly(&["restore.yml", "-e", "restore_timestamp=20010101T000000Z"])?;
    assert!(played.text.contains("is not there"), "{}", played.text);
    branches.play_badly(&["restore.yml"]).map(drop)
}

#[test]
#[ignore = "make fleet"]
fn a_backup_is_put_into_a_new_machine_while_the_main_is_dead() -> Result {
    let mut branches = Branches::in_service(["berlin"])?;
    branches.main.rx("database put CFU 1003 1001")?;
    branches.machine("berlin")?.rx("synch sync")?;
    until_ok("the forward", GENEROUS, || {
        let said = branches.machine("berlin")?.rx("database show CFU")?;
        if said.contains("1001") { Ok(()) } else { Err(Error::new(said)) }
    })?;
    branches.play_well(&["backup.yml"])?;
    let timestamp = branches.newest("berlin")?;

    branches.main.kill_9()?;
    let berlin = branches.machines.pop().context("no machine")?.anew()?;
    berlin.start()?;
    berlin.wait_booted()?;
    branches.deploy.open(&berlin)?;
    branches.machines.push(berlin);
    let restore = format!("restore_timestamp={timestamp}");
    let start = Instant::now();
    branches.play_well(&["restore.yml", "--limit", "berlin", "-e", &restore])?;
    eprintln!("fleet: restore into a new machine {:.0?}", start.elapsed());
    let berlin = branches.machine("berlin")?;
    assert_eq!(berlin.status("Service")?, "Failover");
    assert_eq!(berlin.status("Users")?, "3");
    assert!(berlin.rx("database show CFU")?.contains("1001"));

    let mut alice = branches.phone("berlin", "1001")?;
    let mut alex = branches.phone("berlin", "1002")?;
    for user in ["1001", "1002"] {
        wait_registered(berlin, user)?;
    }
    alice.talk_with(&mut alex)
}

#[test]
#[ignore = "make fleet"]
fn a_maintenance_begins_with_a_backup_and_ends_with_questions() -> Result {
    let branches = Branches::in_service(["berlin", "bonn"])?;
    let start =
        ["maintenance.yml", "-e", "do=start", "-e", "minutes=30", "-e", "{\"reason\": \"upgrade to 22.11\"}"];
    branches.play_well(&start)?;
    for machine in &branches.machines {
        assert_eq!(machine.status("Mode")?, "maintenance");
        assert_eq!(machine.status("MaintenanceReason")?, "upgrade to 22.11");
        assert_eq!(branches.archives(machine.name())?.len(), 1);
    }
    let stop = ["maintenance.yml", "-e", "do=stop", "-e", "main_version=23."];
    let played = branches.play_badly(&stop)?;
    assert!(played.text.contains("not 23."), "{}", played.text);
    for machine in &branches.machines {
        assert_eq!(machine.status("Mode")?, "maintenance");
    }
    branches.play_well(&["maintenance.yml", "-e", "do=stop", "-e", "main_version=22."])?;
    for machine in &branches.machines {
        assert_eq!(machine.status("Mode")?, "auto");
        machine.wait_status("Service", "Normal")?;
    }
    branches.play_badly(&["maintenance.yml"]).map(drop)
}

/// An Asterisk that is in no package gets the module out of one all the same.
#[test]
#[ignore = "make fleet"]
fn the_module_is_unpacked_where_a_package_would_be_refused() -> Result {
    let branches = Branches::new(["berlin"])?;
    let berlin = branches.machine("berlin")?;
    let folders = "synch_install: unpacked\nsynch_modules: /usr/lib/x86_64-linux-gnu/asterisk/modules\n\
                   synch_data: /usr/share/asterisk\n";
    branches.deploy.site("berlin", &(folders.to_owned() + &own("HeadOffice", None)))?;
    branches.play_well(&["site.yml"])?;
    branches.all_run("1.0.0")?;
    assert!(berlin.run(&["dpkg-query", "--show", "asterisk22-res-synch"]).is_err());
    let played = branches.play_well(&["site.yml"])?;
    assert_eq!(played.count("berlin", "changed"), Some(0), "{}", played.text);
    branches.make("1.1.0", Packed::Well)?;
    branches.play_well(&["site.yml", "-e", "synch_version=1.1.0"])?;
    branches.all_run("1.1.0")
}

/// An older Asterisk, whose users are chan_sip's.
#[test]
#[ignore = "make fleet"]
fn an_asterisk_16_with_chan_sip_is_a_branch_as_well() -> Result {
    let net = Net::new()?;
    let mut main = Asterisk::new(&net, Role::Main, Version::V16)?;
    main.start()?;
    let machines = machines_of(&net, ["berlin"], Version::V16)?;
    let deploy = Deploy::new(&net, &machines.iter().collect::<Vec<_>>())?;
    deploy.site("berlin", OLDER)?;
    package_for(Version::V16, &deploy.path("packages"), "1.0.0", Packed::Well)?;
    deploy.play_well(&["site.yml", "-vvv"])?.keeps_secrets()?;
    let berlin = machines.first().context("no machine")?;
    for (key, wanted) in [("Version", "1.0.0"), ("Sync", "Synced"), ("Service", "Normal"), ("Users", "3")] {
        assert_eq!(berlin.status(key)?, wanted, "{key}");
    }
    let played = deploy.play_well(&["site.yml"])?;
    assert_eq!(played.count("berlin", "changed"), Some(0), "{}", played.text);
    Ok(())
}

/// What is another with an Asterisk 16.
const OLDER: &str = "synch_asterisk: 16
synch_site:
  sync: {technology: sip, filter_value: '^HeadOffice$'}
synch_blocks:
  - file: sip.conf
    text: |
      [general](+)
      context = nowhere
      udpbindaddr = {{ synch_address }}
      callcounter = yes
      #tryinclude sip_synch.conf
      [main-trunk]
      type = peer
      host = {{ synch_fleet.main.host }}
      context = from-main
      [local-trunk]
      type = peer
      host = {{ synch_address }}
      context = from-outside
    reload: sip reload
  - file: voicemail.conf
    text: '#tryinclude voicemail_synch.conf'
    reload: voicemail reload
  - file: modules.conf
    text: |
      [modules](+)
      noload = chan_pjsip.so
      noload = app_voicemail_odbc.so
      noload = app_voicemail_imap.so
      noload = app_voicemail_imapstorage.so
      noload = app_voicemail_odbcstorage.so
    restart: true
";

/// What deploy/README.md says: the example with the lines changed that say CHANGE.
#[test]
#[ignore = "make fleet"]
fn the_inventory_of_the_readme_makes_two_branches() -> Result {
    let net = Net::new()?;
    let mut main = Asterisk::new(&net, Role::Main, Version::V22)?;
    let accounts = ["berlin", "bonn"].iter().zip(["SomePasswordHere", "AnotherPassword"]);
    let accounts = accounts.map(|(site, secret)| {
        format!("\n[synch-{site}]\nsecret = {secret}\nread = system\nwrite = system\nwritetimeout = 10000\n")
    });
    let before = main.read_conf("manager.conf")?;
    main.write_conf("manager.conf", &(before + &accounts.collect::<String>()))?;
    main.start()?;
    let machines = machines(&net, ["berlin", "bonn"])?;
    let deploy = Deploy::new(&net, &machines.iter().collect::<Vec<_>>())?;
    let addresses: Vec<String> = machines.iter().map(|machine| machine.address().to_string()).collect();
    let [berlin, bonn] = addresses.as_slice() else { return Err(Error::new("not two machines")) };
    deploy.take_example(&[
        ("192.168.0.254", berlin),
        ("192.168.1.254", bonn),
        ("10.0.0.254", &main.address().to_string()),
        // The marks of the lab's users.
        ("^Berlin$", "^HeadOffice$"),
        ("^Bonn$", "^DevOps$"),
    ])?;
    let version = own_version()?;
    package(&deploy.path("packages"), &version, Packed::Well)?;
    deploy.play_well(&["site.yml", "-vvv"])?.keeps_secrets()?;
    let status = deploy.play_well(&["status.yml"])?;
    for (machine, users) in machines.iter().zip(["3", "2"]) {
        for (key, wanted) in [("Sync", "Synced"), ("Service", "Normal"), ("Users", users)] {
            assert_eq!(machine.status(key)?, wanted, "{key} of {}", machine.name());
        }
        let line = status.text.lines().find(|line| line.trim_start().starts_with(machine.name()));
        assert!(line.is_some_and(|line| line.ends_with(&version)), "{}", status.text);
    }
    let played = deploy.play_well(&["site.yml"])?;
    for machine in &machines {
        assert_eq!(played.count(machine.name(), "changed"), Some(0), "{}", played.text);
    }
    Ok(())
}
