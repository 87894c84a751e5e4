//! Streams of the host, whose parts count up and whose response is the count, and channels that send back what they get.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::streams::channel::PartChannel;
use crate::api::streams::request::RequestStreamBuilder;
use crate::api::streams::sender::PartSender;
use crate::host::{Note, wait};
use crate::model::error::Error;
use crate::model::target::Target;
use crate::sync;
use crate::world::{LABELS, World, lock};

impl World {
    pub(crate) fn host_responds_with_streams(&mut self) {
        let name = self.rng.pick(&["s:a", "s:b"]);
        let millis = self.rng.pick(&[0, 0, 5, 300]);
        let respond = move |request: Value, out: PartSender<u64>| async move {
            let count = request["count"].as_u64().unwrap_or_default();
            for part in 1..=count {
                if millis > 0 && part % 7 == 0 {
                    wait(Duration::from_millis(millis)).await;
                }
                out.send(part).await?;
            }
            Ok(count)
        };
        if let Ok(responder) = self.bus.respond_stream(name, respond) {
            self.note(format!("host responds with streams to {name}, {millis} ms"));
            self.host.responders.push(responder);
        }
    }

    /// Sends back every part of a page, and ends once the page has closed its half.
    pub(crate) fn host_accepts_channels(&mut self) {
        let name = self.rng.pick(&["c:a", "c:b"]);
        let millis = self.rng.pick(&[0, 0, 5, 300]);
        let accept = move |_: Value, mut channel: PartChannel<u64, u64>| async move {
            while let Some(part) = channel.recv().await {
                let part = part?;
                if millis > 0 && part % 7 == 0 {
                    wait(Duration::from_millis(millis)).await;
                }
                channel.send(part).await?;
            }
            Ok(())
        };
        if let Ok(responder) = self.bus.accept_channel(name, accept) {
            self.note(format!("host accepts the channel {name}, {millis} ms"));
            self.host.responders.push(responder);
        }
    }

    pub(crate) fn host_requests_stream(&mut self) {
        let promise = self.number();
        let name = self.rng.pick(&["s:a", "s:b"]);
        let count = self.rng.pick(&[0, 1, 5, 40, 300]);
        let to = match self.rng.chance(20) {
            true => Target::host(),
            false => Target::from(self.rng.pick(&LABELS)),
        };
        let leaves = self.rng.chance(20).then_some(count / 2);
        self.note(format!(
            "host promise {promise} requests the stream {name} of {to:?} with {count} parts, leaves after {leaves:?}"
        ));
        self.oracle.promised(promise, None, "requestStream");
        let request = json!({ "count": count, "promise": promise });
        let requested = self.bus.request_stream::<u64>(to, name, request);
        let requested = requested.credit_parts(self.rng.pick(&[1, 2, 16, 4_096]));
        let notes = Arc::clone(&self.host.notes);
        sync::spawn(async move {
            let result = read_stream(requested, count, leaves).await;
            lock(&notes).push(Note::Settled(promise, result));
        });
    }
}

/// Reads a stream of numbers that count up. What is wrong with it has no code, so the judge sees it.
async fn read_stream(
    requested: RequestStreamBuilder<u64>,
    count: u64,
    leaves: Option<u64>,
) -> Result<Value, String> {
    let code = |error: Error| error.code().to_string();
    let mut stream = requested.await.map_err(code)?;
    let mut got = 0;
    while let Some(part) = stream.recv().await {
        got += 1;
        let part = part.map_err(code)?;
        if part != got {
            return Err(format!("wrong: part {got} is {part}"));
        }
        if leaves == Some(got) {
            return Ok(json!("left"));
        }
    }
    let response = stream.response::<u64>().await.map_err(code)?;
    if (got, response) == (count, count) {
        return Ok(json!(response));
    }
    Err(format!(
        "wrong: {got} of {count} parts, and the response {response}"
    ))
}
