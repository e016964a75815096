mod documented;
mod export;

use std::{net::IpAddr, time::Duration};

use super::*;
use crate::words::conf;
use crate::{
    settings::{Certificate, Drill, Offer, Password, ReturnWhen, Secret, Sip, SipTransport, Transport},
    words::state::Target,
};

const LEAST: &str = "
    [main] host=10.0.0.254 username=synch secret=canary
    [sync] filter_value=^HeadOffice$
    [dns] bind=192.168.0.254 domain=voice.example.com target_normal=10.0.0.254 target_failover=192.168.0.254";

/// Sections written as words: `[name] key=value key=value`.
fn sections(text: &str) -> Vec<ConfSection> {
    let mut sections: Vec<ConfSection> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(name) = word.strip_prefix('[') {
            // A blank ends a word: `~` stands for one in the name of a section.
            let name = name.trim_end_matches(']').replace('~', " ");
            sections.push(ConfSection { name, variables: Vec::new() });
        } else {
            let (key, value) = word.split_once('=').unwrap();
            let variable = conf::ConfVariable { key: key.to_owned(), value: value.to_owned() };
            sections.last_mut().unwrap().variables.push(variable);
        }
    }
    sections
}

fn errors(text: &str) -> Vec<String> {
    read(&sections(text)).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn the_least_configuration_has_the_documented_defaults() {
    let settings = read(&sections(LEAST)).unwrap();
    assert_eq!(settings.main.as_ref().unwrap().port, 5038);
    assert_eq!(settings.probe.interval, Duration::from_secs(5));
    assert_eq!(settings.probe.timeout, Duration::from_secs(3));
    assert_eq!((settings.probe.failure_tolerance, settings.probe.alive_threshold), (5, 5));
    assert_eq!(settings.probe.error_penalty, 1);
    assert_eq!(settings.failover.return_hold, Duration::from_secs(120));
    assert_eq!(settings.failover.return_when, ReturnWhen::AtOnce);
    let sync = settings.sync.unwrap();
    assert_eq!((sync.interval, sync.spread), (Duration::from_secs(300), Duration::from_secs(60)));
    assert_eq!(sync.files, ["pjsip.conf"]);
    assert_eq!((sync.output.as_str(), sync.versions, sync.max_shrink), ("pjsip_synch.conf", 10, 50));
    assert_eq!(sync.filter.key, FilterKey::Variable("accountcode".to_owned()));
    let dns = settings.dns.unwrap();
    assert_eq!(dns.bind, ["192.168.0.254:53".parse().unwrap()]);
    assert_eq!(dns.record.to_string(), "sip.voice.example.com.");
    assert_eq!((dns.record_ttl, dns.soa.minimum, dns.soa.ttl), (30, 30, 300));
    assert_eq!((dns.failover_ttl, dns.unstable_ttl), (10, 5));
    assert_eq!(dns.transports, [offer(SipTransport::Udp, 5060, 5060)]);
    assert_eq!(dns.default_target, Target::Branch);
    assert!(dns.forwarders.is_empty());
}

fn offer(transport: SipTransport, main_port: u16, branch_port: u16) -> Offer {
    Offer { transport, main_port, branch_port }
}

#[test]
fn sip_has_its_own_defaults() {
    let settings = read(&sections(&LEAST.replace("[sync]", "[sync] technology=sip"))).unwrap();
    let sync = settings.sync.unwrap();
    assert_eq!(
        (sync.files, sync.output.as_str()),
        (vec!["sip_additional.conf".to_owned()], "sip_synch.conf")
    );
}

#[test]
fn every_error_is_told_at_once_with_section_key_value_and_wish() {
    let found = errors(
        "[main] prot=1 secret=x [probe] interval=soon timeout=0 [sync] filter_value=( [dns] enabled=maybe [extra]",
    );
    for expected in [
        "[extra] -: unknown section; known are main, probe, failover, sync, policy, endpoint, aor, peer, dialplan, classes, voicemail, dns, drill",
        "[main] host: is missing; wanted is an address or a host name",
        "[main] username: is missing",
        "[main] prot: is no key of this section",
        "[probe] interval = soon: wanted is whole seconds from 1 to",
        "[probe] timeout = 0: wanted",
        "[sync] filter_value = (: wanted is a regular expression",
        "[dns] enabled = maybe: wanted is yes or no",
    ] {
        assert!(found.iter().any(|error| error.starts_with(expected)), "{expected} is not in {found:#?}");
    }
    assert_eq!(found.len(), 8, "{found:#?}");
}

#[test]
fn a_section_that_is_off_asks_for_nothing() {
    let settings =
        read(&sections("[main] host=a username=b secret=c [sync] enabled=no [dns] enabled=no bind=x"));
    let settings = settings.unwrap();
    assert!(settings.sync.is_none() && settings.dns.is_none());
}

#[test]
fn the_secret_is_in_no_error_and_no_debug_output() {
    assert!(!format!("{:?}", read(&sections(LEAST)).unwrap()).contains("canary"));
    let options = format!("{LEAST} [endpoint] auth_password=canary [peer] secret=canary allow=alaw");
    let shown = format!("{:?}", read(&sections(&options)).unwrap());
    assert!(!shown.contains("canary") && shown.contains("alaw"), "{shown}");
    let bad = LEAST.replace("secret=canary", "secret=canary\u{7}");
    assert!(!errors(&bad).join("\n").contains("canary"));
}

#[test]
fn a_key_given_twice_is_an_error() {
    assert!(errors(&LEAST.replace("host=", "host=10.0.0.1 host="))[0].contains("is given 2 times"));
}

#[test]
fn domains_that_cannot_work_are_refused() {
    for bad in ["*.example.com", ".", "a..b"] {
        let text = LEAST.replace("voice.example.com", bad);
        assert!(errors(&text)[0].starts_with("[dns] domain ="), "{bad}");
    }
}

#[test]
fn the_record_may_be_deep_or_the_domain_itself() {
    for (record, name) in [("sip.voip", "sip.voip.voice.example.com."), ("@", "voice.example.com.")] {
        let settings = read(&sections(&LEAST.replace("[dns]", &format!("[dns] record={record}")))).unwrap();
        assert_eq!(settings.dns.unwrap().record.to_string(), name);
    }
    assert!(errors(&LEAST.replace("[dns]", "[dns] record=a..b"))[0].starts_with("[dns] record = a..b"));
}

#[test]
fn addresses_take_a_port_and_ipv6() {
    let text = LEAST.replace("bind=192.168.0.254", "bind=127.0.0.1:5353,::1,[::1]:54 forwarder=1.1.1.1");
    let dns = read(&sections(&text)).unwrap().dns.unwrap();
    assert_eq!(dns.bind, ["127.0.0.1:5353", "[::1]:53", "[::1]:54"].map(|text| text.parse().unwrap()));
    assert_eq!(dns.forwarders, ["1.1.1.1:53".parse().unwrap()]);
}

#[test]
fn a_system_may_have_several_addresses_of_both_kinds() {
    let text = LEAST.replace("target_normal=", "target_normal=2001:db8::254,");
    let dns = read(&sections(&text)).unwrap().dns.unwrap();
    assert_eq!(
        dns.target_normal,
        ["2001:db8::254", "10.0.0.254"].map(|text| text.parse().unwrap()) as [IpAddr; 2]
    );
    let nine: Vec<String> = (1..10).map(|last| format!("10.0.0.{last}")).collect();
    for bad in [
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "fe80::1",
        "::ffff:10.0.0.1",
        "x",
        "10.0.0.254:5060",
        "10.0.0.1,10.0.0.1",
        ",",
        &nine.join(","),
    ] {
        let text = LEAST.replace("target_failover=192.168.0.254", &format!("target_failover={bad}"));
        assert!(errors(&text)[0].starts_with(&format!("[dns] target_failover = {bad}: wanted is")), "{bad}");
    }
}

#[test]
fn transports_take_ports_and_those_of_the_branch_may_differ() {
    use SipTransport::{Tcp, Tls, Udp};
    for (said, expected) in [
        (
            "transports=TLS,tcp,udp",
            vec![offer(Tls, 5061, 5061), offer(Tcp, 5060, 5060), offer(Udp, 5060, 5060)],
        ),
        ("transports=udp:5160", vec![offer(Udp, 5160, 5160)]),
        ("transports_failover=udp:5070", vec![offer(Udp, 5060, 5070)]),
        (
            "transports=tcp:5160,udp transports_failover=udp,tcp",
            vec![offer(Tcp, 5160, 5060), offer(Udp, 5060, 5060)],
        ),
    ] {
        let dns = read(&sections(&LEAST.replace("[dns]", &format!("[dns] {said}")))).unwrap().dns.unwrap();
        assert_eq!(dns.transports, expected, "{said}");
    }
    for bad in ["sctp", "udp:0", "udp:65536", "udp:", "udp,udp:5070", ","] {
        let found = errors(&LEAST.replace("[dns]", &format!("[dns] transports={bad}")));
        assert!(found[0].starts_with(&format!("[dns] transports = {bad}: wanted is")), "{found:?}");
    }
}

#[test]
fn a_transport_that_one_system_alone_takes_is_refused() {
    for said in [
        "transports=udp,tcp transports_failover=udp",
        "transports_failover=tcp,udp",
        "transports=tcp transports_failover=udp",
    ] {
        let found = errors(&LEAST.replace("[dns]", &format!("[dns] {said}")));
        assert!(found[0].starts_with("[dns] transports_failover = "), "{said}: {found:?}");
        assert!(found[0].contains("wanted are those of transports"), "{said}: {found:?}");
    }
}

#[test]
fn what_is_shown_of_the_zone_reads_back_as_it_was() {
    let text = LEAST
        .replace("[dns]", "[dns] transports=tls:5071,udp transports_failover=udp:5070,tls failover_ttl=7")
        .replace("target_normal=", "target_normal=2001:db8::254,");
    let settings = read(&sections(&text)).unwrap();
    let shown = crate::settings::text(&settings).replace(" = ", "=").replace("***", "canary");
    let shown: String =
        shown.lines().filter(|line| !line.ends_with('=')).map(|line| format!("{line} ")).collect();
    assert_eq!(read(&sections(&shown)).unwrap().dns, settings.dns);
}

#[test]
fn the_output_stays_in_the_configuration_folder_and_off_other_files() {
    for bad in ["../x.conf", "/etc/passwd", "pjsip.conf", "x", ".hidden.conf"] {
        assert!(
            errors(&LEAST.replace("[sync]", &format!("[sync] output={bad}")))[0].contains("output"),
            "{bad}"
        );
    }
}

#[test]
fn a_forwarder_that_is_the_server_itself_is_refused() {
    let text = LEAST.replace("bind=192.168.0.254", "bind=192.168.0.254 forwarder=1.1.1.1,192.168.0.254");
    assert!(errors(&text)[0].starts_with("[dns] forwarder = 192.168.0.254:53: is what bind names"));
}

#[test]
fn emergency_numbers_need_a_way_out() {
    let text = LEAST.to_owned() + " [dialplan] emergency=112,9-11,911";
    assert!(errors(&text)[0].starts_with("[dialplan] emergency: needs a local_trunk"));
    let dialplan = read(&sections(&(text + " local_trunk=gateway"))).unwrap().dialplan.unwrap();
    assert_eq!(
        (dialplan.emergency, dialplan.context.as_str()),
        (vec!["112".into(), "911".into()], "synch-internal")
    );
}

#[test]
fn contexts_and_trunks_that_could_say_more_than_their_name_are_refused() {
    for bad in [
        "context=a,b",
        "context=synch-users",
        "outside=a&b",
        "main_trunk=a/b",
        "local_trunk=a,b",
        "caller_id=<1>",
        "refusal=../secret",
        "contexts=(",
        "allow_applications=System(x)",
    ] {
        let key = bad.split('=').next().unwrap();
        let found = errors(&format!("{LEAST} [dialplan] {bad}"));
        assert!(found[0].starts_with(&format!("[dialplan] {key} = ")), "{bad}: {found:?}");
    }
}

#[test]
fn options_are_set_as_they_stand_but_not_those_that_make_a_user() {
    let settings = read(&sections(&(LEAST.to_owned() + " [endpoint] rtp_symmetric=yes transport="))).unwrap();
    let expected = [("rtp_symmetric", "yes"), ("transport", "")];
    assert_eq!(settings.policy.endpoint, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert!(errors(&(LEAST.to_owned() + " [aor] type=x"))[0].starts_with("[aor] type: can't be set"));
}

#[test]
fn hours_for_the_return_are_asked_for_where_they_are_needed() {
    for when in ["window", "idle_or_window"] {
        let text = format!("{LEAST} [failover] return_when={when}");
        assert_eq!(
            errors(&text),
            [format!(
                "[failover] return_window: is missing; return_when = {when} needs hours of the day, such as 22:00-06:00"
            )]
        );
        let settings = read(&sections(&format!("{text} return_window=22:00-06:00,12:00-13:00"))).unwrap();
        assert_eq!(settings.failover.return_when.to_string(), when);
        assert_eq!(settings.failover.return_windows.len(), 2);
    }
    assert!(errors(&format!("{LEAST} [failover] return_window=22-6"))[0].contains("wanted is HH:MM-HH:MM"));
    assert!(errors(&format!("{LEAST} [failover] return_when=never"))[0].contains("wanted is at_once, idle"));
}

#[test]
fn a_drill_account_is_a_name_and_a_password_or_neither() {
    let drill =
        |text: &str| read(&sections(&format!("{LEAST} [drill] {text}"))).map(|settings| settings.drill);
    assert_eq!(drill("username= secret= number=").unwrap(), Drill::default());
    let account = drill("username=drill secret=canary number=1001").unwrap();
    assert_eq!(account.number.as_deref(), Some("1001"));
    assert!(!format!("{account:?}").contains("canary"));
    assert!(errors(&format!("{LEAST} [drill] username=drill"))[0].starts_with("[drill] secret: is missing"));
    assert!(errors(&format!("{LEAST} [drill] secret=x"))[0].starts_with("[drill] username: is missing"));
    // It becomes part of a SIP request.
    assert!(
        errors(&format!("{LEAST} [drill] username=a>b secret=x"))[0].starts_with("[drill] username = a>b")
    );
}

#[test]
fn the_relay_has_defaults_and_takes_networks_with_own_among_them() {
    let relay = read(&sections(LEAST)).unwrap().dns.unwrap().relay;
    assert_eq!((relay.allow.to_string().as_str(), relay.rate_limit, relay.cache_size), ("own", 300, 1024));
    assert_eq!(relay.max_stale, Duration::from_secs(3 * 24 * 3600));
    let text = format!("{LEAST} allow=10.8.7.6/16,own,2001:db8::/48 rate_limit=0 cache_size=0 max_stale=0");
    let relay = read(&sections(&text)).unwrap().dns.unwrap().relay;
    assert_eq!(relay.allow.to_string(), "own,10.8.0.0/16,2001:db8::/48");
    let only = read(&sections(&format!("{LEAST} allow=10.8.0.0/16"))).unwrap().dns.unwrap().relay;
    assert!(!only.allow.own);
    let wrong = errors(&format!("{LEAST} allow=10.8.0.0/33 rate_limit=-1"));
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].contains("allow = 10.8.0.0/33") && wrong[0].contains("192.168.0.0/24"), "{wrong:?}");
}

#[test]
fn the_sip_of_the_main_is_guessed_or_given() {
    let sip = |given: &str| {
        let sections = sections(&LEAST.replace("secret=canary", &format!("secret=canary {given}")));
        read(&sections).map(|settings| settings.main.unwrap().sip)
    };
    let guess = Sip { transport: Transport::Udp, address: None, port: 5060, given: false };
    assert_eq!(sip(""), Ok(guess));
    assert_eq!(sip("sip="), Ok(guess));
    let at = |address: &str| Some(address.parse().unwrap());
    let given = Sip { given: true, ..guess };
    for (text, expected) in [
        ("sip=udp:10.0.0.254", given),
        (
            "sip=tcp:10.0.0.9:5070",
            Sip { transport: Transport::Tcp, address: at("10.0.0.9"), port: 5070, ..given },
        ),
        ("sip=UDP:[2001:db8::1]:5061", Sip { address: at("2001:db8::1"), port: 5061, ..given }),
        ("sip=udp:2001:db8::1", Sip { address: at("2001:db8::1"), ..given }),
    ] {
        assert_eq!(sip(text), Ok(expected), "{text}");
    }
    for bad in
        ["10.0.0.254:5060", "tls:10.0.0.254", "udp:elsewhere.example.com", "udp:10.0.0.254:0", "udp:0.0.0.0"]
    {
        let error = sip(&format!("sip={bad}")).unwrap_err()[0].to_string();
        assert!(error.starts_with(&format!("[main] sip = {bad}: wanted is udp or tcp")), "{error}");
    }
}

#[test]
fn the_evidence_can_be_chosen_but_not_all_of_it_switched_off() {
    let settings =
        read(&sections(&(LEAST.to_owned() + " [probe] require=ANY ami=no fast_interval=2"))).unwrap();
    let Probe { ami, sip, events, require, fast_interval, .. } = settings.probe;
    assert_eq!((ami, sip, events, require), (false, true, true, Require::Any));
    assert_eq!(fast_interval, Duration::from_secs(2));
    let error = &errors(&(LEAST.to_owned() + " [probe] ami=no sip=no"))[0];
    assert!(error.starts_with("[probe] ami, sip: are both off"), "{error}");
    assert!(errors(&(LEAST.to_owned() + " [probe] require=some"))[0].contains("sip, all or any"));
}

#[test]
fn tls_is_off_until_it_is_wanted_and_then_believes_nobody() {
    let main = |given: &str| {
        let sections = sections(&LEAST.replace("secret=canary", &format!("secret=canary {given}")));
        read(&sections).map(|settings| settings.main.unwrap())
    };
    let plain = main("").unwrap();
    assert_eq!((plain.tls, plain.port), (None, 5038));
    let sealed = main("tls=yes").unwrap();
    let tls = sealed.tls.unwrap();
    assert_eq!((sealed.port, tls.verify, tls.name.as_str(), tls.ca_file), (5039, true, "10.0.0.254", None));
    let all =
        "tls=yes port=5040 tls_verify=no tls_ca_file=/ca.pem tls_name=pbx.example.com tls_cert_file=/own.pem";
    let sealed = main(all).unwrap();
    let tls = sealed.tls.unwrap();
    assert_eq!((sealed.port, tls.verify, tls.name.as_str()), (5040, false, "pbx.example.com"));
    assert_eq!(tls.ca_file, Some("/ca.pem".into()));
    let own = Certificate { cert_file: "/own.pem".into(), key_file: "/own.pem".into() };
    assert_eq!(tls.certificate, Some(own));
    let settings = read(&sections(&LEAST.replace("secret=canary", &format!("secret=canary {all}")))).unwrap();
    let shown = crate::settings::text(&settings);
    assert!(shown.contains("tls_key_file = /own.pem") && !shown.contains("canary"), "{shown}");
    for (bad, key) in [
        ("tls=maybe", "tls"),
        ("tls_ca_file=ca.pem", "tls_ca_file"),
        ("tls_name=a/b", "tls_name"),
        ("tls_name=.example.com", "tls_name"),
    ] {
        let errors = main(bad).unwrap_err();
        assert!(errors[0].to_string().starts_with(&format!("[main] {key} = ")), "{errors:?}");
    }
    assert!(main("tls_key_file=/own.key").unwrap_err()[0].to_string().contains("tls_cert_file: is missing"));
}

#[test]
fn a_password_is_given_or_in_a_file() {
    let main = |given: &str| {
        read(&sections(&LEAST.replace("secret=canary", given)))
            .map(|settings| settings.main.unwrap().password)
    };
    assert_eq!(main("secret=x secret_file="), Ok(Password::Given(Secret::new("x"))));
    assert_eq!(main("secret= secret_file=/etc/synch"), Ok(Password::InFile("/etc/synch".into())));
    let problem = |given| main(given).unwrap_err()[0].to_string();
    assert!(problem("secret=").starts_with("[main] secret: is missing; wanted is the password"));
    assert!(
        problem("secret=canary secret_file=/x").starts_with("[main] secret, secret_file: are both given")
    );
    assert!(problem("secret_file=here").starts_with("[main] secret_file = here: wanted is a file"));
}
