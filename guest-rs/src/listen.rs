//! Listening, with a function or as a stream.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use js_sys::futures::JsFuture;
use js_sys::{Array, Promise};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tauri_plugin_event_bus_types::{Event, Result, Target};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::event::{Gap, TypedEvent, TypedItem};
use crate::js;
use crate::payload::{error_of, options_text, read, thrown};

/// How many items wait for a loop, unless [`ListenOptions::buffer`] says otherwise.
const BUFFER: usize = 1_024;

/// Calls a function with each event of a type, until the returned handle is dropped.
///
/// An event that does not match the type, and a refusal of the host, are reported on the console.
///
/// ```no_run
/// # use serde::{Deserialize, Serialize};
/// # use schemars::JsonSchema;
/// # #[derive(Serialize, Deserialize, JsonSchema)]
/// # struct CartUpdated { item_count: u32 }
/// # impl Event for CartUpdated { const NAME: &'static str = "cart:updated"; }
/// use tauri_plugin_event_bus_guest::{Event, TypedEvent, on};
///
/// on(|event: TypedEvent<CartUpdated>| println!("{} items", event.payload.item_count)).forget();
/// ```
pub fn on<E: Event>(handler: impl FnMut(TypedEvent<E>) + 'static) -> Subscription {
    on_with(ListenOptions::new(), handler)
}

/// Calls a function with each event of a type, with options. Otherwise as [`on`].
pub fn on_with<E: Event>(
    options: ListenOptions,
    mut handler: impl FnMut(TypedEvent<E>) + 'static,
) -> Subscription {
    let deliver = move |text: String, pieces: Array, event: js::JsEvent| {
        let payload = read::<E>(format_args!("the payload of {:?}", E::NAME), text, &pieces);
        match payload {
            Ok(payload) => {
                handler(TypedEvent::new(payload, event));
                Ok(())
            }
            // The guest package reports what a handler throws.
            Err(error) => Err(thrown(&error)),
        }
    };
    Subscription::begin(E::NAME, &options, deliver, None)
}

/// Listens to the events of a type, as a stream. It listens from this call on, and until the stream is dropped.
///
/// Events that arrive while the task is busy are buffered. When the buffer is full, the oldest event is dropped, and a
/// [`TypedItem::Gap`] takes its place. The gaps of the host are items, too.
///
/// ```no_run
/// # use serde::{Deserialize, Serialize};
/// # use schemars::JsonSchema;
/// # #[derive(Serialize, Deserialize, JsonSchema)]
/// # struct CartUpdated { item_count: u32 }
/// # impl Event for CartUpdated { const NAME: &'static str = "cart:updated"; }
/// use tauri_plugin_event_bus_guest::{Event, TypedItem, listen};
///
/// async fn follow() {
///     let mut carts = listen::<CartUpdated>();
///     while let Some(item) = carts.recv().await {
///         match item {
///             TypedItem::Event(event) => println!("{} items", event.payload.item_count),
///             TypedItem::Gap(gap) => println!("{} events are missing", gap.count),
///             TypedItem::Invalid(_, error) | TypedItem::Ended(error) => println!("{error}"),
///         }
///     }
/// }
/// # let _ = follow;
/// ```
pub fn listen<E: Event>() -> EventStream<E> {
    listen_with(ListenOptions::new())
}

/// Listens to the events of a type, with options. Otherwise as [`listen`].
pub fn listen_with<E: Event>(options: ListenOptions) -> EventStream<E> {
    listen_named(E::NAME, options)
}

/// Listens by a name, or by a pattern such as `log:*`, and reads each payload as `P`. For all payloads of a pattern that has
/// several, use [`serde_json::Value`]. Otherwise as [`listen`].
pub fn listen_named<P: DeserializeOwned + 'static>(
    pattern: &str,
    options: ListenOptions,
) -> EventStream<P> {
    let limit = options.buffer.unwrap_or(BUFFER).max(1);
    let queue = Rc::new(RefCell::new(Queue::new(limit)));
    let (arrived, lost, over) = (Rc::clone(&queue), Rc::clone(&queue), Rc::clone(&queue));
    let deliver = move |text: String, pieces: Array, event: js::JsEvent| {
        let what = format!("the payload of {:?}", event.event());
        let item = match read(what, text, &pieces) {
            Ok(payload) => TypedItem::Event(TypedEvent::new(payload, event)),
            Err(error) => TypedItem::Invalid(TypedEvent::new((), event), error),
        };
        Queue::push(&arrived, item);
        Ok(())
    };
    let gap = move |gap: js::JsGap| Queue::push(&lost, TypedItem::Gap(Gap::read(&gap)));
    let ended = move |reason: JsValue| {
        let error = (!reason.is_undefined()).then(|| TypedItem::Ended(error_of(&reason)));
        Queue::end(&over, error);
    };
    let observers = Observers {
        gap: Closure::wrap_assert_unwind_safe(Box::new(gap)),
        ended: Closure::wrap_assert_unwind_safe(Box::new(ended)),
    };
    EventStream {
        subscription: Subscription::begin(pattern, &options, deliver, Some(observers)),
        queue,
    }
}

/// What a subscription calls with an event.
type Deliver = dyn FnMut(String, Array, js::JsEvent) -> Result<(), JsValue>;

/// What a stream takes beside events.
struct Observers {
    gap: Closure<dyn FnMut(js::JsGap)>,
    ended: Closure<dyn FnMut(JsValue)>,
}

/// A subscription with a function. It ends when this is dropped.
#[must_use = "the subscription ends when this is dropped; keep it, or call `forget`"]
pub struct Subscription {
    subscription: js::Subscription,
    // JavaScript calls them until the subscription has ended.
    _deliver: Closure<Deliver>,
    _observers: Option<Observers>,
}

impl Subscription {
    fn begin(
        pattern: &str,
        options: &ListenOptions,
        deliver: impl FnMut(String, Array, js::JsEvent) -> Result<(), JsValue> + 'static,
        observers: Option<Observers>,
    ) -> Self {
        let deliver: Closure<Deliver> = Closure::wrap_assert_unwind_safe(Box::new(deliver));
        let nothing = JsValue::UNDEFINED;
        let (gap, ended) = observers.as_ref().map_or((&nothing, &nothing), |both| {
            (both.gap.as_js_value(), both.ended.as_js_value())
        });
        Self {
            subscription: js::listen(
                pattern,
                &options_text(options),
                deliver.as_js_value(),
                gap,
                ended,
            ),
            _deliver: deliver,
            _observers: observers,
        }
    }

    /// Resolves once the host has accepted it.
    ///
    /// # Errors
    ///
    /// Those of `listen` in TypeScript.
    pub async fn accepted(&self) -> Result<()> {
        accepted(&self.subscription).await
    }

    /// Keeps it for as long as the page lives.
    pub fn forget(self) {
        std::mem::forget(self);
    }

    /// Ends it, as dropping it does.
    pub fn stop(self) {}
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.subscription.stop();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

/// Waits until the host has accepted what this handle stands for.
pub(crate) async fn accepted(handle: &js::Subscription) -> Result<()> {
    let handle: &JsValue = handle.unchecked_ref();
    let settled = JsFuture::from(Promise::resolve(handle)).await;
    settled.map(drop).map_err(|reason| error_of(&reason))
}

/// The events of a type or pattern, as a stream; made by [`listen`].
#[must_use = "a stream yields nothing unless it is read"]
pub struct EventStream<P> {
    subscription: Subscription,
    queue: Rc<RefCell<Queue<P>>>,
}

impl<P> EventStream<P> {
    /// Awaits the next item; `None` once the subscription has ended. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<TypedItem<P>> {
        std::future::poll_fn(|context| self.poll_item(context)).await
    }

    /// Resolves once the host has accepted the subscription.
    ///
    /// # Errors
    ///
    /// Those of `listen` in TypeScript.
    pub async fn accepted(&self) -> Result<()> {
        self.subscription.accepted().await
    }

    fn poll_item(&self, context: &mut Context<'_>) -> Poll<Option<TypedItem<P>>> {
        let mut queue = self.queue.borrow_mut();
        if let Some(gap) = queue.dropped.take() {
            return Poll::Ready(Some(TypedItem::Gap(gap)));
        }
        let next = queue.items.pop_front();
        if next.is_some() || queue.is_over {
            return Poll::Ready(next);
        }
        queue.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<P> Stream for EventStream<P> {
    type Item = TypedItem<P>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(context)
    }
}

impl<P> fmt::Debug for EventStream<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

/// What waits for a task that reads a stream.
struct Queue<P> {
    items: VecDeque<TypedItem<P>>,
    limit: usize,
    /// What did not find room.
    dropped: Option<Gap>,
    is_over: bool,
    waker: Option<Waker>,
}

impl<P> Queue<P> {
    fn new(limit: usize) -> Self {
        Self {
            items: VecDeque::new(),
            limit,
            dropped: None,
            is_over: false,
            waker: None,
        }
    }

    fn push(queue: &RefCell<Self>, item: TypedItem<P>) {
        // What is dropped, and a waker, may run foreign code, so the queue is free by then.
        let (waker, _oldest) = {
            let mut queue = queue.borrow_mut();
            queue.items.push_back(item);
            let oldest = if queue.items.len() > queue.limit {
                queue.items.pop_front()
            } else {
                None
            };
            if let Some(oldest) = &oldest {
                queue.dropped = Gap::dropped(queue.dropped.take(), oldest);
            }
            (queue.waker.take(), oldest)
        };
        wake(waker);
    }

    fn end(queue: &RefCell<Self>, last: Option<TypedItem<P>>) {
        let waker = {
            let mut queue = queue.borrow_mut();
            queue.items.extend(last);
            queue.is_over = true;
            queue.waker.take()
        };
        wake(waker);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// How a subscription is narrowed.
///
/// ```
/// use tauri_plugin_event_bus_guest::ListenOptions;
///
/// // Only what happens from now on.
/// let options = ListenOptions::new().replay(false).retained(false);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default, Serialize)]
pub struct ListenOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retained: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest: Option<bool>,
    #[serde(skip)]
    buffer: Option<usize>,
}

impl ListenOptions {
    /// Receives broadcasts and all that is sent to this page, what came while it started up, and retained events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Receives only what was sent to this target: the webview or the window of this page.
    #[must_use]
    pub fn target(mut self, target: impl Into<Target>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Whether events are received that came before this page listened. They are by default, while the page starts up.
    #[must_use]
    pub fn replay(mut self, replay: bool) -> Self {
        self.replay = Some(replay);
        self
    }

    /// Whether retained events are received, before all others. They are by default.
    #[must_use]
    pub fn retained(mut self, retained: bool) -> Self {
        self.retained = Some(retained);
        self
    }

    /// Whether only the newest event of a name waits for this page.
    #[must_use]
    pub fn latest(mut self, latest: bool) -> Self {
        self.latest = Some(latest);
        self
    }

    /// How many events wait while the loop over a stream is busy: 1,024 by default, and at least 1.
    #[must_use]
    pub fn buffer(mut self, events: usize) -> Self {
        self.buffer = Some(events);
        self
    }
}
