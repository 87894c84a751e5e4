//! Streams, beside `Channel` and a WebSocket.

use crate::{
    plan::{Body, Method, Pace, Scenario, Task},
    results::{
        Figure, Results, Row, Verdict, events_per_second, growth, host_growth, megabytes_per_second,
    },
};

/// The parts, with their labels in the tables: how many, and those of a quick run.
const STREAMS: [(&str, Body, [usize; 2]); 2] = [
    ("parts of 64 B", Body::Text(64), [100_000, 20_000]),
    ("parts of 256 KB", Body::Bytes(256 << 10), [4_096, 400]),
];

fn key(title: &str) -> String {
    format!("{}: {title}", Scenario::Streams.key())
}

/// The measurements, by method. Those of 256 KB, which are 1 GB in a whole run, have the growth of both processes.
pub(crate) fn tasks(quick: bool) -> Vec<(String, Method, Task)> {
    let tasks = STREAMS.into_iter().flat_map(|(title, body, parts)| {
        let events = parts[usize::from(quick)];
        let methods = [Method::Channel, Method::WebSocket, Method::Stream];
        methods.map(move |method| {
            let task = Task::Stream {
                method,
                windows: 1,
                body,
                warm_up: events / 20,
                events,
                pace: Pace::Flood,
                memory: matches!(body, Body::Bytes(_)),
            };
            (key(title), method, task)
        })
    });
    tasks.collect()
}

impl Results {
    pub(crate) fn stream_rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (title, body, _) in STREAMS {
            let scenario = key(title);
            let parts = format!("stream, {title}, {} in all", self.events(&scenario));
            rows.extend(match body {
                Body::Bytes(_) => self.row(&parts, "MB/s", &scenario, megabytes_per_second),
                _ => self.row(&parts, "parts/s", &scenario, events_per_second),
            });
            let web = format!("growth of the web process, {title}");
            rows.extend(self.row(&web, "MB", &scenario, growth));
            let host = format!("growth of the host process, {title}");
            rows.extend(self.row(&host, "MB", &scenario, host_growth));
        }
        rows
    }

    /// Streams beside `Channel`, and what both processes grow by.
    pub(crate) fn stream_verdicts(&self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for ((title, body, _), least) in STREAMS.into_iter().zip([20.0, 2.0]) {
            let scenario = key(title);
            let figure: Figure = match body {
                Body::Bytes(_) => megabytes_per_second,
                _ => events_per_second,
            };
            let row = self.row("", "", &scenario, figure);
            let figures = row
                .and_then(|row| Some((row.figure(Method::Stream)?, row.figure(Method::Channel)?)));
            verdicts.extend(figures.map(|(ours, theirs)| Verdict {
                title: format!("stream, {title}"),
                reached: format!("{:.1} × Channel", ours / theirs),
                target: format!("≥ {least} × Channel"),
                met: ours >= least * theirs,
                aim: None,
            }));
            let growths: [(&str, Figure, f64); 2] =
                [("web", growth, 32.0), ("host", host_growth, 8.0)];
            for (process, figure, most) in growths {
                let row = self.row("", "MB", &scenario, figure);
                let grown = row.and_then(|row| row.figure(Method::Stream));
                verdicts.extend(grown.map(|grown| Verdict {
                    title: format!("growth of the {process} process, stream, {title}"),
                    reached: format!("{grown:.1} MB"),
                    target: format!("≤ {most} MB"),
                    met: grown <= most,
                    aim: None,
                }));
            }
        }
        verdicts
    }
}
