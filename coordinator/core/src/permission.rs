//! What a token may do: actions on kinds of objects, tools, and by whose rules events are made
//! and people verified.
//!
//! A password stands for its account and may do everything the account may; a token carries a
//! [`Permissions`] of its own. [`wire`] reads and writes the published form.

pub mod rule;
mod schema;
pub mod set;
#[cfg(test)]
mod tests;
pub mod wire;

pub use rule::UseRule;
pub use set::{CustomName, Permissions};
pub use wire::FullPermissions;

/// What is done to objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Making new ones.
    Creation,
    /// Reading them.
    View,
    /// Changing or replacing them.
    Modification,
    /// Removing them.
    Deletion,
    /// Comparing with their descriptors.
    Matching,
}

impl Action {
    /// Every action, in the published order.
    pub const ALL: [Self; 5] = [
        Self::Creation,
        Self::View,
        Self::Modification,
        Self::Deletion,
        Self::Matching,
    ];

    /// The published name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::View => "view",
            Self::Modification => "modification",
            Self::Deletion => "deletion",
            Self::Matching => "matching",
        }
    }
}

/// A set of actions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Actions(u8);

impl Actions {
    /// No action.
    pub const NONE: Self = Self(0);
    /// Viewing only.
    pub const VIEW: Self = Self::of(&[Action::View]);
    /// Creation, view, modification and deletion.
    pub const USUAL: Self = Self::of(&[
        Action::Creation,
        Action::View,
        Action::Modification,
        Action::Deletion,
    ]);
    /// Creation, view and deletion: of what cannot be changed.
    pub const FIXED: Self = Self::of(&[Action::Creation, Action::View, Action::Deletion]);
    /// Every action.
    pub const ALL: Self = Self::USUAL.and(Action::Matching);

    /// The set of `actions`.
    pub const fn of(actions: &[Action]) -> Self {
        let (mut set, mut at) = (Self(0), 0);
        while at < actions.len() {
            set = set.and(actions[at]);
            at += 1;
        }
        set
    }

    /// The set with `action` in it.
    #[must_use]
    pub const fn and(self, action: Action) -> Self {
        Self(self.0 | 1 << action as u8)
    }

    /// Whether `action` is in it.
    pub fn contains(self, action: Action) -> bool {
        self.0 & 1 << action as u8 != 0
    }

    /// What is in it but not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn shared(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Its actions in the published order.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL
            .into_iter()
            .filter(move |action| self.contains(*action))
    }
}

impl std::fmt::Debug for Actions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Action::name))
            .finish()
    }
}

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $actions:expr, $what:literal;)*) => {
        /// Kinds of objects that permissions speak of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Resource {
            $($(#[$doc])* $name,)*
        }

        impl Resource {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// How many kinds there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The published name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What can be permitted for it.
            pub fn actions(self) -> Actions {
                match self { $(Self::$name => $actions),* }
            }

            /// What its objects are, for people.
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => $what),* }
            }
        }
    };
}

resources! {
    /// The account itself.
    Account = "account", Actions::VIEW, "accounts";
    /// Faces.
    Face = "face", Actions::ALL, "faces";
    /// Lists of faces.
    List = "list", Actions::USUAL, "lists";
    /// Events.
    Event = "event", Actions::of(&[Action::Creation, Action::View, Action::Matching]), "events";
    /// Temporary attributes.
    Attribute = "attribute", Actions::ALL, "temporary attributes";
    /// Handlers.
    Handler = "handler", Actions::USUAL, "handlers";
    /// Verifiers.
    Verifier = "verifier", Actions::USUAL, "verifiers";
    /// Tasks and their schedules.
    Task = "task", Actions::USUAL, "tasks";
    /// Warps of faces.
    FaceSample = "face_sample", Actions::FIXED, "face samples";
    /// Warps of bodies.
    BodySample = "body_sample", Actions::FIXED, "body samples";
    /// Source images.
    Image = "image", Actions::FIXED, "images";
    /// Files of users.
    Object = "object", Actions::FIXED, "user objects";
    /// Tokens.
    Token = "token", Actions::USUAL, "tokens";
    /// Lambdas.
    Lambda = "lambdas", Actions::USUAL, "lambdas";
    /// Video streams.
    VideoStream = "video_stream", Actions::USUAL, "video streams";
    /// Groups of video streams.
    VideoGroup = "video_group", Actions::USUAL, "groups of video streams";
    /// Video analytics.
    VideoAnalytic = "video_analytic", Actions::VIEW, "video analytics";
}

impl Resource {
    /// What a token may do unless its maker says otherwise.
    pub fn usual(self) -> Actions {
        match self {
            Self::Token => Actions::VIEW,
            _ => Actions::NONE,
        }
    }

    /// The kind of that published name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// Operations on pictures that keep nothing: each is permitted by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// Checks of portraits.
    Iso,
    /// Estimations from pictures.
    Sdk,
    /// Liveness of pictures.
    Liveness,
}

impl Tool {
    /// Every tool, in the published order.
    pub const ALL: [Self; 3] = [Self::Iso, Self::Sdk, Self::Liveness];

    /// The published name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iso => "iso",
            Self::Sdk => "sdk",
            Self::Liveness => "liveness",
        }
    }
}

/// Why a token may not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It lacks a permission.
    #[error("no permission for {action} of {resource}")]
    Permission {
        /// The kind of object, by its published name.
        resource: String,
        /// The action or tool, by its published name.
        action: &'static str,
    },
    /// It may not make events.
    #[error("events are not allowed")]
    Events,
    /// It may make events, not by this handler.
    #[error("the handler is not allowed")]
    Handler,
    /// It may not verify by this verifier, or not at all.
    #[error("the verifier is not allowed")]
    Verifier,
}
