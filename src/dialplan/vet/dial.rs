//! `Dial` and `Queue`: whom they call, and options that run something else. Pure.

use super::{
    check::{Check, Place, SYNTAX},
    text::is_context,
};
use crate::dialplan::{
    Refusal,
    left_out::shown,
    substitution::{Piece, literal, split, split_once},
};

/// `Dial`'s options that take nothing, or nothing that runs or leads anywhere. Not among them: `b`, `B`, `U` (Gosub), `M` (Macro), `F`, `G` (Goto),
/// `A` (a sound, perhaps from an address), `P`, `p` (privacy, which records), `w`, `W`, `x`, `X` (recording).
const DIAL_OPTIONS: &str = "acCdDefgHhiIkKLmnNoQrRSstTuz";
/// Those of them that may have brackets.
const DIAL_BRACKETS: &str = "DfLmQrSsu";
/// `Queue`'s options; `b` and `B` are Gosub, `F` is Goto, `w`, `W`, `x`, `X` record.
const QUEUE_OPTIONS: &str = "cCdhHikKnNrRtT";

impl Check<'_> {
    /// `Dial(devices,timeout,options)`
    pub fn dials(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        let parts = split(pieces, ',');
        let (devices, rest) = parts.split_first().ok_or_else(|| Refusal::Device(String::new()))?;
        for device in split(devices, '&') {
            self.device(&device, place)?;
        }
        for part in rest {
            self.lacks(part, place, SYNTAX)?;
        }
        if let Some(options) = rest.get(1) {
            self.options(options, DIAL_OPTIONS, DIAL_BRACKETS)?;
        }
        none_behind(rest, 2, "Dial's address to send")
    }

    /// `Queue(name,options,,announcement,timeout)`; behind these stand an AGI program and subroutines.
    pub fn queues(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        self.lacks(pieces, place, SYNTAX)?;
        let parts = split(pieces, ',');
        if let Some(options) = parts.get(1) {
            self.options(options, QUEUE_OPTIONS, "")?;
        }
        if parts.get(2).is_some_and(|address| !address.is_empty()) {
            return Err(Refusal::Option("Queue's address to send".to_owned()));
        }
        if let Some(announcement) = parts.get(3) {
            self.sounds(announcement, place)?;
        }
        none_behind(&parts, 5, "Queue's sixth argument or one behind it")
    }

    /// Letters, some with something in brackets. Values bring no brackets with them, so they can only be letters.
    pub fn options(&self, pieces: &[Piece<'_>], letters: &str, brackets: &str) -> Result<(), Refusal> {
        let mut inside = false;
        for piece in pieces {
            let mut before = None;
            let Piece::Text(text) = piece else { continue };
            for character in text.chars() {
                let fits = match character {
                    ')' => std::mem::take(&mut inside),
                    '(' => {
                        let known = before.is_some_and(|before| brackets.contains(before));
                        !std::mem::replace(&mut inside, true) && known
                    }
                    ' ' => true,
                    letter => inside || letters.contains(letter),
                };
                if !fits {
                    let option = before.filter(|_| character == '(').unwrap_or(character);
                    return Err(Refusal::Option(format!(
                        "option {}",
                        crate::dialplan::left_out::shown(&option.to_string())
                    )));
                }
                before = Some(character);
            }
        }
        if inside { Err(Refusal::Brackets) } else { Ok(()) }
    }

    fn device(&self, device: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        if let [Piece::Call(name, arguments, rest)] = device
            && name.eq_ignore_ascii_case("PJSIP_DIAL_CONTACTS")
            && rest.is_empty()
        {
            // More arguments name an aor, which may be a trunk's, and a number to call there.
            let one = split(arguments, ',').len() == 1 && self.endpoint(arguments, false);
            return if one { self.lacks(arguments, place, SYNTAX) } else { Err(no_device(device)) };
        }
        self.lacks(device, place, SYNTAX)?;
        let (technology, resource) = split_once(device, '/').ok_or_else(|| no_device(device))?;
        let technology = literal(&technology).unwrap_or_default().to_ascii_uppercase();
        let fits = match technology.as_str() {
            "LOCAL" => return self.local(&resource),
            "PJSIP" => self.endpoint(&resource, false),
            "SIP" => self.endpoint(&resource, true),
            _ => false,
        };
        if fits { Ok(()) } else { Err(no_device(device)) }
    }

    /// `Local/number@context[/options]` is a `Goto`.
    fn local(&self, resource: &[Piece<'_>]) -> Result<(), Refusal> {
        let parts = split(resource, '@');
        let [_, context] = parts.as_slice() else { return Err(Refusal::ComputedTarget) };
        let context = literal(context).ok_or(Refusal::ComputedTarget)?;
        self.within(context.split_once('/').map_or(context, |(context, _)| context))
    }

    /// `user`, `number@trunk`, and with chan_sip `trunk/number`: a trunk is written out and none of the branch's own. An address would
    /// be called wherever it is.
    fn endpoint(&self, resource: &[Piece<'_>], slashes: bool) -> bool {
        let named = |name: &[Piece<'_>]| {
            literal(name).is_some_and(|name| {
                is_context(name)
                    && !(slashes && name.contains('.'))
                    && !self.trunks.iter().any(|trunk| trunk.eq_ignore_ascii_case(name))
            })
        };
        let plain = |pieces: &[Piece<'_>]| {
            let text =
                |piece: &Piece<'_>| matches!(piece, Piece::Text(text) if text.contains([':', '/', '(', '"']));
            !pieces.is_empty() && !pieces.iter().any(text)
        };
        match (split(resource, '@').as_slice(), split(resource, '/').as_slice()) {
            ([number, trunk], [_]) => plain(number) && named(trunk),
            ([_], [trunk, number]) if slashes => plain(number) && named(trunk),
            ([user], [_]) if literal(user).is_some() => named(user),
            // With chan_sip a user that isn't known is a host to call.
            ([user], [_]) => plain(user) && !slashes,
            _ => false,
        }
    }
}

/// Arguments of a number and up have to be absent.
pub fn none_behind(parts: &[Vec<Piece<'_>>], number: usize, what: &str) -> Result<(), Refusal> {
    let more = parts.iter().skip(number).any(|part| !part.is_empty());
    if more { Err(Refusal::Option(what.to_owned())) } else { Ok(()) }
}

fn no_device(device: &[Piece<'_>]) -> Refusal {
    let text = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => (*text).to_owned(),
        Piece::Variable(name, _) | Piece::Call(name, ..) => format!("${{{name}}}"),
        Piece::Expression(_) => "$[]".to_owned(),
    };
    Refusal::Device(shown(&device.iter().map(text).collect::<String>()))
}
