//! Checks that a system listens at each port to which SRV sends phones.

use std::net::SocketAddr;

use super::{Level, Report};
use crate::{settings::SipTransport, words::state::Target};

/// A port to which phones are sent over TCP or TLS. UDP can't be checked without a SIP request.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The system it belongs to.
    pub target: Target,
    /// Its transport.
    pub transport: SipTransport,
    /// Its address.
    pub address: SocketAddr,
    /// Why no connection could be made.
    pub problem: Option<String>,
}

impl Report {
    pub(super) fn listening(&mut self, listeners: &[Listener]) {
        for Listener { target, transport, address, problem } in listeners {
            let (system, key) = match target {
                Target::Main => ("main", "transports"),
                Target::Branch => ("branch", "transports_failover"),
            };
            match problem {
                None => {
                    self.say(
                        Level::Fine,
                        "transports",
                        format!("the {system} accepts {transport} at {address}"),
                    );
                }
                Some(problem) => {
                    let text = format!(
                        "[dns] sends phones to the {system} over {transport}, but nothing listens at {address} \
                         ({problem}): let Asterisk listen there, or correct {key}"
                    );
                    self.say(Level::Broken, "transports", text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_where_nobody_listens_is_told_with_the_key_to_correct() {
        let listener = |target, problem: Option<&str>| Listener {
            target,
            transport: SipTransport::Tcp,
            address: "192.0.2.1:5060".parse().unwrap(),
            problem: problem.map(str::to_owned),
        };
        let mut report = Report(Vec::new());
        report
            .listening(&[listener(Target::Main, None), listener(Target::Branch, Some("connection refused"))]);
        let [fine, broken] = report.0.as_slice() else { panic!("{:?}", report.0) };
        assert_eq!((fine.level, fine.text.as_str()), (Level::Fine, "the main accepts tcp at 192.0.2.1:5060"));
        assert_eq!(broken.level, Level::Broken);
        for part in
            ["the branch over tcp", "192.0.2.1:5060", "(connection refused)", "correct transports_failover"]
        {
            assert!(broken.text.contains(part), "{part}: {}", broken.text);
        }
    }
}
