//! Phones that ask their site's own name server, which forwards only their zone to the branch: what its cache does to a
//! move, and what it answers while the branch is off.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::Duration;

use lab::dns::{RData, RecordType, a_record, ask};
use lab::name_server::Make;
use lab::phone::Settings;
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, NameServer, Phone, Result, Site, Version};

// The name server is the same beside every Asterisk.
lab::tests_on!(
    on_22,
    V22,
    phones_move_and_call_over_dnsmasq,
    phones_move_and_call_over_unbound,
    the_ttl_of_the_branch_is_kept,
    a_least_ttl_of_dnsmasq_keeps_answers_for_longer,
    old_answers_first_are_one_old_answer_more,
    old_answers_last_are_none_where_the_branch_answers,
    without_old_answers_a_site_whose_branch_is_off_has_no_name,
    a_dead_branch_moves_nobody_with_dnsmasq_as_on_the_page,
    a_dead_branch_moves_nobody_with_unbound_as_on_the_page,
    private_addresses_and_signatures_need_an_exception,
);

/// unbound gives what it had, and asks the branch then.
const OLD_ANSWERS_FIRST: &str = "    serve-expired: yes\n    serve-expired-client-timeout: 0\n";
/// dnsmasq does the same.
const STALE: &str = "use-stale-cache\n";

/// Seconds: `record_ttl` of the lab.
const TTL: u64 = 5;

fn server(site: &Site, make: Make, options: &str) -> Result<NameServer> {
    NameServer::start(&site.net, make, &[site.branch.address()], options)
}

/// A phone that asks that server.
fn phone(site: &Site, server: &NameServer, user: &str) -> Result<Phone> {
    Phone::new(&site.net, user, &Settings::with_dns(server.socket()))
}

/// The TTL and the address that a server gives for the phones' name.
fn told(server: Ipv4Addr) -> Result<(u32, Ipv4Addr)> {
    let answer = ask(server, NAME, RecordType::A)?;
    let mut records = answer.answers.iter().filter_map(|record| match &record.data {
        RData::A(address) => Some((record.ttl, address.0)),
        _ => None,
    });
    records.next().context(format!("no address: {answer}"))
}

/// Waits until the server gives that address.
fn wait_told(server: &NameServer, wanted: Ipv4Addr) -> Result {
    until_ok(&format!("{NAME} to be {wanted}"), GENEROUS, || match a_record(server.address(), NAME)? {
        found if found == wanted => Ok(()),
        found => Err(Error::new(format!("it is {found}"))),
    })
}

/// Lets what a server has got so far be over its time.
fn outlive_the_ttl() {
    sleep(Duration::from_secs(TTL + 2));
}

fn phones_move_and_call(version: Version, make: Make) -> Result {
    let mut site = Site::dialling(version)?;
    let server = server(&site, make, "")?;
    let mut phones = [phone(&site, &server, "1001")?, phone(&site, &server, "1003")?];
    for phone in &mut phones {
        phone.wait_registered_at(&site.main)?;
    }
    site.begin_outage()?;
    for phone in &mut phones {
        phone.wait_registered_at(&site.branch)?;
    }
    let [alice, zoe] = &mut phones;
    alice.talk_with(zoe)?;

    site.heal()?;
    for phone in &mut phones {
        phone.wait_registered_at(&site.main)?;
    }
    Ok(())
}

fn phones_move_and_call_over_dnsmasq(version: Version) -> Result {
    phones_move_and_call(version, Make::Dnsmasq)
}

fn phones_move_and_call_over_unbound(version: Version) -> Result {
    phones_move_and_call(version, Make::Unbound)
}

fn the_ttl_of_the_branch_is_kept(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "record_ttl = 5", "record_ttl = 30")?;
    // The main stays in doubt for as long as wanted.
    site.branch.edit_conf("res_synch.conf", "failure_tolerance = 4", "failure_tolerance = 1000")?;
    site.serve()?;
    let servers = Make::ALL.map(|make| server(&site, make, ""));
    let servers = servers.into_iter().collect::<Result<Vec<_>>>()?;
    for server in &servers {
        let (ttl, address) = told(server.address())?;
        assert!(ttl <= 30 && address == site.main.address(), "{ttl} {address}");
    }
    site.branch.rx("synch set mode failover")?;
    site.wait_name(site.branch.address())?;
    for server in &servers {
        wait_told(server, site.branch.address())?;
        assert!(told(server.address())?.0 <= 10, "failover_ttl");
    }
    site.branch.rx("synch set mode normal")?;
    site.lose_wan()?;
    site.wait_status("Monitor", "Unstable")?;
    for server in &servers {
        wait_told(server, site.main.address())?;
        until_ok("unstable_ttl", GENEROUS, || match told(server.address())? {
            (ttl, _) if ttl <= 5 => Ok(()),
            (ttl, _) => Err(Error::new(format!("it is {ttl}"))),
        })?;
        let again = told(server.address())?.0;
        assert!(again <= 5, "{again}");
    }
    Ok(())
}

fn a_least_ttl_of_dnsmasq_keeps_answers_for_longer(version: Version) -> Result {
    let site = Site::in_service(version)?;
    let server = server(&site, Make::Dnsmasq, "min-cache-ttl=600")?;
    told(server.address())?;
    site.branch.rx("synch set mode failover")?;
    site.wait_name(site.branch.address())?;
    outlive_the_ttl();
    let (ttl, address) = told(server.address())?;
    assert!(u64::from(ttl) > TTL && address == site.main.address(), "{ttl} {address}");
    Ok(())
}

/// What a server gives that was asked before a move, and next when its answer's time is over.
fn first_answer_after_a_move(site: &Site, server: &NameServer) -> Result<Ipv4Addr> {
    wait_told(server, site.main.address())?;
    site.branch.rx("synch set mode failover")?;
    site.wait_name(site.branch.address())?;
    outlive_the_ttl();
    let first = told(server.address())?.1;
    wait_told(server, site.branch.address())?;
    site.branch.rx("synch set mode normal")?;
    site.wait_name(site.main.address())?;
    Ok(first)
}

fn old_answers_first_are_one_old_answer_more(version: Version) -> Result {
    let site = Site::in_service(version)?;
    for (make, options) in [(Make::Dnsmasq, STALE), (Make::Unbound, OLD_ANSWERS_FIRST)] {
        let server = server(&site, make, options)?;
        assert_eq!(first_answer_after_a_move(&site, &server)?, site.main.address(), "{make}");
    }
    Ok(())
}

fn old_answers_last_are_none_where_the_branch_answers(version: Version) -> Result {
    let site = Site::in_service(version)?;
    // A machine that does much else may need longer than the 1.8 seconds of docs/phones.md.
    let lines = lines_of_the_page(&site, Make::Unbound)?.replace("1800", "4000");
    let server = NameServer::with_lines(&site.net, Make::Unbound, &lines)?;
    assert_eq!(first_answer_after_a_move(&site, &server)?, site.branch.address());
    Ok(())
}

fn without_old_answers_a_site_whose_branch_is_off_has_no_name(version: Version) -> Result {
    let mut site = Site::in_service(version)?;
    let servers = Make::ALL.map(|make| server(&site, make, ""));
    let servers = servers.into_iter().collect::<Result<Vec<_>>>()?;
    for server in &servers {
        wait_told(server, site.main.address())?;
    }
    site.branch.kill_9()?;
    outlive_the_ttl();
    for server in &servers {
        // Silence or a refusal.
        assert!(told(server.address()).is_err());
    }
    Ok(())
}

/// The lines that docs/phones.md has for that server, with the branch's address in them.
fn lines_of_the_page(site: &Site, make: Make) -> Result<String> {
    let page = include_str!("../../../docs/phones.md");
    let (_, section) = page.split_once("\n## How phones find the branch\n").context("the section")?;
    let heading = match make {
        Make::Dnsmasq => "\ndnsmasq 2.90:\n\n",
        Make::Unbound => "\nunbound:\n\n",
    };
    let (_, block) = section.split_once(heading).context(heading)?;
    let lines = block.lines().map_while(|line| line.strip_prefix("    ")).map(|line| format!("{line}\n"));
    let address = site.branch.address().to_string();
    Ok(lines.collect::<String>().replace("192.168.0.254", &address))
}

/// A phone that finds its system in this way (see [`Settings`]) loses its branch, and then, when that is back, its main.
fn a_dead_branch_moves_nobody(version: Version, make: Make, transport: &str) -> Result {
    let mut site = Site::in_service(version)?;
    let server = NameServer::with_lines(&site.net, make, &lines_of_the_page(&site, make)?)?;
    let settings = Settings { transport: transport.to_owned(), ..Settings::with_dns(server.socket()) };
    let mut alice = Phone::new(&site.net, "1001", &settings)?;
    alice.wait_registered_at(&site.main)?;

    site.branch.kill_9()?;
    outlive_the_ttl();
    // What it had been told before does not count.
    while alice.wait_registered(Duration::from_millis(1)).is_ok() {}
    for _ in 0..3 {
        alice.wait_registered(GENEROUS)?;
        alice.wait_registered_at(&site.main)?;
    }

    site.branch.start()?;
    site.wait_status("Service", "Normal")?;
    site.kill_main()?;
    alice.wait_registered_at(&site.branch)
}

fn a_dead_branch_moves_nobody_with_dnsmasq_as_on_the_page(version: Version) -> Result {
    // dnsmasq keeps what was asked for; behind NAPTR that may be nothing, as the branch tells all at once.
    a_dead_branch_moves_nobody(version, Make::Dnsmasq, "udp")
}

fn a_dead_branch_moves_nobody_with_unbound_as_on_the_page(version: Version) -> Result {
    a_dead_branch_moves_nobody(version, Make::Unbound, "")
}

/// The key of the root, of which a signature is expected below every name; Debian's unbound comes with it.
const ROOT_KEY: &str =
    "    trust-anchor: \". DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\"\n";

fn private_addresses_and_signatures_need_an_exception(version: Version) -> Result {
    let site = Site::in_service(version)?;
    let private = "    private-address: 10.0.0.0/8\n";
    for (make, guard, exception) in [
        (Make::Dnsmasq, "stop-dns-rebind\n", "rebind-domain-ok=/voice.example.com/\n"),
        (Make::Unbound, private, "    private-domain: \"voice.example.com\"\n"),
        (Make::Unbound, ROOT_KEY, "    domain-insecure: \"voice.example.com\"\n"),
    ] {
        let guarded = server(&site, make, guard)?;
        assert!(told(guarded.address()).is_err(), "{guard}");
        drop(guarded);
        let excepted = server(&site, make, &format!("{guard}{exception}"))?;
        assert_eq!(told(excepted.address())?.1, site.main.address(), "{exception}");
    }
    Ok(())
}
