//! SIP messages, as far as a phone without audio needs them.

use super::{Account, Secret};
use crate::command::{run_with, words};
use crate::error::{Context, Result};

/// One message, its lines of the header as they came.
pub struct Message(Vec<String>);

impl Message {
    /// The message in one datagram.
    pub fn new(text: &str) -> Self {
        let (header, _) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        Self(header.split("\r\n").map(str::to_owned).collect())
    }

    /// The method of a request; none of an answer.
    pub fn method(&self) -> Option<&str> {
        let first = self.0.first()?.split(' ').next()?;
        (!first.starts_with("SIP/")).then_some(first)
    }

    /// The code of an answer.
    pub fn status(&self) -> Result<&str> {
        self.0.first().and_then(|line| line.split(' ').nth(1)).context("an answer without a code")
    }

    /// What tells the answer to one request from that to another.
    pub fn cseq(&self) -> &str {
        self.header("CSeq").unwrap_or_default()
    }

    /// An answer to this request.
    pub fn reply(&self, status: &str) -> String {
        let copied = self.0.iter().filter_map(|line| {
            let (name, _) = line.split_once(':')?;
            match name.to_ascii_lowercase().as_str() {
                "to" if !line.contains(";tag=") => Some(format!("{line};tag=here\r\n")),
                "via" | "from" | "to" | "call-id" | "cseq" => Some(format!("{line}\r\n")),
                _ => None,
            }
        });
        format!("SIP/2.0 {status}\r\n{}Content-Length: 0\r\n\r\n", copied.collect::<String>())
    }

    /// The ACK of this answer to `invite`.
    pub fn acknowledgement(&self, invite: &str) -> Result<String> {
        let invite = Self::new(invite);
        let number = invite.cseq().split(' ').next().and_then(|number| number.parse().ok());
        let number: u32 = number.context("an INVITE without a number")?;
        if self.status()? == "200" {
            return Ok(self.within_dialog("ACK", number));
        }
        let uri = invite.0.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let via = invite.header("Via").unwrap_or_default();
        Ok(self.with(uri, via, "ACK", number))
    }

    /// A request in the call that this answer has begun.
    pub fn within_dialog(&self, method: &str, number: u32) -> String {
        let contact = self.header("Contact").unwrap_or_default();
        let uri = contact.split(['<', '>']).nth(1).unwrap_or(contact);
        let via = self.header("Via").unwrap_or_default();
        let (via, _) = via.split_once(";branch=").unwrap_or((via, ""));
        self.with(uri, &format!("{via};branch=z9hG4bK{method}-{number}-{}", self.call()), method, number)
    }

    /// The line that answers this challenge.
    pub fn authorization(&self, account: &Account, method: &str, uri: &str) -> Result<String> {
        let (header, answer) = match self.header("WWW-Authenticate") {
            Some(challenge) => (challenge, "Authorization"),
            None => (self.header("Proxy-Authenticate").context("no challenge")?, "Proxy-Authorization"),
        };
        let asked = |key: &str| {
            let (_, value) = header.split_once(&format!("{key}=\""))?;
            value.split('"').next()
        };
        let (realm, nonce) = (asked("realm").context("no realm")?, asked("nonce").context("no nonce")?);
        let name = &account.name;
        let who = match &account.secret {
            Secret::Plain(secret) => md5(&format!("{name}:{realm}:{secret}"))?,
            Secret::Hash(hash) => hash.clone(),
        };
        let what = md5(&format!("{method}:{uri}"))?;
        let opaque = asked("opaque").map(|opaque| format!(", opaque=\"{opaque}\"")).unwrap_or_default();
        let (response, quality) = match header.contains("qop=") {
            true => (
                md5(&format!("{who}:{nonce}:00000001:c:auth:{what}"))?,
                ", qop=auth, nc=00000001, cnonce=\"c\"",
            ),
            false => (md5(&format!("{who}:{nonce}:{what}"))?, ""),
        };
        Ok(format!(
            "{answer}: Digest username=\"{name}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm=MD5{quality}{opaque}\r\n"
        ))
    }

    fn call(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    fn with(&self, uri: &str, via: &str, method: &str, number: u32) -> String {
        let (from, to) = (self.header("From").unwrap_or_default(), self.header("To").unwrap_or_default());
        format!(
            "{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\n\
             Call-ID: {}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
            self.call()
        )
    }

    fn header(&self, wanted: &str) -> Option<&str> {
        let mut headers = self.0.iter().filter_map(|line| line.split_once(':'));
        headers.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    }
}

/// By the system's own tool: the lab has no other use for a hash.
fn md5(text: &str) -> Result<String> {
    let said = run_with(&mut words(&["md5sum"]), text)?;
    said.split_whitespace().next().map(str::to_owned).context("md5sum says nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 2617, 3.5.
    #[test]
    fn a_challenge_is_answered() {
        let challenge = Message::new(
            "SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"testrealm@host.com\",\
             nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\",opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"\r\n\r\n",
        );
        let account = Account {
            name: "Mufasa".to_owned(),
            secret: Secret::Hash("939e7578ed9e3c518a452acee763bce9".to_owned()),
            media: super::super::Media::Plain,
        };
        let line = challenge.authorization(&account, "GET", "/dir/index.html").unwrap();
        assert!(line.contains("response=\"670fd8c2df070c60b045671b8b24ff02\""), "{line}");
        let plain = Account { secret: Secret::Plain("Circle Of Life".to_owned()), ..account };
        assert_eq!(challenge.authorization(&plain, "GET", "/dir/index.html").unwrap(), line);
    }
}
