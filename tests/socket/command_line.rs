//! `npx tauri-plugin-event-bus-api tail`, run by Node against the socket of an app.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tauri_plugin_event_bus::EmitOptions;

use super::{GREETING, Running};

const SCRIPT: &str = "guest-js/bin/cli.mjs";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT))
        .arg("tail")
        .args(arguments)
        .stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// A command that is attached, and ends with the test.
struct Tail {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Tail {
    fn start(app: &str, arguments: &[&str]) -> Self {
        let mut command = command(&[&["--app", app], arguments].concat());
        let spawned = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        told.read_line(&mut first).unwrap();
        assert!(first.starts_with(&format!("attached to {app} ")), "{first}");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }
}

fn interrupt(tail: &Tail) {
    let pid = tail.child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.unwrap().success());
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tail_prints_what_its_filter_takes() {
    let app = Running::start("test.tail.filter");
    let bus = app.bus();
    let names = ["--name", "cart:*", "--kind", "event", "--source", "host"];
    let mut tail = Tail::start("test.tail.filter", &names);
    bus.listen("cart:*", |_| {}).unwrap().forget();
    bus.emit("other", 1).unwrap();
    bus.component("Cart")
        .emit("cart:added", json!({ "n": 1 }))
        .unwrap();
    bus.emit("cart:last", "x").unwrap();
    let line = tail.line();
    for part in ["event", "cart:added", "host/Cart → host", r#"{"n":1}"#] {
        assert!(line.contains(part), "{line}");
    }
    assert!(tail.line().contains("cart:last"));
}

#[test]
fn tail_shows_hostile_text_harmless() {
    let app = Running::start("test.tail.hostile");
    let hostile = "\u{1b}[2J\u{7}\u{9b}\u{202e}\u{2066}\u{200f}\u{feff}\u{2028}\u{ad}\u{e0041}end";
    for (flags, is_json) in [(&[][..], false), (&["--json"], true)] {
        let mut tail = Tail::start("test.tail.hostile", &[&["--kind", "event"], flags].concat());
        app.bus().emit("text", json!({ "a": hostile })).unwrap();
        let line = tail.line();
        assert!(line.contains("end"), "{line}");
        let is_harmless = |c: char| {
            !c.is_control()
                && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                && !matches!(c, '\u{feff}' | '\u{ad}' | '\u{e0000}'..='\u{e007f}')
        };
        assert!(line.chars().all(is_harmless), "{line:?}");
        if is_json {
            let record: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(record["payload"]["a"], hostile);
        }
    }
}

#[test]
fn tail_prints_whole_numbers_as_json() {
    let app = Running::start("test.tail.json");
    let mut tail = Tail::start("test.tail.json", &["--json", "--kind", "event"]);
    let number = 12_345_678_901_234_567_u64;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let options = EmitOptions::new().traceparent(trace);
    app.bus().emit_with("number", number, options).unwrap();
    let record: Value = serde_json::from_str(&tail.line()).unwrap();
    assert_eq!(record["payload"], number);
    assert_eq!(record["traceparent"], trace);
}

#[test]
fn tail_says_which_apps_run() {
    let _first = Running::start("test.tail.same");
    let _second = Running::start("test.tail.same");
    let (code, told) = run(&["--app", "test.tail.same"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("several apps run; choose one"), "{told}");
    assert_eq!(
        told.matches("--app test.tail.same --pid").count(),
        2,
        "{told}"
    );
    let (code, told) = run(&["--app", "test.tail.none"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("no such app runs; these do"), "{told}");
}

#[test]
fn tail_tells_what_is_wrong_with_its_options() {
    for (arguments, part) in [
        (
            &["--kind", "all"][..],
            "there is no kind \"all\"; expected event,",
        ),
        (&["--pid", "x"], "--pid is \"x\""),
        (&["--more"], "--more"),
        (&["--wait", "--pid", "1"], "--wait and --pid"),
    ] {
        let (code, told) = run(arguments);
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains(part), "{told}");
    }
    let app = Running::start("test.tail.pattern");
    let (code, told) = run(&["--app", "test.tail.pattern", "--name", "a["]);
    assert_eq!(code, Some(2));
    assert!(
        told.contains("(invalid_pattern)") && told.contains("a["),
        "{told}"
    );
    drop(app);
}

#[test]
fn tail_finds_no_app_in_an_empty_folder() {
    let mut command = command(&[]);
    let output = command
        .env("TAURI_EVENT_BUS_SOCKETS", "/nonexistent/tauri-event-bus")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told.contains("no app runs that has a debug socket in /nonexistent"),
        "{told}"
    );
}

#[test]
fn tail_ends_with_ctrl_c_and_never_shows_the_token() {
    let app = Running::start("test.tail.end");
    let mut tail = Tail::start("test.tail.end", &[]);
    app.bus().emit("a", app.token().len()).unwrap();
    let line = tail.line();
    assert!(!line.contains(app.token()), "{line}");
    interrupt(&tail);
    assert_eq!(tail.child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    for line in tail.lines.by_ref() {
        rest.push_str(&line.unwrap());
    }
    assert!(!rest.contains(app.token()));
}

/// An app that the test plays, with a folder of its own.
struct Played {
    folder: std::path::PathBuf,
    listener: UnixListener,
}

impl Played {
    fn start(name: &str, version: u32) -> Self {
        let folder = format!("event-bus-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let listener = UnixListener::bind(folder.join("a.sock")).unwrap();
        // Half of a file, as an app leaves that is killed while it writes.
        fs::write(folder.join("b.json"), "{\"version\":1,\"app\"").unwrap();
        let own = Self { folder, listener };
        own.describe(version);
        own
    }

    /// Writes the file by which tools find it.
    fn describe(&self, version: u32) {
        let description = json!({
            "version": version, "app": "test.played", "pid": std::process::id(),
            "token": "secret", "socket": self.folder.join("a.sock"),
        });
        fs::write(self.folder.join("a.json"), description.to_string()).unwrap();
    }

    /// Takes the tool that attaches, and what it has sent.
    fn attached(&self) -> (UnixStream, Value) {
        let (mut stream, _) = self.listener.accept().unwrap();
        let mut greeting = [0; 8];
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(greeting, GREETING);
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut attach = vec![0; u32::from_le_bytes(length) as usize];
        stream.read_exact(&mut attach).unwrap();
        (stream, serde_json::from_slice(&attach).unwrap())
    }

    fn tail(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.env("TAURI_EVENT_BUS_SOCKETS", &self.folder);
        command
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn frame(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_le_bytes();
    [&length, text.as_bytes()].concat()
}

#[test]
fn tail_ends_when_the_app_ends() {
    let app = Played::start("ends", 1);
    let mut tail = app.tail(&["--name", "a"]);
    let child = tail.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap();
    let (mut stream, attach) = app.attached();
    assert_eq!(
        attach,
        json!({ "token": "secret", "filter": { "names": ["a"] } })
    );
    let record = r#"{"at":0,"kind":"event","seq":1,"name":"a","source":{"kind":"host"},"payload":1,"routes":[]}"#;
    let lost = r#"{"at":0,"kind":"lost","count":7}"#;
    let text = [
        frame(r#"{"app":"test.played","pid":1}"#),
        frame(&format!("{record}\n{lost}")),
        frame(record),
    ]
    .concat();
    // In pieces that end anywhere.
    for piece in text.chunks(7) {
        stream.write_all(piece).unwrap();
    }
    drop(stream);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("test.played") && told.contains("has ended"),
        "{told}"
    );
    let shown = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(lines[0].contains("#1 a host → no one 1"), "{shown}");
    assert!(
        lines[1].contains("7 records, since this was too slow"),
        "{shown}"
    );
}

/// A tool that is attached to an app that the test plays.
fn attached(app: &Played) -> (Child, std::os::unix::net::UnixStream) {
    let mut tail = app.tail(&[]);
    let child = tail.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let (mut stream, _) = app.listener.accept().unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    let length = u32::from_le_bytes(head[8..].try_into().unwrap());
    stream.read_exact(&mut vec![0; length as usize]).unwrap();
    stream
        .write_all(&frame(r#"{"app":"test.played","pid":1}"#))
        .unwrap();
    (child.unwrap(), stream)
}

#[test]
fn tail_shows_numbers_as_they_are_and_nothing_raw() {
    let app = Played::start("raw", 1);
    let (child, mut stream) = attached(&app);
    let hostile = r#""\u001b[2J\u202e""#;
    let host = r#"{"kind":"host"}"#;
    let records = [
        format!(
            r#"{{"at":0,"kind":"event","seq":1,"name":"a","source":{host},"payload":{{"payload":[1,"}}"],"id":9007199254740993}},"routes":[]}}"#
        ),
        format!(r#"{{"at":0,"kind":"event","seq":{hostile},"source":{host},"payload":1}}"#),
        format!(
            r#"{{"at":0,"kind":"gap","receiver":{host},"from":{hostile},"to":{hostile},"count":{hostile},"reason":"expired"}}"#
        ),
        format!(r#"{{"at":0,"kind":"lost","count":{hostile}}}"#),
        format!(r#"{{"at":0,"kind":{hostile}}}"#),
        format!(r#"{{"at":0,"kind":"delivered","receiver":{host},"seqs":[{hostile}]}}"#),
        "{\"at\":0,\"kind\":\"event\",\"name\":\"\u{e0000}\u{e007f}\",\"payload\":1}".to_owned(),
    ];
    stream.write_all(&frame(&records.join("\n"))).unwrap();
    drop(stream);
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), records.len(), "{shown:?}");
    assert!(
        lines[0].ends_with(r#"{"payload":[1,"}"],"id":9007199254740993}"#),
        "{shown}"
    );
    for line in lines {
        let is_hidden =
            |c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{e0000}'..='\u{e007f}');
        assert!(!line.contains(is_hidden), "{line:?}");
    }
}

#[test]
fn tail_says_that_an_app_is_of_another_version() {
    let app = Played::start("version", 2);
    let output = app.tail(&[]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told.contains("speaks version 2 of the debug socket"),
        "{told}"
    );
}

#[test]
fn tail_waits_for_an_app_that_starts_again() {
    let app = Played::start("waits", 1);
    let mut waiting = app.tail(&["--wait", "--app", "test.played"]);
    fs::remove_file(app.folder.join("a.json")).unwrap();
    let spawned = waiting
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut told = move || told.next().unwrap().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut tail = Tail { child, lines };
    for seq in 1..=2 {
        assert_eq!(told(), "waiting for test.played; Ctrl-C ends");
        app.describe(1);
        let (mut stream, _) = app.attached();
        let record = json!({ "at": 0, "kind": "event", "seq": seq, "name": "a", "routes": [] });
        let hello = frame(r#"{"app":"test.played","pid":1}"#);
        let text = [hello, frame(&record.to_string())].concat();
        stream.write_all(&text).unwrap();
        assert!(told().starts_with("attached to test.played "));
        let line = tail.line();
        assert!(line.contains(&format!("#{seq} a")), "{line}");
        fs::remove_file(app.folder.join("a.json")).unwrap();
        drop(stream);
        assert!(told().ends_with(" has ended"));
    }
    assert_eq!(told(), "waiting for test.played; Ctrl-C ends");
    interrupt(&tail);
    assert_eq!(tail.child.wait().unwrap().code(), Some(0));
}
