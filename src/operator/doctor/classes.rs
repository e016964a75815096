//! Finds users who may not call outside because no line of `[classes]` names their context.

use std::collections::BTreeMap;

use super::{Level, Report};
use crate::{
    operator::status::Snapshot,
    settings::Dialplan,
    site::users::{Fate, Origin},
    words::wording::counted,
};

impl Report {
    pub(super) fn classes(&mut self, snapshot: &Snapshot, dialplan: &Dialplan) {
        let outside = &dialplan.outside;
        if [&outside.always, &outside.normal, &outside.failover].iter().all(|contexts| contexts.is_empty()) {
            return;
        }
        for (context, users) in unlisted(snapshot, dialplan) {
            let (count, first) = (counted(users.len(), "user"), users.first().copied().unwrap_or_default());
            let text = format!(
                "{count} may not call outside here, the first is {first}: no line of [classes] names {context}, \
                 their context on the main. If they may call outside on the main, add: {context} = outside"
            );
            self.say(Level::Warning, "classes", text);
        }
    }
}

/// Returns the users whose context on the main is in no line of `[classes]`, by that context.
fn unlisted<'a>(snapshot: &'a Snapshot, dialplan: &Dialplan) -> BTreeMap<String, Vec<&'a str>> {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let users = snapshot.sync.sections.iter().filter(|section| section.kind.is_account());
    for user in users {
        let written = |fate: &&Fate| fate.is_written() && fate.key.eq_ignore_ascii_case("context");
        let Some(fate) = user.options.iter().rev().find(written) else { continue };
        let on_main = match &fate.origin {
            Origin::Rewritten { was: Some(was), .. } => was.to_string(),
            // [endpoint] or [peer] says it.
            Origin::Rewritten { was: None, .. } | Origin::Main | Origin::Dropped { .. } => continue,
        };
        if dialplan.classes.lines().iter().all(|class| !class.of.is_match(&on_main)) {
            found.entry(on_main).or_default().push(&user.name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        operator::status::tests::snapshot,
        site::users::{Kind, Tailored},
    };

    #[test]
    fn whoever_loses_the_way_outside_is_named_with_the_line_to_add() {
        let user = |name: &str, context: &str| Tailored {
            kind: Kind::Endpoint,
            name: name.to_owned(),
            file: Arc::from("pjsip.conf"),
            options: vec![Fate {
                key: Arc::from("context"),
                value: Arc::from("x"),
                origin: Origin::Rewritten { was: Some(Arc::from(context)), why: "" },
            }],
        };
        let mut snapshot = snapshot();
        Arc::make_mut(&mut snapshot.sync).sections =
            [user("1001", "from-internal"), user("1002", "lobby"), user("1003", "lobby")].into();
        let told = |outside: &[&str]| {
            let mut dialplan = Dialplan::example();
            dialplan.outside.always = outside.iter().map(|&name| name.to_owned()).collect();
            let mut report = Report(Vec::new());
            report.classes(&snapshot, &dialplan);
            report.0
        };
        let found = told(&["gateway"]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].text.starts_with("2 users may not call outside here, the first is 1002: no line"),
            "{}",
            found[0].text
        );
        assert!(found[0].text.ends_with("names lobby, their context on the main. If they may call outside on the main, add: lobby = outside"));
        assert!(told(&[]).is_empty());
    }
}
