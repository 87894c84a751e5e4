use tauri::{
    // Both traits are needed.
    Emitter as _,
    ipc::{Channel, Response},
    Runtime,
};
#[cfg(test)]
use tauri::Listener;

/// Sends the rows.
pub fn send<R: Runtime, E: tauri::Emitter<R>>(emitter: &E, _: Channel<Response>) -> tauri::Result<()> {
    emitter.emit("row", 1)
}
