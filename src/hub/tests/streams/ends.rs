use super::*;

/// Who requests a stream from whom; `None` is the host.
const PAIRS: [(Option<&str>, Option<&str>); 4] = [
    (None, None),
    (Some("b"), None),
    (None, Some("a")),
    (Some("b"), Some("a")),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Response,
    Failure,
    Declined,
    ConsumerLeaves,
    ConsumersPageGone,
    RespondersPageGone,
    ConsumerRenews,
    Timeout,
    NoCredit,
    BadPart,
    Exit,
}

use End::*;

const ENDS: [End; 11] = [
    Response,
    Failure,
    Declined,
    ConsumerLeaves,
    ConsumersPageGone,
    RespondersPageGone,
    ConsumerRenews,
    Timeout,
    NoCredit,
    BadPart,
    Exit,
];

impl End {
    /// Whether it can happen between these.
    fn fits(self, stream: &Stream) -> bool {
        match self {
            Response | Failure | ConsumerLeaves | Timeout | Exit => true,
            ConsumersPageGone | ConsumerRenews => stream.from.is_some(),
            RespondersPageGone | Declined | NoCredit | BadPart => stream.to.is_some(),
        }
    }

    fn happen(self, world: &mut World, stream: &mut Stream) {
        match self {
            Response => world.respond(stream, Ok("\"done\"")),
            Failure => {
                let error = Error::new(ErrorCode::ResponderFailed, "it failed");
                world.respond(stream, Err(error));
            }
            Declined => {
                let key = world.key(stream.to.unwrap());
                if let Ok(effects) = world.hub.decline(key, stream.id) {
                    world.apply_effects(effects);
                }
            }
            ConsumerLeaves => world.leave(stream),
            ConsumersPageGone => world.leave_page(stream.from.unwrap()),
            RespondersPageGone => world.leave_page(stream.to.unwrap()),
            ConsumerRenews => {
                world.open("b");
            }
            Timeout => {
                world.now += TIMEOUT;
                world.expire();
            }
            NoCredit => while world.send(stream, "1").is_ok() {},
            BadPart => {
                let part = Err(Error::new(ErrorCode::InvalidPayload, "bad"));
                let number = stream.sent + 1;
                let key = world.key(stream.to.unwrap());
                let (_, effects) = world
                    .hub
                    .send_part_from_page(key, stream.id, number, part, world.now);
                world.apply_effects(effects);
            }
            Exit => {
                let effects = world.hub.shut_down();
                world.apply_effects(effects);
            }
        }
    }

    /// What the consumer gets; `None` if it gets nothing more.
    fn outcome(self, stream: &Stream) -> Option<std::result::Result<String, ErrorCode>> {
        let code = match self {
            Response => return Some(Ok("\"done\"".into())),
            ConsumerLeaves | ConsumersPageGone | ConsumerRenews => return None,
            // A page is gone with the app.
            Exit if stream.from.is_some() => return None,
            Exit => ErrorCode::Unavailable,
            Failure => ErrorCode::ResponderFailed,
            Declined => ErrorCode::NoResponder,
            RespondersPageGone => ErrorCode::PageGone,
            Timeout => ErrorCode::Timeout,
            NoCredit => ErrorCode::QueueFull,
            BadPart => ErrorCode::InvalidPayload,
        };
        Some(Err(code))
    }

    /// What the responder is told, unless it knows.
    fn ending(self) -> Option<Ending> {
        match self {
            ConsumerLeaves | ConsumersPageGone | ConsumerRenews | Exit => Some(Ending::Cancelled),
            Timeout => Some(Ending::Timeout),
            Response | Failure | Declined | RespondersPageGone | NoCredit | BadPart => None,
        }
    }
}

#[test]
fn a_stream_ends_once_whatever_comes_first() {
    for (from, to) in PAIRS {
        for first in ENDS {
            for later in ENDS {
                let mut world = World::new();
                world.open("a");
                world.open("b");
                let mut stream = world.request(from, to).unwrap();
                if !first.fits(&stream) || !later.fits(&stream) {
                    continue;
                }
                let case = format!("{from:?} {to:?} {first:?} {later:?}");
                if let Some(label) = to {
                    world.pull(label);
                    assert_eq!(world.pages[label].received, [stream.id], "{case}");
                }
                world.send(&mut stream, "1").unwrap();
                world.send(&mut stream, "2").unwrap();
                assert_eq!(world.look(&mut stream, 1).end, None, "{case}");
                first.happen(&mut world, &mut stream);
                if first != Exit {
                    let seen = world.look(&mut stream, 99);
                    assert_eq!(seen.end, first.outcome(&stream), "{case}");
                    if first.outcome(&stream).is_some() {
                        let sent: Vec<String> =
                            (1..=stream.sent).map(|n| n.min(2).to_string()).collect();
                        assert_eq!(seen.parts.len(), sent.len(), "{case}");
                        assert_eq!(seen.parts[..2], sent[..2], "{case}");
                    }
                    let is_told = match to {
                        None => !world.told.cancelled.is_empty(),
                        Some(label) => {
                            world.pull(label);
                            let ending = first.ending();
                            let expected = ending.map(|ending| (stream.id, ending));
                            let told = &world.told.endings;
                            assert_eq!(*told, Vec::from_iter(expected), "{case}");
                            !told.is_empty()
                        }
                    };
                    assert_eq!(is_told, first.ending().is_some(), "{case}");
                }
                assert_eq!(world.hub.open_requests(), 0, "{case}");
                let told = world.told.clone();
                if !(first == RespondersPageGone || first == ConsumersPageGone || first == Exit) {
                    later.happen(&mut world, &mut stream);
                    let seen = world.look(&mut stream, 99);
                    if later != ConsumerRenews {
                        assert_eq!(seen.end, first.outcome(&stream), "{case}");
                    }
                    assert_eq!(told.cancelled, world.told.cancelled, "{case}");
                }
                world.check_empty(&[&stream]);
            }
        }
    }
}

#[test]
fn an_end_comes_behind_the_parts_before_it() {
    for (from, to) in PAIRS {
        let mut world = World::new();
        world.open("a");
        world.open("b");
        let mut stream = world.request(from, to).unwrap();
        for part in ["1", "2", "3"] {
            world.send(&mut stream, part).unwrap();
        }
        let error = Error::new(ErrorCode::ResponderFailed, "it failed");
        world.respond(&stream, Err(error));
        let seen = world.look(&mut stream, 99);
        assert_eq!(seen.parts, ["1", "2", "3"]);
        assert_eq!(seen.end, Some(Err(ErrorCode::ResponderFailed)));
        world.check_empty(&[&stream]);
    }
}

#[test]
fn parts_that_were_not_fetched_are_withdrawn() {
    let mut world = World::new();
    world.open("a");
    world.open("b");
    let mut stream = world.request(Some("b"), None).unwrap();
    let mut other = world.request(Some("b"), None).unwrap();
    world.send(&mut stream, "1").unwrap();
    world.send(&mut other, "2").unwrap();
    world.leave(&stream);
    world.pull("b");
    let page = &world.pages["b"];
    assert!(!page.seen.contains_key(&stream.number));
    assert_eq!(page.seen[&other.number].parts, ["2"]);
    world.leave(&other);
    world.check_empty(&[]);
}

#[test]
fn no_stream_is_sent_to_a_responder_of_requests() {
    let mut world = World::new();
    let key = world.open("a");
    // The name is taken, whatever it responds with.
    let (added, _) = world
        .hub
        .add_responder(key, name(), ResponderKind::Single, world.now);
    assert_eq!(added.unwrap_err().code(), ErrorCode::DuplicateResponder);
    let effects = world.hub.remove_responder(key, &name());
    world.apply_effects(effects);
    // One that waits for its page ends when the page registers the other kind.
    let mut waiting = world.request(None, Some("a")).unwrap();
    let (added, effects) = world
        .hub
        .add_responder(key, name(), ResponderKind::Single, world.now);
    added.unwrap();
    world.apply_effects(effects);
    let seen = world.look(&mut waiting, 1);
    assert_eq!(seen.end, Some(Err(ErrorCode::NoResponder)));
    let error = world.request(None, Some("a")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoResponder);
    assert!(error.message().contains("use request"), "{error}");
    world.check_empty(&[&waiting]);
}

#[test]
fn silence_ends_a_stream_that_has_credit() {
    for (from, to) in PAIRS {
        let mut world = World::new();
        world.open("a");
        world.open("b");
        let mut stream = world.request(from, to).unwrap();
        // Every part starts it anew.
        for _ in 0..4 {
            world.now += TIMEOUT - Duration::from_millis(1);
            world.send(&mut stream, "1").unwrap();
            world.pull_all();
            world.expire();
        }
        assert_eq!(world.hub.open_requests(), 1);
        // The responder waits for credit now, however long that takes.
        for _ in 0..3 {
            world.now += TIMEOUT;
            world.pull_all();
            world.expire();
        }
        assert_eq!(world.hub.open_requests(), 1, "{from:?} {to:?}");
        world.look(&mut stream, 4);
        world.now += TIMEOUT - Duration::from_millis(1);
        world.pull_all();
        world.expire();
        assert_eq!(world.hub.open_requests(), 1);
        world.now += Duration::from_millis(1);
        world.expire();
        let seen = world.look(&mut stream, 1);
        assert_eq!(seen.end, Some(Err(ErrorCode::Timeout)), "{from:?} {to:?}");
        assert_eq!(seen.parts.len(), 4);
        world.check_empty(&[&stream]);
    }
}

#[test]
fn a_stream_without_a_timeout_may_be_silent() {
    let mut world = World::new();
    world.open("a");
    let stream = world.request_with(None, Some("a"), CREDIT, None).unwrap();
    for _ in 0..100 {
        world.now += TIMEOUT;
        world.pull_all();
        world.expire();
    }
    assert_eq!(world.hub.open_requests(), 1);
    world.leave(&stream);
    world.check_empty(&[&stream]);
}
