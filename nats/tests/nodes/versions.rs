//! A server that is too old, of which there is as much as a node needs to find that out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use tauri_plugin_event_bus::Builder;

use crate::support::{PATIENCE, link, node_with};

fn event(n: u64) -> String {
    let head = serde_json::json!({
        "v": 1, "node": "x", "run": "r", "of": "order:*", "n": n, "sizes": [1],
    });
    format!("{head}\n1")
}

/// Starts it. The other end is told of each ping, before which an event of another node was sent.
fn old_server() -> (u16, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (pings, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let pings = pings.clone();
            std::thread::spawn(move || serve(&stream, &pings));
        }
    });
    (port, seen)
}

/// Serves a client until that hangs up.
fn serve(mut stream: &TcpStream, pings: &mpsc::Sender<()>) -> Option<()> {
    let info = serde_json::json!({
        "server_id": "old", "server_name": "old", "version": "2.8.4", "proto": 1, "go": "go1",
        "host": "127.0.0.1", "port": 4222, "headers": true, "max_payload": 1 << 20, "client_id": 1,
    });
    write!(stream, "INFO {info}\r\n").ok()?;
    let mut client = BufReader::new(stream);
    let (mut inbox, mut events, mut sent) = (None, None, 0);
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["PING"] => {
                if let Some(sid) = &events {
                    sent += 1;
                    let (subject, event) = ("shop.x.event.order.a", event(sent));
                    let size = event.len();
                    write!(stream, "MSG {subject} {sid} {size}\r\n{event}\r\n").ok()?;
                    let _ = pings.send(());
                }
                stream.write_all(b"PONG\r\n").ok()?;
            }
            ["SUB", subject, sid] if subject.starts_with("_INBOX") => {
                inbox = Some(sid.to_owned());
            }
            ["SUB", "shop.*.event.order.>", sid] => events = Some(sid.to_owned()),
            ["PUB", .., size] => {
                let mut body = vec![0; size.parse::<usize>().ok()? + 2];
                client.read_exact(&mut body).ok()?;
                // Its subject has no responder.
                if let (["PUB", _, reply, _], Some(sid)) = (&words[..], &inbox) {
                    let status = "NATS/1.0 503\r\n\r\n";
                    write!(stream, "HMSG {reply} {sid} 16 16\r\n{status}\r\n").ok()?;
                }
            }
            _ => {}
        }
    }
}

#[test]
fn a_server_that_is_too_old_is_not_used() {
    let (port, pings) = old_server();
    let url = format!("nats://127.0.0.1:{port}");
    let link = link(&url, "a")
        .presence(false)
        .ping_interval(Duration::from_millis(50));
    let mut a = node_with(Builder::new(), link);
    let reason = a.wait_for(false)["reason"].to_string();
    assert!(
        reason.contains("2.8.4") && reason.contains("2.9.0"),
        "{reason}"
    );
    a.bus.emit("order:n", 1).unwrap();
    // What came before the version was known may count.
    let before = a.bus.link_status().unwrap().received;
    while pings.try_recv().is_ok() {}
    for _ in 0..3 {
        pings.recv_timeout(PATIENCE).unwrap();
    }
    let status = a.bus.link_status().unwrap();
    assert_eq!(
        (status.received, status.queued, status.sent),
        (before, 1, 0)
    );
}
