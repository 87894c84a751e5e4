//! The debug socket: tools on this machine attach to it, and read what a tap tells. Only debug builds with the feature
//! `debug-socket` have it.

mod connection;
mod frames;
#[cfg(not(unix))]
mod loopback;
mod place;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use loopback as system;
#[cfg(unix)]
use unix as system;

use std::io;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tauri::{AppHandle, Manager, Runtime};

use crate::engine::core::Core;
use crate::model::id::Id;
use crate::shell::socket::connection::{App, serve};
use crate::shell::socket::place::Place;
use crate::shell::socket::system::Listener;
use crate::sync::{Mutex, MutexGuard};

/// How many connections there may be, with those that have not said yet who they are.
const MAX_CONNECTIONS: usize = 64;

/// How long to wait after the system has refused a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// The files of the socket, until the app exits.
#[derive(Clone, Default)]
struct DebugSocket(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    place: Option<Place>,
    is_closed: bool,
}

impl DebugSocket {
    fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the files.
    fn close(&self) {
        let mut files = self.lock();
        files.is_closed = true;
        if let Some(place) = files.place.take() {
            place.remove();
        }
    }

    /// Keeps the files until the app exits. False if it has.
    fn keep(&self, place: Place) -> bool {
        let mut files = self.lock();
        if files.is_closed {
            place.remove();
            return false;
        }
        files.place = Some(place);
        true
    }
}

/// Opens the socket of an app, in a task. What fails is logged: the app goes on without it.
pub(crate) fn open<R: Runtime>(app: &AppHandle<R>, core: &Arc<Core>) {
    let socket = DebugSocket::default();
    app.manage(socket.clone());
    let identifier = app.config().identifier.clone();
    let weak = Arc::downgrade(core);
    core.tasks().spawn(async move {
        if let Err(error) = run(&socket, identifier, weak).await {
            log::warn!("event bus: the app has no debug socket: {error}");
        }
    });
}

/// Removes the files of the socket of this app, if it has one.
pub(crate) fn close<R: Runtime>(app: &AppHandle<R>) {
    if let Some(socket) = app.try_state::<DebugSocket>() {
        socket.close();
    }
}

async fn run(socket: &DebugSocket, identifier: String, core: Weak<Core>) -> io::Result<()> {
    let token = Id::random().map_err(io::Error::other)?.to_string();
    let place = Place::prepare(&place::folder()?)?;
    let listener = Listener::bind(place.socket())?;
    place.describe(&identifier, &token, &listener)?;
    if !socket.keep(place) {
        return Ok(());
    }
    let app = Arc::new(App::new(identifier, token));
    loop {
        let accepted = listener.accept().await;
        let Some(running) = core.upgrade() else {
            return Ok(());
        };
        match accepted {
            Ok(stream) => {
                let others = Arc::strong_count(&app) - 1;
                if others >= MAX_CONNECTIONS {
                    continue;
                }
                let (app, core) = (Arc::clone(&app), Weak::clone(&core));
                // An error is the end of one connection.
                running
                    .tasks()
                    .spawn(async move { drop(serve(stream, &app, &core).await) });
            }
            Err(_) => {
                let clock = running.clock();
                drop(running);
                clock.sleep_until(clock.after(PAUSE)).await;
            }
        }
    }
}
