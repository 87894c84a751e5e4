//! One webview: a tab in a browser window of its own.

use crate::{
    devtools::{Outcome, lock},
    request::{Paused, fulfillment},
    runtime::{Chromium, Context},
    window::Frame,
};
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};
use tauri_runtime::{
    UserEvent,
    webview::{DetachedWebview, PageLoadEvent, PendingWebview, WebviewIpcHandler},
    window::WindowId,
};
use url::Url;

type SchemeHandler = Box<
    dyn Fn(&str, http::Request<Vec<u8>>, Box<dyn FnOnce(http::Response<Cow<'static, [u8]>>) + Send>)
        + Send
        + Sync,
>;

/// A function that DevTools adds to every document. It brings what a page posts to the host.
const BINDING: &str = "__postToHost";

/// What wry defines in every document.
const IPC_SCRIPT: &str = "Object.defineProperty(window, 'ipc', {
    value: Object.freeze({ postMessage: (message) => window.__postToHost(message) })
})";

/// How the scripts of Tauri learn of the system. On Linux, they would send commands to `ipc://localhost`, which Chromium
/// refuses to fetch.
const OWN_SYSTEM: &str = r#"osName = JSON.parse('"linux"')"#;
const SHOWN_SYSTEM: &str = r#"osName = JSON.parse('"windows"')"#;

/// As WebView2 does after a crash.
const ERROR_PAGE: &str = "about:blank";

type NavigationHandler = Box<dyn Fn(&Url) -> bool + Send>;
type PageLoadHandler = Box<dyn Fn(Url, PageLoadEvent) + Send>;

pub(crate) struct Page<T: UserEvent> {
    label: String,
    window: WindowId,
    context: Context<T>,
    state: Mutex<State>,
    schemes: HashMap<String, SchemeHandler>,
    // Handlers are only called on the main thread, and none calls another.
    ipc: Mutex<Option<WebviewIpcHandler<T, Chromium<T>>>>,
    navigation: Mutex<Option<NavigationHandler>>,
    page_load: Mutex<Option<PageLoadHandler>>,
}

#[derive(Default)]
struct State {
    /// The tab, which is also the id of its main frame, and the session with it.
    tab: Option<(String, String)>,
    /// Commands for a tab that is not there yet.
    waiting: Vec<(&'static str, Value)>,
    url: String,
    /// The origins of the main frame's documents, by their execution contexts.
    origins: HashMap<i64, String>,
    has_loaded: bool,
    is_closed: bool,
}

impl<T: UserEvent> fmt::Debug for Page<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl<T: UserEvent> Page<T> {
    /// Makes the page and opens its tab later, as Tauri does: the caller first adds the webview to its list.
    pub(crate) fn open(
        context: &Context<T>,
        window: WindowId,
        frame: Frame,
        pending: PendingWebview<T, Chromium<T>>,
    ) -> Result<Arc<Self>, String> {
        let scripts = scripts_of(&pending)?;
        let page = Arc::new(Self {
            label: pending.label,
            window,
            context: context.clone(),
            state: Mutex::new(State {
                url: pending.url.clone(),
                ..State::default()
            }),
            schemes: pending.uri_scheme_protocols,
            ipc: Mutex::new(pending.ipc_handler),
            navigation: Mutex::new(pending.navigation_handler),
            page_load: Mutex::new(pending.on_page_load_handler),
        });
        let (opened, url) = (Arc::clone(&page), pending.url);
        context.post(move || {
            let devtools = Arc::clone(&opened.context.devtools);
            devtools.spawn(async move {
                if let Err(error) = opened.open_tab(frame, scripts, url).await {
                    eprintln!("cannot open the window {:?}: {error}", opened.label);
                    opened.context.destroy(opened.window);
                }
            });
        });
        Ok(page)
    }

    async fn open_tab(
        self: &Arc<Self>,
        frame: Frame,
        scripts: Vec<String>,
        url: String,
    ) -> Outcome<()> {
        let devtools = &self.context.devtools;
        let mut tab = json!({ "url": "about:blank", "newWindow": true });
        if let Some((x, y)) = frame.position {
            (tab["left"], tab["top"]) = (json!(x), json!(y));
        }
        if let Some((width, height)) = frame.size {
            (tab["width"], tab["height"]) = (json!(width), json!(height));
        }
        let made = devtools.call(None, "Target.createTarget", tab).await?;
        let tab = text(&made["targetId"]);
        let attach = json!({ "targetId": tab, "flatten": true });
        let attached = devtools.call(None, "Target.attachToTarget", attach).await?;
        let session = text(&attached["sessionId"]);
        let receiver = Arc::clone(self);
        devtools.on_event(&session, move |method, event| {
            receiver.receive(method, event);
        });

        let commands = [
            ("Page.enable", json!({})),
            ("Runtime.enable", json!({})),
            ("Inspector.enable", json!({})),
            ("Runtime.addBinding", json!({ "name": BINDING })),
            ("Fetch.enable", json!({ "patterns": self.intercepted() })),
        ];
        let scripts = scripts.into_iter().map(|source| {
            let script = json!({ "source": source });
            ("Page.addScriptToEvaluateOnNewDocument", script)
        });
        for (method, parameters) in commands.into_iter().chain(scripts) {
            devtools.call(Some(&session), method, parameters).await?;
        }
        // From here on, the responses to paused requests find the tab: the navigation waits for the first of them.
        let is_closed = {
            let mut state = lock(&self.state);
            for (method, parameters) in std::mem::take(&mut state.waiting) {
                devtools.send(&session, method, parameters);
            }
            state.tab = Some((tab, session.clone()));
            state.is_closed
        };
        if is_closed {
            self.close();
            return Ok(());
        }
        let navigate = json!({ "url": url });
        devtools
            .call(Some(&session), "Page.navigate", navigate)
            .await?;
        Ok(())
    }

    /// The requests that DevTools pauses: those to schemes, and every navigation, for the app's policy.
    fn intercepted(&self) -> Vec<Value> {
        let schemes = self.schemes.keys();
        let schemes =
            schemes.map(|scheme| json!({ "urlPattern": format!("http://{scheme}.localhost/*") }));
        let documents = json!({ "urlPattern": "*", "resourceType": "Document" });
        schemes.chain([documents]).collect()
    }

    pub(crate) fn url(&self) -> String {
        lock(&self.state).url.clone()
    }

    /// Sends a command to the tab, once it is there.
    pub(crate) fn send(&self, method: &'static str, parameters: Value) {
        let mut state = lock(&self.state);
        match &state.tab {
            Some((_, session)) => self.context.devtools.send(session, method, parameters),
            None => state.waiting.push((method, parameters)),
        }
    }

    /// Evaluates a script and passes its result on as JSON.
    pub(crate) fn evaluate(&self, script: String, then: impl FnOnce(String) + Send + 'static) {
        let devtools = &self.context.devtools;
        let state = lock(&self.state);
        let Some((_, session)) = &state.tab else {
            return;
        };
        let parameters = json!({ "expression": script, "returnByValue": true });
        let result = devtools.call(Some(session), "Runtime.evaluate", parameters);
        devtools.spawn(async move {
            if let Ok(result) = result.await {
                then(result["result"]["value"].to_string());
            }
        });
    }

    /// Moves and sizes the browser window.
    pub(crate) fn set_bounds(self: &Arc<Self>, bounds: Value) {
        let tab = lock(&self.state).tab.clone();
        let (page, devtools) = (Arc::clone(self), Arc::clone(&self.context.devtools));
        self.context.devtools.spawn(async move {
            let Some((tab, _)) = tab else { return };
            let find = json!({ "targetId": tab });
            let found = devtools
                .call(None, "Browser.getWindowForTarget", find)
                .await;
            if let Ok(found) = found {
                let moved = json!({ "windowId": found["windowId"], "bounds": bounds });
                page.send("Browser.setWindowBounds", moved);
            }
        });
    }

    /// Hides the page behind another tab of its window. There is no other way without a window manager.
    pub(crate) fn cover(self: &Arc<Self>) {
        self.send("Page.bringToFront", json!({}));
        let devtools = Arc::clone(&self.context.devtools);
        self.context.devtools.spawn(async move {
            // It opens in the window that was active last.
            let tab = json!({ "url": "about:blank" });
            if let Err(error) = devtools.call(None, "Target.createTarget", tab).await {
                eprintln!("cannot hide a window: {error}");
            }
        });
    }

    /// Closes the tab, also one that is not there yet.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        if let Some((tab, session)) = &state.tab {
            let devtools = &self.context.devtools;
            devtools.forget(session);
            // What the tab responds is of no interest.
            drop(devtools.call(None, "Target.closeTarget", json!({ "targetId": tab })));
        }
    }

    /// Handles an event on the thread of DevTools, which must not wait: the handlers of Tauri run on the main thread.
    fn receive(self: &Arc<Self>, method: &str, event: Value) {
        match method {
            "Fetch.requestPaused" => match serde_json::from_value::<Paused>(event) {
                Ok(paused) => self.post(move |page| page.respond(paused)),
                Err(error) => eprintln!("unexpected request of Chromium: {error}"),
            },
            // wry receives the messages of the main frame alone.
            "Runtime.bindingCalled" if event["name"] == BINDING => {
                let context = event["executionContextId"].as_i64();
                let origin = context.and_then(|id| lock(&self.state).origins.get(&id).cloned());
                let message = text(&event["payload"]);
                if let Some(origin) = origin {
                    self.post(move |page| page.pass_message(&origin, message));
                }
            }
            "Runtime.executionContextCreated" => {
                let context = &event["context"];
                let mut state = lock(&self.state);
                let is_main = state.is_main(&text(&context["auxData"]["frameId"]));
                if let (Some(id), true) = (context["id"].as_i64(), is_main) {
                    state.origins.insert(id, text(&context["origin"]));
                }
            }
            "Runtime.executionContextsCleared" => lock(&self.state).origins.clear(),
            "Page.frameNavigated" if event["frame"]["parentId"].is_null() => {
                let url = text(&event["frame"]["url"]);
                lock(&self.state).url.clone_from(&url);
                self.post(move |page| page.loaded(&url, PageLoadEvent::Started));
            }
            "Page.navigatedWithinDocument" => {
                let mut state = lock(&self.state);
                if state.is_main(&text(&event["frameId"])) {
                    state.url = text(&event["url"]);
                }
            }
            "Page.loadEventFired" => {
                let url = {
                    let mut state = lock(&self.state);
                    if let (Some((_, session)), false) = (&state.tab, state.has_loaded) {
                        // The way back must not lead to the empty page before the first.
                        let reset = "Page.resetNavigationHistory";
                        self.context.devtools.send(session, reset, json!({}));
                    }
                    state.has_loaded = true;
                    state.url.clone()
                };
                self.post(move |page| page.loaded(&url, PageLoadEvent::Finished));
            }
            "Inspector.targetCrashed" => {
                self.send("Page.navigate", json!({ "url": ERROR_PAGE }));
            }
            // A page may close its own window.
            "Target.detachedFromTarget" => self.context.destroy(self.window),
            _ => {}
        }
    }

    fn post(self: &Arc<Self>, act: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let page = Arc::clone(self);
        self.context.post(move || act(&page));
    }

    fn respond(self: &Arc<Self>, paused: Paused) {
        let id = paused.request_id.clone();
        if paused.is_document() && lock(&self.state).is_main(&paused.frame_id) {
            let url = paused.url();
            let policy = lock(&self.navigation);
            let is_allowed = match (&*policy, &url) {
                (Some(policy), Some(url)) => policy(url),
                _ => true,
            };
            if !is_allowed {
                let refused = json!({ "requestId": id, "errorReason": "Aborted" });
                return self.send("Fetch.failRequest", refused);
            }
        }
        let scheme = paused.scheme().map(str::to_owned);
        let Some((scheme, handler)) = scheme.and_then(|scheme| {
            let handler = self.schemes.get(&scheme)?;
            Some((scheme, handler))
        }) else {
            let passed = json!({ "requestId": id });
            return self.send("Fetch.continueRequest", passed);
        };
        match paused.into_request(&scheme) {
            Ok(request) => {
                let page = Arc::clone(self);
                let respond = move |response: http::Response<Cow<'static, [u8]>>| {
                    let fulfilled = fulfillment(&id, &response);
                    page.send("Fetch.fulfillRequest", fulfilled);
                };
                handler(&self.label, request, Box::new(respond));
            }
            Err(error) => {
                eprintln!("{error}");
                let failed = json!({ "requestId": id, "errorReason": "Failed" });
                self.send("Fetch.failRequest", failed);
            }
        }
    }

    fn pass_message(self: &Arc<Self>, origin: &str, message: String) {
        let request = http::Request::builder().uri(origin).body(message);
        match (request, &*lock(&self.ipc)) {
            (Ok(request), Some(handler)) => handler(self.detached(), request),
            (Err(error), _) => eprintln!("a message of {origin}: {error}"),
            (Ok(_), None) => {}
        }
    }

    fn loaded(&self, url: &str, event: PageLoadEvent) {
        if let (Some(handler), Ok(url)) = (&*lock(&self.page_load), url.parse()) {
            handler(url, event);
        }
    }

    pub(crate) fn detached(self: &Arc<Self>) -> DetachedWebview<T, Chromium<T>> {
        DetachedWebview {
            label: self.label.clone(),
            dispatcher: crate::webview::Dispatcher::new(&self.context, self),
        }
    }
}

impl State {
    fn is_main(&self, frame: &str) -> bool {
        // Before the tab is known, it shows an empty page without frames.
        self.tab.as_ref().is_none_or(|(tab, _)| tab == frame)
    }
}

/// The scripts that run in each new document. On Windows, wry adds them to frames, too.
fn scripts_of<T: UserEvent>(
    pending: &PendingWebview<T, Chromium<T>>,
) -> Result<Vec<String>, String> {
    let own = &pending.webview_attributes.initialization_scripts;
    let places = own.iter().map(|own| own.script.matches(OWN_SYSTEM).count());
    if places.sum::<usize>() < 2 {
        return Err(format!(
            "Tauri's scripts do not say `{OWN_SYSTEM}` any more; the Chromium runtime must learn how they decide where commands go"
        ));
    }
    let own = own
        .iter()
        .map(|own| own.script.replace(OWN_SYSTEM, SHOWN_SYSTEM));
    Ok(std::iter::once(IPC_SCRIPT.to_owned()).chain(own).collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
