use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tauri_plugin_event_bus::link::{Link, LinkPlan, LinkPort, LinkStarter, Share};
use tauri_plugin_event_bus::{Error, ErrorCode};

use crate::connection::{Settings, run};
use crate::subject::{Subjects, token_of};

/// How often the client looks whether the server is there, unless the app says.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// A link over NATS, for [`Builder::link`](tauri_plugin_event_bus::Builder::link).
///
/// What is not set here may stand in `tauri.conf.json`, under `plugins.event-bus.link`: see [`NatsConfig`]. Secrets are set
/// here only.
///
/// ```no_run
/// use tauri_plugin_event_bus::Builder;
/// use tauri_plugin_event_bus_nats::Nats;
///
/// let link = Nats::connect("tls://hub.example.com")
///     .credentials("app.creds")
///     .node("till-4")
///     .share("order:*");
/// tauri::Builder::default().plugin(Builder::new().link(link).build());
/// ```
#[must_use]
#[derive(Default)]
pub struct Nats {
    servers: Vec<String>,
    options: Option<ConnectOptions>,
    credentials: Option<PathBuf>,
    app: Option<String>,
    node: Option<String>,
    shares: Vec<(Direction, String)>,
    queue: Option<(usize, usize)>,
    ping_interval: Option<Duration>,
    presence: Option<bool>,
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Both,
    Sent,
    Received,
}

/// What `tauri.conf.json` may have under `plugins.event-bus.link`. What the code sets counts more; shares of both are joined.
///
/// ```
/// use tauri_plugin_event_bus_nats::NatsConfig;
///
/// let config: NatsConfig = serde_json::from_str(
///     r#"{ "servers": ["tls://hub.example.com"], "node": "till-4", "share": ["order:*"] }"#,
/// )
/// .unwrap();
/// assert_eq!(config.share, ["order:*"]);
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct NatsConfig {
    /// The addresses of the servers, without user and password.
    #[serde(deserialize_with = "read_servers")]
    pub servers: Vec<String>,
    /// The name of this node.
    pub node: Option<String>,
    /// What stands for this app in subjects.
    pub app: Option<String>,
    /// Names and patterns that are sent to other nodes and received from them.
    pub share: Vec<String>,
    /// Names and patterns that are only sent.
    pub send: Vec<String>,
    /// Names and patterns that are only received.
    pub receive: Vec<String>,
    /// Whether this node tells others that it is there, and knows which others are. It is, and does, by default.
    pub presence: Option<bool>,
}

impl Nats {
    /// A link over this server: `nats://host:port`, or `tls://host:port`, without user and password.
    pub fn connect(server: impl Into<String>) -> Self {
        Self::new().server(server)
    }

    /// A link whose servers are in `tauri.conf.json`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a server of the same cluster.
    pub fn server(mut self, server: impl Into<String>) -> Self {
        self.servers.push(server.into());
        self
    }

    /// Reads the credentials of this node from this file, when the app starts.
    pub fn credentials(mut self, path: impl Into<PathBuf>) -> Self {
        self.credentials = Some(path.into());
        self
    }

    /// Sets the options of the client, such as a token, a password, TLS certificates. The link sets the name, the inbox, the
    /// capacities, the ping interval and the callbacks itself.
    ///
    /// ```
    /// use tauri_plugin_event_bus_nats::{ConnectOptions, Nats};
    ///
    /// let options = ConnectOptions::new().token("secret".to_owned());
    /// let link = Nats::connect("nats://127.0.0.1:4222").options(options);
    /// # let _ = link;
    /// ```
    pub fn options(mut self, options: ConnectOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// Sets the name of this node: 1 to 64 letters, digits, `-` and `_`. Each node of an app has its own.
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Sets what stands for the app in subjects, instead of its identifier. Other characters than letters, digits, `-` and `_`
    /// become `-`.
    pub fn app(mut self, app: impl Into<String>) -> Self {
        self.app = Some(app.into());
        self
    }

    /// Shares these names with other nodes: they are sent, and received. All nodes should share the same patterns, since
    /// what is lost is counted for each pattern.
    pub fn share(self, names: impl Into<String>) -> Self {
        self.add(Direction::Both, names)
    }

    /// Sends these names to other nodes, and receives none.
    pub fn send(self, names: impl Into<String>) -> Self {
        self.add(Direction::Sent, names)
    }

    /// Receives these names from other nodes, and sends none.
    pub fn receive(self, names: impl Into<String>) -> Self {
        self.add(Direction::Received, names)
    }

    fn add(mut self, direction: Direction, names: impl Into<String>) -> Self {
        self.shares.push((direction, names.into()));
        self
    }

    /// Sets how many events may wait to be sent, and how many bytes they may take; 10,000 and 16 MiB by default.
    pub fn queue(mut self, events: usize, bytes: usize) -> Self {
        self.queue = Some((events, bytes));
        self
    }

    /// Sets how often the client looks whether the server is there; every ten seconds by default. A connection that is silent
    /// for two to three of these is taken as lost.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = Some(interval);
        self
    }

    /// Sets whether this node tells others that it is there, and knows which others are: `event-bus:node-joined`,
    /// `event-bus:node-left`, and the `nodes` of the status. It needs JetStream at the server, and is on by default.
    pub fn presence(mut self, is_on: bool) -> Self {
        self.presence = Some(is_on);
        self
    }

    /// Joins the bus. Returns what is needed to connect.
    fn join(self, starter: LinkStarter) -> Result<(LinkPort, Starting), Error> {
        let config: NatsConfig = starter.config()?.unwrap_or_default();
        let is_configured = self.servers.is_empty();
        let servers = match is_configured {
            true => config.servers,
            false => self.servers,
        };
        if servers.is_empty() {
            return Err(invalid(
                "the link has no server; give it one with Nats::connect, or under plugins.event-bus.link.servers",
            ));
        }
        let servers = servers.iter().map(|server| parse_server(server));
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        // The client would not use them.
        if servers.iter().any(ServerAddr::has_user_pass) {
            return Err(invalid(if is_configured {
                "an address under plugins.event-bus.link.servers has a user or a password; the configuration is part of the app, so give them to Nats::options"
            } else {
                "the address of a NATS server has a user or a password; give them to Nats::options"
            }));
        }
        let ping_interval = self.ping_interval.unwrap_or(PING_INTERVAL);
        if ping_interval.is_zero() {
            return Err(invalid(
                "the ping interval of the link is 0; it must be longer",
            ));
        }
        let Some(node) = self.node.or(config.node) else {
            return Err(invalid(
                "this node has no name; give it one with Nats::node, or under plugins.event-bus.link.node",
            ));
        };
        let app = self.app.or(config.app);
        let app = token_of(app.as_deref().unwrap_or(starter.app()));
        if app.is_empty() {
            return Err(invalid(
                "the name of the app in subjects is empty; set one with Nats::app",
            ));
        }
        let more = |direction: Direction, names: Vec<String>| {
            names.into_iter().map(move |names| (direction, names))
        };
        let shares = self
            .shares
            .into_iter()
            .chain(more(Direction::Both, config.share))
            .chain(more(Direction::Sent, config.send))
            .chain(more(Direction::Received, config.receive));
        let shares = shares.map(|(direction, names)| match direction {
            Direction::Both => Share::both(&names),
            Direction::Sent => Share::sent(&names),
            Direction::Received => Share::received(&names),
        });
        let shares = shares.collect::<Result<Vec<_>, _>>()?;
        let mut plan = LinkPlan::new(&*node, shares.iter().cloned());
        if let Some((events, bytes)) = self.queue {
            (plan.queue_events, plan.queue_bytes) = (events, bytes);
        }
        let port = starter.join(plan)?;
        let starting = Starting {
            servers,
            options: self.options.unwrap_or_default(),
            credentials: self.credentials,
            inbox: format!("_INBOX.{app}.{node}"),
            subjects: Arc::new(Subjects::new(&app, &node)),
            run: random_run()?,
            shares,
            ping_interval,
            bucket: (self.presence.or(config.presence) != Some(false))
                .then(|| format!("{app}-nodes")),
        };
        Ok((port, starting))
    }
}

/// What is known before the credentials are read.
struct Starting {
    servers: Vec<ServerAddr>,
    options: ConnectOptions,
    credentials: Option<PathBuf>,
    inbox: String,
    subjects: Arc<Subjects>,
    run: String,
    shares: Vec<Share>,
    bucket: Option<String>,
    ping_interval: Duration,
}

impl Link for Nats {
    fn start(self: Box<Self>, starter: LinkStarter) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let (port, starting) = self.join(starter)?;
        let own = port.clone();
        port.spawn(async move {
            let options = match starting.credentials {
                None => starting.options,
                Some(path) => match starting.options.credentials_file(&path).await {
                    Ok(options) => options,
                    Err(error) => {
                        let problem = format!("the credentials file cannot be read: {error}");
                        own.set_connected(false, Some(&problem));
                        return;
                    }
                },
            };
            let settings = Settings {
                servers: starting.servers,
                options,
                subjects: starting.subjects,
                inbox: starting.inbox,
                run: starting.run,
                shares: starting.shares,
                bucket: starting.bucket,
                ping_interval: starting.ping_interval,
            };
            run(settings, own).await;
        });
        Ok(())
    }
}

impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Addresses and options may have secrets.
        f.debug_struct("Nats")
            .field("node", &self.node)
            .field("shares", &self.shares)
            .finish_non_exhaustive()
    }
}

/// Reads addresses. No error has one, since it may have a password.
fn read_servers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let expected = || D::Error::custom("expected a list of addresses of servers");
    let serde_json::Value::Array(servers) = serde_json::Value::deserialize(deserializer)? else {
        return Err(expected());
    };
    let servers = servers.into_iter().map(|server| match server {
        serde_json::Value::String(server) => Ok(server),
        _ => Err(expected()),
    });
    servers.collect()
}

fn invalid(problem: &str) -> Error {
    Error::new(ErrorCode::InvalidArgument, problem)
}

/// Parses an address. The error does not have it, since it may have a password.
fn parse_server(server: &str) -> Result<ServerAddr, Error> {
    server.parse().map_err(|_| {
        invalid("an address of a NATS server is invalid; expected for example tls://hub.example.com:4222")
    })
}

/// Tells this run of the node from others.
fn random_run() -> Result<String, Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(
            ErrorCode::Unavailable,
            format!("the system gives no random numbers: {error}"),
        )
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
