//! `[dialplan]` and `[voicemail]`

use regex::RegexBuilder;

use super::{MAX_FILTER_SIZE, reader::Reader};
use crate::settings::{
    Classes, Contexts, Dialplan, Expression, Outside, Trunk, Voicemail,
    value::{context, file_on_main, list, number, option, output_file, sound},
};

/// Where the users dial.
const USUAL_CONTEXT: &str = "synch-internal";
/// Other contexts of that beginning are ours.
const OWN_PREFIX: &str = "synch-";
/// A phone that rings for an hour is never answered.
const HOUR: u32 = 3600;

/// `Some(None)` is a section that says `enabled = no`. `classes`: those of the section of that name.
pub(super) fn read_dialplan(section: &mut Reader<'_>, classes: Option<Classes>) -> Option<Option<Dialplan>> {
    if !section.enabled()? {
        return Some(None);
    }
    let wanted = "a context of letters, digits, '_', '.' and '-'";
    let name = section.optional("context", USUAL_CONTEXT.to_owned(), wanted, |text| {
        context(text).filter(|name| name == USUAL_CONTEXT || !name.starts_with(OWN_PREFIX))
    });
    let ring_time = section.number("ring_time", 30, 1, HOUR);
    let trunk = "the name of an endpoint or peer, or a dial string such as DAHDI/g1/${EXTEN}";
    let main_trunk = section.perhaps("main_trunk", trunk, Trunk::new);
    let local_trunk = section.perhaps("local_trunk", trunk, Trunk::new);
    let caller_id = section.perhaps("caller_id", "a number of digits and '+'", number);
    let emergency = section.optional("emergency", Vec::new(), "numbers, separated by commas", |text| {
        list(text, emergency_number)
    });
    if emergency.as_ref().is_some_and(|numbers| !numbers.is_empty()) && local_trunk == Some(None) {
        section.error("emergency", "needs a local_trunk, over which these numbers go out");
    }
    let emergency_second = section.perhaps("emergency_second", trunk, Trunk::new);
    let outside = read_outside(section);
    let refusal = section.perhaps("refusal", "the name of a sound without its ending", sound);
    let public_key =
        section.optional("public_key", Dialplan::PUBLIC_KEY.to_owned(), "the name of a variable", option);
    let usual = Expression::new(Dialplan::PUBLIC_NUMBERS);
    let wanted = "a regular expression that a whole number has to match";
    let public_numbers =
        section.optional("public_numbers", usual, wanted, |text| Expression::new(text).map(Some));
    let premium =
        section.optional("premium", Vec::new(), "beginnings of numbers, separated by commas", |text| {
            list(text, number)
        });
    let contexts = read_contexts(section);
    section.finish();
    Some(Some(Dialplan {
        context: name?,
        ring_time: ring_time?,
        main_trunk: main_trunk?,
        local_trunk: local_trunk?,
        caller_id: caller_id?,
        emergency: each_once(emergency?),
        emergency_second: emergency_second?,
        classes: classes?,
        outside: outside?,
        refusal: refusal?,
        public_key: public_key?,
        public_numbers: public_numbers??,
        premium: premium?,
        contexts: contexts?,
    }))
}

/// As people write them: `9-911` is what phones dial as 9911.
fn emergency_number(text: &str) -> Option<String> {
    number(&text.replace(['-', ' ', '.', '/'], ""))
}

fn each_once(numbers: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    for number in numbers {
        if !kept.contains(&number) {
            kept.push(number);
        }
    }
    kept
}

fn read_outside(section: &mut Reader<'_>) -> Option<Outside> {
    let mut contexts =
        |key| section.optional(key, Vec::new(), "contexts, separated by commas", |text| list(text, context));
    let (always, normal) = (contexts("outside"), contexts("outside_normal"));
    let failover = contexts("outside_failover");
    Some(Outside { always: always?, normal: normal?, failover: failover? })
}

fn read_contexts(section: &mut Reader<'_>) -> Option<Contexts> {
    let chosen = section.optional(
        "contexts",
        Vec::new(),
        "names or regular expressions, separated by commas",
        |text| {
            list(text, |item| {
                RegexBuilder::new(item).size_limit(MAX_FILTER_SIZE).build().ok().map(|_| item.to_owned())
            })
        },
    );
    let file = section.optional(
        "contexts_file",
        "extensions.conf".to_owned(),
        "a configuration file on the main",
        file_on_main,
    );
    let mut words =
        |key| section.optional(key, Vec::new(), "names, separated by commas", |text| list(text, option));
    let (applications, functions) = (words("allow_applications"), words("allow_functions"));
    Some(Contexts { chosen: chosen?, file: file?, applications: applications?, functions: functions? })
}

/// `Some(None)` is a section that says `enabled = no`.
pub(super) fn read_voicemail(section: &mut Reader<'_>) -> Option<Option<Voicemail>> {
    if !section.enabled()? {
        return Some(None);
    }
    let file = section.optional(
        "file",
        "voicemail.conf".to_owned(),
        "a configuration file on the main",
        file_on_main,
    );
    let output = section.optional(
        "output",
        "voicemail_synch.conf".to_owned(),
        "a file name ending in .conf, without a folder, and no file that Asterisk ships",
        output_file,
    );
    let options = section
        .optional("options", Vec::new(), "names of options, separated by commas", |text| list(text, option));
    section.finish();
    Some(Some(Voicemail { file: file?, output: output?, options: options? }))
}
