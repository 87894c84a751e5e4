//! What travels over the debug socket: a greeting that no browser sends, and frames, each with its length before it.

use std::io;

use crate::sync::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What a tool sends first. A request of HTTP never begins with a zero.
pub(super) const GREETING: [u8; 8] = *b"\0evbus\x01\n";

/// The longest frame of a tool.
pub(super) const MAX_FRAME: u32 = 64 << 10;

fn refused(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.into())
}

/// Reads the greeting, and fails at the first byte that is not of it.
pub(super) async fn read_greeting(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    for expected in GREETING {
        if stream.read_u8().await? != expected {
            return Err(refused(
                "the tool does not speak the protocol of the debug socket",
            ));
        }
    }
    Ok(())
}

/// Reads a frame. Nothing is kept for one that is too long.
pub(super) async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = stream.read_u32_le().await?;
    if length > MAX_FRAME {
        return Err(refused(format!(
            "a frame of {length} bytes; a tool sends at most {MAX_FRAME}"
        )));
    }
    let mut frame = vec![0; length as usize];
    stream.read_exact(&mut frame).await?;
    Ok(frame)
}

pub(super) async fn write_frame(
    stream: &mut (impl AsyncWrite + Unpin),
    frame: &str,
) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(|_| refused("a frame of 4 GiB"))?;
    stream.write_all(&length.to_le_bytes()).await?;
    stream.write_all(frame.as_bytes()).await?;
    stream.flush().await
}
