//! What a node does with what it should not get, and what it shows of itself.

use std::sync::{Mutex, Once};

use log::{LevelFilter, Log, Metadata, Record};
use serde_json::Value;
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::{Builder, Limits};
use tauri_plugin_event_bus_nats::{ConnectOptions, Nats};

use crate::support::{Server, configured_node, link, node, node_with, payload};

/// Keeps what the process logs.
struct Logged(Mutex<Vec<String>>);

static LOGGED: Logged = Logged(Mutex::new(Vec::new()));

impl Log for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

fn keep_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&LOGGED).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
}

/// What was logged with this text in it.
fn logged(text: &str) -> Vec<String> {
    let all = LOGGED.0.lock().unwrap();
    all.iter()
        .filter(|line| line.contains(text))
        .cloned()
        .collect()
}

/// Publishes messages as another program would.
fn publish(server: &Server, messages: &[(&str, &[u8])]) {
    block_on(async {
        let client = async_nats::connect(server.url()).await.unwrap();
        for (subject, body) in messages {
            let body = body.to_vec();
            client
                .publish((*subject).to_owned(), body.into())
                .await
                .unwrap();
        }
        client.flush().await.unwrap();
    });
}

fn head(node: &str, n: u64, size: usize) -> Vec<u8> {
    let head = serde_json::json!({
        "v": 1, "node": node, "run": "r", "of": "order:*", "n": n, "sizes": [size],
    });
    format!("{head}\n").into_bytes()
}

#[test]
fn wrong_messages_are_counted_and_dropped() {
    let server = Server::start();
    let b = node(&server.url(), "b").connected();
    let mut at_b = b.bus.stream("*").unwrap();
    let with = |mut head: Vec<u8>, payload: &str| {
        head.extend(payload.as_bytes());
        head
    };
    let fine = with(head("x", 1, 1), "1");
    let other = with(head("y", 1, 1), "1");
    let no_json = with(head("x", 2, 1), "{");
    let short = with(head("x", 2, 9), "1");
    let own = with(head("b", 1, 1), "1");
    let last = with(head("x", 3, 1), "3");
    publish(
        &server,
        &[
            ("shop.x.event.order.a", &fine),
            ("shop.x.event.order.a", b"nonsense"),
            ("shop.x.event.order.a", b""),
            ("shop.x.event.order.a", &other),
            ("shop.x.event.order.a", &no_json),
            ("shop.x.event.order.a", &short),
            ("shop.x.event.order.a%61", &last),
            ("shop.b.event.order.a", &own),
            ("shop.x.event.order.a", &last),
        ],
    );
    assert_eq!(payload(&mut at_b), 1);
    assert_eq!(payload(&mut at_b), 3);
    let status = b.bus.link_status().unwrap();
    assert_eq!((status.received, status.refused), (2, 7));
}

#[test]
fn what_is_refused_is_logged_once() {
    keep_log();
    let server = Server::start();
    let mut limits = Limits::default();
    limits.payload_bytes = 100;
    let builder = Builder::new().limits(limits);
    let b = node_with(builder, link(&server.url(), "b")).connected();
    let mut at_b = b.bus.stream("order:*").unwrap();
    let too_large = |n| {
        [
            head("noisy", n, 102),
            format!("\"{}\"", "x".repeat(100)).into(),
        ]
        .concat()
    };
    let (first, second, third) = (too_large(1), too_large(2), too_large(3));
    let fine = [head("noisy", 4, 1), b"4".to_vec()].concat();
    let subject = "shop.noisy.event.order.a";
    publish(
        &server,
        &[&first, &second, &third, &fine].map(|message| (subject, &**message)),
    );
    assert_eq!(payload(&mut at_b), 4);
    assert_eq!(b.bus.link_status().unwrap().refused, 3);
    let told = logged("\"noisy\"");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("payloadBytes") && told[0].contains("100"),
        "{told:?}"
    );
}

#[test]
fn a_credentials_file_shows_nothing_of_itself() {
    let file = std::env::temp_dir().join(format!("event-bus-{}.creds", std::process::id()));
    std::fs::write(&file, "secret-of-the-app").unwrap();
    let link = link("nats://127.0.0.1:1", "a").credentials(&file);
    let mut a = node_with(Builder::new(), link);
    let state = a.wait_for(false).to_string();
    assert!(state.contains("credentials file"), "{state}");
    assert!(!state.contains("secret-of"), "{state}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_wrong_password_is_told_without_it() {
    let server = Server::with(&["--user", "app", "--pass", "right"]);
    let options = ConnectOptions::new().user_and_password("app".into(), "wrong-secret".into());
    let link = link(&server.url(), "a").options(options);
    let shown = format!("{link:?}");
    let mut a = node_with(Builder::new(), link);
    let state = a.wait_for(false).to_string();
    assert!(state.contains("uthori"), "{state}");
    for text in [state, shown, format!("{:?}", a.bus.link_status())] {
        assert!(!text.contains("wrong-secret"), "{text}");
    }
}

#[test]
fn a_password_in_an_address_is_refused_unshown() {
    keep_log();
    let link = link("nats://app:right-secret@127.0.0.1:4222", "a");
    let debug = format!("{link:?}");
    let refused = configured_node(Builder::new(), link, Value::Null).err();
    let error = refused.unwrap().to_string();
    assert!(error.contains("give them to Nats::options"), "{error}");
    for text in [debug, error] {
        assert!(!text.contains("secret"), "{text}");
    }
    assert_eq!(logged("-secret"), [""; 0]);
}

#[test]
fn a_message_larger_than_the_server_takes_is_dropped() {
    let server = Server::start();
    let [a, b] = ["a", "b"].map(|name| node(&server.url(), name).connected());
    let mut at_b = b.bus.stream("order:*").unwrap();
    a.bus.emit("order:n", 1).unwrap();
    assert_eq!(payload(&mut at_b), 1);
    a.bus.emit("order:n", "x".repeat(1 << 20)).unwrap();
    a.bus.emit("order:n", 2).unwrap();
    let gap = match crate::support::next(&mut at_b) {
        tauri_plugin_event_bus::StreamItem::Gap(gap) => gap,
        other => panic!("{other:?}"),
    };
    assert_eq!((gap.count, gap.at_most), (1, false));
    assert_eq!(payload(&mut at_b), 2);
    assert_eq!(a.bus.link_status().unwrap().dropped, 1);
}

#[test]
fn events_that_fit_alone_are_sent() {
    let server = Server::configured("max_payload: 8192", &[]);
    let [a, b] = ["a", "b"].map(|name| node(&server.url(), name).connected());
    let mut at_b = b.bus.stream("order:*").unwrap();
    let text = "x".repeat(1_000);
    // Many wait at once, since nobody takes them meanwhile.
    for n in 0..300 {
        a.bus.emit("order:n", (n, &text)).unwrap();
    }
    for n in 0..300 {
        assert_eq!(payload(&mut at_b)[0], n);
    }
    assert_eq!(a.bus.link_status().unwrap().dropped, 0);
}

#[test]
fn two_nodes_of_one_name_are_told() {
    let server = Server::start();
    let c = node(&server.url(), "c").connected();
    let mut at_c = c.bus.stream("order:*").unwrap();
    let one = node(&server.url(), "same").connected();
    one.bus.emit("order:n", 1).unwrap();
    assert_eq!(payload(&mut at_c), 1);
    // The newer node counts as the one from its first message on. That may be its count, so it connects after the first event.
    let two = node(&server.url(), "same").connected();
    two.bus.emit("order:n", 2).unwrap();
    assert_eq!(payload(&mut at_c), 2);
    // What the first one sends from now on is refused, whenever it comes.
    one.bus.emit("order:n", 0).unwrap();
    for n in 3.. {
        two.bus.emit("order:n", n).unwrap();
        assert_eq!(payload(&mut at_c), n);
        if c.bus.link_status().unwrap().refused > 0 {
            break;
        }
    }
}

#[test]
fn a_link_that_lacks_something_says_what() {
    let error = |link: Nats| {
        let built = tauri::test::mock_builder()
            .plugin(Builder::new().link(link).build())
            .build(tauri::test::mock_context(tauri::test::noop_assets()));
        built.err().unwrap().to_string()
    };
    let complete = || Nats::connect("nats://127.0.0.1:1").app("shop").node("a");
    assert!(error(complete()).contains("shares nothing"));
    assert!(error(complete().share("a b")).contains("\"a b\""));
    assert!(error(complete().share("order:*").node("a.b")).contains("'.'"));
    let no_node = Nats::connect("nats://127.0.0.1:1").share("order:*");
    assert!(error(no_node).contains("Nats::node"));
    assert!(error(Nats::new().node("a").share("order:*")).contains("Nats::connect"));
    let secret = error(Nats::connect("bad address:pass").node("a").share("order:*"));
    assert!(
        secret.contains("tls://hub.example.com:4222") && !secret.contains("pass"),
        "{secret}"
    );
}
