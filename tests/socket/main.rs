//! The debug socket, from both sides: a tool that speaks its protocol, and the command line of the package.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod command_line;
mod protocol;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tauri::App;
use tauri::test::{MockRuntime, mock_builder, mock_context, noop_assets};
use tauri_plugin_event_bus::{Builder, EventBus, EventBusExt};

/// How long a test waits for what must come. It only passes in full when the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

const GREETING: &[u8] = b"\0evbus\x01\n";

/// An app with a debug socket.
struct Running {
    app: App<MockRuntime>,
    /// The file that tools read.
    file: PathBuf,
    description: Value,
}

fn folder() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = variable("TAURI_EVENT_BUS_SOCKETS") {
        return folder.into();
    }
    let home = || PathBuf::from(variable("HOME").unwrap());
    let parent = if cfg!(target_vendor = "apple") {
        home().join("Library/Caches")
    } else {
        let named = variable("XDG_RUNTIME_DIR").or_else(|| variable("XDG_CACHE_HOME"));
        named.map_or_else(|| home().join(".cache"), PathBuf::from)
    };
    parent.join("tauri-event-bus")
}

impl Running {
    fn start(identifier: &str) -> Self {
        Self::with(identifier, Builder::new())
    }

    fn with(identifier: &str, builder: Builder) -> Self {
        let mut context = mock_context(noop_assets());
        context.config_mut().identifier = identifier.to_owned();
        let app = mock_builder()
            .plugin(builder.build())
            .build(context)
            .unwrap();
        let end = Instant::now() + PATIENCE;
        loop {
            let found = fs::read_dir(folder()).into_iter().flatten().flatten();
            let found = found.map(|entry| entry.path()).find_map(|path| {
                let text = fs::read_to_string(&path).ok()?;
                let description: Value = serde_json::from_str(&text).ok()?;
                let is_own = path
                    .extension()
                    .is_some_and(|extension| extension == "json")
                    && description["app"] == identifier
                    && description["pid"] == std::process::id();
                is_own.then_some((path, description))
            });
            if let Some((file, description)) = found {
                return Self {
                    app,
                    file,
                    description,
                };
            }
            assert!(Instant::now() < end, "no socket of {identifier}");
            std::thread::yield_now();
        }
    }

    fn bus(&self) -> EventBus {
        self.app.event_bus()
    }

    fn connect(&self) -> Tool {
        let stream = UnixStream::connect(self.description["socket"].as_str().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Tool(stream)
    }

    fn token(&self) -> &str {
        self.description["token"].as_str().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The mock app does not exit, so the files stay until the next app starts.
        let _ = fs::remove_file(&self.file);
        let _ = fs::remove_file(self.description["socket"].as_str().unwrap_or_default());
    }
}

/// A tool on the other side of the socket.
struct Tool(UnixStream);

impl Tool {
    fn send(&mut self, frame: &[u8]) {
        let length = u32::try_from(frame.len()).unwrap();
        self.0.write_all(&length.to_le_bytes()).unwrap();
        self.0.write_all(frame).unwrap();
    }

    fn attach(&mut self, frame: &Value) {
        self.0.write_all(GREETING).unwrap();
        self.send(frame.to_string().as_bytes());
    }

    /// The next frame; `None` at the end.
    fn receive(&mut self) -> Option<String> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_le_bytes(length) as usize];
        self.0.read_exact(&mut frame).unwrap();
        Some(String::from_utf8(frame).unwrap())
    }

    fn json(&mut self) -> Value {
        serde_json::from_str(&self.receive().expect("a frame")).unwrap()
    }
}
