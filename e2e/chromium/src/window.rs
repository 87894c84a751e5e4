//! What Tauri does to a window. The window manager is Chromium, so most settings of windows have no meaning here.

use crate::{
    devtools::lock,
    page::Page,
    runtime::{Chromium, Context},
};
use serde_json::{Value, json};
use std::{
    fmt,
    sync::{Arc, Mutex},
};
use tauri_runtime::{
    Error, Icon, ProgressBarState, ResizeDirection, Result, UserAttentionType, UserEvent,
    WindowDispatch, WindowEventId,
    dpi::{PhysicalPosition, PhysicalSize, Position, Size},
    monitor::Monitor,
    webview::{DetachedWebview, PendingWebview},
    window::{
        CursorIcon, DetachedWindow, PendingWindow, RawWindow, WindowBuilder, WindowBuilderBase,
        WindowEvent, WindowId, WindowSizeConstraints,
    },
};
use tauri_utils::{
    Theme, TitleBarStyle,
    config::{Color, WindowConfig},
};

type Listener = Arc<Mutex<dyn Fn(&WindowEvent) + Send>>;

/// An open window.
pub(crate) struct Window<T: UserEvent> {
    pub(crate) label: String,
    page: Option<Arc<Page<T>>>,
    listeners: Vec<Listener>,
}

impl<T: UserEvent> Clone for Window<T> {
    fn clone(&self) -> Self {
        Self {
            label: self.label.clone(),
            page: self.page.clone(),
            listeners: self.listeners.clone(),
        }
    }
}

impl<T: UserEvent> Window<T> {
    pub(crate) fn new(label: String, page: Option<Arc<Page<T>>>) -> Self {
        Self {
            label,
            page,
            listeners: Vec::new(),
        }
    }

    pub(crate) fn listen(&mut self, listener: impl Fn(&WindowEvent) + Send + 'static) {
        self.listeners.push(Arc::new(Mutex::new(listener)));
    }

    /// Calls the listeners. They run on the main thread alone.
    pub(crate) fn emit(&self, event: &WindowEvent) {
        for listener in &self.listeners {
            let listener = lock(listener);
            (*listener)(event);
        }
    }

    pub(crate) fn close(&self) {
        if let Some(page) = &self.page {
            page.close();
        }
    }
}

/// Where a window opens, in pixels.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Frame {
    pub(crate) position: Option<(f64, f64)>,
    pub(crate) size: Option<(f64, f64)>,
}

/// Settings of a window.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub(crate) frame: Frame,
    theme: Option<Theme>,
}

impl WindowBuilderBase for Settings {}

macro_rules! unused_settings {
    ($($name:ident($($value:ty),*);)*) => {
        $(fn $name(self, $(_: $value),*) -> Self { self })*
    };
}

impl WindowBuilder for Settings {
    fn new() -> Self {
        Self::default()
    }

    fn with_config(config: &WindowConfig) -> Self {
        Self {
            frame: Frame {
                position: config.x.zip(config.y),
                size: Some((config.width, config.height)),
            },
            theme: config.theme,
        }
    }

    fn position(mut self, x: f64, y: f64) -> Self {
        self.frame.position = Some((x, y));
        self
    }

    fn inner_size(mut self, width: f64, height: f64) -> Self {
        self.frame.size = Some((width, height));
        self
    }

    fn theme(mut self, theme: Option<Theme>) -> Self {
        self.theme = theme;
        self
    }

    fn get_theme(&self) -> Option<Theme> {
        self.theme
    }

    fn has_icon(&self) -> bool {
        false
    }

    fn icon(self, _: Icon<'_>) -> Result<Self> {
        Ok(self)
    }

    fn title<S: Into<String>>(self, _: S) -> Self {
        self
    }

    fn window_classname<S: Into<String>>(self, _: S) -> Self {
        self
    }

    fn transient_for(self, _: &impl gtk::glib::IsA<gtk::Window>) -> Self {
        self
    }

    unused_settings! {
        center();
        min_inner_size(f64, f64);
        max_inner_size(f64, f64);
        inner_size_constraints(WindowSizeConstraints);
        prevent_overflow();
        prevent_overflow_with_margin(Size);
        resizable(bool);
        maximizable(bool);
        minimizable(bool);
        closable(bool);
        fullscreen(bool);
        focused(bool);
        focusable(bool);
        maximized(bool);
        visible(bool);
        transparent(bool);
        decorations(bool);
        always_on_top(bool);
        always_on_bottom(bool);
        visible_on_all_workspaces(bool);
        content_protected(bool);
        skip_taskbar(bool);
        background_color(Color);
        shadow(bool);
        no_redirection_bitmap(bool);
    }
}

/// A handle to a window, for any thread.
pub struct Dispatcher<T: UserEvent> {
    context: Context<T>,
    id: WindowId,
    page: Option<Arc<Page<T>>>,
}

impl<T: UserEvent> Dispatcher<T> {
    pub(crate) fn new(context: &Context<T>, id: WindowId, page: Option<Arc<Page<T>>>) -> Self {
        Self {
            context: context.clone(),
            id,
            page,
        }
    }

    fn set_bounds(&self, bounds: Value) -> Result<()> {
        if let Some(page) = &self.page {
            page.set_bounds(bounds);
        }
        Ok(())
    }
}

impl<T: UserEvent> Clone for Dispatcher<T> {
    fn clone(&self) -> Self {
        Self::new(&self.context, self.id, self.page.clone())
    }
}

impl<T: UserEvent> fmt::Debug for Dispatcher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("id", &self.id).finish()
    }
}

macro_rules! unused_actions {
    ($($name:ident($($value:ty),*);)*) => {
        $(fn $name(&self, $(_: $value),*) -> Result<()> { Ok(()) })*
    };
}

macro_rules! constant_states {
    ($($name:ident: $kind:ty = $value:expr;)*) => {
        $(fn $name(&self) -> Result<$kind> { Ok($value) })*
    };
}

impl<T: UserEvent> WindowDispatch<T> for Dispatcher<T> {
    type Runtime = Chromium<T>;
    type WindowBuilder = Settings;

    fn run_on_main_thread<F: FnOnce() + Send + 'static>(&self, task: F) -> Result<()> {
        self.context.run_on_main_thread(task)
    }

    fn on_window_event<F: Fn(&WindowEvent) + Send + 'static>(&self, listener: F) -> WindowEventId {
        self.context.listen(self.id, listener)
    }

    fn create_window<F: Fn(RawWindow<'_>) + Send + 'static>(
        &mut self,
        pending: PendingWindow<T, Chromium<T>>,
        _: Option<F>,
    ) -> Result<DetachedWindow<T, Chromium<T>>> {
        self.context.create_window(pending)
    }

    fn create_webview(
        &mut self,
        _: PendingWebview<T, Chromium<T>>,
    ) -> Result<DetachedWebview<T, Chromium<T>>> {
        crate::runtime::no_children()
    }

    fn close(&self) -> Result<()> {
        self.context.close(self.id)
    }

    fn destroy(&self) -> Result<()> {
        self.context.destroy(self.id);
        Ok(())
    }

    fn minimize(&self) -> Result<()> {
        self.set_bounds(json!({ "windowState": "minimized" }))
    }

    fn unminimize(&self) -> Result<()> {
        self.set_bounds(json!({ "windowState": "normal" }))
    }

    fn set_size(&self, size: Size) -> Result<()> {
        let size = size.to_logical::<f64>(1.0);
        self.set_bounds(json!({ "width": size.width, "height": size.height }))
    }

    fn set_position(&self, position: Position) -> Result<()> {
        let position = position.to_logical::<f64>(1.0);
        self.set_bounds(json!({ "left": position.x, "top": position.y }))
    }

    fn set_focus(&self) -> Result<()> {
        if let Some(page) = &self.page {
            page.send("Page.bringToFront", json!({}));
        }
        Ok(())
    }

    fn hide(&self) -> Result<()> {
        if let Some(page) = &self.page {
            page.cover();
        }
        Ok(())
    }

    fn show(&self) -> Result<()> {
        self.set_focus()
    }

    fn window_handle(
        &self,
    ) -> std::result::Result<raw_window_handle::WindowHandle<'_>, raw_window_handle::HandleError>
    {
        Err(raw_window_handle::HandleError::NotSupported)
    }

    fn gtk_window(&self) -> Result<gtk::ApplicationWindow> {
        Err(Error::FailedToSendMessage)
    }

    fn default_vbox(&self) -> Result<gtk::Box> {
        Err(Error::FailedToSendMessage)
    }

    fn monitor_from_point(&self, _: f64, _: f64) -> Result<Option<Monitor>> {
        Ok(None)
    }

    constant_states! {
        scale_factor: f64 = 1.0;
        inner_position: PhysicalPosition<i32> = PhysicalPosition::default();
        outer_position: PhysicalPosition<i32> = PhysicalPosition::default();
        inner_size: PhysicalSize<u32> = PhysicalSize::default();
        outer_size: PhysicalSize<u32> = PhysicalSize::default();
        is_fullscreen: bool = false;
        is_minimized: bool = false;
        is_maximized: bool = false;
        is_focused: bool = false;
        is_decorated: bool = true;
        is_resizable: bool = true;
        is_maximizable: bool = true;
        is_minimizable: bool = true;
        is_closable: bool = true;
        is_visible: bool = true;
        is_enabled: bool = true;
        is_always_on_top: bool = false;
        title: String = String::new();
        current_monitor: Option<Monitor> = None;
        primary_monitor: Option<Monitor> = None;
        available_monitors: Vec<Monitor> = Vec::new();
        theme: Theme = Theme::Light;
    }

    fn set_title<S: Into<String>>(&self, _: S) -> Result<()> {
        Ok(())
    }

    unused_actions! {
        center();
        request_user_attention(Option<UserAttentionType>);
        set_resizable(bool);
        set_maximizable(bool);
        set_minimizable(bool);
        set_closable(bool);
        maximize();
        unmaximize();
        set_decorations(bool);
        set_shadow(bool);
        set_always_on_bottom(bool);
        set_always_on_top(bool);
        set_visible_on_all_workspaces(bool);
        set_content_protected(bool);
        set_min_size(Option<Size>);
        set_max_size(Option<Size>);
        set_fullscreen(bool);
        set_fullscreen_on_monitor(PhysicalPosition<f64>);
        set_focusable(bool);
        set_icon(Icon<'_>);
        set_skip_taskbar(bool);
        set_cursor_grab(bool);
        set_cursor_visible(bool);
        set_cursor_icon(CursorIcon);
        set_ignore_cursor_events(bool);
        start_dragging();
        start_resize_dragging(ResizeDirection);
        set_progress_bar(ProgressBarState);
        set_title_bar_style(TitleBarStyle);
        set_traffic_light_position(Position);
        set_size_constraints(WindowSizeConstraints);
        set_theme(Option<Theme>);
        set_enabled(bool);
        set_background_color(Option<Color>);
        set_badge_label(Option<String>);
        set_overlay_icon(Option<Icon<'_>>);
    }

    fn set_cursor_position<P: Into<Position>>(&self, _: P) -> Result<()> {
        Ok(())
    }

    fn set_badge_count(&self, _: Option<i64>, _: Option<String>) -> Result<()> {
        Ok(())
    }
}
