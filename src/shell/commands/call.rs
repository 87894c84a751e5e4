//! Commands that change state: each runs in its turn, and once.

use tauri::ipc::{Request, Response};
use tauri::{Runtime, Webview};
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::engine::reply::Reply;
use crate::hub::Command;
use crate::hub::order::{Answer, Turn};
use crate::hub::session::SessionId;
use crate::hub::subscriptions::SubscriberKey;
use crate::model::error::{Error, ErrorCode, Result};

/// What every command that changes state carries.
pub(super) struct Call<'a> {
    pub(super) name: &'static str,
    pub(super) request: Request<'a>,
    pub(super) session: String,
    pub(super) n: u64,
}

impl Call<'_> {
    fn read(&self) -> Result<Command> {
        // Tauri, too, takes the address of a request from this header. It is absent where the IPC fell back to postMessage.
        let origin = self.request.headers().get("Origin");
        Ok(Command {
            name: self.name,
            session: SessionId::parse(&self.session)?,
            n: self.n,
            origin: origin.and_then(|origin| Some(origin.to_str().ok()?.to_owned())),
        })
    }
}

/// Runs a command of a session in its turn, and once, however often it arrives.
pub(super) async fn in_order<R: Runtime>(
    engine: &Engine,
    webview: &Webview<R>,
    call: &Call<'_>,
    run: impl FnOnce(SubscriberKey) -> Answer,
) -> Result<Response> {
    let command = call.read()?;
    let (sender, receiver) = oneshot::channel();
    let reply = Reply::new(move |answer| {
        // A command whose page is gone is not waited for any more.
        let _ = answer.map(|answer| sender.send(answer));
    });
    let (turn, page) = engine.begin_command(webview.label(), command, reply);
    let answer = match (turn, page) {
        (Turn::Run(_), Some(page)) => {
            let unfinished = Unfinished { engine, page };
            let answer = run(page);
            unfinished.finish(&answer);
            answer
        }
        (Turn::Repeat(_, answer), _) => answer,
        (Turn::Refuse(_, error), _) => Err(error),
        (Turn::Wait | Turn::Run(_), _) => receiver.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorCode::StaleSession,
                "this session has ended",
            ))
        }),
    };
    answer.map(Response::new)
}

/// A command that runs. If it panics it is finished all the same, so that the page's next one can run.
struct Unfinished<'a> {
    engine: &'a Engine,
    page: SubscriberKey,
}

impl Unfinished<'_> {
    fn finish(self, answer: &Answer) {
        self.engine.finish_command(self.page, answer);
        std::mem::forget(self);
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let error = Error::new(
            ErrorCode::Unavailable,
            "the command panicked; see the app's log",
        );
        self.engine.finish_command(self.page, &Err(error));
    }
}
