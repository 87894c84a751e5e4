//! The cost of a call to `emit` on the host: timed loops of calls, while pages fetch nothing.

use crate::{
    measure::Sample,
    methods::{Content, Payload, now_micros},
    pages::{Pages, Role},
    plan::{Body, Method},
};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::{
    hint::black_box,
    thread::sleep,
    time::{Duration, Instant},
};
use tauri::{AppHandle, Emitter, Listener, Runtime};
use tauri_plugin_event_bus::EventBusExt;

/// The number of calls of one timing.
const CALLS: usize = 10_000;

/// The number of subscriptions in the timings with many.
const MANY: usize = 1_000;

/// A page counts as starting for this long, which adds to the cost of `emit`.
const START_UP: Duration = Duration::from_millis(3_500);

/// How long a page is blocked: longer than a timing takes.
const BUSY: Duration = Duration::from_millis(600);

pub(crate) fn measure<R: Runtime>(
    app: &AppHandle<R>,
    pages: &mut Pages<R>,
    rounds: usize,
) -> Result<Sample> {
    let mut micro = Micro {
        app,
        pages,
        rounds,
        figures: Vec::new(),
    };
    micro.without_windows()?;
    micro.with_a_page_that_does_not_listen()?;
    micro.with_a_page()?;
    Ok(Sample {
        micro: micro.figures,
        ..Sample::default()
    })
}

struct Micro<'a, R: Runtime> {
    app: &'a AppHandle<R>,
    pages: &'a mut Pages<R>,
    rounds: usize,
    figures: Vec<(String, f64)>,
}

impl<R: Runtime> Micro<'_, R> {
    fn without_windows(&mut self) -> Result<()> {
        let app = self.app.clone();
        let bus = app.event_bus();
        self.time("core emit, no receiver", "micro:none", |name, payload| {
            Ok(app.emit(name, payload)?)
        })?;
        self.time("event bus, no receiver", "micro:none", |name, payload| {
            bus.emit(name, payload)?;
            Ok(())
        })?;
        let id = app.listen_any("micro:rust", |event| {
            black_box(event.payload());
        });
        self.time(
            "core emit, one Rust listener",
            "micro:rust",
            |name, payload| Ok(app.emit(name, payload)?),
        )?;
        app.unlisten(id);
        let _listener = bus.listen("micro:rust", |event| {
            black_box(event.payload_json());
        })?;
        self.time(
            "event bus, one Rust listener",
            "micro:rust",
            |name, payload| {
                bus.emit(name, payload)?;
                Ok(())
            },
        )
    }

    /// The host keeps events for a page that has not subscribed yet.
    fn with_a_page_that_does_not_listen(&mut self) -> Result<()> {
        self.pages.open(&Role {
            listen: None,
            send: None,
            count_pulls: false,
            pulls_only: false,
        })?;
        let bus = self.app.event_bus();
        self.time(
            "event bus, one page that has not subscribed yet",
            "micro:none",
            |name, payload| {
                bus.emit(name, payload)?;
                Ok(())
            },
        )?;
        self.pages.close_all()
    }

    fn with_a_page(&mut self) -> Result<()> {
        let app = self.app.clone();
        let bus = app.event_bus();
        let exact: Vec<String> = (0..MANY).map(|i| format!("micro:exact-{i}")).collect();
        let globs: Vec<String> = (0..MANY).map(|i| format!("micro-{i}:*")).collect();

        let label = self.pages.open(&Role::listener(Method::Emit))?;
        let subscribe = |pages: &Pages<R>, label: &str, names: &[String]| {
            pages.order(label, json!({ "order": "subscribe", "names": names }))
        };
        subscribe(self.pages, &label, &["micro:one".to_owned()])?;
        self.time_with(&label, "core emit, one page", |i, payload| {
            black_box(i);
            Ok(app.emit("micro:one", payload)?)
        })?;
        self.pages.close_all()?;

        let label = self.pages.open(&Role::listener(Method::Bus))?;
        subscribe(self.pages, &label, &["micro:one".to_owned()])?;
        sleep(START_UP);
        self.time_with(&label, "event bus, one page", |i, payload| {
            black_box(i);
            bus.emit("micro:one", payload)?;
            Ok(())
        })?;
        subscribe(self.pages, &label, &exact)?;
        self.time_with(&label, "event bus, 1,000 exact names", |i, payload| {
            bus.emit(&exact[i % MANY], payload)?;
            Ok(())
        })?;
        self.pages.close_all()?;

        let label = self.pages.open(&Role::listener(Method::Bus))?;
        subscribe(self.pages, &label, &globs)?;
        sleep(START_UP);
        let repeated: Vec<String> = (0..MANY).map(|i| format!("micro-{i}:event")).collect();
        self.time_with(
            &label,
            "event bus, 1,000 globs, repeated names",
            |i, payload| {
                bus.emit(&repeated[i % MANY], payload)?;
                Ok(())
            },
        )?;
        let mut new_names = (0..(self.rounds + 1) * CALLS)
            .map(|i| format!("micro-{}:event-{i}", i % MANY))
            .collect::<Vec<_>>()
            .into_iter();
        self.time_with(&label, "event bus, 1,000 globs, new names", |_, payload| {
            bus.emit(&new_names.next().context("no names left")?, payload)?;
            Ok(())
        })?;
        self.pages.close_all()
    }

    /// Times calls that reach no page.
    fn time(
        &mut self,
        title: &str,
        name: &str,
        mut emit: impl FnMut(&str, &Payload<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut figures = Vec::new();
        for _ in 0..=self.rounds {
            figures.push(nanoseconds(|_, payload| emit(name, payload))?);
        }
        self.note(title, figures)
    }

    /// Times calls whose events a page receives once it is no longer blocked.
    fn time_with(
        &mut self,
        label: &str,
        title: &str,
        mut emit: impl FnMut(usize, &Payload<'_>) -> Result<()>,
    ) -> Result<()> {
        let before = self.received(label)?;
        let mut figures = Vec::new();
        for round in 1..=self.rounds + 1 {
            let block = json!({ "order": "block", "ms": BUSY.as_millis() });
            self.pages.start(label, block);
            self.pages
                .await_one::<serde_json::Value>(label, "blocking")?;
            sleep(Duration::from_millis(30));
            figures.push(nanoseconds(&mut emit)?);
            // The next timing begins with an empty queue.
            let deadline = Instant::now() + Duration::from_secs(60);
            while self.received(label)? < before + (round * CALLS) as u64 {
                ensure!(Instant::now() < deadline, "{title}: events are missing");
            }
        }
        self.note(title, figures)
    }

    fn received(&self, label: &str) -> Result<u64> {
        self.pages.start(label, json!({ "order": "received" }));
        self.pages.await_one(label, "received")
    }

    /// Records the median, without the first figure, which warms up.
    fn note(&mut self, title: &str, mut figures: Vec<f64>) -> Result<()> {
        figures.remove(0);
        figures.sort_by(f64::total_cmp);
        let median = figures.get(figures.len() / 2).context("no rounds")?;
        self.figures.push((title.to_owned(), *median));
        Ok(())
    }
}

/// The mean duration of a call.
fn nanoseconds(mut emit: impl FnMut(usize, &Payload<'_>) -> Result<()>) -> Result<f64> {
    let content = Content::of(Body::Text(64));
    let payload = Payload {
        i: 10_000,
        at: now_micros(),
        body: &content,
    };
    let start = Instant::now();
    for i in 0..CALLS {
        emit(i, &payload)?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / CALLS as f64)
}
