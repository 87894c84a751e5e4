//! What is measured, and how often.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How events reach a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    Emit,
    Channel,
    WebSocket,
    Bus,
    Limit,
}

impl Way {
    pub(crate) const ALL: [Self; 5] = [
        Self::Emit,
        Self::Channel,
        Self::WebSocket,
        Self::Bus,
        Self::Limit,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Emit => "core emit",
            Self::Channel => "Channel",
            Self::WebSocket => "WebSocket",
            Self::Bus => "event bus",
            Self::Limit => "limit",
        }
    }

    /// What the page calls it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Emit => "emit",
            Self::Channel => "channel",
            Self::WebSocket => "websocket",
            Self::Bus => "bus",
            Self::Limit => "limit",
        }
    }
}

/// What an event carries beside its number and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Body {
    /// One string, so that the whole payload has about so many bytes of JSON.
    Text(usize),
    /// A list of small objects of about so many bytes of JSON.
    Records(usize),
}

/// How the host asks a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Caller {
    /// With core `emit`, and a command that the page answers by.
    Hand,
    /// With `Webview::eval_with_callback`.
    Eval,
    Bus,
}

/// One measurement, in windows of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "camelCase")]
pub(crate) enum Task {
    /// The host emits, every window handles.
    Stream {
        way: Way,
        windows: usize,
        body: Body,
        warm_up: usize,
        events: usize,
        pace: Pace,
        /// Whether memory is looked at before, after, and after idling.
        memory: bool,
    },
    /// One window emits, another handles.
    PageToPage {
        way: Way,
        warm_up: usize,
        events: usize,
    },
    /// The host asks a window and awaits its answers.
    RoundTrips {
        caller: Caller,
        in_flight: usize,
        requests: usize,
    },
    /// A window listens and nothing happens.
    Idle { way: Way, seconds: u64 },
    /// What `emit` costs its caller.
    Micro { rounds: usize },
}

/// How fast the host emits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Pace {
    Flood,
    /// So many events, every so many microseconds.
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
    SmallMemory,
    LargeMemory,
    Idle,
    Micro,
}

impl Scenario {
    pub(crate) const ALL: [Self; 10] = [
        Self::Flood,
        Self::EightWindows,
        Self::PageToPage,
        Self::Latency,
        Self::RoundTrips,
        Self::Payloads,
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
            Self::SmallMemory => "small-memory",
            Self::LargeMemory => "large-memory",
            Self::Idle => "idle",
            Self::Micro => "micro",
        }
    }
}

/// How many questions of [`Scenario::RoundTrips`] wait for their answers at a time, and how many there are.
pub(crate) const ROUND_TRIPS: [(usize, usize); 2] = [(1, 4_000), (64, 20_000)];

/// The sizes of [`Scenario::Payloads`], with what the tables call them.
pub(crate) const PAYLOADS: [(&str, Body, usize); 4] = [
    ("256 KB, one string", Body::Text(256 << 10), 160),
    ("1 MB, one string", Body::Text(1 << 20), 40),
    ("256 KB, records", Body::Records(256 << 10), 160),
    ("1 MB, records", Body::Records(1 << 20), 40),
];

pub(crate) const LATENCY_INTERVAL_MICROS: u64 = 5_000;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Options {
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
                "--quick" => options.quick = true,
                "--long" => options.long = true,
                "--rounds" => rounds = Some(value()?.parse().context("--rounds takes a number")?),
                "--only" => options.only.push(scenario(value()?)?),
                "--out" => options.out = PathBuf::from(value()?),
                "--docs" => options.docs = Some(PathBuf::from(value()?)),
                unknown => bail!("`bench` has no option `{unknown}`"),
            }
        }
        options.rounds = rounds.unwrap_or(if options.quick { 2 } else { 5 }).max(1);
        Ok(options)
    }

    pub(crate) fn includes(&self, scenario: Scenario) -> bool {
        if self.only.is_empty() {
            let takes_long = matches!(
                scenario,
                Scenario::SmallMemory | Scenario::LargeMemory | Scenario::Idle
            );
            return !(self.quick && takes_long);
        }
        self.only.contains(&scenario)
    }

    /// How many small events are sent to see what stays in memory.
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

    /// The measurements of a scenario for one round, way by way.
    pub(crate) fn tasks(&self, scenario: Scenario) -> Vec<(String, Way, Task)> {
        let flood = |way, windows, body, warm_up, events| Task::Stream {
            way,
            windows,
            body,
            warm_up,
            events,
            pace: Pace::Flood,
            memory: false,
        };
        let less = if self.quick { 2 } else { 1 };
        let ways = |limit: bool| {
            Way::ALL
                .into_iter()
                .filter(move |way| limit || *way != Way::Limit)
        };
        let key = || scenario.key().to_owned();
        match scenario {
            Scenario::Flood => ways(true)
                .map(|way| (key(), way, flood(way, 1, Body::Text(64), 4_000, 20_000)))
                .collect(),
            Scenario::EightWindows => ways(true)
                .map(|way| {
                    let events = if self.quick { 2_500 } else { 10_000 };
                    (key(), way, flood(way, 8, Body::Text(64), 1_000, events))
                })
                .collect(),
            Scenario::PageToPage => ways(false)
                .map(|way| {
                    let task = Task::PageToPage {
                        way,
                        warm_up: 500,
                        events: 5_000,
                    };
                    (key(), way, task)
                })
                .collect(),
            Scenario::Latency => ways(false)
                .map(|way| {
                    let task = Task::Stream {
                        way,
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
                    (key(), way, task)
                })
                .collect(),
            Scenario::RoundTrips => ROUND_TRIPS
                .into_iter()
                .flat_map(|(in_flight, requests)| {
                    let task = move |way: Way, caller| {
                        let title = if caller == Caller::Eval { ", eval" } else { "" };
                        let key = format!("{}: {in_flight}{title}", scenario.key());
                        let task = Task::RoundTrips {
                            caller,
                            in_flight,
                            requests: requests / less,
                        };
                        (key, way, task)
                    };
                    [
                        task(Way::Emit, Caller::Hand),
                        task(Way::Emit, Caller::Eval),
                        task(Way::Bus, Caller::Bus),
                    ]
                })
                .collect(),
            // The limit is left out: one answer of 40 MB is slower than any of the ways.
            Scenario::Payloads => PAYLOADS
                .into_iter()
                .flat_map(|(title, body, events)| {
                    ways(false).map(move |way| {
                        let task = flood(way, 1, body, events / 8, events / less);
                        (format!("{}: {title}", scenario.key()), way, task)
                    })
                })
                .collect(),
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
            Scenario::Idle => ways(false)
                .map(|way| {
                    let seconds = self.idle_seconds();
                    (key(), way, Task::Idle { way, seconds })
                })
                .collect(),
            Scenario::Micro => {
                let rounds = if self.quick { 3 } else { 11 };
                vec![(key(), Way::Bus, Task::Micro { rounds })]
            }
        }
    }

    fn memory(
        &self,
        scenario: Scenario,
        body: Body,
        events: usize,
        pace: Pace,
    ) -> Vec<(String, Way, Task)> {
        Way::ALL
            .into_iter()
            .filter(|way| *way != Way::Limit)
            .map(|way| {
                let task = Task::Stream {
                    way,
                    windows: 1,
                    body,
                    warm_up: 200,
                    events,
                    pace,
                    memory: true,
                };
                (scenario.key().to_owned(), way, task)
            })
            .collect()
    }
}

fn scenario(name: &str) -> Result<Scenario> {
    let known = Scenario::ALL.map(Scenario::key).join(", ");
    Scenario::ALL
        .into_iter()
        .find(|scenario| scenario.key() == name)
        .with_context(|| format!("there is no scenario `{name}`; there are {known}"))
}
