use proptest::{collection::vec, prelude::*};

use super::*;

const TEXT: &str = "res_synch directory 1\t2\n1001\tAlice\tHeadOffice\t+49301001\n1002\t\t\t\n";

fn error(text: &str) -> String {
    Directory::from_text(text).unwrap_err().to_string()
}

#[test]
fn it_reads_back_what_it_writes() {
    let directory = Directory::from_text(TEXT).unwrap();
    let alice = Entry { number: "1001", name: "Alice", site: "HeadOffice", public: Some("+49301001") };
    assert_eq!(directory.get("1001"), Some(alice));
    assert_eq!(directory.to_text(), TEXT);
    let nobody = Directory::default();
    assert_eq!(Directory::from_text(&nobody.to_text()), Ok(nobody));
}

#[test]
fn every_error_names_its_line() {
    for (from, to, expected) in [
        ("directory 1", "directory 2", "line 1 is not the first line of a directory of res_synch"),
        ("\t2\n", "\tx\n", "line 1 is not the first line of a directory of res_synch"),
        ("\t2\n", "\t3\n", "2 entries instead of the 3 that line 1 announces"),
        ("1002\t\t\t\n", "", "1 entries instead of the 2 that line 1 announces"),
        ("1002\t\t\t\n", "1002\t\t\t", "line 3: it has no line end"),
        ("1002\t\t\t\n", "1002\t\t\n", "line 3: it does not have four values"),
        ("1002", "Bob", "line 3: its number can't be dialled"),
        ("1002", "1001", "line 3: its number is out of order"),
        ("+49301001", "x", "line 2: its public number can't be dialled"),
        ("Alice", "\u{1b}", "line 2: its name is too long or has a control character"),
        ("HeadOffice", "\r", "line 2: its site is too long or has a control character"),
    ] {
        assert_eq!(error(&TEXT.replacen(from, to, 1)), expected);
    }
    assert_eq!(error(""), "line 1 is not the first line of a directory of res_synch");
    assert!(error(&TEXT.replace("Alice", &"x".repeat(81))).starts_with("line 2"));
}

proptest! {
    #[test]
    fn any_directory_survives(entries in vec(("[0-9*#+]{1,8}", "[ -~äöü]{0,40}", "[ -~]{0,20}", "[0-9]{0,8}"), 0..20)) {
        let entry = |(number, name, site, public): &'_ (String, String, String, String)| {
            (number.clone(), name.clone(), site.clone(), public.clone())
        };
        let owned: Vec<_> = entries.iter().map(entry).collect();
        let directory = Directory::new(owned.iter().map(|(number, name, site, public)| Entry {
            number, name, site, public: Some(public.as_str()).filter(|public| !public.is_empty()),
        })).unwrap();
        prop_assert_eq!(Directory::from_text(&directory.to_text()), Ok(directory));
    }

    #[test]
    fn no_text_panics(text in "(res_synch directory 1\t2\n)?[\\PC\t\n]{0,60}") {
        let _ = Directory::from_text(&text);
    }
}
