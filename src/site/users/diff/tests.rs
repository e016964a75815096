use proptest::prelude::*;

use super::*;

fn section(name: &str, lines: &[(&str, &str)]) -> ConfSection {
    ConfSection::new(name, lines.iter().copied())
}

/// An endpoint with its aor and auth; `more` is of the endpoint.
fn user(name: &str, password: &str, more: &[(&str, &str)]) -> Vec<ConfSection> {
    let auth = format!("{name}-auth");
    let callerid = format!("User <{name}>");
    let own = [("type", "endpoint"), ("aors", name), ("auth", &auth), ("callerid", &callerid)];
    vec![
        section(name, &[&own, more].concat()),
        section(name, &[("type", "aor"), ("max_contacts", "1")]),
        section(&auth, &[("type", "auth"), ("password", password)]),
    ]
}

fn between(old: &[Vec<ConfSection>], new: &[Vec<ConfSection>], keys: &RandomState) -> Diff {
    Diff::between(&old.concat(), &new.concat(), Technology::Pjsip, keys)
}

fn text(value: &str) -> Option<Value> {
    Some(Value::Text(value.to_owned()))
}

#[test]
fn who_came_and_who_went_is_told_with_the_caller_id() {
    let diff = between(&[user("1001", "x", &[])], &[user("1002", "x", &[])], &RandomState::new());
    let changes: Vec<_> = diff.changes().collect();
    assert_eq!(changes, [("1001", Change::Removed("User <1001>")), ("1002", Change::Added("User <1002>"))]);
    assert!(diff.names("1001") && !diff.names("1003"));
    let back: Vec<_> = diff.clone().reversed().changes().map(|(_, change)| format!("{change:?}")).collect();
    assert_eq!(back, ["Added(\"User <1001>\")", "Removed(\"User <1002>\")"]);
}

#[test]
fn options_are_told_of_the_user_and_of_all_it_names() {
    let old = user("1001", "x", &[("language", "en"), ("allow", "alaw"), ("allow", "ulaw")]);
    let mut new = user("1001", "x", &[("allow", "ulaw"), ("allow", "alaw"), ("dtmf_mode", "info")]);
    new[1].variables[1].value = "2".to_owned();
    let diff = between(&[old], &[new], &RandomState::new());
    let Some((_, Change::Changed(options))) = diff.changes().next() else { panic!("{diff:?}") };
    let option = |kind, key: &str, old, new| OptionDiff {
        kind,
        section: "1001".to_owned(),
        key: key.to_owned(),
        old,
        new,
    };
    assert_eq!(
        options,
        [
            option(Kind::Endpoint, "language", text("en"), None),
            option(Kind::Endpoint, "allow", text("alaw, ulaw"), text("ulaw, alaw")),
            option(Kind::Aor, "max_contacts", text("1"), text("2")),
            option(Kind::Endpoint, "dtmf_mode", None, text("info")),
        ]
    );
}

#[test]
fn of_a_password_only_that_it_changed_is_known() {
    let keys = RandomState::new();
    let versions = ["canary", "other", "canary"].map(|password| [user("1001", password, &[])]);
    let there = between(&versions[0], &versions[1], &keys);
    let and_back = there.clone().then(&between(&versions[1], &versions[2], &keys));
    let shown = format!("{there:?}");
    assert!(shown.contains("password") && !shown.contains("canary") && !shown.contains("other"), "{shown}");
    assert_eq!(and_back, Diff::default());
}

#[test]
fn another_order_of_the_same_values_is_a_change_of_its_own() {
    let old = user("1001", "x", &[("disallow", "all"), ("allow", "alaw")]);
    let new = user("1001", "x", &[("allow", "alaw"), ("disallow", "all")]);
    let diff = between(&[old], &[new], &RandomState::new());
    assert_eq!(diff.changes().collect::<Vec<_>>(), [("1001", Change::Reordered)]);
}

#[test]
fn who_was_away_has_returned_or_is_as_before() {
    let keys = RandomState::new();
    let (old, new) = ([user("1001", "x", &[])], [user("1001", "x", &[("language", "de")])]);
    let gone = between(&old, &[], &keys);
    assert_eq!(gone.clone().then(&between(&[], &old, &keys)), Diff::default());
    let returned = gone.then(&between(&[], &new, &keys));
    assert_eq!(returned.changes().collect::<Vec<_>>(), [("1001", Change::Returned)]);
    let removed = returned.then(&between(&new, &[], &keys));
    assert_eq!(removed.changes().collect::<Vec<_>>(), [("1001", Change::Removed("User <1001>"))]);
}

#[test]
fn a_peer_of_chan_sip_is_a_user_by_itself() {
    let peer =
        |secret| section("1001", &[("type", "friend"), ("secret", secret), ("callerid", "Alice <1001>")]);
    let diff = Diff::between(&[peer("a")], &[peer("b")], Technology::Sip, &RandomState::new());
    let Some(("1001", Change::Changed([option]))) = diff.changes().next() else { panic!("{diff:?}") };
    assert_eq!((option.kind, option.key.as_str()), (Kind::Peer, "secret"));
}

/// A version of few users with few options, so that chance makes them meet.
fn version() -> impl Strategy<Value = Vec<ConfSection>> {
    let option = prop_oneof![Just("language"), Just("allow"), Just("Allow")];
    let options = prop::collection::vec((option, prop_oneof![Just("a"), Just("b")]), 0..3);
    let one = (0..3u8, prop_oneof![Just("x"), Just("y")], options);
    prop::collection::vec(one, 0..4).prop_map(|users| {
        let users: BTreeMap<u8, _> =
            users.into_iter().map(|(number, password, options)| (number, (password, options))).collect();
        let sections =
            users.iter().map(|(number, (password, options))| user(&number.to_string(), password, options));
        sections.flatten().collect()
    })
}

/// In an order that depends on nothing.
fn sorted(change: Change<'_>) -> Vec<String> {
    let Change::Changed(options) = change else { return vec![format!("{change:?}")] };
    let shown = |option: &OptionDiff| format!("{:?}", (&option.key.to_lowercase(), &option.old, &option.new));
    let mut shown: Vec<String> = options.iter().map(shown).collect();
    shown.sort();
    shown
}

proptest! {
    /// What is put together from one version to the next says the same as a look at both ends; but for who was away.
    #[test]
    fn differences_add_up(versions in prop::collection::vec(version(), 2..6)) {
        let keys = RandomState::new();
        let between = |old: &[ConfSection], new: &[ConfSection]| {
            Diff::between(old, new, Technology::Pjsip, &keys)
        };
        let steps = versions.windows(2).map(|pair| between(&pair[0], &pair[1]));
        let added = steps.fold(Diff::default(), |all, step| all.then(&step));
        let direct = between(&versions[0], versions.last().unwrap());
        prop_assert!(added.changes().map(|(name, _)| name).eq(direct.changes().map(|(name, _)| name)));
        for ((_, added), (_, direct)) in added.changes().zip(direct.changes()) {
            if added != Change::Returned {
                prop_assert_eq!(sorted(added), sorted(direct));
            }
        }
        let back = between(versions.last().unwrap(), &versions[0]);
        for ((_, reversed), (_, back)) in direct.reversed().changes().zip(back.changes()) {
            prop_assert_eq!(sorted(reversed), sorted(back));
        }
    }
}
