//! Assignment: the set of pairs, no row and no column twice, with the largest sum of benefits.
//!
//! Candidate pairs are sparse in tracking, since most boxes do not touch. So the pairs are split
//! into connected components first, each of which is solved alone by shortest augmenting paths
//! with potentials (the main phase of Jonker and Volgenant, "A shortest augmenting path algorithm
//! for dense and sparse linear assignment problems", Computing 38, 1987), in O(rows² · columns).
//! The result is the optimum of the whole problem.

/// A row and a column that may be paired, and what the pair is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    pub row: usize,
    pub col: usize,
    /// Only positive, finite benefits count; others are ignored.
    pub benefit: f64,
}

/// The best pairs out of `candidates`, ordered by row. Ties go to the lower indices' order of
/// arrival, so equal input gives equal output.
pub(crate) fn assign(rows: usize, cols: usize, candidates: &[Pair]) -> Vec<(usize, usize)> {
    let usable: Vec<Pair> = candidates
        .iter()
        .copied()
        .filter(|p| p.benefit.is_finite() && p.benefit > 0.0)
        .collect();
    let mut result = Vec::new();
    for component in components(rows, cols, &usable) {
        solve(&component, &mut result);
    }
    result.sort_unstable();
    result
}

/// Groups pairs that share a row or a column, directly or through others.
fn components(rows: usize, cols: usize, pairs: &[Pair]) -> Vec<Vec<Pair>> {
    let mut parent: Vec<usize> = (0..rows + cols).collect();
    for pair in pairs {
        let (a, b) = (
            root(&mut parent, pair.row),
            root(&mut parent, rows + pair.col),
        );
        parent[a.max(b)] = a.min(b);
    }
    let mut index = vec![usize::MAX; rows + cols];
    let mut groups: Vec<Vec<Pair>> = Vec::new();
    for pair in pairs {
        let at = root(&mut parent, pair.row);
        if index[at] == usize::MAX {
            index[at] = groups.len();
            groups.push(Vec::new());
        }
        groups[index[at]].push(*pair);
    }
    groups
}

fn root(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}

fn solve(pairs: &[Pair], result: &mut Vec<(usize, usize)>) {
    if let [only] = pairs {
        result.push((only.row, only.col));
        return;
    }
    let mut rows: Vec<usize> = pairs.iter().map(|p| p.row).collect();
    let mut cols: Vec<usize> = pairs.iter().map(|p| p.col).collect();
    for side in [&mut rows, &mut cols] {
        side.sort_unstable();
        side.dedup();
    }
    let flipped = rows.len() > cols.len();
    let (short, long) = if flipped {
        (&cols, &rows)
    } else {
        (&rows, &cols)
    };
    // A pair that is no candidate costs 0, which means the same as leaving both alone.
    let mut cost = vec![0.0; short.len() * long.len()];
    for pair in pairs {
        let (a, b) = if flipped {
            (pair.col, pair.row)
        } else {
            (pair.row, pair.col)
        };
        if let (Ok(a), Ok(b)) = (short.binary_search(&a), long.binary_search(&b)) {
            let cell = &mut cost[a * long.len() + b];
            *cell = f64::min(*cell, -pair.benefit);
        }
    }
    for (a, b) in shortest_paths(&cost, short.len(), long.len())
        .into_iter()
        .enumerate()
    {
        if cost[a * long.len() + b] < 0.0 {
            result.push(if flipped {
                (long[b], short[a])
            } else {
                (short[a], long[b])
            });
        }
    }
}

/// The column of each row in a cheapest full assignment of a dense `rows` × `cols` matrix with
/// `rows <= cols`.
fn shortest_paths(cost: &[f64], rows: usize, cols: usize) -> Vec<usize> {
    // Index 0 of columns and rows is a sentinel, as is usual for this formulation.
    let mut row_potential = vec![0.0; rows + 1];
    let mut col_potential = vec![0.0; cols + 1];
    let mut row_of = vec![0; cols + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut previous = vec![0; cols + 1];
        let mut shortest = vec![f64::INFINITY; cols + 1];
        let mut done = vec![false; cols + 1];
        let mut col = 0;
        loop {
            done[col] = true;
            let from = row_of[col];
            let (mut step, mut next) = (f64::INFINITY, 0);
            for j in (1..=cols).filter(|j| !done[*j]) {
                let reduced =
                    cost[(from - 1) * cols + j - 1] - row_potential[from] - col_potential[j];
                if reduced < shortest[j] {
                    shortest[j] = reduced;
                    previous[j] = col;
                }
                if shortest[j] < step {
                    step = shortest[j];
                    next = j;
                }
            }
            for j in 0..=cols {
                if done[j] {
                    row_potential[row_of[j]] += step;
                    col_potential[j] -= step;
                } else {
                    shortest[j] -= step;
                }
            }
            col = next;
            if row_of[col] == 0 {
                break;
            }
        }
        while col != 0 {
            row_of[col] = row_of[previous[col]];
            col = previous[col];
        }
    }
    let mut result = vec![0; rows];
    for (col, row) in row_of
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, row)| **row > 0)
    {
        result[*row - 1] = col - 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Tries every matching.
    fn brute_force(row: usize, rows: usize, used: u32, table: &[Vec<f64>]) -> f64 {
        if row == rows {
            return 0.0;
        }
        let mut best = brute_force(row + 1, rows, used, table);
        for (col, benefit) in table[row].iter().enumerate() {
            if *benefit > 0.0 && used & (1 << col) == 0 {
                best = best.max(benefit + brute_force(row + 1, rows, used | (1 << col), table));
            }
        }
        best
    }

    proptest! {
        #[test]
        fn the_sum_is_the_best_there_is(
            table in (1usize..6, 1usize..6).prop_flat_map(|(rows, cols)| {
                prop::collection::vec(
                    prop::collection::vec(prop_oneof![Just(0.0), 0.01f64..1.0], cols),
                    rows,
                )
            })
        ) {
            let (rows, cols) = (table.len(), table[0].len());
            let pairs: Vec<Pair> = (0..rows)
                .flat_map(|row| (0..cols).map(move |col| (row, col)))
                .map(|(row, col)| Pair { row, col, benefit: table[row][col] })
                .collect();
            let picked = assign(rows, cols, &pairs);
            let sum: f64 = picked.iter().map(|(r, c)| table[*r][*c]).sum();
            prop_assert!((sum - brute_force(0, rows, 0, &table)).abs() < 1e-9);
            for side in [|p: &(usize, usize)| p.0, |p: &(usize, usize)| p.1] {
                let mut seen: Vec<usize> = picked.iter().map(side).collect();
                seen.sort_unstable();
                seen.dedup();
                prop_assert_eq!(seen.len(), picked.len());
            }
            prop_assert!(picked.iter().all(|(r, c)| table[*r][*c] > 0.0));
        }
    }

    #[test]
    fn useless_benefits_are_ignored() {
        let bad = [f64::NAN, f64::INFINITY, 0.0, -1.0];
        let pairs = bad.map(|benefit| Pair {
            row: 0,
            col: 0,
            benefit,
        });
        assert_eq!(assign(1, 1, &pairs), []);
        assert_eq!(assign(0, 0, &[]), []);
    }
}
