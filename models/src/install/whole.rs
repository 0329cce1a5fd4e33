//! Whether a model is one whole file: ONNX allows tensors to lie in files beside it, which no
//! checksum in a manifest would cover and whose paths the model's author chooses.

use prost::Message;

/// The part of `onnx.proto3` that says where tensors are; everything else is passed over.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Tensor>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

/// A constant, or the body of a branch or a loop.
#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(message, optional, tag = "5")]
    tensor: Option<Tensor>,
    #[prost(message, optional, tag = "6")]
    graph: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(string, tag = "8")]
    name: String,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<Entry>,
    /// 1 where the values are elsewhere.
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// A tensor that is not in the model's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elsewhere {
    /// Its name.
    pub(super) tensor: String,
    /// The file that the model names.
    pub(super) file: String,
}

/// The first tensor of a model that lies in another file. Bytes that are no model have none: what
/// is wrong with them is for the runtime to say.
pub(super) fn elsewhere(model: &[u8]) -> Option<Elsewhere> {
    Model::decode(model).ok()?.graph?.elsewhere()
}

impl Graph {
    fn elsewhere(&self) -> Option<Elsewhere> {
        let attributes = || self.node.iter().flat_map(|node| &node.attribute);
        let constants = attributes().filter_map(|attribute| attribute.tensor.as_ref());
        let mut tensors = self.initializer.iter().chain(constants);
        tensors.find_map(Tensor::elsewhere).or_else(|| {
            let mut bodies = attributes().filter_map(|attribute| attribute.graph.as_ref());
            bodies.find_map(Graph::elsewhere)
        })
    }
}

impl Tensor {
    fn elsewhere(&self) -> Option<Elsewhere> {
        let place = self.external_data.iter().find(|e| e.key == "location");
        (self.data_location == 1 || place.is_some()).then(|| Elsewhere {
            tensor: self.name.clone(),
            file: place.map(|e| e.value.clone()).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside(file: &str) -> Tensor {
        Tensor {
            name: "weights".to_owned(),
            external_data: vec![Entry {
                key: "location".to_owned(),
                value: file.to_owned(),
            }],
            data_location: 1,
        }
    }

    fn model(graph: Graph) -> Vec<u8> {
        Model { graph: Some(graph) }.encode_to_vec()
    }

    #[test]
    fn tensors_elsewhere_are_found_wherever_they_are_named() {
        let found = |graph| elsewhere(&model(graph)).map(|e| e.file);
        assert_eq!(found(Graph::default()), None);
        let weights = Graph {
            initializer: vec![Tensor::default(), outside("../../etc/passwd")],
            ..Graph::default()
        };
        assert_eq!(found(weights.clone()).as_deref(), Some("../../etc/passwd"));
        let within = |attribute| Graph {
            node: vec![Node {
                attribute: vec![Attribute::default(), attribute],
            }],
            ..Graph::default()
        };
        let constant = within(Attribute {
            tensor: Some(outside("a.bin")),
            graph: None,
        });
        assert_eq!(found(constant).as_deref(), Some("a.bin"));
        let branch = within(Attribute {
            tensor: None,
            graph: Some(weights),
        });
        assert_eq!(found(branch).as_deref(), Some("../../etc/passwd"));
    }

    #[test]
    fn what_is_no_model_has_none() {
        for bytes in [&b""[..], b"\xff\xff\xff", b"not a network"] {
            assert_eq!(elsewhere(bytes), None);
        }
    }
}
