//! The main's dialplan through the check: what gets out is on the lists, and what is kept of it comes back as it was.

use res_synch::{
    dialplan::{Allowed, Context, ContextChoice, Step, Terms, Vetted, lines, vet},
    site::users::Document,
};

use super::{assert_shown, conf, strict};

/// The main's extensions.conf.
pub fn run(text: &[u8]) {
    let vetted = vetted(text);
    vetted.left_out().iter().for_each(|line| assert_shown(&line.to_string()));
    let allowed = Allowed::new(&[], &[]);
    for context in vetted.contexts() {
        assert!(plain(&context.name) && !context.name.starts_with("synch-"), "{}", context.name);
        assert!(context.ignored.iter().all(|pattern| plain(pattern)), "{:?}", context.ignored);
        for include in &context.includes {
            let name = include.split(',').next().unwrap_or_default();
            assert!(vetted.contexts().iter().any(|known| known.name == name), "{include}");
            assert_shown(include);
        }
        for extension in &context.extensions {
            assert!(plain(&extension.pattern), "{}", extension.pattern);
            assert!(extension.caller.iter().all(|caller| caller.is_empty() || plain(caller)));
            assert!(extension.hint.iter().all(|hint| !hint.contains('$')), "{:?}", extension.hint);
            extension.steps.iter().for_each(|step| runs(step, &allowed));
            assert!(extension.steps.windows(2).all(|pair| pair[0].priority < pair[1].priority));
        }
    }
    comes_back(vetted.contexts());
}

fn vetted(text: &[u8]) -> Vetted {
    let answer = conf::answer(text);
    let document = Document::read_part(&answer).expect("it is whole");
    let taken = [("outbound".to_owned(), "pbx_config".to_owned())];
    let terms = Terms {
        choice: &ContextChoice::new(&["."]).expect("it is one"),
        allowed: &Allowed::new(&[], &[]),
        also: &[],
        taken: &taken,
        trunks: &["city"],
        brought: &[],
    };
    vet(&[document], &terms)
}

/// Letters of names and patterns: nothing in them is evaluated, and nothing ends a line.
fn plain(text: &str) -> bool {
    let known = |octet: u8| octet.is_ascii_alphanumeric() || b"_.!*#+[]-".contains(&octet);
    (1..80).contains(&text.len()) && text.bytes().all(known)
}

fn runs(step: &Step, allowed: &Allowed) {
    assert!(allowed.runs(&step.application), "{}", step.application);
    assert!(step.label.iter().all(|label| plain(label)), "{:?}", step.label);
    let arguments = &step.arguments;
    assert!(!arguments.chars().any(char::is_control) && arguments.len() <= 2000, "{arguments:?}");
    assert!(!arguments.contains("${$") && !arguments.contains("$[$["), "{arguments}");
    assert!(strict::called(arguments).iter().all(|function| allowed.reads(function)), "{arguments}");
}

/// What is kept for a start without the main is held against the lists again then. All of it comes back, but for steps that
/// go by a variable which only a step sets that was left out: these are left out then, too.
fn comes_back(contexts: &[Context]) {
    let kept = conf::text(&lines::sections(contexts));
    let mut again = vetted(kept.as_bytes()).into_contexts();
    let steps = |contexts: &mut [Context]| -> Vec<Step> {
        let extensions = contexts.iter_mut().flat_map(|context| &mut context.extensions);
        extensions.flat_map(|extension| std::mem::take(&mut extension.steps)).collect()
    };
    let mut contexts = contexts.to_vec();
    let (first, second) = (steps(&mut contexts), steps(&mut again));
    assert_eq!(again, contexts, "kept as {kept}");
    assert_eq!(second.len(), first.len(), "kept as {kept}");
    for (first, second) in first.into_iter().zip(second) {
        let left_out = ["Hangup", "NoOp"].contains(&second.application.as_str());
        let (application, arguments) = (second.application.clone(), second.arguments.clone());
        let same = if left_out { Step { application, arguments, ..first } } else { first };
        assert_eq!(second, same, "kept as {kept}");
    }
}
