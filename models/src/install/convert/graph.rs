//! Reads the JSON of a TFJS graph model: nodes, their settings and the order to compute them in.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::Value;

use super::{error::ConvertError, weights::WeightGroup};

/// The most nodes a graph may have; the largest of the pack has 592.
const MAX_NODES: usize = 20_000;

/// A `model.json`. Keys that do not matter here are ignored: the document is not ours.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    model_topology: Topology,
    /// The weight files and what they hold.
    pub weights_manifest: Vec<WeightGroup>,
}

#[derive(Debug, Deserialize)]
struct Topology {
    node: Vec<Node>,
}

/// One TensorFlow operation.
#[derive(Debug, Deserialize)]
pub struct Node {
    /// Its unique name, which is also that of its first output.
    pub name: String,
    /// The operator.
    pub op: String,
    #[serde(default)]
    input: Vec<String>,
    #[serde(default, rename = "attr")]
    attributes: BTreeMap<String, Value>,
}

impl Node {
    /// The tensors read, without control dependencies.
    pub fn inputs(&self) -> impl Iterator<Item = String> + '_ {
        self.input
            .iter()
            .filter(|i| !i.starts_with('^'))
            .map(|i| tensor_name(i))
    }

    /// An error about this node.
    pub fn unsupported(&self, what: impl Into<String>) -> ConvertError {
        ConvertError::Unsupported {
            node: self.name.clone(),
            op: self.op.clone(),
            what: what.into(),
        }
    }

    fn part(&self, key: &str, part: &str) -> Option<&Value> {
        self.attributes.get(key)?.get(part)
    }

    /// A whole number.
    pub fn int(&self, key: &str) -> Option<i64> {
        self.part(key, "i").and_then(int)
    }

    /// A number.
    pub fn float(&self, key: &str) -> Option<f64> {
        self.part(key, "f")?.as_f64()
    }

    /// A flag; absent is false.
    pub fn flag(&self, key: &str) -> bool {
        self.part(key, "b")
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    /// A text; absent is empty.
    pub fn text(&self, key: &str) -> String {
        self.part(key, "s").and_then(text).unwrap_or_default()
    }

    /// Whole numbers; absent is none.
    pub fn ints(&self, key: &str) -> Vec<i64> {
        self.list(key, "i", int)
    }

    /// Texts; absent is none.
    pub fn texts(&self, key: &str) -> Vec<String> {
        self.list(key, "s", text)
    }

    fn list<T>(&self, key: &str, part: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
        let list = self
            .part(key, "list")
            .and_then(|l| l.get(part))
            .and_then(Value::as_array);
        list.into_iter().flatten().filter_map(read).collect()
    }

    /// An element type, as TensorFlow calls it (`DT_FLOAT`).
    pub fn element(&self, key: &str) -> Option<&str> {
        self.part(key, "type")?.as_str()
    }

    /// The lengths of a shape's axes, -1 for unknown ones.
    pub fn shape(&self, key: &str) -> Option<Vec<i64>> {
        let shape = self.part(key, "shape")?;
        let Some(dims) = shape.get("dim").and_then(Value::as_array) else {
            return Some(Vec::new());
        };
        dims.iter().map(|d| d.get("size").and_then(int)).collect()
    }
}

/// Protocol buffers in JSON write 64-bit numbers as texts.
fn int(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn text(value: &Value) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(value.as_str()?).ok()?).ok()
}

/// The tensor an input names: `node` for a first output, `node:k` for a later one.
pub fn tensor_name(input: &str) -> String {
    input.strip_suffix(":0").unwrap_or(input).to_owned()
}

/// The node that makes a tensor.
pub fn node_name(tensor: &str) -> &str {
    tensor
        .trim_start_matches('^')
        .split(':')
        .next()
        .unwrap_or(tensor)
}

/// The nodes by name.
#[derive(Debug)]
pub struct Graph {
    nodes: BTreeMap<String, Node>,
}

impl Graph {
    /// Takes the nodes out of a document.
    pub fn new(document: Document) -> Result<Self, ConvertError> {
        let nodes = document.model_topology.node;
        if nodes.len() > MAX_NODES {
            return Err(ConvertError::TooLarge {
                what: "nodes",
                found: nodes.len(),
                limit: MAX_NODES,
            });
        }
        Ok(Self {
            nodes: nodes.into_iter().map(|n| (n.name.clone(), n)).collect(),
        })
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// The nodes that `outputs` need, each after all that it reads. The order depends on the
    /// graph and `outputs` alone.
    pub fn order(&self, outputs: &[&str]) -> Result<Vec<&Node>, ConvertError> {
        let mut order = Vec::new();
        let mut state: BTreeMap<&str, State> = BTreeMap::new();
        for output in outputs {
            self.visit(output, &mut state, &mut order)?;
        }
        Ok(order)
    }

    /// Depth first, with a stack of our own: graphs may be deeper than a thread's stack.
    fn visit<'a>(
        &'a self,
        output: &str,
        state: &mut BTreeMap<&'a str, State>,
        order: &mut Vec<&'a Node>,
    ) -> Result<(), ConvertError> {
        let mut stack = vec![Step::Enter(self.find("the caller", output)?)];
        while let Some(step) = stack.pop() {
            match step {
                Step::Leave(node) => {
                    state.insert(&node.name, State::Done);
                    order.push(node);
                }
                Step::Enter(node) => match state.get(node.name.as_str()) {
                    Some(State::Done) => {}
                    Some(State::Open) => return Err(ConvertError::Cycle(node.name.clone())),
                    None => {
                        state.insert(&node.name, State::Open);
                        stack.push(Step::Leave(node));
                        for input in node.input.iter().rev() {
                            let input = self.find(&node.name, input)?;
                            if state.get(input.name.as_str()) != Some(&State::Done) {
                                stack.push(Step::Enter(input));
                            }
                        }
                    }
                },
            }
        }
        Ok(())
    }

    fn find(&self, reader: &str, tensor: &str) -> Result<&Node, ConvertError> {
        let missing = || ConvertError::Missing {
            node: reader.to_owned(),
            input: tensor.to_owned(),
        };
        self.nodes.get(node_name(tensor)).ok_or_else(missing)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
}

enum Step<'a> {
    Enter(&'a Node),
    Leave(&'a Node),
}
