//! The measurements, their comparison and the targets.

use crate::{
    measure::Sample,
    plan::{BYTES, Body, Method, PAYLOADS, ROUND_TRIPS, Scenario},
};
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measurement {
    pub(crate) scenario: String,
    pub(crate) method: Method,
    pub(crate) round: usize,
    #[serde(flatten)]
    pub(crate) sample: Sample,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Results {
    pub(crate) measurements: Vec<Measurement>,
}

/// A row of the comparison: a figure for each method.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) unit: &'static str,
    pub(crate) figures: Vec<(Method, f64)>,
}

/// A target of the plugin, and whether it was met.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Verdict {
    pub(crate) title: String,
    pub(crate) reached: String,
    pub(crate) target: String,
    pub(crate) met: bool,
    pub(crate) aim: Option<(String, bool)>,
}

const MEGABYTE: f64 = 1_000_000.0;

impl Row {
    pub(crate) fn figure(&self, method: Method) -> Option<f64> {
        let found = self.figures.iter().find(|(other, _)| *other == method);
        found.map(|(_, figure)| *figure)
    }
}

impl Results {
    pub(crate) fn add(&mut self, round: usize, measurements: Vec<Measurement>) {
        self.measurements
            .extend(measurements.into_iter().map(|measurement| Measurement {
                round,
                ..measurement
            }));
    }

    fn of<'a>(&'a self, scenario: &'a str) -> impl Iterator<Item = &'a Measurement> {
        self.measurements
            .iter()
            .filter(move |measurement| measurement.scenario == scenario)
    }

    /// The number of events of a measurement.
    pub(crate) fn events(&self, scenario: &str) -> String {
        let events = self.of(scenario).map(|one| one.sample.events).max();
        thousands(events.unwrap_or(0) as f64)
    }

    /// The medians of a figure, by method.
    pub(crate) fn row(
        &self,
        title: &str,
        unit: &'static str,
        scenario: &str,
        figure: impl Fn(&Sample) -> Option<f64>,
    ) -> Option<Row> {
        let figures: Vec<(Method, f64)> = Method::ALL
            .into_iter()
            .filter_map(|method| {
                let of_method = self.of(scenario).filter(|one| one.method == method);
                let median = median(of_method.filter_map(|one| figure(&one.sample)).collect())?;
                Some((method, median))
            })
            .collect();
        (!figures.is_empty()).then(|| Row {
            title: title.to_owned(),
            unit,
            figures,
        })
    }

    /// The median comparison of two methods, round by round.
    pub(crate) fn compared(
        &self,
        scenario: &str,
        other: Method,
        figure: impl Fn(&Sample) -> Option<f64>,
        compare: impl Fn(f64, f64) -> f64,
    ) -> Option<f64> {
        let find = |method, round| {
            let mut found = self
                .of(scenario)
                .filter(|one| one.method == method && one.round == round);
            found.next().and_then(|one| figure(&one.sample))
        };
        let rounds = self.measurements.iter().map(|one| one.round).max()?;
        let each = (0..=rounds)
            .filter_map(|round| Some(compare(find(Method::Bus, round)?, find(other, round)?)));
        median(each.collect())
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (title, scenario) in [
            ("flood", Scenario::Flood),
            ("flood in eight windows", Scenario::EightWindows),
            ("page to page", Scenario::PageToPage),
        ] {
            let key = scenario.key();
            let title = format!("{title}, {} events of 64 bytes", self.events(key));
            rows.extend(self.row(&title, "events/s", key, events_per_second));
        }
        let latency = Scenario::Latency.key();
        rows.extend(self.row(
            "latency, one event every 5 ms, median",
            "ms",
            latency,
            |it| Some(it.latency?.p50),
        ));
        rows.extend(self.row(
            "latency, one event every 5 ms, 99th percentile",
            "ms",
            latency,
            |it| Some(it.latency?.p99),
        ));
        for (in_flight, _) in ROUND_TRIPS {
            let title = if in_flight == 1 {
                "requests to a page, one at a time".to_owned()
            } else {
                format!("requests to a page, {in_flight} at a time")
            };
            let key = round_trips(in_flight);
            rows.extend(self.row(&title, "responses/s", &key, events_per_second));
            let eval = format!("{title}, eval_with_callback for emit");
            rows.extend(self.row(
                &eval,
                "responses/s",
                &format!("{key}, eval"),
                events_per_second,
            ));
            let handled = format!("events that are handled, {in_flight} at a time");
            rows.extend(self.row(
                &handled,
                "outcomes/s",
                &format!("{key}, handled"),
                events_per_second,
            ));
        }
        for (title, ..) in PAYLOADS {
            let scenario = payloads(title);
            rows.extend(self.row(
                &format!("payloads of {title}"),
                "MB/s",
                &scenario,
                megabytes_per_second,
            ));
        }
        for (title, ..) in BYTES {
            rows.extend(self.row(
                &format!("bytes of {title}"),
                "MB/s",
                &bytes(title),
                megabytes_per_second,
            ));
        }
        rows.extend([self.stream_rows(), self.beside_rows()].concat());
        for (title, scenario) in MEMORY {
            let key = scenario.key();
            let title = format!("{} {title}", self.events(key));
            rows.extend(self.row(
                &format!("growth of the web process, {title}"),
                "MB",
                key,
                growth,
            ));
            rows.extend(self.row(
                &format!("growth of the host process, {title}"),
                "MB",
                key,
                host_growth,
            ));
        }
        let idle = Scenario::Idle.key();
        for (title, unit, figure) in IDLE {
            rows.extend(self.row(title, unit, idle, figure));
        }
        rows
    }

    /// The cost of a call to `emit`, in microseconds.
    pub(crate) fn micro(&self) -> Vec<(&str, f64)> {
        let all = self.of(Scenario::Micro.key());
        all.flat_map(|one| &one.sample.micro)
            .map(|(title, nanoseconds)| (title.as_str(), nanoseconds / 1000.0))
            .collect()
    }

    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let flood = Scenario::Flood.key();
        for (other, target, aim) in [
            (Method::Emit, 40.0, None),
            (Method::Channel, 30.0, None),
            (Method::WebSocket, 4.0, None),
            (Method::Pull, 1.8, Some(2.5)),
            (Method::Limit, 0.75, Some(0.85)),
        ] {
            let verdict = self.at_least("flood", flood, other, events_per_second, target);
            verdicts.extend(verdict.map(|(verdict, ratio)| Verdict {
                aim: aim.map(|aim| (format!("≥ {aim}"), ratio >= aim)),
                ..verdict
            }));
        }
        for (title, scenario, target) in [
            ("eight windows", Scenario::EightWindows, 10.0),
            ("page to page", Scenario::PageToPage, 12.0),
        ] {
            let figure = events_per_second;
            let verdict = self.at_least(title, scenario.key(), Method::Emit, figure, target);
            verdicts.extend(verdict.map(|(verdict, _)| verdict));
        }
        for (title, body, ..) in PAYLOADS {
            verdicts.extend(self.payload_verdicts(title, body));
        }
        for (title, ..) in BYTES {
            let figure = megabytes_per_second;
            let row = format!("bytes of {title}");
            let verdict = self.at_least(&row, &bytes(title), Method::Channel, figure, 1.0);
            verdicts.extend(verdict.map(|(verdict, ratio)| Verdict {
                aim: Some(("≥ 2".to_owned(), ratio >= 2.0)),
                ..verdict
            }));
        }
        verdicts.extend([self.stream_verdicts(), self.beside_verdicts()].concat());
        verdicts.extend(self.latency_verdicts());
        for ((in_flight, _), least) in ROUND_TRIPS.into_iter().zip([1.0, 3.0]) {
            let title = format!("requests to a page, {in_flight} at a time");
            let key = round_trips(in_flight);
            let verdict = self.at_least(&title, &key, Method::Emit, events_per_second, least);
            verdicts.extend(verdict.map(|(verdict, _)| verdict));
        }
        for ((in_flight, _), least) in ROUND_TRIPS.into_iter().zip([0.8, 2.0]) {
            verdicts.extend(self.eval_verdict(in_flight, least));
        }
        verdicts.extend(self.handled_verdict(64, 0.8));
        for (title, scenario) in MEMORY {
            let row = self.row("", "MB", scenario.key(), growth);
            verdicts.extend(
                row.and_then(|row| row.figure(Method::Bus))
                    .map(|growth| Verdict {
                        title: format!("growth of the web process, {title}"),
                        reached: format!("{growth:.1} MB"),
                        target: "≤ 16 MB".to_owned(),
                        met: growth <= 16.0,
                        aim: None,
                    }),
            );
        }
        verdicts.extend(self.micro_verdicts());
        verdicts.extend(self.idle_verdict());
        verdicts
    }

    fn payload_verdicts(&self, title: &str, body: Body) -> Vec<Verdict> {
        let scenario = payloads(title);
        let figure = megabytes_per_second;
        let targets: &[(Method, f64)] = match body {
            Body::Text(bytes) if bytes < 256 << 10 => &[(Method::Emit, 1.0)],
            Body::Text(_) => &[
                (Method::Emit, 1.6),
                (Method::Channel, 2.2),
                (Method::Pull, 2.2),
            ],
            Body::Records(_) => &[(Method::Channel, 2.0)],
            Body::Bytes(_) => &[(Method::Channel, 1.0)],
        };
        let socket = self
            .compared(&scenario, Method::WebSocket, figure, |ours, theirs| {
                ours / theirs
            })
            .map(|ratio| (format!("≥ 1 × WebSocket ({ratio:.2})"), ratio >= 1.0));
        targets
            .iter()
            .filter_map(|(other, least)| self.at_least(title, &scenario, *other, figure, *least))
            .map(|(verdict, _)| Verdict {
                aim: socket.clone(),
                ..verdict
            })
            .collect()
    }

    fn at_least(
        &self,
        title: &str,
        scenario: &str,
        other: Method,
        figure: Figure,
        least: f64,
    ) -> Option<(Verdict, f64)> {
        let ratio = self.compared(scenario, other, figure, |ours, theirs| ours / theirs)?;
        let verdict = Verdict {
            title: title.to_owned(),
            reached: format!("{ratio:.2} × {}", other.title()),
            target: format!("≥ {least}"),
            met: ratio >= least,
            aim: None,
        };
        Some((verdict, ratio))
    }

    /// The requests of the bus beside those by `eval_with_callback`.
    fn eval_verdict(&self, in_flight: usize, least: f64) -> Option<Verdict> {
        let figure = |method, scenario: &str| {
            let row = self.row("", "", scenario, events_per_second)?;
            row.figure(method)
        };
        let key = round_trips(in_flight);
        let ratio = figure(Method::Bus, &key)? / figure(Method::Emit, &format!("{key}, eval"))?;
        Some(Verdict {
            title: format!("requests to a page, {in_flight} at a time"),
            reached: format!("{ratio:.2} × eval_with_callback"),
            target: format!("≥ {least}"),
            met: ratio >= least,
            aim: None,
        })
    }

    /// What `emit_handled` reaches beside requests.
    fn handled_verdict(&self, in_flight: usize, least: f64) -> Option<Verdict> {
        let row = |scenario: &str| self.row("", "", scenario, events_per_second);
        let figure = |scenario: &str| row(scenario)?.figure(Method::Bus);
        let key = round_trips(in_flight);
        let ratio = figure(&format!("{key}, handled"))? / figure(&key)?;
        Some(Verdict {
            title: format!("events that are handled, {in_flight} at a time"),
            reached: format!("{ratio:.2} × requests"),
            target: format!("≥ {least}"),
            met: ratio >= least,
            aim: None,
        })
    }

    fn latency_verdicts(&self) -> Vec<Verdict> {
        let scenario = Scenario::Latency.key();
        let above = |figure: Figure| {
            self.compared(scenario, Method::Emit, figure, |ours, theirs| ours - theirs)
        };
        let median = above(|it| Some(it.latency?.p50)).map(|above| Verdict {
            title: "latency, median".to_owned(),
            reached: format!("{above:+.2} ms against core emit"),
            target: "≤ 0".to_owned(),
            met: above <= 0.005,
            aim: None,
        });
        let slowest = above(|it| Some(it.latency?.p99)).map(|above| Verdict {
            title: "latency, 99th percentile".to_owned(),
            reached: format!("{above:+.2} ms against core emit"),
            target: "≤ 0".to_owned(),
            met: above <= 0.005,
            aim: None,
        });
        median.into_iter().chain(slowest).collect()
    }

    fn micro_verdicts(&self) -> Vec<Verdict> {
        let limits = [
            ("event bus, no receiver", 0.5),
            ("event bus, one page", 0.5),
            ("event bus, 1,000 exact names", 1.0),
            ("event bus, 1,000 globs, repeated names", 20.0),
            ("event bus, 1,000 globs, new names", 20.0),
        ];
        let figures = self.micro();
        limits
            .into_iter()
            .filter_map(|(title, max)| {
                let (_, figure) = figures.iter().find(|(found, _)| *found == title)?;
                Some(Verdict {
                    title: format!("emit: {title}"),
                    reached: format!("{figure:.2} µs"),
                    target: format!("≤ {max} µs"),
                    met: *figure <= max,
                    aim: None,
                })
            })
            .collect()
    }

    fn idle_verdict(&self) -> Option<Verdict> {
        let idle = self
            .of(Scenario::Idle.key())
            .find(|one| one.method == Method::Bus)?
            .sample
            .idle?;
        Some(Verdict {
            title: "idle".to_owned(),
            reached: format!("{} pulls in {} s", idle.pulls, idle.seconds),
            target: "0".to_owned(),
            met: idle.pulls == 0,
            aim: None,
        })
    }
}

pub(crate) type Figure = fn(&Sample) -> Option<f64>;

const MEMORY: [(&str, Scenario); 2] = [
    ("small events", Scenario::SmallMemory),
    ("events of 256 KB", Scenario::LargeMemory),
];

const IDLE: [(&str, &str, Figure); 4] = [
    ("idle, wake-ups of the web process", "a minute", |it| {
        let idle = it.idle?;
        Some(idle.web.wake_ups as f64 * 60.0 / idle.seconds as f64)
    }),
    ("idle, wake-ups of the host process", "a minute", |it| {
        let idle = it.idle?;
        Some(idle.host.wake_ups as f64 * 60.0 / idle.seconds as f64)
    }),
    ("idle, wake-ups of the network process", "a minute", |it| {
        let idle = it.idle?;
        Some(idle.network.wake_ups as f64 * 60.0 / idle.seconds as f64)
    }),
    ("idle, CPU time of all three", "ms a minute", |it| {
        let idle = it.idle?;
        let nanos = idle.web.cpu_nanos + idle.host.cpu_nanos + idle.network.cpu_nanos;
        Some(nanos as f64 / 1e6 * 60.0 / idle.seconds as f64)
    }),
];

fn round_trips(in_flight: usize) -> String {
    format!("{}: {in_flight}", Scenario::RoundTrips.key())
}

fn bytes(title: &str) -> String {
    format!("{}: {title}", Scenario::Bytes.key())
}

pub(crate) fn host_growth(sample: &Sample) -> Option<f64> {
    let memory = sample.memory?;
    Some((memory.after_rest.host.rss as f64 - memory.before.host.rss as f64) / MEGABYTE)
}

fn payloads(title: &str) -> String {
    format!("{}: {title}", Scenario::Payloads.key())
}

pub(crate) fn events_per_second(sample: &Sample) -> Option<f64> {
    (sample.seconds > 0.0).then(|| sample.events as f64 / sample.seconds)
}

pub(crate) fn megabytes_per_second(sample: &Sample) -> Option<f64> {
    Some(events_per_second(sample)? * sample.payload_bytes as f64 / MEGABYTE)
}

/// The growth of the web process, right away or after idling, whichever is greater. In resident memory: PSS changes with
/// every other process that uses the same libraries.
pub(crate) fn growth(sample: &Sample) -> Option<f64> {
    let memory = sample.memory?;
    let after = memory.after.web.rss.max(memory.after_rest.web.rss);
    Some((after as f64 - memory.before.web.rss as f64) / MEGABYTE)
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let upper = *figures.get(figures.len() / 2)?;
    if figures.len() % 2 == 1 {
        return Some(upper);
    }
    Some((figures.get(figures.len() / 2 - 1)? + upper) / 2.0)
}

/// A number with commas.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut written = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            written.push(',');
        }
        written.push(digit);
    }
    if number <= -0.5 {
        written.insert(0, '−');
    }
    written
}
