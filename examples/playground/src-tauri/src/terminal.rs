//! A shell in a window: a channel carries what is typed to a pseudo-terminal, and what that prints to the window.

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::thread;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tauri::async_runtime::{Receiver, channel};
use tauri::{AppHandle, Runtime, WebviewUrl, WebviewWindowBuilder};
use tauri_plugin_event_bus::request::{PartChannel, PartSender, ResponderResult};
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Bytes, Error, EventBus};

use crate::events::{Terminal, TerminalInput};

/// How much of what the shell prints is one part.
const CHUNK: usize = 16 << 10;
/// How many keys and pastes wait for the shell.
const TYPED_AHEAD: usize = 16;

/// Lets the window `terminal`, whose capability names it, open shells.
pub(crate) fn accept(bus: &EventBus) -> Result<(), Error> {
    Terminal::accept_channel(bus, run)?.forget();
    Ok(())
}

/// Opens the window.
#[tauri::command]
pub(crate) async fn open_terminal<R: Runtime>(app: AppHandle<R>) -> tauri::Result<()> {
    let page = WebviewUrl::App("terminal.html".into());
    WebviewWindowBuilder::new(&app, "terminal", page)
        .title("Terminal · Event bus playground")
        .inner_size(760.0, 440.0)
        .build()?;
    Ok(())
}

/// A shell, which ends with its window.
struct Shell {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn run(
    size: Terminal,
    mut channel: PartChannel<TerminalInput, Bytes>,
) -> ResponderResult<()> {
    let pair = native_pty_system().openpty(pty_size(size.cols, size.rows))?;
    let mut command = CommandBuilder::new_default_prog();
    command.env("TERM", "xterm-256color");
    let child = pair.slave.spawn_command(command)?;
    drop(pair.slave);
    let shell = Shell {
        child,
        master: pair.master,
    };
    let mut printed = read_on_a_thread(shell.master.try_clone_reader()?, channel.sender());
    let (typed, to_write) = tauri::async_runtime::channel(TYPED_AHEAD);
    write_on_a_thread(shell.master.take_writer()?, to_write);
    loop {
        let input = {
            let ended = pin!(printed.recv());
            let input = pin!(channel.recv());
            either(ended, input).await
        };
        match input {
            Some(input) => match input? {
                TerminalInput::Keys { text } => typed.send(text).await?,
                TerminalInput::Size { cols, rows } => shell.master.resize(pty_size(cols, rows))?,
            },
            // The shell has ended, or the window has closed its half.
            None => return Ok(()),
        }
    }
}

fn pty_size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        cols,
        rows,
        ..PtySize::default()
    }
}

/// Sends what the shell prints, and waits for the window. The receiver ends when the shell does.
fn read_on_a_thread(mut from: Box<dyn Read + Send>, to: PartSender<Bytes>) -> Receiver<()> {
    let (printing, has_ended) = channel(1);
    thread::spawn(move || {
        let _printing = printing;
        let mut chunk = vec![0; CHUNK];
        // It ends when nothing has the terminal open any more.
        while let Ok(length @ 1..) = from.read(&mut chunk) {
            if to
                .blocking_send(Bytes::from(chunk[..length].to_vec()))
                .is_err()
            {
                return;
            }
        }
    });
    has_ended
}

/// Types into the shell, which may be slow to read.
fn write_on_a_thread(mut to: Box<dyn Write + Send>, mut typed: Receiver<String>) {
    thread::spawn(move || {
        while let Some(text) = typed.blocking_recv() {
            if to.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    });
}

/// What comes next, or `None` once the other future is done.
async fn either<T>(
    mut end: Pin<&mut impl Future>,
    mut next: Pin<&mut impl Future<Output = Option<T>>>,
) -> Option<T> {
    poll_fn(|context| match next.as_mut().poll(context) {
        Poll::Pending if end.as_mut().poll(context).is_ready() => Poll::Ready(None),
        polled => polled,
    })
    .await
}
