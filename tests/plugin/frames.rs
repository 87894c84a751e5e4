//! Payloads whose bytes belong to the app, and whose drop uses the bus, wherever the bus drops them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tauri::App;
use tauri::test::MockRuntime;
use tauri_plugin_event_bus::{
    Builder, Bytes, EmitOptions, EventBus, EventBusExt, Limits, ListenOptions, Policy, Until,
};

use crate::support::{app_with, open};

const PATIENCE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(1);

/// Goes back to a pool, which says so on the bus.
struct Frame(EventBus, Arc<AtomicUsize>);

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &[1]
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.0.emit("free", 1).unwrap();
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// Emits frames as the test says, until one is dropped. With a lock held, that would wait for itself.
fn check(
    policy: Policy,
    options: EmitOptions,
    run: impl FnOnce(&App<MockRuntime>, &dyn Fn()) + Send + 'static,
) {
    let (sender, done) = mpsc::channel();
    std::thread::spawn(move || {
        let mut limits = Limits::default();
        limits.queue_events = 1;
        limits.backlog_events = 1;
        let app = app_with(Builder::new().limits(limits).policy("frame", policy));
        let (bus, freed) = (app.event_bus(), Arc::new(AtomicUsize::new(0)));
        let emit = || {
            let frame = Frame(bus.clone(), Arc::clone(&freed));
            let bytes = Bytes::from(bytes::Bytes::from_owner(frame));
            bus.emit_with("frame", bytes, options.clone()).unwrap();
        };
        run(&app, &|| {
            emit();
            std::thread::yield_now();
        });
        let end = Instant::now() + PATIENCE;
        while freed.load(Ordering::Relaxed) == 0 && Instant::now() < end {
            std::thread::yield_now();
        }
        sender.send(freed.load(Ordering::Relaxed)).unwrap();
    });
    assert!(done.recv_timeout(PATIENCE * 2).is_ok_and(|freed| freed > 0));
}

fn brief() -> EmitOptions {
    EmitOptions::new().expires(MOMENT)
}

#[test]
fn what_expires_in_a_queue_may_use_the_bus() {
    check(Policy::new(), brief(), |app, emit| {
        let stream = app.event_bus().stream("frame").unwrap();
        emit();
        std::mem::forget(stream);
    });
}

#[test]
fn what_expires_in_a_store_may_use_the_bus() {
    check(Policy::new().retain(true), brief(), |_, emit| emit());
    check(Policy::new().until(Until::Consumed), brief(), |_, emit| {
        emit()
    });
    check(Policy::new(), brief(), |app, emit| {
        open(app, "main");
        emit();
    });
}

#[test]
fn what_a_newer_event_pushes_out_may_use_the_bus() {
    let plain = EmitOptions::new;
    check(Policy::new().retain(true), plain(), |_, emit| {
        emit();
        emit();
    });
    for policy in [Policy::new(), Policy::new().latest()] {
        check(policy, plain(), |app, emit| {
            let stream = app.event_bus().stream("frame").unwrap();
            emit();
            emit();
            std::mem::forget(stream);
        });
    }
    check(Policy::new(), plain(), |app, emit| {
        let latest = ListenOptions::new().latest(true);
        let stream = app.event_bus().stream_with("frame", latest).unwrap();
        emit();
        emit();
        std::mem::forget(stream);
    });
    check(Policy::new(), plain(), |app, emit| {
        open(app, "main");
        emit();
        emit();
    });
}

#[test]
fn what_is_cleared_may_use_the_bus() {
    check(
        Policy::new().retain(true),
        EmitOptions::new(),
        |app, emit| {
            emit();
            app.event_bus().clear_retained("frame").unwrap();
        },
    );
}
