use std::iter;

use hickory_server::proto::{
    op::{Message, ResponseCode},
    rr::{RData, RecordType},
};

use super::*;
use crate::{
    dns::{
        serve::{datagrams::BATCH, shared::ZoneCell},
        stand_in::{PATIENCE, query, responder, settings},
        zone::Zone,
    },
    words::state::Target,
};

/// Our own name, one that is not there, one that this client may not ask for, and junk.
const KINDS: u16 = 4;

fn request(id: u16) -> Vec<u8> {
    let owner = match id % KINDS {
        0 => "sip.voice.example.com.",
        1 => "x.voice.example.com.",
        2 => "www.example.org.",
        _ => return b"junk".to_vec(),
    };
    query(owner, RecordType::A, |message| message.metadata.id = id).to_vec().unwrap()
}

#[test]
fn many_questions_at_once_get_each_its_own_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let settings = settings();
    for bind in ["127.0.0.1:0", "0.0.0.0:0"] {
        let socket = UdpSocket::bind(bind).unwrap();
        let server = ("127.0.0.1", socket.local_addr().unwrap().port());
        let clients: Vec<_> = iter::repeat_with(|| UdpSocket::bind("127.0.0.1:0").unwrap()).take(3).collect();
        let sent = 0..u16::try_from(BATCH * 5 + 2).unwrap();
        // They are all there before the first is taken.
        for (id, client) in iter::zip(sent.clone(), clients.iter().cycle()) {
            client.send_to(&request(id), server).unwrap();
        }
        let zone = Arc::new(ZoneCell::new(Zone::new(&settings, Target::Main, 1)));
        let limit = Arc::new(Mutex::new(Limit::new(0, Instant::now())));
        let responder = responder(&settings, zone);
        let served = Served::start(socket, responder, limit, runtime.handle().clone()).unwrap();
        for (id, client) in iter::zip(sent, clients.iter().cycle()) {
            if id % KINDS == 3 {
                continue;
            }
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut buffer = [0; 512];
            let length = client.recv(&mut buffer).unwrap();
            let reply = Message::from_vec(&buffer[..length]).unwrap();
            assert_eq!(reply.metadata.id, id);
            let (code, answers) = match id % KINDS {
                0 => (ResponseCode::NoError, vec![RData::from(settings.target_normal[0])]),
                1 => (ResponseCode::NXDomain, Vec::new()),
                _ => (ResponseCode::Refused, Vec::new()),
            };
            assert_eq!(reply.metadata.response_code, code);
            assert_eq!(reply.answers.into_iter().map(|record| record.data).collect::<Vec<_>>(), answers);
        }
        drop(served);
    }
}
