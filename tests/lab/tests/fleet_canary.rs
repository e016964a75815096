//! Upgrades of a fleet by Ansible (`deploy/`) that go wrong: they end at the canary. `make fleet` runs them.

use lab::deploy::{Branches, Packed, own_version};
use lab::{Context, Result};

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
