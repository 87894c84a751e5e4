use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Outcome;

/// A server that ends with this.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub(crate) fn start() -> Outcome<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let mut child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &port.to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start nats-server: {error}"))?;
        let log = child.stderr.take().ok_or("the server has no log")?;
        let (sender, ready) = std::sync::mpsc::channel();
        // Reads on, so that the server never waits for its log.
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if line.contains("Server is ready") {
                    let _ = sender.send(());
                }
            }
        });
        let server = Self { child, port };
        ready.recv_timeout(Duration::from_secs(20))?;
        Ok(server)
    }

    /// How long it has used a processor, in microseconds.
    pub(crate) fn cpu_time(&self) -> Outcome<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // After the name, field 12 is the time in user mode and field 13 the time in the kernel, in hundredths of a second.
        let (_, fields) = stat.rsplit_once(')').ok_or("/proc has another format")?;
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        Ok(ticks * 10_000.0)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
