//! `make demo`: one outage with a real main, a real branch and two real phones, told as it happens.

#![expect(clippy::print_stdout, reason = "it tells a story")]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;

use lab::dns::a_record;
use lab::phone::{Phone, Settings};
use lab::site::NAME;
use lab::wait::{GENEROUS, PHONES_RETRY, until};
use lab::{Asterisk, Result, Site, Version};

const USERS: [&str; 2] = ["1001", "1002"];

/// Short enough for a story; a site has 60 to 120.
const REGISTRATION_SECONDS: u32 = 20;

fn main() -> ExitCode {
    let version = match std::env::args().nth(1).as_deref() {
        None | Some("22") => Version::V22,
        Some("16") => Version::V16,
        Some(other) => {
            println!("There is no Asterisk '{other}' here, but 22 and 16.");
            return ExitCode::FAILURE;
        }
    };
    let mut story = Story::new();
    let result = tell(version, &mut story);
    story.table();
    match result {
        Ok(()) => {
            println!("\nThe branch carried its users through the outage.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\nFAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tell(version: Version, story: &mut Story) -> Result {
    story.say(&format!(
        "A main and a branch, both Asterisk {version}, and two phones, each in a network of its own."
    ));
    let mut site = Site::with_module(version)?;
    site.start()?;
    story.say(&format!(
        "The main is {}, the branch {}. The branch has loaded res_synch.so.",
        site.main.address(),
        site.branch.address()
    ));

    site.wait_status("Sync", "Synced")?;
    story.show("synch show users", &site.branch.rx("synch show users")?);
    story.step("users synced from the main");
    site.wait_status("Service", "Normal")?;
    the_name_is(&site, &site.main)?;
    story.step("main alive: DNS names the main");

    let mut phones = USERS.iter().map(|user| phone(&site, user)).collect::<Result<Vec<_>>>()?;
    registered_at(&site.main)?;
    story.step("phones registered at the main");
    story.show("synch show status", &site.branch.rx("synch show status")?);

    story.say("(The main is probed every second here, at a site every 5; phones register every 20 s, at a site every 60 to 120.)");
    story.say("Now the main dies: kill -9.");
    site.main.kill_9()?;
    story.mark();
    the_name_is(&site, &site.branch)?;
    story.step("main killed: DNS names the branch");
    registered_at(&site.branch)?;
    story.step("phones registered at the branch");

    if let [alice, alex] = phones.as_mut_slice() {
        alice.dial(USERS[1])?;
        alex.wait_in_call(GENEROUS)?;
        alex.wait_hears(USERS[0], GENEROUS)?;
        alice.wait_hears(USERS[1], GENEROUS)?;
        story.step("1001 calls 1002: both hear each other");
        alice.hang_up()?;
    }

    story.say("The main comes back.");
    site.main.start()?;
    story.mark();
    the_name_is(&site, &site.main)?;
    story.step("main back: DNS names the main");
    registered_at(&site.main)?;
    story.step("phones registered at the main again");
    story.show("synch show history", &site.branch.rx("synch show history")?);
    Ok(())
}

fn phone(site: &Site, user: &str) -> Result<Phone> {
    let dns = SocketAddr::from((site.branch.address(), 53));
    let settings = Settings { expires: REGISTRATION_SECONDS, ..Settings::with_dns(dns) };
    Phone::new(&site.net, user, &settings)
}

fn the_name_is(site: &Site, at: &Asterisk) -> Result {
    let (server, wanted) = (site.branch.address(), at.address());
    until(&format!("{NAME} to be {wanted}"), GENEROUS, || {
        a_record(server, NAME).is_ok_and(|found| found == wanted)
    })
}

fn registered_at(at: &Asterisk) -> Result {
    USERS.iter().try_for_each(|user| at.wait_registered(user, PHONES_RETRY))
}

/// What has happened so far, and when.
struct Story {
    start: Instant,
    mark: Instant,
    steps: Vec<(&'static str, f32)>,
}

impl Story {
    fn new() -> Self {
        let now = Instant::now();
        Self { start: now, mark: now, steps: Vec::new() }
    }

    fn say(&self, text: &str) {
        println!("[{:6.1} s] {text}", self.start.elapsed().as_secs_f32());
    }

    fn show(&self, command: &str, answer: &str) {
        self.say(&format!("branch> {command}"));
        for line in answer.lines() {
            println!("           {line}");
        }
    }

    /// From here on, steps are timed anew.
    fn mark(&mut self) {
        self.mark = Instant::now();
    }

    fn step(&mut self, what: &'static str) {
        let after = self.mark.elapsed().as_secs_f32();
        self.steps.push((what, after));
        self.say(&format!("{what} (after {after:.1} s)"));
    }

    fn table(&self) {
        println!("\n{:<45} {:>8}", "what", "after");
        println!("{:-<45} {:->8}", "", "");
        for (what, after) in &self.steps {
            println!("{what:<45} {after:>6.1} s");
        }
    }
}
