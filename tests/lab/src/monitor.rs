//! A host in the LAN that watches branches: Debian's Prometheus with its promtool, and a real Chromium.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;

use crate::command::{run, run_with};
use crate::error::{Context, Error, Result};
use crate::net::Net;
use crate::quarters::Quarters;
use crate::rootfs::reader_rootfs;
use crate::wait::{GENEROUS, until_ok};

/// Where Prometheus listens.
const PORT: u16 = 9090;

/// The host. Dropped, what runs there is killed.
pub struct Monitor {
    prometheus: Option<Child>,
    quarters: Quarters,
}

impl Monitor {
    /// Makes the host. Nothing runs there yet.
    pub fn new(net: &Arc<Net>) -> Result<Self> {
        Ok(Self { prometheus: None, quarters: Quarters::new(net, reader_rootfs()?, "monitor")? })
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.quarters.address()
    }

    /// What `promtool check metrics` says of this text; nothing where all is well.
    pub fn check_metrics(&self, text: &str) -> Result<String> {
        run_with(&mut self.command(&["sh", "-c", "promtool check metrics 2>&1"]), text)
    }

    /// Has Prometheus scrape by these lines of `scrape_configs`, each second.
    pub fn scrape(&mut self, jobs: &str) -> Result {
        self.stop();
        let conf = format!("global:\n  scrape_interval: 1s\nscrape_configs:\n{jobs}");
        let file = self.quarters.write("prometheus.yml", &conf)?;
        run(&mut self.command(&["promtool", "check", "config", &file]))?;
        let mut command = self.command(&["prometheus"]);
        command.arg(format!("--config.file={file}"));
        command.arg(format!("--storage.tsdb.path={}", self.quarters.inside("data")));
        command.arg(format!("--web.listen-address={}:{PORT}", self.address()));
        self.prometheus = Some(self.quarters.spawn(&mut command, "log")?);
        Ok(())
    }

    /// Waits until a query has this value.
    pub fn wait_query(&self, query: &str, wanted: &str) -> Result {
        until_ok(&format!("{query} to be {wanted}"), GENEROUS, || {
            let text = self.query(query)?;
            let answer: serde_json::Value = serde_json::from_str(&text).context(&text)?;
            match answer.pointer("/data/result/0/value/1").and_then(serde_json::Value::as_str) {
                Some(found) if found == wanted => Ok(()),
                _ => Err(Error::new(text)),
            }
        })
    }

    fn query(&self, query: &str) -> Result<String> {
        // A form needs no more than this of RFC 3986.
        let encoded: String = query.bytes().map(|octet| format!("%{octet:02X}")).collect();
        let url = format!("http://{}:{PORT}/api/v1/query?query={encoded}", self.address());
        let mut client = self.command(&["curl", "--silent", "--show-error", "--max-time", "10"]);
        run(client.arg(url))
    }

    /// Why the last scrape of a target failed; empty where it did not.
    pub fn last_error(&self) -> Result<String> {
        let url = format!("http://{}:{PORT}/api/v1/targets", self.address());
        let text = run(self.command(&["curl", "--silent", "--max-time", "10"]).arg(url))?;
        let answer: serde_json::Value = serde_json::from_str(&text).context(&text)?;
        let error = answer.pointer("/data/activeTargets/0/lastError").and_then(serde_json::Value::as_str);
        error.map(str::to_owned).context(text)
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.prometheus.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The document that Chromium has made of an address in the end.
    pub fn browse(&self, url: &str, flags: &[&str]) -> Result<String> {
        run(self.chromium(flags).args(["--dump-dom", url]))
    }

    /// The addresses that Chromium asks for while it shows that one.
    pub fn asked(&self, url: &str) -> Result<Vec<String>> {
        let file = "requests.json";
        let log = format!("--log-net-log={}", self.quarters.inside(file));
        self.browse(url, &[&log])?;
        let path = self.quarters.path(file);
        let text = fs::read_to_string(&path).context(format!("reading {}", path.display()))?;
        let urls = text.split("\"url\":\"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut urls: Vec<String> = urls.filter(|url| url.starts_with("http")).map(str::to_owned).collect();
        urls.sort_unstable();
        urls.dedup();
        Ok(urls)
    }

    /// What Chromium shows of it, as PNG.
    pub fn picture(&self, url: &str, width: u32, height: u32, flags: &[&str]) -> Result<Vec<u8>> {
        let file = "screenshot.png";
        let _ = fs::remove_file(self.quarters.path(file));
        let mut command = self.chromium(flags);
        command.arg(format!("--window-size={width},{height}"));
        command.arg(format!("--screenshot={}", self.quarters.inside(file))).arg(url);
        run(&mut command)?;
        let path = self.quarters.path(file);
        fs::read(&path).context(format!("reading {}", path.display()))
    }

    fn chromium(&self, flags: &[&str]) -> Command {
        let mut command = self.command(&["timeout", "120", "chromium", "--headless=new", "--no-sandbox"]);
        command.args(["--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"]);
        // What it does for itself, and nobody has asked for.
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.arg(format!("--user-data-dir={}", self.quarters.inside("chromium"))).args(flags);
        command
    }

    /// Puts a file into its folder, and returns its name there.
    pub fn take(&self, file: &Path, name: &str) -> Result<String> {
        fs::copy(file, self.quarters.path(name)).context(format!("copying {}", file.display()))?;
        Ok(self.quarters.inside(name))
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = self.quarters.command(&["env", "LC_ALL=C.UTF-8"]);
        command.arg(format!("HOME={}", self.quarters.home())).args(line);
        command
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop();
    }
}
