//! Retained events that pages clear.

use serde::Serialize;
use tauri::ipc::Response;

use crate::model::error::Result;
use crate::model::pattern::EventPattern;
use crate::model::tap::record::TapAction;
use crate::permissions::Subject;
use crate::sync::now;

use super::arguments::write;
use super::command::PageCommand;

#[derive(Serialize)]
struct Cleared {
    cleared: usize,
}

#[tauri::command]
pub(super) async fn clear_retained(command: PageCommand, event: String) -> Result<Response> {
    let scope = command.scope("event-bus:allow-clear-retained", Subject::Event);
    let name = command.core().notes_refusals().then(|| event.clone());
    command
        .run_noted((TapAction::ClearRetained, name), |_| {
            // Like a subscription, it looks through what is retained.
            command.flood()?.take_subscribe(now())?;
            let pattern = EventPattern::parse(&event)?;
            scope.check_clearing(&pattern)?;
            let core = command.core();
            let is_allowed = |name: &_| scope.allows_clearing(name);
            let cleared = core.clear_retained_for_everyone(&pattern, is_allowed);
            core.yield_to_waiters();
            write(&Cleared { cleared })
        })
        .await
}
