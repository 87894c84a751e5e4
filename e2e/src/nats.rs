//! A NATS server for apps that are nodes.

use crate::{
    process::Process,
    wait::{Found, until},
};
use anyhow::Result;
use std::{
    net::TcpListener,
    process::{Command, Stdio},
};
use tokio::net::TcpStream;

/// A server on the loopback that ends with this value.
#[derive(Debug)]
pub struct NatsServer {
    port: u16,
    _process: Process,
}

impl NatsServer {
    /// Starts a server on a free port.
    pub async fn start() -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut process = Process::start(
            Command::new("nats-server")
                .args(["-a", "127.0.0.1", "-p", &port.to_string()])
                .stderr(Stdio::null()),
            "nats-server",
        )?;
        until(
            "the NATS server to accept connections",
            async || match TcpStream::connect(("127.0.0.1", port)).await {
                Ok(_) => Ok(Found::Yes(())),
                Err(error) => Ok(Found::NotYet(format!("{error} ({:?})", process.ended()?))),
            },
        )
        .await?;
        Ok(Self {
            port,
            _process: process,
        })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}
