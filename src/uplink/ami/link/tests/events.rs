use super::*;

const GREETING: &str = "Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n";
const RELOAD: &str = "Event: Reload\r\nPrivilege: system,all\r\nModule: All\r\nStatus: 0\r\n\r\n";

fn link(address: SocketAddr) -> Link {
    Link::for_events(address, &settings(), &Hangup::new(), crypto())
}

/// A main that greets and then tells, around its answers to Ping, what `tell` says of each.
fn main_that_tells(
    greeting: &'static str,
    mut tell: impl FnMut(usize) -> (&'static str, &'static str) + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let mut pings = 0;
    main_that(1, move |mut request| {
        let (mut before, mut behind) = ("", "");
        if request.is("Login") {
            assert_eq!(request.lines[5], "Events: system");
            behind = greeting;
        } else if request.is("Ping") {
            (before, behind) = tell(pings);
            pings += 1;
        }
        request.stream.write_all(before.as_bytes()).unwrap();
        request.serve("");
        let _ = request.stream.write_all(behind.as_bytes());
        true
    })
}

fn name(event: Option<Frame>) -> Option<String> {
    event.map(|event| String::from_utf8_lossy(event.get("Event").unwrap()).into_owned())
}

#[test]
fn events_around_a_pong_are_kept_in_order() {
    let others =
        "Event: ChallengeSent\r\n\r\nEvent: PeerStatus\r\n\r\nEvent: Shutdown\r\nRestart: True\r\n\r\n";
    let (address, main) =
        main_that_tells(GREETING, move |ping| if ping == 1 { (RELOAD, others) } else { ("", "") });
    let mut link = link(address);
    link.ping(ample()).unwrap();
    assert!(link.may_read_events() && link.has_booted());
    for wanted in ["Reload", "PeerStatus", "Shutdown"] {
        assert_eq!(name(link.next_event(ample()).unwrap()).as_deref(), Some(wanted));
    }
    drop(link);
    main.join().unwrap();
}

#[test]
fn silence_is_no_error_and_the_connection_stays() {
    let (address, main) = main_that_tells(GREETING, |ping| if ping == 1 { ("", RELOAD) } else { ("", "") });
    let mut link = link(address);
    assert_eq!(link.next_event(soon()).unwrap(), None, "the greeting is not told");
    assert!(link.is_open());
    link.ping(ample()).unwrap();
    assert_eq!(name(link.next_event(ample()).unwrap()).as_deref(), Some("Reload"));
    drop(link);
    main.join().unwrap();
}

#[test]
fn who_is_not_greeted_may_not_read_events() {
    let (address, main) = main_that_tells("", |_| ("", ""));
    let mut link = link(address);
    assert!(!link.may_read_events(), "not known without a connection");
    link.ping(ample()).unwrap();
    assert!(!link.may_read_events() && !link.has_booted());
    drop(link);
    main.join().unwrap();
}

#[test]
fn a_main_that_has_just_started_shows_it_later() {
    let (address, main) = main_that_tells("", |ping| if ping == 1 { (GREETING, "") } else { ("", "") });
    let mut link = link(address);
    link.ping(ample()).unwrap();
    assert!(link.may_read_events());
    assert_eq!(name(link.next_event(ample()).unwrap()).as_deref(), Some("FullyBooted"));
    drop(link);
    main.join().unwrap();
}

#[test]
fn a_connection_lost_while_waiting_is_an_error() {
    let (address, main) = main_that(1, |mut request| {
        request.serve("");
        !request.is("Ping")
    });
    let error = transport(link(address).next_event(ample()));
    assert!(matches!(error, TransportError::Closed { .. } | TransportError::Lost { .. }), "{error:?}");
    main.join().unwrap();
}

#[test]
fn a_reload_moves_the_stamp() {
    let mut asked = 0;
    let (address, main) = main_that(1, move |mut request| {
        if !request.is("CoreStatus") {
            request.serve("");
            return true;
        }
        asked += 1;
        let second = if asked == 3 { 5 } else { 4 };
        let text = format!(
            "CoreStartupDate: 2026-01-02\r\nCoreStartupTime: 09:00:00\r\nCoreReloadDate: 2026-01-02\r\n\
             CoreReloadTime: 10:00:0{second}\r\nCoreCurrentCalls: {asked}\r\n"
        );
        request.answer("Success", if asked == 4 { "" } else { &text });
        true
    });
    let mut link = probe(address);
    let first = link.core_status(ample()).unwrap();
    assert_eq!(link.core_status(ample()).unwrap(), first);
    assert_ne!(link.core_status(ample()).unwrap(), first);
    let refusal = refusal(link.core_status(ample()));
    assert!(matches!(refusal, Refusal::Answer { action: "CoreStatus", .. }), "{refusal:?}");
    assert!(link.is_open(), "a no to one question is none to the next");
    drop(link);
    main.join().unwrap();
}
