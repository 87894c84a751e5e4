//! Responders of the host that respond with streams.

use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Weak};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::respond::{Responder, ResponderResult, read_request, write_response};
use crate::api::streams::sender::PartSender;
use crate::engine::core::Core;
use crate::engine::parts::PartSink;
use crate::engine::responders::{Handler, IncomingRequest, ResponseFuture};
use crate::hub::requests::ResponderKind;
use crate::model::error::{Error, ErrorCode, Result};

impl EventBus {
    /// Responds to requests of this name to the host with a stream: parts, and then a response.
    ///
    /// The closure gets the request and a [`PartSender`]. [`PartSender::send`] waits until there is credit, so a slow consumer
    /// slows the future down. The future's output is the response. An error, or a panic, reaches the caller behind the parts
    /// that were sent. When the caller leaves its loop, is gone, or the stream times out, the future is dropped.
    ///
    /// A page requests it with `requestStream(HOST, …)`, and Rust with [`EventBus::request_stream`].
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`]. A name has one responder, of either kind.
    ///
    /// ```
    /// # fn respond(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// bus.respond_stream("count", |to: u32, out| async move {
    ///     for number in 1..=to {
    ///         out.send(number).await?;
    ///     }
    ///     Ok("done")
    /// })?
    /// .forget();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn respond_stream<Q, P, T, F>(
        &self,
        name: &str,
        respond: impl Fn(Q, PartSender<P>) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        Q: DeserializeOwned,
        P: Serialize + 'static,
        T: Serialize,
        F: Future<Output = ResponderResult<T>> + Send + 'static,
    {
        let core = Arc::downgrade(&self.runtime().core);
        let handler: Handler = Arc::new(move |incoming| {
            let name = incoming.name.clone();
            let response =
                read_stream_request(&core, incoming).map(|(request, out)| respond(request, out));
            Box::pin(async move { write_response(&name, response?.await) }) as ResponseFuture
        });
        self.add_responder(name, ResponderKind::Stream, Location::caller(), handler)
    }

    /// Responds as [`EventBus::respond_stream`] does, with a closure that may block: it runs on a thread for blocking work,
    /// and sends with [`PartSender::blocking_send`].
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`]. A caller gets [`ErrorCode::QueueFull`] if as many calls as `blockingStreams` are running,
    /// since each keeps a thread while it waits for credit.
    ///
    /// ```
    /// # fn respond(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use std::io::{BufRead, BufReader};
    ///
    /// bus.respond_stream_blocking("lines", |file: String, out| {
    ///     for line in BufReader::new(std::fs::File::open(file)?).lines() {
    ///         out.blocking_send(line?)?;
    ///     }
    ///     Ok(())
    /// })?
    /// .forget();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn respond_stream_blocking<Q, P, T>(
        &self,
        name: &str,
        respond: impl Fn(Q, PartSender<P>) -> ResponderResult<T> + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        Q: DeserializeOwned + Send + 'static,
        P: Serialize + 'static,
        T: Serialize,
    {
        let core = Arc::downgrade(&self.runtime().core);
        let respond = Arc::new(respond);
        let limit = self.runtime().core.limits().blocking_streams;
        let handler = self.blocking_handler((limit, "blockingStreams"), move |incoming| {
            let (name, respond) = (incoming.name.clone(), Arc::clone(&respond));
            let (request, out) = read_stream_request::<Q, P>(&core, incoming)?;
            Ok(move || write_response(&name, respond(request, out)))
        });
        self.add_responder(name, ResponderKind::Stream, Location::caller(), handler)
    }
}

fn read_stream_request<Q: DeserializeOwned, P>(
    core: &Weak<Core>,
    incoming: IncomingRequest,
) -> Result<(Q, PartSender<P>)> {
    let core = core.upgrade().ok_or_else(|| {
        Error::new(
            ErrorCode::Unavailable,
            "the event bus is unavailable: the app is exiting",
        )
    })?;
    let sink = PartSink::new(&core, incoming.id, incoming.name.clone());
    let (request, context) = read_request(incoming)?;
    Ok((request, PartSender::new(sink, context)))
}
