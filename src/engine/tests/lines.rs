//! What goes wrong by the minute does not fill the log.

use super::*;

#[test]
fn a_sync_that_fails_again_and_again_is_told_at_powers_of_two() {
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(StandIn::at(folder.path(), ""));
    let main = [("host", "127.0.0.1"), ("port", "9"), ("username", "u"), ("secret", "s")];
    let sections = [
        ConfSection::new("main", main),
        ConfSection::new("sync", [("filter_value", "x")]),
        ConfSection::new("dns", [("enabled", "no")]),
    ];
    let site = Site::start(&host, settings::read(&sections).unwrap());
    for ended in 1..=9 {
        site.until("a sync", |snapshot| snapshot.sync.ended >= ended);
        site.control.send_and_see(Command::Sync { accepted: Arc::default() }).unwrap();
    }
    let log = host.log.lock().clone();
    let told: Vec<&str> = log.iter().filter(|line| line.contains("Unsynced")).map(String::as_str).collect();
    let [first, again @ ..] = told.as_slice() else { panic!("{log:?}") };
    assert!(first.contains("from Init to Unsynced") && first.contains("cannot connect"), "{first}");
    assert_eq!(again.len(), 3, "{again:?}");
    for (line, times) in again.iter().zip([2, 4, 8]) {
        assert!(
            line.contains("Still Unsynced") && line.ends_with(&format!("({times} times so far)")),
            "{line}"
        );
    }
}
