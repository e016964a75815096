//! A main of the test's own whose users are PJSIP's, before a branch that runs PJSIP, on 16 as well.

use super::{FakeMain, Reply, Section};
use crate::error::Result;
use crate::site::Site;
use crate::version::Version;

/// A site whose main has these sections; the branch runs res_pjsip on 16, too.
pub fn with_pjsip_users(version: Version, sections: &[Section], policy: &str) -> Result<(Site, FakeMain)> {
    let mut site = Site::with_module(version)?;
    if version == Version::V16 {
        let modules = include_str!("../../conf/any/modules-22.conf");
        site.branch.write_conf("modules.conf", &format!("{modules}load = res_synch.so\n"))?;
        let addresses = [
            ("@ADDRESS@", site.branch.address()),
            ("@MAIN@", site.net.main_address()),
            ("@CARRIER@", site.net.carrier_address()),
        ];
        let conf = include_str!("../../conf/branch-22/pjsip.conf").to_owned();
        let conf = addresses.iter().fold(conf, |conf, (name, to)| conf.replace(name, &to.to_string()));
        site.branch.write_conf("pjsip.conf", &conf)?;
        site.branch.edit_conf("res_synch.conf", "technology = sip", "technology = pjsip")?;
    }
    site.branch.edit_conf("res_synch.conf", "[sync]", &format!("{policy}\n[sync]"))?;
    let main = FakeMain::in_place_of_main(&site, Reply::of(sections))?;
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    Ok((site, main))
}
