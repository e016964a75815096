//! An unload ends everything in bounded time, whoever hangs in Asterisk.

use std::sync::atomic::AtomicBool;

use super::*;

/// A branch with users, whose name server listens on this port.
fn with_users(port: u16) -> Settings {
    let bind = format!("127.0.0.1:{port}");
    let dns = [
        ("bind", bind.as_str()),
        ("domain", "voice.example.com"),
        ("target_normal", "10.0.0.254"),
        ("target_failover", "192.0.2.1"),
    ];
    let main = [("host", "127.0.0.1"), ("port", "9"), ("username", "u"), ("secret", "s")];
    let sync = [("filter_key", "accountcode"), ("filter_value", "^x$")];
    settings::read(&[
        ConfSection::new("main", main),
        ConfSection::new("sync", sync),
        ConfSection::new("dns", dns),
    ])
    .unwrap()
}

/// An engine that runs, how it is ended, and whether it has come to what it does last.
struct Running {
    control: Control,
    ending: Ending,
    engine: JoinHandle<()>,
    last: Arc<AtomicBool>,
}

fn run(host: &Arc<StandIn>, settings: Settings) -> Running {
    let (control, engine) = prepare(Arc::clone(host) as Arc<dyn Host>, settings.into(), Arc::default());
    let (ending, last) = (engine.ending(&control), Arc::new(AtomicBool::new(false)));
    let done = Arc::clone(&last);
    let engine = thread::spawn(move || engine.run(|| done.store(true, Ordering::SeqCst)));
    Running { control, ending, engine, last }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    assert!(crate::engine::crew::roll::wait(LONG, holds), "{what} did not come");
}

#[test]
fn a_worker_that_hangs_is_left_alone_and_named_and_phones_have_their_answer_until_the_others_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (host, port) = (Arc::new(StandIn::at(folder.path(), "")), free_port());
    let hung = host.dialplan.lock();
    let Running { control, ending, engine, last } = run(&host, with_users(port));
    until("the name server", || control.snapshot().dns.state.starts_with("listening"));
    until("somebody to hang", || host.is_looked_into.load(Ordering::SeqCst));
    control.stop();
    until("the end of the others", || ending.roll.is_closed());
    // Somebody is still waited for.
    assert!(address(port).starts_with("1"));

    let Ended { joinable, left } = ending.end();
    // The engine has told of them itself.
    assert_eq!((joinable, left), (true, Vec::new()));
    engine.join().unwrap();
    assert!(last.load(Ordering::SeqCst));
    let log = host.log.lock().join("\n");
    assert!(log.contains("Warning Thread synch/own-dp hangs in a call into Asterisk"), "{log}");
    assert_eq!(log.matches("hangs in a call").count(), 1, "{log}");
    UdpSocket::bind(("127.0.0.1", port)).unwrap();
    drop(hung);
}

#[test]
fn an_engine_that_hangs_itself_is_left_alone_and_its_workers_are_ended_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let (host, port) = (Arc::new(StandIn::at(folder.path(), "")), free_port());
    let Running { control, ending, engine, last } = run(&host, with_users(port));
    until("the name server", || control.snapshot().dns.state.starts_with("listening"));
    // The next change of a state is told as an event: in there it hangs.
    let hung = host.events.lock();
    control.send(Command::SetMode(Mode::Normal)).unwrap();
    until("the event", || host.is_told.load(Ordering::SeqCst));

    let Ended { joinable, left } = ending.end();
    assert_eq!((joinable, left), (false, vec!["engine".to_owned()]));
    UdpSocket::bind(("127.0.0.1", port)).unwrap();

    // What it would do last may be another engine's by now.
    drop(hung);
    engine.join().unwrap();
    assert!(!last.load(Ordering::SeqCst));
}
