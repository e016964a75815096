use std::{sync::Arc, thread};

use super::*;

/// Sockets of one address and of every; those of IPv6 only where the machine has it.
fn sockets() -> impl Iterator<Item = UdpSocket> {
    ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"]
        .into_iter()
        .filter_map(|bind| UdpSocket::bind(bind).ok())
}

/// A client of the socket, which takes nothing from another address.
fn client(socket: &UdpSocket) -> UdpSocket {
    let bound = socket.local_addr().unwrap();
    let address = if bound.is_ipv4() { "127.0.0.1" } else { "::1" };
    let client = UdpSocket::bind((address, 0)).unwrap();
    client.connect((address, bound.port())).unwrap();
    client
}

#[test]
fn what_came_at_once_is_taken_at_once_each_with_who_sent_it() {
    for socket in sockets() {
        let clients = [client(&socket), client(&socket)];
        let socket = Datagrams::new(socket).unwrap();
        // Of all lengths, none included.
        for number in 0..=BATCH {
            clients[number % 2].send(&vec![7; number]).unwrap();
        }
        let mut batch = socket.batch();
        let mut came = Vec::new();
        for expected in [BATCH, 1] {
            socket.receive(&mut batch).unwrap();
            assert_eq!(batch.requests().count(), expected);
            came.extend(batch.requests().map(|(octets, peer)| (octets.to_vec(), peer.client)));
        }
        for (number, (octets, from)) in came.into_iter().enumerate() {
            assert_eq!(octets, vec![7; number]);
            assert_eq!(from, clients[number % 2].local_addr().unwrap());
        }
    }
}

#[test]
fn replies_reach_clients_that_take_them_from_nobody_else() {
    for socket in sockets() {
        let clients = [client(&socket), client(&socket)];
        let socket = Datagrams::new(socket).unwrap();
        for (client, word) in iter::zip(&clients, [b"one", b"two"]) {
            client.send(word).unwrap();
        }
        let mut batch = socket.batch();
        socket.receive(&mut batch).unwrap();
        for (octets, peer) in batch.requests() {
            socket.send(octets, peer);
        }
        for (client, word) in iter::zip(&clients, [b"one", b"two"]) {
            client.set_read_timeout(Some(crate::dns::stand_in::PATIENCE)).unwrap();
            let mut buffer = [0; 8];
            let length = client.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], word);
        }
    }
}

#[test]
fn a_closed_socket_wakes_who_waits_and_has_no_requests() {
    for socket in sockets() {
        let socket = Arc::new(Datagrams::new(socket).unwrap());
        let waiting = thread::spawn({
            let socket = Arc::clone(&socket);
            move || {
                let mut batch = socket.batch();
                socket.receive(&mut batch).unwrap();
                batch.requests().count()
            }
        });
        socket.close();
        assert_eq!(waiting.join().unwrap(), 0);
    }
}
