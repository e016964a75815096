use super::*;
use crate::export::{Answer, Section as Exported, stand_in::Hashing, text::digest};

/// A user's sections, as a main has them.
fn user(name: &str, context: &str) -> Vec<Exported> {
    let section = |name: &str, lines: &[(&str, &str)]| {
        let mut section = Exported::new(name);
        lines.iter().for_each(|(key, value)| section.push(key.as_bytes(), value.as_bytes()));
        section
    };
    let auth = format!("{name}-auth");
    vec![
        section(name, &[("type", "endpoint"), ("aors", name), ("auth", &auth), ("context", context)]),
        section(name, &[("type", "aor"), ("max_contacts", "1")]),
        section(&auth, &[("type", "auth"), ("username", name)]),
    ]
}

/// All sections of these, endpoints first: as FreePBX's three files have them.
fn in_order(users: &[Vec<Exported>]) -> Vec<Exported> {
    (0..3).flat_map(|kind| users.iter().map(move |user| user[kind].clone())).collect()
}

fn manifest(names: &[&str], users: &[Vec<Exported>]) -> Manifest {
    let short = |user: &Vec<Exported>| digest(&Hashing, user).unwrap();
    let things: Vec<(String, Short)> =
        names.iter().zip(users).map(|(name, user)| ((*name).to_owned(), short(user))).collect();
    let digest = part_digest(&Hashing, things.iter().map(|(name, short)| (name.as_bytes(), *short))).unwrap();
    Manifest { digest, things }
}

/// What a main sends of these sections.
fn sent(digest: Digest, sections: &[Exported]) -> String {
    let mut answer = Answer::default();
    sections.iter().for_each(|section| answer.push(section));
    let (headers, over) =
        (String::from_utf8(answer.headers().to_vec()).unwrap(), answer.digest(&Hashing).unwrap());
    format!(
        "Response: Success\r\nActionID: synch-1\r\nDigest: {digest}\r\n{headers}AnswerDigest: {over}\r\n\r\n"
    )
}

fn taken(digest: Digest, sections: &[Exported]) -> Taken {
    Taken::read(&Frame::new(sent(digest, sections).into_bytes()), &Hashing).unwrap()
}

fn copy(names: &[&str], contexts: &[&str]) -> (Copy, Vec<Vec<Exported>>) {
    let users: Vec<_> = names.iter().zip(contexts).map(|(name, context)| user(name, context)).collect();
    let manifest = manifest(names, &users);
    let answer = taken(manifest.digest, &in_order(&users));
    (Copy::whole(manifest, &answer).unwrap(), users)
}

fn names(frame: &Frame) -> Vec<String> {
    let document = Document::read(frame).unwrap();
    document.sections.iter().map(|section| String::from_utf8_lossy(section.name).into_owned()).collect()
}

#[test]
fn what_was_taken_reads_as_an_answer_to_getconfig_and_says_the_same() {
    let (copy, users) = copy(&["1001", "1002"], &["a", "a"]);
    assert_eq!(names(&copy.frame()), ["1001", "1002", "1001", "1002", "1001-auth", "1002-auth"]);
    let answer = taken(copy.digest(), &in_order(&users));
    let (frame, other) = (copy.frame(), Document::read(&answer.frame).unwrap());
    assert_eq!(Document::read(&frame).unwrap(), other);
}

#[test]
fn an_answer_with_any_line_less_or_another_one_is_void() {
    let (copy, users) = copy(&["1001"], &["a"]);
    let whole = sent(copy.digest(), &in_order(&users));
    let read = |text: &str| Taken::read(&Frame::new(text.as_bytes().to_vec()), &Hashing);
    assert!(read(&whole).is_ok());
    let lines: Vec<&str> = whole.split_inclusive("\r\n").collect();
    for at in 2..lines.len() - 1 {
        let mut torn = lines.clone();
        torn.remove(at);
        assert!(read(&torn.concat()).is_err(), "without {}", lines[at]);
        let mut swapped = lines.clone();
        swapped.swap(at, at - 1);
        let is_same = at == 2 || lines[at].starts_with("AnswerDigest") || lines[at - 1].starts_with("Digest");
        assert!(read(&swapped.concat()).is_err() || is_same, "{at}: {}", lines[at]);
    }
    assert!(read(&whole.replace("context=a", "context=b")).is_err());
    assert!(read(&whole.replace("1001-auth\r\n", "1001-auth\r\nLine-000002-000002: x=y\r\n")).is_err());
    for header in ["Digest: ", "AnswerDigest: "] {
        assert!(read(&whole.replace(header, "Other: ")).is_err());
    }
}

#[test]
fn a_manifest_whose_lines_are_not_all_there_is_void() {
    let (_, users) = copy(&["1001", "1002"], &["a", "b"]);
    let whole = manifest(&["1001", "1002"], &users);
    assert_eq!(check(&whole, &Hashing), Ok(()));
    let mut torn = whole.clone();
    torn.things.pop();
    assert_eq!(check(&torn, &Hashing), Err(Void::Digest));
    let mut turned = whole;
    turned.things.reverse();
    assert_eq!(check(&turned, &Hashing), Err(Void::Digest));
}

#[test]
fn only_who_has_changed_is_asked_for_and_stands_where_he_stood() {
    let all = ["1001", "1002", "1003"];
    let (copy, mut users) = copy(&all, &["a", "a", "a"]);
    users[1] = user("1002", "b");
    let new = manifest(&all, &users);
    assert_eq!(Copy::lacks(Some(&copy), &new), Ask::Some(vec!["1002".to_owned()]));
    assert_eq!(Copy::lacks(None, &new), Ask::All);
    let merged = copy.with(new.clone(), &[taken(new.digest, &users[1])]).unwrap();
    let whole = Copy::whole(new.clone(), &taken(new.digest, &in_order(&users))).unwrap();
    assert_eq!(merged, whole);
    assert_eq!(Copy::lacks(Some(&merged), &new), Ask::Some(Vec::new()));
    // Of another state of the main.
    let other = manifest(&all[..2], &users[..2]);
    assert_eq!(copy.with(other, &[taken(new.digest, &users[1])]), Err(Void::Changed));
}

#[test]
fn who_goes_goes_with_all_that_he_named_and_who_comes_is_behind_the_others() {
    let (copy, mut users) = copy(&["1001", "1002"], &["a", "a"]);
    users.remove(0);
    users.push(user("1003", "a"));
    let new = manifest(&["1002", "1003"], &users);
    assert_eq!(Copy::lacks(Some(&copy), &new), Ask::Some(vec!["1003".to_owned()]));
    let merged = copy.with(new.clone(), &[taken(new.digest, &users[1])]).unwrap();
    assert_eq!(names(&merged.frame()), ["1002", "1003", "1002", "1003", "1002-auth", "1003-auth"]);
    assert_eq!((merged.len(), merged.is_empty()), (2, false));
}

#[test]
fn where_more_than_a_tenth_has_changed_all_are_asked_for() {
    let names: Vec<String> = (0..200).map(|number| format!("{}", 1000 + number)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (copy, users) = copy(&names, &vec!["a"; 200]);
    let changed = |count: usize| {
        let mut users = users.clone();
        for (name, user_) in names.iter().zip(&mut users).take(count) {
            *user_ = user(name, "b");
        }
        Copy::lacks(Some(&copy), &manifest(&names, &users))
    };
    assert!(matches!(changed(20), Ask::Some(lists) if lists.len() == 1));
    assert_eq!(changed(21), Ask::All);
}
