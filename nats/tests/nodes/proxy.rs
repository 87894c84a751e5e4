//! A proxy that stalls.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use crate::support::PATIENCE;

/// Passes bytes on, or holds them.
#[derive(Default)]
pub(crate) struct Gate {
    is_shut: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    /// Waits while it is shut.
    pub(crate) fn pass(&self) {
        let shut = self.is_shut.lock().unwrap();
        drop(self.changed.wait_while(shut, |is_shut| *is_shut).unwrap());
    }

    pub(crate) fn set(&self, is_shut: bool) {
        *self.is_shut.lock().unwrap() = is_shut;
        self.changed.notify_all();
    }
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    gate: Arc<Gate>,
    connections: Arc<Connections>,
}

/// How many clients have connected.
#[derive(Default)]
struct Connections {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Proxy {
    /// A proxy to a server on this port.
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Arc::<Gate>::default();
        let connections = Arc::<Connections>::default();
        let (own, counted) = (Arc::clone(&gate), Arc::clone(&connections));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                *counted.count.lock().unwrap() += 1;
                counted.changed.notify_all();
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                for (from, to) in [(client, server), back] {
                    let gate = Arc::clone(&own);
                    std::thread::spawn(move || pass_on(from, to, &gate));
                }
            }
        });
        Self {
            port,
            gate,
            connections,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Waits until the client has tried to connect so many times from now on.
    pub(crate) fn wait_for_attempts(&self, attempts: usize) {
        let count = self.connections.count.lock().unwrap();
        let enough = *count + attempts;
        let waited = self
            .connections
            .changed
            .wait_timeout_while(count, PATIENCE, |count| *count < enough);
        assert!(!waited.unwrap().1.timed_out(), "the client does not try");
    }

    pub(crate) fn stall(&self) {
        self.gate.set(true);
    }

    pub(crate) fn go_on(&self) {
        self.gate.set(false);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, gate: &Gate) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        gate.pass();
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            let _ = to.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}
