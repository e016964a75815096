//! The options that are taken of a user, by kind, and why others are not. Pure.
//!
//! Names are those of res_pjsip's `pjsip_configuration.c`, `pjsip_options.c` and `config_auth.c`, and of chan_sip's
//! `build_peer()`. An option that is not here is not taken: a newer Asterisk may have one that hands calls over.

use crate::site::users::{Kind, wizard::NUMBER};

/// Whether an option is one of the usual ones.
#[must_use]
pub fn is_usual(kind: Kind, key: &str) -> bool {
    let lists: &[&[&str]] = match kind {
        Kind::Endpoint => &[&ENDPOINT_WHO, &ENDPOINT_CALLS, &ENDPOINT_MEDIA],
        Kind::Aor => &[&AOR],
        Kind::Auth => &[&AUTH],
        Kind::Peer => &[&PEER_WHO, &PEER_CALLS, &PEER_MEDIA],
    };
    lists.iter().any(|list| list.iter().any(|known| key.eq_ignore_ascii_case(known)))
}

/// Why an option is not one of them.
#[must_use]
pub fn why_not(key: &str) -> &'static str {
    let reason = REASONS.iter().find(|(keys, _)| keys.iter().any(|known| key.eq_ignore_ascii_case(known)));
    reason.map_or("it is not one of the usual options; to take it, add it to [policy] keep", |(_, why)| why)
}

/// Who the user is.
const ENDPOINT_WHO: [&str; 20] = [
    "type",
    "aors",
    "auth",
    "accountcode",
    "callerid",
    "callerid_privacy",
    "callerid_tag",
    "identify_by",
    "language",
    "mailboxes",
    "mwi_from_user",
    "mwi_subscribe_replaces_unsolicited",
    "aggregate_mwi",
    "voicemail_extension",
    "tone_zone",
    "user_eq_phone",
    "call_group",
    "pickup_group",
    "named_call_group",
    "named_pickup_group",
];

/// How it calls and is called.
const ENDPOINT_CALLS: [&str; 36] = [
    "100rel",
    "allow_overlap",
    "allow_subscribe",
    "allow_transfer",
    "connected_line_method",
    "device_state_busy_at",
    "follow_early_media_fork",
    "force_rport",
    "ignore_183_without_sdp",
    "inband_progress",
    "max_audio_streams",
    "max_video_streams",
    "moh_passthrough",
    "moh_suggest",
    "notify_early_inuse_ringing",
    "preferred_codec_only",
    "refer_blind_progress",
    "rewrite_contact",
    "rpid_immediate",
    "send_aoc",
    "send_connected_line",
    "send_diversion",
    "send_history_info",
    "send_pai",
    "send_rpid",
    "sub_min_expiry",
    "suppress_moh_on_sendonly",
    "suppress_q850_reason_headers",
    "tenantid",
    "timers",
    "timers_min_se",
    "timers_sess_expires",
    "trust_connected_line",
    "trust_id_inbound",
    "trust_id_outbound",
    "webrtc",
];

/// Its voice.
const ENDPOINT_MEDIA: [&str; 50] = [
    "accept_multiple_sdp_answers",
    "dtls_auto_generate_cert",
    "dtls_fingerprint",
    "dtls_rekey",
    "dtls_setup",
    "dtls_verify",
    "t38_udptl_ipv6",
    "use_ptime",
    "allow",
    "disallow",
    "asymmetric_rtp_codec",
    "bundle",
    "codec_prefs_incoming_answer",
    "codec_prefs_incoming_offer",
    "codec_prefs_outgoing_answer",
    "codec_prefs_outgoing_offer",
    "cos_audio",
    "cos_video",
    "direct_media",
    "direct_media_glare_mitigation",
    "direct_media_method",
    "disable_direct_media_on_nat",
    "dtmf_mode",
    "fax_detect",
    "fax_detect_timeout",
    "force_avp",
    "g726_non_standard",
    "ice_support",
    "incoming_call_offer_pref",
    "media_encryption",
    "media_encryption_optimistic",
    "media_use_received_transport",
    "outgoing_call_offer_pref",
    "rtcp_mux",
    "rtp_ipv6",
    "rtp_keepalive",
    "rtp_symmetric",
    "rtp_timeout",
    "rtp_timeout_hold",
    "sdp_owner",
    "sdp_session",
    "srtp_tag_32",
    "t38_bind_udptl_to_media_address",
    "t38_udptl",
    "t38_udptl_ec",
    "t38_udptl_maxdatagram",
    "t38_udptl_nat",
    "tos_audio",
    "tos_video",
    "use_avpf",
];

/// Where it can be reached: by registering, and no other way.
const AOR: [&str; 14] = [
    "type",
    "authenticate_qualify",
    "default_expiration",
    "mailboxes",
    "max_contacts",
    "maximum_expiration",
    "minimum_expiration",
    "qualify_frequency",
    "qualify_timeout",
    "remove_existing",
    "remove_unavailable",
    "support_path",
    "qualify_2xx_only",
    "voicemail_extension",
];

/// How it proves who it is.
const AUTH: [&str; 9] = [
    "type",
    "auth_type",
    "md5_cred",
    "nonce_lifetime",
    "password",
    "password_digest",
    "realm",
    "supported_algorithms_uas",
    "username",
];

/// chan_sip: who the user is.
const PEER_WHO: [&str; 24] = [
    "type",
    "accountcode",
    "amaflags",
    "callerid",
    "callgroup",
    "callingpres",
    "cid_number",
    "cid_tag",
    "defaultuser",
    "fullname",
    "hasvoicemail",
    "host",
    "language",
    "mailbox",
    "md5secret",
    "namedcallgroup",
    "namedpickupgroup",
    "pickupgroup",
    "secret",
    "subscribemwi",
    "tonezone",
    "unsolicited_mailbox",
    "username",
    "vmexten",
];

/// chan_sip: how it calls and is called.
const PEER_CALLS: [&str; 32] = [
    "allowoverlap",
    "allowsubscribe",
    "allowtransfer",
    "avpf",
    "busylevel",
    "buggymwi",
    "call-limit",
    "callcounter",
    "faxdetect",
    "ignoresdpversion",
    "keepalive",
    "maxforwards",
    "mohinterpret",
    "mohsuggest",
    "nat",
    "notifycid",
    "progressinband",
    "qualify",
    "qualifyfreq",
    "rfc2833compensate",
    "rpid_immediate",
    "rpid_update",
    "sendrpid",
    "session-expires",
    "session-minse",
    "session-refresher",
    "session-timers",
    "timerb",
    "timert1",
    "transport",
    "trustrpid",
    "usereqphone",
];

/// chan_sip: its voice.
const PEER_MEDIA: [&str; 21] = [
    "allow",
    "autoframing",
    "canreinvite",
    "directmedia",
    "disallow",
    "dtmfmode",
    "encryption",
    "encryption_taglen",
    "force_avp",
    "icesupport",
    "maxcallbitrate",
    "preferred_codec_only",
    "rtcp_mux",
    "rtpholdtimeout",
    "rtpkeepalive",
    "rtptimeout",
    "t38pt_udptl",
    "t38pt_usertpsource",
    "textsupport",
    "use_q850_reason",
    "videosupport",
];

/// Those that administrators will miss.
const REASONS: [(&[&str], &str); 7] = [
    (&[NUMBER], "it holds the number that others dial; here SYNCH_NUMBER holds it"),
    (
        &[
            "transport",
            "media_address",
            "bind_rtp_to_media_address",
            "from_domain",
            "fromdomain",
            "from_user",
            "fromuser",
            "contact_user",
            "dtls_cert_file",
            "dtls_private_key",
            "dtls_ca_file",
            "dtls_ca_path",
        ],
        "it names addresses or files of the main; [endpoint] sets those of the branch",
    ),
    (
        &[
            "outbound_proxy",
            "outboundproxy",
            "outbound_auth",
            "contact",
            "redirect_method",
            "promiscredir",
            "port",
            "defaultip",
        ],
        "it could send calls elsewhere",
    ),
    (
        &[
            "message_context",
            "subscribe_context",
            "subscribecontext",
            "overlap_context",
            "refer_context",
            "messagecontext",
        ],
        "that context is on the main; here the user's own context is used",
    ),
    (
        &["set_var", "setvar"],
        "it is meant for the main's dialplan, and the branch's could misread it; to take it, add it to [policy] keep",
    ),
    (
        &[
            "permit",
            "deny",
            "acl",
            "contact_permit",
            "contact_deny",
            "contact_acl",
            "contactpermit",
            "contactdeny",
            "contactacl",
            "directmediapermit",
            "directmediadeny",
            "directmediaacl",
        ],
        "it names addresses as the main sees them; to take it, add it to [policy] keep",
    ),
    (&["insecure", "allow_unauthenticated_options"], "it lets callers in without a password"),
];

#[cfg(test)]
mod tests {
    use super::{AOR, AUTH, ENDPOINT_CALLS, ENDPOINT_MEDIA, ENDPOINT_WHO, PEER_CALLS, PEER_MEDIA, PEER_WHO};

    /// The names in backquotes below a line of the page, up to the next paragraph of text.
    fn listed_below<'p>(page: &'p str, line: &str) -> Vec<&'p str> {
        let (_, below) = page.split_once(line).expect("the page has the line");
        let list = below.trim_start().split("\n\n").next().unwrap_or_default();
        list.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_page_for_administrators_lists_what_is_taken() {
        let page = include_str!("../../../../docs/taken.md");
        let endpoint = [&ENDPOINT_WHO[..], &ENDPOINT_CALLS, &ENDPOINT_MEDIA].concat();
        let peer = [&PEER_WHO[..], &PEER_CALLS, &PEER_MEDIA].concat();
        for (line, taken) in [
            ("Of an endpoint:", endpoint),
            ("Of its aors:", AOR.to_vec()),
            ("Of its auths:", AUTH.to_vec()),
            ("Of a peer, user or friend:", peer),
        ] {
            let mut taken: Vec<&str> = taken.into_iter().filter(|key| *key != "type").collect();
            taken.sort_unstable();
            assert_eq!(listed_below(page, line), taken, "docs/taken.md, below \"{line}\"");
        }
    }
}
