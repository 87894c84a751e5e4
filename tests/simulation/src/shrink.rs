//! Finds fewer steps of a seed that fail as well.

use std::collections::BTreeSet;

use crate::run::{Options, run};

/// How many runs shrinking takes at most.
const MOST_RUNS: usize = 150;

/// The fewest steps found with which the seed still fails.
#[must_use]
pub fn shrink(seed: u64, options: &Options) -> BTreeSet<u64> {
    let mut left = MOST_RUNS;
    let mut fails = |steps: &BTreeSet<u64>| {
        if left == 0 {
            return false;
        }
        left -= 1;
        let options = Options {
            steps: Some(steps.clone()),
            ..options.clone()
        };
        !run(seed, &options).violations.is_empty()
    };
    let all = run(seed, options).steps;
    let chosen = options.steps.clone();
    let mut kept: BTreeSet<u64> = chosen.unwrap_or_else(|| (1..=all).collect());
    let mut size = kept.len().div_ceil(2);
    while size > 0 {
        let order: Vec<u64> = kept.iter().rev().copied().collect();
        // The last steps first: what comes after the failure is not needed.
        for chunk in order.chunks(size) {
            let mut fewer = kept.clone();
            fewer.retain(|step| !chunk.contains(step));
            if fails(&fewer) {
                kept = fewer;
            }
        }
        size /= 2;
    }
    kept
}

/// Steps as text: `1,4-9`.
#[must_use]
pub fn spell(steps: &BTreeSet<u64>) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for step in steps {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *step => *last = *step,
            _ => runs.push((*step, *step)),
        }
    }
    let spelled: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    spelled.join(",")
}

/// Reads what [`spell`] wrote.
///
/// # Errors
///
/// The text has another format.
pub fn read_steps(text: &str) -> Result<BTreeSet<u64>, String> {
    let wrong = |part: &str| {
        format!("the step {part:?} is neither a number nor two with a hyphen, as in 1,4-9")
    };
    let mut steps = BTreeSet::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong(part));
        steps.extend(number(first)?..=number(last)?);
    }
    Ok(steps)
}
