//! Replies that go through Tauri's resolvers.

use tauri::ipc::{InvokeResolver, Response};
use tauri::{AppHandle, Runtime};

use crate::engine::reply::Reply;

/// A reply that resolves or rejects a command.
pub(crate) fn reply_to<R: Runtime>(app: AppHandle<R>, resolver: InvokeResolver<R>) -> Reply {
    Reply::new(move |result| {
        let send = move || match result {
            Some(Ok(json)) => resolver.resolve(Response::new(json)),
            Some(Err(error)) => resolver.reject(error),
            None => drop(resolver),
        };
        // On Apple's systems, WebKit may abort the process if a scheme request is answered or dropped off the main thread
        // (wry issues 1822, 1775 and 1733).
        if cfg!(target_vendor = "apple") {
            if let Err(error) = app.run_on_main_thread(send) {
                log::debug!("a page got no reply, because the app is exiting: {error}");
            }
        } else {
            send();
        }
    })
}
