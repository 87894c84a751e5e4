//! The X display that the windows are on.

use crate::process::Process;
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};
use x11rb::{
    connection::Connection,
    protocol::xproto::{ChangeWindowAttributesAux, ConnectionExt},
};

/// An X display: one that is there already, or a private Xvfb that ends with this value.
#[derive(Debug)]
pub struct Display {
    name: String,
    _server: Option<Process>,
}

impl Display {
    /// Starts Xvfb on a free display.
    pub fn start(width: u16, height: u16) -> Result<Self> {
        let mut server = Process::start(
            Command::new("Xvfb")
                .args([
                    "-displayfd",
                    "1",
                    "-nolisten",
                    "tcp",
                    "-noreset",
                    "-screen",
                    "0",
                ])
                .arg(format!("{width}x{height}x24"))
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
            "xvfb",
        )?;
        let mut number = String::new();
        if let Some(stdout) = server.child().stdout.take() {
            BufReader::new(stdout).read_line(&mut number)?;
        }
        if number.trim().is_empty() {
            bail!(
                "Xvfb did not open a display (it ended with {:?})",
                server.ended()?
            );
        }
        Ok(Self {
            name: format!(":{}", number.trim()),
            _server: Some(server),
        })
    }

    /// Uses the display `name`, such as `:0`, and leaves it as it is.
    pub fn existing(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            _server: None,
        }
    }

    /// What belongs in `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fills what no window covers with a colour, `0xrrggbb`.
    pub fn paint(&self, colour: u32) -> Result<()> {
        let (connection, screen) =
            x11rb::connect(Some(&self.name)).context("cannot reach the X display")?;
        let root = connection.setup().roots[screen].root;
        connection.change_window_attributes(
            root,
            &ChangeWindowAttributesAux::new().background_pixel(colour),
        )?;
        connection.clear_area(false, root, 0, 0, 0, 0)?.check()?;
        Ok(())
    }
}
