use super::*;
use crate::site::users::Line;

/// A file as GetConfig tells it: comments and `=>` are gone.
fn sections(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut sections: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[') {
            sections.push((name.strip_suffix(']').unwrap().to_owned(), Vec::new()));
        } else {
            let (key, value) = line.split_once('=').unwrap();
            let value = value.strip_prefix('>').unwrap_or(value).trim();
            sections.last_mut().unwrap().1.push((key.trim().to_owned(), value.to_owned()));
        }
    }
    sections
}

fn read(text: &str) -> Extracted {
    let sections = sections(text);
    let bytes =
        |(key, value): &'static (String, String)| Line { key: key.as_bytes(), value: value.as_bytes() };
    let sections: &'static Vec<_> = Box::leak(Box::new(sections));
    let sections = sections
        .iter()
        .map(|(name, lines)| Section { name: name.as_bytes(), lines: lines.iter().map(bytes).collect() });
    let document = Document { sections: sections.collect() };
    extract(&[document], &ContextChoice::new(&[".*"]).unwrap())
}

/// `pattern/caller: 1 App(arguments) | 2[label] App(arguments)`
fn shown(extension: &Extension) -> String {
    let Extension { pattern, caller, hint, steps } = extension;
    let caller = caller.as_ref().map(|caller| format!("/{caller}")).unwrap_or_default();
    let hint = hint.as_ref().map(|hint| format!("hint {hint}"));
    let step = |step: &Step| {
        let label = step.label.as_ref().map(|label| format!("[{label}]")).unwrap_or_default();
        format!("{}{label} {}({})", step.priority, step.application, step.arguments)
    };
    let parts: Vec<String> = hint.into_iter().chain(steps.iter().map(step)).collect();
    format!("{pattern}{caller}: {}", parts.join(" | "))
}

fn extensions(text: &str) -> Vec<String> {
    let extracted = read(&format!("[x]\n{text}"));
    extracted.contexts[0].extensions.iter().map(shown).collect()
}

fn reasons(text: &str) -> Vec<String> {
    read(&format!("[x]\n{text}")).left_out.iter().map(|line| line.reason.to_string()).collect()
}

#[test]
fn priorities_count_as_asterisk_counts() {
    let lines = "exten => pn,1,NoOp(1)
        exten => pn,n+3,NoOp(n+3)
        exten => pn,n(lab),NoOp(lab)
        exten => pn,n+2(lab2)+1,NoOp(lab2)
        exten => pn,s,NoOp(s)
        exten => pn,s+2,NoOp(s+2)
        exten => pn,lab+10,NoOp(lab+10)
        exten => pn,n(lab),NoOp(duplabel)
        exten => pn,30(x)y,NoOp(30)
        exten => pn,n(,NoOp(open)
        exten => pn,-1,NoOp(neg)
        exten => pn,0,NoOp(zero)
        exten => pn,3x,NoOp(3x)";
    assert_eq!(
        extensions(lines),
        [
            "pn: 1 NoOp(1) | 3 NoOp(3x) | 5 NoOp(n+3) | 6[lab] NoOp(lab) | 9[lab2] NoOp(lab2) | 11 NoOp(s+2) | \
         16 NoOp(lab+10) | 17 NoOp(duplabel) | 30[x] NoOp(30)"
        ]
    );
    assert_eq!(reasons(lines).len(), 5);
}

#[test]
fn what_is_no_priority_moves_none() {
    let lines = "exten => a,1,NoOp(1)
        exten => a,-1,NoOp(bad)
        exten => a,zz,NoOp(bad)
        exten => a,n(open,NoOp(bad)
        exten => a,hint,PJSIP/1&Custom:x
        exten => a,hint,PJSIP/2
        exten => a,HINT,PJSIP/2
        exten => a,N,NoOp(bad)
        exten => a,99999999999,NoOp(bad)
        exten => a,n,NoOp(2)";
    assert_eq!(extensions(lines), ["a: hint PJSIP/1&Custom:x | 1 NoOp(1) | 2 NoOp(2)"]);
}

#[test]
fn next_goes_on_over_extensions_and_begins_anew_in_a_section() {
    let first =
        "exten => 101,1,NoOp(a)\nexten => 102,n,NoOp(b)\nexten => 102,1,NoOp(c)\nexten => 102,n,NoOp(d)";
    assert_eq!(extensions(first), ["101: 1 NoOp(a)", "102: 1 NoOp(c) | 2 NoOp(b)"]);
    let again =
        format!("{first}\n[y]\n[x]\nsame => n,NoOp(e)\nexten => 101,n,NoOp(f)\nexten => 101,9,NoOp(g)");
    assert_eq!(extensions(&again), ["101: 1 NoOp(a) | 9 NoOp(g)", "102: 1 NoOp(c) | 2 NoOp(b)"]);
    assert_eq!(reasons(&again).len(), 3);
}

#[test]
fn the_first_of_two_stays() {
    let lines =
        "exten => u-v,1,NoOp(a)\nexten => uv,1,NoOp(b)\nexten => _u-v,1,NoOp(c)\nexten => uv,n,NoOp(d)";
    assert_eq!(extensions(lines), ["u-v: 1 NoOp(a) | 2 NoOp(d)", "_u-v: 1 NoOp(c)"]);
}

#[test]
fn applications_go_to_the_last_bracket() {
    let lines = "exten => a,1,  NoOp (x)
        same => n,NoOp
        same => n,NoOp(a)b)c
        same => n,NoOp(a
        same => n,NoOp(a(b,\"c)\",d))
        same => n,NoOp,a,b
        same => n,Set(x=\"a,b)
        same => n,\"NoOp(x)\"
        same => n
        same => n,NoOp()";
    assert_eq!(
        extensions(lines),
        ["a: 1 NoOp (x) | 2 NoOp() | 3 NoOp(a)b) | 4 NoOp(a) | 5 NoOp(a(b,\"c)\",d)) | 6 NoOp,a,b() | \
         7 Set(x=\"a,b) | 8 \"NoOp(x) | 9 () | 10 NoOp()"]
    );
}

#[test]
fn callers_and_patterns_are_kept_apart() {
    let lines = "exten => h/100,1,NoOp(c)
        same => n,NoOp(c2)
        exten => h,1,NoOp(plain)
        same => n(l),NoOp(plain2)
        exten => h/100,l+5,NoOp(label of other)
        exten => _ X Z N/_2XXX,1,NoOp(c)
        exten => j,1(1a),NoOp(no label)
        EXTEN => k,1,NoOp(caps)";
    assert_eq!(
        extensions(lines),
        [
            "h/100: 1 NoOp(c) | 2 NoOp(c2) | 7 NoOp(label of other)",
            "h: 1 NoOp(plain) | 2[l] NoOp(plain2)",
            "_XZN/_2XXX: 1 NoOp(c)",
            "j: 1 NoOp(no label)",
            "k: 1 NoOp(caps)",
        ]
    );
}

#[test]
fn the_rest_of_a_context_is_kept_or_reported() {
    let extracted = read(
        "[general]\nx = y\n[Globals]\nA = 1\n[x]\ninclude => b\ninclude => b\ninclude => d,9:00-17:00,mon-fri,*,*
         ignorepat => 9\nswitch => Loopback/x\neswitch => Loopback/x\nfoo => bar\nexten =>\nexten => ,1,NoOp(x)",
    );
    assert_eq!(extracted.contexts.len(), 1);
    assert_eq!(extracted.contexts[0].includes, ["b", "d,9:00-17:00,mon-fri,*,*"]);
    assert_eq!(extracted.contexts[0].ignored, ["9"]);
    assert!(extracted.contexts[0].extensions.is_empty());
    let lines: Vec<String> = extracted.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(
        lines[0],
        "context x, switch => Loopback/x: a switch gets dialplan from elsewhere, and is never taken"
    );
}

#[test]
fn a_context_has_no_more_than_there_is_room_for() {
    let many =
        |key: &str, to: usize| (0..to).map(|number| format!("{key} => {number}\n")).collect::<String>();
    let lines = many("include", MAX_INCLUDES + 2) + &many("ignorepat", MAX_INCLUDES + 1);
    let extracted = read(&format!("[x]\n{lines}"));
    let context = &extracted.contexts[0];
    assert_eq!((context.includes.len(), context.ignored.len()), (MAX_INCLUDES, MAX_INCLUDES));
    let reason = Refusal::Many { count: MAX_INCLUDES, what: "includes or ignored patterns" };
    assert!(extracted.left_out.iter().all(|line| line.reason == reason));
    assert_eq!(extracted.left_out.len(), 3);
    let steps = "exten => 1,1,NoOp\n".to_owned() + &"same => n,NoOp\n".repeat(MAX_STEPS);
    let extracted = read(&format!("[x]\n{steps}"));
    assert_eq!(extracted.contexts[0].extensions[0].steps.len(), MAX_STEPS);
    let reasons: Vec<_> = extracted.left_out.iter().map(|line| line.reason.clone()).collect();
    assert_eq!(reasons, [Refusal::Many { count: MAX_STEPS, what: "steps in one extension" }]);
}

#[test]
fn only_what_was_chosen_is_read() {
    let text = sections("[a]\nexten=1,1,NoOp\n[b]\nexten=1,1,NoOp");
    let lines = |lines: &'_ [(String, String)]| lines.len();
    assert_eq!(lines(&text[0].1), 1);
    let section =
        |name: &'static [u8]| Section { name, lines: vec![Line { key: b"exten", value: b"1,1,\xff" }] };
    let document = Document { sections: vec![section(b"a"), section(b"b"), section(b"\xff")] };
    let extracted = extract(&[document], &ContextChoice::new(&["b"]).unwrap());
    assert_eq!(extracted.contexts.len(), 1);
    assert_eq!(extracted.contexts[0].extensions[0].steps[0].application, "\u{fffd}");
}
