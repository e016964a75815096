use std::net::SocketAddr;

use hickory_server::proto::{
    op::{OpCode, ResponseCode},
    rr::{RData, Record, RecordType, rdata::A},
};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    task::{JoinHandle, spawn},
};

use super::*;
use crate::dns::stand_in::{closed_port, request, udp_and_tcp};

fn run(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

fn asked() -> Message {
    question(RecordType::A)
}

fn question(record_type: RecordType) -> Message {
    upstream::query(&request("www.example.org.", record_type, |_| ()), 0).unwrap()
}

fn forwarders(addresses: &[SocketAddr]) -> Forwarders {
    Forwarders::new(addresses)
}

/// The answer to a query, with an address that tells who gave it.
fn answer(query: &[u8], address: [u8; 4]) -> Message {
    let query = Message::from_vec(query).unwrap();
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    answer.add_queries(query.queries.clone());
    let data = RData::A(A::from(std::net::Ipv4Addr::from(address)));
    answer.add_answer(Record::from_rdata(query.queries[0].name.clone(), 60, data));
    answer
}

fn address_in(outcome: Outcome) -> String {
    match outcome {
        Outcome::Answer(answer) => answer.answers[0].data.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A forwarder on UDP that sends back what `replies` makes of each query.
async fn forwarder(
    mut replies: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let task = spawn(async move {
        let mut buffer = [0; DATAGRAM];
        loop {
            let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
            for reply in replies(&buffer[..length]) {
                socket.send_to(&reply, client).await.unwrap();
            }
        }
    });
    (address, task)
}

fn once(query: &[u8], address: [u8; 4], change: impl FnOnce(&mut Message)) -> Vec<Vec<u8>> {
    let mut message = answer(query, address);
    change(&mut message);
    vec![message.to_vec().unwrap()]
}

#[test]
fn the_first_forwarder_is_asked_first() {
    run(async {
        let (first, _first) = forwarder(|query| once(query, [192, 0, 2, 1], |_| ())).await;
        let (second, _second) = forwarder(|query| once(query, [192, 0, 2, 2], |_| ())).await;
        let forwarders = forwarders(&[first, second]);
        assert_eq!(address_in(forwarders.ask(&asked()).await), "192.0.2.1");
    });
}

#[test]
fn after_a_silent_forwarder_the_next_is_asked() {
    run(async {
        let (silent, _silent) = forwarder(|_| Vec::new()).await;
        let (second, _second) = forwarder(|query| once(query, [192, 0, 2, 2], |_| ())).await;
        let forwarders = forwarders(&[silent, second]);
        assert_eq!(address_in(forwarders.ask(&asked()).await), "192.0.2.2");
    });
}

#[test]
fn after_a_closed_port_servfail_and_refused_the_next_is_asked() {
    run(async {
        let closed = closed_port();
        let fails = |code| move |query: &[u8]| once(query, [0; 4], |m| m.metadata.response_code = code);
        let (failing, _failing) = forwarder(fails(ResponseCode::ServFail)).await;
        let (refusing, _refusing) = forwarder(fails(ResponseCode::Refused)).await;
        let (last, _last) = forwarder(|query| once(query, [192, 0, 2, 4], |_| ())).await;
        let forwarders = forwarders(&[closed.local_addr().unwrap(), failing, refusing, last]);
        assert_eq!(address_in(forwarders.ask(&asked()).await), "192.0.2.4");
    });
}

#[test]
fn where_nobody_answers_there_is_no_answer() {
    run(async {
        let (failing, _failing) =
            forwarder(|query| once(query, [0; 4], |m| m.metadata.response_code = ResponseCode::ServFail))
                .await;
        assert_eq!(forwarders(&[failing]).ask(&asked()).await, Outcome::NoHelp);
        let (silent, _silent) = forwarder(|_| Vec::new()).await;
        let forwarders = forwarders(&[silent; 9]);
        assert_eq!(forwarders.ask(&asked()).await, Outcome::Silence);
    });
}

#[test]
fn rfc5452_s9_1_forged_answers_are_passed_over_while_waiting_for_the_right_one() {
    run(async {
        let (address, _task) = forwarder(|query| {
            let forged = |change: fn(&mut Message)| {
                let mut message = answer(query, [203, 0, 113, 66]);
                change(&mut message);
                message.to_vec().unwrap()
            };
            let mut replies = vec![
                b"no message".to_vec(),
                forged(|message| message.metadata.id ^= 0x8000),
                forged(|message| message.queries[0].query_type = RecordType::AAAA),
            ];
            replies.extend(once(query, [192, 0, 2, 1], |_| ()));
            replies
        })
        .await;
        assert_eq!(address_in(forwarders(&[address]).ask(&asked()).await), "192.0.2.1");
    });
}

#[test]
fn rfc2181_s9_a_cut_answer_is_not_used_but_fetched_over_tcp() {
    run(async {
        let (udp, tcp) = udp_and_tcp().await;
        let address = udp.local_addr().unwrap();
        spawn(async move {
            let mut buffer = [0; DATAGRAM];
            let (length, client) = udp.recv_from(&mut buffer).await.unwrap();
            let mut cut = answer(&buffer[..length], [0; 4]);
            cut.answers.clear();
            cut.metadata.truncation = true;
            udp.send_to(&cut.to_vec().unwrap(), client).await.unwrap();
        });
        let answered = spawn(answer_over_tcp(tcp, [192, 0, 2, 9]));
        assert_eq!(address_in(forwarders(&[address]).ask(&asked()).await), "192.0.2.9");
        answered.await.unwrap();
    });
}

async fn answer_over_tcp(listener: TcpListener, address: [u8; 4]) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let query = frame::read(&mut stream).await.unwrap();
    frame::write(&mut stream, &answer(&query, address).to_vec().unwrap()).await.unwrap();
}

#[test]
fn two_questions_do_not_wait_for_each_other() {
    run(async {
        // Answers only once it has both, the later one first.
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let forwarders = forwarders(&[socket.local_addr().unwrap()]);
        spawn(async move {
            let mut held = Vec::new();
            while held.len() < 2 {
                let mut buffer = [0; DATAGRAM];
                let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
                held.push((buffer[..length].to_vec(), client));
            }
            for (query, client) in held.iter().rev() {
                let address = if query.ends_with(&[0, 28, 0, 1]) { [192, 0, 2, 28] } else { [192, 0, 2, 1] };
                socket.send_to(&answer(query, address).to_vec().unwrap(), client).await.unwrap();
            }
        });
        let (one, other) = (asked(), question(RecordType::AAAA));
        let (one, other) = tokio::join!(forwarders.ask(&one), forwarders.ask(&other));
        assert_eq!((address_in(one), address_in(other)), ("192.0.2.1".into(), "192.0.2.28".into()));
    });
}

#[test]
fn rfc5452_s9_2_each_query_has_an_id_and_a_port_of_its_own() {
    run(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let forwarders = forwarders(&[socket.local_addr().unwrap()]);
        let seen = spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < 50 {
                let mut buffer = [0; DATAGRAM];
                let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
                seen.push(([buffer[0], buffer[1]], client.port()));
                let answer = answer(&buffer[..length], [192, 0, 2, 1]);
                socket.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
            }
            seen
        });
        for _ in 0..50 {
            address_in(forwarders.ask(&asked()).await);
        }
        let (mut ids, mut ports): (Vec<_>, Vec<_>) = seen.await.unwrap().into_iter().unzip();
        ids.sort_unstable();
        ids.dedup();
        ports.sort_unstable();
        ports.dedup();
        // By chance a few of 50 may be alike; a counter or a fixed value would make 1, or neighbours.
        assert!(ids.len() > 40 && ports.len() > 40, "{} ids, {} ports", ids.len(), ports.len());
        assert!(ids.windows(2).any(|pair| u16::from_be_bytes(pair[1]) - u16::from_be_bytes(pair[0]) > 9));
    });
}

/// What a forwarder sends that does not keep the letters.
fn in_small_letters(query: &[u8]) -> Vec<u8> {
    let mut octets = answer(query, [192, 0, 2, 1]).to_vec().unwrap();
    octets[12..29].make_ascii_lowercase();
    octets
}

#[test]
fn dns0x20_an_answer_in_other_letters_is_asked_for_over_tcp_once_and_for_all() {
    run(async {
        let (udp, tcp) = udp_and_tcp().await;
        let address = udp.local_addr().unwrap();
        spawn(async move {
            let mut buffer = [0; DATAGRAM];
            loop {
                let (length, client) = udp.recv_from(&mut buffer).await.unwrap();
                udp.send_to(&in_small_letters(&buffer[..length]), client).await.unwrap();
            }
        });
        let once = spawn(async move {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let query = frame::read(&mut stream).await.unwrap();
            frame::write(&mut stream, &in_small_letters(&query)).await.unwrap();
            // The listener goes with the first connection: a second one would fail.
        });
        let forwarders = forwarders(&[address]);
        assert_eq!(address_in(forwarders.ask(&asked()).await), "192.0.2.1");
        once.await.unwrap();
        assert!(!forwarders.0[0].keeps_case.load(Relaxed));
        assert_eq!(address_in(forwarders.ask(&asked()).await), "192.0.2.1");
    });
}

#[test]
fn dns0x20_the_letters_differ_from_one_query_to_the_next() {
    run(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let forwarders = forwarders(&[socket.local_addr().unwrap()]);
        let seen = spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < 20 {
                let mut buffer = [0; DATAGRAM];
                let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
                seen.push(buffer[12..29].to_vec());
                socket
                    .send_to(&answer(&buffer[..length], [192, 0, 2, 1]).to_vec().unwrap(), client)
                    .await
                    .unwrap();
            }
            seen
        });
        for _ in 0..20 {
            address_in(forwarders.ask(&asked()).await);
        }
        let mut seen = seen.await.unwrap();
        assert!(seen.iter().all(|name| name.eq_ignore_ascii_case(b"\x03www\x07example\x03org\0")));
        seen.sort_unstable();
        seen.dedup();
        // Of 2^13 ways to write it, twenty draws give one twice now and then, and never fewer than ten.
        assert!(seen.len() >= 10, "{seen:?}");
    });
}

#[test]
fn any_word_from_any_forwarder_is_a_sign_of_life() {
    run(async {
        let closed = closed_port().local_addr().unwrap();
        let (silent, _silent) = forwarder(|_| Vec::new()).await;
        let refuses =
            |query: &[u8]| once(query, [0; 4], |m| m.metadata.response_code = ResponseCode::Refused);
        let (refusing, _refusing) = forwarder(refuses).await;
        assert!(!Arc::new(forwarders(&[closed, silent])).any_alive().await);
        assert!(Arc::new(forwarders(&[closed, silent, refusing])).any_alive().await);
    });
}
