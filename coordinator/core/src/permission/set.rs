//! All that one token may do.

use std::collections::BTreeMap;

use goshawk_proto::id::{HandlerId, VerifierId};

use super::{Action, Actions, Denied, Resource, Tool, UseRule};

/// Most permissions under names of the user's own.
pub const MAX_CUSTOM: usize = 64;

/// The name of a permission that this program does not know: 3 to 16 lower-case letters and
/// underscores. Programs beside this one read it off the token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomName(String);

impl CustomName {
    /// `None` when the text is no such name, or is the name of something known.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
        let known = Resource::from_name(text).is_some()
            || matches!(text, "resources" | "emit_events" | "verify");
        let fits = (3..=16).contains(&text.len()) && text.bytes().all(plain) && !known;
        fits.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a token may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    objects: [Actions; Resource::COUNT],
    tools: [bool; Tool::ALL.len()],
    /// By which handlers events may be made.
    pub emit_events: UseRule<HandlerId>,
    /// By which verifiers people may be verified.
    pub verify: UseRule<VerifierId>,
    custom: BTreeMap<CustomName, Actions>,
}

impl Default for Permissions {
    /// What a token may do whose maker names nothing: view tokens, make events, verify.
    fn default() -> Self {
        let mut objects = [Actions::NONE; Resource::COUNT];
        for kind in Resource::ALL {
            objects[*kind as usize] = kind.usual();
        }
        Self {
            objects,
            tools: [false; Tool::ALL.len()],
            emit_events: UseRule::default(),
            verify: UseRule::default(),
            custom: BTreeMap::new(),
        }
    }
}

impl Permissions {
    /// Everything that is known here; nothing under names of the user's own.
    pub fn all() -> Self {
        let mut all = Self::default();
        for kind in Resource::ALL {
            all.objects[*kind as usize] = kind.actions();
        }
        all.tools = [true; Tool::ALL.len()];
        all
    }

    /// Everything that is known here, and what these have under names of the user's own.
    #[must_use]
    pub fn widened(self) -> Self {
        Self {
            custom: self.custom,
            ..Self::all()
        }
    }

    /// What may be done to a kind of objects.
    pub fn on(&self, kind: Resource) -> Actions {
        self.objects[kind as usize]
    }

    /// Sets what may be done to a kind of objects; what cannot be permitted for it is left out.
    pub fn set(&mut self, kind: Resource, actions: Actions) {
        self.objects[kind as usize] = actions.shared(kind.actions());
    }

    /// Sets whether a tool may be used.
    pub fn set_tool(&mut self, tool: Tool, allowed: bool) {
        self.tools[tool as usize] = allowed;
    }

    /// What is permitted under names of the user's own.
    pub fn custom(&self) -> impl Iterator<Item = (&str, Actions)> {
        self.custom
            .iter()
            .map(|(name, actions)| (name.as_str(), *actions))
    }

    /// Permits something under a name of the user's own. `false`, and nothing is changed, when
    /// there are [`MAX_CUSTOM`] already.
    pub fn set_custom(&mut self, name: CustomName, actions: Actions) -> bool {
        let room = self.custom.len() < MAX_CUSTOM || self.custom.contains_key(&name);
        if room {
            self.custom.insert(name, actions.shared(Actions::USUAL));
        }
        room
    }

    /// Whether `action` on objects of a kind is permitted.
    pub fn allows(&self, kind: Resource, action: Action) -> Result<(), Denied> {
        let permitted = self.on(kind).contains(action);
        denied_unless(permitted, kind.name(), action.name())
    }

    /// Whether a tool may be used.
    pub fn allows_tool(&self, tool: Tool) -> Result<(), Denied> {
        denied_unless(self.tools[tool as usize], "resources", tool.name())
    }

    /// Whether events may be made by this handler.
    pub fn allows_events(&self, handler: HandlerId) -> Result<(), Denied> {
        if !self.emit_events.allowed {
            return Err(Denied::Events);
        }
        let fits = self.emit_events.allows(&handler);
        fits.then_some(()).ok_or(Denied::Handler)
    }

    /// Whether people may be verified by this verifier.
    pub fn allows_verification(&self, verifier: VerifierId) -> Result<(), Denied> {
        let fits = self.verify.allows(&verifier);
        fits.then_some(()).ok_or(Denied::Verifier)
    }

    /// Whether all of these are among `others`; if not, the first that is not.
    pub fn within(&self, others: &Self) -> Result<(), Denied> {
        for kind in Resource::ALL {
            if let Some(action) = self.on(*kind).without(others.on(*kind)).iter().next() {
                return denied_unless(false, kind.name(), action.name());
            }
        }
        for tool in Tool::ALL {
            let more = self.tools[tool as usize] && !others.tools[tool as usize];
            denied_unless(!more, "resources", tool.name())?;
        }
        if !self.emit_events.within(&others.emit_events) {
            return Err(Denied::Handler);
        }
        if !self.verify.within(&others.verify) {
            return Err(Denied::Verifier);
        }
        for (name, actions) in &self.custom {
            let have = others.custom.get(name).copied().unwrap_or_default();
            if let Some(action) = actions.without(have).iter().next() {
                return denied_unless(false, name.as_str(), action.name());
            }
        }
        Ok(())
    }
}

fn denied_unless(permitted: bool, resource: &str, action: &'static str) -> Result<(), Denied> {
    if permitted {
        return Ok(());
    }
    Err(Denied::Permission {
        resource: resource.to_owned(),
        action,
    })
}
