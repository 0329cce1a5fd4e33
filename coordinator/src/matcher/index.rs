//! Descriptors in memory: rows in blocks that searches share with the index.
//!
//! A block is immutable while a search holds it: a writer then changes a copy (`Arc::make_mut`).
//! So a search sees one moment's state without holding any lock, and writers never wait for a
//! search; the price is the copy of one block for a write that meets a search.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use goshawk_coordinator_core::{
    candidates::{FaceFilters, FaceTraits},
    face::FaceRecord,
    matching::{Scored, Top},
};
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    id::{AccountId, FaceId, ListId},
    time::Timestamp,
};

/// Rows in a block: at 1024 values a row, 1 MiB.
const BLOCK_ROWS: usize = 256;
/// A list is searched member by member, rather than by scanning all, when it holds at most one
/// face in this many.
const SPARSE: usize = 4;

/// Everything known of one row except its values.
#[derive(Clone, Debug)]
struct Meta {
    face_id: FaceId,
    external_id: Box<str>,
    user_data: Box<str>,
    lists: Box<[ListId]>,
    create_time: Timestamp,
}

#[derive(Clone, Debug, Default)]
struct Block {
    /// Row by row, `dimension` values each.
    values: Vec<f32>,
    metas: Vec<Meta>,
}

/// The rows of one account and one model version.
#[derive(Debug)]
struct Shard {
    dimension: usize,
    blocks: Vec<Arc<Block>>,
    places: HashMap<FaceId, (u32, u32)>,
    lists: HashMap<ListId, HashSet<FaceId>>,
}

/// All rows.
#[derive(Debug, Default)]
pub struct Index {
    accounts: HashMap<AccountId, BTreeMap<DescriptorVersion, Shard>>,
}

impl Index {
    /// How many descriptors it holds.
    pub fn len(&self) -> usize {
        self.accounts
            .values()
            .flat_map(BTreeMap::values)
            .map(|shard| shard.places.len())
            .sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a face's descriptor in, replacing what was there of it.
    pub fn put(&mut self, face: &FaceRecord) {
        self.remove(face.account_id, face.face_id);
        let Some(descriptor) = &face.attributes.descriptor else {
            return;
        };
        let versions = self.accounts.entry(face.account_id).or_default();
        let shard = versions
            .entry(descriptor.version())
            .or_insert_with(|| Shard::new(descriptor.length()));
        if shard.dimension == descriptor.length() {
            shard.push(face, descriptor);
        } else {
            tracing::warn!(
                face_id = %face.face_id,
                length = descriptor.length(),
                expected = shard.dimension,
                "a descriptor of another length than its version's is not matched"
            );
        }
    }

    /// Forgets a face.
    pub fn remove(&mut self, account: AccountId, face: FaceId) {
        if let Some(versions) = self.accounts.get_mut(&account) {
            for shard in versions.values_mut() {
                shard.remove(face);
            }
        }
    }

    /// What a search has to look at; `None` where nothing can match.
    pub fn snapshot(
        &self,
        account: AccountId,
        query: &Descriptor,
        filters: &FaceFilters,
    ) -> Option<Snapshot> {
        let shard = self.accounts.get(&account)?.get(&query.version())?;
        if shard.dimension != query.length() || filters.account_id.is_some_and(|a| a != account) {
            return None;
        }
        Some(Snapshot {
            query: query.values().collect(),
            blocks: shard.blocks.clone(),
            chosen: shard.choose(filters),
        })
    }
}

impl Shard {
    fn new(dimension: usize) -> Self {
        Self {
            dimension,
            blocks: Vec::new(),
            places: HashMap::new(),
            lists: HashMap::new(),
        }
    }

    fn push(&mut self, face: &FaceRecord, descriptor: &Descriptor) {
        if self
            .blocks
            .last()
            .is_none_or(|block| block.metas.len() >= BLOCK_ROWS)
        {
            self.blocks.push(Arc::default());
        }
        let number = self.blocks.len() - 1;
        let block = Arc::make_mut(&mut self.blocks[number]);
        block.values.extend(descriptor.values());
        block.metas.push(Meta {
            face_id: face.face_id,
            external_id: face.external_id.as_str().into(),
            user_data: face.user_data.as_str().into(),
            lists: face.lists.as_slice().into(),
            create_time: face.create_time,
        });
        self.places
            .insert(face.face_id, (number as u32, block.metas.len() as u32 - 1));
        for list in &face.lists {
            self.lists.entry(*list).or_default().insert(face.face_id);
        }
    }

    /// Fills the gap with the very last row, so that blocks stay full but for the last.
    fn remove(&mut self, face: FaceId) {
        let Some((number, row)) = self.places.remove(&face) else {
            return;
        };
        let (number, row) = (number as usize, row as usize);
        let last = self.blocks.len() - 1;
        let tail = Arc::make_mut(&mut self.blocks[last]);
        let values = tail.values.split_off(tail.values.len() - self.dimension);
        let Some(meta) = tail.metas.pop() else { return };
        if tail.metas.is_empty() {
            self.blocks.pop();
        }
        let gone = if meta.face_id == face {
            meta
        } else {
            let block = Arc::make_mut(&mut self.blocks[number]);
            self.places
                .insert(meta.face_id, (number as u32, row as u32));
            block.values[row * self.dimension..(row + 1) * self.dimension].copy_from_slice(&values);
            std::mem::replace(&mut block.metas[row], meta)
        };
        for list in gone.lists.iter() {
            if let Some(members) = self.lists.get_mut(list) {
                members.remove(&face);
                if members.is_empty() {
                    self.lists.remove(list);
                }
            }
        }
    }

    /// The rows to look at, by block, where the filters name few; `None`: look at all.
    fn choose(&self, filters: &FaceFilters) -> Option<BTreeMap<usize, Vec<usize>>> {
        let mut chosen: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut add = |face: &FaceId| {
            if let Some((block, row)) = self.places.get(face) {
                chosen
                    .entry(*block as usize)
                    .or_default()
                    .push(*row as usize);
            }
        };
        if let Some(ids) = &filters.face_ids {
            ids.iter()
                .collect::<HashSet<_>>()
                .into_iter()
                .for_each(&mut add);
            return Some(chosen);
        }
        let Some(members) = self.lists.get(&filters.list_id?) else {
            return Some(chosen);
        };
        if members.len() > self.places.len() / SPARSE {
            return None;
        }
        members.iter().for_each(&mut add);
        Some(chosen)
    }
}

/// One moment's state, as far as a search has to look at it.
#[derive(Debug)]
pub struct Snapshot {
    query: Vec<f32>,
    blocks: Vec<Arc<Block>>,
    chosen: Option<BTreeMap<usize, Vec<usize>>>,
}

impl Snapshot {
    /// Numbers of the blocks to scan.
    pub fn blocks(&self) -> Vec<usize> {
        match &self.chosen {
            Some(chosen) => chosen.keys().copied().collect(),
            None => (0..self.blocks.len()).collect(),
        }
    }

    /// Scores the rows of one block that meet the filters.
    pub fn scan(&self, number: usize, filters: &FaceFilters, now: Timestamp, top: &mut Top) {
        let Some(block) = self.blocks.get(number) else {
            return;
        };
        let dimension = self.query.len();
        let mut look = |row: usize| {
            let (Some(meta), Some(values)) = (
                block.metas.get(row),
                block.values.get(row * dimension..(row + 1) * dimension),
            ) else {
                return;
            };
            if filters.accept(meta.traits(), now) {
                let cosine = dot(&self.query, values);
                top.offer(Scored {
                    face_id: meta.face_id,
                    cosine,
                    create_time: meta.create_time,
                });
            }
        };
        match self.chosen.as_ref().and_then(|chosen| chosen.get(&number)) {
            Some(rows) => rows.iter().copied().for_each(&mut look),
            None => (0..block.metas.len()).for_each(&mut look),
        }
    }
}

impl Meta {
    fn traits(&self) -> FaceTraits<'_> {
        FaceTraits {
            face_id: self.face_id,
            external_id: &self.external_id,
            user_data: &self.user_data,
            lists: &self.lists,
            create_time: self.create_time,
            event_id: None,
        }
    }
}

/// Scalar product. Sixteen sums side by side, so that the compiler can keep them in one or two
/// vector registers; the order of additions is fixed, so equal inputs give equal sums.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}
