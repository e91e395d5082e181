//! What kind of call each method of the protocol is.

use crate::serve::kind::{Kind, Kinds};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use std::collections::HashMap;

/// The service whose methods are scheduled tasks.
const TASK_SERVICE: &str = "TaskService";

/// The service whose streams of requests stay open.
const PRESENCE_SERVICE: &str = "PresenceService";

/// Read from the descriptors, so that a new method cannot be forgotten.
pub(super) fn kinds(descriptors: &[u8]) -> Result<Kinds, prost::DecodeError> {
    let mut kinds = HashMap::new();
    for file in FileDescriptorSet::decode(descriptors)?.file {
        for service in &file.service {
            for method in &service.method {
                let kind = match (method.client_streaming(), method.server_streaming()) {
                    (true, _) if service.name() == PRESENCE_SERVICE => Kind::Standing,
                    (true, _) => Kind::Upload,
                    (false, true) => Kind::Page,
                    (false, false) if service.name() == TASK_SERVICE => Kind::Task,
                    (false, false) => Kind::Call,
                };
                kinds.insert(format!("/{}.{}/{}", file.package(), service.name(), method.name()), kind);
            }
        }
    }
    Ok(Kinds::new(kinds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::pb::DESCRIPTORS;

    #[test]
    fn the_protocol_says_what_kind_a_call_is() {
        let kinds = kinds(DESCRIPTORS).unwrap();
        assert_eq!(kinds.of("/etutor.v1.ImportService/Import"), Kind::Upload);
        assert_eq!(kinds.of("/etutor.v1.PresenceService/KeepPresent"), Kind::Standing);
        assert_eq!(kinds.of("/etutor.v1.PresenceService/Heartbeat"), Kind::Call);
        assert_eq!(kinds.of("/etutor.v1.OpeningService/WatchOpenings"), Kind::Page);
        assert_eq!(kinds.of("/etutor.v1.OpeningService/ListOpenings"), Kind::Call);
        assert_eq!(kinds.of("/etutor.v1.TaskService/SendSms"), Kind::Task);
        assert_eq!(kinds.of("/grpc.health.v1.Health/Watch"), Kind::Unlimited);
        assert_eq!(kinds.of("/no.such/Method"), Kind::Call);
    }
}
