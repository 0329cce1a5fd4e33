//! Permissions in the published form: an object with a list of actions for each kind of objects.
//!
//! Reading fills what is left out with its default; writing always names everything, so that a
//! reader need not know the defaults.

use std::{collections::BTreeSet, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Unexpected, Visitor},
    ser::SerializeMap,
};

use super::{
    Action, Actions, Permissions, Resource, Tool,
    rule::{MAX_IDS, UseRule},
    set::{CustomName, MAX_CUSTOM},
};

/// Permissions are published in this order; the three that are no kind of objects stand after
/// those named here.
const AFTER: [(&str, Resource); 3] = [
    ("resources", Resource::Token),
    ("emit_events", Resource::Token),
    ("verify", Resource::Lambda),
];

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for kind in Resource::ALL {
            map.serialize_entry(kind.name(), &names(self.on(*kind)))?;
            for (name, _) in AFTER.iter().filter(|(_, before)| before == kind) {
                match *name {
                    "resources" => map.serialize_entry(name, &self.tool_names())?,
                    "emit_events" => map.serialize_entry(name, &self.emit_events)?,
                    _ => map.serialize_entry(name, &self.verify)?,
                }
            }
        }
        for (name, actions) in self.custom() {
            map.serialize_entry(name, &names(actions))?;
        }
        map.end()
    }
}

/// Permissions in an answer: the published form with every name in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FullPermissions(pub Permissions);

fn names(actions: Actions) -> Vec<&'static str> {
    actions.iter().map(Action::name).collect()
}

impl Permissions {
    fn tool_names(&self) -> Vec<&'static str> {
        let allowed = Tool::ALL
            .into_iter()
            .filter(|tool| self.allows_tool(*tool).is_ok());
        allowed.map(Tool::name).collect()
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Whole)
    }
}

struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Permissions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of permissions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Permissions, A::Error> {
        let (mut out, mut seen) = (Permissions::default(), BTreeSet::new());
        while let Some(name) = map.next_key::<String>()? {
            if let Some(kind) = Resource::from_name(&name) {
                let actions = map.next_value_seed(Choices::actions(kind.actions()))?;
                out.set(kind, Actions::of(&actions));
            } else {
                out.read_other(&name, &mut map)?;
            }
            if !seen.insert(name) {
                return Err(de::Error::custom("a permission is named twice"));
            }
        }
        Ok(out)
    }
}

impl Permissions {
    fn read_other<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "resources" => {
                for tool in map.next_value_seed(Choices::tools())? {
                    self.set_tool(tool, true);
                }
            }
            "emit_events" => self.emit_events = map.next_value()?,
            "verify" => self.verify = map.next_value()?,
            own => {
                let own = CustomName::new(own).ok_or_else(|| {
                    let form = "a known permission, or a name of 3 to 16 letters a to z and _";
                    de::Error::invalid_value(Unexpected::Other("this name"), &form)
                })?;
                let actions = map.next_value_seed(Choices::actions(Actions::USUAL))?;
                if !self.set_custom(own, Actions::of(&actions)) {
                    let text = format!("more than {MAX_CUSTOM} permissions of one's own");
                    return Err(de::Error::custom(text));
                }
            }
        }
        Ok(())
    }
}

/// A list whose items are among some named values.
struct Choices<T>(Vec<(&'static str, T)>);

impl Choices<Action> {
    fn actions(among: Actions) -> Self {
        Self(among.iter().map(|action| (action.name(), action)).collect())
    }
}

impl Choices<Tool> {
    fn tools() -> Self {
        Self(Tool::ALL.map(|tool| (tool.name(), tool)).to_vec())
    }
}

impl<T> Choices<T> {
    fn text(&self) -> String {
        let names: Vec<_> = self.0.iter().map(|(name, _)| *name).collect();
        format!("one of {}", names.join(", "))
    }
}

impl<'de, T: Copy> DeserializeSeed<'de> for Choices<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Copy> Visitor<'de> for Choices<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of values, each {}", self.text())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        // Repeated values count once; without that rule the list would have no bound.
        let mut found = vec![None; self.0.len()];
        while let Some(at) = seq.next_element_seed(Choice(&self))? {
            found[at] = Some(self.0[at].1);
        }
        Ok(found.into_iter().flatten().collect())
    }
}

/// One of the values, as its place.
struct Choice<'a, T>(&'a Choices<T>);

impl<'de, T> DeserializeSeed<'de> for Choice<'_, T> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T> Visitor<'_> for Choice<'_, T> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<usize, E> {
        let at = self.0.0.iter().position(|(name, _)| *name == text);
        at.ok_or_else(|| E::invalid_value(Unexpected::Other("value"), &self))
    }
}

/// A [`UseRule`] as published.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleForm<Id> {
    #[serde(default = "yes")]
    allowed: ZeroOrOne,
    #[serde(default = "no_list")]
    white_list: Option<Ids<Id>>,
    #[serde(default = "no_list")]
    black_list: Option<Ids<Id>>,
}

fn yes() -> ZeroOrOne {
    ZeroOrOne(true)
}

fn no_list<Id>() -> Option<Ids<Id>> {
    None
}

struct ZeroOrOne(bool);

impl Serialize for ZeroOrOne {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(u8::from(self.0))
    }
}

impl<'de> Deserialize<'de> for ZeroOrOne {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            0 => Ok(Self(false)),
            1 => Ok(Self(true)),
            _ => Err(de::Error::invalid_value(
                Unexpected::Other("number"),
                &"0 or 1",
            )),
        }
    }
}

/// 1 to [`MAX_IDS`] ids; those given twice count once.
#[derive(Serialize)]
#[serde(transparent)]
struct Ids<Id>(Vec<Id>);

impl<'de, Id: Deserialize<'de>> Deserialize<'de> for Ids<Id> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(IdList(PhantomData)).map(Self)
    }
}

struct IdList<Id>(PhantomData<Id>);

impl<'de, Id: Deserialize<'de>> Visitor<'de> for IdList<Id> {
    type Value = Vec<Id>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of 1 to {MAX_IDS} ids")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Id>, A::Error> {
        let mut ids = Vec::new();
        while let Some(id) = seq.next_element()? {
            if ids.len() == MAX_IDS {
                return Err(de::Error::invalid_length(MAX_IDS + 1, &self));
            }
            ids.push(id);
        }
        if ids.is_empty() {
            return Err(de::Error::invalid_length(0, &self));
        }
        Ok(ids)
    }
}

impl<Id: Ord + Clone + Serialize> Serialize for UseRule<Id> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list =
            |ids: &Option<BTreeSet<Id>>| ids.as_ref().map(|ids| Ids(ids.iter().cloned().collect()));
        let form = RuleForm {
            allowed: ZeroOrOne(self.allowed),
            white_list: list(&self.white_list),
            black_list: list(&self.black_list),
        };
        form.serialize(serializer)
    }
}

impl<'de, Id: Ord + Deserialize<'de>> Deserialize<'de> for UseRule<Id> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = RuleForm::deserialize(deserializer)?;
        let list = |ids: Option<Ids<Id>>| ids.map(|ids| ids.0.into_iter().collect());
        Ok(Self {
            allowed: form.allowed.0,
            white_list: list(form.white_list),
            black_list: list(form.black_list),
        })
    }
}
