//! Whose rules may be used: all, those of a white list, or those not on a black list.

use std::collections::BTreeSet;

/// Most ids on one list.
pub const MAX_IDS: usize = 100;

/// Which handlers or verifiers may be used. An id on both lists may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseRule<Id: Ord> {
    /// Whether any may be.
    pub allowed: bool,
    /// If given, only these may be.
    pub white_list: Option<BTreeSet<Id>>,
    /// If given, these may not be.
    pub black_list: Option<BTreeSet<Id>>,
}

impl<Id: Ord> Default for UseRule<Id> {
    /// All may be used.
    fn default() -> Self {
        Self {
            allowed: true,
            white_list: None,
            black_list: None,
        }
    }
}

impl<Id: Ord> UseRule<Id> {
    /// Whether `id` may be used.
    pub fn allows(&self, id: &Id) -> bool {
        self.allowed && self.listed(id)
    }

    /// Whether everything that this rule allows, `other` allows as well.
    pub fn within(&self, other: &Self) -> bool {
        if !self.allowed {
            return true;
        }
        if let Some(white) = &self.white_list {
            return white.iter().all(|id| !self.listed(id) || other.allows(id));
        }
        // This rule allows all ids but some, so the other must as well, and no more exceptions.
        let mut exceptions = other.black_list.iter().flatten();
        other.allowed && other.white_list.is_none() && exceptions.all(|id| !self.listed(id))
    }

    fn listed(&self, id: &Id) -> bool {
        let on = |list: &Option<BTreeSet<Id>>| list.as_ref().map(|list| list.contains(id));
        on(&self.white_list).unwrap_or(true) && !on(&self.black_list).unwrap_or(false)
    }
}
