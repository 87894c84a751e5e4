//! Requests that DevTools has paused, as Tauri's handlers take them, and what they respond.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{borrow::Cow, collections::BTreeMap};
use url::Url;

/// The parameters of `Fetch.requestPaused`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Paused {
    pub(crate) request_id: String,
    pub(crate) frame_id: String,
    resource_type: String,
    request: Sent,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    url: String,
    method: String,
    headers: BTreeMap<String, String>,
    #[serde(default)]
    post_data_entries: Vec<PostData>,
}

#[derive(Debug, Deserialize)]
struct PostData {
    #[serde(default)]
    bytes: String,
}

impl Paused {
    pub(crate) fn url(&self) -> Option<Url> {
        self.request.url.parse().ok()
    }

    /// Whether it loads a page, also one in a frame.
    pub(crate) fn is_document(&self) -> bool {
        self.resource_type == "Document"
    }

    /// The scheme that this request stands for: `ipc` for `http://ipc.localhost`.
    pub(crate) fn scheme(&self) -> Option<&str> {
        let rest = self.request.url.strip_prefix("http://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        host.strip_suffix(".localhost")
    }

    /// The request as the handler of `scheme` takes it, with the URL `ipc://localhost/…`.
    pub(crate) fn into_request(self, scheme: &str) -> Result<Request<Vec<u8>>, String> {
        let own = format!("http://{scheme}.localhost");
        let rest = self.request.url.strip_prefix(&own).unwrap_or_default();
        let mut request = Request::builder()
            .method(self.request.method.as_str())
            .uri(format!("{scheme}://localhost{rest}"));
        for (name, value) in &self.request.headers {
            request = request.header(name, value);
        }
        let mut body = Vec::new();
        for part in &self.request.post_data_entries {
            STANDARD
                .decode_vec(&part.bytes, &mut body)
                .map_err(|error| format!("the body of {}: {error}", self.request.url))?;
        }
        let url = self.request.url;
        request
            .body(body)
            .map_err(|error| format!("the request to {url}: {error}"))
    }
}

/// The parameters of `Fetch.fulfillRequest`.
pub(crate) fn fulfillment(request_id: &str, response: &Response<Cow<'static, [u8]>>) -> Value {
    let headers = response.headers().iter();
    let headers: Vec<Value> = headers
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            json!({ "name": name.as_str(), "value": value })
        })
        .collect();
    json!({
        "requestId": request_id,
        "responseCode": response.status().as_u16(),
        "responseHeaders": headers,
        "body": STANDARD.encode(response.body()),
    })
}
