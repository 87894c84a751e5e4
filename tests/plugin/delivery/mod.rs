//! From emitting to a page's pull, through Tauri's mock runtime and real capability files.

mod batches;
mod refusals;
mod targets;
