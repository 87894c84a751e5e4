//! Tasks, as the host and pages use them.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::async_runtime::{self, Mutex, Sender, block_on, spawn};
use tauri_plugin_event_bus::task::{IfRunning, TaskContext, TaskRegistration, TaskState};
use tauri_plugin_event_bus::{Error, ErrorCode, EventBus, EventBusExt, Limits};

use crate::support::{Page, app, app_of, code, invoke, message};

impl Page {
    pub(super) fn start_task(&mut self, task: Value) -> Result<Value, Value> {
        self.call("start_task", json!({ "task": task }))
    }

    pub(super) fn attach_task(&self, id: u64, name: &str, key: &str) -> Result<Value, Value> {
        let arguments = json!({ "session": self.session, "id": id, "name": name, "key": key });
        invoke(&self.webview, "attach_task", arguments).wait()
    }

    pub(super) fn cancel_task(&mut self, name: &str, key: &str) -> Result<Value, Value> {
        self.call("cancel_task", json!({ "name": name, "key": key }))
    }

    pub(super) fn list_tasks(&self) -> Value {
        invoke(&self.webview, "list_tasks", json!({}))
            .wait()
            .unwrap()
    }

    /// Follows a task up to its end: the newest progress that came, and the end.
    fn follow(&mut self, stream: u64) -> (Value, Value) {
        let (mut newest, mut taken) = (Value::Null, 0);
        loop {
            for item in self.items() {
                assert_eq!(item["stream"], stream);
                let Some(parts) = item["parts"].as_array() else {
                    return (newest, item);
                };
                newest = parts.last().unwrap().clone();
                taken += parts.len();
                self.respond_with(json!({ "stream": stream, "taken": taken }));
            }
        }
    }
}

/// Registers a task that tells its progress, and then waits for each run until the test lets it go on.
pub(super) fn gated(bus: &EventBus, name: &str) -> (Sender<()>, TaskRegistration) {
    let (open, gate) = async_runtime::channel::<()>(8);
    let gate = Arc::new(Mutex::new(gate));
    let run = move |rows: Value, task: TaskContext| {
        let gate = Arc::clone(&gate);
        async move {
            task.progress(0.5, "rows")?;
            gate.lock().await.recv().await;
            Ok(rows)
        }
    };
    (open, bus.register_task(name, run).unwrap())
}

fn open(gate: &Sender<()>) {
    block_on(gate.send(())).unwrap();
}

/// Waits until a task is in a state.
fn wait_for(bus: &EventBus, key: &str, state: TaskState) {
    while !bus
        .tasks()
        .list()
        .iter()
        .any(|task| task.key == key && task.state == state)
    {
        std::thread::yield_now();
    }
}

#[test]
fn a_page_starts_a_task_and_follows_it() {
    let app = app();
    let (gate, registration) = gated(&app.event_bus(), "export");
    registration.forget();
    let mut main = Page::open(&app, "main");
    let started = main.start_task(json!({ "name": "export", "key": "k", "payload": "[3]" }));
    let started = started.unwrap();
    assert_eq!(
        (&started["name"], &started["key"]),
        (&json!("export"), &json!("k"))
    );
    assert_eq!(
        started["startedBy"],
        json!({ "kind": "webview", "label": "main" })
    );
    wait_for(&app.event_bus(), "k", TaskState::Running);
    while main.list_tasks()[0]["fraction"] != 0.5 {}
    assert_eq!(main.attach_task(1, "export", "k"), Ok(json!({})));
    let first = main.next_with("parts");
    let progress = json!({ "state": "running", "fraction": 0.5, "detail": "rows" });
    assert_eq!(
        (&first["parts"], &first["due"]),
        (&json!([progress]), &json!(true))
    );
    open(&gate);
    let (_, end) = main.follow(1);
    assert_eq!(end["response"], json!([3]));
    // Who attaches later gets the result at once.
    let mut other = Page::open(&app, "other");
    assert_eq!(other.attach_task(7, "export", "k"), Ok(json!({})));
    assert_eq!(other.follow(7).1["response"], json!([3]));
    assert_eq!(main.list_tasks()[0]["state"], "completed");
    assert_eq!(app.event_bus().inspect().streams, []);
}

#[test]
fn another_page_cancels_a_task() {
    let app = app();
    let (_gate, registration) = gated(&app.event_bus(), "export");
    registration.grace(Duration::ZERO).forget();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.start_task(json!({ "name": "export", "key": "k" }))
        .unwrap();
    assert_eq!(main.attach_task(1, "export", "k"), Ok(json!({})));
    assert_eq!(other.attach_task(1, "export", "k"), Ok(json!({})));
    assert_eq!(other.cancel_task("export", "k"), Ok(json!({})));
    for page in [&mut main, &mut other] {
        let (_, end) = page.follow(1);
        assert_eq!(code(&end["error"]), "cancelled");
    }
    wait_for(&app.event_bus(), "k", TaskState::Cancelled);
    // It stays as it is.
    assert_eq!(other.cancel_task("export", "k"), Ok(json!({})));
    let unknown = other.cancel_task("export", "other").unwrap_err();
    assert_eq!(code(&unknown), "unknown_task");
}

#[test]
fn a_cancelled_task_may_still_complete() {
    let app = app();
    let bus = app.event_bus();
    let run = |(): (), task: TaskContext| async move {
        task.cancelled().await;
        assert!(task.is_cancelled());
        Ok("cleaned up")
    };
    bus.register_task("clean", run).unwrap().forget();
    let result = spawn(async move {
        let task = bus.start_task::<String>("clean", ()).await?;
        task.cancel();
        task.result().await
    });
    assert_eq!(block_on(result).unwrap(), Ok("cleaned up".to_owned()));
}

#[test]
fn a_task_survives_a_reload_of_its_page() {
    let app = app();
    let (gate, registration) = gated(&app.event_bus(), "export");
    registration.forget();
    let mut main = Page::open(&app, "main");
    main.start_task(json!({ "name": "export", "key": "k", "payload": "1" }))
        .unwrap();
    assert_eq!(main.attach_task(1, "export", "k"), Ok(json!({})));
    main.next_with("parts");
    let mut reloaded = Page::load(main.webview.clone());
    assert_eq!(reloaded.attach_task(1, "export", "k"), Ok(json!({})));
    let first = reloaded.next_with("parts");
    assert_eq!(first["parts"][0]["fraction"], 0.5);
    open(&gate);
    assert_eq!(reloaded.follow(1).1["response"], 1);
}

#[test]
fn of_one_key_one_runs_at_a_time() {
    let app = app();
    let (gate, registration) = gated(&app.event_bus(), "export");
    registration.forget();
    let mut main = Page::open(&app, "main");
    let task = |args: &str, if_running: &str| json!({ "name": "export", "key": "k", "payload": args, "ifRunning": if_running });
    main.start_task(task(r#"{"a":1,"b":[2]}"#, "fail")).unwrap();
    // The same arguments in another spelling.
    assert!(
        main.start_task(task(r#"{ "b": [2.0], "a": 1 }"#, "attach"))
            .is_err()
    );
    assert!(
        main.start_task(task(r#"{ "b": [2], "a": 1 }"#, "attach"))
            .is_ok()
    );
    for (again, part) in [
        (task(r#"{"a":1,"b":[2]}"#, "fail"), "attach to it"),
        (task(r#"{"a":2,"b":[2]}"#, "attach"), "other arguments"),
    ] {
        let refused = main.start_task(again).unwrap_err();
        assert_eq!(code(&refused), "duplicate_task");
        assert!(message(&refused).contains(part), "{refused}");
    }
    assert_eq!(main.list_tasks().as_array().unwrap().len(), 1);
    open(&gate);
    wait_for(&app.event_bus(), "k", TaskState::Completed);
    // After its end, a new one runs.
    assert!(main.start_task(task("5", "fail")).is_ok());
    wait_for(&app.event_bus(), "k", TaskState::Running);
}

#[test]
fn tasks_of_a_name_wait_for_their_turn() {
    let app = app();
    let (gate, registration) = gated(&app.event_bus(), "export");
    registration.concurrency(1).queue(2).forget();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let mut start = |key: &str| main.start_task(json!({ "name": "export", "key": key }));
    start("a").unwrap();
    assert_eq!(start("b").unwrap()["state"], "queued");
    let refused = start("c").unwrap_err();
    assert_eq!(code(&refused), "too_many_tasks");
    assert!(message(&refused).contains("leaves free"), "{refused}");
    // The host may use the rest of the queue.
    bus.tasks().attach::<Value>("export", "b").unwrap();
    block_on(bus.start_task::<Value>("export", ()).key("c").into_future()).unwrap();
    main.cancel_task("export", "b").unwrap();
    wait_for(&bus, "b", TaskState::Cancelled);
    open(&gate);
    wait_for(&bus, "a", TaskState::Completed);
    wait_for(&bus, "c", TaskState::Running);
}

#[test]
fn a_page_uses_the_tasks_that_its_entries_name() {
    let app = app();
    let bus = app.event_bus();
    let (_export, export) = gated(&bus, "export");
    let (_import, import) = gated(&bus, "import");
    export.forget();
    import.forget();
    let mut caller = Page::open(&app, "caller");
    let mut main = Page::open(&app, "main");
    main.start_task(json!({ "name": "import", "key": "k" }))
        .unwrap();
    caller
        .start_task(json!({ "name": "export", "key": "k" }))
        .unwrap();
    let refused = [
        caller.start_task(json!({ "name": "import", "key": "k" })),
        caller.attach_task(1, "import", "k"),
        caller.cancel_task("import", "k"),
        // Permission comes before existence.
        caller.attach_task(1, "other", "k"),
    ];
    for refused in refused {
        let refused = refused.unwrap_err();
        assert_eq!(code(&refused), "denied");
        assert!(message(&refused).contains("event-bus:tasks"), "{refused}");
        assert!(message(&refused).contains("{\"task\":"), "{refused}");
    }
    let names = |page: &Page| {
        let listed = page.list_tasks();
        let listed = listed.as_array().unwrap().iter();
        listed
            .map(|task| task["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&caller), ["export"]);
    assert_eq!(names(&main), ["export", "import"]);
    let mut widget = Page::open(&app, "widget");
    assert!(
        widget
            .start_task(json!({ "name": "export", "key": "k" }))
            .unwrap_err()
            .is_string()
    );
}

#[test]
fn wrong_arguments_are_named() {
    let app = app();
    let (_gate, registration) = gated(&app.event_bus(), "export");
    registration.forget();
    let mut main = Page::open(&app, "main");
    for (task, expected) in [
        (json!({ "name": "export", "key": "" }), "invalid_argument"),
        (
            json!({ "name": "export", "key": "k".repeat(256) }),
            "invalid_argument",
        ),
        (json!({ "name": "export" }), "invalid_argument"),
        (
            json!({ "name": "export", "key": "k", "ifRunning": "no" }),
            "invalid_argument",
        ),
        (json!({ "name": "a b", "key": "k" }), "invalid_event_name"),
        (
            json!({ "name": "export", "key": "k", "payload": "{" }),
            "invalid_payload",
        ),
        (json!({ "name": "none", "key": "k" }), "no_responder"),
    ] {
        let refused = main.start_task(task.clone()).unwrap_err();
        assert_eq!(code(&refused), expected, "{task}: {refused}");
    }
    assert_eq!(
        code(&main.attach_task(1, "export", "k").unwrap_err()),
        "unknown_task"
    );
    let bus = app.event_bus();
    let error = bus
        .register_task("export", async |(): (), _| Ok(()))
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::DuplicateTask);
    assert!(error.message().contains("tasks.rs"), "{error}");
}

#[test]
fn a_failed_task_says_why() {
    let app = app();
    let bus = app.event_bus();
    let run = |how: String, task: TaskContext| async move {
        match how.as_str() {
            "panic" => panic!("no more"),
            "progress" => task.progress(1.5, ())?,
            _ => {}
        }
        Err::<(), _>(how.into())
    };
    bus.register_task("fail", run).unwrap().forget();
    let result = |args: Value| {
        let bus = bus.clone();
        let run = async move { bus.start_task::<()>("fail", args).await?.result().await };
        block_on(spawn(run)).unwrap().unwrap_err()
    };
    for (args, part) in [
        ("panic", "no more"),
        ("disk full", "disk full"),
        ("progress", "1.5"),
    ] {
        let error = result(json!(args));
        assert_eq!(error.code(), ErrorCode::ResponderFailed);
        assert!(error.message().contains(part), "{error}");
    }
    let error = result(json!(7));
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    assert!(
        error
            .message()
            .contains("the arguments of the task \"fail\""),
        "{error}"
    );
    assert!(
        bus.tasks()
            .list()
            .iter()
            .all(|task| task.state == TaskState::Failed)
    );
}

#[test]
fn the_host_follows_a_task() {
    let app = app();
    let bus = app.event_bus().namespace("app");
    let (gate, registration) = gated(&bus, "export");
    let own = bus.clone();
    let start = async move {
        let mut task = own
            .start_task::<u32>("export", 7)
            .if_running(IfRunning::Fail)
            .await?;
        assert_eq!((task.name(), task.key().len()), ("app:export", 32));
        let mut newest = task.progress().await;
        while newest.as_ref().is_some_and(|own| own.fraction.is_none()) {
            newest = task.progress().await;
        }
        let newest = newest.unwrap();
        assert_eq!(newest.detail::<String>()?, "rows");
        Ok::<_, Error>(task)
    };
    let task = block_on(spawn(start)).unwrap().unwrap();
    let key = task.key().to_owned();
    // Those that run go on without the registration.
    registration.stop();
    let refused = block_on(bus.start_task::<u32>("export", 7).into_future());
    assert_eq!(refused.unwrap_err().code(), ErrorCode::NoResponder);
    open(&gate);
    let mut again = bus.tasks().attach::<u32>("export", &key).unwrap();
    let result = spawn(async move {
        while again.progress().await.is_some() {}
        (
            again.progress().await.is_none(),
            again.result().await,
            task.result().await,
        )
    });
    assert_eq!(block_on(result).unwrap(), (true, Ok(7), Ok(7)));
}

#[test]
fn what_is_kept_of_ends_has_a_limit() {
    let mut limits = Limits::default();
    limits.task_bytes = 4_000;
    let app = app_of(limits);
    let bus = app.event_bus();
    let run = |bytes: usize, _: TaskContext| async move { Ok("x".repeat(bytes)) };
    bus.register_task("make", run).unwrap().forget();
    let make = |key: &'static str, bytes: usize| {
        let bus = bus.clone();
        let run = async move {
            bus.start_task::<String>("make", bytes)
                .key(key)
                .await?
                .result()
                .await
        };
        block_on(spawn(run)).unwrap().map(|made| made.len())
    };
    assert_eq!(make("small", 1_000), Ok(1_000));
    // Who follows it gets it, and it is not kept. What was kept before made room for as much as there is.
    assert_eq!(make("large", 5_000), Ok(5_000));
    let attach = |key: &str| bus.tasks().attach::<String>("make", key);
    assert_eq!(
        attach("small").map(drop).unwrap_err().code(),
        ErrorCode::UnknownTask
    );
    wait_for(&bus, "large", TaskState::Completed);
    let large = loop {
        let large = attach("large").unwrap();
        let result = block_on(spawn(large.result())).unwrap();
        if result.is_err() {
            break result;
        }
    };
    assert_eq!(large.unwrap_err().code(), ErrorCode::PayloadTooLarge);
}

#[test]
fn an_end_is_forgotten_in_time() {
    let app = app();
    let bus = app.event_bus();
    let registration = bus.register_task("short", async |(): (), _| Ok(1)).unwrap();
    registration.keep(Duration::ZERO).forget();
    let own = bus.clone();
    let run = async move {
        own.start_task::<u32>("short", ())
            .key("k")
            .await?
            .result()
            .await
    };
    assert_eq!(block_on(spawn(run)).unwrap(), Ok(1));
    while !bus.tasks().list().is_empty() {
        std::thread::yield_now();
    }
    let unknown = bus.tasks().cancel("short", "k").unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::UnknownTask);
}
