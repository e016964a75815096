//! What Ansible (`deploy/`) installs, and on what: a package out of an archive, an Asterisk of no package, an older one; and
//! settings that the module refuses. `make fleet` runs them.

use std::fs;

use lab::command::{run, words};
use lab::conf::Role;
use lab::deploy::{Branches, Packed, machines_of, own, package_for};
use lab::{Asterisk, Context, Deploy, Net, Result, Version};

/// A package that comes out of an archive which the branch knows (`synch_install: apt`), up and back.
#[test]
#[ignore = "make fleet"]
fn the_package_comes_out_of_an_archive() -> Result {
    let branches = Branches::new(["berlin"])?;
    let berlin = branches.machine("berlin")?;
    branches.make("1.1.0", Packed::Well)?;
    // Archive and nothing else: no other one is reached from here.
    let archive = berlin.path("srv/archive");
    run(words(&["cp", "--recursive"]).arg(branches.deploy.path("packages")).arg(&archive))?;
    let index = run(words(&["dpkg-scanpackages", "--multiversion", "."]).current_dir(&archive))?;
    fs::write(archive.join("Packages"), index).context("an index")?;
    berlin.run(&["sh", "-c", "rm -rf /etc/apt/sources.list*"])?;
    fs::write(berlin.path("etc/apt/sources.list"), "deb [trusted=yes] file:/srv/archive ./\n")
        .context("a source")?;
    branches.deploy.site("berlin", &format!("synch_install: apt\n{}", own("HeadOffice", None)))?;

    for version in ["1.0.0", "1.1.0", "1.0.0"] {
        let wanted = format!("synch_version={version}");
        branches.play_well(&["site.yml", "-e", &wanted])?;
        branches.all_run(version)?;
        assert!(berlin.run(&["dpkg-query", "--show", "asterisk22-res-synch"])?.contains(version));
    }
    let played = branches.play_well(&["site.yml"])?;
    assert_eq!(played.count("berlin", "changed"), Some(0), "{}", played.text);
    Ok(())
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
