//! The phones' name server in the branch's Asterisk: its own zone, and what becomes of every other name.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::spawn;
use std::time::Duration;

use lab::command::{run, words};
use lab::dns::{
    DNSClass, Edns, Message, Name, RData, Record, RecordType, Responder, ResponseCode, Transport, ask_with,
    question, rdata, reply_to,
};
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    the_zone_has_its_address_soa_and_ns,
    other_types_and_other_names_of_the_zone_are_denied_with_the_soa,
    names_keep_their_case_and_other_classes_are_refused,
    another_name_is_relayed_over_udp,
    a_cut_answer_is_fetched_over_tcp,
    an_answer_that_does_not_exist_is_relayed_as_such,
    a_dead_forwarder_is_followed_by_the_next,
    a_forwarder_that_fails_is_followed_by_the_next,
    dead_forwarders_are_told_as_servfail,
    without_forwarder_other_names_are_refused,
    a_slow_question_does_not_hold_up_another,
    the_zone_is_answered_while_all_forwarders_are_dead,
    what_was_known_helps_out_while_forwarders_are_silent,
    other_networks_get_the_zone_and_no_other_names,
    the_providers_network_gets_the_zone_and_no_other_names,
    beyond_the_rate_limit_clients_are_sent_to_tcp,
);

const BOTH: [Transport; 2] = [Transport::Udp, Transport::Tcp];

/// A branch that runs alone, with forwarders at these ports of the test's own address.
fn branch(version: Version, ports: &[u16]) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    let addresses: Vec<String> = ports.iter().map(|port| forwarder(&site, *port).to_string()).collect();
    if !addresses.is_empty() {
        let line = format!("[dns]\nforwarder = {}", addresses.join(", "));
        site.branch.edit_conf("res_synch.conf", "[dns]", &line)?;
    }
    site.branch.start()?;
    until_ok("the branch to listen", GENEROUS, || {
        ask(&site, "sip.voice.example.com.", RecordType::A).map(drop)
    })?;
    Ok(site)
}

fn forwarder(site: &Site, port: u16) -> SocketAddr {
    SocketAddr::from((site.net.own_address(), port))
}

fn server(site: &Site) -> SocketAddr {
    SocketAddr::from((site.branch.address(), 53))
}

fn ask(site: &Site, name: &str, record: RecordType) -> Result<Message> {
    ask_with(server(site), &question(name, record)?, Transport::Udp)
}

fn code(message: &Message) -> ResponseCode {
    message.metadata.response_code
}

/// A forwarder's answer: one address, whatever was asked.
fn address(question: &Message, last: u8) -> Option<Message> {
    let mut reply = reply_to(question);
    let name = question.queries.first()?.name().clone();
    reply.add_answer(Record::from_rdata(name, 60, RData::A(rdata::A::new(192, 0, 2, last))));
    Some(reply)
}

fn the_zone_has_its_address_soa_and_ns(version: Version) -> Result {
    let site = branch(version, &[])?;
    for transport in BOTH {
        let ask = |name, record| ask_with(server(&site), &question(name, record)?, transport);
        // Nobody has said that the main lives, and default_state is failover.
        let branch = RData::A(rdata::A(site.branch.address()));
        for name in ["sip.voice.example.com.", "voice.example.com."] {
            let answer = ask(name, RecordType::A)?;
            assert!(answer.metadata.authoritative && code(&answer) == ResponseCode::NoError, "{answer}");
            assert_eq!(answer.answers.iter().map(|record| &record.data).collect::<Vec<_>>(), [&branch]);
            assert_eq!(answer.answers.first().map(|record| record.ttl), Some(5), "record_ttl");
        }
        let soa = ask("voice.example.com.", RecordType::SOA)?;
        assert!(matches!(soa.answers.as_slice(), [one] if one.record_type() == RecordType::SOA), "{soa}");
        let ns = ask("voice.example.com.", RecordType::NS)?;
        assert!(matches!(ns.answers.as_slice(), [one] if one.record_type() == RecordType::NS), "{ns}");
        assert!(ns.additionals.iter().any(|record| record.data == branch), "{ns}");
    }
    Ok(())
}

fn other_types_and_other_names_of_the_zone_are_denied_with_the_soa(version: Version) -> Result {
    // A forwarder that knows everything: nothing of the zone may reach it.
    let site = branch(version, &[5301])?;
    let _all = Responder::start(forwarder(&site, 5301), |question| address(question, 66))?;
    let cases = [
        ("sip.voice.example.com.", RecordType::AAAA, ResponseCode::NoError),
        ("sip.voice.example.com.", RecordType::SRV, ResponseCode::NoError),
        ("_udp.voice.example.com.", RecordType::NAPTR, ResponseCode::NoError),
        ("other.voice.example.com.", RecordType::A, ResponseCode::NXDomain),
        ("_sip._tcp.voice.example.com.", RecordType::SRV, ResponseCode::NXDomain),
    ];
    for transport in BOTH {
        for (name, record, wanted) in cases {
            let answer = ask_with(server(&site), &question(name, record)?, transport)?;
            assert_eq!(code(&answer), wanted, "{answer}");
            assert!(answer.answers.is_empty() && answer.metadata.authoritative, "{answer}");
            let soa = answer.authorities.iter().map(Record::record_type).collect::<Vec<_>>();
            assert_eq!(soa, [RecordType::SOA], "{answer}");
        }
    }
    assert_eq!(site.status("DnsRelayed")?, "0");
    Ok(())
}

fn names_keep_their_case_and_other_classes_are_refused(version: Version) -> Result {
    let site = branch(version, &[])?;
    let mut mixed = question("sip.voice.example.com.", RecordType::A)?;
    for query in &mut mixed.queries {
        // Not parsed as above: that makes all letters small.
        query.set_name(Name::from_ascii("SiP.vOiCe.ExAmPlE.cOm.").context("a name")?);
    }
    let answer = ask_with(server(&site), &mixed, Transport::Udp)?;
    let owner = answer.answers.first().context("an address")?.name.to_ascii();
    assert_eq!(owner, "SiP.vOiCe.ExAmPlE.cOm.");
    let mut chaos = question("sip.voice.example.com.", RecordType::A)?;
    for query in &mut chaos.queries {
        query.set_query_class(DNSClass::CH);
    }
    assert_eq!(code(&ask_with(server(&site), &chaos, Transport::Udp)?), ResponseCode::Refused);
    let mut edns = question("sip.voice.example.com.", RecordType::A)?;
    edns.set_edns(Edns::new());
    let answer = ask_with(server(&site), &edns, Transport::Udp)?;
    assert!(answer.edns.is_some() && answer.answers.len() == 1, "{answer}");
    Ok(())
}

fn another_name_is_relayed_over_udp(version: Version) -> Result {
    let site = branch(version, &[5301])?;
    let _forwarder = Responder::start(forwarder(&site, 5301), |question| address(question, 7))?;
    for transport in BOTH {
        let answer = ask_with(server(&site), &question("www.example.org.", RecordType::A)?, transport)?;
        assert_eq!(code(&answer), ResponseCode::NoError);
        let data: Vec<_> = answer.answers.iter().map(|record| &record.data).collect();
        assert_eq!(data, [&RData::A(rdata::A::new(192, 0, 2, 7))]);
        assert!(!answer.metadata.authoritative && answer.metadata.recursion_available, "{answer}");
    }
    assert_eq!(site.status("DnsRelayed")?, "2");
    Ok(())
}

fn a_cut_answer_is_fetched_over_tcp(version: Version) -> Result {
    let site = branch(version, &[5301])?;
    let at = forwarder(&site, 5301);
    let _udp = Responder::start(at, |question| {
        let mut reply = reply_to(question);
        reply.metadata.truncation = true;
        Some(reply)
    })?;
    let _tcp = Responder::start_tcp(at, |question| {
        let mut reply = reply_to(question);
        let name = question.queries.first()?.name().clone();
        for last in 0..60 {
            let data = RData::A(rdata::A::new(192, 0, 2, last));
            reply.add_answer(Record::from_rdata(name.clone(), 60, data));
        }
        Some(reply)
    })?;
    let long = question("long.example.org.", RecordType::A)?;
    let whole = ask_with(server(&site), &long, Transport::Tcp)?;
    assert_eq!((whole.answers.len(), whole.metadata.truncation), (60, false));
    // 60 addresses don't fit into 512 octets: the client is told to come by TCP, too.
    let cut = ask_with(server(&site), &long, Transport::Udp)?;
    assert!(cut.metadata.truncation, "{cut}");
    Ok(())
}

fn an_answer_that_does_not_exist_is_relayed_as_such(version: Version) -> Result {
    let site = branch(version, &[5301, 5302])?;
    let _first = Responder::start(forwarder(&site, 5301), |question| {
        let mut reply = reply_to(question);
        reply.metadata.response_code = ResponseCode::NXDomain;
        Some(reply)
    })?;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let _second = Responder::start(forwarder(&site, 5302), move |question| {
        count.fetch_add(1, Ordering::Relaxed);
        address(question, 66)
    })?;
    let answer = ask(&site, "nobody.example.org.", RecordType::A)?;
    assert_eq!(code(&answer), ResponseCode::NXDomain);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "that was an answer: the second has nothing to add");
    Ok(())
}

fn a_dead_forwarder_is_followed_by_the_next(version: Version) -> Result {
    // Nobody is at the first port; at the second somebody who never answers; the third answers.
    for ports in [[5301, 5303].as_slice(), &[5302, 5303]] {
        let site = branch(version, ports)?;
        let _silent = Responder::start(forwarder(&site, 5302), |_| None)?;
        let _alive = Responder::start(forwarder(&site, 5303), |question| address(question, 3))?;
        let answer = ask(&site, "www.example.org.", RecordType::A)?;
        let data: Vec<_> = answer.answers.iter().map(|record| &record.data).collect();
        assert_eq!(data, [&RData::A(rdata::A::new(192, 0, 2, 3))]);
    }
    Ok(())
}

fn a_forwarder_that_fails_is_followed_by_the_next(version: Version) -> Result {
    let site = branch(version, &[5301, 5302, 5303])?;
    let fails = |code| {
        move |question: &Message| {
            let mut reply = reply_to(question);
            reply.metadata.response_code = code;
            Some(reply)
        }
    };
    let _first = Responder::start(forwarder(&site, 5301), fails(ResponseCode::ServFail))?;
    let _second = Responder::start(forwarder(&site, 5302), fails(ResponseCode::Refused))?;
    let _third = Responder::start(forwarder(&site, 5303), |question| address(question, 3))?;
    assert_eq!(ask(&site, "www.example.org.", RecordType::A)?.answers.len(), 1);
    Ok(())
}

fn dead_forwarders_are_told_as_servfail(version: Version) -> Result {
    let site = branch(version, &[5301, 5302, 5303])?;
    let _silent = Responder::start(forwarder(&site, 5302), |_| None)?;
    for transport in BOTH {
        let answer = ask_with(server(&site), &question("www.example.org.", RecordType::A)?, transport)?;
        assert_eq!(code(&answer), ResponseCode::ServFail);
        assert!(answer.answers.is_empty());
    }
    assert_eq!(site.status("DnsRelayFailed")?, "2");
    Ok(())
}

fn without_forwarder_other_names_are_refused(version: Version) -> Result {
    let site = branch(version, &[])?;
    for name in ["www.example.org.", "example.com.", "com.", "."] {
        let answer = ask(&site, name, RecordType::A)?;
        assert_eq!(code(&answer), ResponseCode::Refused, "{answer}");
    }
    assert_eq!(site.status("DnsRefused")?, "4");
    Ok(())
}

fn a_slow_question_does_not_hold_up_another(version: Version) -> Result {
    let site = branch(version, &[5301, 5302])?;
    let slow = Name::from_ascii("slow.example.org.").context("a name")?;
    let answers = move |question: &Message| match question.queries.first() {
        Some(asked) if *asked.name() == slow => None,
        _ => address(question, 1),
    };
    let _first = Responder::start(forwarder(&site, 5301), answers.clone())?;
    let _second = Responder::start(forwarder(&site, 5302), answers)?;
    // Order, not speed: on a machine that stands still meanwhile, it is tried again.
    until_ok("an answer while another is waited for", GENEROUS, || {
        let at = server(&site);
        let waiting =
            spawn(move || ask_with(at, &question("slow.example.org.", RecordType::A)?, Transport::Udp));
        let quick = ask(&site, "quick.example.org.", RecordType::A);
        let first = !waiting.is_finished();
        let late = waiting.join().map_err(|_| Error::new("the slow question panicked"))??;
        assert_eq!(code(&late), ResponseCode::ServFail);
        match first && quick?.answers.len() == 1 {
            true => Ok(()),
            false => Err(Error::new("the slow one was answered first")),
        }
    })
}

fn the_zone_is_answered_while_all_forwarders_are_dead(version: Version) -> Result {
    let site = branch(version, &[5301, 5302])?;
    let _first = Responder::start(forwarder(&site, 5301), |_| None)?;
    let _second = Responder::start(forwarder(&site, 5302), |_| None)?;
    until_ok("the zone while others wait", GENEROUS, || {
        let at = server(&site);
        let many = (0..20).map(|number| {
            spawn(move || {
                ask_with(at, &question(&format!("n{number}.example.org."), RecordType::A)?, Transport::Udp)
            })
        });
        let waiting: Vec<_> = many.collect();
        let own = ask(&site, "sip.voice.example.com.", RecordType::A);
        let first = waiting.iter().all(|thread| !thread.is_finished());
        for thread in waiting {
            let late = thread.join().map_err(|_| Error::new("a question panicked"))??;
            assert_eq!(code(&late), ResponseCode::ServFail);
        }
        match first && own?.answers.len() == 1 {
            true => Ok(()),
            false => Err(Error::new("another was answered first")),
        }
    })
}

fn what_was_known_helps_out_while_forwarders_are_silent(version: Version) -> Result {
    let site = branch(version, &[5301])?;
    let at = forwarder(&site, 5301);
    let start = || {
        Responder::start(at, |question| {
            let mut reply = address(question, 7)?;
            reply.answers.iter_mut().for_each(|record| record.ttl = 1);
            Some(reply)
        })
    };
    let alive = start()?;
    assert_eq!(ask(&site, "www.example.org.", RecordType::A)?.answers.len(), 1);
    drop(alive);
    let silent = Responder::start(at, |_| None)?;
    until_ok("a stale answer", GENEROUS, || {
        let answer = ask(&site, "www.example.org.", RecordType::A)?;
        match answer.answers.first().map(|record| record.ttl) {
            Some(30) => Ok(()),
            other => Err(Error::new(format!("TTL {other:?}"))),
        }
    })?;
    until_ok("the silence to be noticed", GENEROUS, || {
        assert_eq!(code(&ask(&site, "unknown.example.org.", RecordType::A)?), ResponseCode::ServFail);
        match site.status("Dns")?.contains("no forwarder answers") {
            true => Ok(()),
            false => Err(Error::new(site.status("Dns")?)),
        }
    })?;
    assert_ne!(site.status("DnsStale")?, "0");
    site.branch.wait_log("no forwarder answers", GENEROUS)?;
    drop(silent);
    let _alive = start()?;
    until_ok("the forwarder to be asked again", GENEROUS, || {
        match ask(&site, "unknown.example.org.", RecordType::A)?.answers.len() {
            1 => Ok(()),
            _ => Err(Error::new("not yet")),
        }
    })?;
    site.branch.wait_log("a forwarder answers again", GENEROUS)
}

fn other_networks_get_the_zone_and_no_other_names(version: Version) -> Result {
    let site = branch(version, &[5301])?;
    let _forwarder = Responder::start(forwarder(&site, 5301), |question| address(question, 7))?;
    assert_eq!(code(&ask(&site, "www.example.org.", RecordType::A)?), ResponseCode::NoError);
    // The test is in the branch's own network; from now on it counts as a stranger.
    site.branch.edit_conf("res_synch.conf", "[dns]", "[dns]\nallow = 192.0.2.0/24")?;
    site.branch.reload_module()?;
    until_ok("the new list to be in force", GENEROUS, || {
        match code(&ask(&site, "www.example.org.", RecordType::A)?) {
            ResponseCode::Refused => Ok(()),
            other => Err(Error::new(other.to_string())),
        }
    })?;
    assert_eq!(ask(&site, "sip.voice.example.com.", RecordType::A)?.answers.len(), 1);
    Ok(())
}

/// The branch has a leg in a public network, and its default route leads there.
fn the_providers_network_gets_the_zone_and_no_other_names(version: Version) -> Result {
    let mut site = branch(version, &[5301])?;
    let _forwarder = Responder::start(forwarder(&site, 5301), |question| address(question, 7))?;
    let (neighbour, wan) = (Ipv4Addr::new(203, 0, 113, 9), Ipv4Addr::new(203, 0, 113, 2));
    let interface = format!("{}-test", site.net.name());
    run(&mut words(&["ip", "address", "add", &format!("{neighbour}/24"), "dev", &interface]))?;
    let ours = site.branch.address().to_string();
    let on_branch = |line: &[&str]| run(&mut site.branch.host().command(line));
    let addresses = on_branch(&["ip", "-o", "-4", "address", "show"])?;
    let line = addresses.lines().find(|line| line.contains(&ours)).context("the branch's interface")?;
    let device = line.split_whitespace().nth(1).context("its name")?.to_owned();
    on_branch(&["ip", "address", "add", &format!("{wan}/24"), "dev", &device])?;
    let routes = on_branch(&["ip", "route", "show", "default"])?;
    if !routes.contains(&device) {
        on_branch(&["ip", "route", "add", "default", "via", &neighbour.to_string(), "dev", &device])?;
    }
    // The networks are read at the start.
    site.branch.stop()?;
    site.branch.start()?;
    let from_there = |name: &str| -> Result<Message> {
        let socket = UdpSocket::bind((neighbour, 0)).context("the neighbour")?;
        socket.set_read_timeout(Some(Duration::from_secs(10))).context("its bound")?;
        let octets = question(name, RecordType::A)?.to_vec().context("a question")?;
        socket.send_to(&octets, server(&site)).context("asking")?;
        let mut answer = [0; 4096];
        let length = socket.recv(&mut answer).context("the answer")?;
        Message::from_vec(answer.get(..length).unwrap_or_default()).context("the answer")
    };
    until_ok("the zone to be answered there", GENEROUS, || match from_there(NAME)?.answers.len() {
        1 => Ok(()),
        _ => Err(Error::new("not yet")),
    })?;
    let refused = from_there("www.example.org.")?;
    assert_eq!(code(&refused), ResponseCode::Refused, "{refused}");
    // The office's own network, by the same interface.
    assert_eq!(code(&ask(&site, "www.example.org.", RecordType::A)?), ResponseCode::NoError);
    Ok(())
}

fn beyond_the_rate_limit_clients_are_sent_to_tcp(version: Version) -> Result {
    let site = branch(version, &[])?;
    site.branch.edit_conf("res_synch.conf", "[dns]", "[dns]\nrate_limit = 1")?;
    site.branch.reload_module()?;
    until_ok("an answer that is cut", GENEROUS, || {
        let answer = ask(&site, "sip.voice.example.com.", RecordType::A)?;
        match answer.metadata.truncation && answer.answers.is_empty() {
            true => Ok(()),
            false => Err(Error::new("answered")),
        }
    })?;
    let name = question("sip.voice.example.com.", RecordType::A)?;
    assert_eq!(ask_with(server(&site), &name, Transport::Tcp)?.answers.len(), 1);
    assert_ne!(site.status("DnsLimited")?, "0");
    Ok(())
}
