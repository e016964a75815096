//! A main whose manager interface is reached through a tunnel that ends on the branch itself, as `ssh -L` makes one: the tunnel
//! takes every connection, and the SIP of that address is the branch's own.

use std::process::{Child, Stdio};

use lab::wait::{GENEROUS, until_value};
use lab::{Context, Result, Site, Version};

lab::on_22_and_16!(
    a_main_behind_a_tunnel_is_judged_by_its_ami,
    a_main_behind_a_tunnel_whose_sip_is_named_is_judged_by_that,
);

/// Where the tunnel ends.
const PORT: &str = "15038";

/// The branch's end of it. Dropped, it takes no connection any more.
struct Tunnel(Child);

impl Tunnel {
    fn open(site: &Site) -> Result<Self> {
        let here = format!("TCP-LISTEN:{PORT},bind=127.0.0.1,reuseaddr,fork");
        let there = format!("TCP:{}:5038", site.main.address());
        let mut socat = site.branch.host().command(&["socat", &here, &there]);
        socat.stderr(Stdio::null()).spawn().context("starting socat").map(Self)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A site whose branch knows the main by the tunnel, and by what else `main` says of it.
fn site(version: Version, main: &str) -> Result<(Site, Tunnel)> {
    let mut site = Site::with_module(version)?;
    let (host, address) = (format!("host = {}", site.main.address()), site.main.address().to_string());
    let tunnel = format!("host = 127.0.0.1\nport = {PORT}\n{}", main.replace("MAIN", &address));
    site.branch.edit_conf("res_synch.conf", &host, &tunnel)?;
    let tunnel = Tunnel::open(&site)?;
    site.serve()?;
    Ok((site, tunnel))
}

/// An outage and its end.
fn assert_moves(site: &mut Site) -> Result {
    let before = site.moves()?;
    site.kill_main()?;
    site.wait_status("Service", "Failover")?;
    site.heal()?;
    site.wait_status("Service", "Normal")?;
    assert_eq!(site.moves()?, before + 2, "{}", site.branch.rx("synch show history")?);
    Ok(())
}

fn a_main_behind_a_tunnel_is_judged_by_its_ami(version: Version) -> Result {
    let (mut site, _tunnel) = site(version, "")?;
    let asked = site.status("ProbeSip")?;
    assert_ne!(asked, "answers", "the branch's own Asterisk was asked");
    assert_moves(&mut site)
}

fn a_main_behind_a_tunnel_whose_sip_is_named_is_judged_by_that(version: Version) -> Result {
    let (mut site, _tunnel) = site(version, "sip = udp:MAIN:5060")?;
    until_value("SIP", GENEROUS, || site.status("ProbeSip"), |value| value == "answers")?;
    assert_moves(&mut site)
}
