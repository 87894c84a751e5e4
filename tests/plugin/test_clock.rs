//! The clock of a test bus: what is about time, without waiting.

use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use tauri::async_runtime::{block_on, spawn};
use tauri_plugin_event_bus::periodic::{JobChanges, JobState, MissedTickBehavior};
use tauri_plugin_event_bus::test::TestBus;
use tauri_plugin_event_bus::{
    Builder, EmitOptions, Endpoint, ErrorCode, EventBusExt, Limits, Target,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_job_ticks_once_for_each_interval() {
    let bus = TestBus::new();
    let clock = bus.clock();
    let own = bus.event_bus();
    let main = bus.page("main");
    let job = own.periodic("tick").every(SECOND).start().unwrap();
    own.periodic("rare")
        .every(MINUTE)
        .missed_ticks(MissedTickBehavior::Skip)
        .start()
        .unwrap()
        .forget();
    clock.advance(10 * SECOND - Duration::from_millis(1));
    assert_eq!(bus.history("tick").len(), 9);
    clock.advance(MINUTE);
    assert_eq!(
        (bus.history("tick").len(), bus.history("rare").len()),
        (69, 1)
    );
    assert_eq!(main.received("tick").len(), 69);
    let ticks = bus.history("tick");
    assert!(
        ticks
            .iter()
            .all(|event| event.tick.as_ref().is_some_and(|tick| tick.missed == 0))
    );
    job.pause().unwrap();
    clock.advance(HOUR);
    assert_eq!(bus.history("tick").len(), 69);
    job.resume().unwrap();
    clock.advance(SECOND);
    assert_eq!(bus.history("tick").len(), 70);
    assert_eq!(main.received("tick").len(), 70);
}

#[test]
fn an_idle_job_misses_no_ticks() {
    let bus = TestBus::new();
    let clock = bus.clock();
    let own = bus.event_bus();
    let job = own.periodic("tick").every(SECOND);
    let job = job.only_while_listened().start().unwrap();
    clock.advance(MINUTE);
    assert_eq!(job.info().state, JobState::Idle);
    job.update(JobChanges::new().every(2 * SECOND)).unwrap();
    assert_eq!(job.info().missed, 0);
    let _listener = own.listen("tick", |_| ()).unwrap();
    clock.advance(2 * SECOND);
    let ticks = bus.history("tick");
    let missed = ticks.iter().filter_map(|event| event.tick.as_ref());
    let missed: Vec<u64> = missed.map(|tick| tick.missed).collect();
    assert_eq!(missed, [0]);
}

#[test]
fn a_source_is_waited_for() {
    let (sender, calls) = mpsc::channel();
    let builder = Builder::new().job_source("count", move |_| {
        sender.send(()).unwrap();
        Ok::<_, String>(7)
    });
    let bus = TestBus::with(builder);
    let clock = bus.clock();
    let own = bus.event_bus();
    own.periodic("sampled")
        .every(SECOND)
        .source("count", ())
        .start()
        .unwrap()
        .forget();
    clock.advance(3 * SECOND);
    assert_eq!(bus.emitted::<u32>("sampled"), [7, 7, 7]);
    assert_eq!(calls.try_iter().count(), 3);
}

#[test]
fn delays_end_at_their_time() {
    let bus = TestBus::new();
    let clock = bus.clock();
    let own = bus.event_bus();
    own.emit_after("tea", 3 * MINUTE, "Assam")
        .start()
        .unwrap()
        .forget();
    let at = bus_time(&bus) + HOUR;
    own.emit_at("lunch", at, ()).start().unwrap().forget();
    clock.advance(3 * MINUTE - SECOND);
    assert_eq!(bus.history("tea").len(), 0);
    clock.advance(SECOND);
    assert_eq!(bus.emitted::<String>("tea"), ["Assam"]);
    clock.advance(HOUR);
    let lunch = bus.history("lunch");
    assert_eq!(lunch[0].tick.as_ref().map(|tick| tick.missed), Some(0));
}

/// The time of day on the clock of the bus, by the timestamp of an event.
fn bus_time(bus: &TestBus) -> SystemTime {
    let main = bus.page("main");
    main.emit("now", ()).unwrap();
    bus.settle();
    main.received("now").last().unwrap().timestamp()
}

#[test]
fn timestamps_follow_the_clock() {
    let bus = TestBus::new();
    let clock = bus.clock();
    let before = bus_time(&bus);
    assert_eq!(bus_time(&bus), before, "it stands still");
    clock.advance(HOUR);
    assert_eq!(bus_time(&bus), before + HOUR);
}

#[test]
fn what_expires_is_gone_after_its_time() {
    let bus = TestBus::new();
    let clock = bus.clock();
    let own = bus.event_bus();
    for name in ["kept", "brief"] {
        let options = EmitOptions::new().retain(true);
        let options = match name {
            "brief" => options.expires(MINUTE),
            _ => options,
        };
        own.emit_with(name, 1, options).unwrap();
    }
    clock.advance(MINUTE - SECOND);
    let early = bus.page("early");
    bus.settle();
    assert_eq!(early.received("*").len(), 2);
    clock.advance(SECOND);
    let late = bus.page("late");
    bus.settle();
    let names: Vec<String> = late
        .received("*")
        .iter()
        .map(|event| event.name().to_owned())
        .collect();
    assert_eq!(names, ["kept"]);
}

#[test]
fn requests_time_out_at_their_time() {
    let bus = TestBus::new();
    let clock = bus.clock();
    let own = bus.event_bus();
    own.respond("never", async |()| {
        std::future::pending::<()>().await;
        Ok(1)
    })
    .unwrap()
    .forget();
    let (sender, ended) = mpsc::channel();
    let request = own
        .request::<u8>(Target::host(), "never", ())
        .timeout(MINUTE);
    spawn(async move { sender.send(request.await).unwrap() });
    // It is sent once its task runs.
    while bus.event_bus().inspect().seq == 0 && bus.records().is_empty() {
        std::thread::yield_now();
    }
    clock.advance(MINUTE - SECOND);
    assert!(ended.try_recv().is_err());
    clock.advance(SECOND);
    let error = ended.recv().unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Timeout);

    let waiting = own.wait_for("nothing").timeout(HOUR);
    let waiting = spawn(waiting);
    block_on(async {
        // Its timer begins when it is polled.
        while !waiting.inner().is_finished() {
            clock.advanced(HOUR).await;
        }
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.code(), ErrorCode::Timeout);
    });
}

#[test]
fn pages_stay_while_time_passes() {
    let bus = TestBus::new();
    let clock = bus.clock();
    let main = bus.page("main");
    clock.advance(HOUR);
    bus.event_bus().emit_to("main", "still-there", ()).unwrap();
    bus.settle();
    assert_eq!(main.received("still-there").len(), 1);
    assert_eq!(bus.history("still-there")[0].source, Endpoint::Host);
}

#[test]
fn buses_have_clocks_of_their_own() {
    let (moved, other) = (
        TestBus::with(Builder::new().limits(Limits::default())),
        TestBus::new(),
    );
    let clock = moved.clock();
    for bus in [&moved, &other] {
        bus.event_bus()
            .periodic("tick")
            .every(HOUR)
            .start()
            .unwrap()
            .forget();
    }
    clock.advance(5 * HOUR);
    assert_eq!(
        (moved.history("tick").len(), other.history("tick").len()),
        (5, 0)
    );
    assert_eq!(clock.passed() >= 5 * HOUR, other.clock().passed() < HOUR);
}
