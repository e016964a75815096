//! What a phone offers for its audio.

use std::net::IpAddr;

/// How audio travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// In clear.
    Plain,
    /// In clear, with the feedback of RFC 4585.
    Feedback,
    /// Encrypted, the key in the offer.
    Sdes,
    /// Encrypted as a browser does it.
    Dtls,
}

impl Media {
    /// The offer of a phone at that address. No audio ever comes: the call ends as soon as somebody answers.
    pub fn offer(self, address: IpAddr) -> String {
        let (profile, rest) = match self {
            Self::Plain => ("RTP/AVP", String::new()),
            Self::Feedback => ("RTP/AVPF", String::new()),
            Self::Sdes => (
                "RTP/SAVP",
                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5\r\n"
                    .to_owned(),
            ),
            Self::Dtls => (
                "UDP/TLS/RTP/SAVPF",
                format!(
                    "a=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=rtcp-mux\r\na=ice-ufrag:lab0\r\n\
                     a=ice-pwd:lablablablablablablablab\r\na=candidate:1 1 UDP 2130706431 {address} 4000 typ host\r\n",
                    ["AB"; 32].join(":")
                ),
            ),
        };
        format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio 4000 {profile} 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n{rest}"
        )
    }
}
