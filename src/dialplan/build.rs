//! The branch's own contexts. Pure.
//!
//! ```text
//! synch-internal, synch-people, synch-class-…   one for each set of rights: where phones dial
//!   emergency numbers                            ──▶ synch-emergency  the local trunk, then the second
//!   the switch: `door` says where a number leads
//!     users of this site                         ──▶ synch-ring       their phones, their mailbox
//!     people of other sites                      ──▶ synch-elsewhere  over the main, or outside
//!     contexts that the class may reach          ──▶ the administrator's
//!   include synch-users                          the users once more, for Goto and include, and all hints
//!   include synch-messages                       *97 the own mailbox, *98 any
//! synch-others                                   the people of other sites, for include
//! ```
//!
//! What these steps say is the same for ever: who has which phone, which system serves and what the settings say, they ask
//! the functions of [`crate::operator::functions`]. So a move, a change of the settings or of a user's phone changes nothing here.
//!
//! `$[…]` calls functions that are in a value, too: so only values of ours come into one. Asterisk looks at the extensions
//! of a context before its switches and includes, whatever matches best: so an emergency number is always first.

use std::{collections::HashSet, ffi::CStr};

use super::{Context, Extension, Hint};
use crate::{
    settings::{Dialplan, Technology},
    site::users::User,
    words::codes::{ANY_MESSAGES, OWN_MESSAGES},
};

/// All that is to be ours in Asterisk's dialplan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// These contexts, whole.
    pub contexts: Vec<Context>,
    /// These hints, all in [`USERS`].
    pub hints: Vec<Hint>,
}

/// The users of this site, and the hints.
pub const USERS: &str = "synch-users";
/// What happens when one of them is called.
pub const RING: &str = "synch-ring";
/// The people of other sites.
pub const OTHERS: &str = "synch-others";
/// What happens when one of those is called.
pub const ELSEWHERE: &str = "synch-elsewhere";
/// What happens when an emergency number is called.
pub const EMERGENCY: &str = "synch-emergency";

/// Where users hear their messages.
pub const MESSAGES: &str = "synch-messages";

/// The variable of a call that has the numbers which have sent it on, each behind a colon.
pub const FORWARDED: &CStr = c"SYNCH_FORWARDED";

/// The same that says whether such a call came from the main: what goes on of it has another channel.
pub const FROM_MAIN: &CStr = c"SYNCH_FROM_MAIN";
/// The same that says that it is one: it ends in no box of whoever it is sent to.
pub const SENT_ON: &CStr = c"SYNCH_SENT_ON";

/// Any number that can be in the directory.
const ANY_NUMBER: &str = "_[0-9*#+]!";

/// Causes of Q.850, which become SIP's 486, 480 and 503.
const BUSY: &str = "17";
const ABSENT: &str = "20";
const CONGESTION: &str = "34";

/// Makes the contexts. Only doors and users follow the settings and the sync. `boxes`: whether users may have mailboxes.
#[must_use]
pub fn build(settings: &Dialplan, users: &[User], boxes: bool) -> Vec<Context> {
    let mut contexts = vec![ring(), elsewhere(), emergency(), others(), messages(boxes), listed(users)];
    contexts.extend(settings.doors().into_iter().map(|door| self::door(&door.name, settings)));
    contexts
}

/// The device of a user, as hints and states name it.
#[must_use]
pub fn device(technology: Technology, user: &str) -> String {
    format!("{}/{user}", technology.driver())
}

/// The devices of a person, as one hint names them.
#[must_use]
pub fn devices<'a>(technology: Technology, users: impl IntoIterator<Item = &'a User>) -> String {
    let device = |user: &User| device(technology, &user.name);
    users.into_iter().map(device).collect::<Vec<_>>().join("&")
}

fn door(name: &str, settings: &Dialplan) -> Context {
    let mut context = Context { asks_synch: true, ..context(name) };
    if settings.local_trunk.is_some() {
        let lead_on = |number: &String| goto(number, EMERGENCY);
        context.extensions = settings.emergency.iter().map(lead_on).collect();
    }
    context.includes = vec![USERS.to_owned(), MESSAGES.to_owned()];
    context
}

fn listed(users: &[User]) -> Context {
    let mut known = HashSet::new();
    let numbers = users.iter().filter_map(|user| user.number.as_deref());
    let extensions =
        numbers.filter(|number| known.insert(*number)).map(|number| goto(number, RING)).collect();
    Context { extensions, ..context(USERS) }
}

fn others() -> Context {
    Context { asks_synch: true, ..context(OTHERS) }
}

/// The usual codes. Last of all, so that an administrator's own of the same number come first.
fn messages(boxes: bool) -> Context {
    let mut own = extension(OWN_MESSAGES);
    own.then("Set", "SYNCH_BOX=${SYNCH_USER(${CALLERID(num)},voicemail)}");
    // Whoever has none is asked for the number of one, and whoever has is asked for its PIN.
    own.then("VoiceMailMain", "${SYNCH_BOX}");
    own.then("Hangup", "");
    let mut any = extension(ANY_MESSAGES);
    any.then("VoiceMailMain", "");
    any.then("Hangup", "");
    Context { extensions: if boxes { vec![own, any] } else { Vec::new() }, ..context(MESSAGES) }
}

fn emergency() -> Context {
    let mut called = extension(ANY_NUMBER);
    own_caller_id(&mut called, "dial");
    called.labelled("dial", "Dial", "${SYNCH_TRUNK(local,${EXTEN})}");
    // Whoever calls for help is tried again wherever a trunk did not take the call.
    for dead in ["CHANUNAVAIL", "CONGESTION"] {
        called.then("GotoIf", format!("$[\"${{DIALSTATUS}}\" = \"{dead}\"]?second"));
    }
    called.then("Hangup", "${HANGUPCAUSE}");
    called.labelled("second", "GotoIf", "$[\"${SYNCH_TRUNK(second,${EXTEN})}\" = \"\"]?refused");
    called.then("Dial", "${SYNCH_TRUNK(second,${EXTEN})}");
    called.then("GotoIf", "$[\"${DIALSTATUS}\" = \"CHANUNAVAIL\"]?refused");
    called.then("Hangup", "${HANGUPCAUSE}");
    called.labelled("refused", "Hangup", CONGESTION);
    Context { extensions: vec![called], ..context(EMERGENCY) }
}

/// The site's own number, whatever the user hides: who is called has to be able to call back. On to that step where the
/// site has none.
fn own_caller_id(extension: &mut Extension, behind: &str) {
    extension.then("GotoIf", format!("$[\"${{SYNCH(caller_id)}}\" = \"\"]?{behind}"));
    extension.then("Set", "CALLERID(num)=${SYNCH(caller_id)}");
    extension.then("Set", "CALLERID(name)=");
    extension.then("Set", "CALLERID(pres)=allowed_passed_screen");
}

fn ring() -> Context {
    let mut called = extension(ANY_NUMBER);
    // What the person has set, in FreePBX's order: forwarded, not to be disturbed, and only then the phones.
    forwarded(&mut called, "forward");
    called.then("GotoIf", "${SYNCH_USER(${EXTEN},dnd)}?busy");
    called.then("GotoIf", "${SYNCH_USER(${EXTEN},here)}?here:away");
    called.labelled("here", "Dial", "${SYNCH_USER(${EXTEN},dial)},${SYNCH(ring_time)}");
    called.then("GotoIf", "$[\"${DIALSTATUS}\" = \"BUSY\"]?busy:unavailable");
    // A dead address costs the time of a phone that nobody answers: where that is long, SIP gives up after 32 s
    // (RFC 3261, timer B). The caller hears it ring, since nobody knows whether a phone will say so.
    called.labelled("away", "Set", "SYNCH_KNOWN=${SYNCH_USER(${EXTEN},known)}");
    called.then("GotoIf", "$[\"${SYNCH_KNOWN}\" = \"\"]?unknown");
    called.then("Dial", "${SYNCH_KNOWN},${SYNCH(ring_time)},r");
    called.then("GotoIf", "$[\"${DIALSTATUS}\" = \"BUSY\"]?busy:unavailable");
    // A phone that isn't here while the main serves is there. A call that came from there would go round in a circle.
    called.labelled("unknown", "GotoIf", "${SYNCH(from_main)}?unavailable");
    called.then("GotoIf", format!("${{SYNCH(over_main)}}?{ELSEWHERE},${{EXTEN}},1"));
    called.labelled("unavailable", "NoOp", "");
    forwarded(&mut called, "forward_unavailable");
    voicemail(&mut called, "unavailable_box", "u", ABSENT);
    called.labelled("busy", "NoOp", "");
    forwarded(&mut called, "forward_busy");
    voicemail(&mut called, "busy_box", "b", BUSY);
    // With the rights of the person who sends it on. Where nobody answers there, the box is still the person's own.
    called.labelled("on", "Set", "__SYNCH_FORWARDED=${SYNCH_FORWARDED}:${EXTEN}");
    called.then("Set", "__SYNCH_FROM_MAIN=${SYNCH(from_main)}");
    called.then("Set", "SYNCH_BEFORE=${SYNCH_SENT_ON}");
    called.then("Set", "__SYNCH_SENT_ON=1");
    called.then("Dial", "Local/${SYNCH_ON}@${SYNCH_USER(${EXTEN},context)},${SYNCH(forward_time)}");
    called.then("Set", "__SYNCH_SENT_ON=${SYNCH_BEFORE}");
    called.then("GotoIf", "$[\"${DIALSTATUS}\" = \"BUSY\"]?busy_box:unavailable_box");
    Context { extensions: vec![called], ..context(RING) }
}

/// On to where the person sends calls to, where that is somewhere.
fn forwarded(called: &mut Extension, when: &str) {
    called.then("Set", format!("SYNCH_ON=${{SYNCH_USER(${{EXTEN}},{when})}}"));
    called.then("GotoIf", "$[\"${SYNCH_ON}\" != \"\"]?on");
}

/// To the box, where the user has one.
fn voicemail(called: &mut Extension, label: &str, greeting: &str, cause: &str) {
    called.labelled(label, "Set", "SYNCH_BOX=${SYNCH_USER(${EXTEN},voicemail)}");
    called.then("GotoIf", format!("$[\"${{SYNCH_BOX}}\" = \"\"]?no_box_{label}"));
    called.then("VoiceMail", format!("${{SYNCH_BOX}},{greeting}"));
    called.then("Hangup", "");
    called.labelled(&format!("no_box_{label}"), "Hangup", cause);
}

fn elsewhere() -> Context {
    let mut called = extension(ANY_NUMBER);
    called.then("GotoIf", "${SYNCH(from_main)}?refused");
    // Empty as well while the main is known to take no calls.
    called.then("GotoIf", "$[\"${SYNCH_TRUNK(main,${EXTEN})}\" = \"\"]?public");
    called.then("Dial", "${SYNCH_TRUNK(main,${EXTEN})}");
    // The main has taken the call, and said no: that is the answer. Only where nobody took it is there another way.
    called.then("GotoIf", "$[\"${DIALSTATUS}\" = \"CHANUNAVAIL\"]?public");
    called.then("Hangup", "${HANGUPCAUSE}");
    called.labelled("public", "Set", "SYNCH_PUBLIC=${SYNCH_USER(${EXTEN},public)}");
    called.then("GotoIf", "$[\"${SYNCH_PUBLIC}\" = \"\"]?refused");
    called.then("GotoIf", "$[\"${SYNCH_TRUNK(local,${SYNCH_PUBLIC})}\" = \"\"]?refused");
    own_caller_id(&mut called, "dial");
    called.labelled("dial", "Dial", "${SYNCH_TRUNK(local,${SYNCH_PUBLIC})}");
    called.then("GotoIf", "$[\"${DIALSTATUS}\" = \"CHANUNAVAIL\"]?refused");
    called.then("Hangup", "${HANGUPCAUSE}");
    called.labelled("refused", "GotoIf", "$[\"${SYNCH(refusal)}\" = \"\"]?signalled");
    called.then("Progress", "");
    called.then("Playback", "${SYNCH(refusal)},noanswer");
    called.labelled("signalled", "Hangup", CONGESTION);
    Context { extensions: vec![called], ..context(ELSEWHERE) }
}

fn goto(number: &str, context: &str) -> Extension {
    let mut extension = extension(number);
    extension.then("Goto", format!("{context},${{EXTEN}},1"));
    extension
}

fn context(name: &str) -> Context {
    Context { name: name.to_owned(), ..Context::default() }
}

fn extension(pattern: &str) -> Extension {
    Extension { pattern: pattern.to_owned(), ..Extension::default() }
}
