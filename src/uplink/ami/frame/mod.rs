//! Splits the bytes of an AMI connection into frames: blocks of `Name: value` lines, each ended by a blank line. Pure.

/// Size limit of one frame where only short answers are expected: no answer to Login or Ping comes near it.
pub const SHORT_FRAME: usize = 64 * 1024;
/// Size limit of one frame with a whole configuration file: 20,000 users as FreePBX writes them are 22.5 MB.
pub const CONFIG_FRAME: usize = 64 * 1024 * 1024;

/// The peer sent a frame that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an AMI message exceeds {limit} bytes")]
pub struct FrameTooLong {
    /// The limit that it exceeds.
    pub limit: usize,
}

/// The system has no memory to keep what the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this system has no memory left for an answer of {bytes} bytes")]
pub struct NoMemory {
    /// The length of the answer so far.
    pub bytes: usize,
}

/// One AMI message, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// Wraps the bytes of one message; a line end behind its last header may be missing.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Size in bytes, terminator included.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.0.len()
    }

    /// Name and value of each header, in order. A line without a colon is a name without a value.
    ///
    /// Lines end at `\n` alone: Asterisk passes a lone `\r` of a configuration value through as it is.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let lines = self.0.split(|byte| *byte == b'\n').map(without_cr);
        lines.filter(|line| !line.is_empty()).map(header)
    }

    /// The first header of that name, upper or lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers();
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }
}

/// Collects bytes until a frame is whole. The result doesn't depend on how the bytes were cut into chunks.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Vec<u8>,
    /// First byte that was not handed out yet.
    start: usize,
    /// Start of the line that is being looked at.
    line: usize,
    /// Bytes before this one need no second look.
    scanned: usize,
    limit: usize,
}

impl FrameReader {
    /// A reader that accepts frames of up to `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, line: 0, scanned: 0, limit }
    }

    /// From now on accepts frames of up to `limit` bytes.
    pub const fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes in what the peer sent.
    ///
    /// # Errors
    /// When there is no memory for it. An allocation that may not fail would end Asterisk then.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), NoMemory> {
        if self.start > 0 {
            self.buffer.drain(..self.start.min(self.buffer.len()));
            self.line -= self.start;
            self.scanned -= self.start;
            self.start = 0;
        }
        let no_memory = NoMemory { bytes: self.buffer.len() + bytes.len() };
        self.buffer.try_reserve(bytes.len()).map_err(|_| no_memory)?;
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole frame, if there is one. Blank lines before it are skipped.
    ///
    /// # Errors
    /// When the frame in progress is longer than the limit; the connection is of no use afterwards.
    pub fn take_frame(&mut self) -> Result<Option<Frame>, FrameTooLong> {
        while let Some(end) = self.line_end(self.limit)? {
            let blank = self.line_before(end).is_empty();
            let first = self.line == self.start;
            self.line = end;
            match (blank, first) {
                (true, true) => self.start = end,
                (true, false) => return Ok(Some(Frame(self.cut(end)))),
                (false, _) => {}
            }
        }
        Ok(None)
    }

    /// The next line alone, without its end: how a connection begins, with a banner that no blank line follows, and
    /// how a long answer is read without keeping it.
    ///
    /// # Errors
    /// When the line is longer than the limit.
    pub fn take_line(&mut self, limit: usize) -> Result<Option<&[u8]>, FrameTooLong> {
        let Some(end) = self.line_end(limit.min(self.limit))? else { return Ok(None) };
        let begin = self.line;
        (self.start, self.line) = (end, end);
        let line = self.buffer.get(begin..end).unwrap_or_default();
        Ok(Some(without_end(line)))
    }

    /// Where the line in progress ends, its `\n` included.
    fn line_end(&mut self, limit: usize) -> Result<Option<usize>, FrameTooLong> {
        let fresh = self.buffer.get(self.scanned..).unwrap_or_default();
        let newline = fresh.iter().position(|byte| *byte == b'\n');
        self.scanned += newline.map_or(fresh.len(), |at| at + 1);
        if self.scanned - self.start > limit {
            return Err(FrameTooLong { limit });
        }
        Ok(newline.map(|_| self.scanned))
    }

    fn line_before(&self, end: usize) -> &[u8] {
        without_end(self.buffer.get(self.line..end).unwrap_or_default())
    }

    /// Takes the frame out. The smaller part is what is copied, so a large answer stays where it was received.
    fn cut(&mut self, end: usize) -> Vec<u8> {
        if self.buffer.len() - end > end - self.start {
            let frame = self.buffer.get(self.start..end).unwrap_or_default().to_vec();
            self.start = end;
            return frame;
        }
        let rest = self.buffer.split_off(end);
        let mut frame = std::mem::replace(&mut self.buffer, rest);
        frame.drain(..self.start.min(frame.len()));
        (self.start, self.line, self.scanned) = (0, 0, 0);
        frame
    }
}

/// Name and value of one line. A line without a colon is a name without a value.
pub(super) fn header(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let (name, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
    let value = value.strip_prefix(b":").unwrap_or_default();
    (name, value.strip_prefix(b" ").unwrap_or(value))
}

fn without_end(line: &[u8]) -> &[u8] {
    without_cr(line.strip_suffix(b"\n").unwrap_or(line))
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
