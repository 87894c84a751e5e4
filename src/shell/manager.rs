//! `event_bus()` for the types of Tauri: apps, windows and webviews.

use tauri::{App, AppHandle, Manager, Runtime, Webview, WebviewWindow, Window};

use crate::api::bus::{EventBus, EventBusExt};
use crate::api::webview::WebviewBus;

impl<R: Runtime> EventBusExt for App<R> {
    type Bus = EventBus;

    fn event_bus(&self) -> EventBus {
        find_bus(self)
    }
}

impl<R: Runtime> EventBusExt for AppHandle<R> {
    type Bus = EventBus;

    fn event_bus(&self) -> EventBus {
        find_bus(self)
    }
}

impl<R: Runtime> EventBusExt for Window<R> {
    type Bus = EventBus;

    fn event_bus(&self) -> EventBus {
        find_bus(self)
    }
}

impl<R: Runtime> EventBusExt for Webview<R> {
    type Bus = WebviewBus;

    fn event_bus(&self) -> WebviewBus {
        WebviewBus::new(find_bus(self), self.label())
    }
}

impl<R: Runtime> EventBusExt for WebviewWindow<R> {
    type Bus = WebviewBus;

    fn event_bus(&self) -> WebviewBus {
        WebviewBus::new(find_bus(self), self.label())
    }
}

fn find_bus<R: Runtime>(manager: &impl Manager<R>) -> EventBus {
    match manager.try_state::<EventBus>() {
        Some(bus) => bus.inner().clone(),
        None => panic!(
            "the event bus has not started: add .plugin(tauri_plugin_event_bus::init()) to the app's builder, before the plugins that use it; Tauri sets plugins up in the order in which they are added, and calls the app's own setup after all of them"
        ),
    }
}
