//! The plugin: its builder, and the hooks by which Tauri starts, drives and ends the bus.

use std::sync::Arc;

use tauri::ipc::Invoke;
use tauri::plugin::{Builder as PluginBuilder, Plugin, TauriPlugin};
use tauri::webview::{PageLoadEvent, PageLoadPayload};
use tauri::{AppHandle, Manager, RunEvent, Runtime, Url, Webview, WindowEvent};

use crate::api::bus::EventBus;
use crate::api::link::exit::wait_for_link;
use crate::api::link::start::Link;
use crate::api::tap::recorder::wait_for_recordings;
use crate::catalog::{Catalog, ComponentDescription, EventDeclaration, RequestDeclaration};
use crate::config::{CatalogMode, Compatible, Config, PolicyRule, read_policies};
use crate::engine::interceptors::Interceptors;
use crate::engine::leases::keep_leases;
use crate::engine::listeners::call_listeners;
use crate::limits::Limits;
use crate::model::interception::{EmitContext, EmittedEvent};
use crate::model::policy::Policy;
use crate::periodic::source::Sources;
use crate::runtime::BusRuntime;
use crate::shell::bridge::Bridges;
use crate::shell::compat::{CompatListeners, Watched};
use crate::shell::hidden;
#[cfg(feature = "inspector")]
use crate::shell::inspector::{self, state::Inspector};
use crate::shell::link::{BoxedLink, start_link};
use crate::shell::registration::Registration;
use crate::shell::seen::Seen;
use crate::shell::window_events::WindowEventKind;
use crate::shell::{commands, platform, window_events};
use crate::sync::Tasks;

/// Makes the plugin with its defaults.
///
/// ```no_run
/// tauri::Builder::default().plugin(tauri_plugin_event_bus::init());
/// ```
#[must_use]
pub fn init<R: Runtime>() -> impl Plugin<R> + use<R> {
    Builder::new().build()
}

/// Configures the plugin. The settings in `tauri.conf.json` under `plugins.event-bus` apply to what this leaves out.
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
    events: Vec<EventDeclaration>,
    requests: Vec<RequestDeclaration>,
    components: Vec<ComponentDescription>,
    catalog: Option<CatalogMode>,
    pub(super) sources: Sources,
    interceptors: Interceptors,
    link: Option<BoxedLink>,
    pub(super) seen: Seen,
    compatible: Option<Compatible>,
    from_core: Vec<String>,
    to_core: Vec<String>,
    window_events: Vec<WindowEventKind>,
}

impl Builder {
    /// Starts with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets every limit. The limits in `tauri.conf.json` are then not read.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Turns compatible mode on with all of its parts, for an app that moves from Tauri's own events: pages and
    /// [`compat`](crate::compat) behave as those, and [`EventBus::compat_report`] lists what would be different. Overrides
    /// `tauri.conf.json`.
    ///
    /// ```
    /// let builder = tauri_plugin_event_bus::Builder::new().compatible();
    /// # let _ = builder;
    /// ```
    pub fn compatible(self) -> Self {
        self.compatible_with(Compatible::default())
    }

    /// Turns compatible mode on with these parts. [`Compatible`] has an example.
    pub fn compatible_with(mut self, parts: Compatible) -> Self {
        self.compatible = Some(parts);
        self
    }

    /// Brings events of Tauri's own system into the bus, such as those of Tauri's plugins. Names are exact, because Tauri has
    /// no patterns. What Tauri sends to one window is not brought in.
    ///
    /// A page that may emit Tauri's events can emit these names, too.
    ///
    /// ```
    /// let builder = tauri_plugin_event_bus::Builder::new().bridge_from_core(["deep-link://new-url"]);
    /// # let _ = builder;
    /// ```
    pub fn bridge_from_core<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.from_core.extend(names.into_iter().map(Into::into));
        self
    }

    /// Emits events of the bus in Tauri's own system, too: names, or patterns. A name goes in one direction only.
    ///
    /// ```
    /// let builder = tauri_plugin_event_bus::Builder::new().bridge_to_core(["download:*"]);
    /// # let _ = builder;
    /// ```
    pub fn bridge_to_core<S: Into<String>>(
        mut self,
        patterns: impl IntoIterator<Item = S>,
    ) -> Self {
        self.to_core.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Emits these events of Tauri's windows to everyone, as `event-bus:window-…`.
    ///
    /// ```
    /// use tauri_plugin_event_bus::Builder;
    /// use tauri_plugin_event_bus::compat::WindowEventKind;
    ///
    /// let builder = Builder::new().window_events([WindowEventKind::Focused, WindowEventKind::Destroyed]);
    /// # let _ = builder;
    /// ```
    pub fn window_events(mut self, kinds: impl IntoIterator<Item = WindowEventKind>) -> Self {
        self.window_events.extend(kinds);
        self
    }

    /// Sets how events with this name, or whose names match this pattern, are kept and delivered.
    ///
    /// If several policies match an event, the last one applies. This one comes after those of `tauri.conf.json` and those
    /// set before.
    ///
    /// ```
    /// use tauri_plugin_event_bus::{Builder, Policy};
    ///
    /// let builder = Builder::new().policy("mouse:*", Policy::new().latest());
    /// # let _ = builder;
    /// ```
    pub fn policy(mut self, event: impl Into<String>, policy: Policy) -> Self {
        self.policies.push(PolicyRule::new(event, policy));
        self
    }

    /// Registers a typed event: it appears in the [`Catalog`], and what pages emit under its name must match it.
    /// [`Event`](crate::typed::Event) has an example.
    #[cfg(feature = "typed")]
    pub fn event<E: tauri_plugin_event_bus_types::Event>(mut self) -> Self {
        self.events.push(EventDeclaration::of::<E>());
        self
    }

    /// Registers a typed request: it appears in the [`Catalog`], and the requests and responses of pages under its name must
    /// match it. [`Request`](crate::typed::Request) has an example.
    #[cfg(feature = "typed")]
    pub fn request<R: tauri_plugin_event_bus_types::Request>(mut self) -> Self {
        self.requests.push(RequestDeclaration::of::<R>());
        self
    }

    /// Registers a typed stream: it appears in the [`Catalog`], and the requests, parts and responses of pages under its name
    /// must match it. [`StreamRequest`](crate::typed::StreamRequest) has an example.
    #[cfg(feature = "typed")]
    pub fn stream_request<S: tauri_plugin_event_bus_types::StreamRequest>(mut self) -> Self {
        self.requests.push(RequestDeclaration::of_stream::<S>());
        self
    }

    /// Registers a typed channel: it appears in the [`Catalog`], and what pages open it with and send must match it.
    /// [`ChannelRequestExt`](crate::typed::ChannelRequestExt) has an example.
    #[cfg(feature = "typed")]
    pub fn channel_request<C: tauri_plugin_event_bus_types::ChannelRequest>(mut self) -> Self {
        self.requests.push(RequestDeclaration::of_channel::<C>());
        self
    }

    /// Describes a component in the [`Catalog`]: what it emits and listens to, for people and tools.
    /// [`ComponentDescription`] has an example.
    pub fn component(mut self, description: ComponentDescription) -> Self {
        self.components.push(description);
        self
    }

    /// Sets whether names without a registered type are allowed. Overrides `tauri.conf.json`.
    ///
    /// ```
    /// use tauri_plugin_event_bus::{Builder, CatalogMode};
    ///
    /// let builder = Builder::new().catalog_mode(CatalogMode::Strict);
    /// # let _ = builder;
    /// ```
    pub fn catalog_mode(mut self, mode: CatalogMode) -> Self {
        self.catalog = Some(mode);
        self
    }

    /// Returns the catalog of what is registered, for a test that writes files from it.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName): two types have the same name, or a name is
    ///   invalid.
    /// - [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument): a component is described twice, or the catalog
    ///   is strict and empty.
    ///
    /// ```
    /// let catalog = tauri_plugin_event_bus::Builder::new().catalog().unwrap();
    /// assert_eq!(catalog.events().count(), 0);
    /// ```
    pub fn catalog(&self) -> crate::model::error::Result<Catalog> {
        let mode = self.catalog.unwrap_or_default();
        Catalog::new(&self.events, &self.requests, mode == CatalogMode::Strict)?
            .with_components(&self.components)
    }

    /// Lets a function see each event before it is published: of the host, of pages and of jobs. It may look, amend the
    /// payload, or refuse the event with an error.
    ///
    /// Functions run in the order in which they are registered, on the thread that emits, so keep them short. An error, or a
    /// panic, refuses that event alone, with the code [`ErrorCode::Refused`](crate::ErrorCode::Refused). What a function emits
    /// itself passes none of them, and neither do the bus's own events (`event-bus:…`).
    ///
    /// ```
    /// use tauri_plugin_event_bus::Builder;
    ///
    /// let builder = Builder::new().before_emit(|event, context| {
    ///     println!("{} from {:?}", event.name(), context.source());
    ///     if event.name().starts_with("debug:") && !cfg!(debug_assertions) {
    ///         return Err("no debug events in releases".into());
    ///     }
    ///     Ok(())
    /// });
    /// # let _ = builder;
    /// ```
    pub fn before_emit(
        mut self,
        interceptor: impl Fn(
            &mut EmittedEvent<'_>,
            &EmitContext<'_>,
        ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.interceptors.add(interceptor);
        self
    }

    /// Connects the bus to other nodes: events of the names that the link shares travel between them. An app has one link; the
    /// last one counts.
    ///
    /// Nothing travels by itself. A page reaches other nodes only where an entry of its capability says `"link": true`.
    /// [`Link`] has an example.
    pub fn link(mut self, link: impl Link) -> Self {
        self.link = Some(BoxedLink(Box::new(link)));
        self
    }

    /// Makes the plugin. The app fails to start, with a message that names the key, the types or the source, if
    ///
    /// - a limit or a policy is invalid,
    /// - two typed events or two typed requests have the same name,
    /// - two sources have the same name,
    /// - a redaction has an invalid pattern or an invalid pointer,
    /// - a bridge to Tauri's events has a name that Tauri refuses, or one name in both directions,
    /// - the link refuses its configuration, or `plugins.event-bus.link` is there without a link, or
    /// - the plugin is registered twice.
    #[must_use]
    pub fn build<R: Runtime>(self) -> impl Plugin<R> + use<R> {
        RegisteredPlugin {
            hooks: self.hooks(),
            registration: Registration::new(),
            script: None,
        }
    }

    fn hooks<R: Runtime>(self) -> TauriPlugin<R, Option<Config>> {
        let window_events = self.window_events.clone();
        let hooks = PluginBuilder::<R, Option<Config>>::new("event-bus");
        #[cfg(feature = "inspector")]
        let hooks = hooks.register_uri_scheme_protocol(hidden::INSPECTOR, inspector::serve);
        hooks
            .setup(move |app, api| {
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
                let redactions = self.seen.redactions()?;
                let bridges = Bridges::parse(&self.from_core, &self.to_core)?;
                let platform = Box::new(platform::TauriPlatform(app.clone()));
                let tasks = Tasks::new(tauri::async_runtime::handle().inner().clone());
                let tasks = self.seen.with_clock(tasks);
                let runtime = BusRuntime::new(limits, policies, self.sources, platform, tasks);
                let core = &runtime.core;
                core.set_interceptors(self.interceptors);
                #[cfg(feature = "inspector")]
                app.manage(Arc::new(Inspector::new(self.seen.inspector)));
                self.seen.apply(app, core, redactions, &catalog);
                if let Some(parts) = self.compatible.or(config.compatible) {
                    core.set_compatible(parts);
                }
                #[cfg(calls)]
                crate::shell::calls::install(app, core);
                core.tasks()
                    .spawn(call_listeners(Arc::downgrade(&runtime.listeners)));
                core.tasks().spawn(keep_leases(Arc::downgrade(core)));
                app.manage(CompatListeners::default());
                app.manage(Watched::default());
                let bus = EventBus::new(Arc::clone(&runtime), catalog);
                let app_id = &app.config().identifier;
                start_link(self.link, config.link, app_id, &bus)
                    .map_err(|error| error as Box<dyn std::error::Error>)?;
                bridges.start(app, &bus);
                app.manage(bus);
                // First the listener, so that no webview comes between it and the list.
                platform::listen_for_webviews(app, &runtime);
                platform::announce_webviews(app, &runtime);
                Ok(())
            })
            .invoke_handler(commands::handler())
            .on_webview_ready(|webview| {
                if hidden::is_hidden(webview.label()) {
                    return;
                }
                with_runtime(webview.app_handle(), |runtime| {
                    let window = webview.window_ref().label().to_owned();
                    if let Some(number) = runtime.webview_is_ready(webview.label(), &window) {
                        platform::watch(&webview, number, runtime);
                    }
                });
            })
            .on_page_load(|webview, load| {
                let is_hidden = hidden::is_hidden(webview.label());
                if load.event() == PageLoadEvent::Started && !is_hidden {
                    with_runtime(webview.app_handle(), |runtime| {
                        runtime.leave_page(webview.label(), origin_of(load.url()));
                    });
                }
            })
            .on_event(move |app, event| match event {
                #[cfg(feature = "inspector")]
                RunEvent::Ready => inspector::start(app),
                RunEvent::WindowEvent { label, event, .. } if hidden::is_hidden(label) => {
                    #[cfg(feature = "inspector")]
                    if matches!(event, WindowEvent::Destroyed) {
                        inspector::close(app);
                    }
                    let _ = event;
                }
                RunEvent::WindowEvent { label, event, .. } => with_runtime(app, |runtime| {
                    if matches!(event, WindowEvent::Destroyed) {
                        runtime.remove_window(label);
                    }
                    window_events::publish(&runtime.core, &window_events, label, event);
                }),
                RunEvent::Exit => with_runtime(app, |runtime| {
                    #[cfg(all(feature = "debug-socket", debug_assertions))]
                    crate::shell::socket::close(app);
                    runtime.shut_down();
                    wait_for_recordings(&runtime.core);
                    wait_for_link(&runtime.core);
                }),
                _ => {}
            })
            .build()
    }
}

/// The plugin as Tauri holds it.
struct RegisteredPlugin<R: Runtime> {
    hooks: TauriPlugin<R, Option<Config>>,
    registration: Registration,
    /// What tells each page of the mode. Known once the configuration is read.
    script: Option<String>,
}

impl<R: Runtime> Plugin<R> for RegisteredPlugin<R> {
    fn name(&self) -> &'static str {
        self.registration.note_compared();
        self.hooks.name()
    }

    fn initialize(
        &mut self,
        app: &AppHandle<R>,
        config: serde_json::Value,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let is_running = app.try_state::<EventBus>().is_some();
        self.registration.complete(is_running)?;
        self.hooks.initialize(app, config)?;
        let bus = app.try_state::<EventBus>();
        let parts = bus.and_then(|bus| bus.runtime().core.compatible());
        let script = script_for(parts);
        #[cfg(feature = "inspector")]
        let script = script + inspector::script(app);
        self.script = Some(script);
        Ok(())
    }

    // For the main frame only, and called for each webview, after `initialize`.
    fn initialization_script(&self) -> Option<String> {
        self.script.clone()
    }

    fn webview_created(&mut self, webview: Webview<R>) {
        self.hooks.webview_created(webview);
    }

    fn on_page_load(&mut self, webview: &Webview<R>, load: &PageLoadPayload<'_>) {
        self.hooks.on_page_load(webview, load);
    }

    fn on_event(&mut self, app: &AppHandle<R>, event: &RunEvent) {
        self.hooks.on_event(app, event);
    }

    fn extend_api(&mut self, invoke: Invoke<R>) -> bool {
        self.hooks.extend_api(invoke)
    }
}

/// The initialization script, which tells a page the parts of compatible mode that it has to know.
fn script_for(parts: Option<Compatible>) -> String {
    let compatible = match parts {
        Some(Compatible { core, values, .. }) => {
            format!("Object.freeze({{ core: {core}, values: {values} }})")
        }
        None => "null".to_owned(),
    };
    format!(
        "Object.defineProperty(window, '__TAURI_EVENT_BUS_INTERNALS__', {{ value: Object.freeze({{ compatible: {compatible} }}) }})"
    )
}

/// Acts on the running bus. Hooks also run before the setup and after a failed one.
fn with_runtime<R: Runtime>(app: &AppHandle<R>, act: impl FnOnce(&Arc<BusRuntime>)) {
    if let Some(bus) = app.try_state::<EventBus>() {
        act(bus.runtime());
    }
}

/// The origin of a page as the `Origin` header spells it. `Url::origin` has none for the schemes of apps.
fn origin_of(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    Some(format!("{}://{host}{port}", url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_tells_the_parts() {
        assert!(script_for(None).contains("{ compatible: null }"));
        let parts = Compatible {
            values: false,
            ..Compatible::default()
        };
        let script = script_for(Some(parts));
        assert!(
            script.contains("Object.freeze({ core: true, values: false })"),
            "{script}"
        );
    }

    #[test]
    fn origins_are_spelled_as_in_the_header() {
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
