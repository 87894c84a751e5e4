//! The events and requests of this app. A test generates `src/events.ts` and `docs/events.md` from them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Builder, Bytes, Policy};

const RUST: &[&str] = &["Rust"];
const EVERY_WINDOW: &[&str] = &["every window"];

/// The event bus of this app.
pub(crate) fn event_bus() -> Builder {
    Builder::new()
        .event::<AppReady>()
        .event::<WindowFocused>()
        .event::<WindowClosed>()
        .event::<ClockTick>()
        .event::<TaskStarted>()
        .event::<BurstItem>()
        .event::<CartUpdated>()
        .event::<ThemeChanged>()
        .event::<Notice>()
        .event::<Ping>()
        .event::<Pong>()
        .request::<Confirm>()
        .request::<FormValue>()
        .channel_request::<Terminal>()
}

/// The app has started.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct AppReady {
    /// The version of the app.
    pub(crate) version: String,
}

impl Event for AppReady {
    const NAME: &'static str = "app:ready";
    const EMITTED_BY: &'static [&'static str] = RUST;
}

/// A window got the focus.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct WindowFocused {
    /// The label of the window.
    pub(crate) label: String,
}

impl Event for WindowFocused {
    const NAME: &'static str = "window:focused";
    const EMITTED_BY: &'static [&'static str] = RUST;
}

/// A window closed.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct WindowClosed {
    /// The label it had.
    pub(crate) label: String,
}

impl Event for WindowClosed {
    const NAME: &'static str = "window:closed";
    const EMITTED_BY: &'static [&'static str] = RUST;
}

/// Ten seconds have passed.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClockTick {
    /// Counts from 1.
    pub(crate) tick: u64,
    /// How long the app has been running.
    pub(crate) uptime_seconds: u64,
}

impl Event for ClockTick {
    const NAME: &'static str = "clock:tick";
    const EMITTED_BY: &'static [&'static str] = RUST;
    const LISTENED_BY: &'static [&'static str] = &["the window `main`"];
}

/// The long task has begun; every window follows it.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct TaskStarted {
    /// The key under which windows find it.
    pub(crate) key: String,
}

impl Event for TaskStarted {
    const NAME: &'static str = "task:started";
    const EMITTED_BY: &'static [&'static str] = RUST;
    const LISTENED_BY: &'static [&'static str] = EVERY_WINDOW;
}

/// One of ten thousand events from four threads.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct BurstItem {
    pub(crate) thread: u32,
    pub(crate) item: u32,
}

impl Event for BurstItem {
    const NAME: &'static str = "burst:item";
    const EMITTED_BY: &'static [&'static str] = RUST;
    const POLICY: Policy = Policy::new().history(false);
}

/// The cart has changed.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CartUpdated {
    /// How many items are in the cart.
    pub(crate) item_count: u32,
}

impl Event for CartUpdated {
    const NAME: &'static str = "cart:updated";
    const EMITTED_BY: &'static [&'static str] = EVERY_WINDOW;
}

/// A window changed its theme; the other windows follow.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct ThemeChanged {
    pub(crate) theme: Theme,
}

/// The colors of a window.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    Light,
    Dark,
}

impl Event for ThemeChanged {
    const NAME: &'static str = "ui:theme";
    const EMITTED_BY: &'static [&'static str] = EVERY_WINDOW;
    const LISTENED_BY: &'static [&'static str] = EVERY_WINDOW;
}

/// A message that every window shows for a few seconds.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Notice {
    pub(crate) title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

impl Event for Notice {
    const NAME: &'static str = "ui:notice";
    const EMITTED_BY: &'static [&'static str] = &["Rust", "every window"];
    const LISTENED_BY: &'static [&'static str] = EVERY_WINDOW;
}

/// A message to Rust, which sends its payload back as `pong`.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Ping(pub(crate) Value);

impl Event for Ping {
    const NAME: &'static str = "ping";
    const EMITTED_BY: &'static [&'static str] = EVERY_WINDOW;
    const LISTENED_BY: &'static [&'static str] = RUST;
}

/// What Rust sends to the window that emitted `ping`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pong {
    pub(crate) from: String,
    /// The payload of the ping.
    pub(crate) you_sent: Value,
}

impl Event for Pong {
    const NAME: &'static str = "pong";
    const EMITTED_BY: &'static [&'static str] = RUST;
    const LISTENED_BY: &'static [&'static str] = &["the window that emitted `ping`"];
}

/// Shows a dialog and responds with the user's choice.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Confirm {
    pub(crate) title: String,
    pub(crate) text: String,
}

impl Request for Confirm {
    const NAME: &'static str = "confirm";
    type Response = bool;
}

/// Responds with the content of a field of the window's form.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct FormValue {
    pub(crate) field: Field,
}

/// A field of the form that emits events.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Field {
    Event,
    Payload,
}

impl Request for FormValue {
    const NAME: &'static str = "form:value";
    type Response = String;
}

/// Opens a shell with this size.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Terminal {
    pub(crate) cols: u16,
    pub(crate) rows: u16,
}

/// What a terminal tells its shell.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub(crate) enum TerminalInput {
    /// What was typed or pasted.
    Keys { text: String },
    /// The window has another size.
    Size { cols: u16, rows: u16 },
}

impl ChannelRequest for Terminal {
    const NAME: &'static str = "terminal";
    type Incoming = TerminalInput;
    type Outgoing = Bytes;
}

#[cfg(test)]
mod tests {
    use tauri_plugin_event_bus::catalog::ExportError;

    use super::*;

    #[test]
    fn generated_files_are_up_to_date() -> Result<(), ExportError> {
        let catalog = event_bus().catalog().expect("no two events share a name");
        let exports = [
            catalog.export_typescript("../src/events.ts"),
            catalog.export_markdown("../docs/events.md"),
        ];
        exports.into_iter().collect()
    }
}
