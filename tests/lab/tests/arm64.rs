//! The package of a Raspberry Pi (`make arm64`): cross-built, and taken by Debian's Asterisk 22 for that processor, which qemu
//! runs. The main and everything else are of this machine's own.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use lab::command::{run, words};
use lab::conf::Role;
use lab::dns::a_record;
use lab::rootfs::arm64_rootfs;
use lab::site::NAME;
use lab::wait::until_ok;
use lab::{Asterisk, Context, Error, Net, Overlay, Result, Site, Version};

/// A program under qemu takes ten times as long, and qemu itself has to translate it first.
const EMULATED: Duration = Duration::from_secs(600);

/// In the words of the ELF header: 64 bits, little endian, and AArch64 (183) for the machine.
const FOR_ARM64: [(usize, u8); 4] = [(4, 2), (5, 1), (18, 183), (19, 0)];

#[test]
#[ignore = "make arm64 makes the package and the root file system, which takes long"]
fn a_raspberry_pi_takes_the_package() -> Result {
    let package =
        PathBuf::from(std::env::var_os("SYNCH_PACKAGE_ARM64").context("make arm64 says which package")?);
    let architecture = run(words(&["dpkg-deb", "--field"]).arg(&package).arg("Architecture"))?;
    assert_eq!(architecture.trim(), "arm64");
    // Of more descriptors, qemu says "bit out of range 0 - FD_SETSIZE", and Asterisk ends.
    run(&mut words(&["prlimit", "--pid", &std::process::id().to_string(), "--nofile=1024:1024"]))?;

    let net = Net::new()?;
    let overlay = Overlay::new(&format!("{}-arm64", net.name()), &arm64_rootfs()?)?;
    let name = package.file_name().context("a package without a name")?;
    let to = overlay.root().join("var/tmp").join(name);
    fs::copy(&package, &to).context(format!("copying to {}", to.display()))?;
    overlay.apt(&["install", &format!("/var/tmp/{}", name.to_string_lossy())])?;
    let module = overlay.root().join("usr/lib/aarch64-linux-gnu/asterisk/modules/res_synch.so");
    let head = fs::read(&module).context(format!("reading {}", module.display()))?;
    for (place, octet) in FOR_ARM64 {
        assert_eq!(head.get(place), Some(&octet), "octet {place} of {}", module.display());
    }

    let main = Asterisk::new(&net, Role::Main, Version::V22)?;
    let branch = Asterisk::in_root(&net, Role::Branch, Version::V22, overlay.root())?;
    branch.load_module_at_start()?;
    let mut site = Site { main, branch, net };
    site.main.start()?;
    site.branch.spawn()?;
    until_ok("the branch to boot", EMULATED, || match site.branch.is_running() {
        true => site.branch.rx_within(EMULATED, "core waitfullybooted").map(Ok),
        false => Ok(Err(Error::new(format!("it ended:\n{}", site.branch.log())))),
    })??;
    serves(&site)?;

    site.branch.unload_module()?;
    assert!(a_record(site.branch.address(), NAME).is_err(), "it answers after its unload");
    site.branch.load_module()?;
    serves(&site)?;
    assert!(site.branch.is_running());
    assert_eq!(site.branch.module_log("ERROR"), [""; 0]);
    // An outage, too: the name leads to the branch.
    site.kill_main()?;
    until_ok("the branch to serve", EMULATED, || named(&site, site.branch.address()))?;
    eprintln!("{}", site.branch.rx("synch show status")?);
    // Before its root file system.
    drop(site);
    Ok(())
}

/// The module has the users, and sends the phones to the main.
fn serves(site: &Site) -> Result {
    for (key, wanted) in [("Service", "Normal"), ("Sync", "Synced")] {
        until_ok(&format!("{key} to be {wanted}"), EMULATED, || match site.status(key)? {
            found if found == wanted => Ok(()),
            found => Err(Error::new(format!("{found}: {}", site.status(&format!("{key}Reason"))?))),
        })?;
    }
    eprintln!("{}", site.branch.rx("synch show status")?);
    until_ok("an answer", EMULATED, || named(site, site.main.address()))
}

fn named(site: &Site, wanted: std::net::Ipv4Addr) -> Result {
    match a_record(site.branch.address(), NAME)? {
        found if found == wanted => Ok(()),
        found => Err(Error::new(format!("{NAME} is {found}"))),
    }
}
