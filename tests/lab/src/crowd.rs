//! A company: the main's files with as many users as wanted, in the form in which FreePBX writes them.

use std::fmt::Write;

use crate::asterisk::Asterisk;
use crate::error::{Context, Result};

/// What FreePBX writes into each endpoint besides the names.
const ENDPOINT: &str = "type=endpoint\ncontext=from-internal\ndisallow=all\nallow=ulaw,alaw,gsm,g726,g722\n\
    language=en\ndirect_media=no\nrtp_symmetric=yes\nforce_rport=yes\nrewrite_contact=yes\ndtmf_mode=rfc4733\n\
    trust_id_inbound=yes\nuser_eq_phone=no\nsend_connected_line=yes\nmedia_encryption=no\ntimers=yes\n\
    timers_min_se=90\nmedia_encryption_optimistic=no\nrefer_blind_progress=yes\nsend_pai=yes\nrtp_timeout=30\n\
    rtp_timeout_hold=300\nrtp_keepalive=0\nmoh_suggest=default\n";

/// The same of chan_sip.
const PEER: &str = "type=friend\nhost=dynamic\ncontext=from-internal\ndirectmedia=no\nqualify=no\ndisallow=all\n\
    allow=ulaw,alaw,gsm,g726,g722\ntransport=udp\navpf=no\nforce_avp=no\nicesupport=no\nrtcp_mux=no\n\
    encryption=no\nvideosupport=inherit\ndtmfmode=rfc4733\nsendrpid=pai\ntrustrpid=yes\nnat=force_rport,comedia\n\
    callcounter=yes\nfaxdetect=no\ncc_monitor_policy=generic\n";

/// Gives the main of version 16 `company` users, of whom the first `site` have the account code HeadOffice.
pub fn fill_sip(main: &Asterisk, company: u32, site: u32) -> Result {
    let mut peers = String::new();
    for user in (100_000..).take(company as usize) {
        let account = if user - 100_000 < site { "HeadOffice" } else { "Elsewhere" };
        let _ = write!(
            peers,
            "[{user}]\n{PEER}secret=secret-{user}\naccountcode={account}\ncallerid=User {user} <{user}>\n\
             mailbox={user}@default\ndial=SIP/{user}\n\n"
        );
    }
    main.write_conf("sip_additional.conf", &peers)
}

/// Gives the main of version 22 `company` users, of whom the first `site` have the account code HeadOffice.
pub fn fill(main: &Asterisk, company: u32, site: u32) -> Result {
    let account = |user| if user < site { "HeadOffice" } else { "Elsewhere" }.to_owned();
    fill_with(main, company, account)
}

/// Gives the main of version 22 so many users of each of these sites, whose account code is the site's name.
pub fn fill_sites(main: &Asterisk, sites: usize, users: usize, name: impl Fn(usize) -> String) -> Result {
    let company = u32::try_from(sites * users).context("users of all sites")?;
    fill_with(main, company, |user| name(user as usize / users.max(1)))
}

fn fill_with(main: &Asterisk, company: u32, account: impl Fn(u32) -> String) -> Result {
    let (mut endpoints, mut aors, mut auths) = (String::new(), String::new(), String::new());
    let mut boxes = "[general]\nformat = wav\n\n[default]\n".to_owned();
    for user in (100_000..).take(company as usize) {
        let account = account(user - 100_000);
        let _ = write!(
            endpoints,
            "[{user}]\n{ENDPOINT}aors={user}\nauth={user}-auth\naccountcode={account}\n\
             callerid=User {user} <{user}>\nmailboxes={user}@default\n\n"
        );
        let _ = write!(
            aors,
            "[{user}]\ntype=aor\nmailboxes={user}@default\nmax_contacts=1\nremove_existing=yes\n\
             maximum_expiration=7200\nminimum_expiration=60\nqualify_frequency=60\n\n"
        );
        let _ = write!(
            auths,
            "[{user}-auth]\ntype=auth\nauth_type=userpass\npassword=secret-{user}\nusername={user}\n\n"
        );
        let _ = writeln!(
            boxes,
            "{user} => {user},User {user},user{user}@example.com,,attach=no|saycid=no|envelope=no|delete=no"
        );
    }
    main.write_conf("pjsip.endpoint.conf", &endpoints)?;
    main.write_conf("pjsip.aor.conf", &aors)?;
    main.write_conf("pjsip.auth.conf", &auths)?;
    main.write_conf("voicemail.conf", &boxes)
}
