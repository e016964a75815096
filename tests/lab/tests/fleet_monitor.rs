//! Three real branches that the role has installed, and Prometheus and Alertmanager that watch them by the examples: over TLS,
//! with the password, with the certificates that the play has fetched. `make fleet` runs it.

use std::fs;

use lab::alerting::{Alerting, file, queries};
use lab::command::run;
use lab::conf::Role;
use lab::deploy::{Machine, Packed, machines, package};
use lab::wait::{GENEROUS, until_ok};
use lab::{Asterisk, Context, Deploy, Error, Net, Result, Version};
use serde_json::Value;

const SITES: [(&str, &str); 3] =
    [("berlin", "HeadOffice"), ("bonn", "DevOps"), ("kiel", "(HeadOffice|DevOps)")];
const PASSWORD: &str = "monitor-secret";
/// A column of the table of branches: when the main's certificate ends.
const ONLY_WITH_TLS_TO_THE_MAIN: &str = "panel:13:G";

#[test]
#[ignore = "make fleet"]
fn three_branches_are_watched_over_tls() -> Result {
    let net = Net::new()?;
    let mut main = Asterisk::new(&net, Role::Main, Version::V22)?;
    main.start()?;
    let machines = machines(&net, SITES.map(|(site, _)| site))?;
    let deploy = Deploy::new(&net, &machines.iter().collect::<Vec<_>>())?;
    package(&deploy.path("packages"), "1.0.0", Packed::Well)?;
    for (site, account) in SITES {
        let text = format!("synch_site:\n  sync: {{filter_value: '^{account}$'}}\nsynch_http_tls: true\n");
        deploy.site(site, &text)?;
    }
    log_as_json(&machines)?;
    deploy.play_well(&["site.yml", "-vvv"])?.keeps_secrets()?;

    // One table of a drill at all of them.
    let drill = deploy.play(&["drill.yml"])?;
    for (site, _) in SITES {
        let line = drill.text.lines().find(|line| line.contains(site) && line.contains(" stages in "));
        assert!(line.is_some(), "{site}: {}", drill.text);
    }

    let mut monitor = Alerting::new(&net)?;
    monitor
        .run_alertmanager(&file("alertmanager.example.yml")?.replace("group_wait: 30s", "group_wait: 1s"))?;
    monitor.run_prometheus(&prometheus(&monitor, &deploy, &machines)?)?;
    up(&monitor, 3)?;
    until_ok("the panels to have data", GENEROUS, || {
        let mut empty = Vec::new();
        for (name, query) in queries()? {
            let query = query.replace("$site", ".*").replace("$__rate_interval", "5m");
            if monitor.query(&query)?.is_empty() && name != ONLY_WITH_TLS_TO_THE_MAIN {
                empty.push(name);
            }
        }
        if empty.is_empty() { Ok(()) } else { Err(Error::new(format!("{empty:?}"))) }
    })?;

    main.kill_9()?;
    let lost = until_ok("one alarm for the main", GENEROUS, || {
        let alerts = monitor.alerts()?;
        let (lost, kept) = (of(&alerts, "SynchMainLost"), of(&alerts, "SynchFailover"));
        let inhibited = kept.iter().filter(|alert| is_inhibited(alert)).count();
        match (lost.len(), kept.len(), inhibited) {
            (1, 3, 3) => Ok(alerts),
            found => Err(Error::new(format!("{found:?}: {alerts:?}"))),
        }
    })?;
    let [alert] = of(&lost, "SynchMainLost")[..] else { return Err(Error::new("not one")) };
    let of_main = alert.pointer("/labels/main").and_then(Value::as_str);
    assert_eq!(of_main, Some(main.address().to_string().as_str()));

    main.start()?;
    until_ok("the alarms to end", GENEROUS * 2, || {
        let alerts = monitor.alerts()?;
        let left = of(&alerts, "SynchMainLost").len() + of(&alerts, "SynchFailover").len();
        if left == 0 { Ok(()) } else { Err(Error::new(format!("{alerts:?}"))) }
    })?;
    let kiel = machines.last().context("no kiel")?;
    kiel.kill();
    until_ok("the branch that is off to be named", GENEROUS, || {
        let alerts = monitor.alerts()?;
        let sites: Vec<&str> = of(&alerts, "SynchBranchDown").into_iter().filter_map(site_of).collect();
        if sites == ["kiel"] { Ok(()) } else { Err(Error::new(format!("{alerts:?}"))) }
    })?;
    assert!(of(&monitor.alerts()?, "SynchMainLost").is_empty());
    machines.iter().try_for_each(every_line_is_json)
}

/// Asterisk's own log as JSON, as docs/alerts.md has it.
fn log_as_json(machines: &[Machine]) -> Result {
    machines.iter().try_for_each(|machine| {
        let path = machine.path("etc/asterisk/logger.conf");
        let text = fs::read_to_string(&path).context(path.display())?;
        let line = "[logfiles](+)\nsynch.json => [json]notice,warning,error\n";
        fs::write(&path, format!("{text}\n{line}")).context(path.display())
    })
}

fn every_line_is_json(machine: &Machine) -> Result {
    let text = machine.read("var/log/asterisk/synch.json")?;
    let mut ours = 0;
    // Into each file, Asterisk writes at its start which version it is, in plain text.
    let is_head =
        |line: &&str| line.starts_with('[') && line.contains("] Asterisk ") && line.contains(" built by ");
    for line in text.lines().filter(|line| !is_head(line)) {
        let value: Value = serde_json::from_str(line).context(format!("{}: {line}", machine.name()))?;
        let file = value.pointer("/logmsg/location/filename").and_then(Value::as_str);
        ours += usize::from(file == Some("res_synch"));
    }
    assert!(ours > 0, "{}: nothing of the module in {text}", machine.name());
    Ok(())
}

fn up(monitor: &Alerting, wanted: usize) -> Result {
    until_ok(&format!("{wanted} branches to be scraped"), GENEROUS, || match monitor.targets_up()? {
        up if up == wanted => Ok(()),
        up => Err(Error::new(format!("{up}"))),
    })
}

/// The example for these branches, in a hurry.
fn prometheus(monitor: &Alerting, deploy: &Deploy, machines: &[Machine]) -> Result<String> {
    let mut rules = file("synch.rules.yml")?;
    for (long, short) in [("for: 1m\n", "for: 1s\n"), ("for: 2m\n", "for: 6s\n"), ("for: 5m\n", "for: 6s\n")]
    {
        rules = rules.replace(long, short);
    }
    // As docs/alerts.md says for branches that have signed their own.
    let folder = deploy.path("inventory/certificates");
    let together = run(lab::command::words(&["sh", "-c", "cat \"$0\"/*.crt"]).arg(&folder))?;
    assert_eq!(together.matches("BEGIN CERTIFICATE").count(), machines.len());
    let mut text = file("prometheus.example.yml")?
        .replace("/etc/prometheus/synch.rules.yml", &monitor.quarters.write("synch.rules.yml", &rules)?)
        .replace("/etc/prometheus/synch.password", &monitor.quarters.write("password", PASSWORD)?)
        .replace("/etc/prometheus/synch-ca.crt", &monitor.quarters.write("ca.crt", &together)?)
        .replace(": 15s", ": 1s");
    for (number, machine) in machines.iter().enumerate() {
        let example = format!("192.168.{number}.254:8089");
        assert!(text.contains(&example), "{text}");
        text = text.replace(&example, &format!("{}:8089", machine.address()));
    }
    Ok(text)
}

fn of<'a>(alerts: &'a [Value], name: &str) -> Vec<&'a Value> {
    let is_it = |alert: &&Value| alert.pointer("/labels/alertname").is_some_and(|found| found == name);
    alerts.iter().filter(is_it).collect()
}

fn site_of(alert: &Value) -> Option<&str> {
    alert.pointer("/labels/site").and_then(Value::as_str)
}

fn is_inhibited(alert: &Value) -> bool {
    let by = alert.pointer("/status/inhibitedBy").and_then(Value::as_array);
    by.is_some_and(|by| !by.is_empty())
}
