//! Several webviews in one window, which needs Tauri's feature `unstable`.

use tauri::test::{MockRuntime, mock_builder};
use tauri::webview::WebviewBuilder;
use tauri::{App, AppHandle, LogicalPosition, LogicalSize, WebviewUrl};
use tauri_plugin_event_bus::EventBusExt;

/// The webviews that the bus knows, each with its window.
fn known(app: &AppHandle<MockRuntime>) -> Vec<(String, String)> {
    let webviews = app.event_bus().inspect().webviews.into_iter();
    webviews
        .map(|webview| (webview.label.to_string(), webview.window.to_string()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let expected = expected.iter();
    expected
        .map(|(label, window)| ((*label).to_owned(), (*window).to_owned()))
        .collect()
}

#[test]
fn a_plugin_added_late_knows_children() {
    let app: App<MockRuntime> = mock_builder().build(fixture::context()).unwrap();
    for (window, children) in [("left", &["a", "b"][..]), ("right", &["c"])] {
        let window = tauri::WindowBuilder::new(&app, window).build().unwrap();
        for label in children {
            let child = WebviewBuilder::new(*label, WebviewUrl::default());
            let (at, size) = (LogicalPosition::new(0, 0), LogicalSize::new(9, 9));
            window.add_child(child, at, size).unwrap();
        }
    }
    app.handle().plugin(tauri_plugin_event_bus::init()).unwrap();
    let expected = [("a", "left"), ("b", "left"), ("c", "right")];
    assert_eq!(known(app.handle()), pairs(&expected));
}
