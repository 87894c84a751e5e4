use tauri::*;

fn main() {
    #[cfg(mobile)]
    let builder = tauri::Builder::default();
    #[cfg(desktop)]
    let builder = tauri::Builder::new();
    builder
        .setup(|app| Ok(app.emit("clock:tick", "now")?))
        .run(generate_context!())
        .unwrap();
}
