//! Real windows, in processes of their own.

use std::env::current_exe;
use std::io::Read;
use std::process::{Child, Command, Stdio};

use tauri::{WebviewUrl, WebviewWindowBuilder};
use tauri_plugin_event_bus::{Builder, EventBusExt};
use tauri_plugin_event_bus_nats::Nats;

use crate::Outcome;
use crate::server::Server;

/// Microseconds for an event to another window and one back: both in one app, or each in an app that is a node.
pub(crate) fn round_trip(server: Option<&Server>) -> Outcome<f64> {
    let url = server.map_or_else(|| "none".to_owned(), Server::url);
    let _echo = match server {
        Some(_) => Some(Started(start("echo", &url)?)),
        None => None,
    };
    let mut probe = Started(start("probe", &url)?);
    let mut printed = String::new();
    let output = probe.0.stdout.take().ok_or("the app has no output")?;
    std::io::BufReader::new(output).read_to_string(&mut printed)?;
    let figure = printed.trim().parse();
    figure.map_err(|_| format!("the window measured nothing: {printed:?}").into())
}

fn start(role: &str, server: &str) -> Outcome<Child> {
    let started = Command::new(current_exe()?)
        .args(["window", role, server])
        .stdout(Stdio::piped())
        .spawn();
    Ok(started?)
}

/// A process that ends with this.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens the window of this role, or both if there is no server, and prints what the page has measured.
pub(crate) fn serve(role: &str, server: &str) -> Outcome {
    let labels = match server {
        "none" => vec!["echo", "probe"],
        _ => vec![role],
    };
    let bus = match server {
        "none" => Builder::new(),
        _ => Builder::new().link(
            Nats::connect(server)
                .app("windows")
                .node(role)
                .share("bench:*")
                .presence(false),
        ),
    };
    let labels: Vec<String> = labels.into_iter().map(str::to_owned).collect();
    tauri::Builder::default()
        .plugin(bus.build())
        .setup(move |app| {
            let handle = app.handle().clone();
            app.event_bus()
                .listen("bench:measured", move |event| {
                    if let Ok(microseconds) = event.payload::<f64>() {
                        println!("{microseconds}");
                        handle.exit(0);
                    }
                })?
                .forget();
            for (place, label) in labels.iter().enumerate() {
                let window = WebviewWindowBuilder::new(app, label, WebviewUrl::default());
                let left = if is_right(label) { 620.0 } else { 10.0 };
                window
                    .position(left, 10.0 + 10.0 * place as f64)
                    .inner_size(600.0, 400.0)
                    .build()?;
            }
            Ok(())
        })
        .run(tauri::generate_context!())?;
    Ok(())
}

/// No window covers the other one, which would slow its page.
fn is_right(label: &str) -> bool {
    label == "probe"
}
