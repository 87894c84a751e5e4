//! The measurements and their number of repetitions.

pub(crate) use crate::engine::Engine;
use crate::{streams, taps, workers};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How events reach a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Method {
    Emit,
    Channel,
    WebSocket,
    Bus,
    /// The event bus in a page that cannot be called.
    Pull,
    /// A stream that the page requests, with credit.
    Stream,
    /// The event bus in a worker of a page.
    Worker,
    /// The event bus, with a tap on.
    Tapped,
    Limit,
}

impl Method {
    pub(crate) const ALL: [Self; 9] = [
        Self::Emit,
        Self::Channel,
        Self::WebSocket,
        Self::Bus,
        Self::Pull,
        Self::Stream,
        Self::Worker,
        Self::Tapped,
        Self::Limit,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Emit => "core emit",
            Self::Channel => "Channel",
            Self::WebSocket => "WebSocket",
            Self::Bus => "event bus",
            Self::Pull => "bus by pull",
            Self::Stream => "bus stream",
            Self::Worker => "in a worker",
            Self::Tapped => "with a tap",
            Self::Limit => "limit",
        }
    }

    /// Whether it is in the scenarios that compare all methods. The others have one of their own.
    fn is_general(self) -> bool {
        !matches!(self, Self::Stream | Self::Worker | Self::Tapped)
    }

    /// The key of the method in the page.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Emit => "emit",
            Self::Channel => "channel",
            Self::WebSocket => "websocket",
            Self::Bus | Self::Tapped => "bus",
            Self::Pull => "pull",
            Self::Stream => "stream",
            Self::Worker => "worker",
            Self::Limit => "limit",
        }
    }
}

/// The body of a payload, beside its number and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Body {
    /// One string. The whole payload has about this many bytes of JSON.
    Text(usize),
    /// A list of small objects, of about this many bytes of JSON.
    Records(usize),
    /// So many bytes.
    Bytes(usize),
}

/// How the host sends requests to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Caller {
    /// With core `emit`, and a command for the response.
    Hand,
    /// With `Webview::eval_with_callback`.
    Eval,
    Bus,
    /// The event bus, with a page that cannot be called.
    Pull,
    /// With `emit_handled` of the event bus, which responds with no value.
    Handled,
    /// The same, with a page that cannot be called.
    HandledPull,
}

/// A measurement, in its own windows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "camelCase")]
pub(crate) enum Task {
    /// The host emits, every window handles.
    Stream {
        method: Method,
        windows: usize,
        body: Body,
        warm_up: usize,
        events: usize,
        pace: Pace,
        /// Whether to measure memory before, after, and after idling.
        memory: bool,
    },
    /// One window emits, another handles.
    PageToPage {
        method: Method,
        warm_up: usize,
        events: usize,
    },
    /// The host sends requests to a window and awaits the responses.
    RoundTrips {
        caller: Caller,
        in_flight: usize,
        requests: usize,
    },
    /// A window listens without events.
    Idle { method: Method, seconds: u64 },
    /// The cost of `emit` for its caller.
    Micro { rounds: usize },
}

/// How fast the host emits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Pace {
    Flood,
    /// `events` events every `micros` microseconds.
    Every {
        micros: u64,
        events: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    Flood,
    EightWindows,
    PageToPage,
    Latency,
    RoundTrips,
    Payloads,
    Bytes,
    Streams,
    Workers,
    Taps,
    SmallMemory,
    LargeMemory,
    Idle,
    Micro,
}

impl Scenario {
    pub(crate) const ALL: [Self; 14] = [
        Self::Flood,
        Self::EightWindows,
        Self::PageToPage,
        Self::Latency,
        Self::RoundTrips,
        Self::Payloads,
        Self::Bytes,
        Self::Streams,
        Self::Workers,
        Self::Taps,
        Self::SmallMemory,
        Self::LargeMemory,
        Self::Idle,
        Self::Micro,
    ];

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Flood => "flood",
            Self::EightWindows => "eight-windows",
            Self::PageToPage => "page-to-page",
            Self::Latency => "latency",
            Self::RoundTrips => "round-trips",
            Self::Payloads => "payloads",
            Self::Bytes => "bytes",
            Self::Streams => "streams",
            Self::Workers => "workers",
            Self::Taps => "taps",
            Self::SmallMemory => "small-memory",
            Self::LargeMemory => "large-memory",
            Self::Idle => "idle",
            Self::Micro => "micro",
        }
    }
}

/// The requests of [`Scenario::RoundTrips`]: how many are open at a time, and how many in total.
pub(crate) const ROUND_TRIPS: [(usize, usize); 2] = [(1, 4_000), (64, 20_000)];

/// The payloads of [`Scenario::Payloads`], with their labels in the tables.
pub(crate) const PAYLOADS: [(&str, Body, usize); 5] = [
    ("16 KB, one string", Body::Text(16 << 10), 2_000),
    ("256 KB, one string", Body::Text(256 << 10), 160),
    ("1 MB, one string", Body::Text(1 << 20), 40),
    ("256 KB, records", Body::Records(256 << 10), 160),
    ("1 MB, records", Body::Records(1 << 20), 40),
];

/// The payloads of [`Scenario::Bytes`], with their labels in the tables.
pub(crate) const BYTES: [(&str, usize, usize); 2] =
    [("256 KB", 256 << 10, 160), ("1 MB", 1 << 20, 40)];

pub(crate) const LATENCY_INTERVAL_MICROS: u64 = 5_000;

/// The options of the command line.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) engine: Engine,
    pub(crate) quick: bool,
    pub(crate) long: bool,
    pub(crate) rounds: usize,
    pub(crate) only: Vec<Scenario>,
    pub(crate) out: PathBuf,
    pub(crate) docs: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut rounds = None;
        let mut options = Self {
            engine: Engine::WebKit,
            quick: false,
            long: false,
            rounds: 0,
            only: Vec::new(),
            out: PathBuf::from("target/bench"),
            docs: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{argument} needs a value"))
            };
            match *argument {
                "--engine" => options.engine = engine(value()?)?,
                "--quick" => options.quick = true,
                "--long" => options.long = true,
                "--rounds" => rounds = Some(value()?.parse().context("--rounds takes a number")?),
                "--only" => options.only.push(scenario(value()?)?),
                "--out" => options.out = PathBuf::from(value()?),
                "--docs" => options.docs = Some(PathBuf::from(value()?)),
                unknown => bail!("unknown option `{unknown}` of `bench`"),
            }
        }
        options.rounds = rounds.unwrap_or(if options.quick { 2 } else { 5 }).max(1);
        let unmeasured = |scenario: &&Scenario| !options.engine.measures(**scenario);
        if let Some(scenario) = options.only.iter().find(unmeasured) {
            bail!(
                "`--only {}` measures the processes of WebKit; leave `--engine chromium` out",
                scenario.key()
            );
        }
        Ok(options)
    }

    pub(crate) fn includes(&self, scenario: Scenario) -> bool {
        if !self.engine.measures(scenario) {
            return false;
        }
        if self.only.is_empty() {
            let takes_long = matches!(
                scenario,
                Scenario::SmallMemory | Scenario::LargeMemory | Scenario::Idle
            );
            return !(self.quick && takes_long);
        }
        self.only.contains(&scenario)
    }

    /// The number of small events of [`Scenario::SmallMemory`].
    pub(crate) fn small_events(&self) -> usize {
        match (self.quick, self.long) {
            (true, _) => 50_000,
            (false, false) => 500_000,
            (false, true) => 2_000_000,
        }
    }

    pub(crate) fn idle_seconds(&self) -> u64 {
        if self.quick { 21 } else { 60 }
    }

    /// The measurements of a scenario for one round, by method.
    pub(crate) fn tasks(&self, scenario: Scenario) -> Vec<(String, Method, Task)> {
        let mut tasks = self.tasks_in_webkit(scenario);
        tasks.retain(|(_, method, _)| self.engine.has(*method));
        tasks
    }

    fn tasks_in_webkit(&self, scenario: Scenario) -> Vec<(String, Method, Task)> {
        let flood = |method, windows, body, warm_up, events| Task::Stream {
            method,
            windows,
            body,
            warm_up,
            events,
            pace: Pace::Flood,
            memory: false,
        };
        let less = if self.quick { 2 } else { 1 };
        let methods = |limit: bool| {
            Method::ALL
                .into_iter()
                .filter(move |method| method.is_general() && (limit || *method != Method::Limit))
        };
        let key = || scenario.key().to_owned();
        match scenario {
            Scenario::Flood => methods(true)
                .map(|method| {
                    (
                        key(),
                        method,
                        flood(method, 1, Body::Text(64), 4_000, 20_000),
                    )
                })
                .collect(),
            Scenario::EightWindows => methods(true)
                .map(|method| {
                    let events = if self.quick { 2_500 } else { 10_000 };
                    (
                        key(),
                        method,
                        flood(method, 8, Body::Text(64), 1_000, events),
                    )
                })
                .collect(),
            Scenario::PageToPage => methods(false)
                .map(|method| {
                    let task = Task::PageToPage {
                        method,
                        warm_up: 500,
                        events: 5_000,
                    };
                    (key(), method, task)
                })
                .collect(),
            Scenario::Latency => methods(false)
                .map(|method| {
                    let task = Task::Stream {
                        method,
                        windows: 1,
                        body: Body::Text(64),
                        warm_up: 100,
                        events: 1_000 / less,
                        pace: Pace::Every {
                            micros: LATENCY_INTERVAL_MICROS,
                            events: 1,
                        },
                        memory: false,
                    };
                    (key(), method, task)
                })
                .collect(),
            Scenario::RoundTrips => ROUND_TRIPS
                .into_iter()
                .flat_map(|(in_flight, requests)| {
                    let task = move |method: Method, caller| {
                        let title = match caller {
                            Caller::Eval => ", eval",
                            Caller::Handled | Caller::HandledPull => ", handled",
                            _ => "",
                        };
                        let key = format!("{}: {in_flight}{title}", scenario.key());
                        let task = Task::RoundTrips {
                            caller,
                            in_flight,
                            requests: requests / less,
                        };
                        (key, method, task)
                    };
                    [
                        task(Method::Emit, Caller::Hand),
                        task(Method::Emit, Caller::Eval),
                        task(Method::Bus, Caller::Bus),
                        task(Method::Pull, Caller::Pull),
                        task(Method::Bus, Caller::Handled),
                        task(Method::Pull, Caller::HandledPull),
                    ]
                })
                .collect(),
            // Without the limit: one reply of 40 MB is slower than every method.
            Scenario::Payloads => PAYLOADS
                .into_iter()
                .flat_map(|(title, body, events)| {
                    methods(false).map(move |method| {
                        let task = flood(method, 1, body, events / 8, events / less);
                        (format!("{}: {title}", scenario.key()), method, task)
                    })
                })
                .collect(),
            // Core `emit` has only JSON, and one reply of 40 MB is no limit.
            Scenario::Bytes => BYTES
                .into_iter()
                .flat_map(|(title, length, events)| {
                    let with_bytes = |method: &Method| *method != Method::Emit;
                    methods(false).filter(with_bytes).map(move |method| {
                        let body = Body::Bytes(length);
                        let task = flood(method, 1, body, events / 8, events / less);
                        (format!("{}: {title}", scenario.key()), method, task)
                    })
                })
                .collect(),
            Scenario::Streams => streams::tasks(self.quick),
            Scenario::Workers => workers::tasks(self.quick),
            Scenario::Taps => taps::tasks(self.quick),
            Scenario::SmallMemory => self.memory(
                scenario,
                Body::Text(100),
                self.small_events(),
                Pace::Every {
                    micros: 1_000,
                    events: 10,
                },
            ),
            Scenario::LargeMemory => self.memory(
                scenario,
                Body::Text(256 << 10),
                3_000 / less,
                Pace::Every {
                    micros: 10_000,
                    events: 1,
                },
            ),
            Scenario::Idle => methods(false)
                .map(|method| {
                    let seconds = self.idle_seconds();
                    (key(), method, Task::Idle { method, seconds })
                })
                .collect(),
            Scenario::Micro => {
                let rounds = if self.quick { 3 } else { 11 };
                vec![(key(), Method::Bus, Task::Micro { rounds })]
            }
        }
    }

    fn memory(
        &self,
        scenario: Scenario,
        body: Body,
        events: usize,
        pace: Pace,
    ) -> Vec<(String, Method, Task)> {
        Method::ALL
            .into_iter()
            .filter(|method| method.is_general() && *method != Method::Limit)
            .map(|method| {
                let task = Task::Stream {
                    method,
                    windows: 1,
                    body,
                    warm_up: 200,
                    events,
                    pace,
                    memory: true,
                };
                (scenario.key().to_owned(), method, task)
            })
            .collect()
    }
}

fn scenario(name: &str) -> Result<Scenario> {
    let known = Scenario::ALL.map(Scenario::key).join(", ");
    Scenario::ALL
        .into_iter()
        .find(|scenario| scenario.key() == name)
        .with_context(|| format!("unknown scenario `{name}`: expected one of {known}"))
}

/// The engine with this key.
pub(crate) fn engine(key: &str) -> Result<Engine> {
    [Engine::WebKit, Engine::Chromium]
        .into_iter()
        .find(|engine| engine.key() == key)
        .with_context(|| format!("unknown engine `{key}`: expected webkit or chromium"))
}
