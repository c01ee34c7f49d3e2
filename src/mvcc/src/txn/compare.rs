//! The compares of a transaction.
//!
//! With a range every key of it must satisfy the compare. A missing key compares as all zero, but
//! a compare of values on no key never holds, not even "not equal": the wire cannot tell an empty
//! value from none. An unknown target compares as equal, an unknown result always holds, and a
//! value of another target than named counts as zero, all as in etcd.

use core::cmp::Ordering;

use proto::etcdserverpb::Compare;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};

use crate::backend::{BackendError, BackendSnapshot};
use crate::image::Image;
use crate::index::Mark;
use crate::interval::Interval;

impl<S: BackendSnapshot> Image<S> {
    /// Whether all compares hold now.
    pub(super) fn holds(&self, compares: &[Compare]) -> Result<bool, BackendError> {
        for compare in compares {
            if !self.compare_holds(compare)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn compare_holds(&self, compare: &Compare) -> Result<bool, BackendError> {
        let interval = Interval::new(&compare.key, &compare.range_end);
        let current = self.revision;
        if self.count(interval, current, current) == 0 {
            let absent = compare.target != CompareTarget::Value as i32;
            return Ok(absent && satisfies(compare, self.order(compare, None)?));
        }
        match interval {
            Interval::Key(key) => {
                let mark = self.index.get(key, current);
                Ok(satisfies(compare, self.order(compare, mark)?))
            }
            _ => {
                for (_, mark) in self.index.alive(interval, current) {
                    if !satisfies(compare, self.order(compare, Some(mark))?) {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// How the pair relates to the compare's value; only value and lease are read from the pair.
    fn order(&self, compare: &Compare, mark: Option<Mark>) -> Result<Ordering, BackendError> {
        let union = compare.target_union.as_ref();
        let of_mark = |field: fn(&Mark) -> i64| mark.as_ref().map_or(0, field);
        Ok(match CompareTarget::try_from(compare.target) {
            Ok(CompareTarget::Version) => of_mark(|mark| mark.version).cmp(&number(compare)),
            Ok(CompareTarget::Create) => of_mark(|mark| mark.created).cmp(&number(compare)),
            Ok(CompareTarget::Mod) => of_mark(|mark| mark.main).cmp(&number(compare)),
            Ok(CompareTarget::Lease) => {
                let lease = match mark {
                    Some(mark) => self.pair(mark)?.lease,
                    None => 0,
                };
                lease.cmp(&number(compare))
            }
            Ok(CompareTarget::Value) => {
                let wanted: &[u8] = match union {
                    Some(TargetUnion::Value(value)) => value,
                    _ => b"",
                };
                match mark {
                    Some(mark) => self.pair(mark)?.value[..].cmp(wanted),
                    None => b""[..].cmp(wanted),
                }
            }
            Err(_) => Ordering::Equal,
        })
    }
}

/// The number that the compare names for its target; zero when it names one for another.
fn number(compare: &Compare) -> i64 {
    match (CompareTarget::try_from(compare.target), compare.target_union.as_ref()) {
        (Ok(CompareTarget::Version), Some(TargetUnion::Version(number)))
        | (Ok(CompareTarget::Create), Some(TargetUnion::CreateRevision(number)))
        | (Ok(CompareTarget::Mod), Some(TargetUnion::ModRevision(number)))
        | (Ok(CompareTarget::Lease), Some(TargetUnion::Lease(number))) => *number,
        _ => 0,
    }
}

fn satisfies(compare: &Compare, order: Ordering) -> bool {
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => order.is_eq(),
        Ok(CompareResult::NotEqual) => order.is_ne(),
        Ok(CompareResult::Greater) => order.is_gt(),
        Ok(CompareResult::Less) => order.is_lt(),
        Err(_) => true,
    }
}
