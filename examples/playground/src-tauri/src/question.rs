//! Rust asks its user: a dialog in the window that has called the command, and the answer as a value.

use std::time::Duration;

use tauri::{Manager, Webview};
use tauri_plugin_event_bus::{Error, Event, EventBusExt, Request};

use crate::events::{CartUpdated, Confirm};

/// How long a user may think about it.
const PATIENCE: Duration = Duration::from_secs(60);

#[tauri::command]
pub(crate) async fn empty_cart(webview: Webview) -> Result<bool, Error> {
    let bus = webview.app_handle().event_bus();
    let question = Confirm {
        title: "Empty the cart?".to_owned(),
        text: "Rust asks, and waits for what you say.".to_owned(),
    };
    let is_sure = question
        .send(&bus, webview.label())
        .timeout(PATIENCE)
        .await?;
    if is_sure {
        CartUpdated { item_count: 0 }.emit(&bus)?;
    }
    Ok(is_sure)
}
