//! Octets of a connection into frames: the same however they are cut, within the limit, and none made up.

use res_synch::uplink::ami::{Frame, FrameReader, frame::FrameTooLong};

use super::chunks;

const LIMIT: usize = 300;

/// The first octets are the lengths of the chunks, the rest is what the main sends.
pub fn run(octets: &[u8]) {
    let (sizes, sent) = octets.split_at(octets.len().min(4));
    let whole = read([sent].into_iter());
    assert_eq!(read(chunks(sent, sizes)), whole, "cut as {sizes:?}");
    assert_eq!(read(chunks(sent, &[])), whole, "octet by octet");
    let (banner, frames, _) = whole;
    let taken = banner.map_or(0, |banner| banner.len()) + frames.iter().map(Frame::size).sum::<usize>();
    assert!(taken <= sent.len());
    for frame in &frames {
        assert!((3..=LIMIT).contains(&frame.size()), "{}", frame.size());
        assert!(frame.headers().count() > 0);
        for (name, value) in frame.headers() {
            assert!(!name.contains(&b':') && ![name, value].concat().contains(&b'\n'));
        }
    }
}

type Outcome = (Option<Vec<u8>>, Vec<Frame>, Option<FrameTooLong>);

/// The banner, then the frames, and the error that ended them.
fn read<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let mut reader = FrameReader::new(LIMIT);
    let (mut banner, mut frames) = (None, Vec::new());
    for chunk in chunks {
        reader.feed(chunk).unwrap();
        if banner.is_none() {
            match reader.take_line(LIMIT) {
                Ok(line) => banner = line.map(<[u8]>::to_vec),
                Err(error) => return (banner, frames, Some(error)),
            }
        }
        while banner.is_some() {
            match reader.take_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (banner, frames, Some(error)),
            }
        }
    }
    (banner, frames, None)
}
