use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::api::bus::EventBus;
use crate::api::request::check_timeout;
use crate::api::wait::start_timer;
use crate::engine::page_waits::PageWait;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::page::PageInfo;
use crate::sync::{Tasks, oneshot};

/// A future of the moment when a page is ready; made by [`EventBus::wait_until_ready`].
///
/// Await it in a task or an async command. On the main thread, which what pages send has to pass, it fails with
/// [`ErrorCode::WouldBlock`](crate::ErrorCode::WouldBlock) unless the page is ready already.
#[must_use = "a page is waited for when this is awaited"]
pub struct WaitUntilReady {
    wait: PageWait,
    tasks: Tasks,
    timeout: Option<Result<Duration>>,
    timer: Option<oneshot::Receiver<()>>,
}

impl EventBus {
    /// The pages that there are, in the order of the labels of their webviews: those that have given a sign of life, and those
    /// that are away and may come back.
    ///
    /// ```
    /// # fn list(bus: &tauri_plugin_event_bus::EventBus) {
    /// use tauri_plugin_event_bus::pages::PageState;
    ///
    /// let ready = bus.pages().into_iter().filter(|page| page.state == PageState::Ready);
    /// println!("{} pages are ready", ready.count());
    /// # }
    /// ```
    #[must_use]
    pub fn pages(&self) -> Vec<PageInfo> {
        self.runtime().core.hub().pages()
    }

    /// Waits until the page in the webview with this label is ready: its first subscription is accepted, and it has handled
    /// what waited for it; or it has called `ready()`. A page that is ready already is not waited for, and one that is away
    /// or that reloads is not ready.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::UnknownTarget`](crate::ErrorCode::UnknownTarget): there is no webview with the label
    /// - [`ErrorCode::PageGone`](crate::ErrorCode::PageGone): the page was closed meanwhile
    /// - [`ErrorCode::WouldBlock`](crate::ErrorCode::WouldBlock): awaited on the main thread
    /// - [`ErrorCode::Timeout`](crate::ErrorCode::Timeout), [`ErrorCode::Unavailable`](crate::ErrorCode::Unavailable): the
    ///   app is exiting
    ///
    /// ```
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn greet(bus: EventBus) -> Result<()> {
    ///     bus.wait_until_ready("main").timeout(Duration::from_secs(10)).await?;
    ///     bus.emit_to("main", "greeting", "hello")?;
    ///     Ok(())
    /// }
    /// # let _ = greet;
    /// ```
    pub fn wait_until_ready(&self, label: impl Into<String>) -> WaitUntilReady {
        let core = &self.runtime().core;
        WaitUntilReady {
            wait: PageWait::new(core, label.into()),
            tasks: core.tasks().clone(),
            timeout: None,
            timer: None,
        }
    }
}

impl WaitUntilReady {
    /// Sets how long to wait, from the first poll on: 1 ms to 24 hours.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(check_timeout(timeout));
        self
    }
}

impl Future for WaitUntilReady {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let timeout = match self.timeout.clone().transpose() {
            Ok(timeout) => timeout,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let this = &mut *self;
        let polled = Pin::new(&mut this.wait).poll(context);
        if polled.is_pending() && this.wait.is_on_main_thread() {
            let label = quoted(this.wait.label());
            let text = format!(
                "wait_until_ready of the webview {label} was awaited on the main thread, which what its page sends has to pass; await it in an async command or a task"
            );
            return Poll::Ready(Err(Error::new(ErrorCode::WouldBlock, text)));
        }
        match (polled, timeout) {
            (Poll::Pending, Some(timeout)) => {
                let tasks = &this.tasks;
                let timer = this
                    .timer
                    .get_or_insert_with(|| start_timer(tasks, timeout));
                Pin::new(timer).poll(context).map(|_| {
                    let label = quoted(this.wait.label());
                    let text =
                        format!("the page in the webview {label} was not ready within {timeout:?}");
                    Err(Error::new(ErrorCode::Timeout, text))
                })
            }
            (end, _) => end,
        }
    }
}

impl std::fmt::Debug for WaitUntilReady {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitUntilReady")
            .field("label", &self.wait.label())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
