//! Reads the attacks that stand beside this file; README.md has the form. For the pure tests and for the laboratory.

/// One attack.
#[derive(Clone, Debug)]
pub struct Attack {
    /// Its name, unique in its file.
    pub name: String,
    /// What is tried.
    pub tries: String,
    /// As it stands in the file.
    pub text: String,
    /// What GetConfig answers: names of sections, and lines `key=value`.
    pub sections: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

/// Attacks as text of the main's own file.
pub fn of_text(file: &str) -> Vec<Attack> {
    read(file, |line| plain(line).into_bytes())
}

/// Attacks as bytes of an answer.
pub fn of_bytes(file: &str) -> Vec<Attack> {
    read(file, bytes)
}

fn read(file: &str, line_of: impl Fn(&str) -> Vec<u8>) -> Vec<Attack> {
    let mut attacks: Vec<Attack> = Vec::new();
    let mut template = false;
    for line in file.lines() {
        if let Some((name, tries)) = line.strip_prefix("@ ").and_then(|head| head.split_once(": ")) {
            let (name, tries) = (name.to_owned(), tries.to_owned());
            attacks.push(Attack { name, tries, text: String::new(), sections: Vec::new() });
            continue;
        }
        let Some(attack) = attacks.last_mut() else { continue };
        attack.text.push_str(line);
        attack.text.push('\n');
        let content = line_of(line);
        template = template && !line.starts_with('[') || line.ends_with("](!)");
        if template || content.is_empty() {
            continue;
        }
        match line.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            Some(name) => attack.sections.push((line_of(name), Vec::new())),
            None => attack.sections.last_mut().expect("a line before any section").1.push(content),
        }
    }
    attacks
}

/// What Asterisk's loader makes of a line: no comment, `\;` as `;`, `=` for `=>`. Directives are the main's own business.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    for character in line.chars() {
        match character {
            ';' if plain.ends_with('\\') => {
                plain.pop();
                plain.push(';');
            }
            ';' => break,
            other => plain.push(other),
        }
    }
    match plain.split_once('=') {
        _ if plain.starts_with('#') => String::new(),
        _ if plain.starts_with('[') => plain,
        Some((key, value)) => {
            format!("{}={}", key.trim(), value.strip_prefix('>').unwrap_or(value).trim())
        }
        None => plain.trim().to_owned(),
    }
}

/// Resolves `\n`, `\r`, `\t`, `\\`, `\xHH` and `\*N*c`; after the last one may stand several characters as in `\*9*${A:`, up to the
/// first `x` or bracket that closes.
fn bytes(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (kind, behind) = escape.split_at(1);
        rest = behind;
        match kind {
            "n" => bytes.push(b'\n'),
            "r" => bytes.push(b'\r'),
            "t" => bytes.push(b'\t'),
            "x" => {
                let (digits, behind) = behind.split_at(2);
                bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
                rest = behind;
            }
            "*" => {
                let (times, behind) = behind.split_once('*').expect("a number between asterisks");
                let width = if behind.starts_with('$') { behind.find('x').unwrap_or(1) } else { 1 };
                let (repeated, behind) = behind.split_at(width);
                bytes.extend(repeated.repeat(times.parse().expect("how many times")).bytes());
                rest = behind;
            }
            other => bytes.extend_from_slice(other.as_bytes()),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
