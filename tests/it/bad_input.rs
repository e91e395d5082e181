//! Bad input to every RPC: a value that is missing, unspecified, too long or out of range is
//! INVALID_ARGUMENT and names the field, an unknown name is NOT_FOUND, and none of them ever looks
//! like a fault of the server.
//!
//! The RPCs and their fields are read from the descriptors, so that a new one without a case fails.

mod cases;
mod rules;
mod wire;
mod world;

use cases::{Case, accepted, cases};
use etutor::rpc::DESCRIPTORS;
use etutor::testing::{TestApp, on_every_app};
use std::collections::BTreeSet;
use tonic::client::Grpc;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use wire::{Protocol, Spoiled};
use world::World;

#[test]
fn every_rpc_has_a_case() {
    let protocol = Protocol::read(DESCRIPTORS);
    let there: BTreeSet<&str> = protocol.methods.iter().map(|(rpc, _, _)| rpc.as_str()).collect();
    let world = World::default();
    let tried: BTreeSet<&str> = cases(&world).iter().map(|case| case.rpc).collect();
    let by_hand = BTreeSet::from([
        "ImportService/Import",
        "OpeningService/WatchOpenings",
        "MonitorService/WatchLessons",
        "PresenceService/KeepPresent",
    ]);
    let covered: BTreeSet<&str> = tried.union(&by_hand).copied().collect();
    assert_eq!(there, covered);
}

#[test]
fn what_is_wrong_with_a_request_is_told_by_its_field() {
    on_every_app(async |app: TestApp| {
        app.ignore_messages("this is about requests");
        let protocol = Protocol::read(DESCRIPTORS);
        let world = World::make(&app).await;
        let mut wrong = Vec::new();
        for (number, case) in (900_001..).zip(cases(&world)) {
            // First, because what is accepted of the others may do it too.
            if let Err(status) = call(&app, case.rpc, case.request.clone()).await {
                wrong.push(format!("{} itself is refused: {status:?}", case.rpc));
            }
            let message = protocol
                .methods
                .iter()
                .find(|(rpc, _, _)| rpc == case.rpc)
                .map(|(_, message, _)| message)
                .unwrap();
            for spoiled in protocol.spoiled(message, &case.request, number) {
                let answer = call(&app, case.rpc, spoiled.bytes.clone()).await;
                let verdict = judge(&case, &spoiled, answer.err());
                wrong.extend(
                    verdict.map(|why| format!("{} {} {:?}: {why}", case.rpc, spoiled.path, spoiled.spoil)),
                );
            }
        }
        assert!(wrong.is_empty(), "{} answers are not as they should be:\n{}", wrong.len(), wrong.join("\n"));
    });
}

/// What is wrong with the answer to a bad request, if anything is.
fn judge(case: &Case, spoiled: &Spoiled, answer: Option<Status>) -> Option<String> {
    let may = accepted(case, &spoiled.path, spoiled.spoil);
    let Some(status) = answer else {
        return (!may).then(|| "is accepted".to_owned());
    };
    // What may be like this does what the good request has done before, which may be refused by the
    // rules.
    if may && matches!(status.code(), Code::FailedPrecondition | Code::NotFound | Code::InvalidArgument) {
        return None;
    }
    match status.code() {
        Code::NotFound => None,
        Code::InvalidArgument => {
            let details = status.get_error_details();
            let named = details
                .bad_request()
                .and_then(|bad| bad.field_violations.first())
                .map(|violation| violation.field.as_str());
            let named = named.unwrap_or_default();
            let alike = case.needless.contains(&named) || case.needless.contains(&spoiled.path.as_str());
            (without_index(named) != spoiled.path && !alike)
                .then(|| format!("names {named:?}: {}", status.message()))
        }
        code => Some(format!("is {code:?}: {}", status.message())),
    }
}

/// `season.except_days[0]` → `season.except_days`.
fn without_index(field: &str) -> String {
    field
        .split('[')
        .enumerate()
        .map(|(n, part)| if n == 0 { part } else { part.split_once(']').map_or("", |(_, rest)| rest) })
        .collect()
}

async fn call(app: &TestApp, rpc: &str, request: Vec<u8>) -> Result<Vec<u8>, Status> {
    let mut grpc = Grpc::new(app.channel());
    grpc.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/etutor.v1.{rpc}")).unwrap();
    Ok(grpc.unary(Request::new(request), path, Bytes).await?.into_inner())
}

/// Messages as their bytes.
#[derive(Clone, Copy, Debug)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;
    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;
    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = bytes::Buf::remaining(buffer);
        Ok(Some(bytes::Buf::copy_to_bytes(buffer, length).to_vec()))
    }
    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}
