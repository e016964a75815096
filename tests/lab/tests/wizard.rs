//! Phones that an administrator has in pjsip_wizard.conf.

use lab::conf::password;
use lab::{Result, Site, Version};

lab::tests_on!(wizard, V22, phones_of_the_wizard_are_users);

fn phones_of_the_wizard_are_users(version: Version) -> Result {
    let mut site = Site::with_dialplan(version)?;
    let phone = |name: &str| {
        let password = password(name);
        format!(
            "[{name}](defaults)\ninbound_auth/username={name}\ninbound_auth/password={password}\nendpoint/callerid=\"User {name}\" <{name}>\n"
        )
    };
    let defaults = "[defaults](!)\ntype=wizard\naccepts_registrations=yes\naccepts_auth=yes\nendpoint/allow=!all,ulaw\n\
                    endpoint/context=from-internal\nendpoint/accountcode=HeadOffice\naor/max_contacts=5\n";
    let trunk = "[carrier]\ntype=wizard\nremote_hosts=192.0.2.1\nendpoint/context=from-carrier\n";
    let text = format!("{defaults}{}{}{trunk}", phone("7001"), phone("7002"));
    site.main.write_conf("pjsip_wizard.conf", &text)?;
    site.branch.edit_conf("res_synch.conf", "[sync]\n", "[sync]\nfiles = pjsip.conf,pjsip_wizard.conf\n")?;
    site.serve()?;
    assert_eq!(site.branch.live_users()?, ["1001", "1002", "1003", "7001", "7002"]);
    site.branch.wait_function("SYNCH_USER(7002,site)", "HeadOffice")?;

    site.branch.edit_conf("res_synch.conf", "pjsip.conf,pjsip_wizard.conf", "pjsip_wizard.conf")?;
    site.branch.edit_conf(
        "res_synch.conf",
        "filter_key = accountcode",
        "filter_key = endpoint/accountcode",
    )?;
    site.branch.edit_conf("res_synch.conf", "[sync]\n", "[sync]\nmax_shrink = 100\n")?;
    site.branch.reload_module()?;
    site.branch.wait_context("synch-users", "'1001'", true)?;
    site.sync()?;
    site.wait_status("Users", "2")?;
    site.begin_outage()?;
    let mut one = site.phone_at(&site.branch, "7001")?;
    let mut other = site.phone_at(&site.branch, "7002")?;
    one.dial("7002")?;
    one.wait_in_call(lab::wait::GENEROUS)?;
    other.wait_in_call(lab::wait::GENEROUS)?;
    one.hang_up()
}
