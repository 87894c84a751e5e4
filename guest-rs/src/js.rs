//! What the crate calls in `bus.js`, which is made from the guest package.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/bus.js")]
extern "C" {
    #[wasm_bindgen(js_name = isAvailable)]
    pub(crate) fn is_available() -> bool;

    #[wasm_bindgen(catch)]
    pub(crate) fn value(text: &str, places: &str, pieces: &Array) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = busError)]
    pub(crate) fn bus_error(code: &str, message: &str) -> JsValue;

    pub(crate) fn failure(name: &str, message: &str) -> JsValue;

    #[wasm_bindgen(js_name = readError)]
    pub(crate) fn read_error(reason: &JsValue) -> JsError;

    pub(crate) fn emit(name: &str, payload: &JsValue, options: &str, cause: &JsValue) -> Promise;

    pub(crate) fn listen(
        name: &str,
        options: &str,
        deliver: &JsValue,
        gap: &JsValue,
        ended: &JsValue,
    ) -> Subscription;

    #[cfg(feature = "leptos")]
    pub(crate) fn latest(name: &str, changed: &JsValue) -> js_sys::Function;

    pub(crate) fn request(to: &str, name: &str, payload: &JsValue, options: &str) -> Sent;

    #[wasm_bindgen(js_name = whenStopped)]
    pub(crate) fn when_stopped(context: &JsContext, stop: &JsValue);

    pub(crate) fn respond(name: &str, run: &JsValue) -> Subscription;

    #[wasm_bindgen(js_name = requestStream)]
    pub(crate) fn request_stream(
        to: &str,
        name: &str,
        payload: &JsValue,
        options: &str,
    ) -> Incoming;

    #[wasm_bindgen(js_name = respondStream)]
    pub(crate) fn respond_stream(name: &str, run: &JsValue) -> Subscription;
}

// What these functions take and return has no classes that could be imported.
#[wasm_bindgen]
extern "C" {
    /// A handle that ends what it stands for. It is a promise, too.
    pub(crate) type Subscription;

    #[wasm_bindgen(method)]
    pub(crate) fn stop(this: &Subscription);

    /// A payload: text and pieces of bytes.
    pub(crate) type Marked;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn text(this: &Marked) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn pieces(this: &Marked) -> Array;

    pub(crate) type JsError;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn code(this: &JsError) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn message(this: &JsError) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn name(this: &JsError) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn stack(this: &JsError) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = retryAfterMs)]
    pub(crate) fn retry_after_ms(this: &JsError) -> Option<f64>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn cause(this: &JsError) -> Option<JsError>;

    pub(crate) type JsReceipt;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn seq(this: &JsReceipt) -> f64;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn pages(this: &JsReceipt) -> f64;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn listeners(this: &JsReceipt) -> f64;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn linked(this: &JsReceipt) -> Option<bool>;

    /// An event. It also emits what it causes.
    #[derive(Clone)]
    pub(crate) type JsEvent;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn event(this: &JsEvent) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn seq(this: &JsEvent) -> f64;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn timestamp(this: &JsEvent) -> f64;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn source(this: &JsEvent) -> JsEndpoint;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn component(this: &JsEvent) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn causes(this: &JsEvent) -> Option<Array>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn traceparent(this: &JsEvent) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn replayed(this: &JsEvent) -> bool;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn retained(this: &JsEvent) -> bool;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn redelivered(this: &JsEvent) -> Option<bool>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn superseded(this: &JsEvent) -> Option<f64>;

    pub(crate) type JsEndpoint;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn label(this: &JsEndpoint) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn node(this: &JsEndpoint) -> Option<String>;

    pub(crate) type JsGap;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn from(this: &JsGap) -> f64;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn to(this: &JsGap) -> f64;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn count(this: &JsGap) -> f64;

    #[wasm_bindgen(method, getter, js_name = atMost)]
    pub(crate) fn at_most(this: &JsGap) -> bool;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn reason(this: &JsGap) -> String;

    /// A request that is on its way.
    pub(crate) type Sent;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn response(this: &Sent) -> Promise;

    #[wasm_bindgen(method)]
    pub(crate) fn cancel(this: &Sent);

    /// What a responder learns of a request. It also emits what the request causes.
    #[derive(Clone)]
    pub(crate) type JsContext;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn name(this: &JsContext) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn caller(this: &JsContext) -> JsEndpoint;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn component(this: &JsContext) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn causes(this: &JsContext) -> Array;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn traceparent(this: &JsContext) -> Option<String>;

    /// A stream that this page reads.
    pub(crate) type Incoming;

    #[wasm_bindgen(method)]
    pub(crate) fn next(this: &Incoming) -> Promise;

    #[wasm_bindgen(method)]
    pub(crate) fn response(this: &Incoming) -> Promise;

    #[wasm_bindgen(method)]
    pub(crate) fn stop(this: &Incoming);

    /// A stream that this page sends.
    #[derive(Clone)]
    pub(crate) type Parts;

    #[wasm_bindgen(method)]
    pub(crate) fn send(this: &Parts, value: &JsValue) -> Promise;
}
