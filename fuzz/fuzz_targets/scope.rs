#![no_main]

libfuzzer_sys::fuzz_target!(|json: &[u8]| tauri_plugin_event_bus::fuzzing::scope(json));
