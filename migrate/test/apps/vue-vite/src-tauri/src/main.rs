use tauri::Emitter;

fn main() {
    let builder = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, _, _| {
            let _ = app.emit("player:again", ());
        }))
        .plugin(tauri_plugin_opener::init());
    builder.run(tauri::generate_context!()).unwrap();
}
