//! A long body on its way to a client, without being copied first.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;

/// How much is read and written at a time where sendfile(2) is not to be had, in bytes.
const PIECE: u64 = 64 * 1024;

/// Sends `head` and `body`, with one writev(2) as long as the send buffer takes it.
///
/// # Errors
/// The client takes no more.
pub(crate) fn send_both(head: &[u8], body: &[u8], mut stream: &TcpStream) -> io::Result<()> {
    let mut parts = &mut [IoSlice::new(head), IoSlice::new(body)][..];
    while !parts.is_empty() {
        match stream.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => IoSlice::advance_slices(&mut parts, length),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Sends `head`, and behind it `length` bytes of `file`, which are added to `sent` as they
/// go: not a byte more, even if the file has grown meanwhile.
///
/// # Errors
/// The client takes no more, the file cannot be read, or it has become shorter.
pub(crate) fn send_file(
    head: &[u8],
    file: &File,
    length: u64,
    stream: &TcpStream,
    sent: &mut u64,
) -> io::Result<()> {
    begin(head, stream)?;
    let mut left = length;
    while left > 0 {
        match piece(file, stream, left) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                left -= length;
                *sent += length;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Sends what comes next in the file, at most `most` bytes; how many it was.
fn piece(file: &File, mut stream: &TcpStream, most: u64) -> io::Result<u64> {
    // The pages of the file go to the socket as they are, and nothing passes through this
    // program: a third of the time of read(2) and write(2). Blocks as write(2) does.
    #[cfg(target_os = "linux")]
    match rustix::fs::sendfile(stream, file, None, usize::try_from(most).unwrap_or(usize::MAX))
    {
        // Not from this kind of file system.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
        sent => return Ok(sent? as u64),
    }
    let mut bytes = Vec::with_capacity(most.min(PIECE) as usize);
    file.take(most.min(PIECE)).read_to_end(&mut bytes)?;
    stream.write_all(&bytes)?;
    Ok(bytes.len() as u64)
}

/// Sends what more will follow at once (MSG_MORE, send(2)): the kernel waits for it, and the
/// head leaves in one segment with the beginning of the file.
#[cfg(target_os = "linux")]
fn begin(mut head: &[u8], stream: &TcpStream) -> io::Result<()> {
    use rustix::io::retry_on_intr;
    use rustix::net::{SendFlags, send};

    while !head.is_empty() {
        let length = retry_on_intr(|| send(stream, head, SendFlags::MORE))?;
        head = &head[length..];
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn begin(head: &[u8], mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(head)
}
