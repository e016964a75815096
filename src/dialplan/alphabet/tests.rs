use super::*;
use crate::dialplan::substitution::parse;

fn set<'a>(name: &str, value: &'a str) -> Assignment<'a> {
    Assignment { name: name.to_owned(), value: parse(value).unwrap(), exten: Alphabet::of("12") }
}

fn value(knowledge: &Knowledge, text: &str) -> Alphabet {
    knowledge.value(&parse(text).unwrap(), Alphabet::of("12"))
}

#[test]
fn a_variable_holds_what_is_put_into_it() {
    let knowledge =
        Knowledge::from(&[set("A", "x${B}"), set("__b", "y"), set("B", "${EXTEN}"), set("C", "${D}")], &[]);
    assert_eq!(value(&knowledge, "${A}"), Alphabet::of("xy12"));
    assert_eq!(value(&knowledge, "${b}${B:1}"), Alphabet::of("y12"));
    assert_eq!(value(&knowledge, "${C}"), Alphabet::ANY);
    assert_eq!(value(&knowledge, "${UNKNOWN}"), Alphabet::ANY);
}

#[test]
fn nothing_is_known_that_asterisk_takes_from_others() {
    let knowledge = Knowledge::from(&[set("CHANNEL", "x"), set("SIPURI", "x"), set("DIALSTATUS", "(")], &[]);
    for text in [
        "${CHANNEL}",
        "${SIPURI}",
        "${CALLERID(num)}",
        "${DB(a/b)}",
        "${EVAL(a)}",
        "${MATH(40+0,c)}",
        "${MATH(1+${X})}",
        "${FILTER(\\x28,a)}",
        "${TOUPPER(\\x28)}",
        "${FILTER(9-0,a)}",
        "${FILTER(${X},a)}",
        "${FILTER(0-9)}",
        "${CUT(X,\\x28,1-2)}",
        "${REPLACE(X,a,b)}",
        "${IF($[1]?\\x28:b)}",
    ] {
        assert!(!value(&knowledge, text).lacks("("), "{text}");
    }
    assert!(!value(&knowledge, "${DIALSTATUS}").lacks("("));
    assert!(value(&Knowledge::default(), "${DIALSTATUS}").lacks("(,@&/\""));
}

#[test]
fn arguments_of_a_subroutine_are_those_with_a_number() {
    let knowledge = Knowledge::from(&[set(GOSUB_ARGUMENTS, "a")], &[]);
    assert_eq!(value(&knowledge, "${ARG1}${arg20}"), Alphabet::of("a"));
    for text in ["${ARG}", "${ARGX}", "${ARG1X}"] {
        assert_eq!(value(&knowledge, text), Alphabet::ANY, "{text}");
    }
}

#[test]
fn plain_results_are_known() {
    let knowledge = Knowledge::from(&[set("A", "1,2")], &[]);
    for text in [
        "${LEN(${X})}",
        "${FILTER(0-9A-Za-z,${X})}",
        "${MATH(1+2,int)}",
        "${TOUPPER(${EXTEN})}",
        "$[${LEN(${X})} > 3]",
        "$[\"${DIALSTATUS}\" = \"BUSY\"]",
        "${IF($[${LEN(a)} = 1]?x:y)}",
    ] {
        assert!(value(&knowledge, text).lacks("(,@&/\""), "{text}");
    }
    assert_eq!(value(&knowledge, "${CUT(A,-,1)}"), Alphabet::of("12,A-"));
    assert!(value(&knowledge, "${SHIFT(A)}").lacks("("));
}

#[test]
fn expressions_give_back_their_operands() {
    let knowledge = Knowledge::from(&[set("Q", "a\"b")], &[]);
    assert!(!value(&knowledge, "$[\"a,b\"]").lacks(","));
    assert!(!value(&knowledge, "$[\"(\" = \"a\"]").lacks("("), "an operator in quotes is text");
    assert!(!value(&knowledge, "$[a,b]").lacks(","), "and what is no operator is text without them");
    assert!(value(&knowledge, "$[\"a\" = \"b\" & (1 | 2)]").lacks("(,&|"));
    assert!(!value(&knowledge, "$[\"${Q}\" & \"b\"]").lacks("&"));
    assert!(!value(&knowledge, "$[\"x\\\" & y\"]").lacks("&"));
}

#[test]
fn a_pattern_tells_what_was_dialled() {
    assert_eq!(of_pattern("100"), Alphabet::of("01"));
    assert_eq!(of_pattern("_[1-3]4[*]"), Alphabet::of("1234*"));
    assert!(!of_pattern("((").lacks("("));
    assert!(of_pattern("_0[1-3]XZN").lacks("(,@/&"));
    assert!(of_pattern("_[a-c*#]").lacks("(,@/&"));
    for pattern in ["_X.", "_1!", "_[ -~]", "_[9-0]", "_[(]", "_[(-9]", "_[9-_]"] {
        assert_eq!(of_pattern(pattern), Alphabet::ANY, "{pattern}");
    }
}

#[test]
fn what_a_user_brings_along_can_be_anything() {
    let steps = [set("A", "1"), set("B", "${A}"), set("C", "1")];
    let knowledge = Knowledge::from(&steps, &["__a"]);
    assert_eq!((value(&knowledge, "${A}"), value(&knowledge, "${B}")), (Alphabet::ANY, Alphabet::ANY));
    assert_eq!(value(&knowledge, "${C}"), Alphabet::of("1"));
}
