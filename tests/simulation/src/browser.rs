//! A page: the guest as it is built, in a JavaScript engine of its own.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::{CatchResultExt, Context, Function, Runtime};
use serde_json::Value;

use crate::rng::Rng;
use crate::sync;

const BROWSER: &str = include_str!("../page/browser.js");
const GUEST: &str = include_str!("../../../api-iife.js");
const APP: &str = include_str!("../page/app.js");

/// What a page has sent.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// What it calls back with the answer.
    pub(crate) callback: u32,
    pub(crate) command: String,
    pub(crate) arguments: String,
}

/// What a page has noted, in the order in which it did.
#[derive(Debug)]
pub(crate) enum Output {
    Sent(Message),
    Noted(String, Value),
}

pub(crate) struct Page {
    context: Context,
    runtime: Runtime,
    output: Rc<RefCell<Vec<Output>>>,
}

/// A failure of the simulated page itself, and not of what it simulates.
fn broken(error: impl std::fmt::Display) -> ! {
    panic!("the simulated page is broken: {error}")
}

impl Page {
    pub(crate) fn load(label: &str, rng: Rng) -> Self {
        let runtime = Runtime::new().unwrap_or_else(|error| broken(error));
        let context = Context::full(&runtime).unwrap_or_else(|error| broken(error));
        let output: Rc<RefCell<Vec<Output>>> = Rc::default();
        context.with(|context| {
            let made = (|| {
                let globals = context.globals();
                let rng = RefCell::new(rng);
                let random = move || rng.borrow_mut().next() as u32;
                globals.set("__label", label)?;
                globals.set("__random", Function::new(context.clone(), random)?)?;
                globals.set("__now", Function::new(context.clone(), now_ms)?)?;
                globals.set("__wall", Function::new(context.clone(), wall_ms)?)?;
                let sent = Rc::clone(&output);
                let send = move |callback: u32, command: String, arguments: String| {
                    let message = Message {
                        callback,
                        command,
                        arguments,
                    };
                    sent.borrow_mut().push(Output::Sent(message));
                };
                globals.set("__send", Function::new(context.clone(), send)?)?;
                let noted = Rc::clone(&output);
                let note = move |kind: String, json: String| {
                    let value = serde_json::from_str(&json).unwrap_or_else(|error| broken(error));
                    noted.borrow_mut().push(Output::Noted(kind, value));
                };
                globals.set("__note", Function::new(context.clone(), note)?)?;
                for script in [BROWSER, GUEST, APP] {
                    context.eval::<(), _>(script)?;
                }
                Ok(())
            })();
            made.catch(&context).unwrap_or_else(|error| broken(error));
        });
        let page = Self {
            context,
            runtime,
            output,
        };
        page.run_jobs();
        page
    }

    /// Calls a function of the page as a task of its own.
    fn call<A, T>(&self, name: &str, arguments: A) -> T
    where
        A: for<'js> rquickjs::function::IntoArgs<'js>,
        T: for<'js> rquickjs::FromJs<'js>,
    {
        let result = self.context.with(|context| {
            let called = context
                .globals()
                .get::<_, Function<'_>>(name)
                .and_then(|function| function.call(arguments));
            called
                .catch(&context)
                .unwrap_or_else(|error| broken(format!("{name}: {error}")))
        });
        self.run_jobs();
        result
    }

    fn run_jobs(&self) {
        loop {
            match self.runtime.execute_pending_job() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => broken(error),
            }
        }
    }

    /// Lets the app of the page do something.
    pub(crate) fn operate(&self, op: &Value) {
        self.call("__op", (op.to_string(),))
    }

    /// Hands over an answer, on the path on which it came.
    pub(crate) fn answer(&self, callback: u32, is_ok: bool, json: &str, is_evaluated: bool) {
        let name = if is_evaluated {
            "__answerEvaluated"
        } else {
            "__answerFetched"
        };
        self.call(name, (callback, is_ok, json))
    }

    /// Calls the page as the host does.
    pub(crate) fn called(&self, call: u64, session: &str, batch: &str) {
        self.call("__called", (call as f64, session, batch))
    }

    pub(crate) fn fire(&self, event: &str, is_persisted: bool) {
        self.call("__fire", (event, is_persisted))
    }

    /// Runs a task or a timer that is due. Returns false if there was none.
    pub(crate) fn run_task(&self) -> bool {
        self.call("__runTask", ())
    }

    pub(crate) fn has_task(&self) -> bool {
        self.call("__hasTask", ())
    }

    /// When the next timer is due, in milliseconds of the page's clock.
    pub(crate) fn next_timer(&self) -> Option<f64> {
        Some(self.call::<_, f64>("__nextTimer", ())).filter(|at| *at >= 0.0)
    }

    pub(crate) fn take_output(&self) -> Vec<Output> {
        std::mem::take(&mut *self.output.borrow_mut())
    }
}

fn now_ms() -> f64 {
    sync::passed().as_secs_f64() * 1000.0
}

fn wall_ms() -> f64 {
    let wall = sync::wall_clock().duration_since(std::time::SystemTime::UNIX_EPOCH);
    wall.map_or(0.0, |wall| wall.as_secs_f64() * 1000.0)
}
