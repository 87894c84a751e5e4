//! The X display of the windows.

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

/// An X display: an existing one, or a private Xvfb that ends with this value.
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

    /// Uses the existing display `name`, such as `:0`.
    pub fn existing(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            _server: None,
        }
    }

    /// The value of `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fills the background with a color, `0xrrggbb`.
    pub fn paint(&self, color: u32) -> Result<()> {
        let (connection, screen) =
            x11rb::connect(Some(&self.name)).context("cannot reach the X display")?;
        let root = connection.setup().roots[screen].root;
        connection.change_window_attributes(
            root,
            &ChangeWindowAttributesAux::new().background_pixel(color),
        )?;
        connection.clear_area(false, root, 0, 0, 0, 0)?.check()?;
        Ok(())
    }
}
