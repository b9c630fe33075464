//! Circles of a graph, and which of their arrows to turn.

use std::collections::{BTreeMap, BTreeSet};

/// A graph whose arrows have weights.
pub(super) struct Graph<N> {
    weights: BTreeMap<(N, N), usize>,
}

/// Nodes that all lead to each other.
pub(super) struct Circle<N> {
    /// The nodes in a row in which little points backward.
    pub(super) row: Vec<N>,
    /// What does: without these arrows there is no circle.
    pub(super) backward: BTreeSet<(N, N)>,
}

impl<N: Copy + Ord> Graph<N> {
    pub(super) fn new(weights: BTreeMap<(N, N), usize>) -> Self {
        Graph { weights }
    }

    pub(super) fn circles(&self) -> Vec<Circle<N>> {
        let mut left: BTreeSet<N> = self.weights.keys().flat_map(|(from, to)| [*from, *to]).collect();
        let reached: BTreeMap<N, BTreeSet<N>> =
            left.iter().map(|node| (*node, self.reached(*node))).collect();
        let mut circles = Vec::new();
        while let Some(node) = left.pop_first() {
            let back = |other: &N| reached[&node].contains(other) && reached[other].contains(&node);
            let others: BTreeSet<N> = left.iter().copied().filter(back).collect();
            left.retain(|node| !others.contains(node));
            if !others.is_empty() {
                circles.push(self.circle([node].into_iter().chain(others).collect()));
            }
        }
        circles
    }

    fn reached(&self, start: N) -> BTreeSet<N> {
        let mut reached = BTreeSet::new();
        let mut next = vec![start];
        while let Some(node) = next.pop() {
            let new = self.weights.keys().filter(|(from, to)| *from == node && reached.insert(*to));
            next.extend(new.map(|(_, to)| *to));
        }
        reached
    }

    fn circle(&self, nodes: Vec<N>) -> Circle<N> {
        let row = self.row(nodes);
        let place = |node: &N| row.iter().position(|other| other == node);
        let points_backward =
            |(from, to): &&(N, N)| place(from).zip(place(to)).is_some_and(|(from, to)| from > to);
        let backward = self.weights.keys().filter(points_backward).copied().collect();
        Circle { row, backward }
    }

    /// The order of Eades, Lin and Smyth: what nothing leads out of goes last, what nothing leads into goes first, and
    /// between them goes first what has most going out for what comes in.
    fn row(&self, mut nodes: Vec<N>) -> Vec<N> {
        let (mut front, mut back) = (Vec::new(), Vec::new());
        while !nodes.is_empty() {
            let degrees: Vec<Degree> = nodes.iter().map(|node| self.degree(*node, &nodes)).collect();
            let last = degrees.iter().position(|degree| degree.out == 0);
            let first = degrees.iter().position(|degree| degree.into == 0);
            let rank = |at: &usize| {
                (degrees[*at].out.cast_signed() - degrees[*at].into.cast_signed(), nodes.len() - at)
            };
            let first = first.or((0..nodes.len()).max_by_key(rank)).unwrap_or_default();
            match last {
                Some(last) => back.push(nodes.remove(last)),
                None => front.push(nodes.remove(first)),
            }
        }
        front.extend(back.into_iter().rev());
        front
    }

    fn degree(&self, node: N, among: &[N]) -> Degree {
        let sum = |end: fn(&(N, N)) -> N, other: fn(&(N, N)) -> N| {
            let arrows =
                self.weights.iter().filter(|(arrow, _)| end(arrow) == node && among.contains(&other(arrow)));
            arrows.map(|(_, weight)| weight).sum()
        };
        Degree { out: sum(|arrow| arrow.0, |arrow| arrow.1), into: sum(|arrow| arrow.1, |arrow| arrow.0) }
    }
}

/// The weights of what leads out of a node and into it.
struct Degree {
    out: usize,
    into: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_lead_to_each_other_are_a_circle() {
        let check = |arrows: &[(u8, u8, usize)], expect: &[&str]| {
            let weights = arrows.iter().map(|(from, to, weight)| ((*from, *to), *weight)).collect();
            let circles = Graph::new(weights).circles();
            let found: Vec<String> =
                circles.iter().map(|circle| format!("{:?} {:?}", circle.row, circle.backward)).collect();
            assert_eq!(found, expect);
        };
        check(&[(1, 2, 1), (2, 3, 1), (1, 3, 1)], &[]);
        check(&[(1, 2, 5), (2, 1, 1)], &["[1, 2] {(2, 1)}"]);
        check(&[(1, 2, 1), (2, 1, 5)], &["[2, 1] {(1, 2)}"]);
        check(&[(1, 2, 3), (2, 3, 3), (3, 1, 1), (3, 4, 9), (0, 1, 9)], &["[1, 2, 3] {(3, 1)}"]);
        check(
            &[(1, 2, 2), (2, 1, 1), (3, 4, 2), (4, 3, 1), (2, 3, 1)],
            &["[1, 2] {(2, 1)}", "[3, 4] {(4, 3)}"],
        );
    }
}
