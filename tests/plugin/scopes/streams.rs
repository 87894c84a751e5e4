use std::sync::mpsc;

use serde_json::json;
use tauri::Manager;
use tauri_plugin_event_bus::EventBusExt;
use tauri_plugin_event_bus::request::PartSender;

use crate::support::{Page, app, code, invoke};

#[test]
fn a_page_that_may_request_may_receive_streams() {
    let app = app();
    let capability = json!({
        "identifier": "requester",
        "windows": ["requester"],
        "permissions": ["event-bus:request"]
    });
    app.add_capability(capability.to_string()).unwrap();
    let (sender, dropped) = mpsc::channel::<()>();
    let endless = move |(): (), out: PartSender<u32>| {
        let held = sender.clone();
        async move {
            let _held = held;
            loop {
                out.send(1).await?;
            }
            #[allow(unreachable_code)]
            Ok(())
        }
    };
    let responder = app.event_bus().respond_stream("endless", endless).unwrap();
    let mut page = Page::open(&app, "requester");
    let request = json!({
        "session": page.session, "id": 1, "to": { "kind": "host" }, "name": "endless", "stream": { "parts": 1 }
    });
    let sent = invoke(&page.webview, "request", request).wait();
    assert_eq!(sent, Ok(json!({})));
    for taken in 1..=3 {
        let items = page.pull().rows();
        assert_eq!(items[0]["parts"], json!([1]));
        page.ack = items[0]["index"].as_u64().unwrap();
        // Its loop is slow, so this comes in a command of its own.
        let told = json!([{ "stream": 1, "taken": taken }]);
        let told = page.call("respond", json!({ "responses": told }));
        assert_eq!(told, Ok(json!([{}])));
    }
    let stop = json!([{ "stream": 1, "stop": true }]);
    let stopped = page.call("respond", json!({ "responses": stop }));
    assert_eq!(stopped, Ok(json!([{}])));
    drop(responder);
    let gone = dropped.recv_timeout(std::time::Duration::from_secs(20));
    assert_eq!(gone, Err(mpsc::RecvTimeoutError::Disconnected));

    // It responds to nothing.
    let responders = json!([{ "name": "q", "on": true }]);
    let refused = page.call("set_responders", json!({ "responders": responders }));
    assert!(refused.unwrap_err().is_string());
    page.n -= 1;
    let response = json!([{ "request": "0".repeat(32), "payload": "1" }]);
    let refused = page.call("respond", json!({ "responses": response }));
    assert_eq!(code(&refused.unwrap()[0]), "unknown_request");
}
