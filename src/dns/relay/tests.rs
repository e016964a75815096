use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use hickory_server::{
    proto::{
        op::ResponseCode,
        rr::{RData, Record, RecordType, rdata::A},
    },
    server::Request,
};
use tokio::{net::UdpSocket, runtime::Builder};

use super::*;
use crate::dns::stand_in::{PATIENCE, closed_port, request, settings};

fn run(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// A forwarder that can be made to fall silent.
struct Forwarder {
    address: SocketAddr,
    /// Questions received, those after the root apart.
    asked: Arc<AtomicUsize>,
    silent: Arc<AtomicBool>,
    /// Whether it answers what nobody but a relay asks.
    knows_root: Arc<AtomicBool>,
    gate: Arc<Semaphore>,
}

impl Forwarder {
    /// Gives every name an address with this TTL.
    async fn start(ttl: u32, code: ResponseCode) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let forwarder = Self {
            address: socket.local_addr().unwrap(),
            asked: Arc::default(),
            silent: Arc::default(),
            knows_root: Arc::new(AtomicBool::new(true)),
            gate: Arc::new(Semaphore::new(1)),
        };
        let (asked, silent) = (Arc::clone(&forwarder.asked), Arc::clone(&forwarder.silent));
        let (gate, knows_root) = (Arc::clone(&forwarder.gate), Arc::clone(&forwarder.knows_root));
        spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
                let query = Message::from_vec(&buffer[..length]).unwrap();
                let root = query.queries[0].name.is_root();
                asked.fetch_add(usize::from(!root), Ordering::Relaxed);
                if silent.load(Ordering::Relaxed) || root && !knows_root.load(Ordering::Relaxed) {
                    continue;
                }
                let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
                answer.metadata.response_code = code;
                answer.add_queries(query.queries.clone());
                let data = RData::A(A(Ipv4Addr::new(192, 0, 2, 1)));
                answer.add_answer(Record::from_rdata(query.queries[0].name.clone(), ttl, data));
                drop(gate.acquire().await.unwrap());
                socket.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
            }
        });
        forwarder
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn fall_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }
}

fn relay(forwarders: &[SocketAddr]) -> Arc<Relay> {
    let mut settings = settings();
    settings.forwarders = forwarders.to_vec();
    Arc::new(Relay::new(&settings, Arc::default()))
}

/// The same, with the task that watches the forwarders.
fn watched(forwarders: &[SocketAddr]) -> Arc<Relay> {
    let relay = relay(forwarders);
    let watched = Arc::clone(&relay);
    spawn(async move { watched.watch().await });
    relay
}

fn asked(owner: &str) -> Request {
    request(owner, RecordType::A, |_| ())
}

async fn until(relay: &Relay, silent: bool) {
    let mut now = relay.silent();
    timeout(PATIENCE, now.wait_for(|now| *now == silent)).await.unwrap().unwrap();
}

#[test]
fn the_same_question_is_asked_once_and_then_answered_from_the_cache() {
    run(async {
        let forwarder = Forwarder::start(60, ResponseCode::NoError).await;
        let relay = relay(&[forwarder.address]);
        let first = relay.ask(&asked("www.example.org.")).await.unwrap();
        let second = relay.ask(&asked("WWW.example.org.")).await.unwrap();
        assert_eq!(first.ready, second.ready);
        assert_eq!(forwarder.asked(), 1);
        assert_eq!((relay.counters.counts().cached, relay.counters.counts().entries), (1, 1));
    });
}

#[test]
fn an_answer_with_and_without_signatures_is_not_the_same() {
    run(async {
        let forwarder = Forwarder::start(60, ResponseCode::NoError).await;
        let relay = relay(&[forwarder.address]);
        let with_do = request("www.example.org.", RecordType::A, |message| {
            let mut edns = crate::dns::stand_in::edns(0, 1232);
            edns.set_dnssec_ok(true);
            message.set_edns(edns);
        });
        relay.ask(&asked("www.example.org.")).await.unwrap();
        relay.ask(&with_do).await.unwrap();
        assert_eq!(forwarder.asked(), 2);
    });
}

#[test]
fn clients_that_ask_the_same_at_once_wait_for_one_answer() {
    run(async {
        let forwarder = Forwarder::start(0, ResponseCode::NoError).await;
        let held = forwarder.gate.acquire().await.unwrap();
        let relay = relay(&[forwarder.address]);
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let relay = Arc::clone(&relay);
                spawn(async move { relay.ask(&asked("www.example.org.")).await })
            })
            .collect();
        while forwarder.asked() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        drop(held);
        for client in clients {
            assert!(client.await.unwrap().is_ok());
        }
        assert_eq!(forwarder.asked(), 1);
        assert!(relay.pending.lock().is_empty());
        // A TTL of zero: the answer was for those who waited.
        relay.ask(&asked("www.example.org.")).await.unwrap();
        assert_eq!(forwarder.asked(), 2);
    });
}

#[test]
fn rfc8767_s5_what_was_known_is_served_stale_while_forwarders_are_silent() {
    run(async {
        let forwarder = Forwarder::start(1, ResponseCode::NoError).await;
        let relay = watched(&[forwarder.address]);
        relay.ask(&asked("www.example.org.")).await.unwrap();
        forwarder.fall_silent(true);
        sleep(Duration::from_millis(1100)).await;
        // Its time is over: the forwarder is asked first, and in vain.
        let stale = relay.ask(&asked("www.example.org.")).await.unwrap();
        assert_eq!(stale.ttl, Ttl::Set(30));
        assert_eq!(forwarder.asked(), 2);
        until(&relay, true).await;
        assert_eq!(relay.ask(&asked("www.example.org.")).await.unwrap().ttl, Ttl::Set(30));
        assert_eq!(forwarder.asked(), 2, "nobody is asked who is known to be silent");
        assert_eq!(relay.counters.counts().stale, 2);
    });
}

#[test]
fn rfc8767_s5_who_asks_while_a_forwarder_is_slow_gets_the_stale_answer_and_the_next_one_the_fresh() {
    run(async {
        let forwarder = Forwarder::start(1, ResponseCode::NoError).await;
        let relay = relay(&[forwarder.address]);
        relay.ask(&asked("www.example.org.")).await.unwrap();
        sleep(Duration::from_millis(1100)).await;
        let held = forwarder.gate.acquire().await.unwrap();
        assert_eq!(relay.ask(&asked("www.example.org.")).await.unwrap().ttl, Ttl::Set(30));
        drop(held);
        let fresh = async {
            while relay.ask(&asked("www.example.org.")).await.unwrap().ttl == Ttl::Set(30) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, fresh).await.unwrap();
        assert_eq!(relay.counters.counts().stale, 1);
    });
}

#[test]
fn rfc9520_what_was_never_known_fails_at_once_while_forwarders_are_silent_and_comes_when_they_are_back() {
    run(async {
        let forwarder = Forwarder::start(60, ResponseCode::NoError).await;
        forwarder.fall_silent(true);
        let relay = watched(&[forwarder.address]);
        assert_eq!(relay.ask(&asked("one.example.org.")).await, Err(RelayError::NoAnswer));
        until(&relay, true).await;
        for owner in ["two.example.org.", "three.example.org."] {
            assert_eq!(relay.ask(&asked(owner)).await, Err(RelayError::NoAnswer));
        }
        assert_eq!(forwarder.asked(), 1);
        forwarder.fall_silent(false);
        until(&relay, false).await;
        assert!(relay.ask(&asked("two.example.org.")).await.is_ok());
    });
}

#[test]
fn a_forwarder_that_never_answers_our_own_question_is_found_by_a_clients() {
    run(async {
        let forwarder = Forwarder::start(60, ResponseCode::NoError).await;
        forwarder.knows_root.store(false, Ordering::Relaxed);
        forwarder.fall_silent(true);
        let relay = watched(&[forwarder.address]);
        assert_eq!(relay.ask(&asked("slow.example.org.")).await, Err(RelayError::NoAnswer));
        until(&relay, true).await;
        forwarder.fall_silent(false);
        let back = async {
            while relay.ask(&asked("www.example.org.")).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, back).await.unwrap();
        assert!(!*relay.silent().borrow());
        assert!(relay.ask(&asked("another.example.org.")).await.is_ok());
    });
}

#[test]
fn silent_forwarders_get_one_question_of_the_clients_at_a_time() {
    run(async {
        let forwarder = Forwarder::start(60, ResponseCode::NoError).await;
        forwarder.fall_silent(true);
        let relay = watched(&[forwarder.address]);
        assert_eq!(relay.ask(&asked("0.example.org.")).await, Err(RelayError::NoAnswer));
        until(&relay, true).await;
        relay.trial.store(true, Ordering::Relaxed);
        for number in 1..20 {
            let owner = format!("{number}.example.org.");
            // Nobody waits for the one that is on its way.
            assert_eq!(relay.ask(&asked(&owner)).await, Err(RelayError::NoAnswer));
        }
        assert_eq!(relay.pending.lock().len(), 1);
        let arrived = async {
            while forwarder.asked() < 2 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, arrived).await.unwrap();
        assert_eq!(forwarder.asked(), 2);
        assert!(*relay.silent().borrow());
    });
}

#[test]
fn a_forwarder_that_fails_on_one_name_is_not_silent() {
    run(async {
        let forwarder = Forwarder::start(60, ResponseCode::ServFail).await;
        let relay = watched(&[forwarder.address]);
        for _ in 0..3 {
            assert_eq!(relay.ask(&asked("broken.example.org.")).await, Err(RelayError::NoAnswer));
        }
        assert!(!*relay.silent().borrow());
        assert_eq!(forwarder.asked(), 1, "a failure is remembered (RFC 9520)");
    });
}

#[test]
fn forwarders_that_cannot_be_reached_are_silent() {
    run(async {
        let closed = closed_port();
        let relay = watched(&[closed.local_addr().unwrap()]);
        assert_eq!(relay.ask(&asked("www.example.org.")).await, Err(RelayError::NoAnswer));
        until(&relay, true).await;
    });
}

#[test]
fn beyond_the_limit_a_question_is_turned_away_at_once() {
    run(async {
        let forwarder = Forwarder::start(60, ResponseCode::NoError).await;
        let relay = relay(&[forwarder.address]);
        let all = relay.free.acquire_many(u32::try_from(MAX_IN_FLIGHT).unwrap()).await.unwrap();
        assert_eq!(relay.ask(&asked("www.example.org.")).await, Err(RelayError::Busy));
        drop(all);
        assert!(relay.ask(&asked("www.example.org.")).await.is_ok());
    });
}
