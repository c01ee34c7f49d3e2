//! Changes of the counted tree: each copies the shared nodes on its path and no others.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;

use super::node::{Child, Node, child_of, insert_at, split_off};
use super::{FANOUT, Tree, Weight};

/// Below this, a node that lost an entry is joined with a neighbour that has room.
const THIN: usize = FANOUT / 4;

impl<K: Ord + Clone, V: Weight + Clone> Tree<K, V> {
    /// Sets the value of a key; gives the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Node::Leaf(alloc::vec![(key, value)])));
            return None;
        };
        let (old, right) = Arc::make_mut(root).insert(key, value);
        if let Some(right) = right {
            let left = child(root.clone());
            *root = Arc::new(Node::Inner(alloc::vec![left, right]));
        }
        old
    }

    /// Changes the value of a key in place. A key that is not there is left so and gives `None`,
    /// but its path is copied: whoever expects that asks `get` first.
    pub fn modify<Q: Ord + ?Sized, R>(
        &mut self,
        key: &Q,
        change: impl FnOnce(&mut V) -> R,
    ) -> Option<R>
    where
        K: Borrow<Q>,
    {
        let root = self.root.as_mut()?;
        Arc::make_mut(root).modify(key, change).map(|(result, _)| result)
    }

    /// Removes a key; gives its value. The path is copied also when the key is not there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let root = self.root.as_mut()?;
        let removed = Arc::make_mut(root).remove(key);
        self.settle_root();
        removed
    }

    /// Removes all keys up to and including `key`; whole subtrees go without being looked at.
    pub fn remove_through<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let Some(root) = self.root.as_mut() else { return };
        Arc::make_mut(root).remove_through(key);
        self.settle_root();
    }

    /// Drops an empty root and one with a single child.
    fn settle_root(&mut self) {
        while let Some(root) = &self.root {
            match &**root {
                node if node.len() == 0 => self.root = None,
                Node::Inner(children) if children.len() == 1 => {
                    self.root = Some(children[0].node.clone());
                }
                _ => return,
            }
        }
    }
}

fn child<K: Ord + Clone, V: Weight + Clone>(node: Arc<Node<K, V>>) -> Child<K, V> {
    Child { low: node.low().clone(), weight: node.weight(), node }
}

/// What an insertion leaves to the parent: the value replaced, and a new right neighbour.
type Inserted<K, V> = (Option<V>, Option<Child<K, V>>);

impl<K: Ord + Clone, V: Weight + Clone> Node<K, V> {
    fn insert(&mut self, key: K, value: V) -> Inserted<K, V> {
        match self {
            Node::Leaf(entries) => insert_into_leaf(entries, key, value),
            Node::Inner(children) => insert_below(children, key, value),
        }
    }

    /// The result of the change and by how much the weight grew, in wrapping arithmetic.
    fn modify<Q: Ord + ?Sized, R>(
        &mut self,
        key: &Q,
        change: impl FnOnce(&mut V) -> R,
    ) -> Option<(R, u64)>
    where
        K: Borrow<Q>,
    {
        match self {
            Node::Leaf(entries) => {
                let at = entries.binary_search_by(|(k, _)| k.borrow().cmp(key)).ok()?;
                let value = &mut entries[at].1;
                let before = value.weight();
                let result = change(value);
                Some((result, value.weight().wrapping_sub(before)))
            }
            Node::Inner(children) => {
                let at = child_of(children, key);
                let child = &mut children[at];
                let (result, grown) = Arc::make_mut(&mut child.node).modify(key, change)?;
                child.weight = child.weight.wrapping_add(grown);
                Some((result, grown))
            }
        }
    }

    fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        match self {
            Node::Leaf(entries) => {
                let at = entries.binary_search_by(|(k, _)| k.borrow().cmp(key)).ok()?;
                Some(entries.remove(at).1)
            }
            Node::Inner(children) => {
                let at = child_of(children, key);
                let child = &mut children[at];
                let removed = Arc::make_mut(&mut child.node).remove(key)?;
                child.weight -= removed.weight();
                thin_out(children, at);
                Some(removed)
            }
        }
    }

    fn remove_through<Q: Ord + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        match self {
            Node::Leaf(entries) => {
                let kept = entries.partition_point(|(k, _)| k.borrow() <= key);
                entries.drain(..kept);
            }
            Node::Inner(children) => {
                children.drain(..child_of(children, key));
                let first = &mut children[0];
                Arc::make_mut(&mut first.node).remove_through(key);
                first.weight = first.node.weight();
                if first.node.len() == 0 {
                    children.remove(0);
                }
            }
        }
    }
}

fn insert_into_leaf<K: Ord + Clone, V: Weight + Clone>(
    entries: &mut Vec<(K, V)>,
    key: K,
    value: V,
) -> Inserted<K, V> {
    let at = match entries.binary_search_by(|(k, _)| k.cmp(&key)) {
        Ok(at) => return (Some(core::mem::replace(&mut entries[at].1, value)), None),
        Err(at) => at,
    };
    insert_at(entries, at, (key, value));
    if entries.len() <= FANOUT {
        return (None, None);
    }
    let right = split_off(entries, at);
    (None, Some(child(Arc::new(Node::Leaf(right)))))
}

fn insert_below<K: Ord + Clone, V: Weight + Clone>(
    children: &mut Vec<Child<K, V>>,
    key: K,
    value: V,
) -> Inserted<K, V> {
    let at = child_of(children, &key);
    let weight = value.weight();
    let into = &mut children[at];
    if key < into.low {
        into.low = key.clone();
    }
    let (old, right) = Arc::make_mut(&mut into.node).insert(key, value);
    let replaced = old.as_ref().map_or(0, Weight::weight);
    into.weight = into.weight + weight - replaced;
    let Some(right) = right else { return (old, None) };
    into.weight -= right.weight;
    insert_at(children, at + 1, right);
    if children.len() <= FANOUT {
        return (old, None);
    }
    let right = split_off(children, at + 1);
    (old, Some(child(Arc::new(Node::Inner(right)))))
}

/// Removes an empty child, or joins a thin one with a neighbour if one node can hold both.
fn thin_out<K: Ord + Clone, V: Weight + Clone>(children: &mut Vec<Child<K, V>>, at: usize) {
    let len = children[at].node.len();
    if len == 0 {
        children.remove(at);
        return;
    }
    if len >= THIN {
        return;
    }
    let fits =
        |other: usize| children.get(other).is_some_and(|child| child.node.len() + len <= FANOUT);
    let left = match at.checked_sub(1).filter(|left| fits(*left)) {
        Some(left) => left,
        None if fits(at + 1) => at,
        None => return,
    };
    let right = children.remove(left + 1);
    let into = &mut children[left];
    into.weight += right.weight;
    match (Arc::make_mut(&mut into.node), &*right.node) {
        (Node::Leaf(entries), Node::Leaf(more)) => entries.extend_from_slice(more),
        (Node::Inner(nodes), Node::Inner(more)) => nodes.extend_from_slice(more),
        _ => panic!("neighbours differ in depth"),
    }
}
