//! Messages on a TCP connection: two octets of length before each (RFC 1035 section 4.2.2).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Reads one message.
///
/// # Errors
/// The connection failed, or ended (`UnexpectedEof`).
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes one message, in one piece: length and message in two segments make some readers stumble (RFC 7766 section 8).
///
/// # Errors
/// The connection failed, or the message is longer than two octets can say.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut octets = length.to_be_bytes().to_vec();
    octets.extend_from_slice(message);
    stream.write_all(&octets).await
}
