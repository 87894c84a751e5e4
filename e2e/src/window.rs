//! One window of an app under WebDriver.

use crate::{
    app::{App, command},
    wait::{Found, until},
};
use anyhow::{Context, Result, anyhow, bail};
use fantoccini::{
    Locator,
    actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    elements::Element,
    wd::WindowHandle,
};
use serde_json::Value;
use std::time::Duration;

/// A window, identified by its label. Each call first switches WebDriver to it.
#[derive(Debug, Clone)]
pub struct Window<'app> {
    app: &'app App,
    label: String,
    handle: WindowHandle,
}

impl<'app> Window<'app> {
    pub(crate) fn new(app: &'app App, label: String, handle: WindowHandle) -> Self {
        Self { app, label, handle }
    }

    /// The Tauri label of the window.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Runs `body` as the body of an async function with the parameter `args`. Returns its result; an exception is an
    /// error.
    pub async fn run(&self, body: &str, args: &[Value]) -> Result<Value> {
        self.focus().await?;
        let script = format!(
            "const done = arguments[arguments.length - 1];
            (async (args) => {{ {body}\n }})(Array.prototype.slice.call(arguments, 0, -1)).then(
                (value) => done({{ value: value === undefined ? null : value }}),
                (error) => done({{ error: error?.code ? `${{error.code}}: ${{error.message}}` : String(error?.message ?? error) }}),
            );"
        );
        let what = format!("run `{}` in `{}`", body.trim(), self.label);
        let mut outcome = command(
            &what,
            self.app.client().execute_async(&script, args.to_vec()),
        )
        .await?;
        match outcome.get("error") {
            Some(error) => bail!("cannot {what}: {}", error.as_str().unwrap_or_default()),
            None => Ok(outcome["value"].take()),
        }
    }

    /// Waits until `expression` is neither `null` nor `false` in the page, and returns its value.
    pub async fn until(&self, what: &str, expression: &str, args: &[Value]) -> Result<Value> {
        until(&format!("{what} in `{}`", self.label), async || {
            let value = self.run(&format!("return {expression}"), args).await?;
            Ok(match value {
                Value::Null | Value::Bool(false) => Found::NotYet(value.to_string()),
                value => Found::Yes(value),
            })
        })
        .await
    }

    /// Reloads the page. Its scripts have run when this returns.
    pub async fn reload(&self) -> Result<()> {
        self.focus().await?;
        command(
            &format!("reload `{}`", self.label),
            self.app.client().refresh(),
        )
        .await
    }

    /// Moves and sizes the window, in pixels of the display.
    pub async fn place(&self, x: u32, y: u32, width: u32, height: u32) -> Result<()> {
        self.focus().await?;
        command(
            &format!("place `{}`", self.label),
            self.app.client().set_window_rect(x, y, width, height),
        )
        .await?;
        // A window manager may subtract the width of a frame.
        self.until(
            "the new size",
            "Math.abs(innerWidth - args[0]) < 32",
            &[width.into()],
        )
        .await
        .map(drop)
    }

    /// Clicks the element that `selector` finds, as a mouse does.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let element = self.element(selector).await?;
        command(&self.on("click", selector), element.click()).await
    }

    /// Clicks the element that `selector` finds, as a person does: some time passes before the press and before the release.
    pub async fn press(&self, selector: &str) -> Result<()> {
        const PAUSE: Duration = Duration::from_millis(80);
        let element = self.element(selector).await?;
        let press = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement {
                element,
                duration: None,
                x: 0.0,
                y: 0.0,
            })
            .then(PointerAction::Pause { duration: PAUSE })
            .then(PointerAction::Down {
                button: MOUSE_BUTTON_LEFT,
            })
            .then(PointerAction::Pause { duration: PAUSE })
            .then(PointerAction::Up {
                button: MOUSE_BUTTON_LEFT,
            });
        let client = self.app.client();
        command(&self.on("press", selector), client.perform_actions(press)).await
    }

    /// Replaces the content of a text field by typing.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.element(selector).await?;
        command(&self.on("clear", selector), element.clear()).await?;
        command(&self.on("type into", selector), element.send_keys(text)).await?;
        let typed = command(&self.on("read", selector), element.prop("value")).await?;
        if typed.as_deref() != Some(text) {
            bail!(
                "typed {text:?} into {selector} of `{}`, and it holds {typed:?}",
                self.label
            );
        }
        Ok(())
    }

    /// Presses these keys, as WebDriver writes them, in the element that `selector` finds.
    pub async fn press_keys(&self, selector: &str, keys: &str) -> Result<()> {
        let element = self.element(selector).await?;
        command(&self.on("type into", selector), element.send_keys(keys)).await
    }

    /// Chooses the option with this value.
    pub async fn choose(&self, selector: &str, value: &str) -> Result<()> {
        let element = self.element(selector).await?;
        command(
            &self.on(&format!("choose {value:?} in"), selector),
            element.select_by_value(value),
        )
        .await
    }

    /// The first element that `selector` finds, once it exists.
    async fn element(&self, selector: &str) -> Result<Element> {
        until(&format!("{selector} in `{}`", self.label), async || {
            self.focus().await?;
            let found = self.app.client().find(Locator::Css(selector)).await;
            match found {
                Ok(element) => Ok(Found::Yes(element)),
                Err(error) if error.is_no_such_element() => {
                    Ok(Found::NotYet("no such element".to_owned()))
                }
                Err(error) => Err(anyhow!(error).context(self.on("find", selector))),
            }
        })
        .await
    }

    async fn focus(&self) -> Result<()> {
        let switch = self.app.client().switch_to_window(self.handle.clone());
        command("switch windows", switch)
            .await
            .with_context(|| format!("the window `{}` is gone", self.label))
    }

    fn on(&self, verb: &str, selector: &str) -> String {
        format!("{verb} {selector} of `{}`", self.label)
    }
}
