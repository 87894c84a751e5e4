//! A flood with a tap on, beside the same flood without one.

use crate::{
    plan::{Body, Method, Pace, Scenario, Task},
    results::{Results, Row, Verdict, events_per_second},
};
use anyhow::{Result, bail};
use tauri::{AppHandle, Runtime, async_runtime, async_runtime::JoinHandle};
use tauri_plugin_event_bus::EventBusExt;
use tauri_plugin_event_bus::tap::{Tap, TapEntry, TapFilter};

const FLOOD: &str = "flood";
const PACED: &str = "50,000 events a second";

fn key(what: &str) -> String {
    format!("{}: {what}", Scenario::Taps.key())
}

/// As fast as it goes, and 50,000 events a second.
pub(crate) fn tasks(quick: bool) -> Vec<(String, Method, Task)> {
    let less = if quick { 2 } else { 1 };
    let paced = Pace::Every {
        micros: 1_000,
        events: 50,
    };
    let measured = [(FLOOD, Pace::Flood), (PACED, paced)];
    let tasks = measured.into_iter().flat_map(|(what, pace)| {
        [Method::Bus, Method::Tapped].map(|method| {
            let task = Task::Stream {
                method,
                windows: 1,
                body: Body::Text(64),
                warm_up: 4_000,
                events: 100_000 / less,
                pace,
                memory: false,
            };
            (key(what), method, task)
        })
    });
    tasks.collect()
}

/// A tap whose records are read as they come.
pub(crate) struct Reader(JoinHandle<Seen>);

/// What a tap has told.
#[derive(Default)]
struct Seen {
    events: usize,
    lost: u64,
}

impl Reader {
    /// Reads until it has seen so many events, or has lost records.
    pub(crate) fn start<R: Runtime>(app: &AppHandle<R>, events: usize) -> Result<Self> {
        let tap = app.event_bus().tap(TapFilter::new())?;
        Ok(Self(async_runtime::spawn(read(tap, events))))
    }

    /// Fails unless it has seen each event.
    pub(crate) fn finish(self, events: usize) -> Result<()> {
        let seen = async_runtime::block_on(self.0)?;
        if seen.lost > 0 || seen.events != events {
            bail!(
                "the tap has told of {} of {events} events, and lost {} records",
                seen.events,
                seen.lost
            );
        }
        Ok(())
    }
}

async fn read(mut tap: Tap, events: usize) -> Seen {
    let mut seen = Seen::default();
    while seen.events < events && seen.lost == 0 {
        match tap.recv().await.map(|record| record.entry) {
            Some(TapEntry::Event(_)) => seen.events += 1,
            Some(TapEntry::Lost(count)) => seen.lost += count,
            Some(_) => {}
            None => break,
        }
    }
    seen
}

impl Results {
    /// The event bus beside itself: in a worker, and with a tap.
    pub(crate) fn beside_rows(&self) -> Vec<Row> {
        [self.worker_rows(), self.tap_rows()].concat()
    }

    pub(crate) fn beside_verdicts(&self) -> Vec<Verdict> {
        [self.worker_verdicts(), self.tap_verdicts()].concat()
    }

    fn tap_rows(&self) -> Vec<Row> {
        let rows = [FLOOD, PACED].map(|what| {
            let title = format!("{what} beside a tap");
            self.row(&title, "events/s", &key(what), events_per_second)
        });
        rows.into_iter().flatten().collect()
    }

    /// What a flood keeps of its rate.
    fn tap_verdicts(&self) -> Vec<Verdict> {
        let verdicts = [FLOOD, PACED].map(|what| {
            let compare = |without, with| with / without;
            let figure = events_per_second;
            let ratio = self.compared(&key(what), Method::Tapped, figure, compare)?;
            Some(Verdict {
                title: format!("{what}, with a tap"),
                reached: format!("{ratio:.2} × without"),
                target: "≥ 0.8 × without".to_owned(),
                met: ratio >= 0.8,
                aim: None,
            })
        });
        verdicts.into_iter().flatten().collect()
    }
}
