//! The answer to a digest challenge with MD5 (RFC 2617, as RFC 3261 section 22.4 uses it). Pure.

/// A challenge, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// Whether `qop=auth` is offered.
    auth: bool,
}

/// Who answers, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Account.
    pub username: &'a str,
    /// Its password.
    pub secret: &'a str,
    /// Method of the request.
    pub method: &'a str,
    /// Request-URI of the request.
    pub uri: &'a str,
    /// Random text of ours.
    pub cnonce: &'a str,
}

impl Challenge {
    /// Reads the value of a `WWW-Authenticate`. None: it wants something else than a digest with MD5.
    #[must_use]
    pub fn read(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(' ')?;
        let parameters = parameters(rest);
        // They go into a header of ours.
        let plain = |text: &String| !text.contains(|letter: char| letter == '"' || letter.is_control());
        if !parameters.iter().all(|(_, value)| plain(value)) {
            return None;
        }
        let get = |name: &str| {
            let found = parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let md5 = get("algorithm").is_none_or(|algorithm| algorithm.eq_ignore_ascii_case("MD5"));
        let offers = |qop: String| qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth"));
        let auth = get("qop").map(offers);
        // Of qop, auth-int alone is nothing that we can answer.
        if !scheme.eq_ignore_ascii_case("Digest") || !md5 || auth == Some(false) {
            return None;
        }
        Some(Self { realm: get("realm")?, nonce: get("nonce")?, opaque: get("opaque"), auth: auth.is_some() })
    }

    /// The value of the `Authorization` that answers it. `md5` gives the hash of a text as lower-case hex.
    pub fn answer(&self, asked: &Asked<'_>, md5: impl Fn(&str) -> String) -> String {
        let Self { realm, nonce, opaque, auth } = self;
        let Asked { username, secret, method, uri, cnonce } = asked;
        let (who, what) = (md5(&format!("{username}:{realm}:{secret}")), md5(&format!("{method}:{uri}")));
        // Each challenge is answered once: the count of a nonce never grows.
        let response = if *auth {
            md5(&format!("{who}:{nonce}:00000001:{cnonce}:auth:{what}"))
        } else {
            md5(&format!("{who}:{nonce}:{what}"))
        };
        let mut text = format!(
            "Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm=MD5"
        );
        if *auth {
            text += &format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = opaque {
            text += &format!(", opaque=\"{opaque}\"");
        }
        text
    }
}

/// `name=value, name="value"`. A comma within quotes is part of the value.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, behind)) = rest.split_once('=') {
        let behind = behind.trim_start();
        let (value, left) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => behind.split_at(behind.find(',').unwrap_or(behind.len())),
        };
        let name = name.trim_matches(|letter: char| letter == ',' || letter.is_whitespace());
        found.push((name.to_owned(), value.trim().to_owned()));
        rest = left;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'_> =
        Asked { username: "drill", secret: "s3", method: "REGISTER", uri: "sip:10.0.0.1", cnonce: "c" };

    /// Shows what is hashed, and how deep.
    fn shown(text: &str) -> String {
        format!("<{text}>")
    }

    #[test]
    fn rfc2617_s3_2_2_1_with_qop_count_and_cnonce_are_part_of_the_response() {
        // As PJSIP asks.
        let text = "Digest realm=\"asterisk\",nonce=\"1/a,b\",opaque=\"o\",algorithm=MD5,qop=\"auth\"";
        let answer = Challenge::read(text).unwrap().answer(&ASKED, shown);
        let response = "response=\"<<drill:asterisk:s3>:1/a,b:00000001:c:auth:<REGISTER:sip:10.0.0.1>>\"";
        assert!(answer.contains(response), "{answer}");
        assert!(answer.ends_with(", qop=auth, nc=00000001, cnonce=\"c\", opaque=\"o\""), "{answer}");
        assert!(answer.starts_with("Digest username=\"drill\", realm=\"asterisk\", nonce=\"1/a,b\", uri="));
    }

    #[test]
    fn rfc2617_s3_2_2_1_without_qop_the_response_is_that_of_rfc2069() {
        // As chan_sip asks.
        let text = "Digest algorithm=MD5, realm=\"asterisk\", nonce=\"78\"";
        let answer = Challenge::read(text).unwrap().answer(&ASKED, shown);
        let response = "response=\"<<drill:asterisk:s3>:78:<REGISTER:sip:10.0.0.1>>\", algorithm=MD5";
        assert!(answer.ends_with(response), "{answer}");
    }

    #[test]
    fn a_challenge_cannot_add_a_header() {
        for value in ["Digest realm=\"a\nX: y\", nonce=\"n\"", "Digest realm=a\"b, nonce=n"] {
            assert!(Challenge::read(value).is_none(), "{value:?}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_none() {
        for text in [
            "",
            "Basic realm=\"x\"",
            "Digest realm=\"x\",nonce=\"y\",algorithm=SHA-256",
            "Digest realm=\"x\",nonce=\"y\",qop=\"auth-int\"",
            "Digest nonce=\"y\"",
            "Digest realm=\"x",
        ] {
            assert_eq!(Challenge::read(text), None, "{text}");
        }
    }
}
