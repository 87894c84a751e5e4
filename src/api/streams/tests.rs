//! Streams between the host and itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::api::bus::EventBus;
use crate::catalog::Catalog;
use crate::engine::core::Platform;
use crate::limits::Limits;
use crate::model::error::{ErrorCode, Result};
use crate::model::policies::Policies;
use crate::model::target::Target;
use crate::periodic::source::Sources;
use crate::runtime::BusRuntime;
use crate::sync::{Tasks, yield_now, yield_thread};

struct NoWebviews;

impl Platform for NoWebviews {
    fn window_of(&self, _: &str) -> Option<String> {
        None
    }

    fn is_closed(&self, _: &str) -> bool {
        false
    }
}

fn bus() -> EventBus {
    let runtime = BusRuntime::new(
        Limits::default(),
        Policies::default(),
        Sources::default(),
        Box::new(NoWebviews),
        Tasks::for_tests(),
    );
    EventBus::new(runtime, Catalog::default())
}

/// Reads parts until the end.
async fn read_all(parts: &mut super::request::PartStream<u32>) -> (Vec<u32>, Option<ErrorCode>) {
    let mut read = Vec::new();
    while let Some(part) = parts.recv().await {
        match part {
            Ok(part) => read.push(part),
            Err(error) => return (read, Some(error.code())),
        }
    }
    (read, None)
}

fn check_nothing_is_left(bus: &EventBus) {
    // The responders' tasks may still be ending.
    while bus.runtime().responders.counts().1 > 0 {
        yield_thread();
    }
    let hub = bus.runtime().core.hub();
    assert_eq!(hub.open_requests(), 0);
    assert_eq!(hub.open_inboxes(), 0);
}

#[test]
fn a_slow_reader_slows_the_responder_down() {
    let bus = bus();
    let sent = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&sent);
    let count = move |to: u32, out: super::sender::PartSender<u32>| {
        let sent = Arc::clone(&counted);
        async move {
            for number in 0..to {
                out.send(number).await?;
                sent.fetch_add(1, Ordering::SeqCst);
            }
            Ok("done")
        }
    };
    bus.respond_stream("count", count).unwrap().forget();
    Tasks::block_on_for_tests(async {
        let request = bus.request_stream::<u32>(Target::host(), "count", 1_000);
        let mut parts = request.credit_parts(4).await.unwrap();
        for number in 0..1_000 {
            assert_eq!(parts.recv().await, Some(Ok(number)));
            let read = number as usize + 1;
            assert!(sent.load(Ordering::SeqCst) <= read + 4);
        }
        assert_eq!(parts.recv().await, None);
        assert_eq!(parts.recv().await, None);
        assert_eq!(parts.response::<String>().await.unwrap(), "done");
    });
    check_nothing_is_left(&bus);
}

#[test]
fn a_failure_comes_behind_the_parts() {
    let bus = bus();
    let fail = |panics: bool, out: super::sender::PartSender<u32>| async move {
        out.send(1).await?;
        out.send(2).await?;
        if panics {
            panic!("on purpose");
        }
        Err::<(), _>("it failed".into())
    };
    bus.respond_stream("fail", fail).unwrap().forget();
    Tasks::block_on_for_tests(async {
        for (panics, text) in [(false, "it failed"), (true, "on purpose")] {
            let request = bus.request_stream::<u32>(Target::host(), "fail", panics);
            let mut parts = request.await.unwrap();
            let failed = Some(ErrorCode::ResponderFailed);
            assert_eq!(read_all(&mut parts).await, (vec![1, 2], failed));
            let error = parts.response::<()>().await.unwrap_err();
            assert!(error.message().contains(text), "{error}");
        }
    });
    check_nothing_is_left(&bus);
}

#[test]
fn a_responder_ends_with_its_stream() {
    let bus = bus();
    let held = Arc::new(());
    let captured = Arc::clone(&held);
    let hold = move |(): (), out: super::sender::PartSender<u32>| {
        let held = Arc::clone(&captured);
        async move {
            let _held = held;
            loop {
                out.send(1).await?;
            }
            #[allow(unreachable_code)]
            Ok(())
        }
    };
    let responder = bus.respond_stream("endless", hold).unwrap();
    Tasks::block_on_for_tests(async {
        let request = bus.request_stream::<u32>(Target::host(), "endless", ());
        let mut parts = request.await.unwrap();
        assert_eq!(parts.recv().await, Some(Ok(1)));
        assert_eq!(Arc::strong_count(&held), 3);
        parts.stop();
        while Arc::strong_count(&held) > 2 {
            yield_now().await;
        }
    });
    check_nothing_is_left(&bus);
    responder.stop();
    // Its last task may still be ending.
    while Arc::strong_count(&held) > 1 {
        yield_thread();
    }
}

#[test]
fn a_blocking_responder_waits_for_credit_and_ends() {
    let bus = bus();
    let (sender, ended) = std::sync::mpsc::channel();
    let count = move |to: u32, out: super::sender::PartSender<u32>| {
        let result = (0..to).try_for_each(|number| out.blocking_send(number));
        sender.send(result.clone()).unwrap();
        result?;
        Ok(out.context().name().to_owned())
    };
    bus.respond_stream_blocking("count", count)
        .unwrap()
        .forget();
    let request = |to: u32| {
        let request = bus.request_stream::<u32>(Target::host(), "count", to);
        request.credit_parts(2).into_future()
    };
    use std::future::IntoFuture as _;
    Tasks::block_on_for_tests(async {
        let mut parts = request(100).await.unwrap();
        assert_eq!(read_all(&mut parts).await, ((0..100).collect(), None));
        assert_eq!(parts.response::<String>().await.unwrap(), "count");
        assert_eq!(ended.recv().unwrap(), Ok(()));
        // It waits for credit when its stream is dropped.
        let mut parts = request(u32::MAX).await.unwrap();
        assert_eq!(parts.recv().await, Some(Ok(0)));
        drop(parts);
        let error = ended.recv().unwrap().unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled);
    });
    check_nothing_is_left(&bus);
}

#[test]
fn a_part_without_credit_is_refused_at_once() {
    let bus = bus();
    let (sender, refused) = std::sync::mpsc::channel();
    let send = move |(): (), out: super::sender::PartSender<Value>| {
        let sender = sender.clone();
        async move {
            out.try_send(json!(1))?;
            sender
                .send(out.try_send(json!(2)).unwrap_err().code())
                .unwrap();
            // What no reader would read ends nothing.
            let deep = (0..200).fold(json!(0), |inner, _| json!([inner]));
            let invalid = out.send(deep).await.unwrap_err();
            assert_eq!(invalid.code(), ErrorCode::InvalidPayload);
            out.send(json!(3)).await?;
            Ok(())
        }
    };
    bus.respond_stream("few", send).unwrap().forget();
    Tasks::block_on_for_tests(async {
        let request = bus.request_stream::<u8>(Target::host(), "few", ());
        let mut parts = request.credit_parts(1).await.unwrap();
        // Reading the first part gives credit for another one.
        assert_eq!(refused.recv(), Ok(ErrorCode::QueueFull));
        for part in [1, 3] {
            assert_eq!(parts.recv().await, Some(Ok(part)));
        }
    });
    check_nothing_is_left(&bus);
}

#[test]
#[cfg(feature = "stream")]
fn a_stream_of_parts_is_forwarded() {
    /// Counts to three.
    struct Three(u32);

    impl futures_core::Stream for Three {
        type Item = u32;

        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<u32>> {
            self.0 += 1;
            std::task::Poll::Ready((self.0 <= 3).then_some(self.0))
        }
    }

    let bus = bus();
    let forward = |(): (), out: super::sender::PartSender<u32>| async move {
        out.forward(Three(0)).await?;
        Ok(())
    };
    bus.respond_stream("three", forward).unwrap().forget();
    Tasks::block_on_for_tests(async {
        let request = bus.request_stream::<u32>(Target::host(), "three", ());
        let mut parts = request.await.unwrap();
        assert_eq!(read_all(&mut parts).await, (vec![1, 2, 3], None));
    });
    check_nothing_is_left(&bus);
}

#[test]
fn a_request_and_its_responder_are_of_one_kind() {
    let bus = bus();
    let stream = |(): (), out: super::sender::PartSender<u32>| async move {
        out.send(1).await?;
        Ok(())
    };
    bus.respond_stream("stream", stream).unwrap().forget();
    bus.respond("single", async |()| Ok(1)).unwrap().forget();
    let taken = bus.respond_stream("single", stream).unwrap_err();
    assert_eq!(taken.code(), ErrorCode::DuplicateResponder);
    Tasks::block_on_for_tests(async {
        let wrong: Result<()> = bus.request(Target::host(), "stream", ()).await;
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.code(), ErrorCode::NoResponder);
        assert!(wrong.message().contains("request_stream"), "{wrong}");
        let request = bus.request_stream::<u32>(Target::host(), "single", ());
        let wrong = request.await.unwrap_err();
        assert_eq!(wrong.code(), ErrorCode::NoResponder);
        assert!(wrong.message().contains("use request"), "{wrong}");
        for (bytes, parts, key) in [(0, 1, "queueBytes"), (1, usize::MAX, "queueEvents")] {
            let request = bus.request_stream::<u32>(Target::host(), "stream", ());
            let request = request.credit_bytes(bytes).credit_parts(parts);
            let wrong = request.await.unwrap_err();
            assert_eq!(wrong.code(), ErrorCode::InvalidArgument);
            assert!(wrong.message().contains(key), "{wrong}");
        }
    });
    check_nothing_is_left(&bus);
}

/// A third completes, a third fails, and a third is dropped in the middle.
#[test]
fn ten_thousand_streams_leave_nothing() {
    const AT_ONCE: u32 = 64;
    let bus = bus();
    let held = Arc::new(());
    let captured = Arc::clone(&held);
    let respond = move |number: u32, out: super::sender::PartSender<u32>| {
        let held = Arc::clone(&captured);
        async move {
            let _held = held;
            for part in 0..8 {
                out.send(part).await?;
            }
            match number % 3 {
                0 => Ok(number),
                1 => Err("no".into()),
                _ => std::future::pending().await,
            }
        }
    };
    let responder = bus.respond_stream("parts", respond).unwrap();
    let mut ends = HashMap::new();
    Tasks::block_on_for_tests(async {
        for _ in 0..10_000 / AT_ONCE {
            let mut open = Vec::new();
            for number in 0..AT_ONCE {
                let request = bus.request_stream::<u32>(Target::host(), "parts", number);
                open.push(request.credit_parts(3).await.unwrap());
            }
            for (number, mut parts) in (0..).zip(open) {
                if number % 3 == 2 {
                    assert_eq!(parts.recv().await, Some(Ok(0)));
                    continue;
                }
                let (read, code) = read_all(&mut parts).await;
                assert_eq!(read, (0..8).collect::<Vec<_>>());
                *ends.entry(code).or_insert(0_u32) += 1;
            }
        }
    });
    assert_eq!(ends.len(), 2, "{ends:?}");
    drop(responder);
    check_nothing_is_left(&bus);
    while Arc::strong_count(&held) > 1 {
        yield_thread();
    }
}
