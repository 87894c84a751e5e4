//! Runs one task in its own windows.

use crate::{
    methods::{Content, Emitter, Payload, now_micros},
    micro,
    pages::{Host, Pages, Report, Role},
    plan::{Body, Caller, Method, Pace, Task},
    processes::{self, Activity, Memory, Threads},
    round_trips::Requester,
    taps,
};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    sync::{Arc, mpsc},
    thread::sleep,
    time::{Duration, Instant},
};
use tauri::{AppHandle, Runtime};

/// How long a page rests before memory or wake-ups are measured: start-up ends, garbage is collected.
const REST: Duration = Duration::from_secs(5);

/// The pause between a subscription and a measurement.
const PAUSE: Duration = Duration::from_millis(300);

/// The result of a task. Fields that it does not measure are empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Sample {
    pub(crate) events: usize,
    /// From the first call to `emit` until the last window has handled the last event.
    pub(crate) seconds: f64,
    /// The same for each window.
    pub(crate) window_seconds: Vec<f64>,
    /// The part of it spent in calls to `emit`.
    pub(crate) emitting_seconds: f64,
    /// Length of one payload.
    pub(crate) payload_bytes: usize,
    /// Events that arrived after a later one.
    pub(crate) inversions: u64,
    pub(crate) latency: Option<Latency>,
    /// The longest time between two frames of a page whose worker receives the events, in milliseconds.
    pub(crate) longest_frame: Option<f64>,
    /// How long a message of a page to its worker takes, without the bus, in milliseconds.
    pub(crate) message_to_worker: Option<f64>,
    pub(crate) memory: Option<Growth>,
    pub(crate) idle: Option<Idle>,
    pub(crate) micro: Vec<(String, f64)>,
}

/// Milliseconds from `emit` to the handler.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) mean: f64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Footprint {
    pub(crate) web: Memory,
    pub(crate) host: Memory,
    pub(crate) network: Memory,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Growth {
    pub(crate) before: Footprint,
    pub(crate) after: Footprint,
    pub(crate) after_rest: Footprint,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Idle {
    pub(crate) seconds: u64,
    pub(crate) web: Activity,
    pub(crate) host: Activity,
    pub(crate) network: Activity,
    pub(crate) pulls: u64,
}

/// The report of a page that has handled a whole stream.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Handled {
    /// Milliseconds since the Unix epoch.
    at: f64,
    duplicates: u64,
    inversions: u64,
    units: usize,
    latencies: Vec<f64>,
    #[serde(default)]
    longest_frame: Option<f64>,
    message_to_worker: Option<f64>,
}

/// A stream of events.
struct Stream<'a> {
    method: Method,
    body: &'a Content,
    events: usize,
    pace: Pace,
}

pub(crate) struct Bench<R: Runtime> {
    app: AppHandle<R>,
    host: Arc<Host>,
    pub(crate) pages: Pages<R>,
}

impl<R: Runtime> Bench<R> {
    pub(crate) fn new(
        app: AppHandle<R>,
        host: Arc<Host>,
        reports: mpsc::Receiver<Report>,
        socket: String,
    ) -> Self {
        let pages = Pages::new(app.clone(), Arc::clone(&host), reports, socket);
        Self { app, host, pages }
    }

    pub(crate) fn measure(&mut self, task: &Task) -> Result<Sample> {
        let sample = match *task {
            Task::Stream {
                method,
                windows,
                body,
                warm_up,
                events,
                pace,
                memory,
            } => self.stream(method, windows, body, warm_up, events, pace, memory),
            Task::PageToPage {
                method,
                warm_up,
                events,
            } => self.page_to_page(method, warm_up, events),
            Task::RoundTrips {
                caller,
                in_flight,
                requests,
            } => self.round_trips(caller, in_flight, requests),
            Task::Idle { method, seconds } => self.idle(method, seconds),
            Task::Micro { rounds } => micro::measure(&self.app, &mut self.pages, rounds),
        };
        self.pages.close_all()?;
        sample
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of the task")]
    fn stream(
        &mut self,
        method: Method,
        windows: usize,
        body: Body,
        warm_up: usize,
        events: usize,
        pace: Pace,
        memory: bool,
    ) -> Result<Sample> {
        let windows = (0..windows)
            .map(|_| self.pages.open(&Role::listener(method)))
            .collect::<Result<Vec<_>>>()?;
        let content = Content::of(body);
        let mut stream = Stream {
            method,
            body: &content,
            events: warm_up,
            pace: Pace::Flood,
        };
        sleep(PAUSE);
        self.emit(&windows, &stream)?;
        sleep(if memory { REST } else { PAUSE });
        let before = memory.then(footprint);
        stream.events = events;
        stream.pace = pace;
        let mut sample = self.emit(&windows, &stream)?;
        if let Some(before) = before {
            let after = footprint();
            sleep(REST);
            sample.memory = Some(Growth {
                before,
                after,
                after_rest: footprint(),
            });
        }
        Ok(sample)
    }

    fn emit(&mut self, windows: &[String], stream: &Stream<'_>) -> Result<Sample> {
        let keep_latencies = matches!(stream.pace, Pace::Every { events: 1, .. });
        for label in windows {
            let order = json!({
                "order": "begin", "events": stream.events, "keepLatencies": keep_latencies,
            });
            self.pages.order(label, order)?;
        }
        let mut emitter = Emitter::new(&self.app, &self.host, stream.method, windows)?;
        let tap = match stream.method {
            Method::Tapped => Some(taps::Reader::start(&self.app, stream.events)?),
            _ => None,
        };
        let mut payload = Payload {
            i: 0,
            at: 0,
            body: stream.body,
        };
        let started = now_micros();
        let start = Instant::now();
        for i in 0..stream.events {
            if let Pace::Every { micros, events } = stream.pace {
                let due = start + Duration::from_micros(micros * (i / events) as u64 + stagger(i));
                if i % events == 0 {
                    sleep(due.saturating_duration_since(Instant::now()));
                }
            }
            payload.i = i;
            payload.at = now_micros();
            emitter.emit(&payload)?;
        }
        emitter.finish()?;
        let emitting = start.elapsed();
        let handled: Vec<Handled> = self.pages.await_all(windows, "handled")?;
        if let Some(tap) = tap {
            tap.finish(stream.events)?;
        }
        let sample = Sample {
            payload_bytes: payload.length()?,
            emitting_seconds: emitting.as_secs_f64(),
            ..summarize(&handled, started as f64 / 1000.0, stream)?
        };
        Ok(sample)
    }

    fn page_to_page(&mut self, method: Method, warm_up: usize, events: usize) -> Result<Sample> {
        let listener = self.pages.open(&Role::listener(method))?;
        let sender = self.pages.open(&Role {
            listen: None,
            send: Some(method),
            count_pulls: false,
            pulls_only: method == Method::Pull,
        })?;
        self.host.set_relay_to(&listener);
        let body = Content::of(Body::Text(64));
        let mut sample = Sample::default();
        for events in [warm_up, events] {
            sleep(PAUSE);
            let begin = json!({ "order": "begin", "events": events, "keepLatencies": false });
            self.pages.order(&listener, begin)?;
            let send = json!({ "order": "send", "events": events, "body": body });
            self.pages.start(&sender, send);
            let (mut started, mut handled) = (None, None);
            while started.is_none() || handled.is_none() {
                let report = self.pages.next_of(&["sent", "handled"])?;
                if report.is("sent") {
                    started = Some(report.read::<f64>()?);
                } else {
                    handled = Some(report.read::<Handled>()?);
                }
            }
            let (Some(started), Some(handled)) = (started, handled) else {
                bail!("the pages reported nothing");
            };
            let stream = Stream {
                method,
                body: &body,
                events,
                pace: Pace::Flood,
            };
            sample = summarize(&[handled], started, &stream)?;
        }
        Ok(sample)
    }

    fn round_trips(&mut self, caller: Caller, in_flight: usize, requests: usize) -> Result<Sample> {
        let label = self.pages.open(&Role {
            listen: None,
            send: None,
            count_pulls: false,
            pulls_only: [Caller::Pull, Caller::HandledPull].contains(&caller),
        })?;
        self.pages.order(&label, json!({ "order": "respond" }))?;
        let requester = Requester::new(&self.app, &self.host, caller, &label)?;
        sleep(PAUSE);
        requester.send_all(in_flight, requests / 10)?;
        sleep(PAUSE);
        let seconds = requester.send_all(in_flight, requests)?;
        Ok(Sample {
            events: requests,
            seconds,
            ..Sample::default()
        })
    }

    fn idle(&mut self, method: Method, seconds: u64) -> Result<Sample> {
        let label = self.pages.open(&Role {
            count_pulls: true,
            ..Role::listener(method)
        })?;
        sleep(REST);
        let pulls = |pages: &Pages<R>| -> Result<u64> {
            pages.start(&label, json!({ "order": "pulls" }));
            pages.await_one(&label, "pulls")
        };
        let pulls_before = pulls(&self.pages)?;
        sleep(REST);
        let before = threads();
        sleep(Duration::from_secs(seconds));
        let after = threads();
        let [web, host, network] = [0, 1, 2].map(|place| after[place].since(&before[place]));
        let idle = Idle {
            seconds,
            web,
            host,
            network,
            pulls: pulls(&self.pages)? - pulls_before,
        };
        Ok(Sample {
            idle: Some(idle),
            ..Sample::default()
        })
    }
}

/// Checks that each event was handled once and completely.
fn summarize(handled: &[Handled], started: f64, stream: &Stream<'_>) -> Result<Sample> {
    let mut sample = Sample {
        events: stream.events,
        ..Sample::default()
    };
    for page in handled {
        if page.duplicates > 0 {
            bail!("{} events were handled twice", page.duplicates);
        }
        if page.units != stream.events * stream.body.units() {
            bail!("the payloads have a total length of {}", page.units);
        }
        sample.inversions += page.inversions;
        let seconds = (page.at - started) / 1000.0;
        sample.seconds = sample.seconds.max(seconds);
        sample.window_seconds.push(seconds);
        sample.longest_frame = page.longest_frame;
        sample.message_to_worker = page.message_to_worker;
        if !page.latencies.is_empty() {
            sample.latency = Some(latency(&page.latencies));
        }
    }
    Ok(sample)
}

fn latency(latencies: &[f64]) -> Latency {
    let mut sorted = latencies.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    Latency {
        p50: at(0.5),
        p99: at(0.99),
        mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
    }
}

/// The clock of a page may have a resolution of one millisecond. Staggered events keep rounding from favoring a method.
fn stagger(i: usize) -> u64 {
    (i as u64 * 618) % 1000
}

fn footprint() -> Footprint {
    let all = |processes: Vec<u32>| {
        processes
            .into_iter()
            .map(processes::memory)
            .fold(Memory::default(), |sum, one| Memory {
                rss: sum.rss + one.rss,
                pss: sum.pss + one.pss,
                peak: sum.peak + one.peak,
            })
    };
    Footprint {
        web: all(processes::web_processes()),
        host: all(vec![std::process::id()]),
        network: all(processes::network_processes()),
    }
}

fn threads() -> [Threads; 3] {
    [
        Threads::of(&processes::web_processes()),
        Threads::of(&[std::process::id()]),
        Threads::of(&processes::network_processes()),
    ]
}
