//! Generated from docs/api.toml: every row compiles. Do not edit.

use super::prelude::*;

/// Emit to everyone.
pub(super) async fn row_0(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.emit("cart", 1)?;
    Ok(())
}

/// Emit to a target: a label, a glob, a list, a window, the host.
pub(super) async fn row_1(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.emit_to(["main", "editor-*"], "cart", 1)?; bus.emit_to(HOST, "cart", 1)?;
    Ok(())
}

/// Emit to the own webview.
pub(super) async fn row_2(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let window = app.get_webview_window("main"); if let Some(window) = window { window.event_bus().emit_to_self("cart", 1)?; }
    Ok(())
}

/// Emit with options: all but some, retained, kept until it is consumed, until it expires.
pub(super) async fn row_3(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.emit_with("cart", 1, EmitOptions::new().to("editor-*").except("editor-1").retain(true))?; bus.emit_with("link", 1, EmitOptions::new().until(Until::Consumed).max_deliveries(3))?; bus.emit_with("door", 1, EmitOptions::new().expires(Duration::from_secs(5)))?;
    Ok(())
}

/// See each event before it is published.
pub(super) async fn row_4(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Builder::new().before_emit(|event: &mut EmittedEvent<'_>, context: &EmitContext<'_>| { println!("{} {:?}", event.name(), context.source()); Ok(event.set_payload(event.payload::<u32>()? + 1)?) });
    Ok(())
}

/// Bytes in a payload.
pub(super) async fn row_5(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let photo = Bytes::from(vec![1, 2]); bus.emit("cart:photo", &photo)?; let _ = (Bytes::new(), Bytes::from_static(b"x").into_vec(), photo.into_inner());
    Ok(())
}

/// Wait for room in full queues.
pub(super) async fn row_6(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.emit_async("cart", 1).await?; bus.emit_async_with("cart", 1, EmitOptions::new().to("main")).await?;
    Ok(())
}

/// Forget retained events.
pub(super) async fn row_7(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _: usize = bus.clear_retained("cart:*")?;
    Ok(())
}

/// Listen.
pub(super) async fn row_8(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.listen("cart:*", |event| println!("{}", event.name()))?.stop();
    Ok(())
}

/// Read an event.
pub(super) async fn row_9(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.listen("cart", |event| println!("{} {:?}", event.name(), event.payload::<u32>()))?.forget();
    Ok(())
}

/// Read a payload as JSON text.
pub(super) async fn row_10(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.listen("cart", |event| println!("{}", event.payload_json()))?.forget();
    Ok(())
}

/// Listen once.
pub(super) async fn row_13(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.once("ready", |event| println!("{}", event.name()))?.forget();
    Ok(())
}

/// Listen with options.
pub(super) async fn row_14(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.listen_with("cart", ListenOptions::new().retained(false).latest(true), |_| {})?.forget();
    Ok(())
}

/// Listen to everything, also to what is sent to others.
pub(super) async fn row_15(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.listen_any("*", |_| {})?.forget();
    Ok(())
}

/// Read events as a stream.
pub(super) async fn row_17(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let mut events = bus.stream("cart:*")?; drop(bus.stream_with("cart:*", ListenOptions::new().latest(true))?); if false { let _: Option<StreamItem> = events.recv().await; }
    Ok(())
}

/// Wait for one event.
pub(super) async fn row_18(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    if false { let _ = bus.wait_for("ready").timeout(Duration::from_secs(1)).await; }
    Ok(())
}

/// See what was lost.
pub(super) async fn row_19(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let count = |gap: &Gap| gap.count; let _ = count;
    Ok(())
}

/// Say who an event, a job or a request comes from.
pub(super) async fn row_20(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Endpoint::webview("main");
    Ok(())
}

/// Emit what an event or a request causes.
pub(super) async fn row_21(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let later = bus.clone(); bus.listen("order", move |event| drop(later.caused_by(&event).emit("cart", 1)))?.forget();
    Ok(())
}

/// Emit without causes.
pub(super) async fn row_22(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.without_causes().emit("cart", 1)?;
    Ok(())
}

/// Choose how events are queued and kept.
pub(super) async fn row_23(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Builder::new().policy("cursor:*", Policy::new().latest());
    Ok(())
}

/// Prefix every name.
pub(super) async fn row_24(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.namespace("shop").emit("cart", 1)?;
    Ok(())
}

/// Start a job that emits periodically.
pub(super) async fn row_25(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.periodic("clock").every(Duration::from_secs(1)).start()?.forget();
    Ok(())
}

/// List the pages that are there, and wait until one is ready.
pub(super) async fn row_26(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let ready = bus.pages().iter().filter(|page: &&PageInfo| page.state == PageState::Ready).count(); bus.wait_until_ready("main").timeout(Duration::from_secs(1)).await?; let _ = ready;
    Ok(())
}

/// Tell others who is there, and know who is: presence.
pub(super) async fn row_29(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let room: Presence<String> = bus.presence("doc:7")?; room.on_change(|change| { let _: PresenceChange<String> = change; })?.forget(); room.join(&"Rust".to_owned())?; room.join_as("b", &"Rust".to_owned())?; let _: Vec<PresenceMember<String>> = room.list()?; room.leave_as("b"); room.leave();
    Ok(())
}

/// Emit, and wait until the event is handled.
pub(super) async fn row_30(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let handled: Handled = bus.emit_handled("cart", 1).to("main").options(EmitOptions::new().retain(true)).timeout(Duration::from_secs(1)).await?; let failed = |page: &&PageOutcome| page.outcome != Outcome::Handled; let _ = (handled.is_handled(), handled.pages.iter().filter(failed).count());
    Ok(())
}

/// Listen with an async function.
pub(super) async fn row_32(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.listen_async("cart:*", ListenOptions::new().sequential(true), |event| async move { println!("{}", event.name()); })?.forget(); bus.listen_async("cart", ListenOptions::new(), async |_| {})?.stop();
    Ok(())
}

/// Emit once, later: after a delay, or at a time of day.
pub(super) async fn row_33(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.emit_after("cart", Duration::from_secs(1), 1).to("main").start()?.forget(); bus.emit_at("cart", std::time::SystemTime::now(), 1).skip_missed().start()?.stop();
    Ok(())
}

/// Make the payload of each tick in code.
pub(super) async fn row_34(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Builder::new().job_source("cpu", |call: &SourceCall| call.args::<String>());
    Ok(())
}

/// Pause, resume, change and stop a job.
pub(super) async fn row_35(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let job = bus.periodic("clock").every(Duration::from_secs(1)).start()?; job.update(JobChanges::new().every(Duration::from_secs(2)))?; job.stop();
    Ok(())
}

/// Find jobs.
pub(super) async fn row_36(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = bus.jobs().list_all();
    Ok(())
}

/// See which tick an event is.
pub(super) async fn row_37(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.listen("clock", |event| { let _: Option<&Tick> = event.tick(); })?.forget();
    Ok(())
}

/// Send a request.
pub(super) async fn row_39(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _: bool = bus.request("main", "confirm", "Delete?").timeout(Duration::from_secs(60)).await?;
    Ok(())
}

/// Send a request to several pages.
pub(super) async fn row_40(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _: Responses<bool> = bus.request_all("editor-*", "has-changes", ()).await?;
    Ok(())
}

/// Respond to requests.
pub(super) async fn row_41(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.respond("sum", async |numbers: Vec<i64>| Ok(numbers.iter().sum::<i64>()))?.stop();
    Ok(())
}

/// Respond with work that blocks.
pub(super) async fn row_42(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.respond_blocking("read", |path: String, _| Ok(std::fs::read_to_string(path)?))?.forget();
    Ok(())
}

/// Request a stream: parts, and then a response.
pub(super) async fn row_43(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = bus.request_stream::<String>("main", "tail", ()).timeout(Duration::from_secs(60)).credit_bytes(1 << 16).credit_parts(16).await?;
    Ok(())
}

/// Take the parts of a stream, and its response.
pub(super) async fn row_44(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let mut parts: PartStream<String> = bus.request_stream("main", "tail", ()).await?; while let Some(part) = parts.recv().await { println!("{}", part?); } let _: u32 = parts.response().await?;
    Ok(())
}

/// Respond with a stream.
pub(super) async fn row_45(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.respond_stream("count", |to: u32, out| async move { for number in 0..to { out.send(number).await?; } Ok(()) })?.stop();
    Ok(())
}

/// Send the parts of a stream.
pub(super) async fn row_46(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.respond_stream_blocking("name", |(): (), out: PartSender<String>| { out.blocking_send(out.context().name().to_owned())?; out.try_send(String::new())?; Ok(()) })?.stop();
    Ok(())
}

/// Accept a channel.
pub(super) async fn row_48(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.accept_channel("upper", |(): (), mut channel: PartChannel<String, String>| async move { while let Some(text) = channel.recv().await { channel.send(text?.to_uppercase()).await?; } channel.close(); Ok(()) })?.stop();
    Ok(())
}

/// Read who sent a request, and whether the caller still waits.
pub(super) async fn row_49(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.respond_with("who", async |_: (), context: RequestContext| Ok(context.name().to_owned()))?.forget();
    Ok(())
}

/// See how a responder failed.
pub(super) async fn row_51(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = |error: &Error| error.failure().map(|failure: &Failure| failure.name.clone());
    Ok(())
}

/// Register a task: long work of the app that ends with a result.
pub(super) async fn row_52(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.register_task("export", |rows: u32, task| async move { task.progress(0.5, (task.name(), task.key()))?; task.cancelled().await; Ok(rows) })?.concurrency(2).queue(8).keep(Duration::from_secs(60)).grace(Duration::from_secs(1)).forget();
    Ok(())
}

/// Start a task, and follow it.
pub(super) async fn row_53(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let mut task = bus.start_task::<String>("export", 3).key("q3").if_running(IfRunning::Fail).await?; while let Some(progress) = task.progress().await { println!("{:?} {}", progress.fraction, progress.detail::<String>()?); } let _: String = task.result().await?;
    Ok(())
}

/// Find a task: attach to it, list, cancel.
pub(super) async fn row_54(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _: String = bus.tasks().attach("export", "q3")?.result().await?; bus.tasks().cancel("export", "q3")?; let _: Vec<TaskInfo> = bus.tasks().list();
    Ok(())
}

/// Declare events with their types.
pub(super) async fn row_55(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    CartUpdated { item_count: 3 }.emit(bus)?; CartUpdated::listen(bus, |event| println!("{}", event.payload.item_count))?.forget();
    Ok(())
}

/// Declare requests with their types.
pub(super) async fn row_56(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _: bool = Confirm { title: "Close?".into() }.request(bus, "main").await?;
    Ok(())
}

/// Declare streams with their types.
pub(super) async fn row_57(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let mut parts = Export { format: "csv".into() }.request_stream(bus, HOST).await?; while let Some(part) = parts.recv().await { println!("{}", part?); } let _: String = parts.response().await?;
    Ok(())
}

/// Declare channels with their types.
pub(super) async fn row_58(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    Room::accept_channel(bus, |room, channel| async move { channel.send(room.name).await?; Ok(()) })?.stop();
    Ok(())
}

/// Send numbers that JavaScript cannot hold.
pub(super) async fn row_59(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Exact(u64::MAX);
    Ok(())
}

/// Use the basic types without Tauri.
pub(super) async fn row_60(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = tauri_plugin_event_bus::types::EventName::parse("cart:updated")?;
    Ok(())
}

/// Emit as a component.
pub(super) async fn row_61(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.component("Cart").emit("cart", 1)?;
    Ok(())
}

/// Refresh components.
pub(super) async fn row_62(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.component("Cart").refresh("ProductList")?;
    Ok(())
}

/// Show messages.
pub(super) async fn row_63(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.component("Cart").success("Saved")?;
    Ok(())
}

/// Report the outcome of actions.
pub(super) async fn row_64(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.component("Cart").action("check-out", || "7".parse::<u32>()).ok();
    Ok(())
}

/// Report the outcome of async actions.
pub(super) async fn row_65(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.component("Cart").action_async("check-out", async { "7".parse::<u32>() }).await.ok();
    Ok(())
}

/// Report the status of an action's error.
pub(super) async fn row_66(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.component("Cart").action_with_status("check-out", |_| Some(400), || "7".parse::<u32>()).ok();
    Ok(())
}

/// Name the built-in events.
pub(super) async fn row_67(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = BUILT_IN_EVENTS.contains(&"message");
    Ok(())
}

/// Describe a component for the catalog.
pub(super) async fn row_68(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Builder::new().component(ComponentDescription::new("Cart").emits("cart", "The cart has changed."));
    Ok(())
}

/// Set up the plugin.
pub(super) async fn row_69(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Builder::new().limits(Limits::default()).catalog_mode(CatalogMode::Strict);
    Ok(())
}

/// Get the bus.
pub(super) async fn row_70(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _: EventBus = app.event_bus();
    Ok(())
}

/// Read what is declared.
pub(super) async fn row_72(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = bus.catalog().is_strict();
    Ok(())
}

/// Generate TypeScript, Markdown and JSON Schema.
pub(super) async fn row_73(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Builder::new().event::<CartUpdated>().catalog()?.export_typescript("src/events.ts");
    Ok(())
}

/// Connect the bus to other nodes, and see how that is.
pub(super) async fn row_74(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    if let Some(link) = bus.link_status() { println!("{} {}", link.node, link.connected); }
    Ok(())
}

/// Write a link to other nodes.
pub(super) async fn row_75(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    use tauri_plugin_event_bus::link::{LinkPayload, LinkPlan, Share}; let _ = LinkPlan::new("till-4", [Share::both("order:*")?]); let _ = LinkPayload::new("1", vec![]).text();
    Ok(())
}

/// Carry the trace of the app in events and requests.
pub(super) async fn row_76(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Builder::new().trace_context(|| None, |_| ()); bus.emit_with("cart", 1, EmitOptions::new().traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))?;
    Ok(())
}

/// Inspect the bus.
pub(super) async fn row_77(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _: Inspection = bus.inspect();
    Ok(())
}

/// Tap the bus: see everything that happens, and its way.
pub(super) async fn row_78(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let mut tap = bus.tap(TapFilter::new().names(["cart:*"]).kinds([TapKind::Event]))?; if let Some(record) = tap.recv().await { println!("{}", record.to_json()); }
    Ok(())
}

/// Hide parts of payloads from taps, and allow those of pages.
pub(super) async fn row_79(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Builder::new().redact("user:*", "/token").page_taps(true);
    Ok(())
}

/// Record what happens.
pub(super) async fn row_80(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = bus.record("bug.ndjson")?.stop().await?.records;
    Ok(())
}

/// Show what happens in a window.
pub(super) async fn row_81(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    bus.open_inspector()?; let _ = Builder::new().inspector(true);
    Ok(())
}

/// Read a recording.
pub(super) async fn row_82(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Recording::open("bug.ndjson")?.records.len();
    Ok(())
}

/// Check capability files.
pub(super) async fn row_83(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = tauri_plugin_event_bus::capabilities::check_capabilities_in("src-tauri");
    Ok(())
}

/// Handle errors.
pub(super) async fn row_84(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = |error: &Error| error.code() == ErrorCode::QueueFull;
    Ok(())
}

/// Make errors of the bus.
pub(super) async fn row_85(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Error::new(ErrorCode::Unavailable, "the printer is off").with_source(std::io::Error::other("offline"));
    Ok(())
}

/// Test code without windows.
pub(super) async fn row_92(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let test = TestBus::new(); test.page("main").emit("cart", 1)?; test.settle(); let _ = test.history("*");
    Ok(())
}

/// Replay a recording against code.
pub(super) async fn row_93(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = TestBus::new().replay(&Recording::open("bug.ndjson")?, &ReplayOptions::new())?.differences;
    Ok(())
}

/// The functions and types of Tauri's events, through the bus.
pub(super) async fn row_97(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    use tauri_plugin_event_bus::compat::{Emitter, Listener}; app.listen("cart", |event| println!("{}", event.payload())); let _ = app.emit("cart", 1);
    Ok(())
}

/// Turn compatible mode on, or parts of it.
pub(super) async fn row_98(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = (Builder::new().compatible(), Builder::new().compatible_with(tauri_plugin_event_bus::compat::Compatible::default()));
    Ok(())
}

/// Read what compatible mode has noted.
pub(super) async fn row_99(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    for note in bus.compat_report().notes { println!("{}: {}", note.event, note.message); }
    Ok(())
}

/// Bridge single names from and to Tauri's events, and window events.
pub(super) async fn row_100(app: &AppHandle, bus: &EventBus) -> Result<()> {
    let _ = (app, bus);
    let _ = Builder::new().bridge_from_core(["deep-link://new-url"]).bridge_to_core(["download:*"]).window_events([tauri_plugin_event_bus::compat::WindowEventKind::Focused]);
    Ok(())
}
