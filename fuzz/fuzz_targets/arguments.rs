#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tauri_plugin_event_bus::fuzzing::arguments(bytes));
