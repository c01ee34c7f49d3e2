//! Nodes of the counted tree, and what is true of one alone.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;

use super::{FANOUT, Weight};

/// How far a full vector grows at a time: small steps keep the unused rest of a node small.
const GROWTH: usize = 4;

/// A node; never empty.
#[derive(Debug)]
pub(super) enum Node<K, V> {
    /// Keys with their values.
    Leaf(Vec<(K, V)>),
    /// Subtrees in key order.
    Inner(Vec<Child<K, V>>),
}

/// A subtree as its parent sees it.
#[derive(Debug)]
pub(super) struct Child<K, V> {
    /// Not above any key of the subtree, above all keys of the subtrees before it.
    pub(super) low: K,
    /// The weight of the subtree.
    pub(super) weight: u64,
    /// The subtree.
    pub(super) node: Arc<Node<K, V>>,
}

impl<K: Clone, V> Clone for Child<K, V> {
    fn clone(&self) -> Child<K, V> {
        Child { low: self.low.clone(), weight: self.weight, node: self.node.clone() }
    }
}

impl<K: Clone, V: Clone> Clone for Node<K, V> {
    /// The copy has room for what made it necessary.
    fn clone(&self) -> Node<K, V> {
        match self {
            Node::Leaf(entries) => Node::Leaf(copy(entries)),
            Node::Inner(children) => Node::Inner(copy(children)),
        }
    }
}

fn copy<T: Clone>(from: &[T]) -> Vec<T> {
    let mut to = Vec::with_capacity(from.len().next_multiple_of(GROWTH));
    to.extend_from_slice(from);
    to
}

/// Inserts into a vector that grows in small steps.
pub(super) fn insert_at<T>(items: &mut Vec<T>, at: usize, item: T) {
    if items.len() == items.capacity() {
        items.reserve_exact(GROWTH);
    }
    items.insert(at, item);
}

/// Splits a vector that holds one more than it may. One that grew at its end keeps all but that
/// last item, so that ascending keys fill their nodes.
pub(super) fn split_off<T>(items: &mut Vec<T>, grew_at: usize) -> Vec<T> {
    assert_eq!(items.len(), FANOUT + 1, "a node of {} entries is split", items.len());
    let middle = if grew_at == FANOUT { FANOUT } else { FANOUT / 2 };
    let mut right = Vec::with_capacity((items.len() - middle).next_multiple_of(GROWTH));
    right.extend(items.drain(middle..));
    items.shrink_to(middle.next_multiple_of(GROWTH));
    right
}

/// The child whose range contains `key`; the first one when it is below all.
pub(super) fn child_of<K, V, Q>(children: &[Child<K, V>], key: &Q) -> usize
where
    K: Borrow<Q>,
    Q: Ord + ?Sized,
{
    children.partition_point(|child| child.low.borrow() <= key).saturating_sub(1)
}

impl<K: Ord + Clone, V: Weight + Clone> Node<K, V> {
    pub(super) fn weight(&self) -> u64 {
        match self {
            Node::Leaf(entries) => entries.iter().map(|(_, value)| value.weight()).sum(),
            Node::Inner(children) => children.iter().map(|child| child.weight).sum(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Node::Leaf(entries) => entries.len(),
            Node::Inner(children) => children.len(),
        }
    }

    /// A key that bounds this node's from below.
    pub(super) fn low(&self) -> &K {
        match self {
            Node::Leaf(entries) => &entries.first().expect("no node is empty").0,
            Node::Inner(children) => &children.first().expect("no node is empty").low,
        }
    }

    pub(super) fn floor<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        match self {
            Node::Leaf(entries) => {
                let at = entries.partition_point(|(k, _)| k.borrow() <= key);
                at.checked_sub(1).map(|at| (&entries[at].0, &entries[at].1))
            }
            Node::Inner(children) => {
                // A child's bound may lie below its first key, and `key` between the two: then the
                // answer is in the child before it.
                let at = child_of(children, key);
                children[..=at].iter().rev().find_map(|child| child.node.floor(key))
            }
        }
    }

    /// Checks the subtree against the bounds that its parent has for it; gives its depth.
    pub(super) fn check(&self, low: Option<&K>, high: Option<&K>) -> usize {
        let len = self.len();
        assert!((1..=FANOUT).contains(&len), "a node has {len} entries");
        match self {
            Node::Leaf(entries) => {
                assert!(entries.windows(2).all(|pair| pair[0].0 < pair[1].0), "keys do not ascend");
                assert!(low.is_none_or(|low| *low <= entries[0].0), "a key is below its bound");
                let last = &entries[len - 1].0;
                assert!(high.is_none_or(|high| last < high), "a key is above its bound");
                0
            }
            Node::Inner(children) => {
                let mut depth = None;
                for (at, child) in children.iter().enumerate() {
                    assert_eq!(child.weight, child.node.weight(), "a child's weight is wrong");
                    assert!(at == 0 || low.is_none_or(|low| *low <= child.low), "bounds cross");
                    let next = children.get(at + 1).map(|next| &next.low);
                    assert!(next.is_none_or(|next| child.low < *next), "bounds do not ascend");
                    let below = child.node.check(Some(&child.low), next.or(high));
                    assert!(depth.is_none_or(|depth| depth == below), "leaves differ in depth");
                    depth = Some(below);
                }
                1 + depth.expect("a node has at least one child")
            }
        }
    }
}
