//! Who can dial what at this branch now, context by context. Pure.

use super::Snapshot;
use crate::{
    settings::{Dialplan, PEOPLE},
    words::{
        codes::{ANY_MESSAGES, OWN_MESSAGES},
        wording::counted,
    },
};

/// Returns the text of `synch show dialplan`.
#[must_use]
pub fn dialplan(snapshot: &Snapshot) -> String {
    let Some(dialplan) = &snapshot.settings.dialplan else {
        return "[dialplan] enabled = no: synch makes no contexts, and users keep their context on the main.\n"
            .to_owned();
    };
    let doors = dialplan.doors();
    let mut text: String = doors.iter().filter_map(|door| of(&door.name, snapshot, dialplan)).collect();
    text.push_str(
        "All these contexts have the lamps (hints) of the numbers of this site: see 'core show hints'.\n",
    );
    text
}

fn of(context: &str, snapshot: &Snapshot, dialplan: &Dialplan) -> Option<String> {
    let door = snapshot.door(context)?;
    let classes =
        dialplan.classes.lines().iter().filter(|class| dialplan.door_of(&class.of.to_string()) == context);
    let classes: Vec<String> = classes.map(|class| class.of.to_string()).collect();
    let whose = match (context == PEOPLE, classes.is_empty()) {
        (true, true) => "users of any other context of the main".to_owned(),
        (true, false) => format!("users of {} and of any other context of the main", classes.join(", ")),
        (false, true) => "no users of the main".to_owned(),
        (false, false) => format!("users of {} on the main", classes.join(", ")),
    };
    let mut text = format!("Context {context}: {whose}\n");
    let mut line = |what: &str, where_to: &str| text.push_str(&format!("  {what:<20} {where_to}\n"));
    if let (Some(trunk), false) = (&dialplan.local_trunk, dialplan.emergency.is_empty()) {
        let second = dialplan.emergency_second.as_ref();
        let second = second.map(|trunk| format!(", then over {trunk}")).unwrap_or_default();
        line(&dialplan.emergency.join(", "), &format!("emergency, over {trunk}{second}"));
    }
    let sync = &snapshot.sync;
    let numbers = sync.users.iter().filter(|user| user.number.is_some()).count();
    line(&counted(numbers, "number"), "of this site: see 'synch show users'");
    line(&counted(sync.directory.len(), "number"), "of other sites: see 'synch show directory'");
    let beyond = door.beyond();
    if snapshot.settings.voicemail.is_some() {
        line(
            &format!("{OWN_MESSAGES}, {ANY_MESSAGES}"),
            "messages: your own mailbox, or any mailbox, with its PIN",
        );
    }
    line(
        "besides",
        &if beyond.is_empty() {
            "nothing".to_owned()
        } else {
            format!("everything in {}", beyond.join(", "))
        },
    );
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        operator::status::tests::snapshot,
        settings,
        words::{conf::ConfSection, state::Target},
    };

    #[test]
    fn each_context_says_whose_it_is_and_where_it_leads_now() {
        let mut snapshot = snapshot();
        let section = |name, lines: &[(&str, &str)]| ConfSection::new(name, lines.iter().copied());
        let sections = [
            section("main", &[("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]),
            section("sync", &[("enabled", "no")]),
            section("dns", &[("enabled", "no")]),
            section(
                "dialplan",
                &[
                    ("local_trunk", "gw"),
                    ("emergency_second", "gsm"),
                    ("emergency", "112,911"),
                    ("outside", "ours"),
                    ("outside_failover", "out"),
                ],
            ),
            section("classes", &[("no-outside-lines", "none"), ("managers", "outside,intercom")]),
        ];
        snapshot.settings = settings::read(&sections).unwrap().into();
        snapshot.service.target = Target::Main;
        let text = dialplan(&snapshot);
        assert!(text.contains("Context synch-internal: users of from-internal on the main\n"), "{text}");
        assert!(text.contains("  112, 911             emergency, over gw, then over gsm\n"), "{text}");
        assert!(
            text.contains("Context synch-people: users of no-outside-lines and of any other context"),
            "{text}"
        );
        assert!(text.contains("  besides              everything in ours\n"), "{text}");
        assert!(text.contains("  besides              nothing\n"), "{text}");
        snapshot.service.target = Target::Branch;
        let text = dialplan(&snapshot);
        assert!(text.contains("Context synch-class-managers: users of managers on the main\n"), "{text}");
        assert!(text.contains("everything in ours, out, intercom\n"), "{text}");
    }
}
