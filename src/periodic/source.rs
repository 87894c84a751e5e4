use std::collections::HashMap;
use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::Tick;
use crate::model::json::Json;

/// A call of a source, for the payload of one tick: see [`Builder::job_source`](crate::Builder::job_source).
#[derive(Debug, Clone)]
pub struct SourceCall {
    source: Arc<str>,
    args: Json,
    tick: Tick,
}

impl SourceCall {
    /// The arguments of the job, as a value of your type. Without arguments it is read from `null`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidArgument`] if the arguments do not match `T`.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T> {
        self.args.read().map_err(|mismatch| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the arguments of the source {} do not match {}: {mismatch}",
                    quoted(&self.source),
                    std::any::type_name::<T>()
                ),
            )
            .with_source(mismatch.into_source())
        })
    }

    /// The arguments as JSON text, with `null` in the place of [`Bytes`](crate::Bytes).
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

pub(crate) type PayloadFuture = Pin<Box<dyn Future<Output = Result<Json>> + Send>>;

pub(crate) type SampleFn = dyn FnMut(&Tick) -> Result<Json> + Send;

/// Makes the payload of each tick.
pub(crate) enum Sampler {
    /// Runs on a thread for blocking work.
    Blocking(Box<SampleFn>),
    Async(Box<dyn FnMut(&Tick) -> PayloadFuture + Send>),
}

type BlockingSource = dyn Fn(SourceCall) -> Result<Json> + Send + Sync;
type AsyncSource = dyn Fn(SourceCall) -> PayloadFuture + Send + Sync;

#[derive(Clone)]
enum NamedSource {
    Blocking(Arc<BlockingSource>),
    Async(Arc<AsyncSource>),
}

/// The registered sources, by name.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    named: HashMap<String, NamedSource>,
    duplicate: Option<String>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.named.keys()).finish()
    }
}

impl Sampler {
    /// Checks each payload as those of pages are checked: the source that a job names may not fit its event.
    pub(crate) fn checked(
        self,
        check: impl Fn(&Json) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let check = Arc::new(move |json: Json| check(&json).map(|()| json));
        match self {
            Self::Blocking(mut sample) => Self::Blocking(Box::new(move |tick| {
                sample(tick).and_then(|json| check(json))
            })),
            Self::Async(mut sample) => Self::Async(Box::new(move |tick| {
                let (sampled, check) = (sample(tick), Arc::clone(&check));
                Box::pin(async move { check(sampled.await?) })
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
            self.duplicate = Some(name);
        }
    }

    /// Refuses an empty or a duplicate name.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.named.contains_key("") {
            return Err("a job source has an empty name; give it a name of at least 1 byte".into());
        }
        match &self.duplicate {
            Some(name) => Err(format!(
                "the job source {} is registered twice; give each source a name of its own",
                quoted(name)
            )),
            None => Ok(()),
        }
    }

    /// The names of the sources, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.named.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }

    /// The sampler of a job that takes its payloads from this source.
    pub(crate) fn sampler(&self, name: &str, args: Json) -> Result<Sampler> {
        let Some(source) = self.named.get(name) else {
            // The registered names stay unsaid: pages get this error, too.
            return Err(Error::new(
                ErrorCode::UnknownSource,
                format!(
                    "there is no job source with the name {}; register it with Builder::job_source, or use a registered name",
                    quoted(name)
                ),
            ));
        };
        let name: Arc<str> = name.into();
        let call = move |tick: &Tick| SourceCall {
            source: Arc::clone(&name),
            args: args.clone(),
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

fn write<T: Serialize, E: Display>(name: &str, sampled: Result<T, E>) -> Result<Json> {
    match sampled {
        Ok(value) => Json::write("its payload", &value)
            .map_err(|error| failed(name, &error.message()).with_source(error)),
        Err(error) => Err(failed(name, &error)),
    }
}

fn failed(name: &str, error: &impl Display) -> Error {
    Error::new(
        ErrorCode::SourceFailed,
        format!("the job source {} failed: {error}", quoted(name)),
    )
}
