//! A part of which the branch has had nearly all: it asks which groups of things have changed, and for these. Pure.

use std::collections::BTreeSet;

use super::{Kept, TRIES, Taken, sections, written};
use crate::{
    export::{
        Digest, Group, Part,
        asked::{Groups, Question, Void, Wanted, is_unchanged},
    },
    uplink::ami::{Crypto, Frame},
};

/// Of so many groups, one may have changed: where more have, all things are asked for.
const HALF: usize = 2;

/// What the branch has of such a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouped {
    said: Groups,
    frame: Frame,
}

/// Why a part could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault<E> {
    /// The main could not be asked.
    Asked(E),
    /// What it said is void.
    Void(Void),
}

impl<E> From<Void> for Fault<E> {
    fn from(void: Void) -> Self {
        Self::Void(void)
    }
}

impl Grouped {
    /// Asks the main for what it has and the branch has not. The same comes back where nothing has changed.
    ///
    /// # Errors
    /// The main could not be asked, or went on changing, or said what can't be.
    pub fn take<E>(
        held: Option<Self>,
        part: Part,
        contexts: &str,
        crypto: &dyn Crypto,
        mut ask: impl FnMut(&Question) -> Result<Frame, E>,
    ) -> Result<Self, Fault<E>> {
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::attempt(held.as_ref(), part, contexts, crypto, &mut ask) {
                Err(Fault::Void(Void::Changed)) if tries < TRIES => {}
                Ok(None) => return held.ok_or(Fault::Void(Void::Lacks("Digest"))),
                Ok(Some(new)) => return Ok(new),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Returns the digest over all of it.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.said.digest
    }

    /// Returns it as one answer to GetConfig.
    #[must_use]
    pub const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// `None`: nothing has changed.
    fn attempt<E>(
        held: Option<&Self>,
        part: Part,
        contexts: &str,
        crypto: &dyn Crypto,
        ask: &mut impl FnMut(&Question) -> Result<Frame, E>,
    ) -> Result<Option<Self>, Fault<E>> {
        let mut ask = |digest, wanted| {
            let question = Question { part, digest, wanted, contexts: contexts.to_owned() };
            ask(&question).map_err(Fault::Asked)
        };
        let answer = ask(held.map(Self::digest), Wanted::Groups)?;
        if is_unchanged(&answer) {
            return Ok(None);
        }
        let said = Groups::read(&answer, crypto)?;
        let changed = held.and_then(|held| held.differs(&said).map(|changed| (held, changed)));
        let (wanted, of) = match &changed {
            None => (Wanted::All, None),
            Some((held, changed)) => {
                let asked = changed.iter().filter(|group| said.groups.contains_key(group));
                let asked: Vec<String> = asked.map(Group::to_string).collect();
                if asked.is_empty() {
                    let frame = without(part, &held.frame, changed)?;
                    return Ok(Some(Self { said, frame: written(&frame) }));
                }
                (Wanted::InGroups(asked.join(",")), Some((held, changed)))
            }
        };
        let taken = Taken::read(&ask(None, wanted)?, crypto)?;
        if taken.digest != said.digest {
            return Err(Void::Changed.into());
        }
        let frame = match of {
            None => taken.frame,
            Some((held, changed)) => {
                let mut all = without(part, &held.frame, changed)?;
                add(part, &mut all, sections(&taken.frame)?);
                written(&all)
            }
        };
        Ok(Some(Self { said, frame }))
    }

    /// Returns the groups that are others there, or gone; `None` where all things are to be asked for.
    fn differs(&self, said: &Groups) -> Option<BTreeSet<Group>> {
        let (had, now) = (&self.said.groups, &said.groups);
        let differs = |group: &&Group| had.get(group) != now.get(group);
        let changed: BTreeSet<Group> = had.keys().chain(now.keys()).filter(differs).copied().collect();
        let is_much = changed.len() * HALF > now.len();
        // None has, and all together have: then they are told apart by something that this branch does not know.
        (!changed.is_empty() && !is_much).then_some(changed)
    }
}

/// Whether the things of a part are sections; else each line of a section is one.
const fn has_sections(part: Part) -> bool {
    matches!(part, Part::Contexts)
}

/// The group of the thing that a line is.
fn group(part: Part, section: &[u8], line: &[u8]) -> Group {
    let key = line.split(|octet| *octet == b'=').next().unwrap_or_default();
    Group::of(&part.thing(section, key))
}

/// The sections without the things of these groups.
fn without(part: Part, frame: &Frame, groups: &BTreeSet<Group>) -> Result<Vec<Kept>, Void> {
    let mut all = sections(frame)?;
    if has_sections(part) {
        all.retain(|section| !groups.contains(&Group::of(&section.name)));
    } else {
        for Kept { name, lines, .. } in &mut all {
            lines.retain(|line| !groups.contains(&group(part, name, line)));
        }
        all.retain(|section| !section.lines.is_empty());
    }
    Ok(all)
}

fn add(part: Part, all: &mut Vec<Kept>, new: Vec<Kept>) {
    for section in new {
        match all.iter_mut().find(|old| !has_sections(part) && old.name == section.name) {
            Some(old) => old.lines.extend(section.lines),
            None => all.push(section),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::export::{Answer, Section, Short, group::digests, part_digest, stand_in::Hashing, text};

    /// A main that has lines or sections, as the desk answers.
    #[derive(Clone)]
    struct Main {
        part: Part,
        sections: Vec<Section>,
        asked: Vec<Wanted>,
        /// It changes so many times just after it has said what there is.
        changes: usize,
    }

    impl Main {
        fn new(part: Part, sections: &[(&str, &[(&str, &str)])]) -> Self {
            let section = |(name, lines): &(&str, &[(&str, &str)])| {
                let mut section = Section::new(*name);
                lines.iter().for_each(|(key, value)| section.push(key.as_bytes(), value.as_bytes()));
                section
            };
            Self { part, sections: sections.iter().map(section).collect(), asked: Vec::new(), changes: 0 }
        }

        /// A directory of so many people.
        fn of_people(count: u32) -> Self {
            let mut section = Section::new("directory");
            (0..count).for_each(|number| section.push(number.to_string().as_bytes(), b"Somebody,berlin,"));
            Self { part: Part::Directory, sections: vec![section], asked: Vec::new(), changes: 0 }
        }

        fn edit(&mut self, edit: impl Fn(&[u8]) -> Option<Vec<u8>>) {
            for section in &mut self.sections {
                let mut new = Section::new(section.name.clone());
                for (key, value) in section.pairs() {
                    if let Some(value) =
                        edit(key).map(|new| if new.is_empty() { value.to_vec() } else { new })
                    {
                        new.push(key, &value);
                    }
                }
                *section = new;
            }
        }

        fn things(&self) -> Vec<(Vec<u8>, Short)> {
            if has_sections(self.part) {
                let mut by_name: BTreeMap<Vec<u8>, Vec<&Section>> = BTreeMap::new();
                self.sections.iter().for_each(|one| by_name.entry(one.name.clone()).or_default().push(one));
                return by_name
                    .into_iter()
                    .map(|(name, sections)| (name, text::digest(&Hashing, sections).unwrap()))
                    .collect();
            }
            let of = |section: &Section| -> Vec<(Vec<u8>, Short)> {
                let name = |key: &[u8]| self.part.thing(&section.name, key);
                let pairs = section.pairs();
                pairs.map(|(key, value)| (name(key), Digest::of(&Hashing, value).unwrap().short())).collect()
            };
            self.sections.iter().flat_map(of).collect()
        }

        fn answer(&mut self, question: &Question) -> Result<Frame, ()> {
            self.asked.push(question.wanted.clone());
            let things = self.things();
            let things = || things.iter().map(|(name, short)| (&**name, *short));
            let digest = part_digest(&Hashing, things()).unwrap();
            let frame =
                |text: String| Ok(Frame::new(format!("Response: Success\r\n{text}\r\n").into_bytes()));
            let groups: Option<BTreeSet<Group>> = match &question.wanted {
                Wanted::Groups if question.digest == Some(digest) => {
                    return frame("Unchanged: yes\r\n".to_owned());
                }
                Wanted::Groups => {
                    let groups = digests(&Hashing, things()).unwrap();
                    let lines: String =
                        groups.iter().map(|(group, short)| format!("Group: {group} {short}\r\n")).collect();
                    let over = Digest::of(&Hashing, lines.as_bytes()).unwrap();
                    if self.changes > 0 {
                        self.changes -= 1;
                        self.edit(|key| {
                            Some(if key == b"7" { b"Changed,bonn,".to_vec() } else { Vec::new() })
                        });
                    }
                    return frame(format!("Digest: {digest}\r\n{lines}AnswerDigest: {over}\r\n"));
                }
                Wanted::InGroups(groups) => {
                    Some(groups.split(',').map(|text| Group::read(text).unwrap()).collect())
                }
                _ => None,
            };
            let mut answer = Answer::default();
            for section in &self.sections {
                let is_wanted = |group: Group| groups.as_ref().is_none_or(|groups| groups.contains(&group));
                if has_sections(self.part) {
                    if is_wanted(Group::of(&section.name)) {
                        answer.push(section);
                    }
                    continue;
                }
                let mut some = Section::new(section.name.clone());
                let lines =
                    section.pairs().filter(|(key, _)| is_wanted(super::group(self.part, &section.name, key)));
                lines.for_each(|(key, value)| some.push(key, value));
                answer.push(&some);
            }
            let (text, over) = (answer.headers().to_vec(), answer.digest(&Hashing).unwrap());
            let text = String::from_utf8(text).unwrap();
            frame(format!("Digest: {digest}\r\n{text}AnswerDigest: {over}\r\n"))
        }

        fn give(&mut self, held: Option<&Grouped>) -> Result<Grouped, Fault<()>> {
            self.asked.clear();
            let part = self.part;
            Grouped::take(held.cloned(), part, "", &Hashing, |question| self.answer(question))
        }

        /// What it has, in whatever order the branch has it.
        fn is_what(&self, held: &Grouped) {
            let lines = |sections: Vec<(Vec<u8>, Vec<Vec<u8>>)>| {
                let of = |(name, lines): (Vec<u8>, Vec<Vec<u8>>)| {
                    lines.into_iter().map(move |line| [&*name, b" ", &*line].concat())
                };
                let mut all: Vec<Vec<u8>> = sections.into_iter().flat_map(of).collect();
                all.sort();
                all
            };
            let has = self.sections.iter();
            let has = has
                .map(|one| (one.name.clone(), one.lines().map(<[u8]>::to_vec).collect::<Vec<_>>()))
                .collect();
            let held = sections(held.frame()).unwrap().into_iter().map(|one| (one.name, one.lines)).collect();
            assert_eq!(lines(held), lines(has));
        }
    }

    #[test]
    fn of_a_directory_with_one_changed_name_few_lines_come() {
        let mut main = Main::of_people(20_000);
        let held = main.give(None).unwrap();
        assert_eq!(main.asked, [Wanted::Groups, Wanted::All]);
        main.is_what(&held);
        assert_eq!(main.give(Some(&held)).unwrap(), held);
        assert_eq!(main.asked, [Wanted::Groups]);

        main.edit(|key| Some(if key == b"1234" { b"Alice,bonn,".to_vec() } else { Vec::new() }));
        let new = main.give(Some(&held)).unwrap();
        assert_eq!(main.asked, [Wanted::Groups, Wanted::InGroups(Group::of(b"1234").to_string())]);
        main.is_what(&new);
        assert_ne!(new, held);
    }

    #[test]
    fn who_goes_is_gone_and_the_last_of_a_group_needs_no_answer() {
        let mut main = Main::of_people(40);
        let held = main.give(None).unwrap();
        main.edit(|key| (key != b"17").then(Vec::new));
        let new = main.give(Some(&held)).unwrap();
        main.is_what(&new);
        main.edit(|_| None);
        let nobody = main.give(Some(&new)).unwrap();
        main.is_what(&nobody);
        assert_eq!(main.give(Some(&nobody)).unwrap(), nobody);
    }

    #[test]
    fn where_most_has_changed_all_is_asked_for() {
        let mut main = Main::of_people(1000);
        let held = main.give(None).unwrap();
        main.edit(|_| Some(b"Other,bonn,".to_vec()));
        let new = main.give(Some(&held)).unwrap();
        assert_eq!(main.asked, [Wanted::Groups, Wanted::All]);
        main.is_what(&new);
    }

    #[test]
    fn a_main_that_changes_meanwhile_is_asked_again_but_not_for_ever() {
        let mut main = Main::of_people(1000);
        let held = main.give(None).unwrap();
        main.edit(|key| Some(if key == b"9" { b"Nina,bonn,".to_vec() } else { Vec::new() }));
        main.changes = 1;
        let new = main.give(Some(&held)).unwrap();
        main.is_what(&new);
        let mut never = Main::of_people(10);
        let take = Grouped::take(None, Part::Directory, "", &Hashing, |question| {
            let number = never.asked.len();
            never.edit(|_| Some(format!("{number},,").into_bytes()));
            never.answer(question)
        });
        assert_eq!(take, Err(Fault::Void(Void::Changed)));
    }

    #[test]
    fn boxes_of_two_contexts_and_contexts_of_two_sections_are_kept_apart() {
        let boxes: &[(&str, &[(&str, &str)])] =
            &[("default", &[("1001", "1,Alice"), ("1002", "2,Bob")]), ("other", &[("1001", "3,Carol")])];
        let mut main = Main::new(Part::Boxes, boxes);
        let held = main.give(None).unwrap();
        main.sections[1] = Section::new("other");
        main.sections[1].push(b"1001", b"4,Dave");
        let new = main.give(Some(&held)).unwrap();
        main.is_what(&new);

        let lines = |what: &'static str| vec![("exten", what), ("same", "n,Hangup()")];
        let (a, b, c) = (lines("1,1,A()"), lines("2,1,B()"), lines("3,1,C()"));
        let contexts: &[(&str, &[(&str, &str)])] = &[("x", &a), ("y", &b), ("x", &c)];
        let mut main = Main::new(Part::Contexts, contexts);
        let held = main.give(None).unwrap();
        main.sections[2].push(b"same", b"n,Wait(1)");
        let new = main.give(Some(&held)).unwrap();
        main.is_what(&new);
        let order: Vec<Vec<u8>> =
            sections(new.frame()).unwrap().into_iter().map(|one| one.lines[0].clone()).collect();
        let place = |line: &[u8]| order.iter().position(|one| one == line).unwrap();
        assert!(place(b"exten=1,1,A()") < place(b"exten=3,1,C()"), "one context's sections keep their order");
    }

    #[test]
    fn what_can_not_be_asked_or_says_nothing_is_no_part() {
        let refused = Grouped::take(None, Part::Directory, "", &Hashing, |_| Err("down"));
        assert_eq!(refused, Err(Fault::Asked("down")));
        let unchanged = Grouped::take(None, Part::Directory, "", &Hashing, |_| {
            Ok::<_, ()>(Frame::new(b"Response: Success\r\nUnchanged: yes\r\n\r\n".to_vec()))
        });
        assert_eq!(unchanged, Err(Fault::Void(Void::Lacks("Digest"))));
    }
}
