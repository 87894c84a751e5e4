//! Pages that do much more than they should, and what is left of it.

use std::future::IntoFuture;
use std::sync::Arc;

use serde_json::{Value, json};
use tauri_plugin_event_bus::EventBusExt;
use tauri_plugin_event_bus::request::{PartChannel, PartSender};
use tauri_plugin_event_bus::task::TaskState;

use crate::support::{Page, app, code};

use super::tasks::gated;

impl Page {
    /// Requests a stream that ends as its payload says.
    fn stream(&self, id: u64, way: &str) {
        let arguments = json!({
            "id": id, "to": { "kind": "host" }, "name": "stream", "payload": json!(way).to_string(),
            "stream": { "parts": 16, "bytes": 1 << 16 }
        });
        assert_eq!(self.request_with(arguments).wait(), Ok(json!({})));
    }

    fn channel(&self, id: u64, way: &str, parts: u64) {
        let payload = json!(way).to_string();
        let more = json!({ "payload": payload, "stream": { "parts": parts, "bytes": 1 << 16 } });
        self.open_channel(id, "channel", more).unwrap();
    }

    fn read_to_the_end(&mut self, id: u64) -> Value {
        let is_end = |item: &Value| {
            item["stream"] == id && (item.get("response").or(item.get("error"))).is_some()
        };
        let mut items = self.items_until(is_end);
        items.retain(is_end);
        items.remove(0)
    }

    fn stop(&mut self, id: u64) {
        let stopped = self.respond_with(json!({ "stream": id, "stop": true }));
        assert_eq!(stopped, json!({}));
    }

    fn close(&mut self, id: u64, after: u64) {
        let closed = self.respond_with(json!({ "stream": id, "closed": true, "after": after }));
        assert_eq!(closed, json!({}));
    }
}

/// Streams and channels end in every way in which a page and the host can end them.
#[test]
fn ten_thousand_streams_leave_nothing() {
    const ROUNDS: u64 = 1_000;
    const WAYS: u64 = 10;
    let app = app();
    let bus = app.event_bus();
    let held = Arc::new(());
    let guard = Arc::clone(&held);
    let stream = move |way: String, out: PartSender<u32>| {
        let held = Arc::clone(&guard);
        async move {
            let _held = held;
            for part in 0..3 {
                out.send(part).await?;
            }
            match way.as_str() {
                "complete" => Ok("done"),
                "fail" => Err("on purpose".into()),
                _ => std::future::pending().await,
            }
        }
    };
    let guard = Arc::clone(&held);
    let channel = move |way: String, mut channel: PartChannel<u32, u32>| {
        let held = Arc::clone(&guard);
        async move {
            let _held = held;
            match way.as_str() {
                "fail" => return Err("on purpose".into()),
                "deaf" => return Ok(()),
                "close" => channel.close(),
                "hang" => std::future::pending().await,
                _ => {}
            }
            while let Some(part) = channel.recv().await {
                channel.send(part?).await?;
            }
            Ok(())
        }
    };
    let streams = bus.respond_stream("stream", stream).unwrap();
    let channels = bus.accept_channel("channel", channel).unwrap();
    let mut main = Page::open(&app, "main");
    let mut id = 1;
    for round in 0..ROUNDS {
        let first = id;
        id += WAYS;
        main.stream(first, "complete");
        assert_eq!(main.read_to_the_end(first)["response"], "done");
        main.stream(first + 1, "fail");
        let end = main.read_to_the_end(first + 1);
        assert_eq!(code(&end["error"]), "responder_failed");
        main.stream(first + 2, "hang");
        main.stop(first + 2);
        main.stream(first + 3, "hang");
        let session = main.session.clone();
        main.cancel(&session, first + 3);
        main.channel(first + 4, "echo", 4);
        main.send_on(first + 4, 1, "7");
        main.close(first + 4, 1);
        assert_eq!(main.read_to_the_end(first + 4)["response"], Value::Null);
        main.channel(first + 5, "close", 4);
        main.close(first + 5, 0);
        assert_eq!(main.read_to_the_end(first + 5)["response"], Value::Null);
        main.channel(first + 6, "deaf", 4);
        assert_eq!(main.send_on(first + 6, 1, "7"), json!({}));
        assert_eq!(main.read_to_the_end(first + 6)["response"], Value::Null);
        main.channel(first + 7, "fail", 4);
        let end = main.read_to_the_end(first + 7);
        assert_eq!(code(&end["error"]), "responder_failed");
        main.channel(first + 8, "hang", 1);
        main.send_on(first + 8, 1, "7");
        assert_eq!(
            code(&main.send_on(first + 8, 2, "7")["error"]),
            "queue_full"
        );
        let end = main.read_to_the_end(first + 8);
        assert_eq!(code(&end["error"]), "queue_full");
        main.channel(first + 9, "hang", 4);
        main.send_on(first + 9, 1, "7");
        match round % 100 {
            // The page reloads amid one.
            99 => main = Page::load(main.webview.clone()),
            _ => main.stop(first + 9),
        }
    }
    // The last page opens its session with this.
    main.stream(id, "complete");
    main.read_to_the_end(id);
    drop(streams);
    drop(channels);
    let inspection = bus.inspect();
    assert_eq!(inspection.streams, []);
    // The futures that were dropped are gone, with what they held.
    while Arc::strong_count(&held) > 1 {
        std::thread::yield_now();
    }
}

#[test]
fn a_page_starts_no_more_tasks_than_it_may() {
    let app = app();
    let bus = app.event_bus();
    let (gate, registration) = gated(&bus, "export");
    let registration = registration.concurrency(1).queue(100_000);
    let mut main = Page::open(&app, "main");
    let mut started = 0;
    let refused = loop {
        let task = json!({ "name": "export", "key": format!("k{started}"), "payload": "1" });
        match main.start_task(task) {
            Ok(_) => started += 1,
            Err(error) => break error,
        }
        assert!(started < 10_000, "nothing has refused them");
    };
    assert_eq!(code(&refused), "too_many_tasks");
    assert!(started <= 128, "{started}");
    assert_eq!(main.list_tasks().as_array().unwrap().len(), started);
    // Others have room.
    let start = bus.start_task::<i32>("export", 1).key("own");
    let own = tauri::async_runtime::block_on(start.into_future()).unwrap();
    // It follows one of them as often as it may receive streams.
    let mut followed = 0;
    let refused = loop {
        match main.attach_task(followed, "export", "k0") {
            Ok(_) => followed += 1,
            Err(error) => break error,
        }
        assert!(followed < 10_000, "nothing has refused them");
    };
    assert_eq!(code(&refused), "queue_full");
    for (name, key, expected) in [
        ("export", "never", "unknown_task"),
        ("other", "k0", "unknown_task"),
    ] {
        let refused = main.cancel_task(name, key).unwrap_err();
        assert_eq!(code(&refused), expected);
    }
    // What it follows ends with its page, and the tasks go on.
    let mut main = Page::load(main.webview.clone());
    main.listen("any:name");
    assert_eq!(bus.inspect().streams, []);
    let tasks = bus.tasks().list();
    let active = tasks
        .iter()
        .filter(|task| matches!(task.state, TaskState::Queued | TaskState::Running));
    assert_eq!(active.count(), started + 1);
    drop((gate, registration, own, main));
}
