//! What the doctor asks the main.

use std::time::{Duration, Instant, SystemTime};

use super::Examining;
use crate::{
    engine::{
        crew::worker::Stop,
        work::session::{Access, Unanswered, Way},
    },
    operator::doctor,
    settings::{Sync, Technology},
    site::users::{Document, Section},
    uplink::{
        ami::{Hangup, Part, Query},
        sip::places::{Place, places},
    },
    words::conf::{ConfSection, ConfVariable},
};

/// Bound of everything that is asked of the main.
const MAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// What the main's own filter leaves of pjsip.conf: its transports.
const TRANSPORTS: &str = "^type$=\"^transport$\"";

/// The file of users that FreePBX writes itself.
const SIP_DEFAULT: &str = "sip_additional.conf";

/// A section that no file has: whether the file can be read is all that is asked.
const NO_SECTION: &str = "synch-doctor";

impl Examining {
    pub(super) fn look_at_main(
        &self,
        access: &Access,
        hangup: &Hangup,
        stop: &Stop,
    ) -> Result<doctor::Main, String> {
        let start = Instant::now();
        let deadline = start + MAIN_TIMEOUT;
        let told = |error: Unanswered| error.to_string();
        let mut way = access.to_look(stop, hangup, deadline).map_err(told)?;
        // In this order: only an answer shows who may read events.
        let clock = way.ask(deadline, |link| link.clock(deadline)).map_err(told)?;
        let events = way.ask(deadline, |link| Ok(link.may_read_events())).map_err(told)?;
        let seconds =
            |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let ours = seconds(SystemTime::now()).cast_signed();
        let mut main = doctor::Main {
            answer_ms: start.elapsed().as_millis(),
            events,
            more: Vec::new(),
            single: way.is_single(),
            clock: clock.map(|theirs| theirs.saturating_sub(ours)),
            realm: None,
            places: Vec::new(),
            overrides: 0,
            databases: Vec::new(),
            files: Vec::new(),
            left_alone: self.kit.leaves_main_alone(),
        };
        if main.left_alone {
            way.close();
            return Ok(main);
        }
        if self.kit.published.read().export.is_yes() {
            // Its files are nobody's business then, and the account need not read them.
            main.more = more_than_needed(&mut way, deadline);
            way.close();
            return Ok(main);
        }
        if let Some(sync) = &self.settings.sync {
            main.realm = realm_of_main(&mut way, sync.technology, deadline);
            main.databases = databases_of_main(&mut way, sync.technology, deadline);
            main.overrides = overrides_of_main(&mut way, sync, deadline);
            main.places = places_of_main(&mut way, sync.technology, deadline);
        }
        for file in self.files() {
            let query = Query::named(&file, NO_SECTION);
            let answer = way.ask(deadline, |link| link.get_config(&query, deadline));
            main.files.push((file.clone(), answer.err().map(|error| format!("{file}: {error}"))));
        }
        way.close();
        Ok(main)
    }
}

/// The classes of the account's `write` by which it may do what a main that exports does not need of it.
fn more_than_needed(way: &mut Way, deadline: Instant) -> Vec<&'static str> {
    let query = Query::named("manager.conf", NO_SECTION);
    let reads_files = way.ask(deadline, |link| link.get_config(&query, deadline)).is_ok();
    // Of class config, too; whoever may ask that has no need to be told which of the two it is.
    let status = way.ask(deadline, |link| link.version(deadline)).ok().flatten().is_some();
    match (reads_files, status) {
        (true, true) => vec!["system"],
        (true, false) => vec!["config"],
        (false, true) => vec!["reporting"],
        (false, false) => Vec::new(),
    }
}

/// Under which name the main asks for passwords; none where it doesn't let us read that.
fn realm_of_main(way: &mut Way, technology: Technology, deadline: Instant) -> Option<String> {
    let (file, section, key) = doctor::realm_key(technology);
    let mut realm = None;
    let mut sink = |part: Part<'_>| match part {
        Part::Variable { key: found, value } if found.eq_ignore_ascii_case(key.as_bytes()) => {
            realm = Some(String::from_utf8_lossy(value).into_owned());
        }
        _ => {}
    };
    let query = Query::named(file, section);
    way.ask(deadline, |link| link.stream_config(&query, deadline, &mut sink)).ok()?;
    Some(realm.unwrap_or_else(|| doctor::DEFAULT_REALM.to_owned()))
}

/// Where the main takes SIP, by its own file; nowhere where it doesn't let us read that.
fn places_of_main(way: &mut Way, technology: Technology, deadline: Instant) -> Vec<Place> {
    let query = match technology {
        Technology::Pjsip => Query::filtered("pjsip.conf", TRANSPORTS),
        Technology::Sip => Query::named("sip.conf", "general"),
    };
    let Ok(answer) = way.ask(deadline, |link| link.get_config(&query, deadline)) else { return Vec::new() };
    let document = Document::read_part(&answer).unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let section = |section: &Section<'_>| {
        let lines = section.lines.iter();
        let variables =
            lines.map(|line| ConfVariable { key: text(line.key), value: text(line.value) }).collect();
        ConfSection { name: text(section.name), variables }
    };
    let sections: Vec<ConfSection> = document.sections.iter().map(section).collect();
    places(&sections, technology)
}

/// The files of the main that name a database for its users; one that can't be read names none.
fn databases_of_main(way: &mut Way, technology: Technology, deadline: Instant) -> Vec<&'static str> {
    // A family of extconfig.conf; a type of sorcery.conf, with `realtime,ps_endpoints`.
    let places: &[_] = match technology {
        Technology::Pjsip => {
            &[("extconfig.conf", "settings", "ps_endpoints"), ("sorcery.conf", "res_pjsip", "endpoint")]
        }
        Technology::Sip => &[("extconfig.conf", "settings", "sippeers")],
    };
    let mut says = |(file, section, key): &(&'static str, &str, &str)| {
        let mut found = false;
        let mut sink = |part: Part<'_>| {
            if let Part::Variable { key: line, value } = part {
                let value = String::from_utf8_lossy(value);
                let maps = *file == "extconfig.conf" || value.trim_start().starts_with("realtime");
                let type_of = line.split(|byte| *byte == b'/').next().unwrap_or_default();
                found |= maps && type_of.trim_ascii().eq_ignore_ascii_case(key.as_bytes());
            }
        };
        let query = Query::named(*file, *section);
        way.ask(deadline, |link| link.stream_config(&query, deadline, &mut sink)).is_ok() && found
    };
    places.iter().filter(|place| says(place)).map(|(file, ..)| *file).collect()
}

/// How many overrides of chan_sip's peers are read by nobody; none where there is no such file.
fn overrides_of_main(way: &mut Way, sync: &Sync, deadline: Instant) -> usize {
    let reads = |file: &str| sync.files.iter().any(|read| read == file);
    if sync.technology != Technology::Sip || reads(doctor::OVERRIDES) || !reads(SIP_DEFAULT) {
        return 0;
    }
    let query = Query::whole(doctor::OVERRIDES);
    let answer = way.ask(deadline, |link| link.get_config(&query, deadline));
    answer.map_or(0, |answer| Document::read_part(&answer).map_or(0, |document| document.sections.len()))
}
