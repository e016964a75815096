//! A phone without audio, for the things that baresip can't do: it takes any password, or the hash of one, offers any
//! kind of encrypted audio, and many fit into the test process. Its user never has time: whoever calls it hears it ring,
//! and then that it is busy.

mod message;
mod offer;

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use crate::asterisk::Asterisk;
use crate::error::{Context, Error, Result};
use crate::net::Net;
use crate::wait::{GENEROUS, until};
use message::Message;
pub use offer::Media;

/// How often it asks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// As T1 of RFC 3261, and no longer after that: the network is this machine.
const RETRY: Duration = Duration::from_millis(500);

/// What its user's account is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name that it registers as.
    pub name: String,
    /// What it answers a challenge with.
    pub secret: Secret,
    /// How its audio travels.
    pub media: Media,
}

/// A password, or what is left of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// The password itself.
    Plain(String),
    /// MD5 of `name:realm:password`.
    Hash(String),
}

/// One such phone, registered. Dropped, it is gone without a word.
pub struct Line {
    account: Account,
    registrar: String,
    socket: UdpSocket,
    answers: Receiver<Message>,
    called: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    requests: u32,
}

impl Line {
    /// Registers at that system, for an hour.
    pub fn register(net: &Net, system: &Asterisk, account: Account) -> Result<Self> {
        let socket = UdpSocket::bind((net.own_address(), 0)).context("a socket for a phone")?;
        socket.connect((system.address(), 5060)).context("connecting a phone")?;
        socket.set_read_timeout(Some(LOOK)).context("a timeout for a phone")?;
        let (sender, answers) = channel();
        let (called, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let listening = socket.try_clone().context("sharing a socket")?;
        let (counter, stopped) = (Arc::clone(&called), Arc::clone(&stop));
        let thread = spawn(move || listen(&listening, &sender, &counter, &stopped));
        let registrar = system.address().to_string();
        let thread = Some(thread);
        let mut line = Self { account, registrar, socket, answers, called, stop, thread, requests: 0 };
        let (uri, own) = (format!("sip:{}", line.registrar), line.own_uri());
        match line.ask("REGISTER", &uri, &own, "Expires: 3600\r\n", "")?.status()? {
            "200" => Ok(line),
            refused => Err(Error::new(format!("{} is not registered: {refused}", line.account.name))),
        }
    }

    /// The name that it is registered as.
    pub fn name(&self) -> &str {
        &self.account.name
    }

    /// How often it was called.
    pub fn called(&self) -> usize {
        self.called.load(Ordering::Relaxed)
    }

    /// Waits until it has been called so often.
    pub fn wait_called(&self, times: usize) -> Result {
        until(&format!("{} to be called", self.name()), GENEROUS, || self.called() >= times)
    }

    /// Calls that number, and hangs up as soon as somebody answers: `200` is a voicemail, `486` somebody busy.
    pub fn call(&mut self, number: &str) -> Result<String> {
        let uri = format!("sip:{number}@{}", self.registrar);
        let offer = self.account.media.offer(self.socket.local_addr().context("its address")?.ip());
        let answer = self.ask("INVITE", &uri, &uri, "Content-Type: application/sdp\r\n", &offer)?;
        let status = answer.status()?.to_owned();
        if status == "200" {
            let bye = answer.within_dialog("BYE", self.requests + 1);
            self.send(&bye)?;
            self.answer_to("BYE", &bye)?;
        }
        Ok(status)
    }

    fn own_uri(&self) -> String {
        format!("sip:{}@{}", self.account.name, self.registrar)
    }

    /// Asks for something, with its password where that is wanted; the final answer.
    fn ask(&mut self, method: &str, uri: &str, to: &str, headers: &str, body: &str) -> Result<Message> {
        let call = format!(
            "{}-{}-{}",
            self.account.name,
            self.socket.local_addr().context("its port")?.port(),
            self.requests
        );
        let first = self.request(method, uri, to, &call, headers, body)?;
        let challenge = self.exchange(method, &first)?;
        if !["401", "407"].contains(&challenge.status()?) {
            return Ok(challenge);
        }
        let authorization = challenge.authorization(&self.account, method, uri)?;
        let second = self.request(method, uri, to, &call, &format!("{authorization}{headers}"), body)?;
        self.exchange(method, &second)
    }

    fn request(
        &mut self,
        method: &str,
        uri: &str,
        to: &str,
        call: &str,
        headers: &str,
        body: &str,
    ) -> Result<String> {
        self.requests += 1;
        let (own, number, name) = (self.own_uri(), self.requests, &self.account.name);
        let here = self.socket.local_addr().context("its address")?;
        Ok(format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {here};rport;branch=z9hG4bK{call}-{number}\r\n\
             Max-Forwards: 70\r\nFrom: <{own}>;tag={call}\r\nTo: <{to}>\r\nCall-ID: {call}\r\n\
             CSeq: {number} {method}\r\nContact: <sip:{name}@{here}>\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// Sends a request and waits for the final answer, which it acknowledges where that is due.
    fn exchange(&self, method: &str, request: &str) -> Result<Message> {
        self.send(request)?;
        let answer = self.answer_to(method, request)?;
        if method == "INVITE" {
            self.send(&answer.acknowledgement(request)?)?;
        }
        Ok(answer)
    }

    fn answer_to(&self, method: &str, request: &str) -> Result<Message> {
        let number = Message::new(request).cseq().to_owned();
        let end = Instant::now() + GENEROUS;
        let mut heard = false;
        while Instant::now() < end {
            match self.answers.recv_timeout(RETRY) {
                Ok(answer) if answer.cseq() != number => {}
                Ok(answer) if answer.status()?.starts_with('1') => heard = true,
                Ok(answer) => return Ok(answer),
                Err(_) if heard => {}
                Err(_) => self.send(request)?,
            }
        }
        Err(Error::new(format!("no answer to the {method} of {}", self.account.name)))
    }

    fn send(&self, text: &str) -> Result {
        self.socket.send(text.as_bytes()).map(drop).context(format!("{} sends", self.account.name))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers what the system asks, and hands on what it answers.
fn listen(socket: &UdpSocket, answers: &Sender<Message>, called: &AtomicUsize, stop: &AtomicBool) {
    let mut buffer = [0; 65_536];
    while !stop.load(Ordering::Relaxed) {
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        let message = Message::new(&String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()));
        // Somebody who does not come through is what the test is about: its wait tells.
        let say = |status: &str| socket.send(message.reply(status).as_bytes()).is_ok();
        match message.method() {
            None => drop(answers.send(message)),
            Some("ACK") => {}
            Some("INVITE") => {
                if say("180 Ringing") && say("486 Busy Here") {
                    called.fetch_add(1, Ordering::Relaxed);
                }
            }
            Some(_) => drop(say("200 OK")),
        }
    }
}
