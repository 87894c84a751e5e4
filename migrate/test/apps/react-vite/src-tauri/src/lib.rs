use serde_json::json;
use tauri::{AppHandle, Emitter, Listener, Manager};

mod rows;

#[tauri::command]
fn send(app: AppHandle) -> tauri::Result<()> {
    app.emit("chat:message", json!({ "text": "hello" }))
}

pub fn run() {
    tauri::Builder::default()
        .setup(|app| {
            app.listen("chat:typing", |event: tauri::Event| println!("{}", event.payload()));
            let _ = app.get_webview_window("main");
            Ok(())
        })
        .invoke_handler(tauri::generate_handler![send])
        .run(tauri::generate_context!())
        .expect("the app starts");
}
