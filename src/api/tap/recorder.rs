//! Recordings: a tap that writes a file.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use crate::api::bus::EventBus;
use crate::api::tap::stream::Tap;
use crate::engine::core::Core;
use crate::engine::diagnostics::{Diagnostics, Record};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::tap::filter::TapFilter;
use crate::model::tap::record::{TapEntry, TapRecord};
use crate::sync::{Tasks, now, oneshot, wall_clock, yield_thread};
use crate::wire::tap::line::{header, line_of};
use crate::wire::tap::read::Recording;

/// A recording that is being written; made by [`EventBus::record`]. Dropping it ends the recording, too.
#[must_use = "a recording ends when this is dropped"]
pub struct Recorder {
    core: Weak<Core>,
    number: u64,
    path: PathBuf,
    done: Option<oneshot::Receiver<Result<RecordingSummary>>>,
}

/// What a recording has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordingSummary {
    /// How many records were written.
    pub records: u64,
    /// How many records are lost, because the disk was slower than the events.
    pub lost: u64,
}

impl EventBus {
    /// Writes everything that happens into a file, one record a line, until it is stopped. A file that is there is
    /// replaced.
    ///
    /// [`Recording::open`](crate::tap::Recording::open) reads it, and [`TestBus::replay`] plays it against code. Payloads
    /// are whole: hide secrets with [`Builder::redact`](crate::Builder::redact).
    ///
    /// [`TestBus::replay`]: https://docs.rs/tauri-plugin-event-bus
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument) if the file cannot be made. The message has its
    /// path.
    ///
    /// ```
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn reproduce(bus: EventBus) -> Result<()> {
    ///     let recorder = bus.record("bug.ndjson")?;
    ///     bus.emit("cart:updated", 3)?;
    ///     println!("{} records", recorder.stop().await?.records);
    ///     Ok(())
    /// }
    /// # let _ = reproduce;
    /// ```
    pub fn record(&self, path: impl AsRef<Path>) -> Result<Recorder> {
        self.record_with(path, TapFilter::new().payload_bytes(usize::MAX))
    }

    /// Writes what the filter takes into a file, as [`EventBus::record`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::record`] and [`EventBus::tap`].
    ///
    /// ```
    /// use tauri_plugin_event_bus::tap::TapFilter;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn reproduce(bus: EventBus) -> Result<()> {
    ///     let carts = TapFilter::new().names(["cart:*"]).payload_bytes(usize::MAX);
    ///     bus.record_with("cart.ndjson", carts)?.stop().await?;
    ///     Ok(())
    /// }
    /// # let _ = reproduce;
    /// ```
    pub fn record_with(&self, path: impl AsRef<Path>, filter: TapFilter) -> Result<Recorder> {
        let path = path.as_ref().to_path_buf();
        let filter = filter.check()?;
        let file =
            create(&path).map_err(|error| unwritten(ErrorCode::InvalidArgument, &path, &error))?;
        let core = &self.runtime().core;
        // No record is older.
        let started_at = wall_clock();
        let tap = Tap::new(core, filter);
        let number = tap.number();
        let (sender, done) = oneshot::channel();
        let writing = Writing {
            path: path.clone(),
            tasks: core.tasks().clone(),
            diagnostics: Arc::clone(core.diagnostics()),
        };
        let held = core.hold_recording();
        core.tasks().spawn(async move {
            let written = writing.run(tap, file, started_at).await;
            drop(held);
            // The recorder may have been dropped.
            let _ = sender.send(written);
        });
        Ok(Recorder {
            core: Arc::downgrade(core),
            number,
            path,
            done: Some(done),
        })
    }
}

/// How long an app that exits waits for its recordings.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits until what is recorded is written, for two seconds at most. The bus is shut down by then.
pub(crate) fn wait_for_recordings(core: &Core) {
    let end = now() + PATIENCE;
    while core.is_recording() && now() < end {
        yield_thread();
    }
}

/// Makes a file that only the user may read: payloads are in it.
fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    // Emptied below, once only the user may read it.
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // A device keeps its mode.
    if file.metadata()?.is_file() {
        // The mode above is that of a new file.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.set_len(0)?;
    }
    Ok(file)
}

impl Recording {
    /// Reads a recording from a file.
    ///
    /// # Errors
    ///
    /// Those of [`Recording::parse`], and [`ErrorCode::InvalidArgument`] if the file cannot be read. The message has its
    /// path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let named = |problem: &dyn std::fmt::Display| {
            let text = format!("the recording {}: {problem}", path.display());
            Error::new(ErrorCode::InvalidArgument, text)
        };
        let bytes = std::fs::read(path).map_err(|error| named(&error))?;
        Self::parse_bytes(&bytes).map_err(|error| named(&error.message()))
    }
}

impl Recorder {
    /// Ends the recording, and waits until all of it is written.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Unavailable`](crate::ErrorCode::Unavailable) if it could not be written: the message has the reason.
    pub async fn stop(mut self) -> Result<RecordingSummary> {
        self.close();
        match self.done.take() {
            Some(done) => done.await.unwrap_or_else(|_| {
                let text = format!(
                    "the recording {} was not finished: the app exited",
                    self.path.display()
                );
                Err(Error::new(ErrorCode::Unavailable, text))
            }),
            None => Err(Error::new(
                ErrorCode::Unavailable,
                "the recording has ended already",
            )),
        }
    }

    fn close(&self) {
        if let Some(core) = self.core.upgrade() {
            core.close_tap(self.number);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn unwritten(code: ErrorCode, path: &Path, error: &std::io::Error) -> Error {
    let text = format!(
        "the recording {} cannot be written: {error}",
        path.display()
    );
    Error::new(code, text)
}

/// The task that writes a recording.
struct Writing {
    path: PathBuf,
    tasks: Tasks,
    diagnostics: Arc<Diagnostics>,
}

impl Writing {
    async fn run(
        self,
        mut tap: Tap,
        file: File,
        started_at: SystemTime,
    ) -> Result<RecordingSummary> {
        let mut summary = RecordingSummary {
            records: 0,
            lost: 0,
        };
        let mut writer = BufWriter::new(file);
        let mut text = format!("{}\n", header(started_at));
        loop {
            let records = tap.recv_all().await;
            let is_over = records.is_none();
            let records = records.unwrap_or_default();
            for record in &records {
                match record.entry {
                    TapEntry::Lost(count) => summary.lost += count,
                    _ => summary.records += 1,
                }
            }
            let begin = std::mem::take(&mut text);
            let written = self
                .tasks
                .spawn_blocking(move || write(writer, begin, &records))
                .await;
            match written {
                Ok(Ok(same)) => writer = same,
                Ok(Err(error)) => {
                    let kind = Record::NotRecorded;
                    let name = self.path.display().to_string();
                    self.diagnostics
                        .tell(kind, &name, [], || format!(": {error}"));
                    return Err(unwritten(ErrorCode::Unavailable, &self.path, &error));
                }
                Err(_) => {
                    let text = "the app exited while it was written";
                    return Err(Error::new(ErrorCode::Unavailable, text));
                }
            }
            if is_over {
                return Ok(summary);
            }
        }
    }
}

fn write(
    mut writer: BufWriter<File>,
    begin: String,
    records: &[TapRecord],
) -> std::io::Result<BufWriter<File>> {
    writer.write_all(begin.as_bytes())?;
    for record in records {
        writer.write_all(line_of(record).as_bytes())?;
        writer.write_all(b"\n")?;
    }
    writer.flush()?;
    Ok(writer)
}
