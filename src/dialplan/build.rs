//! The branch's own contexts, made of its users and of what the administrator says. Pure.
//!
//! ```text
//! synch-internal   emergency numbers; then, as includes:
//!   synch-users      the users of this site, each with a hint  ──▶ synch-ring       their phones, their box
//!   synch-others     asks the directory of the other sites     ──▶ synch-elsewhere  over the main, or outside
//!   the administrator's own contexts
//! ```
//!
//! `$[…]` calls functions that are in a value, too: so only values of ours come into one.
//!
//! Asterisk looks at the extensions of a context before its includes, whatever matches best: so an emergency number
//! is always first. No text of the main becomes an argument here but numbers and names of a narrow alphabet.

use std::collections::HashSet;

use super::{Context, Extension};
use crate::{
    settings::{Dialplan, Technology, Trunk},
    state::Target,
    sync::User,
};

/// The users of this site.
pub const USERS: &str = "synch-users";
/// What happens when one of them is called.
pub const RING: &str = "synch-ring";
/// The users of other sites.
pub const OTHERS: &str = "synch-others";
/// What happens when one of those is called.
pub const ELSEWHERE: &str = "synch-elsewhere";

/// Any number that can be in the directory.
const ANY_NUMBER: &str = "_[0-9*#+]!";

/// Causes of Q.850, which become SIP's 486, 480 and 503.
const BUSY: &str = "17";
const ABSENT: &str = "20";
const CONGESTION: &str = "34";

/// What the contexts are made of.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// What the administrator says.
    pub settings: &'a Dialplan,
    /// Channel driver of the users.
    pub technology: Technology,
    /// The users of this site.
    pub users: &'a [User],
    /// The system that serves.
    pub target: Target,
}

/// Makes the contexts.
#[must_use]
pub fn build(site: &Site<'_>) -> Vec<Context> {
    vec![internal(site), users(site), ring(site), others(), elsewhere(site)]
}

fn internal(site: &Site<'_>) -> Context {
    let Site { settings, target, .. } = site;
    let mut context = context(&settings.context);
    if let Some(trunk) = &settings.local_trunk {
        let numbers = settings.emergency.iter();
        context.extensions = numbers.map(|number| emergency(number, trunk, site)).collect();
    }
    let outside = &settings.outside;
    let now = match target {
        Target::Main => &outside.normal,
        Target::Branch => &outside.failover,
    };
    context.includes = [USERS, OTHERS].map(str::to_owned).to_vec();
    context.includes.extend(outside.always.iter().chain(now).cloned());
    context
}

fn emergency(number: &str, trunk: &Trunk, site: &Site<'_>) -> Extension {
    let mut extension = extension(number);
    dial_out(&mut extension, trunk, number, site);
    extension.labelled("refused", "Hangup", CONGESTION);
    extension
}

/// Over the local trunk, with the site's own number; on to the step `refused` where it can't be reached.
fn dial_out(extension: &mut Extension, trunk: &Trunk, number: &str, site: &Site<'_>) {
    if let Some(caller_id) = &site.settings.caller_id {
        // Whatever the user hides: help has to be able to call back.
        extension.then("Set", format!("CALLERID(num)={caller_id}"));
        extension.then("Set", "CALLERID(name)=");
        extension.then("Set", "CALLERID(pres)=allowed_passed_screen");
    }
    extension.then("Dial", trunk.dial(site.technology, number));
    extension.then("GotoIf", "$[\"${DIALSTATUS}\" = \"CHANUNAVAIL\"]?refused");
    extension.then("Hangup", "${HANGUPCAUSE}");
}

fn users(site: &Site<'_>) -> Context {
    let mut context = context(USERS);
    let mut known = HashSet::new();
    for user in site.users {
        let Some(number) = user.number.as_deref().filter(|number| known.insert(*number)) else { continue };
        let mut extension = extension(number);
        extension.hint = Some(device(site.technology, &user.name));
        extension.then("Goto", format!("{RING},${{EXTEN}},1"));
        context.extensions.push(extension);
    }
    context
}

/// The device of a user, as hints and states name it.
#[must_use]
pub fn device(technology: Technology, user: &str) -> String {
    match technology {
        Technology::Pjsip => format!("PJSIP/{user}"),
        Technology::Sip => format!("SIP/{user}"),
    }
}

fn ring(site: &Site<'_>) -> Context {
    let Dialplan { ring_time, main_trunk, .. } = site.settings;
    let mut called = extension(ANY_NUMBER);
    called.then("GotoIf", "${SYNCH_USER(${EXTEN},here)}?here:away");
    called.labelled("here", "Dial", format!("${{SYNCH_USER(${{EXTEN}},dial)}},{ring_time}"));
    called.then("GotoIf", "$[\"${DIALSTATUS}\" = \"BUSY\"]?busy:unavailable");
    // A dead address costs the time of a phone that nobody answers: where that is long, SIP gives up after 32 s
    // (RFC 3261, timer B). The caller hears it ring, since nobody knows whether a phone will say so.
    called.labelled("away", "Set", "SYNCH_KNOWN=${SYNCH_USER(${EXTEN},known)}");
    called.then("GotoIf", "$[\"${SYNCH_KNOWN}\" = \"\"]?unknown");
    called.then("Dial", format!("${{SYNCH_KNOWN}},{ring_time},r"));
    called.then("GotoIf", "$[\"${DIALSTATUS}\" = \"BUSY\"]?busy:unavailable");
    // A phone that isn't here while the main serves is there.
    let normal = format!("$[\"${{SYNCH(service)}}\" = \"Normal\"]?{ELSEWHERE},${{EXTEN}},1");
    match main_trunk {
        // A call that came from there would go round in a circle.
        Some(_) => {
            called.labelled("unknown", "GotoIf", "${SYNCH(from_main)}?unavailable");
            called.then("GotoIf", normal);
        }
        None => called.labelled("unknown", "NoOp", ""),
    }
    voicemail(&mut called, "unavailable", "u", ABSENT);
    voicemail(&mut called, "busy", "b", BUSY);
    Context { extensions: vec![called], ..context(RING) }
}

/// To the box, where the user has one.
fn voicemail(called: &mut Extension, label: &str, greeting: &str, cause: &str) {
    called.labelled(label, "Set", "SYNCH_BOX=${SYNCH_USER(${EXTEN},voicemail)}");
    called.then("GotoIf", format!("$[\"${{SYNCH_BOX}}\" = \"\"]?no_box_{label}"));
    called.then("VoiceMail", format!("${{SYNCH_BOX}},{greeting}"));
    called.then("Hangup", "");
    called.labelled(&format!("no_box_{label}"), "Hangup", cause);
}

fn others() -> Context {
    Context { asks_directory: true, ..context(OTHERS) }
}

fn elsewhere(site: &Site<'_>) -> Context {
    let Dialplan { main_trunk, local_trunk, refusal, .. } = site.settings;
    let mut called = extension(ANY_NUMBER);
    if let Some(trunk) = main_trunk {
        called.then("GotoIf", "${SYNCH(from_main)}?refused");
        called.then("GotoIf", "$[\"${SYNCH(monitor)}\" = \"Failed\"]?public");
        called.then("Dial", trunk.dial(site.technology, "${EXTEN}"));
        // The main has taken the call, and said no: that is the answer. Only where nobody took it is there another way.
        called.then("GotoIf", "$[\"${DIALSTATUS}\" = \"CHANUNAVAIL\"]?public");
        called.then("Hangup", "${HANGUPCAUSE}");
    }
    called.labelled("public", "Set", "SYNCH_PUBLIC=${SYNCH_USER(${EXTEN},public)}");
    called.then("GotoIf", "$[\"${SYNCH_PUBLIC}\" = \"\"]?refused");
    if let Some(trunk) = local_trunk {
        dial_out(&mut called, trunk, "${SYNCH_PUBLIC}", site);
    }
    match refusal {
        Some(sound) => {
            called.labelled("refused", "Progress", "");
            called.then("Playback", format!("{sound},noanswer"));
            called.then("Hangup", CONGESTION);
        }
        None => called.labelled("refused", "Hangup", CONGESTION),
    }
    Context { extensions: vec![called], ..context(ELSEWHERE) }
}

fn context(name: &str) -> Context {
    Context { name: name.to_owned(), ..Context::default() }
}

fn extension(pattern: &str) -> Extension {
    Extension { pattern: pattern.to_owned(), ..Extension::default() }
}
