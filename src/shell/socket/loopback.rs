//! A port of the loopback address, where there is no socket that is a file.

use std::fs::{self, OpenOptions};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::sync::{AsyncRead, AsyncWrite, TcpListener};

/// How long an app may take to accept.
const PATIENCE: Duration = Duration::from_millis(200);

/// Makes the folder. It is below one of the user, whose rights it has.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// A file has the rights of its folder.
pub(super) fn keep_private(_: &mut OpenOptions) {}

/// Whether no app waits at a port. Where that cannot be told, one may.
pub(super) fn is_dead(_: Option<&Path>, port: Option<u16>) -> bool {
    let address = port.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let connected = address.map(|address| TcpStream::connect_timeout(&address, PATIENCE));
    connected.is_none_or(|connected| connected.is_err_and(|error| is_absence(error.kind())))
}

/// Windows refuses only after a while.
fn is_absence(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionRefused | io::ErrorKind::TimedOut
    )
}

/// Waits for tools.
pub(super) struct Listener(TcpListener);

impl Listener {
    pub(super) fn bind(_: &Path) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self(TcpListener::from_std(listener)?))
    }

    pub(super) fn port(&self) -> Option<u16> {
        self.0.local_addr().ok().map(|address| address.port())
    }

    pub(super) async fn accept(
        &self,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>> {
        Ok(self.0.accept().await?.0)
    }
}
