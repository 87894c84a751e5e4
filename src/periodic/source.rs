use std::collections::HashMap;
use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::Tick;

/// What a source of payloads is asked: see [`Builder::job_source`](crate::Builder::job_source).
#[derive(Debug, Clone)]
pub struct SourceCall {
    source: Arc<str>,
    args: Arc<str>,
    tick: Tick,
}

impl SourceCall {
    /// The arguments of the job, as a value of your type. Without any they are `null`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidArgument`] where they do not have the shape of `T`.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.args).map_err(|error| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the arguments of the source {} are no {}: {error}",
                    quoted(&self.source),
                    std::any::type_name::<T>()
                ),
            )
        })
    }

    /// The arguments as JSON text.
    #[must_use]
    pub fn args_json(&self) -> &str {
        &self.args
    }

    /// The tick that the payload is for.
    #[must_use]
    pub fn tick(&self) -> &Tick {
        &self.tick
    }
}

pub(crate) type PayloadFuture = Pin<Box<dyn Future<Output = Result<String>> + Send>>;

pub(crate) type MakeNow = dyn FnMut(&Tick) -> Result<String> + Send;

/// Makes the payload of each tick.
pub(crate) enum Sampler {
    /// May take its time on a thread of its own.
    Blocking(Box<MakeNow>),
    Async(Box<dyn FnMut(&Tick) -> PayloadFuture + Send>),
}

type Sample = dyn Fn(SourceCall) -> Result<String> + Send + Sync;
type SampleAsync = dyn Fn(SourceCall) -> PayloadFuture + Send + Sync;

#[derive(Clone)]
enum NamedSource {
    Blocking(Arc<Sample>),
    Async(Arc<SampleAsync>),
}

/// The sources that the app has registered, by name.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    named: HashMap<String, NamedSource>,
    twice: Option<String>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.named.keys()).finish()
    }
}

impl Sampler {
    /// Checks each payload, as those of pages are: whoever starts a job chooses a source for an event, and they may not fit.
    pub(crate) fn checked(
        self,
        check: impl Fn(&str) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let check = Arc::new(move |json: String| check(&json).map(|()| json));
        match self {
            Self::Blocking(mut make) => Self::Blocking(Box::new(move |tick| {
                make(tick).and_then(|json| check(json))
            })),
            Self::Async(mut make) => Self::Async(Box::new(move |tick| {
                let (made, check) = (make(tick), Arc::clone(&check));
                Box::pin(async move { check(made.await?) })
            })),
        }
    }
}

impl Sources {
    pub(crate) fn add<T: Serialize, E: Display>(
        &mut self,
        name: String,
        sample: impl Fn(&SourceCall) -> Result<T, E> + Send + Sync + 'static,
    ) {
        let source = move |call: SourceCall| {
            let name = Arc::clone(&call.source);
            write(&name, sample(&call))
        };
        self.insert(name, NamedSource::Blocking(Arc::new(source)));
    }

    pub(crate) fn add_async<T, E, F>(
        &mut self,
        name: String,
        sample: impl Fn(SourceCall) -> F + Send + Sync + 'static,
    ) where
        T: Serialize,
        E: Display,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let source = move |call: SourceCall| -> PayloadFuture {
            let name = Arc::clone(&call.source);
            let sampled = sample(call);
            Box::pin(async move { write(&name, sampled.await) })
        };
        self.insert(name, NamedSource::Async(Arc::new(source)));
    }

    fn insert(&mut self, name: String, source: NamedSource) {
        if self.named.insert(name.clone(), source).is_some() {
            self.twice = Some(name);
        }
    }

    /// Says which source makes no sense.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.named.contains_key("") {
            return Err(
                "a periodic source has an empty name; give it one by which jobs find it".into(),
            );
        }
        match &self.twice {
            Some(name) => Err(format!(
                "the periodic source {} is registered twice; give each a name of its own",
                quoted(name)
            )),
            None => Ok(()),
        }
    }

    /// What makes the payloads of a job that takes them from this source.
    pub(crate) fn sampler(&self, name: &str, args: Arc<str>) -> Result<Sampler> {
        let Some(source) = self.named.get(name) else {
            let mut known: Vec<String> = self.named.keys().map(|name| quoted(name)).collect();
            known.sort();
            let there = if known.is_empty() {
                "the app has registered none with Builder::job_source".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            return Err(Error::new(
                ErrorCode::UnknownSource,
                format!("no periodic source has the name {}; {there}", quoted(name)),
            ));
        };
        let name: Arc<str> = name.into();
        let call = move |tick: &Tick| SourceCall {
            source: Arc::clone(&name),
            args: Arc::clone(&args),
            tick: tick.clone(),
        };
        Ok(match source.clone() {
            NamedSource::Blocking(sample) => {
                Sampler::Blocking(Box::new(move |tick| sample(call(tick))))
            }
            NamedSource::Async(sample) => Sampler::Async(Box::new(move |tick| sample(call(tick)))),
        })
    }
}

fn write<T: Serialize, E: Display>(name: &str, sampled: Result<T, E>) -> Result<String> {
    match sampled {
        Ok(value) => serde_json::to_string(&value).map_err(|error| failed(name, &error)),
        Err(error) => Err(failed(name, &error)),
    }
}

fn failed(name: &str, error: &impl Display) -> Error {
    Error::new(
        ErrorCode::SourceFailed,
        format!("the periodic source {} failed: {error}", quoted(name)),
    )
}
