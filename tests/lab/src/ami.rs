//! A small client of Asterisk's manager interface: one thread, blocking, with bounds.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};

const ANSWER: Duration = Duration::from_secs(30);

/// One response or event: its `Key: value` lines in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(Vec<(String, String)>);

/// A session at the manager interface.
pub struct Ami {
    stream: BufReader<TcpStream>,
    /// Events that came while something else was waited for.
    events: VecDeque<Message>,
    /// What `Asterisk Call Manager/` said of itself at connecting.
    pub banner: String,
}

impl Message {
    /// The first value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    /// The first value of `key`, or an error that shows the message.
    pub fn need(&self, key: &str) -> Result<&str> {
        self.get(key).context(format!("no {key} in {self:?}"))
    }

    /// Every `Key: value`, in order.
    pub fn fields(&self) -> &[(String, String)] {
        &self.0
    }

    /// Whether it is a response that says Success.
    pub fn is_success(&self) -> bool {
        self.get("Response") == Some("Success")
    }
}

impl Ami {
    /// Connects and logs in; an error when the answer is not Success.
    pub fn login(address: Ipv4Addr, user: &str, secret: &str) -> Result<Self> {
        let mut ami = Self::connect(address)?;
        let answer = ami.action("Login", &[("Username", user), ("Secret", secret)])?;
        if answer.is_success() { Ok(ami) } else { Err(Error::new(format!("login as {user}: {answer:?}"))) }
    }

    /// Connects and reads the banner.
    pub fn connect(address: Ipv4Addr) -> Result<Self> {
        let address = SocketAddr::from((address, 5038));
        let stream = TcpStream::connect_timeout(&address, ANSWER).context(format!("AMI at {address}"))?;
        let mut ami = Self { stream: BufReader::new(stream), events: VecDeque::new(), banner: String::new() };
        ami.banner = ami.line(Instant::now() + ANSWER)?;
        Ok(ami)
    }

    /// Does an action and returns its response.
    pub fn action(&mut self, name: &str, fields: &[(&str, &str)]) -> Result<Message> {
        self.send(name, &request(name, fields))?;
        self.response(name)
    }

    /// Sets variables one after the other, without a wait for a response between two of them.
    pub fn set_all<'a>(&mut self, values: impl IntoIterator<Item = (String, &'a str)>) -> Result {
        let (mut requests, mut count) = (String::new(), 0);
        for (variable, value) in values {
            requests.push_str(&request("Setvar", &[("Variable", &variable), ("Value", value)]));
            count += 1;
        }
        self.send("Setvar", &requests)?;
        (0..count).try_for_each(|_| self.response("Setvar").map(drop))
    }

    /// Reads what comes for such a time, and forgets it. An error where the session ends.
    pub fn rest(&mut self, time: Duration) -> Result {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            match self.message(deadline) {
                Ok(_) => self.events.clear(),
                Err(_) if Instant::now() >= deadline => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn send(&mut self, name: &str, requests: &str) -> Result {
        self.stream.get_mut().write_all(requests.as_bytes()).context(format!("sending {name}"))
    }

    fn response(&mut self, name: &str) -> Result<Message> {
        let deadline = Instant::now() + ANSWER;
        loop {
            let message = self.message(deadline).map_err(|error| Error::new(format!("{name}: {error}")))?;
            // An OriginateResponse has both, and is for everybody.
            if message.get("Event").is_none() && message.get("Response").is_some() {
                return Ok(message);
            }
            self.events.push_back(message);
        }
    }

    /// Does an action that answers with a list, and returns the list's events without the completing one.
    pub fn list(&mut self, name: &str, fields: &[(&str, &str)]) -> Result<Vec<Message>> {
        let id = format!("list-{name}");
        let mut with_id = vec![("ActionID", id.as_str())];
        with_id.extend_from_slice(fields);
        let answer = self.action(name, &with_id)?;
        if !answer.is_success() {
            return Err(Error::new(format!("{name}: {answer:?}")));
        }
        let mut items = Vec::new();
        loop {
            let item = self.event_where(&format!("an item of {name}"), ANSWER, |event| {
                event.get("ActionID") == Some(&id)
            })?;
            if item.get("EventList") == Some("Complete") {
                return Ok(items);
            }
            items.push(item);
        }
    }

    /// Waits for the next event of that name, those that came already included.
    pub fn event(&mut self, name: &str, bound: Duration) -> Result<Message> {
        self.event_where(name, bound, |event| event.get("Event") == Some(name))
    }

    /// Waits for the next event that `accept` takes; the others stay for later.
    pub fn event_where(
        &mut self,
        what: &str,
        bound: Duration,
        accept: impl Fn(&Message) -> bool,
    ) -> Result<Message> {
        if let Some(place) = self.events.iter().position(&accept) {
            return self.events.remove(place).context("an event that was there");
        }
        let deadline = Instant::now() + bound;
        loop {
            let message = self.message(deadline);
            let message =
                message.map_err(|error| Error::new(format!("waited {bound:?} for {what}: {error}")))?;
            if accept(&message) {
                return Ok(message);
            }
            self.events.push_back(message);
        }
    }

    fn message(&mut self, deadline: Instant) -> Result<Message> {
        let mut fields = Vec::new();
        loop {
            let line = self.line(deadline)?;
            match line.split_once(':') {
                None if line.is_empty() && !fields.is_empty() => return Ok(Message(fields)),
                None if line.is_empty() => {}
                None => fields.push((String::new(), line)),
                Some((key, value)) => {
                    fields.push((key.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()));
                }
            }
        }
    }

    fn line(&mut self, deadline: Instant) -> Result<String> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.get_ref().set_read_timeout(Some(left)).context("setting a timeout")?;
        let mut line = Vec::new();
        let length = self.stream.read_until(b'\n', &mut line).context("no answer")?;
        if length == 0 {
            return Err(Error::new("the connection was closed"));
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn request(name: &str, fields: &[(&str, &str)]) -> String {
    let mut request = format!("Action: {name}\r\n");
    for (key, value) in fields {
        request.push_str(&format!("{key}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request
}
