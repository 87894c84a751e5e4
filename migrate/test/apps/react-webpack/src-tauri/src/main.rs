pub use tauri::Emitter;

fn main() {
    mail::run()
}
