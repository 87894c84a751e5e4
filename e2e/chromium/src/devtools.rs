//! The connection to DevTools: commands and their results, and the events of each page.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Handle},
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

/// A failure is a sentence.
pub(crate) type Outcome<T = Value> = Result<T, String>;

type OnEvent = Arc<dyn Fn(&str, Value) + Send + Sync>;
type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A connection to the browser. Its messages are carried by a thread of its own, so any thread may wait for a result.
pub(crate) struct DevTools {
    tasks: Handle,
    outgoing: UnboundedSender<String>,
    next_id: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Outcome>>>,
    sessions: Mutex<HashMap<String, OnEvent>>,
}

impl fmt::Debug for DevTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevTools").finish_non_exhaustive()
    }
}

impl DevTools {
    /// Connects. `on_end` is called when the browser has ended.
    pub(crate) fn connect(
        address: String,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Outcome<Arc<Self>> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start threads for DevTools: {error}"))?;
        // A page may send megabytes in one message.
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let connecting = connect_async_with_config(&address, Some(config), true);
        let (socket, _) = runtime
            .block_on(connecting)
            .map_err(|error| format!("cannot connect to {address}: {error}"))?;
        let (outgoing, messages) = unbounded_channel();
        let devtools = Arc::new(Self {
            tasks: runtime.handle().clone(),
            outgoing,
            next_id: AtomicU64::new(1),
            waiting: Mutex::default(),
            sessions: Mutex::default(),
        });
        let carried = Arc::clone(&devtools);
        thread::spawn(move || {
            runtime.block_on(carry(socket, messages, &carried));
            on_end();
        });
        Ok(devtools)
    }

    /// Runs a task beside the connection.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Calls `on_event` with each event of a session, in order, on the thread of the connection.
    pub(crate) fn on_event(
        &self,
        session: &str,
        on_event: impl Fn(&str, Value) + Send + Sync + 'static,
    ) {
        lock(&self.sessions).insert(session.to_owned(), Arc::new(on_event));
    }

    pub(crate) fn forget(&self, session: &str) {
        lock(&self.sessions).remove(session);
    }

    /// Sends a command without waiting. It fails if its page is gone, which the sender need not know.
    pub(crate) fn send(&self, session: &str, method: &str, parameters: Value) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.enqueue(id, Some(session), method, parameters);
    }

    /// Sends a command, and returns its result. The command is on its way before the future is awaited.
    pub(crate) fn call(
        &self,
        session: Option<&str>,
        method: &'static str,
        parameters: Value,
    ) -> impl Future<Output = Outcome> + Send + use<> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, result) = oneshot::channel();
        lock(&self.waiting).insert(id, sender);
        self.enqueue(id, session, method, parameters);
        async move {
            match result.await {
                Ok(outcome) => outcome.map_err(|error| format!("{method}: {error}")),
                Err(_) => Err(format!("{method}: the browser has ended")),
            }
        }
    }

    fn enqueue(&self, id: u64, session: Option<&str>, method: &str, parameters: Value) {
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        // It fails only after the browser has ended.
        let _ = self.outgoing.send(command.to_string());
    }

    fn receive(&self, text: &str) {
        let Ok(mut message) = serde_json::from_str::<Value>(text) else {
            return;
        };
        if let Some(id) = message["id"].as_u64() {
            let waiting = lock(&self.waiting).remove(&id);
            if let Some(waiting) = waiting {
                let outcome = match message.get("error") {
                    Some(error) => Err(error["message"].as_str().unwrap_or("failed").to_owned()),
                    None => Ok(message["result"].take()),
                };
                let _ = waiting.send(outcome);
            }
            return;
        }
        // A detached session is told of by the browser, not by the session.
        let session = message["sessionId"]
            .as_str()
            .or(message["params"]["sessionId"].as_str());
        let on_event = session.and_then(|session| lock(&self.sessions).get(session).cloned());
        let parameters = message["params"].take();
        if let (Some(on_event), Some(method)) = (on_event, message["method"].as_str()) {
            on_event(method, parameters);
        }
    }
}

async fn carry(socket: Socket, mut outgoing: UnboundedReceiver<String>, devtools: &DevTools) {
    let (mut sink, mut stream) = socket.split();
    let sending = async move {
        while let Some(command) = outgoing.recv().await {
            if sink.feed(Message::text(command)).await.is_err() {
                return;
            }
            while let Ok(command) = outgoing.try_recv() {
                if sink.feed(Message::text(command)).await.is_err() {
                    return;
                }
            }
            if sink.flush().await.is_err() {
                return;
            }
        }
    };
    let receiving = async {
        while let Some(Ok(message)) = stream.next().await {
            if let Message::Text(text) = message {
                devtools.receive(&text);
            }
        }
    };
    tokio::select! {
        () = sending => {}
        () = receiving => {}
    }
    // Who waits for a result learns that there will be none.
    lock(&devtools.waiting).clear();
}

/// Locks data that every holder leaves consistent.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
