//! A fleet by Ansible (`deploy/`): what is quick, and what checks playbooks. `make fleet` runs that and the other files of
//! `fleet*.rs`.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;

use lab::command::run;
use lab::conf::Role;
use lab::deploy::{Machine, Packed, machines, package, playbooks};
use lab::phone::Settings;
use lab::wait::{GENEROUS, until_value};
use lab::{Asterisk, Context, Deploy, Error, Net, Phone, Result, Site, Version};

/// The playbooks that a reader of deploy/README.md has.
fn all_playbooks() -> Result<Vec<String>> {
    let entries = fs::read_dir(playbooks()).context("reading deploy/")?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    // That one is no playbook.
    let is_playbook = |name: &String| name.ends_with(".yml") && name != "requirements.yml";
    let mut names: Vec<String> = names.filter(is_playbook).collect();
    names.sort();
    Ok(names)
}

#[test]
fn role_and_playbooks_are_sound() -> Result {
    let net = Net::new()?;
    let deploy = Deploy::new(&net, &[])?;
    let names = all_playbooks()?;
    for wanted in ["backup", "doctor", "drill", "maintenance", "restore", "site", "status", "takeover"] {
        assert!(names.contains(&format!("{wanted}.yml")), "{names:?}");
    }
    for name in &names {
        run(deploy.ansible("ansible-playbook").args(["--syntax-check", name]))?;
    }
    // The inventory that a reader begins with, and a variable of each of its files.
    let list = run(deploy.ansible("ansible-inventory").arg("--list"))?;
    let list: serde_json::Value = serde_json::from_str(&list).context("ansible-inventory says no JSON")?;
    let hosts = list.pointer("/branches/hosts").and_then(serde_json::Value::as_array);
    assert_eq!(hosts.map(Vec::len), Some(2), "{list}");
    for pointer in ["synch_version", "synch_site", "vault_synch"] {
        assert!(list.pointer(&format!("/_meta/hostvars/berlin/{pointer}")).is_some(), "{pointer}: {list}");
    }
    Ok(())
}

/// `make fleet` installs them.
#[test]
#[ignore = "make fleet"]
fn the_checkers_of_ansible_and_yaml_have_nothing_to_say() -> Result {
    let net = Net::new()?;
    let deploy = Deploy::new(&net, &[])?;
    for checker in [&["yamllint", "--strict", "."][..], &["ansible-lint", "--offline", "--strict", "-q"]] {
        let (program, words) = checker.split_first().context("no checker")?;
        run(deploy.ansible(program).args(words))?;
    }
    Ok(())
}

/// The files for port 53 are those that the package brings, too.
#[test]
fn the_roles_files_for_port_53_are_those_of_the_package() -> Result {
    for name in ["90-synch.conf", "synch-port-53.conf"] {
        let of_role = playbooks().join("roles/synch_branch/files").join(name);
        let of_package = playbooks().join("../packaging/examples").join(name);
        let read = |path: &std::path::Path| fs::read_to_string(path).context(path.display());
        assert_eq!(read(&of_role)?, read(&of_package)?, "{name}");
    }
    Ok(())
}

/// How many sites there are in the largest fleet that the lab renders.
const SITES: usize = 300;

/// What a site says that has something to escape.
const ODD: [&str; 4] = ["a;b", "p\\;q=r", "it's \"quoted\" # {x}", "Zürich ;-- x"];

#[test]
fn three_hundred_sites_are_rendered_and_the_module_reads_each() -> Result {
    let site = Site::with_module(Version::V22)?;
    let deploy = Deploy::new(&site.net, &[])?;
    let mut hosts = "---\nbranches:\n  hosts:\n".to_owned();
    for number in 0..SITES {
        let (high, low) = (number / 100, number % 100);
        let _ = write!(hosts, "    site{number}:\n      ansible_host: 10.99.{high}.{low}\n");
        let odd = ODD.get(number % ODD.len()).context("an odd value")?;
        // In YAML, '' is one '.
        let quoted = odd.replace('\'', "''");
        let own = format!(
            "synch_site:\n  main: {{host: 192.0.2.1, username: 'site{number} {quoted}', secret: 'x{quoted}'}}\n  sync:\n    \
             filter_value: '^Site{number}$'\n    files: [pjsip.conf, 'more{number}.conf']\n  dns: {{target_normal: 192.0.2.1}}\n  \
             maintenance: {{minutes: {minutes}}}\n  failover: {{return_when: manual}}\n  state:\n    host: 192.0.2.2\n    \
             site: 'site{number}'\n    accept: ['^a$ ^PJSIP/1', '^b$ ^PJSIP/2']\n",
            minutes = number + 1
        );
        deploy.site(&format!("site{number}"), &own)?;
    }
    deploy.write("inventory/hosts.yml", &hosts)?;
    deploy.write("render.yml", RENDER)?;
    let playbook = deploy.path("render.yml").display().to_string();
    let rendered = format!("rendered={}", deploy.path("rendered").display());
    deploy.play_well(&[&playbook, "-e", &rendered])?.keeps_secrets()?;

    // The real reader: Asterisk's, and then the module's own.
    let text = fs::read_to_string(deploy.path("rendered")).context("what was rendered")?;
    let sites: Vec<&str> = text.split("==== ").skip(1).collect();
    assert_eq!(sites.len(), SITES);
    let mut site = site;
    site.branch.start()?;
    for text in sites {
        let (name, text) = text.split_once('\n').context("a site without a name")?;
        site.branch.write_conf("res_synch.conf", text)?;
        site.branch.reload_module().map_err(|error| {
            Error::new(format!("{name}: {error}\n{text}\n{:?}", site.branch.module_log("ERROR")))
        })?;
        // They are in force a moment later.
        let number = name.trim_start_matches("site").parse::<usize>().context(name)?;
        let odd = ODD.get(number % ODD.len()).context("an odd value")?;
        let username = format!("username = {name} {odd}\n");
        let shown = || site.branch.rx("synch show config");
        let shown = until_value(name, GENEROUS, shown, |shown| shown.contains(&username))?;
        let minutes = number + 1;
        for line in [
            format!("filter_value = ^Site{number}$\n"),
            format!("files = pjsip.conf,more{number}.conf\n"),
            format!("minutes = {minutes}\n"),
            "return_when = manual\n".to_owned(),
            format!("site = {name}\n"),
            "accept = ^a$ ^PJSIP/1\n".to_owned(),
            "accept = ^b$ ^PJSIP/2\n".to_owned(),
        ] {
            assert!(shown.contains(&line), "{name}: {line} is not in\n{shown}");
        }
    }
    Ok(())
}

/// Renders the settings of all sites into one file, with the role's own template, defaults and variables.
const RENDER: &str = "---
- hosts: branches
  gather_facts: false
  tasks:
    - import_role:
        name: synch_branch
        tasks_from: ask.yml
      when: false
    - set_fact:
        one: \"{{ lookup('template', playbook_of_deploy ~ '/roles/synch_branch/templates/res_synch.conf.j2') }}\"
      no_log: true
      vars:
        playbook_of_deploy: \"{{ lookup('env', 'ANSIBLE_CONFIG') | dirname }}\"
    - copy:
        dest: \"{{ rendered }}\"
        mode: '0600'
        content: \"{% for host in ansible_play_hosts %}==== {{ host }}\\n{{ hostvars[host].one }}\\n{% endfor %}\"
      delegate_to: localhost
      vars:
        ansible_connection: local
      run_once: true
      no_log: true
";

/// What is a site's own.
fn own(account: &str) -> String {
    format!("synch_site:\n  sync: {{filter_value: '^{account}$'}}\n")
}

/// From an Asterisk as Debian installs it to a phone that calls, and then once more: nothing changes.
#[test]
fn a_new_branch_is_installed_and_a_second_time_nothing_changes() -> Result {
    let net = Net::new()?;
    let mut main = Asterisk::new(&net, Role::Main, Version::V22)?;
    main.start()?;
    let machines = machines(&net, ["berlin"])?;
    let berlin = machines.first().context("no machine")?;
    let deploy = Deploy::new(&net, &[berlin])?;
    deploy.site("berlin", &own("HeadOffice"))?;
    package(&deploy.path("packages"), "1.0.0", Packed::Well)?;

    // What would change: nothing is changed by asking.
    let played = deploy.play_well(&["site.yml", "--check", "--diff", "-vvv"])?;
    played.keeps_secrets()?;
    assert!(!berlin.path("etc/asterisk/res_synch.conf").exists());

    let played = deploy.play_well(&["site.yml", "--limit", "berlin", "--diff", "-vvv"])?;
    played.keeps_secrets()?;
    for (key, wanted) in [("Version", "1.0.0"), ("Sync", "Synced"), ("Service", "Normal"), ("Users", "3")] {
        assert_eq!(berlin.status(key)?, wanted, "{key}");
    }
    let settings = fs::metadata(berlin.path("etc/asterisk/res_synch.conf")).context("res_synch.conf")?;
    assert_eq!(settings.mode() & 0o7777, 0o640);

    let settings = Settings::with_dns(SocketAddr::from((berlin.address(), 53)));
    let mut alice = Phone::new(&net, "1001", &settings)?;
    let mut alex = Phone::new(&net, "1002", &settings)?;
    for user in ["1001", "1002"] {
        main.wait_registered(user)?;
    }
    alice.talk_with(&mut alex)?;

    let began = berlin.began()?;
    let played = deploy.play_well(&["site.yml", "--limit", "berlin", "-vvv"])?;
    played.keeps_secrets()?;
    assert_eq!(played.count("berlin", "changed"), Some(0), "{}", played.text);
    assert_eq!(berlin.began()?, began);

    looks_at_all(&deploy, berlin)
}

/// The tables name each branch, one that is away as well.
fn looks_at_all(deploy: &Deploy, berlin: &Machine) -> Result {
    let status = deploy.play_well(&["status.yml"])?;
    let line = status.text.lines().find(|line| line.contains("berlin") && line.contains("1.0.0"));
    let line = line.context(status.text.clone())?;
    for word in ["Stable", "Synced", "Normal", "auto", "listens"] {
        assert!(line.contains(word), "{line}");
    }
    let doctor = deploy.play(&["doctor.yml"])?;
    assert!(doctor.text.contains("berlin"), "{}", doctor.text);
    deploy.close(berlin)?;
    let status = deploy.play(&["status.yml"])?;
    assert!(status.text.contains("does not answer"), "{}", status.text);
    Ok(())
}
