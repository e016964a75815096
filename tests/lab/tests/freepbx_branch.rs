//! FreePBX as the branch's own system: its extensions and the synced users side by side.

use std::path::PathBuf;

use lab::ami::Ami;
use lab::conf::password;
use lab::dialplan::SITE_NUMBER;
use lab::freepbx::{as_branch, elsewhere, users};
use lab::line::{Account, Line, Media, Secret};
use lab::wait::{GENEROUS, until_ok, until_value};
use lab::{Asterisk, Carrier, Error, Result, Site, Version};

lab::tests_on!(
    on_22,
    V22,
    own_extensions_and_synced_users_are_served_together,
    synced_boxes_stand_beside_own_ones,
    #[ignore = "wants the files of a FreePBX in the folder that SYNCH_FREEPBX_FILES names"]
    the_extensions_of_those_files_and_synced_users_are_served_together,
);

/// Two phones, of a synced user and of an extension of the branch's own, and the public network.
struct Scene {
    site: Site,
    carrier: Carrier,
    ada: Line,
    kay: Line,
}

fn own_extensions_and_synced_users_are_served_together(version: Version) -> Result {
    served_together(version, None)
}

fn the_extensions_of_those_files_and_synced_users_are_served_together(version: Version) -> Result {
    served_together(version, Some(elsewhere("17-branch")?))
}

fn served_together(version: Version, theirs: Option<PathBuf>) -> Result {
    let mut site = Site::with_freepbx_as_branch(version, &as_branch(theirs))?;
    site.serve()?;
    let carrier = site.carrier()?;
    site.branch.wait_trunk("local-trunk")?;
    let own = users(&site.branch, "Branch")?;
    let kay = own.iter().find(|user| user.number == "3001").map(|user| user.account.clone());
    let kay = kay.ok_or_else(|| Error::new(format!("no 3001 among {own:?}")))?;
    let ada = Line::register(&site.net, &site.branch, synced("1001"))?;
    let kay = Line::register(&site.net, &site.branch, kay)?;
    let mut scene = Scene { site, carrier, ada, kay };

    scene.assert_users()?;
    assert_watched(&scene.site.branch)?;
    scene.assert_reached_from_the_main()?;
    scene.assert_database_is_left_alone()?;
    scene.site.begin_outage()?;
    scene.assert_calls()?;
    scene.site.branch.reload("core reload")?;
    scene.site.branch.wait_trunk("local-trunk")?;
    scene.assert_users()?;
    scene.assert_calls()?;
    scene.site.branch.stop()?;
    scene.site.branch.start()?;
    scene.site.wait_status("Service", "Failover")?;
    scene.site.wait_status("Dialplan", "in force")?;
    scene.site.branch.wait_trunk("local-trunk")?;
    scene.assert_users()?;
    scene.assert_calls()
}

/// FreePBX's pages bear an `#include` in that section. A zone that they add behind it is still one.
fn synced_boxes_stand_beside_own_ones(version: Version) -> Result {
    let mut site = Site::with_freepbx_as_branch(version, &as_branch(None))?;
    let boxes = site.branch.read_conf("voicemail.conf")?;
    let zones =
        "[zonemessages]\n#include voicemail_custom.conf\nmilitary=Zulu|'vm-received' q 'digits/at' H N\n";
    site.branch.write_conf("voicemail.conf", &format!("{boxes}\n{zones}"))?;
    site.branch.edit_conf("res_synch.conf", "[voicemail]\nenabled = no\n", "")?;
    site.serve()?;
    let shown = || site.branch.rx("voicemail show users");
    let all = ["1001", "1002", "1003", "3001"];
    let there = |shown: &str| all.iter().all(|number| shown.contains(number));
    until_value("own and synced boxes", GENEROUS, shown, there)?;
    assert!(site.branch.rx("voicemail show zones")?.contains("military"));
    site.begin_outage()?;
    let mut ada = Line::register(&site.net, &site.branch, synced("1001"))?;
    assert_eq!(ada.call("1002")?, "200");
    let report = site.branch.rx("synch doctor")?;
    assert!(report.contains("voicemail.conf includes voicemail_synch.conf"), "{report}");
    Ok(())
}

/// The account of a synced user.
fn synced(name: &str) -> Account {
    let secret = Secret::Plain(password(name));
    Account { name: name.to_owned(), secret, media: Media::Plain }
}

/// The administrator's own account may look, and no more; AMI is reached from outside since his `[general](+)` says so.
fn assert_watched(branch: &Asterisk) -> Result {
    let mut ami = Ami::login(branch.address(), "monitoring", "AnotherPassword")?;
    let status = ami.action("SynchStatus", &[])?;
    assert_eq!(status.need("Service")?, "Normal");
    assert!(!ami.action("SynchSetMode", &[("Mode", "failover")])?.is_success());
    Ok(())
}

impl Scene {
    /// FreePBX's own extensions and the synced users are live, each with the box that it may have.
    fn assert_users(&self) -> Result {
        let branch = &self.site.branch;
        let all = ["1001", "1002", "1003", "3001"];
        until_ok("all users to be live", GENEROUS, || {
            let live = branch.live_users()?;
            match all.iter().all(|user| live.iter().any(|name| name == user)) {
                true => Ok(()),
                false => Err(Error::new(format!("{live:?}"))),
            }
        })?;
        let boxes = branch.rx("voicemail show users")?;
        assert!(boxes.contains("3001") && !boxes.contains("1001"), "{boxes}");
        Ok(())
    }

    /// What an own extension has set is nobody's business but FreePBX's.
    fn assert_database_is_left_alone(&self) -> Result {
        let Self { site, .. } = self;
        site.branch.rx("database put CFU 3001 030777")?;
        let before = site.status("Syncs")?;
        site.sync()?;
        until_value("one more sync", GENEROUS, || site.status("Syncs"), |syncs| syncs != before)?;
        let kept = site.branch.rx("database get CFU 3001")?;
        assert!(kept.contains("030777"), "{kept}");
        Ok(())
    }

    /// The main sends calls for both to the trunk.
    fn assert_reached_from_the_main(&self) -> Result {
        for line in [&self.ada, &self.kay] {
            originate(&self.site.main, &format!("PJSIP/{}@branch-trunk", line.name()))?;
            line.wait_called(1)?;
        }
        Ok(())
    }

    /// Both call each other, 112 and outside, and the synced user is called from outside.
    fn assert_calls(&mut self) -> Result {
        assert_calls(&mut self.ada, &self.kay, &self.carrier)?;
        assert_calls(&mut self.kay, &self.ada, &self.carrier)?;
        assert_eq!(self.ada.call("112")?, "200");
        assert_eq!(self.carrier.wait_taken("112", GENEROUS)?, SITE_NUMBER);
        assert_eq!(self.ada.call("1999")?, "404");
        let (before, branch) = (self.ada.called(), self.site.branch.address());
        originate(self.carrier.asterisk(), &format!("PJSIP/branch/sip:{SITE_NUMBER}@{branch}"))?;
        self.ada.wait_called(before + 1)
    }
}

/// One calls the other, who is busy, and somebody outside.
fn assert_calls(caller: &mut Line, called: &Line, carrier: &Carrier) -> Result {
    let before = called.called();
    assert_eq!(caller.call(called.name())?, "486", "{} calls {}", caller.name(), called.name());
    called.wait_called(before + 1)?;
    assert_eq!(caller.call("030555")?, "200");
    carrier.wait_taken("30555", GENEROUS).map(drop)
}

/// Has that Asterisk call somebody.
fn originate(from: &Asterisk, channel: &str) -> Result {
    let call = [("Channel", channel), ("Application", "Playback"), ("Data", "tone"), ("Async", "true")];
    let answer = from.ami()?.action("Originate", &call)?;
    if answer.is_success() { Ok(()) } else { Err(Error::new(format!("calling {channel}: {answer:?}"))) }
}
