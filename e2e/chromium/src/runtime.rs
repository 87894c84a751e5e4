//! The runtime: the event loop on the main thread, and the windows.

use crate::{
    browser::Browser,
    devtools::{DevTools, lock},
    page::Page,
    webview,
    window::{self, Window},
};
use serde_json::json;
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, ThreadId},
};
use tauri_runtime::{
    DeviceEventFilter, Error, EventLoopProxy, ExitRequestedEventAction, Result, RunEvent, Runtime,
    RuntimeHandle, RuntimeInitArgs, UserEvent, WindowEventId,
    dpi::PhysicalPosition,
    monitor::Monitor,
    webview::{DetachedWebview, PendingWebview},
    window::{
        DetachedWindow, DetachedWindowWebview, PendingWindow, RawWindow, WindowEvent, WindowId,
    },
};
use tauri_utils::Theme;

/// What the main thread does next.
enum Message<T> {
    Task(Box<dyn FnOnce() + Send>),
    Close(WindowId),
    Destroy(WindowId),
    Exit(i32),
    User(T),
    BrowserEnded,
}

/// What windows and webviews share.
pub(crate) struct Context<T: UserEvent> {
    shared: Arc<Shared<T>>,
    pub(crate) devtools: Arc<DevTools>,
}

struct Shared<T: UserEvent> {
    messages: Sender<Message<T>>,
    main_thread: ThreadId,
    windows: Mutex<HashMap<WindowId, Window<T>>>,
    next_id: AtomicU32,
}

impl<T: UserEvent> Clone for Context<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            devtools: Arc::clone(&self.devtools),
        }
    }
}

impl<T: UserEvent> fmt::Debug for Context<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl<T: UserEvent> Context<T> {
    fn enqueue(&self, message: Message<T>) -> Result<()> {
        let sent = self.shared.messages.send(message);
        sent.map_err(|_| Error::FailedToSendMessage)
    }

    /// Runs a task on the main thread, after what is queued there.
    pub(crate) fn post(&self, task: impl FnOnce() + Send + 'static) {
        // It fails only after the loop has ended.
        let _ = self.enqueue(Message::Task(Box::new(task)));
    }

    /// Runs a task on the main thread, at once if this is it.
    pub(crate) fn run_on_main_thread(&self, task: impl FnOnce() + Send + 'static) -> Result<()> {
        if thread::current().id() == self.shared.main_thread {
            task();
            return Ok(());
        }
        self.enqueue(Message::Task(Box::new(task)))
    }

    pub(crate) fn next_id(&self) -> u32 {
        self.shared.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn close(&self, window: WindowId) -> Result<()> {
        self.enqueue(Message::Close(window))
    }

    pub(crate) fn destroy(&self, window: WindowId) {
        // It fails only after the loop has ended.
        let _ = self.enqueue(Message::Destroy(window));
    }

    pub(crate) fn listen(
        &self,
        window: WindowId,
        listener: impl Fn(&WindowEvent) + Send + 'static,
    ) -> WindowEventId {
        if let Some(window) = lock(&self.shared.windows).get_mut(&window) {
            window.listen(listener);
        }
        self.next_id()
    }

    pub(crate) fn create_window(
        &self,
        pending: PendingWindow<T, Chromium<T>>,
    ) -> Result<DetachedWindow<T, Chromium<T>>> {
        let id = WindowId::from(self.next_id());
        let frame = pending.window_builder.frame;
        let (page, webview) = match pending.webview {
            None => (None, None),
            Some(webview) => {
                let use_https_scheme = webview.webview_attributes.use_https_scheme;
                let page = Page::open(self, id, frame, webview)
                    .map_err(|error| Error::CreateWebview(error.into()))?;
                let webview = DetachedWindowWebview {
                    webview: page.detached(),
                    use_https_scheme,
                };
                (Some(page), Some(webview))
            }
        };
        let window = Window::new(pending.label.clone(), page.clone());
        lock(&self.shared.windows).insert(id, window);
        Ok(DetachedWindow {
            id,
            label: pending.label,
            dispatcher: window::Dispatcher::new(self, id, page),
            webview,
        })
    }
}

/// Tabs have no children.
pub(crate) fn no_children<W>() -> Result<W> {
    Err(Error::CreateWebview(
        "the Chromium runtime has no child webviews; build a window with one webview".into(),
    ))
}

/// Runs an app in Chromium.
pub struct Chromium<T: UserEvent> {
    context: Context<T>,
    messages: Receiver<Message<T>>,
    // Dropped last: the context talks to it.
    _browser: Browser,
}

impl<T: UserEvent> fmt::Debug for Chromium<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chromium").finish_non_exhaustive()
    }
}

impl<T: UserEvent> Chromium<T> {
    fn start() -> std::result::Result<Self, String> {
        let (browser, address) = Browser::start()?;
        let (sender, messages) = channel();
        let ended = sender.clone();
        let devtools = DevTools::connect(address, move || {
            // The app may have ended before its browser.
            let _ = ended.send(Message::BrowserEnded);
        })?;
        let files = json!({ "behavior": "allow", "downloadPath": browser.downloads() });
        // Without it, downloads go to the user's folder. Its result is of no use.
        drop(devtools.call(None, "Browser.setDownloadBehavior", files));
        let shared = Arc::new(Shared {
            messages: sender,
            main_thread: thread::current().id(),
            windows: Mutex::default(),
            next_id: AtomicU32::new(0),
        });
        Ok(Self {
            context: Context { shared, devtools },
            messages,
            _browser: browser,
        })
    }

    /// Acts on a message. Returns the exit code if the app ends.
    fn handle(&self, message: Message<T>, callback: &mut impl FnMut(RunEvent<T>)) -> Option<i32> {
        match message {
            Message::Task(task) => task(),
            Message::Close(id) => {
                let (signal_tx, prevented) = channel();
                self.emit(id, WindowEvent::CloseRequested { signal_tx }, callback);
                if !prevented.try_iter().any(|prevents| prevents) {
                    return self.destroy(id, callback);
                }
            }
            Message::Destroy(id) => return self.destroy(id, callback),
            Message::Exit(code) => return may_exit(Some(code), callback).then_some(code),
            Message::User(event) => callback(RunEvent::UserEvent(event)),
            Message::BrowserEnded => {
                eprintln!("Chromium has ended");
                return Some(1);
            }
        }
        None
    }

    fn destroy(&self, id: WindowId, callback: &mut impl FnMut(RunEvent<T>)) -> Option<i32> {
        let window = lock(&self.context.shared.windows).remove(&id)?;
        window.close();
        window.emit(&WindowEvent::Destroyed);
        let label = window.label;
        let event = WindowEvent::Destroyed;
        callback(RunEvent::WindowEvent { label, event });
        let was_last = lock(&self.context.shared.windows).is_empty();
        (was_last && may_exit(None, callback)).then_some(0)
    }

    fn emit(&self, id: WindowId, event: WindowEvent, callback: &mut impl FnMut(RunEvent<T>)) {
        // Listeners may open and close windows, so the list must not be locked.
        let window = lock(&self.context.shared.windows).get(&id).cloned();
        if let Some(window) = window {
            window.emit(&event);
            let label = window.label;
            callback(RunEvent::WindowEvent { label, event });
        }
    }
}

fn may_exit<T: UserEvent>(code: Option<i32>, callback: &mut impl FnMut(RunEvent<T>)) -> bool {
    let (tx, action) = channel();
    callback(RunEvent::ExitRequested { code, tx });
    !matches!(action.try_recv(), Ok(ExitRequestedEventAction::Prevent))
}

impl<T: UserEvent> Runtime<T> for Chromium<T> {
    type WindowDispatcher = window::Dispatcher<T>;
    type WebviewDispatcher = webview::Dispatcher<T>;
    type Handle = Handle<T>;
    type EventLoopProxy = Proxy<T>;

    fn new(_: RuntimeInitArgs) -> Result<Self> {
        Self::start().map_err(|error| Error::CreateWebview(error.into()))
    }

    fn new_any_thread(arguments: RuntimeInitArgs) -> Result<Self> {
        Self::new(arguments)
    }

    fn create_proxy(&self) -> Proxy<T> {
        Proxy(self.context.clone())
    }

    fn handle(&self) -> Handle<T> {
        Handle(self.context.clone())
    }

    fn create_window<F: Fn(RawWindow<'_>) + Send + 'static>(
        &self,
        pending: PendingWindow<T, Self>,
        _: Option<F>,
    ) -> Result<DetachedWindow<T, Self>> {
        self.context.create_window(pending)
    }

    fn create_webview(
        &self,
        _: WindowId,
        _: PendingWebview<T, Self>,
    ) -> Result<DetachedWebview<T, Self>> {
        no_children()
    }

    fn primary_monitor(&self) -> Option<Monitor> {
        None
    }

    fn monitor_from_point(&self, _: f64, _: f64) -> Option<Monitor> {
        None
    }

    fn available_monitors(&self) -> Vec<Monitor> {
        Vec::new()
    }

    fn cursor_position(&self) -> Result<PhysicalPosition<f64>> {
        Ok(PhysicalPosition::default())
    }

    fn set_theme(&self, _: Option<Theme>) {}

    fn set_device_event_filter(&mut self, _: DeviceEventFilter) {}

    fn run_iteration<F: FnMut(RunEvent<T>) + 'static>(&mut self, mut callback: F) {
        while let Ok(message) = self.messages.try_recv() {
            self.handle(message, &mut callback);
        }
        callback(RunEvent::MainEventsCleared);
    }

    fn run_return<F: FnMut(RunEvent<T>) + 'static>(self, mut callback: F) -> i32 {
        callback(RunEvent::Ready);
        let mut code = None;
        while code.is_none() {
            // The context keeps a sender, so this waits.
            let Ok(message) = self.messages.recv() else {
                break;
            };
            code = self.handle(message, &mut callback);
            callback(RunEvent::MainEventsCleared);
        }
        callback(RunEvent::Exit);
        code.unwrap_or_default()
    }

    fn run<F: FnMut(RunEvent<T>) + 'static>(self, callback: F) {
        std::process::exit(self.run_return(callback));
    }
}

/// A handle to the runtime, for any thread.
#[derive(Debug)]
pub struct Handle<T: UserEvent>(Context<T>);

impl<T: UserEvent> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: UserEvent> RuntimeHandle<T> for Handle<T> {
    type Runtime = Chromium<T>;

    fn create_proxy(&self) -> Proxy<T> {
        Proxy(self.0.clone())
    }

    fn request_exit(&self, code: i32) -> Result<()> {
        self.0.enqueue(Message::Exit(code))
    }

    fn create_window<F: Fn(RawWindow<'_>) + Send + 'static>(
        &self,
        pending: PendingWindow<T, Chromium<T>>,
        _: Option<F>,
    ) -> Result<DetachedWindow<T, Chromium<T>>> {
        self.0.create_window(pending)
    }

    fn create_webview(
        &self,
        _: WindowId,
        _: PendingWebview<T, Chromium<T>>,
    ) -> Result<DetachedWebview<T, Chromium<T>>> {
        no_children()
    }

    fn run_on_main_thread<F: FnOnce() + Send + 'static>(&self, task: F) -> Result<()> {
        self.0.run_on_main_thread(task)
    }

    fn display_handle(
        &self,
    ) -> std::result::Result<raw_window_handle::DisplayHandle<'_>, raw_window_handle::HandleError>
    {
        Err(raw_window_handle::HandleError::NotSupported)
    }

    fn primary_monitor(&self) -> Result<Option<Monitor>> {
        Ok(None)
    }

    fn monitor_from_point(&self, _: f64, _: f64) -> Result<Option<Monitor>> {
        Ok(None)
    }

    fn available_monitors(&self) -> Result<Vec<Monitor>> {
        Ok(Vec::new())
    }

    fn cursor_position(&self) -> Result<PhysicalPosition<f64>> {
        Ok(PhysicalPosition::default())
    }

    fn set_theme(&self, _: Option<Theme>) {}

    fn set_device_event_filter(&self, _: DeviceEventFilter) {}
}

/// Sends events of Tauri to the main thread.
#[derive(Debug)]
pub struct Proxy<T: UserEvent>(Context<T>);

impl<T: UserEvent> Clone for Proxy<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: UserEvent> EventLoopProxy<T> for Proxy<T> {
    fn send_event(&self, event: T) -> Result<()> {
        self.0.enqueue(Message::User(event))
    }
}
