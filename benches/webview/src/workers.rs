//! Workers, beside their pages.

use crate::{
    plan::{Body, LATENCY_INTERVAL_MICROS, Method, Pace, Scenario, Task},
    results::{Figure, Results, Row, Verdict, events_per_second},
};

const FLOOD: &str = "flood";
const LATENCY: &str = "latency";

fn key(what: &str) -> String {
    format!("{}: {what}", Scenario::Workers.key())
}

/// A flood and single events, into a page and into a worker of a page.
pub(crate) fn tasks(quick: bool) -> Vec<(String, Method, Task)> {
    let less = if quick { 2 } else { 1 };
    let single = Pace::Every {
        micros: LATENCY_INTERVAL_MICROS,
        events: 1,
    };
    let measured = [
        (FLOOD, 4_000, 50_000 / less, Pace::Flood),
        (LATENCY, 100, 1_000 / less, single),
    ];
    let tasks = measured
        .into_iter()
        .flat_map(|(what, warm_up, events, pace)| {
            [Method::Bus, Method::Worker].map(|method| {
                let task = Task::Stream {
                    method,
                    windows: 1,
                    body: Body::Text(64),
                    warm_up,
                    events,
                    pace,
                    memory: false,
                };
                (key(what), method, task)
            })
        });
    tasks.collect()
}

impl Results {
    pub(crate) fn worker_rows(&self) -> Vec<Row> {
        let (flood, latency) = (key(FLOOD), key(LATENCY));
        let title = format!("flood into a worker, {} events", self.events(&flood));
        let rows = [
            self.row(&title, "events/s", &flood, events_per_second),
            self.row(
                "longest time between two frames of its page",
                "ms",
                &flood,
                |it| it.longest_frame,
            ),
            self.row("latency of a worker, median", "ms", &latency, |it| {
                Some(it.latency?.p50)
            }),
            self.row(
                "latency of a worker, 99th percentile",
                "ms",
                &latency,
                |it| Some(it.latency?.p99),
            ),
            self.row(
                "a message to a worker, without the bus",
                "ms",
                &latency,
                |it| it.message_to_worker,
            ),
        ];
        rows.into_iter().flatten().collect()
    }

    /// What a worker reaches beside a page.
    pub(crate) fn worker_verdicts(&self) -> Vec<Verdict> {
        let median: Figure = |it| Some(it.latency?.p50);
        let ratio = self.compared(
            &key(FLOOD),
            Method::Worker,
            events_per_second,
            |page, worker| worker / page,
        );
        let above = self.compared(&key(LATENCY), Method::Worker, median, |page, worker| {
            worker - page
        });
        let flood = ratio.map(|ratio| Verdict {
            title: "flood into a worker".to_owned(),
            reached: format!("{ratio:.2} × its page"),
            target: "≥ 0.8 × its page".to_owned(),
            met: ratio >= 0.8,
            aim: None,
        });
        let latency = above.map(|above| Verdict {
            title: "latency of a worker, median".to_owned(),
            reached: format!("{above:+.2} ms against its page"),
            target: "≤ 0.2 ms".to_owned(),
            met: above <= 0.2,
            aim: None,
        });
        flood.into_iter().chain(latency).collect()
    }
}
