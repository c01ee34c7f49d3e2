//! Iteration over the counted tree in key order.

use alloc::vec::Vec;
use core::borrow::Borrow;

use super::node::{Node, child_of};

/// Entries in key order.
#[derive(Debug)]
pub struct Iter<'a, K, V> {
    /// Nodes from the root to a leaf, each with the position that comes next.
    path: Vec<(&'a Node<K, V>, usize)>,
}

impl<'a, K: Ord, V> Iter<'a, K, V> {
    pub(super) fn all(root: Option<&'a Node<K, V>>) -> Iter<'a, K, V> {
        let mut iter = Iter { path: Vec::new() };
        if let Some(root) = root {
            iter.descend(root);
        }
        iter
    }

    pub(super) fn from<Q: Ord + ?Sized>(root: Option<&'a Node<K, V>>, key: &Q) -> Iter<'a, K, V>
    where
        K: Borrow<Q>,
    {
        let mut iter = Iter { path: Vec::new() };
        let mut next = root;
        while let Some(node) = next {
            next = match node {
                Node::Inner(children) => {
                    let at = child_of(children, key);
                    iter.path.push((node, at + 1));
                    Some(&*children[at].node)
                }
                Node::Leaf(entries) => {
                    iter.path.push((node, entries.partition_point(|(k, _)| k.borrow() < key)));
                    None
                }
            };
        }
        iter
    }

    /// Goes to the first entry below `node`.
    fn descend(&mut self, node: &'a Node<K, V>) {
        let mut node = node;
        while let Node::Inner(children) = node {
            self.path.push((node, 1));
            node = &children[0].node;
        }
        self.path.push((node, 0));
    }
}

impl<'a, K: Ord, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<(&'a K, &'a V)> {
        loop {
            let (node, at) = self.path.last_mut()?;
            let position = *at;
            *at += 1;
            match *node {
                Node::Leaf(entries) => {
                    if let Some((key, value)) = entries.get(position) {
                        return Some((key, value));
                    }
                    self.path.pop();
                }
                Node::Inner(children) => match children.get(position) {
                    Some(child) => self.descend(&child.node),
                    None => {
                        self.path.pop();
                    }
                },
            }
        }
    }
}
