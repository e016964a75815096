//! The users of a site, as their FreePBX says who they are.

use crate::asterisk::Asterisk;
use crate::error::Result;
use crate::line::{Account, Media, Secret};
use crate::users::Told;
use crate::version::Version;

/// One account of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What its phone needs to know.
    pub account: Account,
    /// What others dial.
    pub number: String,
    /// The box, where there is one: `1001@default`.
    pub mailbox: Option<String>,
}

/// The accounts with that account code which have a password, by name.
pub fn users(main: &Asterisk, site: &str) -> Result<Vec<User>> {
    let file = if main.version == Version::V16 { "sip.conf" } else { "pjsip.conf" };
    let (sections, boxes) = (main.get_config(file)?, main.get_config("voicemail.conf")?);
    let of_the_site = sections.iter().filter(|section| value(section, "accountcode") == Some(site));
    let mut users =
        of_the_site.map(|section| user(section, &sections, &boxes)).collect::<Result<Vec<_>>>()?;
    users.sort_by(|one, other| one.as_ref().map(name).cmp(&other.as_ref().map(name)));
    Ok(users.into_iter().flatten().collect())
}

fn name(user: &User) -> &str {
    &user.account.name
}

/// Nobody, where there is no password.
fn user(section: &Told, sections: &[Told], boxes: &[Told]) -> Result<Option<User>> {
    let Some(secret) = secret(section, sections) else { return Ok(None) };
    // FreePBX does not mark a semicolon in a name: what is behind it is lost, and the number with it. One that begins with
    // a 0 is what people outside are to see.
    let shown = value(section, "callerid").and_then(|caller| caller.split(['<', '>']).nth(1));
    let number = shown.filter(|number| !number.starts_with('0')).unwrap_or(&section.0);
    // FreePBX names the box of a phone that asks for its messages in the aor alone.
    let aor = sections.iter().find(|other| other.0 == section.0 && value(other, "type") == Some("aor"));
    let said = [("mailboxes", Some(section)), ("mailboxes", aor), ("mailbox", Some(section))];
    let mailbox = said.iter().find_map(|(key, section)| value((*section)?, key));
    let there = |mailbox: &&str| {
        mailbox.split_once('@').is_some_and(|(number, context)| {
            boxes.iter().any(|section| section.0 == context && value(section, number).is_some())
        })
    };
    let account = Account { name: section.0.clone(), secret, media: media(section) };
    Ok(Some(User { account, number: number.to_owned(), mailbox: mailbox.filter(there).map(str::to_owned) }))
}

fn secret(section: &Told, sections: &[Told]) -> Option<Secret> {
    let said = |section: &Told, key| value(section, key).filter(|value| !value.is_empty()).map(str::to_owned);
    if let Some(secret) = said(section, "secret") {
        return Some(Secret::Plain(secret));
    }
    let auth = value(section, "auth")?;
    let auth = sections.iter().find(|other| other.0 == auth && value(other, "type") == Some("auth"))?;
    said(auth, "md5_cred").map(Secret::Hash).or_else(|| said(auth, "password").map(Secret::Plain))
}

fn media(section: &Told) -> Media {
    let says = |key, wanted| value(section, key) == Some(wanted);
    if says("media_encryption", "dtls") {
        Media::Dtls
    } else if says("media_encryption", "sdes") {
        Media::Sdes
    } else if says("avpf", "yes") {
        Media::Feedback
    } else {
        Media::Plain
    }
}

/// The last value of a key: the one that counts.
fn value<'a>(section: &'a Told, wanted: &str) -> Option<&'a str> {
    let mut pairs = section.1.iter().filter_map(|line| line.split_once('='));
    pairs.rfind(|(key, _)| key.trim() == wanted).map(|(_, value)| value.trim_start_matches('>').trim())
}
