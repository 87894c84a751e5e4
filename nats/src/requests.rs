//! Requests to other nodes, and theirs to this one.

use std::sync::Arc;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Message, Request, Subject, Subscriber};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tauri_plugin_event_bus::link::{ArrivingRequest, DepartingRequest, LinkPayload, LinkPort};
use tauri_plugin_event_bus::{Bytes, Error, ErrorCode, Result};
use tokio::sync::Semaphore;

use crate::message::{MAX_LINE, VERSION};
use crate::signals::Signals;
use crate::subject::{Content, Subjects};

/// How many requests of other nodes this one works on at a time.
const MAX_RUNNING: usize = 1024;

/// How many bytes of their payloads it keeps at a time.
const MAX_RUNNING_BYTES: usize = 64 << 20;

/// The longest text of an error that is sent.
const MAX_MESSAGE: usize = 8 << 10;

/// How much longer the client waits than the bus, whose error says more.
const GRACE: Duration = Duration::from_secs(1);

/// The first line of a request, and of a response.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Head {
    v: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    /// The lengths of the bytes in the payload, which follow it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bytes: Vec<usize>,
    /// Why there is no response.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failed>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Failed {
    code: String,
    message: String,
}

fn write(mut head: Head, payload: &LinkPayload) -> Vec<u8> {
    let (text, bytes) = (payload.text(), payload.bytes());
    head.v = VERSION;
    head.bytes = bytes.iter().map(|bytes| bytes.len()).collect();
    // A struct of texts and numbers is always JSON.
    let mut body = serde_json::to_vec(&head).unwrap_or_default();
    body.push(b'\n');
    body.extend_from_slice(text.as_bytes());
    for bytes in &bytes {
        body.extend_from_slice(bytes);
    }
    body
}

fn read(body: &[u8]) -> std::result::Result<(Head, LinkPayload), String> {
    let searched = &body[..body.len().min(MAX_LINE)];
    let Some(end) = searched.iter().position(|byte| *byte == b'\n') else {
        return Err(format!(
            "it has no line of at most {MAX_LINE} bytes at its beginning"
        ));
    };
    let head: Head = serde_json::from_slice(&body[..end])
        .map_err(|error| format!("its first line is not what this version reads: {error}"))?;
    if head.v != VERSION {
        return Err(format!(
            "it has version {}, and this node reads version {VERSION}; use the same version of the plugin on all nodes",
            head.v
        ));
    }
    let rest = &body[end + 1..];
    let total = head
        .bytes
        .iter()
        .try_fold(0_usize, |sum, size| sum.checked_add(*size));
    let text = total.and_then(|total| rest.len().checked_sub(total));
    let Some((text, mut behind)) = text.map(|length| rest.split_at(length)) else {
        return Err("it is shorter than its first line says".to_owned());
    };
    let text = std::str::from_utf8(text).map_err(|_| "its payload is not UTF-8".to_owned())?;
    let mut bytes = Vec::with_capacity(head.bytes.len());
    for size in &head.bytes {
        let (one, rest) = behind.split_at(*size);
        bytes.push(Bytes::from(one.to_vec()));
        behind = rest;
    }
    let payload = LinkPayload::new(text, bytes);
    Ok((head, payload))
}

/// Sends a request, and responds with what comes back.
pub(crate) async fn send(
    client: Client,
    subjects: Arc<Subjects>,
    own: String,
    request: DepartingRequest,
) {
    let response = response_to(&client, &subjects, own, &request).await;
    request.respond(response);
}

async fn response_to(
    client: &Client,
    subjects: &Subjects,
    own: String,
    request: &DepartingRequest,
) -> Result<LinkPayload> {
    let (node, name) = (request.node(), request.name());
    if client.connection_state() != async_nats::connection::State::Connected {
        return Err(Error::new(
            ErrorCode::Unavailable,
            format!(
                "the request {name:?} to the node {node:?} was not sent: there is no connection to the server"
            ),
        ));
    }
    let head = Head {
        node: Some(own),
        timeout_ms: u64::try_from(request.timeout().as_millis()).ok(),
        component: request.component().map(str::to_owned),
        causes: request.causes().to_vec(),
        traceparent: request.traceparent().map(str::to_owned),
        ..Head::default()
    };
    let body = write(head, &request.payload());
    check_size(&body, client.max_payload())?;
    let sent = Request::new()
        .payload(body.into())
        .timeout(Some(request.timeout() + GRACE));
    let subject = subjects.request_to(node, name);
    let message = client.send_request(subject, sent).await.map_err(|error| {
        let (code, problem) = match error.kind() {
            RequestErrorKind::NoResponders => (
                ErrorCode::NoResponder,
                "no such node is there, or it receives no requests".to_owned(),
            ),
            RequestErrorKind::TimedOut => (ErrorCode::Timeout, "it does not respond".to_owned()),
            RequestErrorKind::MaxPayloadExceeded => (ErrorCode::PayloadTooLarge, error.to_string()),
            _ => (ErrorCode::Unavailable, error.to_string()),
        };
        Error::new(
            code,
            format!("the request {name:?} to the node {node:?} has no response: {problem}"),
        )
    })?;
    let (head, payload) = read(&message.payload).map_err(|problem| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!("the response of the node {node:?} to {name:?} is invalid: {problem}"),
        )
    })?;
    match head.error {
        None => Ok(payload),
        Some(failed) => Err(error_of(&failed)),
    }
}

/// The error of another node, with its code.
fn error_of(failed: &Failed) -> Error {
    let known = ErrorCode::ALL
        .iter()
        .find(|code| code.as_str() == failed.code);
    let code = known.copied().unwrap_or(ErrorCode::ResponderFailed);
    Error::new(code, failed.message.clone())
}

/// Responds to requests of other nodes until the connection is closed for good.
pub(crate) async fn respond(
    port: LinkPort,
    client: Client,
    (subjects, signals): (Arc<Subjects>, Arc<Signals>),
    mut requests: Subscriber,
) {
    let running = Arc::new(Semaphore::new(MAX_RUNNING));
    let kept = Arc::new(Semaphore::new(MAX_RUNNING_BYTES));
    while let Some(message) = requests.next().await {
        if signals.is_off() {
            continue;
        }
        let Some(reply) = message.reply.clone() else {
            refuse(&port, "", "a request has nowhere to respond to");
            continue;
        };
        let size = u32::try_from(message.payload.len()).unwrap_or(u32::MAX);
        let permits = (
            Arc::clone(&running).try_acquire_owned(),
            Arc::clone(&kept).try_acquire_many_owned(size),
        );
        let (Ok(running), Ok(kept)) = permits else {
            let error = Error::new(
                ErrorCode::QueueFull,
                format!(
                    "the node works on {MAX_RUNNING} requests of others already, or they have {MAX_RUNNING_BYTES} bytes"
                ),
            );
            // More wait in the subscription meanwhile.
            reply_with(&client, reply, Err(error)).await;
            continue;
        };
        let (own, client, subjects) = (port.clone(), client.clone(), Arc::clone(&subjects));
        port.spawn(async move {
            let response = respond_to(&own, &subjects, &message).await;
            reply_with(&client, reply, response).await;
            drop((running, kept));
        });
    }
}

/// Sends a response, or why there is none.
async fn reply_with(client: &Client, reply: Subject, response: Result<LinkPayload>) {
    let body = response.and_then(|payload| {
        let body = write(Head::default(), &payload);
        check_size(&body, client.max_payload())?;
        Ok(body)
    });
    let body = body.unwrap_or_else(|error| {
        let failed = Failed {
            code: error.code().as_str().to_owned(),
            message: shortened(error.message()).to_owned(),
        };
        let head = Head {
            error: Some(failed),
            ..Head::default()
        };
        write(head, &LinkPayload::new("null", Vec::new()))
    });
    // The caller gets a timeout if this is lost.
    let _ = client.publish(reply, body.into()).await;
}

/// Checks that the server takes a message, and the other node reads its first line.
fn check_size(body: &[u8], max_payload: usize) -> Result<()> {
    let line = body.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let problem = if body.len() > max_payload {
        format!(
            "it has {} bytes, and the server takes {max_payload} (max_payload)",
            body.len()
        )
    } else if line >= MAX_LINE {
        format!(
            "its causes and the sizes of its bytes take {line} bytes, and nodes read {MAX_LINE}"
        )
    } else {
        return Ok(());
    };
    Err(Error::new(
        ErrorCode::PayloadTooLarge,
        format!("the message cannot be sent to another node: {problem}"),
    ))
}

/// The beginning of a text.
fn shortened(text: &str) -> &str {
    let mut end = text.len().min(MAX_MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn refuse(port: &LinkPort, node: &str, problem: &str) -> Error {
    let error = Error::new(ErrorCode::InvalidArgument, problem);
    port.note_refused(node, &error);
    error
}

async fn respond_to(
    port: &LinkPort,
    subjects: &Subjects,
    message: &Message,
) -> Result<LinkPayload> {
    let subject = message.subject.as_str();
    let incoming = subjects.read(subject);
    let Some((node, name)) = incoming.and_then(|incoming| match incoming.content {
        Content::Request(name) => Some((incoming.node, name)),
        _ => None,
    }) else {
        return Err(refuse(
            port,
            "",
            &format!("no request is sent on {subject:?}"),
        ));
    };
    let (head, payload) = read(&message.payload)
        .map_err(|problem| refuse(port, node, &format!("on {subject:?}: {problem}")))?;
    if head.node.as_deref() != Some(node) {
        let problem = format!(
            "on {subject:?}: it says that it comes from {:?}, and its subject belongs to {node:?}",
            head.node.unwrap_or_default()
        );
        return Err(refuse(port, node, &problem));
    }
    let timeout = Duration::from_millis(head.timeout_ms.unwrap_or(30_000));
    let mut request = ArrivingRequest::new(node, name, payload, timeout).causes(head.causes);
    if let Some(component) = head.component {
        request = request.component(component);
    }
    if let Some(traceparent) = head.traceparent {
        request = request.traceparent(traceparent);
    }
    port.respond(request).await
}
