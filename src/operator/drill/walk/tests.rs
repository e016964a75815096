use super::*;

/// Contexts of lines `name: pattern: App(args); label=App(args)`, `name: include x`.
fn contexts(text: &str) -> Vec<Context> {
    let mut contexts: Vec<Context> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, rest) = line.split_once(": ").unwrap();
        if contexts.last().is_none_or(|context| context.name != name) {
            contexts.push(Context { name: name.to_owned(), ..Context::default() });
        }
        let context = contexts.last_mut().unwrap();
        if let Some(include) = rest.strip_prefix("include ") {
            context.includes.push(include.to_owned());
            continue;
        }
        let (pattern, steps) = rest.split_once(": ").unwrap();
        let mut extension = Extension { pattern: pattern.to_owned(), ..Extension::default() };
        for step in steps.split("; ") {
            let (head, arguments) = step.strip_suffix(')').unwrap().split_once('(').unwrap();
            match head.split_once('=') {
                Some((label, application)) => extension.labelled(label, application, arguments),
                None => extension.then(head, arguments),
            }
        }
        context.extensions.push(extension);
    }
    contexts
}

/// Functions: `ONE(x)` is 1, `ZERO(x)` 0, `ECHO(x)` x; there are no others.
fn ask(function: &str, argument: &str) -> Result<String, String> {
    match function {
        "ONE" => Ok("1".to_owned()),
        "ZERO" => Ok("0".to_owned()),
        "ECHO" => Ok(argument.to_owned()),
        other => Err(format!("no {other}")),
    }
}

fn call(text: &str, number: &str) -> Result<String, String> {
    dialled(&contexts(text), "a", number, &ask)
}

#[test]
fn what_is_dialled_is_where_the_jumps_lead() {
    let text = "a: 112: Dial(PJSIP/112@out)
        a: include b
        b: _1XXX: Goto(c,${EXTEN},go)
        c: _[0-9*#+]!: Hangup(1); go=Set(WHO=${ECHO(${EXTEN})}); GotoIf($[\"${WHO}\" = \"1001\"]?yes:no); \
           no=Hangup(20); yes=GotoIf(${ZERO(x)}?no); GotoIf(${ONE(x)}?last); Hangup(2); last=Dial(SIP/${WHO},30)";
    assert_eq!(call(text, "112"), Ok("PJSIP/112@out".to_owned()));
    assert_eq!(call(text, "1001"), Ok("SIP/1001,30".to_owned()));
    assert_eq!(
        call(text, "1002"),
        Err("the call ends in context c with Hangup(20) and reaches nobody".to_owned())
    );
    assert_eq!(call(text, "2001"), Err("context a has no extension for 2001".to_owned()));
}

#[test]
fn a_call_that_calls_nobody_is_told() {
    for (text, problem) in [
        ("a: 1: Goto(1)", "the call loops in context a"),
        ("a: 1: Dial(${NOBODY},30)", "context a calls nobody: Dial(${NOBODY},30)"),
        ("a: 1: NoOp()", "ends in context a after step 1"),
        ("a: 1: Goto(b,1,1)", "context b has no extension for 1"),
        ("a: 1: Goto(x)", "a has no step 'x'"),
        ("a: 1: Goto(1,2,3,4)", "a jump to '1,2,3,4', which is not a step"),
        ("a: 1: NoOp(${STRANGE(x)})", "no STRANGE"),
        ("a: 1: NoOp($[1 + 1])", "$[1 + 1] can't be evaluated"),
        ("a: 1: NoOp(${broken)", "can't be evaluated"),
        ("a: include a", "context a has no extension for 1"),
    ] {
        let found = call(text, "1").unwrap_err();
        assert!(found.contains(problem), "{text}: {found}");
    }
}

#[test]
fn a_plain_number_is_before_a_pattern_and_both_before_an_include() {
    let text = "a: _X.: Dial(pattern)
        a: 12: Dial(plain)
        a: include b
        b: 34: Dial(include)";
    assert_eq!(call(text, "12").unwrap(), "plain");
    assert_eq!(call(text, "34").unwrap(), "pattern");
}

#[test]
fn patterns_are_those_of_asterisk() {
    for (pattern, number, taken) in [
        ("_XZN", "012", true),
        ("_XZN", "002", false),
        ("_XZN", "011", false),
        ("_XZN", "0123", false),
        ("_[1-35]X", "30", true),
        ("_[1-35]X", "50", true),
        ("_[1-35]X", "40", false),
        ("_[0-9*#+]!", "*", true),
        ("_[0-9*#+]!", "a", false),
        ("_1.", "1", false),
        ("_1.", "12", true),
        ("_1!", "1", true),
        ("12", "12", false),
        ("_[", "1", false),
    ] {
        assert_eq!(matches(pattern, number), taken, "{pattern} {number}");
    }
}
