//! Over TLS, with a session that shows what is sealed: the real one is OpenSSL's, in the lab.

use std::io::Read;

use super::*;

/// How a session ends its handshake.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    Trusted,
    Untrusted,
    /// Never comes to an end.
    Undecided,
}

/// Seals by swapping the case of letters, behind one record of a handshake.
#[derive(Debug)]
struct Swapped {
    verdict: Verdict,
    established: bool,
    /// How much of the main's handshake has come.
    begun: usize,
    outgoing: Vec<u8>,
}

const HELLO: &[u8] = b"\x16hello";
const ALERT: &[u8] = b"\x15bad certificate";
/// Behind it, the main says no more.
const END: u8 = b'\x15';

impl TlsSession for Swapped {
    fn is_established(&self) -> bool {
        self.established
    }
    fn open(&mut self, sealed: &[u8], plain: &mut Vec<u8>) -> Result<(), TlsError> {
        if self.established {
            let said = sealed.strip_suffix(&[END]);
            plain.extend(said.unwrap_or(sealed).iter().map(swapped));
            return if said.is_some() { Err(TlsError::Ended) } else { Ok(()) };
        }
        self.begun += sealed.len();
        if sealed.is_empty() {
            self.outgoing.extend(HELLO);
        } else if self.begun >= HELLO.len() {
            match self.verdict {
                Verdict::Undecided => {}
                Verdict::Trusted => self.established = true,
                Verdict::Untrusted => {
                    self.outgoing.extend(ALERT);
                    return Err(TlsError::untrusted(10, "certificate has expired", "main"));
                }
            }
        }
        Ok(())
    }
    fn seal(&mut self, plain: &[u8]) -> Result<(), TlsError> {
        assert!(self.established, "nothing is said before the main has proved who it is");
        self.outgoing.extend(plain.iter().map(swapped));
        Ok(())
    }
    fn outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }
}

fn swapped(byte: &u8) -> u8 {
    if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { *byte }
}

#[derive(Debug)]
struct Sealing(Verdict);

impl Crypto for Sealing {
    fn md5(&self, text: &str) -> String {
        text.len().to_string()
    }
    fn tls(&self, _: &Tls) -> Result<Box<dyn TlsSession>, TlsError> {
        Ok(Box::new(Swapped { verdict: self.0, established: false, begun: 0, outgoing: Vec::new() }))
    }
}

fn link(address: SocketAddr, verdict: Verdict) -> Link {
    let tls = Tls { verify: true, ca_file: None, name: "main".to_owned(), certificate: None };
    let main = Main { tls: Some(tls), ..settings() };
    Link::for_probe(address, &main, &Hangup::new(), Arc::new(Sealing(verdict)))
}

/// Reads what comes until `end`, or until there is no more.
fn heard(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let (mut heard, mut byte) = (Vec::new(), [0]);
    while !heard.ends_with(end) && stream.read(&mut byte).unwrap_or(0) == 1 {
        heard.push(byte[0]);
    }
    heard
}

fn say(mut stream: &TcpStream, text: &str) {
    let sealed: Vec<u8> = text.bytes().map(|byte| swapped(&byte)).collect();
    stream.write_all(&sealed).unwrap();
}

/// Proves who it is, in these pieces, and greets.
fn greet(stream: &mut TcpStream, pieces: &[&[u8]]) {
    assert_eq!(heard(stream, HELLO), HELLO);
    for piece in pieces {
        stream.write_all(piece).unwrap();
        // As its own step: a banner that came with the handshake's last bytes is OpenSSL's business.
        thread::sleep(Duration::from_millis(50));
    }
    say(stream, "Asterisk Call Manager/11.0.0\r\n");
}

fn lets_in(pieces: &'static [&'static [u8]]) {
    let (address, main) = listener(1, move |mut stream| {
        greet(&mut stream, pieces);
        for (id, answer) in ["Challenge: 1\r\n", "", "Ping: Pong\r\n"].iter().enumerate() {
            let request = heard(&mut stream, b"\r\n\r\n");
            assert!(request.starts_with(b"aCTION: "), "{:?}", String::from_utf8_lossy(&request));
            say(&stream, &format!("Response: Success\r\nActionID: synch-{}\r\n{answer}\r\n", id + 1));
        }
    });
    link(address, Verdict::Trusted).ping(ample()).unwrap();
    main.join().unwrap();
}

#[test]
fn everything_behind_the_handshake_is_sealed() {
    lets_in(&[HELLO]);
}

/// The certificates of a main with a long chain come in several segments, and a segment begins anywhere in a record.
#[test]
fn a_handshake_may_come_in_pieces() {
    lets_in(&[b"\x16he", b"l", b"lo"]);
}

#[test]
fn what_comes_together_with_the_end_of_the_session_is_heard() {
    let (address, main) = listener(1, |mut stream| {
        greet(&mut stream, &[HELLO]);
        heard(&mut stream, b"\r\n\r\n");
        // As Asterisk ends a session that it refuses: the last word, and at once the end.
        let mut last: Vec<u8> = b"Response: Error\r\nActionID: synch-1\r\nMessage: Permission denied\r\n\r\n"
            .iter()
            .map(swapped)
            .collect();
        last.push(END);
        stream.write_all(&last).unwrap();
    });
    let refusal = refusal(link(address, Verdict::Trusted).ping(ample()));
    assert_eq!(refusal, Refusal::Login { message: "Permission denied".to_owned() });
    main.join().unwrap();
}

#[test]
fn behind_the_end_of_the_session_nothing_is_waited_for() {
    let (address, main) = listener(1, |mut stream| {
        greet(&mut stream, &[HELLO]);
        heard(&mut stream, b"\r\n\r\n");
        stream.write_all(&[END]).unwrap();
        // The connection stays.
        assert_eq!(heard(&mut stream, b"none"), b"");
    });
    let error = transport(link(address, Verdict::Trusted).ping(ample()));
    assert!(matches!(error, TransportError::Closed { awaited: "the answer to Challenge" }), "{error:?}");
    main.join().unwrap();
}

#[test]
fn a_main_that_is_not_believed_is_told_why_and_hears_no_word_of_ours() {
    let (address, main) = listener(1, |mut stream| {
        heard(&mut stream, HELLO);
        stream.write_all(HELLO).unwrap();
        assert_eq!(heard(&mut stream, b"none"), ALERT);
    });
    let refusal = refusal(link(address, Verdict::Untrusted).ping(ample()));
    assert!(matches!(refusal, Refusal::Tls(TlsError::Untrusted { .. })), "{refusal:?}");
    assert!(refusal.to_string().contains("certificate has expired; renew it"), "{refusal}");
    main.join().unwrap();
}

#[test]
fn a_main_without_tls_is_refused() {
    let (address, main) =
        listener(1, |mut stream| stream.write_all(b"Asterisk Call Manager/11.0.0\r\n").unwrap());
    let refusal = refusal(link(address, Verdict::Trusted).ping(ample()));
    assert_eq!(refusal, Refusal::Tls(TlsError::NotTls));
    main.join().unwrap();
}

#[test]
fn a_handshake_that_does_not_end_ends_at_the_deadline() {
    let (address, main) = listener(1, |mut stream| {
        heard(&mut stream, HELLO);
        let _ = stream.write_all(&HELLO[..1]);
        assert_eq!(heard(&mut stream, b"none"), b"");
    });
    let mut link = link(address, Verdict::Undecided);
    let error = transport(link.ping(soon()));
    assert!(matches!(error, TransportError::TimedOut { awaited: "the TLS handshake" }), "{error:?}");
    drop(link);
    main.join().unwrap();
}
