//! The kinds of calls, which are limited apart so that none shuts out the others.

use prost::Message as _;
use prost_types::FileDescriptorSet;
use std::collections::HashMap;
use std::sync::Arc;

/// What sort of call a method is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Health and reflection, which answer under any load.
    Free,
    /// One request, one answer.
    Call,
    /// The same, of a scheduled task.
    Task,
    /// A stream of requests.
    Upload,
    /// One request, a stream of answers without an end: an open page.
    Page,
}

/// The kind of every method, by its path; read from the protocol, so that a new method cannot be
/// forgotten.
#[derive(Clone, Debug)]
pub(super) struct Kinds(Arc<HashMap<String, Kind>>);

impl Kinds {
    /// Of the methods of these descriptors.
    pub(super) fn new(descriptors: &[u8]) -> Result<Self, prost::DecodeError> {
        let mut kinds = HashMap::new();
        for file in FileDescriptorSet::decode(descriptors)?.file {
            for service in &file.service {
                for method in &service.method {
                    let kind = match (method.client_streaming(), method.server_streaming()) {
                        (true, _) => Kind::Upload,
                        (false, true) => Kind::Page,
                        (false, false) if service.name() == "TaskService" => Kind::Task,
                        (false, false) => continue,
                    };
                    kinds.insert(format!("/{}.{}/{}", file.package(), service.name(), method.name()), kind);
                }
            }
        }
        Ok(Self(Arc::new(kinds)))
    }

    /// The kind of the method at a path.
    pub(super) fn of(&self, path: &str) -> Kind {
        if path.starts_with("/grpc.") {
            return Kind::Free;
        }
        self.0.get(path).copied().unwrap_or(Kind::Call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::pb::DESCRIPTORS;

    #[test]
    fn the_protocol_says_what_kind_a_call_is() {
        let kinds = Kinds::new(DESCRIPTORS).unwrap();
        assert_eq!(kinds.of("/etutor.v1.ImportService/Import"), Kind::Upload);
        assert_eq!(kinds.of("/etutor.v1.OpeningService/WatchOpenings"), Kind::Page);
        assert_eq!(kinds.of("/etutor.v1.OpeningService/ListOpenings"), Kind::Call);
        assert_eq!(kinds.of("/etutor.v1.TaskService/SendSms"), Kind::Task);
        assert_eq!(kinds.of("/grpc.health.v1.Health/Watch"), Kind::Free);
        assert_eq!(kinds.of("/no.such/Method"), Kind::Call);
    }
}
