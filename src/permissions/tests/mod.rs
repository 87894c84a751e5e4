mod broadcasts;
mod entries;
mod jobs;
mod listening;
mod properties;
mod recipients;
mod refusals;

use std::sync::Arc;

use serde_json::Value;

use super::{AllowedLabels, Destination, Scope, ScopeEntry, Subject, WebviewLocation};
use crate::model::error::Result;
use crate::model::name::EventName;
use crate::model::selection::Selection;
use crate::model::target::Target;

fn entries(list: &Value) -> Vec<Arc<ScopeEntry>> {
    let list = list.as_array().unwrap().iter();
    list.map(|entry| Arc::new(serde_json::from_value(entry.clone()).unwrap()))
        .collect()
}

fn scope(allow: &Value, deny: &Value) -> Arc<Scope> {
    let scope = Scope::new(
        "event-bus:test",
        Subject::Event,
        &entries(allow),
        &entries(deny),
    );
    Arc::new(scope)
}

fn name(text: &str) -> EventName {
    EventName::parse(text).unwrap()
}

fn select(target: impl Into<Target>) -> Selection {
    Selection::of(&target.into()).unwrap()
}

fn locations(locations: &[(&str, &str)]) -> Vec<WebviewLocation> {
    let locations = locations.iter();
    locations
        .map(|(webview, window)| ((*webview).into(), (*window).into()))
        .collect()
}

/// Checks sending to a target in an app with the webviews "main", "side" in the window of "main", and "editor-1".
fn check_sending(
    scope: &Scope,
    event: &str,
    target: impl Into<Target>,
) -> Result<Option<Arc<AllowedLabels>>> {
    let locations = locations(&[("main", "main"), ("side", "main"), ("editor-1", "editor-1")]);
    let selection = select(target);
    let to = Destination::Selected(&selection, &locations);
    scope.check_emitting(&name(event), to, None)
}

fn may_send(scope: &Scope, event: &str, target: impl Into<Target>) -> bool {
    check_sending(scope, event, target).is_ok()
}

fn may_broadcast(scope: &Scope, event: &str) -> bool {
    let checked = scope.check_emitting(&name(event), Destination::Everyone, None);
    assert_eq!(
        checked.is_ok(),
        scope.allows_listening(&name(event)),
        "one list allows emitting to everyone and listening"
    );
    checked.is_ok()
}
