#[path = "../../../src/periodic/job.rs"]
pub(crate) mod job;
#[path = "../../../src/periodic/schedule.rs"]
pub(crate) mod schedule;
