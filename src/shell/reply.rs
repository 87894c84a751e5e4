//! Replies to commands, as values and through Tauri's resolvers.

use tauri::http::HeaderMap;
use tauri::ipc::{InvokeResolver, Response};
use tauri::{AppHandle, Runtime};

use crate::engine::reply::Reply;
use crate::model::json::Json;
use crate::wire::attached::{to_frame, to_text};

/// A header that Tauri's own script sets on every IPC request, and that postMessage does not carry.
const IPC_REQUEST_HEADER: &str = "Tauri-Callback";

/// The way on which Tauri carries the reply of a command to its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyPath {
    /// The page fetches it, and parses it as JSON.
    Fetched,
    /// The command came by postMessage. Tauri pastes the reply into a script and evaluates it.
    Evaluated,
}

impl ReplyPath {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(IPC_REQUEST_HEADER) {
            Self::Fetched
        } else {
            Self::Evaluated
        }
    }

    /// The reply with this JSON, which may hold text of any page, and with the bytes in it.
    pub(crate) fn reply(self, json: Json) -> Response {
        let is_plain = json.attached().is_empty();
        if is_plain && !(self == Self::Fetched && may_have_cuts(&json)) {
            return Response::new(self.text(json.into_text()));
        }
        match self {
            Self::Fetched => Response::new(to_frame(&json)),
            Self::Evaluated => Response::new(quoted_with_bytes(&json)),
        }
    }

    /// What JSON means and what the same text means in a script differ: `__proto__` sets a prototype there, and deep
    /// nesting overflows the parser. So a script gets an array of one string, which the page parses. Another reply that
    /// may look like such an array becomes one, too.
    fn text(self, json: String) -> String {
        if self == Self::Evaluated || may_look_quoted(&json) {
            format!("[{}]", serde_json::Value::String(json))
        } else {
            json
        }
    }
}

/// A script gets bytes as base64, in a string beside which there is something else.
fn quoted_with_bytes(json: &Json) -> String {
    format!("[{},1]", serde_json::Value::String(to_text(json)))
}

/// Whether this JSON is an array that begins with a string.
fn may_look_quoted(json: &str) -> bool {
    let first = json.trim_ascii_start().strip_prefix('[');
    first.is_some_and(|rest| rest.trim_ascii_start().starts_with('"'))
}

/// Whether this JSON may be a batch of which a page passes parts on as text. It is fetched as text then, not as a value.
fn may_have_cuts(json: &str) -> bool {
    json.starts_with("{\"items\":[") && json.ends_with("]]}")
}

/// A reply that resolves or rejects a command.
pub(crate) fn reply_to<R: Runtime>(
    app: AppHandle<R>,
    resolver: InvokeResolver<R>,
    path: ReplyPath,
) -> Reply {
    Reply::new(move |result| {
        let send = move || match result {
            Some(Ok(json)) => resolver.resolve(path.reply(json)),
            Some(Err(error)) => resolver.reject(error),
            None => drop(resolver),
        };
        // On Apple's systems, WebKit may abort the process if a scheme request gets its reply or is dropped off the main thread
        // (wry issues 1822, 1775 and 1733).
        if cfg!(target_vendor = "apple") {
            if let Err(error) = app.run_on_main_thread(send) {
                log::debug!("a page got no reply, because the app is exiting: {error}");
            }
        } else {
            send();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evaluated_reply_is_one_string() {
        for json in [
            "null",
            "\"a\\\"b\"",
            r#"{"__proto__":1,"__proto__":2}"#,
            &"[".repeat(3900),
        ] {
            let text = ReplyPath::Evaluated.text(json.to_owned());
            assert_eq!(serde_json::from_str::<[String; 1]>(&text).unwrap(), [json]);
        }
    }

    #[test]
    fn a_batch_with_cuts_is_fetched_as_text() {
        let body = |path: ReplyPath, json: &str| {
            let response = path.reply(Json::from(json));
            tauri::ipc::IpcResponse::body(response).unwrap()
        };
        let batch = r#"{"items":[[0,1,2,3]],"heads":[["a",0,1]],"first":1,"more":false}"#;
        let cut = batch.replace('}', r#","cuts":[[10,9,0,1,1,2]]}"#);
        let text = |json: &str| tauri::ipc::InvokeResponseBody::Json(json.to_owned());
        assert_eq!(
            format!("{:?}", body(ReplyPath::Fetched, batch)),
            format!("{:?}", text(batch))
        );
        let frame = to_frame(&Json::from(&*cut));
        let raw = tauri::ipc::InvokeResponseBody::Raw(frame.clone());
        assert_eq!(
            format!("{:?}", body(ReplyPath::Fetched, &cut)),
            format!("{raw:?}")
        );
        assert!(frame.ends_with(b",[]]"));
        let quoted = text(&format!("[{}]", serde_json::json!(cut)));
        assert_eq!(
            format!("{:?}", body(ReplyPath::Evaluated, &cut)),
            format!("{quoted:?}")
        );
    }

    #[test]
    fn a_fetched_reply_stays_unless_it_looks_quoted() {
        for json in ["null", "[]", "[1]", "[[\"a\"]]", "{\"a\":[\"b\"]}", "\"a\""] {
            assert_eq!(ReplyPath::Fetched.text(json.to_owned()), json);
        }
        for json in ["[\"a\"]", " [\n\"a\" ]", "[\"a\",1]"] {
            let text = ReplyPath::Fetched.text(json.to_owned());
            assert_eq!(serde_json::from_str::<[String; 1]>(&text).unwrap(), [json]);
        }
    }
}
