//! The app of all runs, to which each run adds the plugin anew.

use std::sync::OnceLock;

use serde_json::{Value, json};
use tauri::test::{MockRuntime, mock_builder};
use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindowBuilder};

use crate::api::bus::EventBus;
use crate::model::error::{Error, ErrorCode};
use crate::model::policy::Policy;
use crate::plan::Plan;
use crate::shell::plugin::Builder;
use crate::world::LABELS;

/// Tauri's own tasks run here, on the thread of the run.
pub(crate) fn tauri_tasks() -> &'static tokio::runtime::Runtime {
    static TASKS: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    TASKS.get_or_init(|| {
        let made = tokio::runtime::Builder::new_current_thread().build();
        let runtime = made.unwrap_or_else(|error| panic!("no runtime: {error}"));
        tauri::async_runtime::set(runtime.handle().clone());
        runtime
    })
}

/// The app of all runs, with its windows. Each run adds the plugin anew.
pub(crate) fn app() -> AppHandle<MockRuntime> {
    static APP: OnceLock<AppHandle<MockRuntime>> = OnceLock::new();
    let app = APP.get_or_init(|| {
        let built = mock_builder().build(fixture::simulated_context());
        let app = built.unwrap_or_else(|error| panic!("the app does not start: {error}"));
        for label in LABELS {
            let window = WebviewWindowBuilder::new(&app, label, WebviewUrl::default()).build();
            window.unwrap_or_else(|error| panic!("no window: {error}"));
        }
        let handle = app.handle().clone();
        // It never ends.
        std::mem::forget(app);
        handle
    });
    app.clone()
}

/// Takes the plugin of a run from the app. Nothing refers to its state any more.
pub(crate) fn remove_plugin(app: &AppHandle<MockRuntime>) {
    app.remove_plugin("event-bus");
    #[allow(deprecated)]
    let state = app.unmanage::<EventBus>();
    drop(state);
}

pub(crate) fn plugin_of(plan: &Plan) -> Builder {
    let policies = [
        ("l:*", Policy::new().latest()),
        ("r:*", Policy::new().reject()),
        ("h:*", Policy::new().history(false)),
        ("k:*", Policy::new().retain(true)),
    ];
    let mut builder = Builder::new().limits(plan.limits.clone());
    for (pattern, policy) in policies {
        builder = builder.policy(pattern, policy);
    }
    builder.job_source("count", |call| {
        let args: Value = call.args()?;
        match args == json!("fail") && call.tick().count % 3 == 0 {
            true => Err(Error::new(
                ErrorCode::SourceFailed,
                "every third tick fails",
            )),
            false => Ok(call.tick().count),
        }
    })
}
