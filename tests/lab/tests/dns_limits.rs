//! The name server under those who want too much of it: what it gives them, what it holds for them, and that all others
//! are answered meanwhile.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use lab::command::{run, words};
use lab::dns::{
    Edns, Message, RData, Record, RecordType, Responder, ResponseCode, Transport, ask_with, exchange_udp,
    question, rdata, reply_to,
};
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    a_flood_in_the_name_of_a_victim_brings_it_little_and_takes_nothing_from_others,
    an_answer_is_not_much_longer_than_its_question,
    idle_connections_hold_few_descriptors_and_nobody_up,
    questions_that_wait_for_a_forwarder_hold_few_descriptors,
);

/// A branch that runs alone and answers, with these lines in its `[dns]`.
fn branch(version: Version, lines: &str) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "[dns]", &format!("[dns]\n{lines}"))?;
    site.branch.start()?;
    until_ok("the branch to listen", GENEROUS, || assert_answered(&site))?;
    Ok(site)
}

fn server(site: &Site) -> SocketAddr {
    SocketAddr::from((site.branch.address(), 53))
}

/// A phone's question is answered over both transports.
fn assert_answered(site: &Site) -> Result {
    for transport in [Transport::Udp, Transport::Tcp] {
        let answer = ask_with(server(site), &question(NAME, RecordType::A)?, transport)?;
        if answer.answers.len() != 1 {
            return Err(Error::new(format!("{transport:?}: {answer}")));
        }
    }
    Ok(())
}

/// Who sends in the name of another is played by a second address of the test's own, so that it shows what comes there.
fn a_flood_in_the_name_of_a_victim_brings_it_little_and_takes_nothing_from_others(
    version: Version,
) -> Result {
    const QUESTIONS: usize = 3000;
    const RATE: usize = 20;
    let site = branch(version, &format!("rate_limit = {RATE}"))?;
    let [a, b, c, _] = site.net.own_address().octets();
    let victim = Ipv4Addr::new(a, b, c, 200);
    let interface = format!("{}-test", site.net.name());
    run(&mut words(&["ip", "address", "add", &format!("{victim}/24"), "dev", &interface]))?;
    let socket = client(&site, victim)?;
    let octets = question(NAME, RecordType::ANY)?.to_vec().context("a question")?;
    let replies = thread::scope(|scope| {
        let replies = scope.spawn(|| replies(&socket));
        for _ in 0..QUESTIONS {
            socket.send(&octets).context("flooding")?;
        }
        // In the crowd, a question may get lost.
        until_ok("another client to be answered", GENEROUS, || assert_answered(&site))?;
        replies.join().map_err(|_| Error::new("the victim panicked"))?
    })?;
    let (cut, full): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.metadata.truncation);
    let (cut, full) = (cut.len(), full.len());
    eprintln!("Asterisk {version}: {QUESTIONS} questions brought {full} answers, {cut} times 'ask over TCP'");
    // Ten seconds' worth at once and then per second, as long as the flood lasts; and every second one that is no more answered is a hint.
    assert!((1..RATE * 40).contains(&full), "{full} answers");
    assert!((1..QUESTIONS * 2 / 3).contains(&cut), "{cut} hints");
    assert_answered(&site)
}

/// A socket of a client at that address.
fn client(site: &Site, address: Ipv4Addr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((address, 0)).context(address)?;
    socket.connect(server(site)).context(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(15))).context(address)?;
    Ok(socket)
}

/// All that comes, until nothing has come for longer than a forwarder is waited for.
fn replies(socket: &UdpSocket) -> Result<Vec<Message>> {
    let mut replies = Vec::new();
    let mut octets = [0; 4096];
    while let Ok(length) = socket.recv(&mut octets) {
        replies.push(Message::from_vec(octets.get(..length).unwrap_or_default()).context("an answer")?);
    }
    Ok(replies)
}

fn an_answer_is_not_much_longer_than_its_question(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let at = SocketAddr::from((site.net.own_address(), 5301));
    site.branch.edit_conf("res_synch.conf", "[dns]", &format!("[dns]\nforwarder = {at}"))?;
    // A name elsewhere with more addresses than a datagram of 1232 octets carries.
    let many = |question: &Message| {
        let mut reply = reply_to(question);
        let name = question.queries.first()?.name().clone();
        for number in 0..90 {
            let data = RData::A(rdata::A::new(192, 0, 2, number));
            reply.add_answer(Record::from_rdata(name.clone(), 60, data));
        }
        Some(reply)
    };
    let _udp = Responder::start(at, many)?;
    let _tcp = Responder::start_tcp(at, many)?;
    site.branch.start()?;
    until_ok("the branch to listen", GENEROUS, || assert_answered(&site))?;

    let greedy = |name: &str, record| -> Result<(usize, Vec<u8>)> {
        let mut question = question(name, record)?;
        let mut edns = Edns::new();
        edns.set_max_payload(65_535);
        question.set_edns(edns);
        let octets = question.to_vec().context("a question")?;
        Ok((octets.len(), exchange_udp(server(&site), &octets)?))
    };
    let (asked, answer) = greedy(NAME, RecordType::ANY)?;
    assert!(answer.len() <= 3 * asked, "{asked} octets asked, {} answered", answer.len());
    assert!(!Message::from_vec(&answer).context("an answer")?.answers.is_empty());
    let (_, answer) = greedy("many.example.org.", RecordType::A)?;
    assert!(answer.len() <= 1232, "{} octets", answer.len());
    let answer = Message::from_vec(&answer).context("an answer")?;
    assert!(answer.metadata.truncation, "{answer}");
    for record in [RecordType::AXFR, RecordType::IXFR] {
        for transport in [Transport::Udp, Transport::Tcp] {
            let answer = ask_with(server(&site), &question("voice.example.com.", record)?, transport)?;
            let code = answer.metadata.response_code;
            assert!(
                matches!(code, ResponseCode::Refused | ResponseCode::FormErr),
                "{record} {transport:?}: {answer}"
            );
            assert!(answer.answers.is_empty());
        }
    }
    Ok(())
}

fn idle_connections_hold_few_descriptors_and_nobody_up(version: Version) -> Result {
    const CONNECTIONS: usize = 1000;
    /// 64 connections, and what Asterisk itself has open for the console that asks.
    const MORE: usize = 64 + 10;
    let site = branch(version, "")?;
    let before = site.branch.vitals()?.descriptors;
    let mut held = Vec::new();
    let mut most = 0;
    for number in 0..CONNECTIONS {
        held.push(TcpStream::connect_timeout(&server(&site), GENEROUS).context("a connection")?);
        if number % 50 == 0 {
            most = most.max(site.branch.vitals()?.descriptors);
            assert_answered(&site)?;
        }
    }
    assert!(most > before, "no connection was held");
    assert!(most <= before + MORE, "{before} descriptors before, {most} now");
    // Idle for a while, they are all let go.
    until_ok("the descriptors to be free", GENEROUS, || match site.branch.vitals()?.descriptors {
        now if now <= before + 2 => Ok(()),
        now => Err(Error::new(format!("{before} before, {now} now"))),
    })?;
    drop(held);
    assert_answered(&site)
}

fn questions_that_wait_for_a_forwarder_hold_few_descriptors(version: Version) -> Result {
    const QUESTIONS: usize = 1000;
    /// 128 questions on their way, one descriptor each, and what Asterisk itself has open for the console that asks.
    const MORE: usize = 128 + 10;
    let mut site = Site::with_module(version)?;
    let at = SocketAddr::from((site.net.own_address(), 5301));
    site.branch.edit_conf("res_synch.conf", "[dns]", &format!("[dns]\nforwarder = {at}"))?;
    let _silent = Responder::start(at, |_| None)?;
    site.branch.start()?;
    until_ok("the branch to listen", GENEROUS, || assert_answered(&site))?;
    let before = site.branch.vitals()?.descriptors;
    let socket = client(&site, site.net.own_address())?;
    let mut most = 0;
    let replies = thread::scope(|scope| {
        let replies = scope.spawn(|| replies(&socket));
        for number in 0..QUESTIONS {
            let question = question(&format!("n{number}.example.org."), RecordType::A)?;
            socket.send(&question.to_vec().context("a question")?).context("asking")?;
            if number % 100 == 99 {
                most = most.max(site.branch.vitals()?.descriptors);
                assert_answered(&site)?;
            }
        }
        replies.join().map_err(|_| Error::new("the client panicked"))?
    })?;
    assert!(most > before, "no question waited");
    assert!(most <= before + MORE, "{before} descriptors before, {most} now");
    // Each one is told, sooner or later; but a datagram may get lost.
    assert!(replies.len() >= QUESTIONS * 9 / 10, "{} of {QUESTIONS}", replies.len());
    assert!(replies.iter().all(|reply| reply.metadata.response_code == ResponseCode::ServFail));
    until_ok("the descriptors to be free", GENEROUS, || match site.branch.vitals()?.descriptors {
        now if now <= before + 2 => Ok(()),
        now => Err(Error::new(format!("{before} before, {now} now"))),
    })
}
