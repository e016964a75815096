//! The certificate of the page and the metrics (`synch_certificate`): made by the branch, or taken from the site's folder.
//! `make fleet` runs it.

use std::fs;
use std::os::unix::fs::MetadataExt;

use lab::certificates::Authority;
use lab::conf::Role;
use lab::deploy::{Machine, Packed, machines, package};
use lab::wait::{GENEROUS, until_ok};
use lab::{Asterisk, Context, Deploy, Error, Monitor, Net, Result, Version};

const OWN: &str = "synch_site:\n  sync: {filter_value: '^HeadOffice$'}\nsynch_http_tls: true\n";

/// A branch with a certificate that it has signed itself, and who scrapes it.
struct Ground {
    branch: Machine,
    deploy: Deploy,
    monitor: Monitor,
    _main: Asterisk,
}

impl Ground {
    fn new() -> Result<Self> {
        let net = Net::new()?;
        let mut main = Asterisk::new(&net, Role::Main, Version::V22)?;
        main.start()?;
        let branch = machines(&net, ["berlin"])?.pop().context("no machine")?;
        let deploy = Deploy::new(&net, &[&branch])?;
        package(&deploy.path("packages"), "1.0.0", Packed::Well)?;
        deploy.site("berlin", OWN)?;
        deploy.play_well(&["site.yml", "-vvv"])?.keeps_secrets()?;
        Ok(Self { branch, deploy, monitor: Monitor::new(&net)?, _main: main })
    }

    fn certificate(&self) -> Result<String> {
        self.branch.read("etc/asterisk/keys/page.crt")
    }

    /// What the play has fetched, as Prometheus sees it.
    fn fetched(&self) -> Result<String> {
        self.monitor.take(&self.deploy.path("inventory/certificates/berlin.crt"), "berlin.crt")
    }

    /// Has Prometheus scrape it and believe that `ca_file`, or none of the kind.
    fn scrape(&mut self, ca: Option<&str>) -> Result {
        let more = ca.map(|ca| format!("    tls_config:\n      ca_file: {ca}\n")).unwrap_or_default();
        let job = format!(
            "  - job_name: synch\n    metrics_path: /synch/metrics\n    scheme: https\n    basic_auth:\n      username: monitor\n\
             \x20     password: monitor-secret\n{more}    static_configs:\n      - targets: ['{}:8089']\n",
            self.branch.address()
        );
        self.monitor.scrape(&job)
    }

    fn is_believed(&mut self, ca: &str) -> Result {
        self.scrape(Some(ca))?;
        self.monitor.wait_query("synch_service_state{state=\"Normal\"}", "1")
    }

    fn is_refused(&mut self, ca: Option<&str>) -> Result {
        self.scrape(ca)?;
        until_ok("the certificate to be refused", GENEROUS, || match self.monitor.last_error()? {
            error if error.contains("certificate") => Ok(()),
            error => Err(Error::new(error)),
        })
    }

    fn is_private(&self) -> Result {
        let key = self.branch.path("etc/asterisk/keys/page.key");
        assert_eq!(fs::metadata(&key).context(key.display())?.mode() & 0o7777, 0o640);
        Ok(())
    }

    fn changes_nothing(&self) -> Result {
        let again = self.deploy.play_well(&["site.yml"])?;
        assert_eq!(again.count("berlin", "changed"), Some(0), "{}", again.text);
        Ok(())
    }
}

#[test]
#[ignore = "make fleet"]
fn a_branch_makes_its_certificate_and_makes_it_anew() -> Result {
    let mut ground = Ground::new()?;
    ground.is_private()?;
    let own = ground.certificate()?;
    let ca = ground.fetched()?;
    ground.is_believed(&ca)?;
    ground.is_refused(None)?;
    ground.changes_nothing()?;
    assert_eq!(ground.certificate()?, own);

    // One for another name is another one, and so is the next where it ends within a month.
    let names = format!(
        "{{\"synch_certificate_names\": [\"IP:{}\", \"DNS:berlin.example\"]}}",
        ground.branch.address()
    );
    ground.deploy.play_well(&["site.yml", "-e", &names, "-e", "synch_certificate_days=20"])?;
    let named = ground.certificate()?;
    assert_ne!(named, own);
    ground.deploy.play_well(&["site.yml"])?;
    assert_ne!(ground.certificate()?, named);
    let ca = ground.fetched()?;
    ground.is_believed(&ca)
}

#[test]
#[ignore = "make fleet"]
fn a_branch_takes_the_certificate_of_its_folder() -> Result {
    let mut ground = Ground::new()?;
    let old = ground.fetched()?;
    let authority = Authority::new(&ground.deploy.path("authority"))?;
    authority.sign("berlin", &format!("IP:{}", ground.branch.address()), 90)?;
    let folder = ground.deploy.path("inventory/certificates/berlin");
    fs::create_dir_all(&folder).context("making the site's folder")?;
    let [key, certificate] = authority.files("berlin");
    for (from, to) in [(key, "key.pem"), (certificate, "cert.pem")] {
        fs::copy(&from, folder.join(to)).context(from.display())?;
    }
    ground.deploy.site("berlin", &format!("{OWN}synch_certificate: custom\n"))?;
    let played = ground.deploy.play_well(&["site.yml", "--diff", "-vvv"])?;
    played.keeps_secrets()?;
    assert!(!played.text.contains("PRIVATE KEY"), "a key is in the output");
    ground.is_private()?;
    // The old one is no longer good for anything.
    ground.is_refused(Some(&old))?;
    let ca = ground.monitor.take(&authority.certificate(), "authority.crt")?;
    ground.is_believed(&ca)?;
    ground.changes_nothing()
}
