use std::fmt;

use tauri::ipc::{InvokeResolver, Response};
use tauri::{AppHandle, Runtime};

use crate::hub::order::Answer;

/// Answers one command of a page, now or later, from any thread.
///
/// Dropped, it answers nothing: that is for pages that are gone.
pub(crate) struct Reply {
    send: Option<Send>,
}

type Send = Box<dyn FnOnce(Option<Answer>) + std::marker::Send>;

impl Reply {
    pub(crate) fn new(send: impl FnOnce(Option<Answer>) + std::marker::Send + 'static) -> Self {
        Self {
            send: Some(Box::new(send)),
        }
    }

    /// Keeps a command's resolver.
    pub(crate) fn to_resolver<R: Runtime>(app: AppHandle<R>, resolver: InvokeResolver<R>) -> Self {
        Self::new(move |answer| {
            let send = move || match answer {
                Some(Ok(json)) => resolver.resolve(Response::new(json)),
                Some(Err(error)) => resolver.reject(error),
                None => drop(resolver),
            };
            // WebKit on Apple's systems may abort the process when a scheme request is answered or dropped off the
            // main thread (wry issues 1822, 1775 and 1733).
            if cfg!(target_vendor = "apple") {
                if let Err(error) = app.run_on_main_thread(send) {
                    log::debug!("a page was not answered, since the app is exiting: {error}");
                }
            } else {
                send();
            }
        })
    }

    pub(crate) fn answer(mut self, answer: Answer) {
        if let Some(send) = self.send.take() {
            send(Some(answer));
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(send) = self.send.take() {
            send(None);
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}
