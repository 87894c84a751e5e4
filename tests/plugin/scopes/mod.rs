//! Permission by event name, through Tauri's own access control with real capability files.

mod capabilities;
mod emit;
mod jobs;
mod listen;
mod retained;
mod streams;

use serde_json::Value;

use crate::support::code;

/// The code of a refusal, or "ok".
fn verdict(result: &Value) -> &str {
    if result.get("error").is_some() || result.get("code").is_some() {
        code(result)
    } else {
        "ok"
    }
}

fn names(received: &[(String, Value)]) -> Vec<&str> {
    received.iter().map(|(name, _)| name.as_str()).collect()
}
