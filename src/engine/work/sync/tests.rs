//! A new file into force, on a stand-in for Asterisk whose channel driver refuses what it is told to.

use crossbeam_channel::bounded;

use super::{shrink::Lost, *};
use crate::{
    engine::{
        crew::worker::on_a_worker,
        host::Host,
        reach::lookup::Lookup,
        stand_in::{StandIn, sections},
    },
    operator::status::SyncStatus,
    settings::read,
    site::{shrink::Guarded, users::Store},
    words::conf::ConfSection,
};

fn settings() -> Arc<Settings> {
    let main = ConfSection::new("main", [("host", "192.0.2.1"), ("username", "synch"), ("secret", "x")]);
    let sync = ConfSection::new("sync", [("filter_value", "x")]);
    Arc::new(read(&[main, sync, ConfSection::new("dns", [("enabled", "no")])]).unwrap())
}

/// Runs something with a site whose channel driver never has that user.
fn with_site(never: &'static str, body: impl Fn(&mut Site<'_>, &Store, &StandIn) + Send + 'static) {
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(StandIn::at(folder.path(), never));
    let settings = settings();
    let (events, _told) = crossbeam_channel::unbounded();
    let teller = Teller::new(1, events);
    let access = Access {
        main: settings.main.clone().unwrap(),
        crypto: host.clone(),
        address: Lookup::start(settings.main.as_ref().unwrap(), &(host.clone() as Arc<dyn Host>))
            .unwrap()
            .address(),
        session: None,
        teller: teller.clone(),
    };
    let syncing = Syncing {
        kit: host.kit(&settings),
        settings: settings.sync.clone().unwrap(),
        access,
        all: settings,
        orders: bounded(1).1,
        teller,
    };
    on_a_worker(move |stop| {
        let hangup = Hangup::new();
        let mut site = Site::new(&syncing, &hangup, stop);
        let store = site.common.store().unwrap();
        body(&mut site, &store, &host);
    });
}

fn install(site: &mut Site<'_>, store: &Store, text: &str) -> Result<(), Failure> {
    site.parts.users.install(store, text, &sections(text), &mut site.common)
}

const GOOD: &str = "; Written by res_synch from test.\n[1001]\ntype = endpoint\n[1002]\ntype = endpoint\n";
const BAD: &str = "; Written by res_synch from test.\n[1001]\ntype = endpoint\n[1003]\ntype = endpoint\n";

#[test]
fn the_last_good_version_goes_back_and_the_bad_one_is_not_tried_again() {
    with_site("1003", |site, store, host| {
        install(site, store, GOOD).unwrap();
        let failure = install(site, store, BAD).unwrap_err().to_string();
        assert!(failure.starts_with("version 1 is in force again"), "{failure}");
        assert!(failure.contains("endpoint 1003 the first"), "{failure}");
        assert_eq!(store.read_current().unwrap().as_deref(), Some(GOOD.as_bytes()));
        assert_eq!((site.common.status.version, *host.reloads.lock()), (Some(1), 3));
        assert_eq!(site.common.status.users.len(), 2);

        let failure = install(site, store, BAD).unwrap_err().to_string();
        assert!(failure.starts_with("the last good version stays in force"), "{failure}");
        assert_eq!(*host.reloads.lock(), 3);
        // A person's word.
        site.parts.users.forget_bad();
        assert!(matches!(install(site, store, BAD), Err(Failure::WentBack { version: 1, .. })));
    });
}

#[test]
fn an_order_that_nobody_waits_for_is_not_carried_out() {
    with_site("", |site, _, _| {
        let (claim, ticket) = Claim::new(1, Instant::now() + Duration::from_secs(60));
        drop(claim);
        let sync = site.unless_held(Wish::Asked, Some(&ticket));
        assert!(matches!(sync, Err(Failure::Over)), "{sync:?}");
    });
}

#[test]
fn who_asks_for_a_sync_that_is_put_off_has_no_version_held_in_the_next() {
    with_site("", |site, _, _| {
        site.common.hold(Some(1));
        site.put_off(&Order::Due);
        assert_eq!(site.common.status.held, Some(1));
        site.put_off(&Order::Sync { accepted: Arc::default() });
        assert_eq!(site.common.status.held, None);
    });
}

#[test]
fn a_first_file_stays_because_there_is_none_to_go_back_to() {
    with_site("1003", |site, store, _| {
        let failure = install(site, store, BAD).unwrap_err();
        assert!(matches!(failure, Failure::NotLive { missing: 1, .. }), "{failure}");
        assert_eq!(store.read_current().unwrap().as_deref(), Some(BAD.as_bytes()));
    });
}

#[test]
fn what_all_branches_hear_waits_only_where_there_are_users_and_a_person_never_waits() {
    with_site("", |site, store, _| {
        let now = Instant::now();
        let settings::Sync { interval, spread, .. } = site.common.syncing.settings;
        let mut schedule = Schedule::new(interval, spread, now);
        schedule.begins(now, 0);
        assert!(!site.puts_off(&Order::Soon, &mut schedule, now));
        install(site, store, GOOD).unwrap();
        for order in [Order::Sync { accepted: Arc::default() }, Order::Due, Order::Rollback(1)] {
            assert!(!site.puts_off(&order, &mut schedule, now), "{order:?}");
        }
        assert!(site.puts_off(&Order::Soon, &mut schedule, now));
        let due = schedule.due();
        assert!(now <= due && due <= now + spread);
        // Several are one.
        assert!(site.puts_off(&Order::Soon, &mut schedule, now));
        assert_eq!(schedule.due(), due);
    });
}

#[test]
fn every_trunk_and_endpoint_of_the_branch_is_fenced_whoever_made_it() {
    let second = "DAHDI/g1/${EXTEN}";
    let dialplan = [
        ("main_trunk", "to-main"),
        ("local_trunk", "gateway"),
        ("emergency", "112"),
        ("emergency_second", second),
    ];
    let main = ConfSection::new("main", [("host", "192.0.2.1"), ("username", "synch"), ("secret", "x")]);
    let sync = ConfSection::new("sync", [("filter_value", "x")]);
    let dns = ConfSection::new("dns", [("enabled", "no")]);
    let settings = read(&[main, sync, dns, ConfSection::new("dialplan", dialplan)]).unwrap();
    let dialplan = settings.dialplan.unwrap();
    with_site("", move |site, _, host| {
        let file = host.config_dir().join("pjsip_wizard.conf");
        std::fs::write(file, "[provider]\ntype = wizard\n").unwrap();
        let fenced = contexts::fenced(&dialplan, &site.common);
        for name in ["to-main", "gateway", "DAHDI", "g1", "provider"] {
            assert!(fenced.iter().any(|known| known == name), "{name}: {fenced:?}");
        }
    });
}

#[test]
fn a_restart_knows_when_the_last_sync_succeeded() {
    with_site("", |site, _, _| {
        assert_eq!(site.common.status.succeeded, None);
        site.succeed();
        let before = site.common.status.succeeded;
        let again = Site::new(site.common.syncing, site.common.hangup, site.common.stop);
        assert!(before.is_some() && again.common.status.succeeded == before);
        assert_eq!(again.common.status.last_sync, "");
    });
}

/// 1001 by another name of the box, and 1002 has none: that of sales is somebody else's.
#[test]
fn a_restart_in_an_outage_leaves_everybody_his_own_mailbox() {
    with_site("", |site, _, host| {
        let write = |name, text| std::fs::write(host.config_dir().join(name), text).unwrap();
        write(
            "pjsip_synch.conf",
            "[1001]\ntype = endpoint\nmailboxes = 1001@device\n[1002]\ntype = endpoint\n[1003]\ntype = endpoint\n",
        );
        write("voicemail_synch.conf", "[default]\n1001 = 1\n[sales]\n1002 = 1\n");
        let kept = |boxes: &[(&str, &str)]| -> std::collections::BTreeMap<String, String> {
            boxes.iter().map(|(number, name)| ((*number).to_owned(), (*name).to_owned())).collect()
        };
        let all = [("1001", "1001@default"), ("1003", "1003@gone"), ("9", "1001@default")];
        site.parts.mailboxes.take(kept(&all), &mut site.common);
        site.common.status.boxes = Arc::default();
        site.parts.mailboxes.look_at_disk(&mut site.common).unwrap();
        assert_eq!(*site.common.status.boxes, kept(&all[..1]));
    });
}

fn names(range: std::ops::Range<u32>) -> crate::site::shrink::Names {
    range.map(|number| format!("{number:02}")).collect()
}

#[test]
fn what_a_day_loses_is_held_over_restarts_and_accepted_by_the_names_shown() {
    with_site("", |site, _, host| {
        // Small steps, each within what one sync may take away.
        site.common.may_become(Guarded::Directory, &names(0..20), &names(0..10)).unwrap();
        let held = |site: &mut Site<'_>| {
            let failure =
                site.common.may_become(Guarded::Directory, &names(0..10), &names(0..9)).unwrap_err();
            assert_eq!(
                failure.to_string(),
                "held: it would take away 1 of 20 numbers of the directory after the 10 that have gone within 24 hours, \
                 more than max_shrink = 50 percent; 'synch show directory' names what would go, and 'synch sync' takes \
                 just that away"
            );
            Arc::clone(&site.common.status.held_removals)
        };
        held(site);
        // A new life of the module.
        (site.common.lost, site.common.status) = (Lost::default(), SyncStatus::before_the_first(true));
        site.look_at_disk().unwrap();
        let shown = held(site);
        assert_eq!(shown.get(&Guarded::Directory), Some(&names(9..10)));
        held(site);
        let told = host
            .log
            .lock()
            .iter()
            .filter(|line| line.contains("Held: the sync would remove 1 number"))
            .count();
        assert_eq!(told, 2, "each life once");

        // Somebody else is missing as well by now: nobody goes, and all are shown.
        site.common.lost.accept(shown);
        assert!(site.common.may_become(Guarded::Directory, &names(0..10), &names(0..8)).is_err());
        let shown = Arc::clone(&site.common.status.held_removals);
        assert_eq!(shown.get(&Guarded::Directory), Some(&names(8..10)));
        site.common.lost.accept(shown);
        site.common.may_become(Guarded::Directory, &names(0..10), &names(0..8)).unwrap();
        assert!(site.common.status.held_removals.is_empty());
        // The others have a memory of their own.
        site.common.lost.accept(Arc::default());
        site.common.may_become(Guarded::Mailboxes, &names(0..10), &names(0..5)).unwrap();
    });
}

#[test]
fn another_trunk_is_another_fence_for_what_is_synced() {
    let with = |second| {
        let dialplan = [("local_trunk", "gateway"), ("emergency", "112"), ("emergency_second", second)];
        let sections = [
            ConfSection::new("main", [("host", "192.0.2.1"), ("username", "synch"), ("secret", "x")]),
            ConfSection::new("sync", [("filter_value", "x")]),
            ConfSection::new("dns", [("enabled", "no")]),
            ConfSection::new("dialplan", dialplan),
        ];
        Syncing::spec(&settings::read(&sections).unwrap())
    };
    let [spec, same, other] = ["gsm", "gsm", "other"].map(with);
    assert!(spec.is_some() && spec == same && spec != other);
}
