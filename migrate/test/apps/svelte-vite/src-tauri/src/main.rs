use tauri::{Builder, Listener};

fn main() {
    Builder::default()
        .plugin(tauri_plugin_store::Builder::new().build())
        .setup(|app| {
            app.listen_any("note:save", |event| println!("{}", event.payload()));
            Ok(())
        })
        .run(tauri::generate_context!())
        .unwrap();
}
