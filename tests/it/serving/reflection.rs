//! Reflection in both of its versions, because older clients know only v1alpha.

use super::*;
use etutor::testing::on_every_database;
use tonic_reflection::pb::{v1, v1alpha};

#[test]
fn both_versions_of_reflection_list_and_describe_the_services() {
    on_every_database(async |db| {
        let server = Server::start(&db, options()).await;

        use v1::server_reflection_request::MessageRequest;
        let ask =
            |message| v1::ServerReflectionRequest { host: String::new(), message_request: Some(message) };
        let questions = [
            MessageRequest::ListServices(String::new()),
            MessageRequest::FileContainingSymbol("grpc.health.v1.Health".to_owned()),
            // The details of errors: clients show them readably.
            MessageRequest::FileContainingSymbol("google.rpc.ErrorInfo".to_owned()),
        ];
        let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel().await);
        let mut answers =
            client.server_reflection_info(tokio_stream::iter(questions.map(ask))).await.unwrap().into_inner();
        match answers.message().await.unwrap().unwrap().message_response.unwrap() {
            v1::server_reflection_response::MessageResponse::ListServicesResponse(list) => {
                let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
                assert!(
                    names.contains(&"grpc.health.v1.Health")
                        && names.contains(&"grpc.reflection.v1.ServerReflection"),
                    "{names:?}"
                );
            }
            other => panic!("{other:?}"),
        }
        for _ in 0..2 {
            match answers.message().await.unwrap().unwrap().message_response.unwrap() {
                v1::server_reflection_response::MessageResponse::FileDescriptorResponse(file) => {
                    assert_eq!(file.file_descriptor_proto.len(), 1);
                }
                other => panic!("{other:?}"),
            }
        }

        use v1alpha::server_reflection_request::MessageRequest as OlderRequest;
        let ask = v1alpha::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(OlderRequest::ListServices(String::new())),
        };
        let mut client =
            v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel().await);
        let mut answers =
            client.server_reflection_info(tokio_stream::iter([ask])).await.unwrap().into_inner();
        match answers.message().await.unwrap().unwrap().message_response.unwrap() {
            v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list) => {
                assert!(list.service.iter().any(|service| service.name == "grpc.health.v1.Health"));
            }
            other => panic!("{other:?}"),
        }
        server.end().await;
    });
}
