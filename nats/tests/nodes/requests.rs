//! Requests to the hosts of other nodes.

use std::time::Duration;

use tauri_plugin_event_bus::{Bytes, Endpoint, ErrorCode, Target};

use crate::support::{Server, link, node, node_with, wait};

#[test]
fn a_node_responds() {
    let server = Server::start();
    let [a, b] = ["a", "b"].map(|name| node(&server.url(), name).connected());
    let responder = b
        .bus
        .respond_with("order:sum", |numbers: Vec<i64>, context| {
            let from = context.caller().clone();
            async move { Ok((numbers.iter().sum::<i64>(), from.node().map(str::to_owned))) }
        });
    let responder = responder.unwrap();
    let request = a
        .bus
        .request::<(i64, String)>(Target::node("b"), "order:sum", [1, 2, 3]);
    assert_eq!(wait(request).unwrap(), (6, "a".to_owned()));
    // The own node is the host itself.
    let request = b
        .bus
        .request::<(i64, Option<String>)>(Target::node("b"), "order:sum", [4]);
    assert_eq!(wait(request).unwrap(), (4, None));
    let echo = b
        .bus
        .respond("order:photo", async |photo: Bytes| Ok((photo, 7)));
    let photo = Bytes::from(vec![0, 10, 255]);
    let request = a
        .bus
        .request::<(Bytes, u32)>(Endpoint::Node("b".into()), "order:photo", &photo);
    assert_eq!(wait(request).unwrap(), (photo, 7));
    drop((responder, echo));
}

#[test]
fn errors_keep_their_codes() {
    let server = Server::start();
    let [a, b] = ["a", "b"].map(|name| node(&server.url(), name).connected());
    let failing = b.bus.respond("order:fails", async |(): ()| {
        Result::<u32, _>::Err("no milk".into())
    });
    let silent = b.bus.respond("order:silent", async |(): ()| {
        std::future::pending::<()>().await;
        Ok(1)
    });
    let error = |to: &str, name: &str, millis: u64| {
        let request = a.bus.request::<u32>(Target::node(to), name, ());
        let request = request.timeout(Duration::from_millis(millis));
        wait(request).unwrap_err()
    };
    let failed = error("b", "order:fails", 20_000);
    assert_eq!(failed.code(), ErrorCode::ResponderFailed);
    assert!(failed.message().contains("no milk"), "{failed}");
    assert_eq!(
        error("b", "order:unknown", 20_000).code(),
        ErrorCode::NoResponder
    );
    // The server says at once that nobody is there.
    let nobody = error("nobody", "order:fails", 20_000);
    assert_eq!(nobody.code(), ErrorCode::NoResponder);
    assert!(nobody.message().contains("\"nobody\""), "{nobody}");
    assert_eq!(error("b", "order:silent", 50).code(), ErrorCode::Timeout);
    let unshared = error("b", "cart:sum", 20_000);
    assert_eq!(unshared.code(), ErrorCode::InvalidArgument);
    drop((failing, silent));
}

#[test]
fn several_nodes_respond() {
    let server = Server::start();
    let [a, b, c] = ["a", "b", "c"].map(|name| node(&server.url(), name).connected());
    let name_of = |name: &'static str| move |(): ()| async move { Ok(name) };
    let responders = (
        b.bus.respond("order:name", name_of("from b")),
        c.bus.respond("order:name", name_of("from c")),
    );
    let to = Target::join(["b", "c", "d"].map(Target::node));
    let responses = a.bus.request_all::<String>(to, "order:name", ());
    let responses = wait(responses).unwrap();
    let found: Vec<_> = responses
        .iter()
        .map(|(node, response)| {
            (
                node.as_str(),
                response.as_deref().map_err(|error| error.code()),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("b", Ok("from b")),
            ("c", Ok("from c")),
            ("d", Err(ErrorCode::NoResponder)),
        ]
    );
    drop(responders);
}

#[test]
fn without_a_connection_a_request_fails_at_once() {
    let port = crate::support::free_port();
    let link = link(&format!("nats://127.0.0.1:{port}"), "a");
    let mut a = node_with(tauri_plugin_event_bus::Builder::new(), link);
    a.wait_for(false);
    let request = a.bus.request::<u32>(Target::node("b"), "order:sum", ());
    let error = wait(request).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
}

#[test]
fn a_stream_does_not_cross_nodes() {
    let server = Server::start();
    let a = node(&server.url(), "a").connected();
    let request = a
        .bus
        .request_stream::<u32>(Target::node("b"), "order:lines", ());
    let error = wait(request).err().unwrap();
    assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
}
