use std::sync::Arc;

use serde::Serialize;
use tauri::plugin::{Builder as PluginBuilder, TauriPlugin};
use tauri::webview::PageLoadEvent;
use tauri::{AppHandle, Manager, RunEvent, Runtime, Url, WindowEvent};

use crate::api::bus::EventBus;
use crate::catalog::{Catalog, ComponentDescription, Declaration, RequestDeclaration};
use crate::config::{CatalogMode, Config, Limits, PolicyRule, read_policies};
use crate::engine::core::Platform;
use crate::engine::leases::keep_leases;
use crate::engine::listeners::call_listeners;
use crate::model::policy::Policy;
use crate::periodic::source::{SourceCall, Sources};
use crate::runtime::BusRuntime;
use crate::shell::registration::Registration;
use crate::shell::{commands, crash};
use crate::sync::Tasks;

/// The plugin with its defaults.
///
/// ```no_run
/// tauri::Builder::default().plugin(tauri_plugin_event_bus::init());
/// ```
#[must_use]
pub fn init<R: Runtime>() -> TauriPlugin<R, Option<Config>> {
    Builder::new().build()
}

/// Sets up the plugin. What stands in `tauri.conf.json` under `plugins.event-bus` holds where this says nothing.
///
/// ```no_run
/// use tauri_plugin_event_bus::{Builder, Limits};
///
/// let mut limits = Limits::default();
/// limits.queue_events = 10_000;
/// tauri::Builder::default().plugin(Builder::new().limits(limits).build());
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct Builder {
    limits: Option<Limits>,
    policies: Vec<PolicyRule>,
    events: Vec<Declaration>,
    requests: Vec<RequestDeclaration>,
    components: Vec<ComponentDescription>,
    catalog: Option<CatalogMode>,
    sources: Sources,
}

impl Builder {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets every limit; those of `tauri.conf.json` are then not read.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Sets how events are kept and delivered whose name is this, or matches this pattern. Comes after the policies of
    /// `tauri.conf.json` and those that were set before: where several match, the later one counts.
    pub fn policy(mut self, event: impl Into<String>, policy: Policy) -> Self {
        self.policies.push(PolicyRule {
            event: event.into(),
            policy,
        });
        self
    }

    /// Registers a typed event: what pages emit under its name must have its shape, and it is in the [`Catalog`].
    #[cfg(feature = "typed")]
    pub fn event<E: crate::api::typed::Event>(mut self) -> Self {
        self.events.push(Declaration::of::<E>());
        self
    }

    /// Registers a typed question: what pages ask under its name, and what they answer, must have its shapes, and it is
    /// in the [`Catalog`].
    #[cfg(feature = "typed")]
    pub fn request<R: crate::api::typed::Request>(mut self) -> Self {
        self.requests.push(RequestDeclaration::of::<R>());
        self
    }

    /// Describes a component: what it emits and listens to is in the [`Catalog`], for people and tools.
    pub fn component(mut self, description: ComponentDescription) -> Self {
        self.components.push(description);
        self
    }

    /// Sets what becomes of names that no typed event is registered under, whatever `tauri.conf.json` says.
    pub fn catalog_mode(mut self, mode: CatalogMode) -> Self {
        self.catalog = Some(mode);
        self
    }

    /// The typed events that are registered, for a test that writes files from them.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName) where two types have one name, or a name is
    /// none; [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument) where a component is described twice.
    pub fn catalog(&self) -> crate::Result<Catalog> {
        let mode = self.catalog.unwrap_or_default();
        Catalog::new(&self.events, &self.requests, mode == CatalogMode::Strict)?
            .with_components(&self.components)
    }

    /// Registers a source of payloads, from which jobs of Rust and of pages take those of their ticks, by name and with
    /// arguments. It is called for each tick on a thread that may block, and never while it still runs for the same job.
    /// A tick whose source fails is counted and reported, and the next one tries again.
    ///
    /// ```no_run
    /// use tauri_plugin_event_bus::{Builder, SourceCall};
    ///
    /// fn lines(call: &SourceCall) -> Result<usize, Box<dyn std::error::Error>> {
    ///     let path: String = call.args()?;
    ///     Ok(std::fs::read_to_string(path)?.lines().count())
    /// }
    ///
    /// tauri::Builder::default().plugin(Builder::new().job_source("lines", lines).build());
    /// ```
    pub fn job_source<T: Serialize, E: std::fmt::Display>(
        mut self,
        name: impl Into<String>,
        sample: impl Fn(&SourceCall) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        self.sources.add(name.into(), sample);
        self
    }

    /// Registers a source as [`Builder::job_source`] does, whose answer is awaited. It is given up when its job ends.
    ///
    /// ```no_run
    /// use tauri_plugin_event_bus::Builder;
    ///
    /// let builder = Builder::new().job_source_async("rate", async |call| {
    ///     let currency: String = call.args()?;
    ///     tauri_plugin_event_bus::Result::<usize>::Ok(currency.len())
    /// });
    /// tauri::Builder::default().plugin(builder.build());
    /// ```
    pub fn job_source_async<T, E, F>(
        mut self,
        name: impl Into<String>,
        sample: impl Fn(SourceCall) -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: Serialize,
        E: std::fmt::Display,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.sources.add_async(name.into(), sample);
        self
    }

    /// Makes the plugin. The app fails to start where a limit or a policy makes no sense, with a message that names its key,
    /// where two typed events have one name, with a message that names both, or where the plugin is registered twice.
    #[must_use]
    pub fn build<R: Runtime>(self) -> TauriPlugin<R, Option<Config>> {
        let registration = Registration::new();
        PluginBuilder::<R, Option<Config>>::new("event-bus")
            .setup(move |app, api| {
                registration.complete(app.try_state::<EventBus>().is_some())?;
                let config = api.config().clone().unwrap_or_default();
                let limits = self.limits.unwrap_or(config.limits);
                limits.check()?;
                let mode = self.catalog.unwrap_or(config.catalog);
                let catalog =
                    Catalog::new(&self.events, &self.requests, mode == CatalogMode::Strict)?
                        .with_components(&self.components)?;
                let policies = read_policies(&[config.policies, self.policies].concat())?
                    .after(catalog.policies()?);
                self.sources.check()?;
                let platform = Box::new(TauriPlatform(app.clone()));
                let tasks = Tasks::new(tauri::async_runtime::handle().inner().clone());
                let runtime = BusRuntime::new(limits, policies, self.sources, platform, tasks);
                let core = &runtime.core;
                // Tauri sets plugins up on its main thread.
                core.note_main_thread();
                core.tasks()
                    .spawn(call_listeners(Arc::downgrade(&runtime.listeners)));
                core.tasks().spawn(keep_leases(Arc::downgrade(core)));
                app.manage(EventBus::new(runtime, catalog));
                Ok(())
            })
            .invoke_handler(commands::handler())
            .on_webview_ready(|webview| {
                with_runtime(webview.app_handle(), |runtime| {
                    runtime
                        .core
                        .hub()
                        .announce(webview.label(), webview.window_ref().label());
                    crash::watch(&webview, Arc::downgrade(runtime));
                });
            })
            .on_page_load(|webview, load| {
                if load.event() == PageLoadEvent::Started {
                    with_runtime(webview.app_handle(), |runtime| {
                        runtime.leave_page(webview.label(), origin_of(load.url()));
                    });
                }
            })
            .on_event(|app, event| match event {
                RunEvent::WindowEvent {
                    label,
                    event: WindowEvent::Destroyed,
                    ..
                } => with_runtime(app, |runtime| runtime.remove_window(label)),
                RunEvent::Exit => with_runtime(app, |runtime| runtime.shut_down()),
                _ => {}
            })
            .build()
    }
}

fn with_runtime<R: Runtime>(app: &AppHandle<R>, act: impl FnOnce(&Arc<BusRuntime>)) {
    if let Some(bus) = app.try_state::<EventBus>() {
        act(bus.runtime());
    }
}

/// The origin of a page as its requests name it. `Url::origin` has none for the schemes of apps.
fn origin_of(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    Some(format!("{}://{host}{port}", url.scheme()))
}

struct TauriPlatform<R: Runtime>(AppHandle<R>);

impl<R: Runtime> Platform for TauriPlatform<R> {
    fn window_of(&self, webview: &str) -> Option<String> {
        // A webview of its own window has the window's label; the others are announced before anybody can know them.
        self.0
            .get_webview_window(webview)
            .map(|window| window.label().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_spelled_as_requests_spell_them() {
        for (url, expected) in [
            ("tauri://localhost/index.html#x", Some("tauri://localhost")),
            ("http://tauri.localhost/", Some("http://tauri.localhost")),
            ("https://example.com:443/a", Some("https://example.com")),
            ("http://localhost:1420/", Some("http://localhost:1420")),
            ("about:blank", None),
            ("data:text/html,x", None),
        ] {
            assert_eq!(
                origin_of(&url.parse().unwrap()).as_deref(),
                expected,
                "{url}"
            );
        }
    }
}
