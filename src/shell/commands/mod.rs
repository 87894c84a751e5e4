//! IPC command handlers: parse the arguments, check the permission, call the bus.

mod arguments;
mod body;
mod carried;
mod catalog;
mod command;
mod emit;
mod inspect;
#[cfg(feature = "inspector")]
mod inspector;
mod jobs;
pub(crate) mod names;
mod pages;
mod pull;
mod request;
mod respond;
mod retained;
mod settle;
mod subscribe;
pub(super) mod tap;
mod tasks;

use tauri::Runtime;
use tauri::ipc::Invoke;

#[cfg(calls)]
pub(super) use carried::apply_carried_text;

#[cfg(any(fuzzing, test))]
pub(crate) use arguments::{read_json, read_target};

/// The handler of every command. A pull and a request keep their resolvers; the others resolve when they return.
pub(crate) fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    let handle: Box<dyn Fn(Invoke<R>) -> bool + Send + Sync> = Box::new(tauri::generate_handler![
        emit::emit,
        emit::emit_to,
        retained::clear_retained,
        subscribe::subscribe,
        subscribe::unsubscribe,
        settle::settle,
        jobs::start_job,
        jobs::stop_job,
        jobs::pause_job,
        jobs::resume_job,
        jobs::update_job,
        jobs::list_jobs,
        tasks::start_task,
        tasks::attach_task,
        tasks::cancel_task,
        tasks::list_tasks,
        request::cancel_request,
        respond::set_responders,
        respond::respond,
        pages::pages,
        pages::page,
        pages::presence,
        catalog::catalog,
        inspect::inspect,
        inspect::compat_report,
        tap::tap,
    ]);
    #[cfg(feature = "inspector")]
    let handle_inspector = inspector::handler();
    move |invoke| {
        #[cfg(feature = "inspector")]
        match inspector::check(&invoke.message) {
            Ok(true) => return handle_inspector(invoke),
            Ok(false) => {}
            Err(error) => {
                invoke.resolver.reject(error);
                return true;
            }
        }
        match invoke.message.command() {
            pull::COMMAND => pull::accept(invoke),
            request::COMMAND => request::accept(invoke),
            _ => return handle(invoke),
        }
        true
    }
}

/// Reads a body as a frame, for the fuzz targets.
#[cfg(any(fuzzing, test))]
pub(crate) fn read_frame(body: &[u8]) -> crate::model::error::Result<()> {
    body::read_body(&tauri::ipc::InvokeBody::Raw(body.to_vec())).map(drop)
}

/// Reads an entry of one of the commands as far as that needs no bus, for the fuzz targets.
#[cfg(any(fuzzing, test))]
pub(crate) fn read_arguments(
    kind: u8,
    entry: serde_json::Value,
) -> crate::model::error::Result<()> {
    match kind % 9 {
        0 => emit::read_entry(entry),
        1 => subscribe::read_entry(entry),
        2 => request::read_entry(entry),
        3 => respond::read_entry(entry),
        4 => tasks::read_entry(entry),
        5 => jobs::read_entry(entry),
        6 => pages::read_entry(entry),
        7 => tap::read_entry(entry),
        _ => settle::read_entry(entry),
    }
}
