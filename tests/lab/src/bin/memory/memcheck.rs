//! What memcheck found, read from its XML; and which of it has our module in its stack.

use std::fmt;

/// What valgrind calls the file of our module.
const OURS: &str = "/res_synch.so";

/// One thing that memcheck found: an error, or lost memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its kind in memcheck's words: `InvalidRead`, `Leak_DefinitelyLost`.
    pub kind: String,
    /// What it is, as a sentence.
    pub what: String,
    /// How much is lost, if it is a leak.
    pub bytes: u64,
    /// Where, innermost first.
    pub stack: Vec<Frame>,
}

/// One function in a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The file that was loaded.
    pub object: String,
    /// The function, and its line where that is known.
    pub place: String,
}

impl Found {
    /// Whether our module has a part in it.
    pub fn is_ours(&self) -> bool {
        self.stack.iter().any(|frame| frame.object.ends_with(OURS))
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.kind, self.what)?;
        self.stack.iter().try_for_each(|frame| {
            let object = frame.object.rsplit('/').next().unwrap_or_default();
            writeln!(f, "    {} ({object})", frame.place)
        })
    }
}

/// Everything in a report. One that is cut off, as by a crash, has no end: `None`.
pub fn read(xml: &str) -> Option<Vec<Found>> {
    let body = xml.trim_end().strip_suffix("</valgrindoutput>")?;
    Some(elements(body, "error").map(found).collect())
}

fn found(error: &str) -> Found {
    let extra = element(error, "xwhat").unwrap_or_default();
    let what = element(error, "what").or(element(extra, "text")).unwrap_or_default();
    Found {
        kind: element(error, "kind").unwrap_or_default().to_owned(),
        what: plain(what),
        bytes: element(extra, "leakedbytes").and_then(|bytes| bytes.parse().ok()).unwrap_or_default(),
        stack: elements(error, "frame").map(frame).collect(),
    }
}

fn frame(frame: &str) -> Frame {
    let part = |name| element(frame, name).unwrap_or_default();
    let function = match part("fn") {
        "" => part("ip"),
        function => function,
    };
    let place = match part("file") {
        "" => plain(function),
        file => format!("{} {file}:{}", plain(function), part("line")),
    };
    Frame { object: part("obj").to_owned(), place }
}

/// What is between the first `<name>` and its end.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    elements(text, name).next()
}

/// What is between each `<name>` and its end; memcheck nests no element in one of the same name.
fn elements<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&begin)?;
        let (inside, after) = after.split_once(&end)?;
        rest = after;
        Some(inside)
    })
}

fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "<?xml version=\"1.0\"?>\n<valgrindoutput>\n\
        <error>\n<unique>0x1</unique>\n<tid>3</tid>\n<kind>InvalidRead</kind>\n\
        <what>Invalid read of size 1</what>\n<stack>\n\
        <frame><ip>0x48</ip><obj>/usr/lib/libc.so.6</obj><fn>strlen</fn></frame>\n\
        <frame><ip>0x49</ip><obj>/lab/modules/res_synch.so</obj><fn>Vec&lt;u8&gt;::push</fn>\
        <dir>/src</dir><file>text.rs</file><line>12</line></frame>\n</stack>\n</error>\n\
        <error>\n<kind>Leak_DefinitelyLost</kind>\n\
        <xwhat>\n<text>40 bytes are lost</text>\n<leakedbytes>40</leakedbytes></xwhat>\n\
        <stack>\n<frame><ip>0x50</ip><obj>/usr/sbin/asterisk</obj></frame>\n</stack>\n</error>\n\
        </valgrindoutput>\n";

    #[test]
    fn errors_and_leaks_are_read_with_their_stacks() {
        let found = read(REPORT).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0].to_string(),
            "InvalidRead: Invalid read of size 1\n    strlen (libc.so.6)\n    \
             Vec<u8>::push text.rs:12 (res_synch.so)\n"
        );
        assert_eq!(found[1].to_string(), "Leak_DefinitelyLost: 40 bytes are lost\n    0x50 (asterisk)\n");
        assert_eq!((found[0].bytes, found[1].bytes), (0, 40));
    }

    #[test]
    fn what_has_our_module_in_its_stack_is_ours() {
        let ours: Vec<_> = read(REPORT).unwrap().iter().map(Found::is_ours).collect();
        assert_eq!(ours, [true, false]);
    }

    #[test]
    fn a_report_that_is_cut_off_is_none() {
        assert_eq!(read("<?xml version=\"1.0\"?>\n<valgrindoutput>\n<error>"), None);
        assert_eq!(read(""), None);
        assert_eq!(read("<valgrindoutput></valgrindoutput>"), Some(vec![]));
    }
}
