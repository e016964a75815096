//! `[main]`

use super::reader::Reader;
use crate::settings::{
    Certificate, Main, Password, Secret, Sip, Tls, Transport,
    value::{SIP_PORT, host_name, one_line, path, sip},
};

/// Where AMI listens in clear, and where over TLS: the defaults of `manager.conf`.
const AMI_PORT: u32 = 5038;
const AMI_TLS_PORT: u32 = 5039;

/// What is wanted of a file of this machine.
const FILE: &str = "a file, with all its folders: /etc/asterisk/keys/ca.crt";

pub(super) fn read_main(section: &mut Reader<'_>) -> Option<Main> {
    let host = section.required("host", "an address or a host name", host_name);
    let tls = section.truth("tls", false);
    let port = if tls == Some(true) { AMI_TLS_PORT } else { AMI_PORT };
    let port = section.number("port", port, 1, 65535).and_then(|port| u16::try_from(port).ok());
    let username = section.required("username", "the AMI account on the main", one_line);
    let password = read_password(section);
    let details = read_tls(section, host.as_deref());
    let sip = read_sip(section, host.as_deref());
    let session_renewal = section.seconds("session_renewal", 3600, 10, 86_400);
    section.finish();
    let tls = if tls? { Some(details?) } else { None };
    Some(Main {
        host: host?,
        port: port?,
        username: username?,
        password: password?,
        tls,
        sip: sip?,
        session_renewal: session_renewal?,
    })
}

fn read_password(section: &mut Reader<'_>) -> Option<Password> {
    let secret = section.perhaps("secret", "the password of that account", one_line);
    let file = section.perhaps("secret_file", FILE, path);
    match (secret?, file?) {
        (Some(secret), None) => Some(Password::Given(Secret::new(secret))),
        (None, Some(file)) => Some(Password::InFile(file)),
        (None, None) => {
            section.error("secret", "is missing; wanted is the password of that account, or secret_file");
            None
        }
        (Some(_), Some(_)) => {
            section.error("secret, secret_file", "are both given; wanted is one of them");
            None
        }
    }
}

/// What may stay in the file while `tls` is off is read all the same: it has to make sense.
fn read_tls(section: &mut Reader<'_>, host: Option<&str>) -> Option<Tls> {
    let verify = section.truth("tls_verify", true);
    let ca_file = section.perhaps("tls_ca_file", FILE, path);
    let wanted = "the name or address in the main's certificate";
    // OpenSSL takes a dot at the beginning for any name below the rest.
    let one_name = |text: &str| host_name(text).filter(|name| !name.starts_with('.'));
    let name = section.perhaps("tls_name", wanted, one_name);
    let cert_file = section.perhaps("tls_cert_file", FILE, path);
    let key_file = section.perhaps("tls_key_file", FILE, path);
    let certificate = match (cert_file?, key_file?) {
        (Some(cert_file), key_file) => {
            // One file may hold both.
            let key_file = key_file.unwrap_or_else(|| cert_file.clone());
            Some(Certificate { cert_file, key_file })
        }
        (None, None) => None,
        (None, Some(_)) => {
            section.error("tls_cert_file", "is missing; wanted is the certificate of tls_key_file");
            return None;
        }
    };
    let name = name?.or_else(|| host.map(str::to_owned));
    Some(Tls { verify: verify?, ca_file: ca_file?, name: name?, certificate })
}

/// Not given, or empty: the port of SIP on the main's own address.
fn read_sip(section: &mut Reader<'_>, host: Option<&str>) -> Option<Sip> {
    let guess = Sip { transport: Transport::Udp, address: None, port: SIP_PORT, given: false };
    let wanted = "udp or tcp, and an IP address or what host says, such as udp:10.0.0.254:5060";
    Some(section.perhaps("sip", wanted, |text| sip(text, host))?.unwrap_or(guess))
}
