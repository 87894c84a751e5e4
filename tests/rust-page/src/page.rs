//! What a test does on the bus, from Rust.

use std::cell::RefCell;
use std::fmt::Debug;
use std::time::Duration;

use js_sys::Promise;
use js_sys::futures::{future_to_promise, spawn_local};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tauri_plugin_event_bus_guest::{
    Bytes, EmitOptions, Error, Event, HOST, ListenOptions, PartSender, Request, Responder, Result,
    StreamOptions, StreamRequest, Subscription, TypedEvent, TypedItem, emit, emit_named, emit_to,
    emit_with, is_available, listen_named, listen_with, on, request, request_stream,
    respond_stream, respond_with,
};
use wasm_bindgen::prelude::*;

use crate::payloads::{Cart, Item};

/// A picture, with bytes at two places.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Picture {
    pixels: Bytes,
    layers: Vec<Bytes>,
}

impl Event for Picture {
    const NAME: &'static str = "picture";
}

/// A number that JavaScript may not read.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Big(u64);

impl Event for Big {
    const NAME: &'static str = "big";
}

/// Adds numbers.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Sum {
    numbers: Vec<f64>,
}

impl Request for Sum {
    const NAME: &'static str = "sum";
    type Response = f64;
}

/// Counts.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Count {
    to: u32,
}

impl StreamRequest for Count {
    const NAME: &'static str = "count";
    type Part = u32;
    type Response = String;
}

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static KEPT: RefCell<Vec<Box<dyn std::any::Any>>> = const { RefCell::new(Vec::new()) };
}

fn log(line: impl Into<String>) {
    LOG.with_borrow_mut(|lines| lines.push(line.into()));
}

fn keep(handle: impl std::any::Any) {
    KEPT.with_borrow_mut(|kept| kept.push(Box::new(handle)));
}

/// Takes what was written into the log.
#[wasm_bindgen(js_name = takeLog)]
pub fn take_log() -> Vec<String> {
    LOG.take()
}

/// Drops all handles, which ends what they stand for.
#[wasm_bindgen]
pub fn stop() {
    let kept = KEPT.take();
    drop(kept);
}

/// Whether there is a bus.
#[wasm_bindgen]
pub fn available() -> bool {
    is_available()
}

fn promised<T: Debug>(future: impl Future<Output = Result<T>> + 'static) -> Promise {
    future_to_promise(async move {
        Ok(match future.await {
            Ok(value) => format!("{value:?}"),
            Err(error) => {
                let failure = error.failure().map(|failure| &failure.message);
                format!("{}: {} ({failure:?})", error.code(), error.message())
            }
        }
        .into())
    })
}

fn cart(item_count: u32) -> Cart {
    Cart {
        item_count,
        note: None,
        items: vec![Item {
            name: "tea".to_owned(),
            price: 2.5,
        }],
    }
}

/// Emits a cart to everyone, retained.
#[wasm_bindgen(js_name = emitCart)]
pub fn emit_cart(item_count: u32) -> Promise {
    promised(emit_with(
        &cart(item_count),
        EmitOptions::new()
            .retain(true)
            .expires(Duration::from_secs(60)),
    ))
}

/// Emits a picture to a label.
#[wasm_bindgen(js_name = emitPicture)]
pub fn emit_picture(to: &str) -> Promise {
    let picture = Picture {
        pixels: vec![1, 2, 255].into(),
        layers: vec![Bytes::new(), Bytes::from_static(b"x")],
    };
    promised(emit_to(to, &picture))
}

/// Emits a payload that is nothing but bytes, by name.
#[wasm_bindgen(js_name = emitBytes)]
pub fn emit_bytes() -> Promise {
    promised(emit_named(
        "bytes",
        &Bytes::from(vec![7, 8]),
        EmitOptions::new(),
    ))
}

/// Emits what no page could read, and does not wait.
#[wasm_bindgen(js_name = emitBig)]
pub fn emit_big() -> Promise {
    promised(emit(&Big(u64::MAX)))
}

fn told<P: Debug>(item: &TypedItem<P>) -> String {
    match item {
        TypedItem::Event(event) => format!(
            "{} {:?} seq {} from {:?} retained {} causes {:?}",
            event.name(),
            event.payload,
            event.seq(),
            event.source(),
            event.is_retained(),
            event.causes()
        ),
        TypedItem::Gap(gap) => format!("gap of {} ({:?})", gap.count, gap.reason),
        TypedItem::Invalid(event, error) => format!("invalid {}: {error}", event.name()),
        TypedItem::Ended(error) => format!("ended: {} {error}", error.code()),
    }
}

/// Follows carts with a loop.
#[wasm_bindgen(js_name = followCarts)]
pub fn follow_carts(buffer: usize) -> Promise {
    let mut carts = listen_with::<Cart>(ListenOptions::new().buffer(buffer));
    future_to_promise(async move {
        // The host has accepted it before anything else happens, or it ends.
        let _ = carts.accepted().await;
        spawn_local(async move {
            while let Some(item) = carts.recv().await {
                log(told(&item));
                // A loop that is slow: it lets others run before it takes the next one.
                if buffer < 1_024 {
                    let _ = js_sys::futures::JsFuture::from(later()).await;
                }
            }
            log("no more carts");
        });
        Ok(JsValue::UNDEFINED)
    })
}

#[wasm_bindgen]
extern "C" {
    /// A promise that the test resolves when it lets the loop go on.
    #[wasm_bindgen(js_namespace = globalThis)]
    fn later() -> Promise;
}

/// Follows pictures, and whatever a pattern matches.
#[wasm_bindgen(js_name = followPictures)]
pub fn follow_pictures() {
    keep(on(|event: TypedEvent<Picture>| {
        log(format!("{:?}", event.payload));
    }));
    let mut all = listen_named::<serde_json::Value>("log:*", ListenOptions::new());
    spawn_local(async move {
        while let Some(item) = all.recv().await {
            log(told(&item));
        }
    });
}

/// Emits a picture that each cart causes, later too.
#[wasm_bindgen(js_name = emitCaused)]
pub fn emit_caused() {
    keep(on(|event: TypedEvent<Cart>| {
        let picture = Picture {
            pixels: Bytes::new(),
            layers: Vec::new(),
        };
        drop(emit(&picture));
        spawn_local(async move {
            if let Err(error) = event.emit(&picture).await {
                log(error.message());
            }
        });
    }));
}

/// Requests a sum of the host.
#[wasm_bindgen(js_name = requestSum)]
pub fn request_sum() -> Promise {
    promised(async {
        let sum = Sum {
            numbers: vec![1.0, 2.5],
        };
        request(HOST, &sum).timeout(Duration::from_secs(5)).await
    })
}

/// Sends a request, and drops its future.
#[wasm_bindgen(js_name = dropRequest)]
pub fn drop_request() {
    let mut sent = Box::pin(async {
        let sum = Sum { numbers: vec![] };
        request(HOST, &sum).await
    });
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    log(format!("{:?}", sent.as_mut().poll(&mut context)));
}

/// Responds to requests for sums. The sum of nothing is an error, and that of one number never comes.
#[wasm_bindgen(js_name = respondSum)]
pub fn respond_sum() -> Promise {
    struct Dropped;
    impl Drop for Dropped {
        fn drop(&mut self) {
            log("the responder's future was dropped");
        }
    }
    let responder = respond_with(|sum: Sum, context| async move {
        log(format!("sum for {:?}", context.caller()));
        match sum.numbers.as_slice() {
            [] => Err("there is nothing to add"),
            [_] => {
                let _dropped = Dropped;
                std::future::pending().await
            }
            numbers => Ok(numbers.iter().sum()),
        }
    });
    accept(responder)
}

fn accept(responder: Responder) -> Promise {
    future_to_promise(async move {
        let accepted = responder.accepted().await;
        keep(responder);
        Ok(format!("{accepted:?}").into())
    })
}

/// Requests a stream of numbers, up to so many parts.
#[wasm_bindgen(js_name = readCount)]
pub fn read_count(most: usize) -> Promise {
    promised(async move {
        let mut parts = request_stream(HOST, &Count { to: 3 }, StreamOptions::new())?;
        for _ in 0..most {
            match parts.recv().await {
                Some(part) => log(format!("part {}", part?)),
                None => log("no more parts"),
            }
        }
        if most == 1 {
            return Ok("left".to_owned());
        }
        parts.response().await
    })
}

/// Responds with streams of numbers.
#[wasm_bindgen(js_name = respondCount)]
pub fn respond_count() -> Promise {
    accept(respond_stream(
        |count: Count, parts: PartSender<u32>| async move {
            for number in 1..=count.to {
                parts.send(&number).await?;
                log(format!("sent {number}"));
            }
            if count.to == 0 {
                return Err(Error::new(
                    tauri_plugin_event_bus_guest::ErrorCode::InvalidArgument,
                    "nothing to count",
                ));
            }
            Ok(format!("counted to {}", count.to))
        },
    ))
}

/// The handle of a subscription is dropped with its scope.
#[wasm_bindgen(js_name = listenBriefly)]
pub fn listen_briefly() {
    let brief: Subscription = on(|_: TypedEvent<Cart>| log("brief"));
    brief.stop();
}
