//! An ordered map that keeps, for every subtree, the sum of its values' weights, and of which an
//! old image can be kept for the price of a pointer.
//!
//! Nodes are shared between images and copied when a shared one is about to change; a node with
//! one owner is changed in place. With weight 1 a value counts; with weight 0 it is there but not
//! counted; with its size the tree knows its bytes. Sums over a range of keys and the n-th unit of
//! weight are found in O(log n).
//!
//! Invariants (`check`): keys ascend strictly; all leaves have one depth; no node is empty or holds
//! more than [`FANOUT`] entries; a child's `low` is not above its keys and above all keys before
//! it; each recorded weight is the sum below it. A minimum fill is not promised: taking whole
//! subtrees off the front leaves thin nodes.

mod edit;
mod iter;
mod node;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use core::borrow::Borrow;

pub use iter::Iter;
use node::Node;

/// Entries in one node. Measured per put on 250,000 keys, 16 was best: larger nodes cost more to
/// copy when an image of the tree is kept.
pub const FANOUT: usize = 16;

/// What a value adds to the sums of the tree.
pub trait Weight {
    /// The weight; a function of the value alone.
    fn weight(&self) -> u64;
}

/// The map. A clone is an image that later changes do not touch.
#[derive(Debug)]
pub struct Tree<K, V> {
    root: Option<Arc<Node<K, V>>>,
}

impl<K, V> Clone for Tree<K, V> {
    fn clone(&self) -> Tree<K, V> {
        Tree { root: self.root.clone() }
    }
}

impl<K, V> Default for Tree<K, V> {
    fn default() -> Tree<K, V> {
        Tree { root: None }
    }
}

impl<K: Ord + Clone, V: Weight + Clone> Tree<K, V> {
    /// The weight of all values.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.root.as_ref().map_or(0, |root| root.weight())
    }

    /// Whether nothing is in it, counted or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The value of a key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let mut node = self.root.as_deref()?;
        loop {
            match node {
                Node::Inner(children) => node = &children[node::child_of(children, key)].node,
                Node::Leaf(entries) => {
                    let at = entries.binary_search_by(|(k, _)| k.borrow().cmp(key)).ok()?;
                    return Some(&entries[at].1);
                }
            }
        }
    }

    /// The entry with the greatest key that is not above `key`.
    #[must_use]
    pub fn floor<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        self.root.as_deref()?.floor(key)
    }

    /// The entry with the smallest key.
    #[must_use]
    pub fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The entry with the greatest key.
    #[must_use]
    pub fn last(&self) -> Option<(&K, &V)> {
        let mut node = self.root.as_deref()?;
        loop {
            match node {
                Node::Inner(children) => node = &children.last()?.node,
                Node::Leaf(entries) => return entries.last().map(|(k, v)| (k, v)),
            }
        }
    }

    /// The weight of all entries whose key is below `key`.
    #[must_use]
    pub fn weight_below<Q: Ord + ?Sized>(&self, key: &Q) -> u64
    where
        K: Borrow<Q>,
    {
        let mut below = 0;
        let mut next = self.root.as_deref();
        while let Some(node) = next {
            next = match node {
                Node::Inner(children) => {
                    let at = node::child_of(children, key);
                    below += children[..at].iter().map(|child| child.weight).sum::<u64>();
                    Some(&*children[at].node)
                }
                Node::Leaf(entries) => {
                    let at = entries.partition_point(|(k, _)| k.borrow() < key);
                    below += entries[..at].iter().map(|(_, v)| v.weight()).sum::<u64>();
                    None
                }
            };
        }
        below
    }

    /// The entry that holds the n-th unit of weight, counted from zero: with weights of 0 and 1,
    /// the n-th entry that counts.
    #[must_use]
    pub fn nth(&self, n: u64) -> Option<(&K, &V)> {
        let mut left = n;
        let mut node = self.root.as_deref().filter(|root| n < root.weight())?;
        loop {
            match node {
                Node::Inner(children) => {
                    let child = children.iter().find(|child| skip(&mut left, child.weight))?;
                    node = &child.node;
                }
                Node::Leaf(entries) => {
                    let found = entries.iter().find(|(_, v)| skip(&mut left, v.weight()))?;
                    return Some((&found.0, &found.1));
                }
            }
        }
    }

    /// All entries in key order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::all(self.root.as_deref())
    }

    /// The entries from `key` on, in key order.
    #[must_use]
    pub fn iter_from<Q: Ord + ?Sized>(&self, key: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        Iter::from(self.root.as_deref(), key)
    }

    /// Checks every invariant; O(n).
    pub fn check(&self) {
        if let Some(root) = &self.root {
            root.check(None, None);
        }
    }
}

/// Steps over `weight` units if `left` lies behind them; true when it lies within.
fn skip(left: &mut u64, weight: u64) -> bool {
    if *left < weight {
        return true;
    }
    *left -= weight;
    false
}
