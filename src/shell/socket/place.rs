//! Where the debug socket is, and the file beside it that tells tools how to attach. Only the user can read either.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::id::Id;
use crate::shell::socket::system::{self, Listener};
use crate::sync::wall_clock;

/// The name of the folder, and the variable that replaces it.
const FOLDER: &str = "tauri-event-bus";
const FOLDER_VARIABLE: &str = "TAURI_EVENT_BUS_SOCKETS";

/// The version of the file and of the protocol.
const VERSION: u32 = 1;

/// The folder of the sockets of this user.
pub(super) fn folder() -> io::Result<PathBuf> {
    let variable = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    if let Some(folder) = variable(FOLDER_VARIABLE) {
        return Ok(folder);
    }
    let (name, parent) = if cfg!(windows) {
        ("LOCALAPPDATA", variable("LOCALAPPDATA"))
    } else if cfg!(target_vendor = "apple") {
        (
            "HOME",
            variable("HOME").map(|home| home.join("Library/Caches")),
        )
    } else {
        let cache = || variable("XDG_CACHE_HOME");
        let home = || variable("HOME").map(|home| home.join(".cache"));
        let parent = variable("XDG_RUNTIME_DIR").or_else(cache).or_else(home);
        ("XDG_RUNTIME_DIR", parent)
    };
    parent.map(|parent| parent.join(FOLDER)).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no folder for it; set {name} or {FOLDER_VARIABLE}"),
        )
    })
}

/// The files of one app.
pub(super) struct Place {
    /// Where the system has sockets of files.
    socket: PathBuf,
    description: PathBuf,
}

/// What tools read.
#[derive(Serialize, Deserialize)]
struct Description {
    version: u32,
    app: String,
    pid: u32,
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

impl Place {
    /// Makes the folder, and removes what apps have left there that were killed.
    pub(super) fn prepare(folder: &Path) -> io::Result<Self> {
        system::make_private(folder)?;
        remove_dead(folder);
        // Two apps of one process have two sockets. The path of a socket has to be short.
        let number = Id::random().map_err(io::Error::other)?.to_string();
        let name = format!("{}-{}", std::process::id(), &number[..8]);
        Ok(Self {
            socket: folder.join(format!("{name}.sock")),
            description: folder.join(format!("{name}.json")),
        })
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Writes the file that tools read, once the socket is there.
    pub(super) fn describe(&self, app: &str, token: &str, listener: &Listener) -> io::Result<()> {
        let description = Description {
            version: VERSION,
            app: app.to_owned(),
            pid: std::process::id(),
            token: token.to_owned(),
            socket: listener.port().is_none().then(|| self.socket.clone()),
            port: listener.port(),
        };
        let text = serde_json::to_string(&description)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        system::keep_private(&mut options);
        // Tools never see a part of it.
        let unfinished = self.description.with_extension("new");
        options.open(&unfinished)?.write_all(text.as_bytes())?;
        fs::rename(unfinished, &self.description)
    }

    pub(super) fn remove(&self) {
        // What is gone already is no error.
        let _ = fs::remove_file(&self.description);
        let _ = fs::remove_file(&self.socket);
    }
}

/// How old files are without a description, before their app counts as killed. One that starts takes less.
const STARTING: Duration = Duration::from_secs(60);

/// Removes the files of apps that were killed: no process listens at their sockets.
fn remove_dead(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension {
            Some("json") => remove_described(folder, &path),
            Some("sock" | "new") if is_left(&path) => {
                let _ = fs::remove_file(&path);
            }
            _ => {}
        }
    }
}

fn remove_described(folder: &Path, description: &Path) {
    let text = fs::read_to_string(description).unwrap_or_default();
    let known = serde_json::from_str::<Description>(&text).ok();
    if let Some(known) = known.filter(|own| system::is_dead(own.socket.as_deref(), own.port)) {
        let _ = fs::remove_file(description);
        if let Some(socket) = known.socket.filter(|socket| socket.starts_with(folder)) {
            let _ = fs::remove_file(socket);
        }
    }
}

/// Whether an app has left this file that was killed before it could describe its socket.
fn is_left(path: &Path) -> bool {
    let written = fs::symlink_metadata(path).and_then(|found| found.modified());
    let age = written
        .ok()
        .and_then(|written| wall_clock().duration_since(written).ok());
    let socket = path.with_extension("sock");
    age.is_some_and(|age| age > STARTING)
        && !path.with_extension("json").exists()
        && (!socket.exists() || system::is_dead(Some(&socket), None))
}
