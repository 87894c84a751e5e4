//! Listeners and streams in Rust.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use shuttle::future::{block_on, spawn};
use shuttle::rand::Rng;
use shuttle::thread;

use crate::api::listener::Listener;
use crate::api::stream::{EventStream, StreamItem};
use crate::check::check;
use crate::engine::listeners::call_listeners;
use crate::model::delivery::HostSubscription;
use crate::model::event::BusEvent;
use crate::runtime::BusRuntime;
use crate::world::{Notes, app, emit, pattern, try_emit};

fn emitter(runtime: &Arc<BusRuntime>, events: usize) -> thread::JoinHandle<()> {
    let runtime = Arc::clone(runtime);
    thread::spawn(move || {
        for _ in 0..events {
            // The app may be exiting.
            let _ = try_emit(&runtime, "x");
        }
    })
}

async fn next_seq(stream: &mut EventStream) -> Option<u64> {
    match stream.recv().await? {
        StreamItem::Event(event) => Some(event.seq()),
        StreamItem::Gap(gap) => panic!("{gap:?}"),
    }
}

pub fn a_stream_yields_every_event() {
    check(|| {
        let runtime = app();
        let mut stream = EventStream::new(&runtime.core, pattern("x"), HostSubscription::default());
        let emitters = [emitter(&runtime, 2), emitter(&runtime, 2)];
        let seqs: Vec<u64> = block_on(async {
            let mut seqs = Vec::new();
            while seqs.len() < 4 {
                seqs.extend(next_seq(&mut stream).await);
            }
            seqs
        });
        assert_eq!(seqs, [1, 2, 3, 4]);
        for emitter in emitters {
            emitter.join().unwrap();
        }
    });
}

/// The end wakes the stream, which yields every event that was accepted before.
pub fn a_stream_ends_with_the_app() {
    check(|| {
        let runtime = app();
        let mut stream = EventStream::new(&runtime.core, pattern("x"), HostSubscription::default());
        let accepted = Notes::new();
        let emitter = {
            let (runtime, accepted) = (Arc::clone(&runtime), accepted.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    if let Ok(receipt) = try_emit(&runtime, "x") {
                        accepted.add(receipt.seq);
                    }
                }
            })
        };
        let exit = Arc::clone(&runtime);
        let exit = thread::spawn(move || exit.shut_down());
        let received = block_on(async {
            let mut seqs = Vec::new();
            while let Some(seq) = next_seq(&mut stream).await {
                seqs.push(seq);
            }
            seqs
        });
        emitter.join().unwrap();
        exit.join().unwrap();
        assert_eq!(received, accepted.all());
    });
}

pub fn a_stream_may_be_dropped_at_any_time() {
    check(|| {
        let runtime = app();
        let mut stream = EventStream::new(&runtime.core, pattern("x"), HostSubscription::default());
        let emitter = emitter(&runtime, 2);
        let reader = spawn(async move {
            let _ = next_seq(&mut stream).await;
            drop(stream);
        });
        let reader_of_nothing =
            EventStream::new(&runtime.core, pattern("x"), HostSubscription::default());
        drop(reader_of_nothing);
        block_on(reader).unwrap();
        emitter.join().unwrap();
        assert_eq!(try_emit(&runtime, "x").unwrap().listeners, 0);
    });
}

/// A waker that emits when it is woken and when it is dropped, as that of a task with its own bus may.
struct Reentrant {
    runtime: Arc<BusRuntime>,
    was_woken: AtomicBool,
}

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        if !self.was_woken.swap(true, Ordering::SeqCst) {
            emit(&self.runtime, "woken");
        }
    }
}

impl Drop for Reentrant {
    fn drop(&mut self) {
        // Another panic would end the process.
        if !thread::panicking() {
            let _ = try_emit(&self.runtime, "dropped");
        }
    }
}

/// Foreign code runs without a lock, so a waker may emit without a deadlock.
pub fn a_waker_may_emit() {
    check(|| {
        let runtime = app();
        let key = runtime.core.hub().add_stream();
        let effects = runtime
            .core
            .hub()
            .listen(key, 0, pattern("x"), HostSubscription::default());
        runtime.core.apply_effects(effects);
        let emitters = [emitter(&runtime, 2), emitter(&runtime, 1)];
        let poll = || {
            let waker: Waker = Arc::new(Reentrant {
                runtime: Arc::clone(&runtime),
                was_woken: AtomicBool::new(false),
            })
            .into();
            runtime
                .core
                .poll_consumer(key, &mut Context::from_waker(&waker))
        };
        let mut received = 0;
        while received < 3 {
            match poll() {
                Poll::Ready(Some(_)) => received += 1,
                Poll::Ready(None) => panic!("the end"),
                Poll::Pending => thread::yield_now(),
            }
        }
        for emitter in emitters {
            emitter.join().unwrap();
        }
        runtime.core.remove_consumer(key);
    });
}

fn listen(runtime: &Arc<BusRuntime>, call: impl FnMut(u64) + Send + 'static) -> Listener {
    let mut call = call;
    let id = runtime
        .listeners
        .add(pattern("x"), HostSubscription::default(), |_| {
            move |event: BusEvent| call(event.seq())
        });
    Listener::new(Arc::downgrade(&runtime.listeners), id)
}

/// One task calls all listeners in the order of the events, while listeners come and go.
pub fn listeners_are_called_in_order() {
    check(|| {
        let runtime = app();
        let task = spawn(call_listeners(Arc::downgrade(&runtime.listeners)));
        let calls: Notes<(char, u64)> = Notes::new();
        let is_busy = Arc::new(AtomicBool::new(false));
        let note = |name: char| {
            let (calls, is_busy) = (calls.clone(), Arc::clone(&is_busy));
            move |seq| {
                // A panic would only be logged, so it goes into the notes.
                if is_busy.swap(true, Ordering::SeqCst) {
                    calls.add(('!', seq));
                }
                thread::yield_now();
                calls.add((name, seq));
                is_busy.store(false, Ordering::SeqCst);
            }
        };
        listen(&runtime, note('a')).forget();
        let emitters = [emitter(&runtime, 2), emitter(&runtime, 1)];
        let after_the_end = Notes::new();
        let guest = {
            let (runtime, note, calls) = (Arc::clone(&runtime), note('b'), calls.clone());
            let after_the_end = after_the_end.clone();
            thread::spawn(move || {
                let listener = listen(&runtime, note);
                thread::yield_now();
                drop(listener);
                let count = calls.all().iter().filter(|(name, _)| *name == 'b').count();
                after_the_end.add(count);
            })
        };
        for emitter in emitters {
            emitter.join().unwrap();
        }
        guest.join().unwrap();
        runtime.shut_down();
        block_on(task).unwrap();

        let all = calls.all();
        let of = |name: char| -> Vec<u64> {
            let own = all.iter().filter(|(caller, _)| *caller == name);
            own.map(|(_, seq)| *seq).collect()
        };
        assert_eq!(of('!'), [0; 0], "two calls at once");
        assert_eq!(of('a'), [1, 2, 3]);
        let of_b = of('b');
        assert!(of_b.is_sorted_by(|a, b| a < b), "{of_b:?}");
        // A call that has begun completes.
        assert!(of_b.len() <= after_the_end.all()[0] + 1, "{all:?}");
        assert!(all.is_sorted_by_key(|(_, seq)| *seq), "{all:?}");
    });
}

/// A listener emits, adds another one and ends itself, while others emit and listen.
pub fn a_listener_may_do_anything() {
    check(|| {
        let runtime = app();
        let task = spawn(call_listeners(Arc::downgrade(&runtime.listeners)));
        let calls: Notes<(char, u64)> = Notes::new();
        let own: Arc<std::sync::Mutex<Option<Listener>>> = Arc::default();
        let first = {
            let (runtime, calls, own) = (Arc::clone(&runtime), calls.clone(), Arc::clone(&own));
            listen(&runtime.clone(), move |seq| {
                calls.add(('a', seq));
                let _ = try_emit(&runtime, "y");
                let calls = calls.clone();
                listen(&runtime, move |seq| calls.add(('b', seq))).forget();
                // Taken out first, so that the lock of this test is not held either.
                let listener = own.lock().unwrap().take();
                drop(listener);
            })
        };
        *own.lock().unwrap() = Some(first);
        let emitters = [emitter(&runtime, 2), emitter(&runtime, 1)];
        let other = {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || drop(listen(&runtime, |_| ())))
        };
        for emitter in emitters {
            emitter.join().unwrap();
        }
        other.join().unwrap();
        runtime.shut_down();
        block_on(task).unwrap();
        let calls = calls.all();
        let of_a = calls.iter().filter(|(name, _)| *name == 'a').count();
        assert_eq!(of_a, 1, "{calls:?}");
        assert!(calls.is_sorted_by_key(|(_, seq)| *seq), "{calls:?}");
    });
}
