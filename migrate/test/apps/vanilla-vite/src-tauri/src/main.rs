use tauri::{Emitter};

fn main() {
    tauri::Builder::default().setup(|app| Ok(app.emit("hello", "world")?)).run(tauri::generate_context!()).unwrap();
}
