//! A connection from the banner on: what an action is answered with does not depend on how the octets were cut, and
//! what is said of a bad answer can be shown.

use res_synch::uplink::ami::{Action, Refusal, Session, Stamp, Stream};

use super::{assert_shown, chunks};

const LIMIT: usize = 4096;
/// More events than that are not kept for whoever asks late.
const KEPT: usize = 64;

/// The first octet is the action, the next are the lengths of the chunks, the rest is what the main sends.
pub fn run(octets: &[u8]) {
    let Some((kind, octets)) = octets.split_first() else { return };
    let (sizes, sent) = octets.split_at(octets.len().min(4));
    let action = match kind % 8 {
        0 => Action::Login { username: "synch", key: "0af1", events: true },
        1 => Action::Ping,
        2 => Action::CoreStatus,
        3 => Action::ShowEndpoint("1001"),
        4 => Action::ShowPeer("1001"),
        5 => Action::Logoff,
        6 => Action::Challenge,
        _ => Action::GetConfig { filename: "users.conf", category: None, filter: None },
    };
    let whole = talk(action, [sent].into_iter());
    assert_eq!(talk(action, chunks(sent, sizes)), whole, "cut as {sizes:?}");
    assert_eq!(talk(action, chunks(sent, &[])), whole, "octet by octet");
}

/// All that came of it, as text.
fn talk<'a>(action: Action<'_>, chunks: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut session = Session::new(LIMIT);
    let (mut stream, mut asked, mut answered, mut told) = (Stream::default(), false, false, Vec::new());
    for chunk in chunks {
        session.feed(chunk).unwrap();
        if !asked {
            match session.greeted() {
                Ok(greeted) => asked = greeted,
                Err(refusal) => return refused(told, &refusal),
            }
            if asked {
                session.request(action);
            }
        }
        if asked && !answered {
            let came = match action {
                Action::GetConfig { .. } => {
                    session.pour(&mut stream, &mut |part| told.push(format!("{part:?}")))
                }
                _ => session.answer().map(|answer| {
                    let stamp = answer.as_ref().and_then(Stamp::read);
                    told.extend(answer.iter().map(|answer| format!("{answer:?} {stamp:?}")));
                    answer.is_some()
                }),
            };
            match came {
                Ok(whole) => answered = whole,
                Err(refusal) => return refused(told, &refusal),
            }
        }
        if answered && matches!(action, Action::ShowEndpoint(_)) {
            match items(&mut session) {
                Ok(items) => told.extend(items),
                Err(refusal) => return refused(told, &refusal),
            }
        }
    }
    // What came while nobody asked for events, and what stays with the reader until somebody does.
    let behind = session.was_told();
    session.forget(b"Reload");
    let mut events = 0;
    while let Ok(Some(event)) = session.event() {
        told.push(format!("{event:?}"));
        events += 1;
    }
    assert!(events <= KEPT + LIMIT, "{events} events");
    told.push(format!("{behind} {}", stream.sections()));
    told
}

fn items(session: &mut Session) -> Result<Vec<String>, Refusal> {
    let mut items = Vec::new();
    while let Some(item) = session.item()? {
        items.push(format!("{item:?}"));
    }
    Ok(items)
}

fn refused(mut told: Vec<String>, refusal: &Refusal) -> Vec<String> {
    assert_shown(&refusal.to_string());
    told.push(refusal.to_string());
    told
}
