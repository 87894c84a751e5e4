//! What happened in a run, line by line.

use crate::sync;

#[derive(Debug, Default)]
pub(crate) struct History {
    text: String,
    step: u64,
    /// Whether each line is printed at once, so that a run that never ends shows how far it came.
    pub(crate) is_printed: bool,
}

impl History {
    pub(crate) fn begin_step(&mut self, step: u64) {
        self.step = step;
    }

    pub(crate) fn add(&mut self, line: String) {
        let millis = sync::passed().as_secs_f64() * 1000.0;
        let line = format!("{:>4} {millis:>10.3} {line}\n", self.step);
        if self.is_printed {
            print!("{line}");
        }
        self.text.push_str(&line);
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}
