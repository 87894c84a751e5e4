//! One tool that is attached to the debug socket.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::tap::stream::Tap;
use crate::engine::core::Core;
use crate::model::error::{Error, ErrorCode, Result, escaped};
use crate::model::tap::filter::RecordFilter;
use crate::model::tap::record::TapRecord;
use crate::shell::commands::tap::read_filter;
use crate::shell::socket::frames::{read_frame, read_greeting, write_frame};
use crate::sync::{AsyncRead, AsyncReadExt, AsyncWrite, split};

/// How long a tool may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many bytes of records are in one frame, unless one record is larger.
const FRAME_BYTES: usize = 128 << 10;

/// The app, and what proves that a tool may read the files of its user.
pub(super) struct App {
    pub(super) identifier: String,
    pub(super) token: String,
    /// Held by each tool that is attached.
    attached: Arc<()>,
}

/// How many tools may be attached.
const MAX_ATTACHED: usize = 4;

impl App {
    pub(super) fn new(identifier: String, token: String) -> Self {
        Self {
            identifier,
            token,
            attached: Arc::default(),
        }
    }

    /// Counts a tool as attached, as long as it holds what this returns. `None` if there are as many as may be.
    fn attach(&self) -> Option<Arc<()>> {
        let own = Arc::clone(&self.attached);
        // With that of the app and this one.
        (Arc::strong_count(&own) <= MAX_ATTACHED + 1).then_some(own)
    }
}

/// The first frame of a tool.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attach {
    token: String,
    filter: Option<Value>,
}

/// Tells an attached tool what happens, until it leaves or the app exits.
pub(super) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    app: &App,
    core: &Weak<Core>,
) -> io::Result<()> {
    let Some(clock) = core.upgrade().map(|core| core.clock()) else {
        return Ok(());
    };
    let frame = tokio::select! {
        frame = read_attach(&mut stream) => frame?,
        _ = clock.sleep_until(clock.after(PATIENCE)) => return Ok(()),
    };
    let (filter, _attached) = match check(&frame, app) {
        Ok(checked) => checked,
        Err(error) => {
            let refusal = json!({ "code": error.code().as_str(), "message": error.message() });
            let refusal = json!({ "error": refusal }).to_string();
            return write_frame(&mut stream, &refusal).await;
        }
    };
    let Some(mut tap) = core.upgrade().map(|core| Tap::new(&core, filter)) else {
        return Ok(());
    };
    let (mut reader, mut writer) = split(stream);
    let attached = json!({ "app": app.identifier, "pid": std::process::id() }).to_string();
    write_frame(&mut writer, &attached).await?;
    loop {
        let records = tokio::select! {
            records = tap.recv_all() => records,
            // It sends nothing more, so it has left.
            _ = reader.read_u8() => None,
        };
        let Some(records) = records else {
            return Ok(());
        };
        // While it does not read, the tap counts what it loses.
        let mut frame = String::new();
        for line in records.iter().map(TapRecord::to_json) {
            if !frame.is_empty() && frame.len() + line.len() > FRAME_BYTES {
                write_frame(&mut writer, &frame).await?;
                frame.clear();
            }
            if !frame.is_empty() {
                frame.push('\n');
            }
            frame.push_str(&line);
        }
        write_frame(&mut writer, &frame).await?;
    }
}

async fn read_attach(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    read_greeting(stream).await?;
    read_frame(stream).await
}

fn check(frame: &[u8], app: &App) -> Result<(RecordFilter, Arc<()>)> {
    let attach: Attach = serde_json::from_slice(frame).map_err(|error| {
        let problem = escaped(&error);
        let text = format!("the first frame is not {{ token, filter? }}: {problem}");
        Error::new(ErrorCode::InvalidArgument, text)
    })?;
    if !is_same(attach.token.as_bytes(), app.token.as_bytes()) {
        return Err(Error::new(
            ErrorCode::Denied,
            "the token does not match; read it again from the app's .json file next to the socket",
        ));
    }
    let filter = read_filter(attach.filter)?;
    let attached = app.attach().ok_or_else(|| {
        let text = format!(
            "{MAX_ATTACHED} tools are attached to the app, and that is the limit; end one of them"
        );
        Error::new(ErrorCode::Unavailable, text)
    })?;
    Ok((filter, attached))
}

/// Takes as long wherever they differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && differences == 0
}
