//! What Tauri does to a webview.

use crate::{
    page::Page,
    runtime::{Chromium, Context},
};
use serde_json::json;
use std::{any::Any, sync::Arc};
use tauri_runtime::{
    Cookie, Error, Result, UserEvent, WebviewDispatch, WebviewEventId,
    dpi::{PhysicalPosition, PhysicalSize, Position, Rect, Size},
    window::{WebviewEvent, WindowId},
};
use tauri_utils::config::Color;
use url::Url;

/// A handle to a page, for any thread.
#[derive(Debug)]
pub struct Dispatcher<T: UserEvent> {
    context: Context<T>,
    page: Arc<Page<T>>,
}

impl<T: UserEvent> Dispatcher<T> {
    pub(crate) fn new(context: &Context<T>, page: &Arc<Page<T>>) -> Self {
        Self {
            context: context.clone(),
            page: Arc::clone(page),
        }
    }
}

impl<T: UserEvent> Clone for Dispatcher<T> {
    fn clone(&self) -> Self {
        Self::new(&self.context, &self.page)
    }
}

/// What the runtime acts on. What has no meaning for tests does nothing.
impl<T: UserEvent> WebviewDispatch<T> for Dispatcher<T> {
    type Runtime = Chromium<T>;

    fn run_on_main_thread<F: FnOnce() + Send + 'static>(&self, task: F) -> Result<()> {
        self.context.run_on_main_thread(task)
    }

    fn on_webview_event<F: Fn(&WebviewEvent) + Send + 'static>(&self, _: F) -> WebviewEventId {
        self.context.next_id()
    }

    /// Tauri passes its callers an object of its own runtime alone.
    fn with_webview<F: FnOnce(Box<dyn Any>) + Send + 'static>(&self, _: F) -> Result<()> {
        Ok(())
    }

    // In a release build, the trait has these only with Tauri's feature `devtools`.
    #[cfg(debug_assertions)]
    fn open_devtools(&self) {}

    #[cfg(debug_assertions)]
    fn close_devtools(&self) {}

    #[cfg(debug_assertions)]
    fn is_devtools_open(&self) -> Result<bool> {
        Ok(false)
    }

    fn url(&self) -> Result<String> {
        Ok(self.page.url())
    }

    fn bounds(&self) -> Result<Rect> {
        Ok(Rect::default())
    }

    fn position(&self) -> Result<PhysicalPosition<i32>> {
        Ok(PhysicalPosition::default())
    }

    fn size(&self) -> Result<PhysicalSize<u32>> {
        Ok(PhysicalSize::default())
    }

    fn navigate(&self, url: Url) -> Result<()> {
        self.page
            .send("Page.navigate", json!({ "url": url.as_str() }));
        Ok(())
    }

    fn reload(&self) -> Result<()> {
        self.page.send("Page.reload", json!({}));
        Ok(())
    }

    fn print(&self) -> Result<()> {
        Ok(())
    }

    fn close(&self) -> Result<()> {
        self.page.close();
        Ok(())
    }

    fn set_bounds(&self, _: Rect) -> Result<()> {
        Ok(())
    }

    fn set_size(&self, _: Size) -> Result<()> {
        Ok(())
    }

    fn set_position(&self, _: Position) -> Result<()> {
        Ok(())
    }

    fn set_focus(&self) -> Result<()> {
        self.page.send("Page.bringToFront", json!({}));
        Ok(())
    }

    fn hide(&self) -> Result<()> {
        Ok(())
    }

    fn show(&self) -> Result<()> {
        Ok(())
    }

    fn eval_script<S: Into<String>>(&self, script: S) -> Result<()> {
        let script = json!({ "expression": script.into() });
        self.page.send("Runtime.evaluate", script);
        Ok(())
    }

    fn eval_script_with_callback<S: Into<String>>(
        &self,
        script: S,
        callback: impl Fn(String) + Send + 'static,
    ) -> Result<()> {
        self.page.evaluate(script.into(), callback);
        Ok(())
    }

    fn reparent(&self, _: WindowId) -> Result<()> {
        Err(Error::FailedToSendMessage)
    }

    fn cookies(&self) -> Result<Vec<Cookie<'static>>> {
        Ok(Vec::new())
    }

    fn cookies_for_url(&self, _: Url) -> Result<Vec<Cookie<'static>>> {
        Ok(Vec::new())
    }

    fn set_cookie(&self, _: Cookie<'_>) -> Result<()> {
        Ok(())
    }

    fn delete_cookie(&self, _: Cookie<'_>) -> Result<()> {
        Ok(())
    }

    fn set_auto_resize(&self, _: bool) -> Result<()> {
        Ok(())
    }

    fn set_zoom(&self, _: f64) -> Result<()> {
        Ok(())
    }

    fn set_background_color(&self, _: Option<Color>) -> Result<()> {
        Ok(())
    }

    fn clear_all_browsing_data(&self) -> Result<()> {
        Ok(())
    }
}
