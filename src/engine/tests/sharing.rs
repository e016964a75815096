//! What is shared with other sites, without a broker that would take it.

use super::*;
use crate::peers::{DeviceState, Fact};

#[test]
fn who_can_be_called_here_and_who_is_in_a_queue_is_known_before_a_broker_is() {
    let host = Arc::new(StandIn::default());
    let device = |name: &str| Fact::Device(name.to_owned(), DeviceState::NotInUse);
    let member = Fact::Member {
        device: "PJSIP/1002".to_owned(),
        queue: "q1".to_owned(),
        word: Some("paused".to_owned()),
    };
    *host.facts.lock() = vec![device("PJSIP/1001"), device("PJSIP/1002"), device("Custom:lunch"), member];
    let port = free_port().to_string();
    let state = ConfSection::new("state", [("host", "127.0.0.1"), ("port", &port)]);
    let site = Site::start(&host, settings::read(&[state]).unwrap());
    site.until("the people", |snapshot| snapshot.state.folk.people.len() == 2);
    let folk = &site.control.snapshot().state.folk;
    let names: Vec<&str> = folk.people.values().map(|person| &*person.name).collect();
    assert_eq!(names, ["Phone PJSIP/1001", "Phone PJSIP/1002"]);
    assert_eq!(folk.agent("1002", &["PJSIP/1002".to_owned()]), "q1 paused");
    assert_eq!(site.control.devices.state("PJSIP/1001"), DeviceState::Unknown);
}
