//! What watches a fleet (`deploy/monitoring`): Debian's Prometheus and Alertmanager take the examples, the rules fire where
//! they have to, and each query of the dashboard yields data.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};

use lab::alerting::{self, Alerting, file, folder, tool};
use lab::certificates::Authority;
use lab::command::{run, run_with, words};
use lab::files::Folder;
use lab::fleet::{Branch, PASSWORD, State};
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Net, Result, Site, Version, rootfs};
use serde_json::{Value, json};

lab::on_22_and_16!(a_real_branch_tells_of_its_main);

/// The rules of the contract.
const RULES: [&str; 13] = [
    "SynchMainLost",
    "SynchFailover",
    "SynchBranchDown",
    "SynchDnsDown",
    "SynchSyncOld",
    "SynchSyncHeld",
    "SynchHeldByHand",
    "SynchMaintenanceOverdue",
    "SynchFlapping",
    "SynchCertificateEnds",
    "SynchDrillFailed",
    "SynchDrillOld",
    "SynchWorkerRestarted",
];

#[test]
fn the_rules_pass_their_tests() -> Result {
    let rules = folder().join("synch.rules.yml");
    let checked = run(tool("promtool")?.args(["check", "rules"]).arg(&rules))?;
    assert!(checked.contains("SUCCESS: 13 rules found"), "{checked}");
    run(tool("promtool")?.args(["test", "rules"]).arg(folder().join("synch.rules.test.yml")))?;

    let (rules, tests) = (file("synch.rules.yml")?, file("synch.rules.test.yml")?);
    let names: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert_eq!(names, RULES);
    // promtool takes a rule without a test, too.
    for rule in RULES {
        assert!(tests.contains(&format!("- name: {rule} fires ")), "nothing fires {rule}");
        assert!(tests.contains(&format!("- name: {rule} does not fire ")), "{rule} may always fire");
    }
    Ok(())
}

#[test]
fn each_rule_has_its_part_of_the_page() -> Result {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/alerts.md");
    let page = fs::read_to_string(&page).context(format!("reading {}", page.display()))?;
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(headings, RULES);
    let rules = file("synch.rules.yml")?;
    for rule in RULES {
        let link = format!("page: docs/alerts.md#{}\n", rule.to_lowercase());
        assert!(rules.contains(&link), "{rule} names no place of the page");
    }
    Ok(())
}

#[test]
fn the_metrics_that_the_fleet_plays_are_well_formed() -> Result {
    for state in [State::Normal, State::Failover, State::Maintenance] {
        let said = run_with(tool("promtool")?.args(["check", "metrics"]), &state.metrics(1_700_000_000))?;
        assert_eq!(said, "", "promtool has something to say");
    }
    Ok(())
}

#[test]
fn the_examples_are_taken_as_they_are() -> Result {
    let files = Folder::new("examples")?;
    let authority = Authority::new(&files.path("keys"))?;
    let password = files.write("password", PASSWORD)?;
    // promtool looks at the files that a configuration names.
    let prometheus = file("prometheus.example.yml")?
        .replace("/etc/prometheus/synch.rules.yml", &folder().join("synch.rules.yml").display().to_string())
        .replace("/etc/prometheus/synch.password", &password.display().to_string())
        .replace("/etc/prometheus/synch-ca.crt", &authority.certificate().display().to_string());
    let names_of_etc = prometheus.lines().filter(|line| !line.starts_with('#') && line.contains("/etc/"));
    assert_eq!(names_of_etc.count(), 0, "{prometheus}");
    let prometheus = files.write("prometheus.yml", &prometheus)?;
    let said = run(tool("promtool")?.args(["check", "config"]).arg(prometheus))?;
    assert!(said.contains("13 rules found"), "{said}");
    let said = run(tool("amtool")?.arg("check-config").arg(folder().join("alertmanager.example.yml")))?;
    assert!(said.contains("SUCCESS") && said.contains("1 inhibit rules"), "{said}");
    Ok(())
}

/// Alloy is in no registry that this project uses: what can be seen is that its blocks end, and that it looks where
/// Asterisk's own JSON has what it takes.
#[test]
fn the_log_collector_looks_where_asterisk_writes() -> Result {
    let text = file("alloy.example")?;
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    for (open, close) in [("{", "}"), ("[", "]")] {
        assert_eq!(code.matches(open).count(), code.matches(close).count(), "{open}{close}");
    }
    assert!(text.contains("synch.json => [json]notice,warning,error"));
    for place in ["logmsg.level", "logmsg.message", "logmsg.location.filename"] {
        assert!(text.contains(place), "{place}");
    }
    // A component that is named is there.
    for part in ["local.file_match \"asterisk\"", "loki.process \"synch\"", "loki.write \"loki\""] {
        assert!(text.contains(part), "{part}");
        let name = part.replace(" \"", ".").replace('"', "");
        assert!(text.contains(&format!("{name}.")), "nobody uses {name}");
    }
    Ok(())
}

#[test]
fn each_query_of_the_dashboard_yields_data() -> Result {
    let queries = queries()?;
    assert!(queries.len() >= 15, "{}", queries.len());
    let files = Folder::new("dashboard")?;
    let rules: Vec<Value> = queries
        .iter()
        .map(|(name, query)| {
            // A query that always has a number shows nothing by itself.
            let query = query.replace("$site", ".*").replace("$__rate_interval", "5m");
            let query = query.replace(" or vector(0)", "");
            json!({"record": name, "expr": query})
        })
        .collect();
    let rules = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    let rules = files.write("dashboard.rules.yml", &rules.to_string())?;
    run(tool("promtool")?.args(["check", "rules"]).arg(&rules))?;

    let mut series =
        vec![json!({"series": "up{job=\"synch\",instance=\"d\",site=\"ulm\"}", "values": "0+0x60"})];
    for (instance, site, state) in
        [("a", "berlin", State::Normal), ("b", "bonn", State::Failover), ("c", "kiel", State::Maintenance)]
    {
        let place = format!("job=\"synch\",instance=\"{instance}\",site=\"{site}\"");
        series.push(json!({"series": format!("up{{{place}}}"), "values": "1+0x60"}));
        series.extend(recorded(&state.metrics(0), &place)?);
    }
    let tests: Vec<Value> = queries
        .iter()
        .map(|(name, _)| {
            let expr = format!("count({name}) > bool 0");
            json!({"expr": expr, "eval_time": "30m", "exp_samples": [{"labels": "{}", "value": 1}]})
        })
        .collect();
    let test = json!({
        "rule_files": ["dashboard.rules.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}],
    });
    let test = files.write("dashboard.test.yml", &test.to_string())?;
    run(tool("promtool")?.args(["test", "rules"]).arg(test)).map(drop)
}

/// A name that is misspelt in a rule never fires, and one in the dashboard shows nothing where a `vector(0)` is.
#[test]
fn rules_and_dashboard_name_metrics_that_branches_have() -> Result {
    let metrics = State::Normal.metrics(0);
    let known: BTreeSet<&str> = names(&metrics).collect();
    let queries: String = queries()?.into_iter().map(|(_, query)| query + "\n").collect();
    for text in [file("synch.rules.yml")?, file("synch.rules.test.yml")?, queries, variable()?] {
        let unknown: Vec<&str> = names(&text).filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
    Ok(())
}

/// Grafana's own types of a dashboard and of what its panels can be told.
#[test]
fn the_dashboard_has_the_shape_that_grafana_wants() -> Result {
    if run(&mut words(&["npm", "--version"])).is_err() {
        eprintln!("Not looked at: this machine has no npm, which brings Grafana's types.");
        return Ok(());
    }
    let files = rootfs::lab_dir().join("grafana");
    fs::create_dir_all(&files).context(format!("making {}", files.display()))?;
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana");
    let mut same = files.join("node_modules").is_dir();
    for name in ["package.json", "package-lock.json"] {
        let (from, to) = (pinned.join(name), files.join(name));
        let wanted = fs::read(&from).context(format!("reading {}", from.display()))?;
        same &= fs::read(&to).is_ok_and(|there| there == wanted);
        fs::write(&to, wanted).context(format!("writing {}", to.display()))?;
    }
    if !same {
        // Nothing of what is fetched is run by npm.
        let install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
        run(words(&install).current_dir(&files))?;
    }
    let dashboard = file("synch-fleet.json")?;
    check(&files, &typed(&dashboard)?)?;
    // It notices what is wrong.
    for (right, wrong) in [
        ("\"schemaVersion\": 39", "\"schemaversion\": 39"),
        ("\"graphMode\": \"none\"", "\"graphMode\": \"any\""),
        ("\"w\": 24", "\"w\": \"24\""),
    ] {
        assert!(dashboard.contains(right), "{right}");
        assert!(check(&files, &typed(&dashboard.replace(right, wrong))?).is_err(), "{wrong} was taken");
    }
    Ok(())
}

fn check(files: &Path, typed: &str) -> Result {
    let path = files.join("dashboard.ts");
    fs::write(&path, typed).context(format!("writing {}", path.display()))?;
    let mut tsc = Command::new(files.join("node_modules/.bin/tsc"));
    tsc.args([
        "--noEmit",
        "--skipLibCheck",
        "--strict",
        "--module",
        "esnext",
        "--moduleResolution",
        "bundler",
    ]);
    tsc.arg("--target").arg("es2022").arg("dashboard.ts").current_dir(files);
    run(&mut tsc).map(drop)
}

/// The dashboard as a program that has types: the whole, and what each panel is told.
fn typed(dashboard: &str) -> Result<String> {
    let mut program = "import type { Dashboard } from '@grafana/schema';\n".to_owned();
    let value: Value = serde_json::from_str(dashboard).context("the dashboard is no JSON")?;
    let panels = value.get("panels").and_then(Value::as_array).context("no panels")?;
    let mut kinds = BTreeSet::new();
    let mut constants = String::new();
    for panel in panels {
        let (id, kind) = (panel.get("id").context("no id")?, panel.get("type").and_then(Value::as_str));
        let (folder, name) = match kind.context("no type")? {
            "stat" => ("stat", "Stat"),
            "state-timeline" => ("statetimeline", "StateTimeline"),
            "timeseries" => ("timeseries", "TimeSeries"),
            "bargauge" => ("bargauge", "BarGauge"),
            "table" => ("table", "Table"),
            other => return Err(Error::new(format!("a panel of a kind that is not known here: {other}"))),
        };
        kinds.insert((folder, name));
        let options = panel.get("options").context("no options")?;
        constants.push_str(&format!("const options{id}: Literal<Partial<{name}Options>> = {options};\n"));
    }
    for (folder, name) in kinds {
        let file = format!("{folder}/panelcfg/x/{name}PanelCfg_types.gen");
        program.push_str(&format!(
            "import type {{ Options as {name}Options }} from '@grafana/schema/dist/esm/raw/composable/{file}';\n"
        ));
    }
    program.push_str("type Literal<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Literal<T[K]> } : T;\n");
    program.push_str(&constants);
    program.push_str(&format!("const dashboard: Literal<Partial<Dashboard>> = {dashboard};\n"));
    Ok(program)
}

#[test]
fn a_lost_main_is_one_alarm_and_a_branch_that_is_off_another() -> Result {
    let net = Net::new()?;
    let mut monitor = Alerting::new(&net)?;
    let authority = Authority::new(&monitor.quarters.path("keys"))?;
    let sites = ["berlin", "bonn", "kiel"];
    let mut branches = Vec::new();
    for port in (20_001..).take(sites.len()) {
        branches.push(Branch::start(&authority, net.own_address(), port)?);
    }
    let told = Told::listen(net.own_address())?;
    monitor.run_alertmanager(&told.alertmanager()?)?;
    monitor.run_prometheus(&prometheus(&monitor, &branches)?)?;
    until_ok("all branches to be scraped", GENEROUS, || match monitor.targets_up()? {
        3 => Ok(()),
        up => Err(Error::new(format!("{up} of 3"))),
    })?;

    branches.iter().for_each(|branch| branch.say(State::Failover));
    told.wait_for("SynchMainLost", "10.0.0.254")?;
    until_ok("the failovers to be kept back", GENEROUS, || {
        let alerts = monitor.alerts()?;
        let kept = alerts.iter().filter(|alert| name_of(alert) == "SynchFailover" && is_inhibited(alert));
        match kept.count() {
            3 => Ok(()),
            kept => Err(Error::new(format!("{kept} of 3: {alerts:?}"))),
        }
    })?;
    assert_eq!(told.sites_of("SynchMainLost"), [""], "one alarm for all of them");
    assert_eq!(told.sites_of("SynchFailover"), [""; 0]);

    branches.iter().for_each(|branch| branch.say(State::Normal));
    until_ok("the alarm to end", GENEROUS, || match monitor.alerts()? {
        alerts if alerts.is_empty() => Ok(()),
        alerts => Err(Error::new(format!("{alerts:?}"))),
    })?;

    // One alone in an outage is a warning.
    let [first, ..] = &branches[..] else { return Err(Error::new("no branch")) };
    first.say(State::Failover);
    told.wait_for("SynchFailover", "berlin")?;
    first.say(State::Normal);

    drop(branches.pop());
    told.wait_for("SynchBranchDown", "kiel")?;
    assert_eq!(told.sites_of("SynchBranchDown"), ["kiel"]);
    assert_eq!(told.sites_of("SynchMainLost"), [""], "no second alarm");
    Ok(())
}

/// The same with a branch and a main that are real, as far as the one branch goes.
fn a_real_branch_tells_of_its_main(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let keys = site.branch.path("etc/keys");
    let authority = Authority::new(&keys)?;
    authority.sign("page", &format!("IP:{}", site.branch.address()), 2)?;
    let inside = site.branch.inside("etc/keys");
    site.branch.write_conf(
        "http.conf",
        &format!(
            "[general]\nenabled = yes\nbindaddr = 127.0.0.1\ntlsenable = yes\ntlsbindaddr = 0.0.0.0:8089\n\
             tlscertfile = {inside}/page.crt\ntlsprivatekey = {inside}/page.key\n"
        ),
    )?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    let section = format!("\n[http]\nenabled = yes\nusername = monitor\nsecret = {PASSWORD}\n");
    site.branch.write_conf("res_synch.conf", &(conf + &section))?;
    site.serve()?;

    let mut monitor = Alerting::new(&site.net)?;
    let ca = fs::read_to_string(authority.certificate()).context("reading the authority's certificate")?;
    fs::create_dir_all(monitor.quarters.path("keys")).context("making a folder for the certificate")?;
    monitor.quarters.write("keys/ca.crt", &ca)?;
    let told = Told::listen(site.net.own_address())?;
    monitor.run_alertmanager(&told.alertmanager()?)?;
    // Of its three branches the first.
    let text = prometheus(&monitor, &[])?;
    let (text, _) = text.split_once("      - targets: ['192.168.1.254:8089']").context("no second branch")?;
    let address = site.branch.address().to_string();
    monitor.run_prometheus(&text.replace("192.168.0.254", &address))?;
    until_ok("the branch to be scraped", GENEROUS, || match monitor.targets_up()? {
        1 => Ok(()),
        up => Err(Error::new(format!("{up} of 1"))),
    })?;
    // What the fleet plays is what a branch says.
    let seen = monitor.metrics()?;
    let played = State::Normal.metrics(0);
    let played: BTreeSet<&str> = names(&played).collect();
    let ours: Vec<&String> = seen.iter().filter(|name| name.starts_with("synch_")).collect();
    assert!(ours.len() > 15, "{ours:?}");
    for name in ours {
        assert!(played.contains(name.as_str()), "{name} is not in tests/lab/conf/monitor/metrics");
    }

    site.kill_main()?;
    told.wait_for("SynchMainLost", &site.main.address().to_string())?;
    assert_eq!(told.sites_of("SynchFailover"), [""; 0]);
    Ok(())
}

/// The example, for these branches and in a hurry.
fn prometheus(monitor: &Alerting, branches: &[Branch]) -> Result<String> {
    let password = monitor.quarters.write("password", PASSWORD)?;
    let mut rules = file("synch.rules.yml")?;
    for (long, short) in [("for: 1m\n", "for: 1s\n"), ("for: 2m\n", "for: 6s\n"), ("for: 5m\n", "for: 6s\n")]
    {
        rules = rules.replace(long, short);
    }
    let rules = monitor.quarters.write("synch.rules.yml", &rules)?;
    let mut text = file("prometheus.example.yml")?
        .replace("/etc/prometheus/synch.rules.yml", &rules)
        .replace("/etc/prometheus/synch.password", &password)
        .replace("/etc/prometheus/synch-ca.crt", &monitor.quarters.inside("keys/ca.crt"))
        .replace(": 15s", ": 1s");
    for (number, branch) in branches.iter().enumerate() {
        let example = format!("192.168.{number}.254:8089");
        assert!(text.contains(&example), "{text}");
        text = text.replace(&example, &branch.address().to_string());
    }
    Ok(text)
}

fn name_of(alert: &Value) -> &str {
    alert.pointer("/labels/alertname").and_then(Value::as_str).unwrap_or_default()
}

fn is_inhibited(alert: &Value) -> bool {
    let by = alert.pointer("/status/inhibitedBy").and_then(Value::as_array);
    by.is_some_and(|by| !by.is_empty())
}

/// Who is told: what Alertmanager sends to its receivers.
struct Told {
    address: std::net::SocketAddr,
    alerts: Arc<Mutex<Vec<(String, String, String)>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Told {
    fn listen(address: Ipv4Addr) -> Result<Self> {
        let listener = TcpListener::bind((address, 0)).context("opening a port for Alertmanager")?;
        let address = listener.local_addr().context("asking for the port")?;
        let (alerts, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (alerts, stop) = (Arc::clone(&alerts), Arc::clone(&stop));
            spawn(move || {
                for connection in listener.incoming().map_while(std::result::Result::ok) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    if let Some(told) = message(connection) {
                        alerts.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
                    }
                }
            })
        };
        Ok(Self { address, alerts, stop, thread: Some(thread) })
    }

    /// The example, with messages to here in the place of mail, and in a hurry.
    fn alertmanager(&self) -> Result<String> {
        let text = file("alertmanager.example.yml")?;
        let (route, receivers) = text.split_once("\nreceivers:\n").context("no receivers")?;
        let mut route = route.replace("group_wait: 30s", "group_wait: 1s");
        route = route.replace("group_interval: 5m", "group_interval: 1s");
        route.push_str("\nreceivers:\n");
        for name in receivers.lines().filter(|line| line.contains("- name: ")) {
            let url = format!("http://{}/", self.address);
            route.push_str(&format!("{name}\n    webhook_configs:\n      - url: {url}\n"));
        }
        Ok(route)
    }

    /// Waits until somebody was told of that alert, at that site or of that main.
    fn wait_for(&self, name: &str, place: &str) -> Result {
        until_ok(&format!("{name} of {place} to be told"), GENEROUS, || {
            let alerts = self.alerts.lock().unwrap_or_else(PoisonError::into_inner);
            let is_it = |(alert, site, main): &(String, String, String)| {
                alert == name && (site == place || main == place)
            };
            if alerts.iter().any(is_it) { Ok(()) } else { Err(Error::new(format!("{alerts:?}"))) }
        })
    }

    /// The sites that an alert was told of, each once.
    fn sites_of(&self, name: &str) -> Vec<String> {
        let alerts = self.alerts.lock().unwrap_or_else(PoisonError::into_inner);
        let sites = alerts.iter().filter(|(alert, ..)| alert == name).map(|(_, site, _)| site.clone());
        sites.collect::<BTreeSet<String>>().into_iter().collect()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = std::net::TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What one message tells: name, site and main of each alert that goes on.
fn message(mut connection: std::net::TcpStream) -> Option<Vec<(String, String, String)>> {
    let mut text = String::new();
    let mut piece = [0; 4096];
    connection.set_read_timeout(Some(GENEROUS)).ok()?;
    loop {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
        if length.is_some_and(|length: usize| body.len() >= length) {
            break;
        }
        let read = connection.read(&mut piece).ok().filter(|read| *read > 0)?;
        text.push_str(&String::from_utf8_lossy(piece.get(..read)?));
    }
    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()?;
    let value: Value = serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()?;
    let firing = value.get("alerts")?.as_array()?.iter();
    let firing = firing.filter(|alert| alert.get("status").is_some_and(|status| status == "firing"));
    let label = |alert: &Value, name: &str| {
        let label = alert.pointer(&format!("/labels/{name}")).and_then(Value::as_str);
        label.unwrap_or_default().to_owned()
    };
    Some(
        firing.map(|alert| (label(alert, "alertname"), label(alert, "site"), label(alert, "main"))).collect(),
    )
}

/// Each query of the dashboard, with a name for it.
fn queries() -> Result<Vec<(String, String)>> {
    let queries = alerting::queries()?;
    let names: BTreeSet<&String> = queries.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), queries.len(), "two queries with one name");
    Ok(queries)
}

/// What the dashboard's variable asks.
fn variable() -> Result<String> {
    let dashboard: Value =
        serde_json::from_str(&file("synch-fleet.json")?).context("the dashboard is no JSON")?;
    let query = dashboard.pointer("/templating/list/1/query/query").and_then(Value::as_str);
    query.map(str::to_owned).context("the second variable asks nothing")
}

/// What promtool is given for metrics: each as it is, and each counter growing.
fn recorded(metrics: &str, place: &str) -> Result<Vec<Value>> {
    let counters: BTreeSet<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let samples = metrics.lines().filter(|line| !line.starts_with('#'));
    let series = samples.map(|sample| {
        let (series, value) = sample.rsplit_once(' ').context(format!("no sample: {sample}"))?;
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let comma = if labels == "}" { "" } else { "," };
        let growth = if counters.contains(name) { 1 } else { 0 };
        let series = format!("{name}{{{place}{comma}{labels}");
        Ok(json!({"series": series, "values": format!("{value}+{growth}x60")}))
    });
    series.collect()
}

/// The names of metrics of ours in a text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
    words.filter(|word| word.starts_with("synch_"))
}
