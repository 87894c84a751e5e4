//! What the host knows about its pages, and their reports.

use crate::{
    methods::Part,
    plan::Method,
    processes::{renderers, web_processes},
    round_trips::Responses,
};
use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::sleep,
    time::{Duration, Instant},
};
use tauri::{
    AppHandle, Runtime, WebviewUrl, WebviewWindow, WebviewWindowBuilder,
    ipc::{Channel, InvokeResponseBody},
};
use tauri_plugin_event_bus::request::PartSender;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;

/// The deadline of a measurement that hangs.
const PATIENCE: Duration = Duration::from_secs(240);

/// How long a web process may take to end with its window.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Values by label of a window.
pub(crate) struct ByLabel<T>(Mutex<HashMap<String, T>>);

impl<T: Clone> ByLabel<T> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, label: &str, value: T) {
        self.lock().insert(label.to_owned(), value);
    }

    pub(crate) fn get(&self, label: &str) -> Option<T> {
        self.lock().get(label).cloned()
    }

    fn clear(&self) {
        self.lock().clear();
    }
}

type Mailbox<T> = (
    UnboundedSender<T>,
    Arc<tokio::sync::Mutex<UnboundedReceiver<T>>>,
);

/// Messages that wait for a window to fetch them.
pub(crate) struct Mail<T>(ByLabel<Mailbox<T>>);

impl<T> Mail<T> {
    fn new() -> Self {
        Self(ByLabel::new())
    }

    fn mailbox(&self, label: &str) -> Mailbox<T> {
        let mut mailboxes = self.0.lock();
        let mailbox = mailboxes.entry(label.to_owned()).or_insert_with(|| {
            let (sender, receiver) = unbounded_channel();
            (sender, Arc::new(tokio::sync::Mutex::new(receiver)))
        });
        mailbox.clone()
    }

    pub(crate) fn send(&self, label: &str, value: T) {
        let _ = self.mailbox(label).0.send(value);
    }

    pub(crate) async fn receive(&self, label: &str) -> Option<T> {
        let (_, receiver) = self.mailbox(label);
        receiver.lock().await.recv().await
    }
}

pub(crate) struct Report {
    label: String,
    kind: String,
    value: Value,
}

impl Report {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T> {
        serde_json::from_value(self.value)
            .with_context(|| format!("{} reported an invalid `{}`", self.label, self.kind))
    }
}

/// Everything that commands and connections share.
pub(crate) struct Host {
    reports: mpsc::Sender<Report>,
    pub(crate) orders: Mail<Value>,
    pub(crate) limits: Mail<String>,
    pub(crate) channels: ByLabel<Channel<InvokeResponseBody>>,
    pub(crate) sockets: ByLabel<UnboundedSender<Message>>,
    pub(crate) streams: ByLabel<PartSender<Part>>,
    relay_to: Mutex<String>,
    pub(crate) responses: Responses,
}

impl Host {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Report>) {
        let (reports, receiver) = mpsc::channel();
        let host = Self {
            reports,
            orders: Mail::new(),
            limits: Mail::new(),
            channels: ByLabel::new(),
            sockets: ByLabel::new(),
            streams: ByLabel::new(),
            relay_to: Mutex::default(),
            responses: Responses::default(),
        };
        (host, receiver)
    }

    pub(crate) fn add_report(&self, label: &str, kind: String, value: Value) {
        let label = label.to_owned();
        let _ = self.reports.send(Report { label, kind, value });
    }

    /// The window that receives what another one sends over a channel or a WebSocket.
    pub(crate) fn relay_to(&self) -> String {
        let label = self.relay_to.lock();
        label.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_relay_to(&self, label: &str) {
        let mut relay_to = self.relay_to.lock().unwrap_or_else(PoisonError::into_inner);
        label.clone_into(&mut relay_to);
    }

    /// The sender of the stream that this window has requested, once the request has come.
    pub(crate) fn stream_of(&self, label: &str) -> Result<PartSender<Part>> {
        let deadline = Instant::now() + END_TIMEOUT;
        loop {
            if let Some(stream) = self.streams.get(label) {
                return Ok(stream);
            }
            if Instant::now() > deadline {
                bail!("{label} has requested no stream");
            }
            sleep(Duration::from_millis(1));
        }
    }

    fn forget_windows(&self) {
        self.orders.0.clear();
        self.limits.0.clear();
        self.channels.clear();
        self.sockets.clear();
        self.streams.clear();
    }
}

/// A page that does not say in its pulls that it can be called is never called.
const WITHOUT_CALLS: &str = "const write = JSON.stringify
JSON.stringify = (value, ...rest) =>
    write(value?.call === true && 'ack' in value ? { ...value, call: undefined } : value, ...rest)";

/// Opens windows, sends them orders and receives their reports.
pub(crate) struct Pages<R: Runtime> {
    app: AppHandle<R>,
    pub(crate) host: Arc<Host>,
    reports: mpsc::Receiver<Report>,
    socket: String,
    open: Vec<WebviewWindow<R>>,
    opened: usize,
}

/// The role of a window.
pub(crate) struct Role {
    pub(crate) listen: Option<Method>,
    pub(crate) send: Option<Method>,
    pub(crate) count_pulls: bool,
    /// Whether the page says that it cannot be called.
    pub(crate) pulls_only: bool,
}

impl Role {
    pub(crate) fn listener(method: Method) -> Self {
        Self {
            listen: Some(method),
            send: None,
            count_pulls: false,
            pulls_only: method == Method::Pull,
        }
    }
}

impl<R: Runtime> Pages<R> {
    pub(crate) fn new(
        app: AppHandle<R>,
        host: Arc<Host>,
        reports: mpsc::Receiver<Report>,
        socket: String,
    ) -> Self {
        Self {
            app,
            host,
            reports,
            socket,
            open: Vec::new(),
            opened: 0,
        }
    }

    /// Opens a window and waits until it listens. Each window has a new label.
    pub(crate) fn open(&mut self, role: &Role) -> Result<String> {
        self.opened += 1;
        let label = format!("window-{}", self.opened);
        let setting = json!({
            "listen": role.listen.map_or("none", Method::key),
            "send": role.send.map_or("none", Method::key),
            "countPulls": role.count_pulls,
            "socket": self.socket,
        });
        let place = self.open.len() as f64;
        let window = WebviewWindowBuilder::new(&self.app, &label, WebviewUrl::default())
            .title(&label)
            .initialization_script(format!("window.BENCH = {setting}"))
            .initialization_script(if role.pulls_only { WITHOUT_CALLS } else { "" })
            .inner_size(300.0, 200.0)
            .position(310.0 * (place % 4.0), 230.0 * (place / 4.0).floor())
            .build()?;
        self.open.push(window);
        self.await_one::<Value>(&label, "ready")?;
        Ok(label)
    }

    /// Closes every window and waits until their processes have ended, so that they do not affect the next measurement.
    pub(crate) fn close_all(&mut self) -> Result<()> {
        for window in self.open.drain(..) {
            window.destroy()?;
        }
        self.host.forget_windows();
        let deadline = Instant::now() + END_TIMEOUT;
        let run_pages = || !web_processes().is_empty() || !renderers().is_empty();
        while run_pages() && Instant::now() < deadline {
            sleep(Duration::from_millis(20));
        }
        // Late reports do not concern the next measurement.
        while self.reports.try_recv().is_ok() {}
        Ok(())
    }

    pub(crate) fn order(&self, label: &str, order: Value) -> Result<()> {
        self.start(label, order);
        self.await_one::<Value>(label, "done").map(drop)
    }

    /// Sends an order without waiting for its end.
    pub(crate) fn start(&self, label: &str, order: Value) {
        self.host.orders.send(label, order);
    }

    /// The next report of this kind from a window. Drops all others.
    pub(crate) fn await_one<T: DeserializeOwned>(&self, label: &str, kind: &str) -> Result<T> {
        loop {
            let report = self.next_report(kind)?;
            if report.label == label && report.kind == kind {
                return report.read();
            }
        }
    }

    /// A report of this kind from each of the windows.
    pub(crate) fn await_all<T: DeserializeOwned>(
        &self,
        labels: &[String],
        kind: &str,
    ) -> Result<Vec<T>> {
        let mut reports = Vec::new();
        while reports.len() < labels.len() {
            let report = self.next_report(kind)?;
            if report.kind == kind && labels.contains(&report.label) {
                reports.push(report.read()?);
            }
        }
        Ok(reports)
    }

    /// The next report of one of these kinds.
    pub(crate) fn next_of(&self, kinds: &[&str]) -> Result<Report> {
        loop {
            let report = self.next_report(&kinds.join("` or `"))?;
            if kinds.contains(&report.kind.as_str()) {
                return Ok(report);
            }
        }
    }

    fn next_report(&self, awaited: &str) -> Result<Report> {
        let report = self
            .reports
            .recv_timeout(PATIENCE)
            .with_context(|| format!("no page has reported `{awaited}`"))?;
        if report.kind == "failed" {
            bail!("{}: {}", report.label, report.value);
        }
        Ok(report)
    }
}
