//! The playground, in the engine of the system.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() -> tauri::Result<()> {
    playground::app::<tauri::Wry>().run(playground::context())
}
