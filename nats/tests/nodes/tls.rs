//! An encrypted connection.

use std::path::Path;
use std::process::Command;

use tauri_plugin_event_bus::Builder;
use tauri_plugin_event_bus_nats::{ConnectOptions, Nats};

use crate::support::{Server, node_with, payload};

const CERTIFICATE: &str = "[req]
distinguished_name = subject
x509_extensions = extensions
prompt = no
[subject]
CN = localhost
[extensions]
basicConstraints = critical,CA:FALSE
subjectAltName = DNS:localhost,IP:127.0.0.1
";

/// Writes a key, and a certificate for this machine that it has signed itself.
fn make_certificate(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("openssl.conf"), CERTIFICATE).unwrap();
    let made = Command::new("openssl")
        .current_dir(folder)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-config", "openssl.conf"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .output()
        .expect("openssl is needed");
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn events_travel_encrypted() {
    let folder = std::env::temp_dir().join(format!("event-bus-tls-{}", std::process::id()));
    make_certificate(&folder);
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (key, certificate) = (file("key.pem"), file("cert.pem"));
    let server = Server::with(&["--tls", "--tlscert", &certificate, "--tlskey", &key]);
    let url = server.url().replace("nats://", "tls://");
    let link = |name: &str| Nats::connect(&url).app("shop").node(name).share("order:*");
    let trusting = |name: &str| {
        let options = ConnectOptions::new().add_root_certificates(file("cert.pem").into());
        node_with(Builder::new(), link(name).options(options)).connected()
    };
    let [a, b] = ["a", "b"].map(trusting);
    let mut at_b = b.bus.stream("order:*").unwrap();
    a.bus.emit("order:n", 1).unwrap();
    assert_eq!(payload(&mut at_b), 1);
    // A certificate that the machine does not know is not taken.
    let mut distrusting = node_with(Builder::new(), link("c"));
    let state = distrusting.wait_for(false);
    assert!(state["reason"].is_string(), "{state}");
    std::fs::remove_dir_all(folder).unwrap();
}
