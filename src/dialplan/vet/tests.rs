use proptest::{collection::vec, prelude::*};

use super::*;
use crate::site::users::{Line, Section};

struct Setting<'s> {
    applications: &'s [&'s str],
    functions: &'s [&'s str],
    also: &'s [&'s str],
    taken: &'s [(&'s str, &'s str)],
    brought: &'s [&'s str],
}

const PLAIN: Setting<'static> = Setting {
    applications: &[],
    functions: &[],
    also: &["branch-numbers"],
    taken: &[("own", "pbx_config")],
    brought: &[],
};

/// Vets a file of `[section]` and `key=value` lines.
fn with(setting: &Setting<'_>, text: &str) -> Vetted {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) if !line.contains('=') => {
                sections.push(Section { name: name.as_bytes(), lines: Vec::new() });
            }
            _ => {
                let (key, value) = line.split_once('=').unwrap();
                let line = Line { key: key.as_bytes(), value: value.as_bytes() };
                sections.last_mut().unwrap().lines.push(line);
            }
        }
    }
    let choice = ContextChoice::new(&[".*"]).unwrap();
    let allowed = Allowed::new(setting.applications, setting.functions);
    let taken: Vec<(String, String)> =
        setting.taken.iter().map(|(name, by)| ((*name).to_owned(), (*by).to_owned())).collect();
    let terms = Terms {
        choice: &choice,
        allowed: &allowed,
        also: setting.also,
        taken: &taken,
        trunks: &["city"],
        brought: setting.brought,
    };
    vet(&[Document { sections }], &terms)
}

fn vetted(text: &str) -> Vetted {
    with(&PLAIN, text)
}

/// The reason why one step of an extension `_0XX` is left out; none when it is taken as it is.
fn reason(step: &str) -> Option<Refusal> {
    reason_with(&PLAIN, step)
}

fn reason_with(setting: &Setting<'_>, step: &str) -> Option<Refusal> {
    let vetted = with(setting, &format!("[site]\nexten=_0XX,1,{step}\n[other]\nexten=1,1,NoOp()"));
    let step_kept = &vetted.contexts()[0].extensions[0].steps[0];
    let reason = vetted.left_out().first().map(|line| line.reason.clone());
    let kept = format!("{}({})", step_kept.application, step_kept.arguments) == step;
    assert_eq!(kept, reason.is_none(), "{step}: {reason:?}");
    reason
}

#[test]
fn ordinary_dialplan_is_taken_as_it_is() {
    let lines = [
        "Answer()",
        "NoOp(${CALLERID(all)} called ${EXTEN})",
        "Set(X=${CALLERID(name)})",
        "Set(__RINGTIMER=20)",
        "Set(CALLERID(num)=${X})",
        "Set(CHANNEL(language)=de)",
        "Set(TIMEOUT(absolute)=3600)",
        "Set(GROUP()=site)",
        "Dial(PJSIP/${EXTEN},20,tTkK)",
        "Dial(PJSIP/1001&SIP/1002&PJSIP/${EXTEN}@main,20,L(60000:30000)m(default))",
        "Dial(${PJSIP_DIAL_CONTACTS(${EXTEN})},20)",
        "Dial(SIP/main/${EXTEN},20)",
        "Dial(Local/${EXTEN}@other/n,20)",
        "GotoIf($[\"${DIALSTATUS}\" = \"BUSY\"]?busy:unavailable)",
        "GotoIf($[${LEN(${CALLERID(num)})} > (2 + 1)]?other,${EXTEN},1)",
        "GotoIf($[\"${FILTER(0-9A-Za-z,${CALLERID(num)})}\" = \"1001\"]?site,1,1:other,1,1)",
        "GotoIfTime(9:00-17:00,mon-fri,*,*?other,1,1)",
        "Goto(other,${CALLERID(num)},1)",
        "Goto(${EXTEN:1},1)",
        "Goto(branch-numbers,1,1)",
        "Gosub(other,s,1(${CALLERID(name)},x))",
        "GosubIf($[${EXTEN} = 1]?other,s,1(a,b))",
        "GosubIf($[${EXTEN} = 1]?other,s,1(a):other,1,1)",
        "VoiceMail(${EXTEN}@default,u)",
        "VoiceMail(1001@default,s)",
        "VoiceMailMain(1001@default)",
        "Queue(support,tT,,,300)",
        "Read(PIN,enter-pin,4)",
        "Playback(custom/hello&beep)",
        "Background(menu,,de,other)",
        "MSet(A=1,B=${EXTEN})",
        "ConfBridge(${EXTEN})",
        "Set(Y=${IF($[${EXTEN} = 100]?a:b)})",
        "Set(Y=$[ABS(-1) + 2])",
        "Set(Y=$[${EXTEN} + ABS(-1)])",
        "While($[${LEN(x)} < 3])",
        "Hangup(17)",
    ];
    for line in lines {
        assert_eq!(reason(line), None, "{line}");
    }
}

const HOSTILE: &[&str] = &[
    "System(x)",
    "ExecIf(1?System(x))",
    "AGI(x)",
    "MixMonitor(a.wav,,touch /x)",
    "Macro(x)",
    "${X}(a)",
    "NoOp (x)",
    "",
    "NoOp(${SHELL(x)})",
    "NoOp(${shell(x)})",
    "NoOp($[${LEN(${SHELL(x)})}])",
    "NoOp(${LEN(a):${SHELL(x)}})",
    "NoOp(${EVAL(x)})",
    "NoOp(${CUT(SHELL(x),-,1)})",
    "NoOp(${CUT(${X},-,1)})",
    "NoOp(${FIELDQTY(SHELL(x),-)})",
    "NoOp(${${X}})",
    "NoOp(${A${X}})",
    "NoOp($[SHELL(x)])",
    "NoOp($[SHELL (x)])",
    "NoOp($[${X}])",
    "NoOp($[\"${CALLERID(num)}\" = \"1\"])",
    "NoOp($[${DIALSTATUS}(x)])",
    "NoOp($[${DIALSTATUS}ABS(x)])",
    "NoOp($[\"SHELL\"(x)])",
    "Set(SHELL(x)=1)",
    "Set(GROUP(a(b))=1)",
    "Set(FILE(/x)=1)",
    "Set(${X}=1)",
    "Set(GLOBAL(X)=1)",
    "Set(LOCAL(FILE(x))=1)",
    "Set(ARRAY(FILE(x),b)=1)",
    "Set(CHANNEL(hangup_handler_push)=other,1,1)",
    "Set(__MONITOR_EXEC=x)",
    "Set(TRANSFER_CONTEXT=x)",
    "MSet(a=1,FILE(x)=2)",
    "MSet(a=${CALLERID(num)})",
    "Read(FILE(x))",
    "Read(${X})",
    "Dial(PJSIP/1,,U(other^1))",
    "Dial(PJSIP/1,,M(x))",
    "Dial(PJSIP/1,,b(other^1^1))",
    "Dial(PJSIP/1,,G(own^1^1))",
    "Dial(PJSIP/1,${CALLERID(num)})",
    "Dial(PJSIP/${CALLERID(num)})",
    "Dial(${X})",
    "Dial(PJSIP/0900@city)",
    "Dial(${PJSIP_DIAL_CONTACTS(city)})",
    "Dial(${PJSIP_DIAL_CONTACTS(City)})",
    "Dial(${PJSIP_DIAL_CONTACTS(city,,${EXTEN})})",
    "Dial(${PJSIP_DIAL_CONTACTS(city,city,00900123)})",
    "Dial(${PJSIP_DIAL_CONTACTS(1001,city,${EXTEN})})",
    "Dial(${PJSIP_DIAL_CONTACTS(1001,)})",
    "Dial(PJSIP/1@${EXTEN})",
    "Dial(SIP/city/0900)",
    "Dial(SIP/${EXTEN})",
    "Dial(PJSIP/main/0900)",
    "Dial(PJSIP/sip:1@main)",
    "Dial(PJSIP/@main)",
    "Dial(PJSIP/x/sip:1@example.com)",
    "Dial(SIP/x@example.com)",
    "Dial(DAHDI/g0/1)",
    "Dial(Local/1@own)",
    "Dial(Local/1@${X})",
    "Dial(Local/1)",
    "Dial(PJSIP/1&Local/1@own)",
    "Dial(PJSIP/1,,,http://example.com)",
    "Queue(a,,,,9,x.agi)",
    "Queue(a,b(x^1))",
    "Goto(own,1,1)",
    "Goto(${X},1,1)",
    "Goto(${CALLERID(num)},1)",
    "Goto(\"own\",1,1)",
    "GotoIf(1?own,1,1)",
    "GotoIf(1?1:own,1,1)",
    "GotoIf(${CALLERID(num)}?1)",
    "GotoIf(1?${CALLERID(num)})",
    "Gosub(own,1,1(x))",
    "GosubIf(1?own,1,1(x))",
    "GosubIf(1?1(a:own,1,1))",
    "GosubIf(1?1(a:1,1))",
    "GosubIf(1?1(\"a\"))",
    "GosubIf(1?1:1:1)",
    "VoiceMail(1,d(own))",
    "VoiceMailMain(1001@default,s)",
    "Playback(/var/spool/asterisk/voicemail/default/1001/INBOX/msg0000)",
    "Playback(hello&/tmp/x)",
    "Background(../../x)",
    "Set(__SIPADDHEADER01=X-Evil: 1)",
    "Set(LIMIT_WARNING_FILE=http)",
    "Background(x,,,own)",
    "Playback(http://example.com/x)",
    "Playback(${CALLERID(num)})",
    "ConfBridge(/etc/x)",
    "NoOp(a\u{fffd})",
    "NoOp(a\tb)",
];

#[test]
fn what_runs_something_else_is_refused() {
    for line in HOSTILE {
        assert!(reason(line).is_some(), "{line}");
    }
}

#[test]
fn a_variable_is_followed_to_where_it_is_used() {
    let text = |value: &str| {
        format!(
            "[site]\nexten=1,1,Set(A={value})\nexten=1,n,Set(__B=${{A}})\nexten=1,n,NoOp($[\"${{B}}\" = \"x\"])"
        )
    };
    assert!(vetted(&text("hello")).left_out().is_empty());
    for hostile in ["SHELL(x)", "${CALLERID(name)}", "\\${LEN(x)}(", "${UNKNOWN}"] {
        let vetted = vetted(&text(hostile));
        let lines: Vec<String> = vetted.left_out().iter().map(ToString::to_string).collect();
        let expected = "context site, 1 priority 3: the value of B could act as code here; put it \
                        into FILTER(0-9A-Za-z,...). A variable of the main's [globals] is not known here: write its \
                        value instead";
        assert_eq!(lines, [expected], "{hostile}");
    }
    let gosub = vetted("[site]\nexten=1,1,Gosub(s,1(a,SHELL(x)))\nexten=s,1,NoOp($[${ARG1}])");
    assert_eq!(gosub.left_out().len(), 1);
    let gosub = vetted("[site]\nexten=1,1,Gosub(s,1(a,b))\nexten=s,1,NoOp($[${ARG1}])");
    assert_eq!(gosub.left_out().len(), 0);
}

#[test]
fn every_application_that_sets_a_variable_is_looked_at() {
    let left_out = |set: &str, name: &str| {
        let text = format!(
            "[site]\nexten=1,1,Set({name}=x)\nexten=1,n,{set}\nexten=1,n,NoOp($[\"${{{name}}}\" = \"x\"])"
        );
        vetted(&text).left_out().len()
    };
    for (set, name) in [("Set(A=%)", "A"), ("MSet(B=1,A=%)", "A"), ("Return(%)", "GOSUB_RETVAL")] {
        assert_eq!(left_out(&set.replace('%', "hello"), name), 0, "{set}");
        assert_eq!(left_out(&set.replace('%', "SHELL(x)"), name), 1, "{set}");
    }
    // What somebody keys in are digits, which begin nothing.
    let read = "[site]\nexten=1,1,Read(A)\nexten=1,n,NoOp($[\"${A}\" = \"1\"])";
    assert!(vetted(read).left_out().is_empty());
}

#[test]
fn what_was_dialled_is_known_by_the_pattern() {
    let text = |pattern: &str| format!("[site]\nexten={pattern},1,GotoIf($[${{EXTEN}} = 1]?1)");
    assert!(vetted(&text("_[1-5]XX")).left_out().is_empty());
    assert_eq!(vetted(&text("_X.")).left_out().len(), 1);
}

#[test]
fn the_place_of_what_is_left_out_is_kept() {
    let vetted = vetted(
        "[site]\nexten=1,1,MixMonitor(x)\nsame=n(check),AGI(allowed)\nsame=n,Set(GLOBAL(X)=1)\nsame=n(go),Dial(PJSIP/1)",
    );
    let steps = &vetted.contexts()[0].extensions[0].steps;
    let shown: Vec<_> =
        steps.iter().map(|step| (step.priority, step.label.as_deref(), step.application.as_str())).collect();
    assert_eq!(
        shown,
        [(1, None, "NoOp"), (2, Some("check"), "Hangup"), (3, None, "NoOp"), (4, Some("go"), "Dial")]
    );
    let lines: Vec<String> = vetted.left_out().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines[1],
        "context site, 1 priority 2: application AGI is not allowed; to allow it, \
        add it to [dialplan] allow_applications; calls end there"
    );
    assert!(!lines[0].ends_with("there") && !lines[2].ends_with("there"));
}

#[test]
fn the_administrators_word_opens() {
    let setting = Setting { applications: &["system"], functions: &["SHELL"], ..PLAIN };
    assert_eq!(reason_with(&setting, "System(${SHELL(x)})"), None);
    assert_eq!(reason_with(&setting, "Set(SHELL(x)=1)"), None);
    assert!(reason_with(&setting, "NoOp(${${X}})").is_some());
    assert!(reason_with(&setting, "NoOp($[${X}])").is_some());
}

#[test]
fn contexts_that_are_not_to_be_had_are_left_out_whole() {
    let cases = [
        ("synch-internal", "1", "names that begin with synch- are reserved for the branch"),
        ("SYNCH-x", "1", "names that begin with synch- are reserved for the branch"),
        ("Own", "1", "the branch already has a context of that name, made by pbx_config"),
        ("a b", "1", "its name has characters that are not allowed, or is longer than 79"),
        (
            "ok",
            "1${X}",
            "its pattern or its caller has characters that are not allowed, so the whole context is left out",
        ),
        (
            "ok",
            "1/a(b",
            "its pattern or its caller has characters that are not allowed, so the whole context is left out",
        ),
    ];
    for (name, pattern, expected) in cases {
        let vetted =
            vetted(&format!("[{name}]\nexten={pattern},1,NoOp()\n[good]\nexten=1,1,Goto({name},1,1)"));
        let names: Vec<&str> = vetted.contexts().iter().map(|context| context.name.as_str()).collect();
        assert_eq!(names, ["good"]);
        assert_eq!(vetted.left_out()[0].reason.to_string(), expected);
        assert_eq!(vetted.contexts()[0].extensions[0].steps[0].application, "Hangup");
        assert_eq!(vetted.left_out().last().unwrap().blocks.as_deref(), Some("1"));
    }
}

#[test]
fn an_extension_may_be_for_one_caller_or_for_those_without_a_number() {
    let vetted = vetted("[site]\nexten=1/2000,1,NoOp()\nexten=1/,1,NoOp()");
    let callers: Vec<_> =
        vetted.contexts()[0].extensions.iter().map(|extension| extension.caller.as_deref()).collect();
    assert_eq!(callers, [Some("2000"), Some("")]);
    assert_eq!(vetted.clone().into_contexts(), vetted.contexts());
}

#[test]
fn includes_stay_within_and_never_go_round() {
    let vetted = vetted(
        "[a]\ninclude=b,9:00-17:00,mon-fri,*,*\ninclude=branch-numbers\ninclude=own\ninclude=a\ninclude=${X}\ninclude=b,$[1]
         ignorepat=9\nignorepat=${X}\n[b]\ninclude=c\n[c]\ninclude=a",
    );
    let contexts = vetted.contexts();
    assert_eq!(contexts[0].includes, ["b,9:00-17:00,mon-fri,*,*", "branch-numbers"]);
    assert_eq!(
        (contexts[0].ignored.len(), contexts[1].includes.len(), contexts[2].includes.len()),
        (1, 1, 0)
    );
    assert_eq!(vetted.left_out().len(), 6);
}

#[test]
fn hints_are_devices() {
    let vetted = vetted(
        "[a]\nexten=1,hint,PJSIP/1&Custom:x\nexten=2,hint,${SHELL(x)}\nexten=2,1,NoOp()\nexten=3,hint,$[1]",
    );
    let extensions = &vetted.contexts()[0].extensions;
    assert_eq!(extensions.len(), 2);
    assert_eq!(
        (extensions[0].hint.as_deref(), extensions[1].hint.as_deref()),
        (Some("PJSIP/1&Custom:x"), None)
    );
}

#[test]
fn there_is_an_end_to_everything() {
    let lines = |count| (0..count).map(|number| format!("exten={number},1,NoOp()\n")).collect::<String>();
    let one = lines(MAX_EXTENSIONS_OF_ONE);
    let full: String =
        (0..MAX_EXTENSIONS / MAX_EXTENSIONS_OF_ONE).map(|number| format!("[a{number}]\n{one}")).collect();
    let vetted = vetted(&format!("{full}[b]\nexten=1,1,NoOp()\n[c]\n{one}exten=s,1,NoOp()\n"));
    assert_eq!(vetted.contexts().len(), 10);
    let left_out: Vec<_> = vetted.left_out().iter().map(ToString::to_string).collect();
    assert_eq!(
        left_out,
        [
            "context b: the contexts of the main have more than 50000 extensions, so this one is left out",
            "context c: it has more than 5000 extensions, and changing it would hold up calls"
        ]
    );
    let long = format!("NoOp({})", "x".repeat(3000));
    assert_eq!(reason(&long), Some(Refusal::Long(2000)));
    assert_eq!(reason(&format!("NoOp({})", "x".repeat(2000))), None);
    let bad: String = (0..MAX_REPORTED + 5).map(|number| format!("exten={number},1,System(x)\n")).collect();
    let vetted = self::vetted(&format!("[a]\n{bad}"));
    assert_eq!((vetted.left_out().len(), vetted.left_out_besides()), (MAX_REPORTED, 5));
}

#[test]
fn no_more_contexts_and_steps_are_taken_than_there_is_room_for() {
    let empty = Context::default();
    let mut room = Room::default();
    for _ in 0..MAX_CONTEXTS {
        assert_eq!(room.takes(&empty), Ok(()));
    }
    let many = |count, what| Err((String::new(), Refusal::Many { count, what }));
    assert_eq!(room.takes(&empty), many(MAX_CONTEXTS, "contexts"));
    let with_steps = |steps| {
        let extension = Extension { steps: vec![Step::default(); steps], ..Extension::default() };
        Context { extensions: vec![extension], ..Context::default() }
    };
    let mut room = Room::default();
    assert_eq!(room.takes(&with_steps(MAX_STEPS - 1)), Ok(()));
    assert_eq!(room.takes(&with_steps(2)), many(MAX_STEPS, "steps"));
    assert_eq!(room.takes(&with_steps(1)), Ok(()));
}

#[test]
fn the_option_that_is_not_taken_is_named() {
    for (step, option) in
        [("Dial(PJSIP/1,,tM(x))", "M"), ("Dial(PJSIP/1,,tX)", "X"), ("Dial(PJSIP/1,,t))", ")")]
    {
        assert_eq!(reason(step), Some(Refusal::Option(format!("option {option}"))), "{step}");
    }
}

/// Text with much of what Asterisk evaluates.
fn hostile() -> impl Strategy<Value = String> {
    let words = vec![
        "${",
        "$[",
        "}",
        "]",
        "{",
        "[",
        "(",
        ")",
        "SHELL",
        "SHELL(",
        "${SHELL(x)}",
        "X",
        "CUT(",
        "IF(",
        "EXTEN",
        ":",
        ",",
        "?",
        "=",
        "\"",
        "\\",
        "&",
        "Local/",
        "@own",
        "PJSIP/",
        "own,1,1",
        "Set",
        "Goto",
        "Dial",
        "GotoIf",
        "1",
        " ",
        "|",
        "A=",
        "\n",
        "ä",
    ];
    vec(prop::sample::select(words), 0..14).prop_map(|words| words.concat())
}

proptest! {
    /// Read by Asterisk's own way, which counts brackets of one kind alone, nothing calls what is off the list.
    #[test]
    fn nothing_gets_through_by_brackets(
        application in prop::sample::select(vec!["NoOp", "Set", "Goto", "GotoIf", "Gosub", "GosubIf", "Dial", "MSet", "Queue"]),
        arguments in hostile(),
        other in hostile(),
    ) {
        let arguments = arguments.replace('\n', "");
        let text = format!("[site]\nexten=1,1,{application}({arguments})\nexten=1,n,Set(X={})", other.replace('\n', ""));
        let vetted = vetted(&text);
        for step in vetted.contexts().iter().flat_map(|context| &context.extensions).flat_map(|one| &one.steps) {
            let mut calls = Vec::new();
            as_asterisk(&step.arguments, &mut calls);
            prop_assert!(calls.iter().all(|call| Allowed::default().reads(call)), "{} {calls:?}", step.arguments);
        }
    }
}

/// Names of the functions that Asterisk calls in a text: it looks for the end of `${` by braces and of `$[` by brackets, then
/// evaluates what is inside. Values are not known here; `?` stands for a name that one of them is part of.
fn as_asterisk(text: &str, calls: &mut Vec<String>) {
    let mut at = 0;
    while let Some(found) = text[at..].find('$') {
        let start = at + found;
        let (open, close) = match text.as_bytes().get(start + 1) {
            Some(b'{') => ('{', '}'),
            Some(b'[') => ('[', ']'),
            _ => {
                at = start + 1;
                continue;
            }
        };
        let mut depth = 0;
        let inner = &text[start + 1..];
        let end = inner.char_indices().find(|(_, character)| {
            depth += i32::from(*character == open) - i32::from(*character == close);
            depth == 0
        });
        let end = end.map_or(inner.len(), |(end, _)| end);
        let content = inner.get(1..end).unwrap_or_default();
        as_asterisk(content, calls);
        if open == '{' {
            let name: &str = content.split([':', '(']).next().unwrap_or_default();
            let is_call = content[name.len()..].starts_with('(');
            if name.contains('$') {
                calls.push("?".to_owned());
            } else if is_call {
                calls.push(name.to_owned());
            }
        }
        at = start + 1 + end;
    }
}

#[test]
fn a_variable_that_a_user_brings_along_leads_a_call_nowhere() {
    let text = "[site]\nexten=1,1,Set(B=1)\nexten=1,n,Goto(${B})\nexten=1,n,Hangup()";
    let left_out = |brought| with(&Setting { brought, ..PLAIN }, text).left_out().len();
    assert_eq!((left_out(&[]), left_out(&["b"])), (0, 1));
}
