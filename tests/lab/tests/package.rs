//! The Debian package (`make deb`): what is in it, and that installing it, going to another version and taking it out disturb
//! nobody.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use lab::asterisk::module_file;
use lab::command::{run, words};
use lab::conf::Role;
use lab::files::Folder;
use lab::rootfs::rootfs;
use lab::{Asterisk, Context, Error, Net, Overlay, Result, Site, Version};
use serde_json::Value;

lab::on_22_and_16!(
    has_what_a_branch_needs,
    changes_under_a_loaded_module_and_disturbs_nobody,
    is_refused_by_another_asterisk,
    goes_beside_another_vendors_asterisk,
    goes_beside_one_that_was_built_from_source,
);

/// What Debian's checker has to say of it: nothing.
#[test]
fn debian_has_nothing_to_say() -> Result {
    for version in [Version::V22, Version::V16] {
        let package = make(version, "1.0.0")?;
        let lintian = ["lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error,warning"];
        run(words(&lintian).arg(package))?;
    }
    Ok(())
}

/// Of Asterisks that the laboratory does not have: what apt goes by. The module in it is that of 22.
#[test]
fn is_named_after_any_major() -> Result {
    let folder = Folder::new("majors")?;
    for (major, next) in [(18, 19), (20, 21), (21, 22), (23, 24)] {
        // Another vendor's build, with other options.
        let headers = folder.path(&format!("headers-{major}"));
        fs::create_dir_all(headers.join("asterisk")).context("making headers")?;
        let sum = format!("{major}0123456789abcdef0123456789abcd");
        let line = format!("#define AST_BUILDOPT_SUM \"{sum}\"\n");
        fs::write(headers.join("asterisk/buildopts.h"), line).context("writing headers")?;
        let module = module_file("22");
        run(packager(&headers).arg(major.to_string()).arg(module).arg(folder.path("")).arg("1.0.0"))?;
        let package = folder.path(&format!("asterisk{major}-res-synch_1.0.0_amd64.deb"));
        let depends = run(words(&["dpkg-deb", "--field"]).arg(&package).arg("Depends"))?;
        let wanted = format!(
            ", asterisk-abi-{sum} | asterisk-{sum} | asterisk{major}, asterisk (>= 1:{major}~) | asterisk{major}, \
             asterisk (<< 1:{next}~) | asterisk{major}"
        );
        assert!(depends.contains(&wanted), "{wanted}: {depends}");
        let contents = run(words(&["dpkg-deb", "--contents"]).arg(&package))?;
        assert!(
            contents.contains(" ./usr/lib/x86_64-linux-gnu/asterisk/modules/res_synch.so\n"),
            "{contents}"
        );
    }
    Ok(())
}

fn has_what_a_branch_needs(version: Version) -> Result {
    let folder = Folder::new(&format!("contents-{version}"))?;
    let package = make(version, "1.0.0")?;
    let control = run(words(&["dpkg-deb", "--field"]).arg(&package))?;
    let field = |name: &str| {
        let lines = control.lines();
        lines.filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let name = name(version);
    let (major, next) = match version {
        Version::V22 => (22, 23),
        Version::V16 => (16, 17),
    };
    assert_eq!(field("Package"), Some(name.as_str()));
    assert_eq!(field("Provides"), Some("asterisk-res-synch"));
    assert_eq!(field("Conflicts"), Some("asterisk-res-synch"));
    let depends = field("Depends").context("no Depends")?;
    // The sum is the same in 22 and 16: what tells them apart is Asterisk's own version.
    for wanted in [
        "libc6 (>= ",
        "asterisk-abi-1fb7f5c06d7a2052e38d021b3d8ca151 | asterisk-1fb7f5c06d7a2052e38d021b3d8ca151 | asterisk",
        &format!(", asterisk (>= 1:{major}~) | asterisk{major}, asterisk (<< 1:{next}~) | asterisk{major}"),
    ] {
        assert!(depends.contains(wanted), "{wanted}: {depends}");
    }

    let contents = run(words(&["dpkg-deb", "--contents"]).arg(&package))?;
    let paths: Vec<&str> =
        contents.lines().filter_map(|line| line.split_whitespace().nth(5)?.strip_prefix('.')).collect();
    let modules = match version {
        Version::V22 => "/usr/lib/x86_64-linux-gnu/asterisk/modules/res_synch.so",
        Version::V16 => "/usr/lib/asterisk/modules/res_synch.so",
    };
    assert!(paths.contains(&modules), "{contents}");
    assert!(
        paths.contains(&"/usr/share/asterisk/documentation/thirdparty/res_synch-en_US.xml"),
        "{contents}"
    );
    for file in [
        "changelog.gz",
        "CHANGELOG.md.gz",
        "copyright",
        "copyright-of-crates.gz",
        "README.md",
        "docs/install.md",
        "examples/res_synch.conf.sample",
        "examples/synch-port-53.conf",
        "examples/90-synch.conf",
        "examples/monitoring/synch.rules.yml",
        "examples/monitoring/synch-fleet.json",
        "res_synch.cdx.json",
    ] {
        let path = format!("/usr/share/doc/{name}/{file}");
        assert!(paths.contains(&path.as_str()), "{path} is not in\n{contents}");
    }
    for path in paths {
        assert!(!path.starts_with("/etc"), "{path}");
        assert!(!path.contains("systemd"), "{path} would take effect by itself");
    }
    assert!(!contents.contains(" asterisk/"), "files of somebody else's:\n{contents}");
    lists_its_crates(&package, &folder, &name)
}

/// Only what is linked in, each crate with the sum that Cargo.lock has.
fn lists_its_crates(package: &Path, folder: &Folder, name: &str) -> Result {
    let unpacked = folder.path("unpacked");
    run(words(&["dpkg-deb", "--extract"]).arg(package).arg(&unpacked))?;
    let list = unpacked.join(format!("usr/share/doc/{name}/res_synch.cdx.json"));
    let list = fs::read_to_string(&list).context(format!("reading {}", list.display()))?;
    let list: Value = serde_json::from_str(&list).context("the bill of materials is no JSON")?;
    let components = list.get("components").and_then(Value::as_array).context("no components")?;
    let lock = fs::read_to_string(repository().join("Cargo.lock")).context("reading Cargo.lock")?;
    assert!(components.len() > 50, "{}", components.len());
    for component in components {
        let sum = component.pointer("/hashes/0/content").and_then(Value::as_str);
        let sum = sum.context(format!("no sum: {component}"))?;
        assert!(lock.contains(&format!("checksum = \"{sum}\"")), "{component}");
        assert!(component.pointer("/licenses/0/expression").is_some(), "{component}");
    }
    let linked = |name: &str| components.iter().any(|part| part.get("name").is_some_and(|is| is == name));
    assert!(linked("hickory-server") && !linked("bindgen") && !linked("proptest"));
    Ok(())
}

/// A site in service whose branch is in an overlay, with the package's module.
fn in_service(net: Arc<Net>, overlay: &Overlay, version: Version) -> Result<Site> {
    let main = Asterisk::new(&net, Role::Main, version)?;
    let branch = Asterisk::in_root(&net, Role::Branch, version, overlay.root())?;
    branch.load_module_at_start()?;
    let mut site = Site { main, branch, net };
    site.serve()?;
    Ok(site)
}

fn changes_under_a_loaded_module_and_disturbs_nobody(version: Version) -> Result {
    let net = Net::new()?;
    let overlay = Overlay::new(&format!("{}-branch", net.name()), &rootfs(version)?)?;
    let before = etc(&overlay)?;
    let [old, new] = ["1.0.0", "1.1.0"].map(|number| make(version, number));
    let (old, new) = (copy_in(&overlay, &old?)?, copy_in(&overlay, &new?)?);

    let said = overlay.apt(&["install", &old])?;
    assert!(!said.contains("res_synch:"), "{said}");
    assert_eq!(etc(&overlay)?, before, "a file in /etc");
    let mut site = in_service(net, &overlay, version)?;
    let pid = site.branch.pid()?;
    assert!(!maps(pid)?.contains("(deleted)"));

    // To a newer version and back.
    for (package, words) in [(&new, &["install"][..]), (&old, &["install", "--allow-downgrades"][..])] {
        let said = overlay.apt(&[words, &[package.as_str()]].concat())?;
        let told = said.matches("res_synch: Asterisk goes on with the version that it has loaded").count();
        assert_eq!(told, 1, "{said}");
        goes_on(&mut site, pid)?;
        assert!(
            maps(pid)?.contains("res_synch.so (deleted)"),
            "the file of a loaded module was written into"
        );
    }
    // What is there now is a module that loads.
    site.branch.stop()?;
    site.branch.start()?;
    site.wait_status("Service", "Normal")?;
    let pid = site.branch.pid()?;
    assert!(!maps(pid)?.contains("res_synch.so (deleted)"));

    overlay.apt(&["remove", &name(version)])?;
    goes_on(&mut site, pid)?;
    assert_eq!(etc(&overlay)?, before, "something is left in /etc");
    site.branch.stop()?;
    site.branch.start()?;
    let shown = site.branch.rx("synch show status")?;
    assert!(shown.contains("No such command"), "{shown}");
    assert!(site.branch.path("etc").join(version.synced_file()).exists(), "the synced users are gone");
    // Before its root file system.
    drop(site);
    Ok(())
}

fn is_refused_by_another_asterisk(version: Version) -> Result {
    let other = match version {
        Version::V22 => Version::V16,
        Version::V16 => Version::V22,
    };
    let overlay = Overlay::new(&format!("refused-{version}"), &rootfs(other)?)?;
    let package = copy_in(&overlay, &make(version, "1.0.0")?)?;
    match overlay.apt(&["install", &package]) {
        Ok(said) => return Err(Error::new(format!("Asterisk {other} took it:\n{said}"))),
        Err(said) => assert!(said.to_string().contains("unmet dependencies"), "{said}"),
    }
    let there = overlay.run(&["dpkg-query", "--show", &name(version)]);
    assert!(there.is_err(), "{there:?}");
    // Of the right one it is taken there, so that it was not something else.
    let package = copy_in(&overlay, &make(other, "1.0.0")?)?;
    overlay.apt(&["install", &package]).map(drop)
}

/// As with Sangoma's: the name of the package is all that ours goes by.
fn goes_beside_another_vendors_asterisk(version: Version) -> Result {
    let overlay = Overlay::new(&format!("vendor-{version}"), &rootfs(version)?)?;
    forget_debians(&overlay)?;
    let package = copy_in(&overlay, &make(version, "1.0.0")?)?;
    is_unmet(overlay.apt(&["install", &package]))?;

    let folder = Folder::new(&format!("vendor-{version}"))?;
    let theirs = folder.path("theirs");
    fs::create_dir_all(theirs.join("DEBIAN")).context("making a package")?;
    let control = format!(
        "Package: asterisk{version}\nVersion: {version}.7.0-1.sng12\nArchitecture: amd64\nMaintainer: a vendor <a@b.example>\n\
         Description: Asterisk\n"
    );
    fs::write(theirs.join("DEBIAN/control"), control).context("writing a package")?;
    let built = folder.path("theirs.deb");
    run(words(&["dpkg-deb", "--root-owner-group", "--build"]).arg(&theirs).arg(&built))?;
    overlay.apt(&["install", &copy_in(&overlay, &built)?])?;
    overlay.apt(&["install", &package]).map(drop)
}

/// A stand-in (`make deb-stand-in`) says to apt that an Asterisk is there, and leads our files to where that one looks.
fn goes_beside_one_that_was_built_from_source(version: Version) -> Result {
    let net = Net::new()?;
    let overlay = Overlay::new(&format!("{}-source", net.name()), &rootfs(version)?)?;
    forget_debians(&overlay)?;
    // Where `./configure` alone puts them.
    let (modules, data) = ("/usr/lib/asterisk/modules", "/var/lib/asterisk");
    let moved = format!(
        "[ -d {modules} ] || {{ mkdir {parent} && mv /usr/lib/*/asterisk/modules {parent}/; }}; \
         mv /usr/share/asterisk/documentation/thirdparty {data}/",
        parent = "/usr/lib/asterisk"
    );
    overlay.run(&["sh", "-c", &moved])?;
    let package = copy_in(&overlay, &make(version, "1.0.0")?)?;
    is_unmet(overlay.apt(&["install", &package]))?;

    let folder = Folder::new(&format!("source-{version}"))?;
    let stand_in = |major: &str| -> Result<String> {
        let mut script = Command::new(repository().join("packaging/deb/stand-in"));
        let said = run(script.args([major, "amd64", modules, data]).arg(folder.path("")))?;
        copy_in(&overlay, Path::new(said.trim()))
    };
    match overlay.apt(&["install", &stand_in("18")?]) {
        Ok(said) => return Err(Error::new(format!("Asterisk {version} passed for 18:\n{said}"))),
        Err(said) => assert!(said.to_string().contains("has to say Asterisk 18 here"), "{said}"),
    }
    overlay.apt(&["install", &stand_in(version.number())?])?;
    overlay.apt(&["install", &package])?;
    let there = overlay.run(&["ls", &format!("{modules}/res_synch.so")])?;
    assert_eq!(there.trim(), format!("{modules}/res_synch.so"));
    overlay.run(&["ls", &format!("{data}/documentation/thirdparty/res_synch-en_US.xml")])?;

    let mut site = in_service(net, &overlay, version)?;
    let pid = site.branch.pid()?;
    overlay.apt(&["remove", &name(version)])?;
    assert!(overlay.run(&["ls", &format!("{modules}/res_synch.so")]).is_err());
    goes_on(&mut site, pid)?;
    drop(site);
    Ok(())
}

/// What is in the overlay is as before, and dpkg does not know who brought Asterisk.
fn forget_debians(overlay: &Overlay) -> Result {
    let path = overlay.root().join("var/lib/dpkg/status");
    let status = fs::read_to_string(&path).context(format!("reading {}", path.display()))?;
    let kept: String =
        status.split_inclusive("\n\n").filter(|entry| !entry.starts_with("Package: asterisk")).collect();
    assert!(kept.len() < status.len(), "no Asterisk of Debian's");
    fs::write(&path, kept).context(format!("writing {}", path.display()))
}

fn is_unmet(said: Result<String>) -> Result {
    match said {
        Ok(said) => Err(Error::new(format!("taken without an Asterisk that apt knows:\n{said}"))),
        Err(said) => {
            assert!(said.to_string().contains("unmet dependencies"), "{said}");
            Ok(())
        }
    }
}

/// The branch serves as before, in the same process.
fn goes_on(site: &mut Site, pid: u32) -> Result {
    assert!(site.branch.is_running());
    assert_eq!(site.branch.pid()?, pid);
    assert_eq!(site.status("Service")?, "Normal");
    site.wait_name(site.main.address())
}

fn maps(pid: u32) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/maps")).context("reading what Asterisk has mapped")
}

/// The packages that are made, for all tests: making one takes some seconds.
static MADE: Mutex<Option<Folder>> = Mutex::new(None);

/// The package of the lab's module for that Asterisk.
fn make(version: Version, number: &str) -> Result<PathBuf> {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = match made.as_ref() {
        Some(folder) => folder,
        None => made.insert(Folder::new("packages")?),
    };
    let path = folder.path(&format!("{}_{number}_amd64.deb", name(version)));
    if path.exists() {
        return Ok(path);
    }
    let major = version.number();
    let headers = repository().join("asterisk-headers").join(major);
    let module = module_file(&version.to_string());
    run(packager(&headers).arg(major).arg(module).arg(folder.path("")).arg(number))?;
    if path.exists() { Ok(path) } else { Err(Error::new(format!("{} was not made", path.display()))) }
}

/// What makes packages for an Asterisk that has these headers.
fn packager(headers: &Path) -> Command {
    let mut package = Command::new(repository().join("packaging/deb/package"));
    package.env("ASTERISK_INCLUDE", headers);
    // A module of the tests is large: it is not packed for anybody.
    package.env("DPKG_DEB_COMPRESSOR_LEVEL", "0");
    package
}

/// Where a root file system sees the package.
fn copy_in(overlay: &Overlay, package: &Path) -> Result<String> {
    let name = package.file_name().context("a package without a name")?;
    let to = overlay.root().join("var/tmp").join(name);
    fs::copy(package, &to).context(format!("copying to {}", to.display()))?;
    Ok(format!("/var/tmp/{}", name.to_string_lossy()))
}

fn etc(overlay: &Overlay) -> Result<String> {
    overlay.run(&["sh", "-c", "find /etc ! -type d | sort"])
}

fn name(version: Version) -> String {
    format!("asterisk{version}-res-synch")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
