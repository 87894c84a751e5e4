/// What one owner, or all of them, take of shared room: a count and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

/// One limit of the shared room, with the words for an error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedLimit {
    pub(crate) limit: usize,
    /// What is counted.
    pub(crate) unit: &'static str,
    /// The configuration key of the limit.
    pub(crate) key: &'static str,
}

impl Quota {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    pub(crate) fn remove(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Checks that a page with this quota takes no more than it leaves free, so that others find room.
    ///
    /// Its first item is exempt, and so is a change that takes no more than `before`. `all` is the sum of all pages, this one
    /// included. `limits` are those of the count and of the bytes. The error is a part of a sentence.
    pub(crate) fn check_fairness(
        &self,
        before: Self,
        all: Self,
        limits: [SharedLimit; 2],
    ) -> Result<(), String> {
        let [count, bytes] = limits;
        count.check_share(before.count.max(1), self.count, all.count)?;
        bytes.check_share(before.bytes, self.bytes, all.bytes)
    }
}

impl SharedLimit {
    /// Checks that a page takes no more of one limit than it leaves free, or than was `granted`. `all` is the sum of all pages,
    /// this one included. The error is a part of a sentence.
    pub(crate) fn check_share(&self, granted: usize, own: usize, all: usize) -> Result<(), String> {
        let Self { limit, unit, key } = self;
        let free = limit.saturating_sub(all);
        if own > free.max(granted) {
            return Err(format!(
                "this page would take {own} {unit} and leave {free} of {limit} ({key}) free, and a page takes no more than it leaves free"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(count: usize, bytes: usize) -> Quota {
        Quota { count, bytes }
    }

    fn check(before: Quota, own: Quota, all: Quota) -> Result<(), String> {
        let shared = |limit, unit, key| SharedLimit { limit, unit, key };
        own.check_fairness(
            before,
            all,
            [shared(10, "jobs", "jobs"), shared(100, "bytes", "jobBytes")],
        )
    }

    #[test]
    fn a_page_leaves_as_much_as_it_takes() {
        assert_eq!(check(quota(4, 40), quota(5, 50), quota(5, 50)), Ok(()));
        assert_eq!(
            check(quota(5, 50), quota(6, 50), quota(6, 50)),
            Err("this page would take 6 jobs and leave 4 of 10 (jobs) free, and a page takes no more than it leaves free".into())
        );
        assert_eq!(
            check(quota(5, 50), quota(5, 51), quota(5, 51)),
            Err("this page would take 51 bytes and leave 49 of 100 (jobBytes) free, and a page takes no more than it leaves free".into())
        );
    }

    #[test]
    fn a_first_thing_and_what_grows_nothing_are_exempt() {
        assert_eq!(check(quota(0, 0), quota(1, 0), quota(10, 90)), Ok(()));
        assert_eq!(check(quota(7, 70), quota(7, 70), quota(9, 90)), Ok(()));
        assert!(check(quota(0, 0), quota(1, 11), quota(10, 90)).is_err());
    }

    #[test]
    fn what_is_removed_is_free_again() {
        let mut own = Quota::default();
        own.add(7);
        own.add(5);
        own.remove(7);
        assert_eq!(own, quota(1, 5));
        own.remove(5);
        assert!(own.is_empty() && own == Quota::default());
    }
}
