//! Alerts of a fleet: Debian's Prometheus and Alertmanager on a host of their own, and their tools.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::error::{Context, Error, Result};
use crate::net::Net;
use crate::quarters::Quarters;
use crate::rootfs::reader_rootfs;
use crate::wait::{GENEROUS, until_ok};

/// Where Alertmanager listens.
const ALERTMANAGER: u16 = 9093;
/// Where Prometheus does.
const PROMETHEUS: u16 = 9090;

/// A file of `deploy/monitoring`, as its administrator finds it.
pub fn file(name: &str) -> Result<String> {
    let path = folder().join(name);
    fs::read_to_string(&path).context(format!("reading {}", path.display()))
}

/// `deploy/monitoring`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/monitoring")
}

/// Each query of the dashboard, with the panel that asks it.
pub fn queries() -> Result<Vec<(String, String)>> {
    let dashboard: Value =
        serde_json::from_str(&file("synch-fleet.json")?).context("the dashboard is no JSON")?;
    let panels = dashboard.get("panels").and_then(Value::as_array).context("no panels")?;
    let mut queries = Vec::new();
    for panel in panels {
        let id = panel.get("id").and_then(Value::as_u64).context("a panel without an id")?;
        let targets = panel.get("targets").and_then(Value::as_array);
        for target in targets.context(format!("panel {id} asks nothing"))? {
            let text =
                |key: &str| target.get(key).and_then(Value::as_str).context(format!("panel {id}: {key}"));
            queries.push((format!("panel:{id}:{}", text("refId")?), text("expr")?.to_owned()));
        }
    }
    Ok(queries)
}

/// One of the tools, `promtool` or `amtool`. It is of this machine's Debian, and runs here as it is.
pub fn tool(name: &str) -> Result<Command> {
    Ok(Command::new(reader_rootfs()?.join("usr/bin").join(name)))
}

/// The machine that watches the fleet, with both programs. Dropped, they are killed.
pub struct Alerting {
    programs: Vec<Child>,
    /// Where it keeps its files.
    pub quarters: Quarters,
}

impl Alerting {
    /// The machine, with an empty folder.
    pub fn new(net: &Arc<Net>) -> Result<Self> {
        Ok(Self { programs: Vec::new(), quarters: Quarters::new(net, reader_rootfs()?, "alerting")? })
    }

    /// Starts Alertmanager with this configuration.
    pub fn run_alertmanager(&mut self, configuration: &str) -> Result {
        let words = [
            format!("--config.file={}", self.quarters.write("alertmanager.yml", configuration)?),
            format!("--storage.path={}", self.quarters.inside("alerts")),
            format!("--web.listen-address=:{ALERTMANAGER}"),
            // One alone.
            "--cluster.listen-address=".to_owned(),
        ];
        self.run("prometheus-alertmanager", &words, ALERTMANAGER)
    }

    /// Starts Prometheus with this configuration.
    pub fn run_prometheus(&mut self, configuration: &str) -> Result {
        let words = [
            format!("--config.file={}", self.quarters.write("prometheus.yml", configuration)?),
            format!("--storage.tsdb.path={}", self.quarters.inside("series")),
            format!("--web.listen-address=:{PROMETHEUS}"),
        ];
        self.run("prometheus", &words, PROMETHEUS)
    }

    fn run(&mut self, program: &str, words: &[String], port: u16) -> Result {
        let log = format!("{program}.log");
        let mut command = self.quarters.command(&[program]);
        self.programs.push(self.quarters.spawn(command.args(words), &log)?);
        until_ok(&format!("{program} to be ready"), GENEROUS, || self.get(port, "/-/ready"))
            .map(drop)
            .map_err(|error| {
                Error::new(format!(
                    "{error}\n{}",
                    fs::read_to_string(self.quarters.path(&log)).unwrap_or_default()
                ))
            })
    }

    /// The alerts that Alertmanager has, those that it keeps to itself as well.
    pub fn alerts(&self) -> Result<Vec<Value>> {
        let text = self.get(ALERTMANAGER, "/api/v2/alerts")?;
        serde_json::from_str(&text).context(format!("reading Alertmanager's '{text}'"))
    }

    /// How many targets answer Prometheus.
    pub fn targets_up(&self) -> Result<usize> {
        let text = self.get(PROMETHEUS, "/api/v1/targets?state=active")?;
        let value: Value = serde_json::from_str(&text).context(format!("reading Prometheus's '{text}'"))?;
        let targets = value.pointer("/data/activeTargets").and_then(Value::as_array);
        let targets = targets.context(format!("no targets in '{text}'"))?;
        Ok(targets.iter().filter(|target| target.get("health").is_some_and(|health| health == "up")).count())
    }

    /// The names of all metrics that Prometheus has seen.
    pub fn metrics(&self) -> Result<Vec<String>> {
        let text = self.get(PROMETHEUS, "/api/v1/label/__name__/values")?;
        let value: Value = serde_json::from_str(&text).context(format!("reading Prometheus's '{text}'"))?;
        let names = value.get("data").and_then(Value::as_array).context(format!("no names in '{text}'"))?;
        Ok(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// What Prometheus answers to a query: a sample for each series.
    pub fn query(&self, query: &str) -> Result<Vec<Value>> {
        // A form needs no more than this of RFC 3986.
        let encoded: String = query.bytes().map(|octet| format!("%{octet:02X}")).collect();
        let text = self.get(PROMETHEUS, &format!("/api/v1/query?query={encoded}"))?;
        let value: Value = serde_json::from_str(&text).context(format!("reading Prometheus's '{text}'"))?;
        let samples = value.pointer("/data/result").and_then(Value::as_array);
        samples.cloned().context(format!("no result in '{text}'"))
    }

    /// What one of them answers.
    fn get(&self, port: u16, path: &str) -> Result<String> {
        get(SocketAddr::from((self.quarters.address(), port)), path)
    }
}

impl Drop for Alerting {
    fn drop(&mut self) {
        for mut program in self.programs.drain(..) {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// What a web server answers, where it answers 200.
fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut connection = TcpStream::connect(address).context(format!("connecting to {address}"))?;
    connection.set_read_timeout(Some(GENEROUS)).context("setting a limit")?;
    connection.set_write_timeout(Some(Duration::from_secs(10))).context("setting a limit")?;
    // 1.0: the answer comes in one piece, and ends with the connection.
    write!(connection, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").context("asking")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).context(format!("reading {path}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context(format!("{path}: '{answer}'"))?;
    match head.split_whitespace().nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(Error::new(format!("{path}: {head}\n{body}"))),
    }
}
