//! A NATS server, nodes in this process, and a proxy between them.

use std::future::IntoFuture;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::App;
use tauri::async_runtime::block_on;
use tauri::test::{MockRuntime, mock_builder, mock_context, noop_assets};
use tauri_plugin_event_bus::{Builder, EventBus, EventBusExt, EventStream, Limits, StreamItem};
use tauri_plugin_event_bus_nats::Nats;

/// How long a test waits for what is to happen. Only a failing test waits that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server that ends with this.
pub(crate) struct Server {
    pub(crate) port: u16,
    options: Vec<String>,
    variables: Vec<(String, String)>,
    child: Child,
    folder: PathBuf,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(options: &[&str]) -> Self {
        Self::on_folder(options, &[], true)
    }

    /// A server that reads this configuration, with these variables.
    pub(crate) fn configured(config: &str, variables: &[(&str, &str)]) -> Self {
        let file = std::env::temp_dir().join(format!(
            "event-bus-nats-{}-{}.conf",
            std::process::id(),
            free_port()
        ));
        std::fs::write(&file, config).unwrap();
        let server = Self::on_folder(&["-c", file.to_str().unwrap()], variables, true);
        std::fs::remove_file(file).unwrap();
        server
    }

    pub(crate) fn without_jetstream() -> Self {
        Self::on_folder(&[], &[], false)
    }

    fn on_folder(options: &[&str], variables: &[(&str, &str)], has_jetstream: bool) -> Self {
        let port = free_port();
        let folder =
            std::env::temp_dir().join(format!("event-bus-nats-{}-{port}", std::process::id()));
        let mut options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        if has_jetstream {
            let folder = folder.to_str().unwrap().to_owned();
            options.extend(["-js".to_owned(), "-sd".to_owned(), folder]);
        }
        let variables = variables.iter();
        let variables: Vec<(String, String)> = variables
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let child = spawn(port, &options, &variables);
        Self {
            port,
            options,
            variables,
            child,
            folder,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it without a chance to say so.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port, &self.options, &self.variables);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts a server, and returns once it accepts connections.
fn spawn(port: u16, options: &[String], variables: &[(String, String)]) -> Child {
    let mut child = Command::new("nats-server")
        .args(["-a", "127.0.0.1", "-p", &port.to_string()])
        .args(options)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stderr(Stdio::piped())
        .spawn()
        .expect("nats-server is needed: apt-get install nats-server");
    let log = BufReader::new(child.stderr.take().unwrap());
    let (sender, ready) = std::sync::mpsc::channel();
    // Reads on, so that the server never waits for its log.
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            if line.contains("Server is ready") {
                let _ = sender.send(());
            }
        }
    });
    ready
        .recv_timeout(PATIENCE)
        .expect("the server does not start");
    child
}

/// An example of this crate, which `cargo test` has built.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().unwrap().parent().unwrap();
    let example = built.join("examples").join(name);
    assert!(example.exists(), "run cargo build --examples first");
    example
}

/// An app that is a node.
pub(crate) struct Node {
    pub(crate) bus: EventBus,
    link: EventStream,
    app: App<MockRuntime>,
}

pub(crate) fn link(url: &str, name: &str) -> Nats {
    Nats::connect(url).app("shop").node(name).share("order:*")
}

pub(crate) fn node(url: &str, name: &str) -> Node {
    node_with(Builder::new(), link(url, name))
}

pub(crate) fn node_with(builder: Builder, link: Nats) -> Node {
    configured_node(builder, link, Value::Null).unwrap()
}

/// A node whose app has this under `plugins.event-bus.link`.
pub(crate) fn configured_node(builder: Builder, link: Nats, config: Value) -> tauri::Result<Node> {
    let mut context = mock_context(noop_assets());
    if !config.is_null() {
        let plugins = &mut context.config_mut().plugins.0;
        plugins.insert("event-bus".to_owned(), json!({ "link": config }));
    }
    let app = mock_builder()
        .plugin(builder.link(link).build())
        .build(context)?;
    let bus = app.event_bus();
    let link = bus.stream("event-bus:link").unwrap();
    Ok(Node { bus, link, app })
}

/// Limits under which a reader that is behind for a while loses nothing.
pub(crate) fn roomy() -> Limits {
    let mut limits = Limits::default();
    limits.queue_events = 1_000_000;
    limits.queue_bytes = 1 << 30;
    limits
}

impl Node {
    /// Waits until the connection is made or lost.
    pub(crate) fn wait_for(&mut self, is_connected: bool) -> Value {
        loop {
            let StreamItem::Event(event) = next(&mut self.link) else {
                continue;
            };
            let state: Value = event.payload().unwrap();
            if state["connected"] == is_connected {
                return state;
            }
        }
    }

    /// Exits the app, by closing its only window.
    pub(crate) fn exit(self) {
        let window = tauri::WebviewWindowBuilder::new(&self.app, "main", Default::default());
        window.build().unwrap();
        self.app.run(|app, event| {
            if matches!(event, tauri::RunEvent::Ready) {
                for window in tauri::Manager::webview_windows(app).values() {
                    window.destroy().unwrap();
                }
            }
        });
    }

    pub(crate) fn connected(mut self) -> Self {
        self.wait_for(true);
        self
    }
}

/// The next item of a stream.
pub(crate) fn next(stream: &mut EventStream) -> StreamItem {
    block_on(async { tokio::time::timeout(PATIENCE, stream.recv()).await })
        .unwrap_or_else(|_| panic!("nothing comes"))
        .expect("the app has exited")
}

/// The payload of the next event of a stream.
pub(crate) fn payload(stream: &mut EventStream) -> Value {
    match next(stream) {
        StreamItem::Event(event) => event.payload().unwrap(),
        StreamItem::Gap(gap) => panic!("{gap:?}"),
    }
}

/// Awaits a request on a thread of its own: this one has built the apps, so it is their main thread.
pub(crate) fn wait<R: IntoFuture<Output = T> + Send, T: Send>(request: R) -> T {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(async { request.await }));
        waiting.join().unwrap()
    })
}
