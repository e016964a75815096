//! What counts as evidence of the main, by its SIP.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{TcpListener, UdpSocket},
    sync::atomic::Ordering,
};

use super::{
    main::{Ami, Sip, asking, guessed, sip_answer, sip_server, site},
    *,
};
use crate::settings::Require;

#[test]
fn sip_is_asked_over_tcp_where_that_is_wanted() {
    let (ami, listener) = (Ami::start(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            let mut buffer = [0; 2048];
            let length = stream.read(&mut buffer).unwrap();
            // In two pieces, as TCP may.
            let answer = sip_answer(&buffer[..length]);
            let (start, end) = answer.split_at(20);
            stream.write_all(start.as_bytes()).unwrap();
            stream.write_all(end.as_bytes()).unwrap();
        }
    });
    let site = site(&ami, &format!("tcp:{address}"), "");
    assert_eq!(site.control.snapshot().monitor.sip, "answers");
}

#[test]
fn an_outage_of_sip_alone_ends_neither_with_other_settings_nor_with_a_restart() {
    let (host, ami, (sip, mute)) = (Arc::default(), Ami::start(), sip_server());
    let site = Site::start(&host, guessed(&ami, sip, "1"));
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    site.until("SIP", |snapshot| snapshot.monitor.sip == "answers");
    mute.store(true, Ordering::SeqCst);
    let dead = |snapshot: &Snapshot| {
        assert_ne!(snapshot.service.state, ServiceState::Normal, "{}", snapshot.service.reason);
        snapshot.monitor.state == MonitorState::Failed && snapshot.monitor.reason.contains("SIP silent")
    };
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    site.control.send_and_see(Command::Configure(guessed(&ami, sip, "2").into())).unwrap();
    site.until("the verdict of the new settings", dead);
    drop(site);
    let site = Site::start(&host, guessed(&ami, sip, "1"));
    site.until("the verdict after a restart", dead);
}

#[test]
fn a_sip_that_answers_something_else_is_silent() {
    let (ami, sip) = (Ami::start(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = sip.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = sip.recv_from(&mut buffer) {
            let other = sip_answer(&buffer[..length]).replace("z9hG4bK", "z9hG4bKnot");
            sip.send_to(other.as_bytes(), from).unwrap();
        }
    });
    let site = site(&ami, &format!("udp:{address}"), "require=any timeout=1");
    site.until("its silence", |snapshot| snapshot.monitor.sip.starts_with("silent"));
}

/// As res_pjsip is while it reloads: one of its queues stands still, and the Call-ID chooses the queue.
#[test]
fn a_question_that_stands_in_a_queue_is_asked_anew() {
    let (ami, sip) = (Ami::start(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = sip.local_addr().unwrap();
    thread::spawn(move || {
        let (mut buffer, mut stuck) = ([0; 2048], HashMap::new());
        while let Ok((length, from)) = sip.recv_from(&mut buffer) {
            let answer = sip_answer(&buffer[..length]);
            let call = answer.lines().find(|line| line.starts_with("Call-ID")).unwrap().to_owned();
            if *stuck.entry(from).or_insert_with(|| call.clone()) != call {
                sip.send_to(answer.as_bytes(), from).unwrap();
            }
        }
    });
    let site = site(&ami, &format!("udp:{address}"), "require=all");
    assert_eq!(site.control.snapshot().monitor.sip, "answers");
}

#[test]
fn an_address_of_this_machine_is_never_asked_over_sip_and_counts_for_nothing() {
    let (host, ami, sip) = (Arc::<StandIn>::default(), Ami::start(), Sip::start());
    host.own.lock().push([127, 0, 0, 1].into());
    // As behind a tunnel for AMI: SIP would answer, but it is our own. It did count once.
    let mut settings = asking(&ami, "", "alive_threshold=2");
    settings.main.as_mut().unwrap().sip.port = sip.socket.local_addr().unwrap().port();
    host.remember("sip_answered", Some(&settings.main.as_ref().unwrap().sip.place("127.0.0.1"))).unwrap();
    let site = Site::start(&host, settings);
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    site.until("a word of SIP", |snapshot| {
        snapshot.monitor.sip.starts_with("not asked: 127.0.0.1 is an address")
    });
    assert_eq!(site.control.snapshot().monitor.reason, "AMI answers");
    let log = host.log.lock().join("\n");
    assert!(
        log.contains("The main is not probed over SIP: 127.0.0.1 is an address of this machine"),
        "{log}"
    );
    sip.close();
}

#[test]
fn a_proxy_that_answers_for_a_main_that_is_gone_is_no_life() {
    let (ami, sip) = (Ami::start(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = sip.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = sip.recv_from(&mut buffer) {
            for status in ["100 Trying", "503 Service Unavailable"] {
                let answer = sip_answer(&buffer[..length]).replace("200 OK", status);
                sip.send_to(answer.as_bytes(), from).unwrap();
            }
        }
    });
    let site = Site::start(&Arc::default(), asking(&ami, &format!("udp:{address}"), "failure_tolerance=3"));
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    let reason = site.control.snapshot().service.reason.clone();
    assert!(reason.contains("SIP answers wrongly") && reason.contains("it answers 503"), "{reason}");
}

#[test]
fn a_name_that_cannot_be_looked_up_is_no_silence() {
    let (ami, sip) = (Ami::start(), Sip::start());
    for require in [Require::All, Require::Sip] {
        let mut settings = asking(&ami, &sip.place(), "failure_tolerance=1");
        settings.probe.require = require;
        // RFC 6761 section 6.4: .invalid never has an address.
        settings.main.as_mut().unwrap().host = "main.invalid".to_owned();
        settings.main.as_mut().unwrap().sip.address = Some([127, 0, 0, 1].into());
        let site = Site::start(&Arc::default(), settings);
        site.until("both", |snapshot| {
            assert_ne!(snapshot.monitor.state, MonitorState::Failed, "{}", snapshot.monitor.reason);
            snapshot.monitor.sip == "answers" && snapshot.monitor.ami.contains("not asked: main.invalid")
        });
        if require == Require::Sip {
            site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
        }
    }
    sip.close();
}

#[test]
fn the_status_says_what_is_asked_over_sip() {
    let (ami, sip) = (Ami::start(), Sip::start());
    let site = site(&ami, &sip.place(), "");
    let asked = site.control.snapshot().monitor.sip_question.clone();
    assert_eq!(asked, "BYE without a user name: the branch knows no user of the main yet");
    drop(site);
    sip.close();
}
