#[path = "../../../src/page/batch.rs"]
pub(crate) mod batch;
#[path = "../../../src/page/lease.rs"]
pub(crate) mod lease;
#[path = "../../../src/page/reply.rs"]
pub(crate) mod reply;
