//! `[section]` and `key=value`, a line each, as the main's GetConfig tells them: any octet but the line end.

use res_synch::{uplink::ami::Frame, words::conf::ConfSection};

/// One section: its name, and its lines as they stand there.
pub struct Section<'a> {
    pub name: &'a [u8],
    pub lines: Vec<&'a [u8]>,
}

/// The sections of a text. What stands before the first is not in any.
pub fn sections(text: &[u8]) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
        match line.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")) {
            Some(name) => sections.push(Section { name, lines: Vec::new() }),
            None => sections.last_mut().into_iter().for_each(|section| section.lines.push(line)),
        }
    }
    sections
}

/// The answer to GetConfig that says the same. Where a line is no `key=value`, it is one with an empty value.
pub fn answer(text: &[u8]) -> Frame {
    let mut octets = b"Response: Success\r\n".to_vec();
    for (number, Section { name, lines }) in sections(text).into_iter().enumerate() {
        octets.extend([format!("Category-{number:06}: ").as_bytes(), name, b"\r\n"].concat());
        for (place, line) in lines.into_iter().enumerate() {
            let sign: &[u8] = if line.contains(&b'=') { b"" } else { b"=" };
            octets
                .extend([format!("Line-{number:06}-{place:06}: ").as_bytes(), line, sign, b"\r\n"].concat());
        }
    }
    Frame::new(octets)
}

/// As Asterisk's loader gives it to us: texts, without blanks around them.
pub fn loaded(text: &str) -> Vec<ConfSection> {
    let line = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        let (key, value) = line.split_once('=').unwrap_or((&line, ""));
        (key.trim().to_owned(), value.trim().to_owned())
    };
    let section = |section: Section<'_>| {
        ConfSection::new(String::from_utf8_lossy(section.name), section.lines.into_iter().map(line))
    };
    sections(text.as_bytes()).into_iter().map(section).collect()
}

/// The same backwards.
pub fn text(sections: &[ConfSection]) -> String {
    let mut text = String::new();
    for section in sections {
        text += &format!("[{}]\n", section.name);
        section.variables.iter().for_each(|line| text += &format!("{}={}\n", line.key, line.value));
    }
    text
}
