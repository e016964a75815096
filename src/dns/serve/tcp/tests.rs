use hickory_server::proto::{op::Message, rr::RecordType};
use tokio::{runtime::Builder, task::spawn};

use super::*;
use crate::{
    dns::{
        Zone, ZoneCell,
        serve::places::{PLACES, SHARE},
        stand_in,
    },
    words::state::Target,
};

fn run(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// A server, and its connections.
async fn server() -> (SocketAddr, Connections, tokio::task::JoinHandle<()>) {
    let cell = Arc::new(ZoneCell::new(Zone::new(&stand_in::settings(), Target::Main, 1)));
    let responder = stand_in::responder(&stand_in::settings(), cell);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Connections::default();
    (address, Arc::clone(&connections), spawn(serve(listener, responder, connections)))
}

async fn ask(client: &mut TcpStream) -> io::Result<Message> {
    let query = stand_in::query("sip.voice.example.com.", RecordType::A, |_| ());
    frame::write(client, &query.to_vec().unwrap()).await?;
    let reply = timeout(stand_in::PATIENCE, frame::read(client)).await??;
    Ok(Message::from_vec(&reply).unwrap())
}

/// A connection from this address of the loopback network that has been answered once.
async fn answered_from(last: u8, server: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 1, last], 0).into()).unwrap();
    let mut client = socket.connect(server).await.unwrap();
    assert_eq!(ask(&mut client).await.unwrap().answers.len(), 1);
    client
}

async fn until_held(connections: &Connections, count: usize) {
    let reached = async {
        while connections.lock().held() != count {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(stand_in::PATIENCE, reached).await.unwrap();
}

#[test]
fn a_connection_holds_its_place_until_it_ends() {
    run(async {
        let (address, connections, server) = server().await;
        let one = answered_from(1, address).await;
        let two = answered_from(1, address).await;
        assert_eq!(connections.lock().held(), 2);
        drop(one);
        until_held(&connections, 1).await;
        server.abort();
        assert!(server.await.unwrap_err().is_cancelled());
        until_held(&connections, 0).await;
        drop(two);
    });
}

#[test]
fn rfc7766_s8_a_request_in_pieces_and_several_in_one_piece_are_answered() {
    run(async {
        let (address, _connections, _server) = server().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.set_nodelay(true).unwrap();
        let mut octets = Vec::new();
        for id in 1..4 {
            let change = |message: &mut Message| message.metadata.id = id;
            let query = stand_in::query("sip.voice.example.com.", RecordType::A, change);
            frame::write(&mut octets, &query.to_vec().unwrap()).await.unwrap();
        }
        // In the middle of the first length, and of the third message.
        let (start, rest) = octets.split_at(1);
        let (middle, end) = rest.split_at(rest.len() - 10);
        for piece in [start, middle, end] {
            tokio::io::AsyncWriteExt::write_all(&mut client, piece).await.unwrap();
            sleep(Duration::from_millis(20)).await;
        }
        for id in 1..4 {
            let reply = timeout(stand_in::PATIENCE, frame::read(&mut client)).await.unwrap().unwrap();
            assert_eq!(Message::from_vec(&reply).unwrap().metadata.id, id);
        }
    });
}

#[test]
fn a_client_that_has_sent_its_last_request_still_gets_the_reply() {
    run(async {
        let (address, connections, _server) = server().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let query = stand_in::query("sip.voice.example.com.", RecordType::A, |_| ());
        frame::write(&mut client, &query.to_vec().unwrap()).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut client).await.unwrap();
        let reply = timeout(stand_in::PATIENCE, frame::read(&mut client)).await.unwrap().unwrap();
        assert_eq!(Message::from_vec(&reply).unwrap().answers.len(), 1);
        until_held(&connections, 0).await;
    });
}

#[test]
fn rfc7766_s6_2_2_one_host_with_all_the_connections_it_can_open_leaves_places_for_others() {
    run(async {
        let (address, connections, _server) = server().await;
        let mut crowd = Vec::new();
        for _ in 0..2 * PLACES {
            crowd.push(answered_from(1, address).await);
        }
        assert_eq!(connections.lock().held(), SHARE);
        let mut other = answered_from(2, address).await;
        assert_eq!(connections.lock().held(), SHARE + 1);
        // Its first ones were closed for its last ones.
        assert!(ask(&mut crowd[0]).await.is_err());
        assert!(ask(crowd.last_mut().unwrap()).await.is_ok());
        assert!(ask(&mut other).await.is_ok());
    });
}

#[test]
fn rfc7766_s6_2_3_beyond_all_places_the_longest_idle_connection_is_closed() {
    run(async {
        let (address, connections, _server) = server().await;
        let mut crowd = Vec::new();
        for host in 1..=u8::try_from(PLACES).unwrap() {
            crowd.push(answered_from(host, address).await);
        }
        assert!(ask(&mut crowd[0]).await.is_ok());
        let _late = answered_from(200, address).await;
        assert_eq!(connections.lock().held(), PLACES);
        assert!(ask(&mut crowd[1]).await.is_err());
        assert!(ask(&mut crowd[0]).await.is_ok(), "it was busy not long ago");
    });
}

#[test]
fn rfc7766_s6_2_3_a_client_that_sends_octet_by_octet_loses_its_place() {
    run(async {
        let (address, connections, _server) = server().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        until_held(&connections, 1).await;
        // A length that promises more than ever comes, and an octet now and then.
        let drip = async {
            loop {
                if tokio::io::AsyncWriteExt::write_all(&mut client, &[0xff]).await.is_err() {
                    break;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(stand_in::PATIENCE, drip).await.unwrap();
        assert_eq!(connections.lock().held(), 0);
    });
}

#[test]
fn rfc7766_s6_2_4_a_connection_ends_with_its_life_however_busy_it_is() {
    run(async {
        let cell = Arc::new(ZoneCell::new(Zone::new(&stand_in::settings(), Target::Main, 1)));
        let responder = stand_in::responder(&stand_in::settings(), cell);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        spawn(async move {
            let (held, _lost) = Held::take(&Connections::default(), peer);
            serve_connection(stream, peer, &responder, &held, Instant::now() + Duration::from_secs(1)).await;
        });
        let asking = async {
            while ask(&mut client).await.is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(stand_in::PATIENCE, asking).await.unwrap();
    });
}

#[test]
fn a_client_that_does_not_fetch_its_replies_is_closed() {
    run(async {
        let (address, connections, _server) = server().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let query = stand_in::query("sip.voice.example.com.", RecordType::NAPTR, |_| ()).to_vec().unwrap();
        // Until the buffers of both sides are full, and then until the server has given up.
        let ask_on = async { while frame::write(&mut client, &query).await.is_ok() {} };
        timeout(stand_in::PATIENCE, ask_on).await.unwrap();
        until_held(&connections, 0).await;
    });
}
