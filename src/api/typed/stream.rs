use std::marker::PhantomData;

use tauri_plugin_event_bus_types::Event;

use crate::api::stream::{EventStream, StreamItem};
use crate::model::error::Error;
use crate::model::event::{BusEvent, Gap};

use super::received::TypedEvent;

/// A stream of typed events; made by [`EventExt::stream`](crate::typed::EventExt::stream). See [`EventStream`] for its queue
/// and its end.
///
/// ```
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus::typed::*;
/// use tauri_plugin_event_bus::{EventBus, Result};
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct CartUpdated {
///     item_count: u32,
/// }
/// # impl Event for CartUpdated {
/// #     const NAME: &'static str = "cart:updated";
/// # }
///
/// async fn follow(bus: EventBus) -> Result<()> {
///     let mut carts = CartUpdated::stream(&bus)?;
///     while let Some(item) = carts.recv().await {
///         match item {
///             TypedItem::Event(event) => println!("{} items", event.payload.item_count),
///             TypedItem::Gap(gap) => eprintln!("{} events were lost", gap.count),
///             TypedItem::Invalid(_, error) => eprintln!("{error}"),
///         }
///     }
///     Ok(())
/// }
/// # let _ = follow;
/// ```
#[derive(Debug)]
#[must_use = "a stream yields nothing unless it is read"]
pub struct TypedStream<E> {
    stream: EventStream,
    payload_type: PhantomData<fn() -> E>,
}

/// An item of a [`TypedStream`].
#[derive(Debug, Clone)]
pub enum TypedItem<E> {
    /// An event.
    Event(TypedEvent<E>),
    /// Events that this stream lost.
    Gap(Gap),
    /// An event whose payload does not match the type, and the reason. The bus delivers one if the host emits another type
    /// under the name, or if the event is not registered.
    Invalid(BusEvent, Error),
}

impl<E: Event> TypedStream<E> {
    pub(super) fn new(stream: EventStream) -> Self {
        Self {
            stream,
            payload_type: PhantomData,
        }
    }

    /// Awaits the next item; `None` once the app exits. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<TypedItem<E>> {
        self.stream.recv().await.map(typed)
    }
}

fn typed<E: Event>(item: StreamItem) -> TypedItem<E> {
    match item {
        StreamItem::Event(event) => match TypedEvent::read(event) {
            Ok(event) => TypedItem::Event(event),
            Err((event, error)) => TypedItem::Invalid(event, error),
        },
        StreamItem::Gap(gap) => TypedItem::Gap(gap),
    }
}

#[cfg(feature = "stream")]
impl<E: Event> futures_core::Stream for TypedStream<E> {
    type Item = TypedItem<E>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::pin::Pin::new(&mut self.stream)
            .poll_next(context)
            .map(|item| item.map(typed))
    }
}
