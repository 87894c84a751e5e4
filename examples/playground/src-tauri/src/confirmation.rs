//! Rust requests a confirmation: a dialog in the window that called the command, and the response as a value.

use std::time::Duration;

use tauri::{Manager, Runtime, Webview};
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Error, EventBusExt};

use crate::events::{CartUpdated, Confirm};

/// How long the user has to decide.
const TIMEOUT: Duration = Duration::from_secs(60);

#[tauri::command]
pub(crate) async fn empty_cart<R: Runtime>(webview: Webview<R>) -> Result<bool, Error> {
    let bus = webview.app_handle().event_bus();
    let confirm = Confirm {
        title: "Empty the cart?".to_owned(),
        text: "Rust sent this request and waits for your response.".to_owned(),
    };
    let is_confirmed = confirm
        .request(&bus, webview.label())
        .timeout(TIMEOUT)
        .await?;
    if is_confirmed {
        CartUpdated { item_count: 0 }.emit(&bus)?;
    }
    Ok(is_confirmed)
}
