//! A socket that is a file, in a folder of the user.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::sync::{AsyncRead, AsyncWrite, UnixListener};

/// Makes a folder that only the user can read.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let found = fs::symlink_metadata(folder)?;
    let mode = found.permissions().mode() & 0o777;
    if found.is_dir() && mode & 0o077 == 0 {
        return Ok(());
    }
    let folder = folder.display();
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "{folder} is not private to the user (mode {mode:03o}); remove it, or set its mode to 700"
        ),
    ))
}

/// Only the user can read a file that is made with these.
pub(super) fn keep_private(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// Whether no app waits at a socket. Where that cannot be told, as with too many open files, one may.
pub(super) fn is_dead(socket: Option<&Path>, _: Option<u16>) -> bool {
    let connected = socket.map(UnixStream::connect);
    connected.is_none_or(|connected| connected.is_err_and(|error| is_absence(error.kind())))
}

fn is_absence(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
    )
}

/// Waits for tools.
pub(super) struct Listener(UnixListener);

impl Listener {
    pub(super) fn bind(socket: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(socket)?;
        fs::set_permissions(socket, Permissions::from_mode(0o600))?;
        Ok(Self(listener))
    }

    #[allow(clippy::unused_self, reason = "other systems have one")]
    pub(super) fn port(&self) -> Option<u16> {
        None
    }

    pub(super) async fn accept(
        &self,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>> {
        Ok(self.0.accept().await?.0)
    }
}
