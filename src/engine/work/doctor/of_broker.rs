//! What the doctor asks the broker of `[state]`, over a connection of its own: the site's goes on meanwhile.

use std::time::{Duration, Instant};

use super::Examining;
use crate::{
    engine::{
        crew::{
            backoff::random,
            bell::{Ear, bell},
            worker::{Stop, Stopped},
        },
        reach::lookup::Lookup,
        work::state::{
            broker::{Broker, Fault, credentials},
            own_name, shown,
        },
    },
    operator::doctor::{self, BrokerThere, ForeignTopic, OwnTopic},
    peers::{
        Topic,
        attempts::{Attempts, End, Then},
        mqtt::{Heard, Login, Publish, Version},
    },
    settings::State,
    uplink::ami::Hangup,
};

/// Bound of everything that is asked of brokers: somebody waits at the CLI.
const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a message may take to come back once the broker says that it has it. A busy RabbitMQ takes 0.2 s.
const ECHO: Duration = Duration::from_secs(1);
/// Bound of the good-bye.
const GOOD_BYE: Duration = Duration::from_millis(200);

/// Why one of several brokers, or of its versions of MQTT, is not asked more.
struct Failure {
    end: End,
    problem: String,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let advice = match fault {
            Fault::Connect(_) | Fault::Silent => {
                "; check host and port in [state], and whether the broker runs"
            }
            Fault::Closed | Fault::Mqtt(_) => "; check whether that port speaks MQTT, and whether with TLS",
            _ => "",
        };
        Self { end: fault.end(), problem: shown(&format!("{fault}{advice}")).to_string() }
    }
}

impl Failure {
    fn here(problem: String) -> Self {
        Self { end: End::Failed, problem }
    }
}

impl Examining {
    /// Asks the brokers, one after the other, until one lets us in.
    pub(super) fn look_at_brokers(
        &self,
        state: &State,
        hangup: &Hangup,
        stop: &Stop,
    ) -> Result<doctor::Broker, Stopped> {
        let deadline = Instant::now() + BROKER_TIMEOUT;
        let site = own_name(state, &*self.kit.host);
        let account = state.username.clone().unwrap_or_else(|| site.clone());
        let mut found = doctor::Broker { site, account, ..doctor::Broker::default() };
        let mut attempts = Attempts::new(self.brokers.len());
        loop {
            stop.check()?;
            let place = attempts.broker();
            let Some(lookup) = self.brokers.get(place) else { return Ok(found) };
            let host = state.hosts.get(place).cloned().unwrap_or_default();
            // One that is silent leaves time for the next.
            let shares = u32::try_from(self.brokers.len() - place).unwrap_or(u32::MAX);
            let now = Instant::now();
            let until = now + deadline.saturating_duration_since(now) / shares.max(1);
            let asked = Asked { state, host: &host, version: attempts.version(), until, hangup, stop };
            match self.look_at_broker(&found, &asked, lookup) {
                Ok(there) => {
                    found.there = Some(there);
                    return Ok(found);
                }
                Err(Failure { end, problem }) => {
                    let then = attempts.ended(end, Instant::now());
                    // The older version of MQTT comes first.
                    if then != Then::AtOnce || attempts.broker() != place {
                        found.away.push((host, problem));
                    }
                    if then != Then::AtOnce {
                        stop.check()?;
                        return Ok(found);
                    }
                }
            }
        }
    }

    fn look_at_broker(
        &self,
        own: &doctor::Broker,
        asked: &Asked<'_>,
        lookup: &Lookup,
    ) -> Result<BrokerThere, Failure> {
        let Asked { state, host, version, until, hangup, stop } = *asked;
        let start = Instant::now();
        let address = lookup.address().get(until).map_err(Failure::here)?;
        let (secret, tls) = credentials(state, &*self.kit.crypto()).map_err(Failure::here)?;
        let login = Login {
            client: &format!("synch-{}-doctor", own.site),
            username: &own.account,
            secret: secret.as_ref().map_or("", |secret| secret.expose()),
            keepalive: u16::try_from(state.keepalive.as_secs()).unwrap_or(u16::MAX),
            // A broker that refuses the topic of the will refuses the login, and does not say why.
            will: None,
        };
        let broker = Broker::open(address, version, tls, &login, hangup)?;
        let broker = broker.ok_or_else(|| Failure::here("synch is being unloaded".to_owned()))?;
        // Nobody rings: the socket is cut.
        let (_bell, ear) = bell().map_err(|error| Failure::here(error.to_string()))?;
        let word = format!("{:016x}", random());
        let topics = [Topic::doctor_of(&own.site), Topic::foreign_to(&own.site)];
        let mut talk = Talk { broker, ear, stop, until, word, topics, seen: Seen::default() };
        if !talk.wait(until, |seen| seen.is_in)? {
            return Err(Fault::Silent.into());
        }
        let answer_ms = start.elapsed().as_millis();
        let own = talk.try_own();
        let foreign = talk.try_foreign(&own, version);
        talk.leave();
        Ok(BrokerThere {
            host: host.to_owned(),
            version: version.to_string(),
            answer_ms,
            is_elsewhere: !self.kit.host.is_own_address(address.ip()),
            own,
            foreign,
        })
    }
}

/// Who is asked, and for how long.
#[derive(Clone, Copy)]
struct Asked<'a> {
    state: &'a State,
    host: &'a str,
    version: Version,
    until: Instant,
    hangup: &'a Hangup,
    stop: &'a Stop,
}

/// What a broker has said to us. No more than this is kept, whatever it says.
#[derive(Default)]
struct Seen {
    is_in: bool,
    subscribed: usize,
    /// The answer to the message that was said last.
    taken: Option<Option<String>>,
    /// Whether our word has come back, on each of our topics.
    came_back: [bool; 2],
}

const OWN: usize = 0;
const FOREIGN: usize = 1;

/// A connection over which a broker is tried.
struct Talk<'a> {
    broker: Broker,
    ear: Ear,
    stop: &'a Stop,
    until: Instant,
    /// What is said: another word each time, so that it is not what somebody has left there.
    word: String,
    /// Our own, and one that is not ours.
    topics: [String; 2],
    seen: Seen,
}

impl Talk<'_> {
    /// Waits until it is done. Returns `false` where that took too long.
    fn wait(&mut self, until: Instant, is_done: impl Fn(&Seen) -> bool) -> Result<bool, Fault> {
        let mut heard = Vec::new();
        loop {
            let turned = self.broker.turn(&mut heard);
            self.seen.is_in |= self.broker.is_in();
            for one in heard.drain(..) {
                self.note(one);
            }
            if is_done(&self.seen) {
                return Ok(true);
            }
            turned?;
            if Instant::now() >= until || self.stop.requested() {
                return Ok(false);
            }
            let due = until.min(self.broker.due());
            self.ear.wait_for(Some(self.broker.as_fd()), self.broker.flags(), due);
        }
    }

    fn note(&mut self, heard: Heard) {
        match heard {
            Heard::Subscribed { .. } => self.seen.subscribed += 1,
            Heard::Taken { refused, .. } => self.seen.taken = Some(refused),
            Heard::Message(message) if message.payload == self.word.as_bytes() => {
                for (topic, came_back) in self.topics.iter().zip(&mut self.seen.came_back) {
                    *came_back |= *topic == message.topic;
                }
            }
            _ => {}
        }
    }

    fn publish(
        &mut self,
        place: usize,
        payload: &str,
        retained: bool,
        acknowledged: bool,
    ) -> Result<(), Fault> {
        let topic = self.topics.get(place).map_or("", String::as_str);
        let message = Publish { topic, payload: payload.as_bytes(), retained, acknowledged };
        let (octets, _) = self.broker.session().publish(&message)?;
        self.seen.taken = None;
        self.broker.say(&octets)
    }

    /// Says our word, and waits for the answer. `None`: none came.
    fn say_word(&mut self, place: usize, retained: bool) -> Result<Option<Option<String>>, Fault> {
        let word = self.word.clone();
        self.publish(place, &word, retained, true)?;
        self.wait(self.until, |seen| seen.taken.is_some())?;
        Ok(self.seen.taken.take())
    }

    fn comes_back(&mut self, place: usize) -> bool {
        let until = self.until.min(Instant::now() + ECHO);
        let came = |seen: &Seen| seen.came_back.get(place) == Some(&true);
        // Of one that closes the connection now, nothing comes any more.
        self.wait(until, came).unwrap_or(false)
    }

    /// Says something about ourselves, which the broker is to keep, and takes it back.
    fn try_own(&mut self) -> OwnTopic {
        let said = self.subscribe().and_then(|()| self.say_word(OWN, true));
        match said {
            Ok(Some(None)) => {
                let own = if self.comes_back(OWN) { OwnTopic::Taken } else { OwnTopic::Dropped };
                // Whether that arrives is seen at the next message.
                let _ = self.publish(OWN, "", true, false);
                own
            }
            Ok(Some(Some(reason))) => OwnTopic::Refused(shown(&reason).to_string()),
            Ok(None) => OwnTopic::Unanswered,
            Err(fault) => OwnTopic::Refused(shown(&fault).to_string()),
        }
    }

    /// Hears both topics. A broker that refuses this refuses what is said, too, or lets nothing come back.
    fn subscribe(&mut self) -> Result<(), Fault> {
        for topic in &self.topics {
            let (octets, _) = self.broker.session().subscribe(topic)?;
            self.broker.say(&octets)?;
        }
        self.wait(self.until, |seen| seen.subscribed >= 2).map(drop)
    }

    /// Says something about another site, which the broker is not to take.
    fn try_foreign(&mut self, own: &OwnTopic, version: Version) -> ForeignTopic {
        if !matches!(own, OwnTopic::Taken | OwnTopic::Dropped) {
            return ForeignTopic::Unknown;
        }
        match self.say_word(FOREIGN, false) {
            Ok(Some(Some(_))) | Err(Fault::Closed | Fault::Broken(_) | Fault::Ended { .. }) => {
                ForeignTopic::Refused
            }
            Ok(Some(None)) if self.comes_back(FOREIGN) => ForeignTopic::Taken,
            // What is refused, MQTT 3.1.1 has no word for: the broker says that it has it, and drops it.
            Ok(Some(None)) if *own == OwnTopic::Taken => ForeignTopic::Refused,
            // Nothing comes back at all.
            Ok(Some(None)) if version == Version::V5 => ForeignTopic::Taken,
            Ok(_) | Err(_) => ForeignTopic::Unknown,
        }
    }

    fn leave(self) {
        self.broker.leave(&self.ear, Instant::now() + GOOD_BYE, || !self.stop.requested());
    }
}

#[cfg(test)]
mod tests;
