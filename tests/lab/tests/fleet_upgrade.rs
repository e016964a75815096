//! Upgrades of a fleet by Ansible (`deploy/`): up and back, and no call is cut. `make fleet` runs them.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use lab::deploy::{Branches, Packed, Played, SITES, own};
use lab::dns::{RecordType, question};
use lab::site::NAME;
use lab::wait::GENEROUS;
use lab::{Context, Error, Phone, Result};

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
        berlin.wait_registered(user)?;
    }
    talk(&mut alice, &mut alex)?;
    let began = berlin.began()?;

    // What only a start reads is not forgotten by the play that could not start anything.
    let lines = "{\"synch_blocks\": [{\"file\": \"logger.conf\", \"text\": \"; read at a start\", \"restart\": true}]}";
    let change = ["site.yml", "-e", lines, "-e", "outage=yes", "-e", "synch_patience=10"];
    branches.play_badly(&change)?;
    assert_eq!(berlin.began()?, began);
    alice.hang_up()?;
    alex.wait_call_ended(GENEROUS)?;
    branches.play_well(&change)?;
    let restarted = berlin.began()?;
    assert_ne!(restarted, began);
    let played = branches.play_well(&change)?;
    assert_eq!(played.count("berlin", "changed"), Some(0), "{}", played.text);

    for user in ["1001", "1002"] {
        berlin.wait_registered(user)?;
    }
    talk(&mut alice, &mut alex)?;
    let upgrade = ["site.yml", "-e", "synch_version=1.1.0", "-e", "outage=yes", "-e", "synch_patience=10"];
    let played = branches.play_badly(&upgrade)?;
    assert!(played.text.contains("Asterisk was not restarted"), "{}", played.text);
    assert_eq!(berlin.began()?, restarted);
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

fn talk(alice: &mut Phone, alex: &mut Phone) -> Result {
    alice.dial("1002")?;
    alice.wait_in_call(GENEROUS)?;
    alex.wait_in_call(GENEROUS)
}
