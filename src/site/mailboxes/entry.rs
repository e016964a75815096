//! What is behind the number of a mailbox: `pin,name,e-mail|e-mail,pager,option=value|option=value`. Pure.
//!
//! Each part is written only where it is plainly what it should be: some options of a box run programs or lead into the
//! dialplan. Blanks around an option are kept, since app_voicemail (`apply_options`) doesn't know `| delete=yes`.

use crate::words::conf::is_yes;

/// Options that only shape how a message is kept, told and mailed. Not among them: what changes the text of a mail
/// (Asterisk evaluates `emailbody`), leads into the dialplan (`callback`, `dialout`, `exitcontext`) or names a program.
const OPTIONS: [&str; 24] = [
    "attach",
    "attachfmt",
    "backupdeleted",
    "delete",
    "deletevoicemail",
    "envelope",
    "forcegreetings",
    "forcename",
    "hidefromdir",
    "language",
    "leaveurgent",
    "locale",
    "maxmessage",
    "maxmsg",
    "maxsecs",
    "messagewrap",
    "minsecs",
    "moveheard",
    "nextaftercmd",
    "review",
    "saycid",
    "sayduration",
    "saydurationm",
    "tz",
];
/// A name, a pager or a value longer than this doesn't fit app_voicemail's own buffers (80 bytes).
const MAX_FIELD: usize = 79;
/// An address (RFC 5321, 4.5.3.1.3: 256 with its brackets).
const MAX_ADDRESS: usize = 254;
/// All addresses of a box; app_voicemail has no bound of its own.
const MAX_ADDRESSES: usize = 1024;

/// The text that may be written behind the number, and what was left out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: String,
    /// Each with the reason.
    pub(super) lost: Vec<String>,
}

/// What the branch allows in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taking<'a> {
    /// Options that are taken besides the usual ones.
    pub(super) options: &'a [String],
    /// Whether a mail can be sent.
    pub(super) mails: bool,
}

impl Entry {
    /// Reads it.
    ///
    /// # Errors
    /// Why there is no box in it.
    pub(super) fn read(said: &[u8], taking: Taking<'_>) -> Result<Self, &'static str> {
        let mut lost = Vec::new();
        let value: String = said.utf8_chunks().map(|chunk| chunk.valid()).collect();
        if value.chars().any(char::is_control) {
            return Err("it has control characters");
        }
        if value.as_bytes() != said {
            lost.push("letters that Asterisk's files can't hold".to_owned());
        }
        let mut fields = value.splitn(5, ',');
        let mut field = || fields.next().unwrap_or_default();
        let pin = field().trim();
        if !is_pin(pin) {
            return Err("it has no valid PIN");
        }
        let (name, email, pager, options) = (field().trim(), field().trim(), field().trim(), field());
        let name = Self::name(name, &mut lost);
        let email = Self::addresses(email, &mut lost);
        let pager = if is_address(pager) { pager } else { tell(pager, "it is not an address", &mut lost) };
        let options = Self::options(options, !email.is_empty(), taking, &mut lost);
        let value = format!("{pin},{name},{email},{pager},{options}");
        Ok(Self { value: value.trim_end_matches(',').to_owned(), lost })
    }

    /// The name is put into the head of a mail, so a name that Asterisk or a shell could evaluate is left out.
    fn name(said: &str, lost: &mut Vec<String>) -> String {
        if said.contains(['`', '$', '{', '}']) {
            lost.push(format!("the name '{said}'"));
            return String::new();
        }
        let plain = |letter: &char| !['<', '>', '\\', '|'].contains(letter);
        let mut name: String = said.chars().filter(plain).collect();
        while name.len() > MAX_FIELD {
            name.pop();
        }
        if name != said {
            lost.push(format!("letters of the name '{said}'"));
        }
        name
    }

    fn addresses(said: &str, lost: &mut Vec<String>) -> String {
        let mut kept = Vec::new();
        for part in said.split('|').map(str::trim).filter(|part| !part.is_empty()) {
            // `"Ann" <ann@example.com>`: app_voicemail writes the name itself.
            let bare =
                part.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>')).unwrap_or(part).trim();
            if is_address(bare) {
                kept.push(bare);
            } else {
                tell(part, "it is not an address", lost);
            }
        }
        while kept.iter().map(|address| address.len() + 1).sum::<usize>() > MAX_ADDRESSES {
            kept.pop()
                .into_iter()
                .for_each(|address| lost.push(format!("{address}: the mailbox has too many addresses")));
        }
        kept.join("|")
    }

    fn options(said: &str, has_address: bool, taking: Taking<'_>, lost: &mut Vec<String>) -> String {
        let mut kept = Vec::new();
        for option in said.split('|').filter(|option| !option.trim().is_empty()) {
            match why_not(option, has_address, taking) {
                None => kept.push(option),
                // Its value may be another password, as that of `imappassword`.
                Some(why) => {
                    lost.push(format!("{}: {why}", option.split('=').next().unwrap_or_default().trim()));
                }
            }
        }
        // The branch's own [general] may say `attach = no`: then the mail would have no message, and nothing else would.
        let has = |key: &str| kept.iter().any(|option| option.split('=').next() == Some(key));
        if (has("delete") || has("deletevoicemail")) && !has("attach") {
            kept.push("attach=yes");
        }
        kept.join("|").trim_end().to_owned()
    }
}

fn why_not(option: &str, has_address: bool, taking: Taking<'_>) -> Option<&'static str> {
    let Some((key, value)) = option.split_once('=') else { return Some("it has no value") };
    let besides = taking.options.iter().any(|known| known == key);
    if !OPTIONS.contains(&key) && !besides {
        return Some("it is not one of the usual options; to take it, add it to [voicemail] options");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/+.: ".contains(&byte);
    if value.len() > MAX_FIELD || !value.bytes().all(plain) || value.contains("..") {
        return Some("its value has characters that are not allowed");
    }
    // A message that is mailed to nobody and deleted is lost.
    let deletes = ["delete", "deletevoicemail"].contains(&key) && is_yes(value.as_bytes());
    match (deletes, has_address, taking.mails) {
        (true, false, _) => Some("the mailbox has no address, so the message would be lost"),
        (true, true, false) => Some("this machine can't send mail, so the message would be lost"),
        _ => None,
    }
}

/// Notes why a part is left out, unless it is empty.
fn tell(said: &str, why: &str, lost: &mut Vec<String>) -> &'static str {
    if !said.is_empty() {
        lost.push(format!("{said}: {why}"));
    }
    ""
}

/// A leading `-` keeps the user from changing it.
fn is_pin(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() <= MAX_FIELD
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*#".contains(&byte))
}

fn is_address(text: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || ".!#%&'*+/=?^_~-".contains(letter);
    let parts: Vec<&str> = text.split('@').collect();
    let [local, domain] = parts.as_slice() else { return false };
    text.len() <= MAX_ADDRESS
        && !local.is_empty()
        && !local.starts_with('-')
        && local.chars().all(plain)
        && !domain.is_empty()
        && domain.chars().all(|letter| letter.is_alphanumeric() || ".-".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &[u8], mails: bool) -> (String, Vec<String>) {
        let entry = Entry::read(value, Taking { options: &["kept".to_owned()], mails }).unwrap();
        (entry.value, entry.lost)
    }

    /// As administrators have them.
    #[test]
    fn all_that_voicemail_takes_comes_through() {
        for value in [
            "4711,Ann Lee,ann@example.com|team@example.com,,attach=yes",
            "4712,Ben \"Big\" Ray,ben@example.com",
            "4713,José Nuñez & Co,jose@example.com,,attach=yes|tz=european",
            "7014,Jörg Müller,u@example.com|second@example.com,,attach=yes|saycid=no|delete=yes|tz=german",
            "4716,Fay O'Hara,fay.o'hara@example.com",
            "4718,Hal,hal@bücher.example,0170@sms.example",
            "4715,Eve",
            ",Jon,jon@localhost",
            "-1234,Zoë; Müller",
            "",
        ] {
            assert_eq!(read(value.as_bytes(), true), (value.to_owned(), vec![]), "{value}");
        }
        assert_eq!(
            read(b"4717,Gus,\"Gus\" <gus@example.com>", true),
            ("4717,Gus,gus@example.com".to_owned(), vec![])
        );
    }

    #[test]
    fn no_message_is_deleted_that_nobody_gets() {
        for (value, mails, written, why) in [
            ("1,A,,,attach=yes|delete=yes", true, "1,A,,,attach=yes", "the mailbox has no address"),
            ("1,A,not one,,delete=yes", true, "1,A", "the mailbox has no address"),
            ("1,A,a@example.com,,deletevoicemail=on", false, "1,A,a@example.com", "can't send mail"),
        ] {
            let (kept, lost) = read(value.as_bytes(), mails);
            assert_eq!(kept, written);
            assert!(lost.last().unwrap().contains(why), "{lost:?}");
        }
        for value in ["1,A,,,delete=no|attach=no", "1,A,a@example.com,,attach=no|delete=yes"] {
            assert_eq!(read(value.as_bytes(), true), (value.to_owned(), vec![]));
        }
        // Whatever the branch's own [general] says, the mail has the message.
        let (kept, _) = read(b"1,A,a@example.com,,delete=yes", true);
        assert_eq!(kept, "1,A,a@example.com,,delete=yes|attach=yes");
    }

    /// app_voicemail doesn't know an option that begins with a blank: what the main doesn't delete, we don't.
    #[test]
    fn blanks_make_no_option_of_what_is_none() {
        let (kept, lost) = read(b"4714 , Dan , dan@example.com , , attach=yes | delete=yes", true);
        assert_eq!(kept, "4714,Dan,dan@example.com");
        assert_eq!(lost.len(), 2, "{lost:?}");
        assert_eq!(read(b"1,A,,,attach=yes |saycid=no ", true).0, "1,A,,,attach=yes |saycid=no");
    }

    #[test]
    fn what_is_no_name_no_address_and_no_option_is_left_away_and_told() {
        for (value, written, losses) in [
            ("1,A <x>|,a@b,c@d", "1,A x,a@b,c@d", 1),
            ("1,${SHELL(id)},a@b", "1,,a@b", 1),
            ("1,A,`id`@x|a@b,-f@x", "1,A,a@b", 2),
            ("1,A,a@b@c", "1,A", 1),
            ("1,A,,,attach=$(id)|tz=../../x|x=y|attach|kept=1", "1,A,,,kept=1", 4),
            ("1,A,,,emailbody=${SHELL(id)}", "1,A", 1),
        ] {
            let (kept, lost) = read(value.as_bytes(), true);
            assert_eq!((kept.as_str(), lost.len()), (written, losses), "{value}: {lost:?}");
        }
        assert_eq!(read(b"1,J\xfcrgen", true).0, "1,Jrgen");
        assert!(!read(b"1,A,,,imappassword=canary", true).1[0].contains("canary"));
    }

    #[test]
    fn no_box_is_opened_by_what_is_no_pin() {
        for value in ["1;2", "rm -rf", "${X}", "1\u{7}", "1,A\r[general]"] {
            assert!(Entry::read(value.as_bytes(), Taking { options: &[], mails: true }).is_err(), "{value}");
        }
    }
}
