#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| tauri_plugin_event_bus::fuzzing::session_id(text));
