//! The playground in windows of Chromium, for its picture.

use chromium_runtime::{ChromiumRuntime, serve_from_chromium};

fn main() -> tauri::Result<()> {
    let mut context = playground::context();
    serve_from_chromium(&mut context);
    playground::app::<ChromiumRuntime>().run(context)
}
