//! Requests as bytes: the descriptors say what a request consists of, and one field at a time is
//! spoiled.

use prost::Message as _;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use std::collections::BTreeMap;

/// What is done to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoil {
    /// Left out: empty, 0, unspecified, no message.
    Missing,
    /// A text of 20,000 characters.
    OverLong,
    /// A text of one character more than the protocol allows.
    TooLong,
    /// A text with a control character.
    Control,
    /// A well-formed text or key that names nothing; as a day, time or rule it is malformed.
    NonExistent,
    /// A number below zero; an instant before 1970.
    Negative,
    /// The largest number there is; an instant after the year 9999.
    Huge,
    /// A number that no value of the enum has.
    UnknownWord,
}

/// The descriptors of the protocol.
#[derive(Debug)]
pub struct Protocol {
    messages: BTreeMap<String, DescriptorProto>,
    /// `Service/Method` with the name of the request, in the order of the files; streams of
    /// requests are marked.
    pub methods: Vec<(String, String, bool)>,
}

/// One way in which a request is wrong.
#[derive(Debug)]
pub struct Spoiled {
    /// The field, as the server should name it: `season.start_day`.
    pub path: String,
    /// What is wrong with it.
    pub spoil: Spoil,
    /// The request.
    pub bytes: Vec<u8>,
}

impl Protocol {
    pub fn read(descriptors: &[u8]) -> Self {
        let set = FileDescriptorSet::decode(descriptors).unwrap();
        let (mut messages, mut methods) = (BTreeMap::new(), Vec::new());
        for file in set.file {
            let package = file.package().to_owned();
            for message in file.message_type {
                messages.insert(format!(".{package}.{}", message.name()), message);
            }
            for service in file.service {
                let made = service.method.iter().map(|method| {
                    (
                        format!("{}/{}", service.name(), method.name()),
                        method.input_type().to_owned(),
                        method.client_streaming(),
                    )
                });
                methods.extend(made.filter(|_| package == "etutor.v1"));
            }
        }
        Self { messages, methods }
    }

    /// Every field of a request spoiled in every way that its type allows, inner messages too (of a
    /// list: its first item). What names nothing has `number` in it, so that what one call makes is
    /// no name for another.
    pub fn spoiled(&self, message: &str, bytes: &[u8], unknown: i64) -> Vec<Spoiled> {
        let (mut found, request) = (Vec::new(), Parts::read(bytes));
        for field in &self.messages[message].field {
            let number = field.number().unsigned_abs();
            let mut add = |path: String, spoil, field: Option<Vec<u8>>| {
                found.push(Spoiled { path, spoil, bytes: request.with(number, field).write() });
            };
            if field.r#type() == Type::Message && is_map(field) {
                continue;
            }
            if field.r#type() != Type::Message {
                for (spoil, value) in scalars(field, unknown) {
                    // An empty list is for the base requests to try.
                    if spoil != Spoil::Missing || field.label() != Label::Repeated {
                        add(field.name().to_owned(), spoil, value);
                    }
                }
                continue;
            }
            if field.label() != Label::Repeated {
                add(field.name().to_owned(), Spoil::Missing, None);
            }
            match field.type_name() {
                ".google.protobuf.Timestamp" | ".google.protobuf.Duration" => {
                    for (spoil, seconds, nanos) in [
                        (Spoil::Negative, -1, 0),
                        (Spoil::Huge, i64::MAX, 0),
                        (Spoil::Huge, 1, 2_000_000_000),
                    ] {
                        // Both are encoded alike.
                        let at = prost_types::Timestamp { seconds, nanos };
                        add(field.name().to_owned(), spoil, Some(delimited(number, &at.encode_to_vec())));
                    }
                }
                name => {
                    for inner in self.spoiled(name, request.first(number).unwrap_or_default(), unknown) {
                        let path = format!("{}.{}", field.name(), inner.path);
                        add(path, inner.spoil, Some(delimited(number, &inner.bytes)));
                    }
                }
            }
        }
        found
    }
}

fn is_map(field: &FieldDescriptorProto) -> bool {
    field.type_name().ends_with("Entry")
        && field.label() == Label::Repeated
        && !field.type_name().ends_with("RosterEntry")
}

/// The wrong values of a field that is no message, encoded with their key.
fn scalars(field: &FieldDescriptorProto, unknown: i64) -> Vec<(Spoil, Option<Vec<u8>>)> {
    let number = field.number().unsigned_abs();
    let text = |text: &str| Some(delimited(number, text.as_bytes()));
    let integer = |value: i64| {
        let mut bytes = Vec::new();
        encode_key(number, WireType::Varint, &mut bytes);
        encode_varint(value.cast_unsigned(), &mut bytes);
        Some(bytes)
    };
    let missing = (Spoil::Missing, None);
    match field.r#type() {
        Type::String => {
            let too_long = limit(field.name()).map(|limit| (Spoil::TooLong, text(&"1".repeat(limit + 1))));
            let others = [
                missing,
                (Spoil::OverLong, text(&"x".repeat(20_000))),
                (Spoil::Control, text("a\u{7}b")),
                (Spoil::NonExistent, text(&format!("no-such-{unknown}"))),
            ];
            others.into_iter().chain(too_long).collect()
        }
        Type::Int64 => {
            vec![
                missing,
                (Spoil::NonExistent, integer(unknown)),
                (Spoil::Negative, integer(-1)),
                (Spoil::Huge, integer(i64::MAX)),
            ]
        }
        Type::Int32 => vec![missing, (Spoil::Negative, integer(-1)), (Spoil::Huge, integer(i32::MAX.into()))],
        Type::Enum => vec![missing, (Spoil::UnknownWord, integer(99)), (Spoil::Negative, integer(-1))],
        Type::Bool => Vec::new(),
        other => panic!("say what is wrong of a {other:?} ({})", field.name()),
    }
}

/// The longest text of fields of this name.
fn limit(name: &str) -> Option<usize> {
    match name {
        "user_name" | "code" | "coach" | "student" | "season" | "period" | "class_template"
        | "request_id" | "operator" => Some(64),
        "name" | "real_name" => Some(100),
        "school_name" => Some(200),
        "remark" => Some(500),
        "phone" => Some(16),
        "area_code" => Some(6),
        _ => None,
    }
}

fn delimited(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut field);
    encode_varint(bytes.len() as u64, &mut field);
    field.extend_from_slice(bytes);
    field
}

/// The fields of a message as they stand in its bytes.
struct Parts<'a> {
    fields: Vec<(u32, &'a [u8], &'a [u8])>,
}

impl<'a> Parts<'a> {
    fn read(mut bytes: &'a [u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let whole = bytes;
            let (number, wire_type) = decode_key(&mut bytes).unwrap();
            let length = match wire_type {
                WireType::LengthDelimited => usize::try_from(decode_varint(&mut bytes).unwrap()).unwrap(),
                WireType::Varint => {
                    decode_varint(&mut bytes).unwrap();
                    0
                }
                other => panic!("no field of ours is {other:?}"),
            };
            let (value, rest) = bytes.split_at(length);
            fields.push((number, value, &whole[..whole.len() - rest.len()]));
            bytes = rest;
        }
        Self { fields }
    }

    fn first(&self, number: u32) -> Option<&'a [u8]> {
        self.fields.iter().find(|field| field.0 == number).map(|field| field.1)
    }

    /// The same with this field instead of all of its number.
    fn with(&self, number: u32, field: Option<Vec<u8>>) -> Written {
        let kept =
            self.fields.iter().filter(|field| field.0 != number).flat_map(|field| field.2.iter().copied());
        Written(kept.chain(field.into_iter().flatten()).collect())
    }
}

struct Written(Vec<u8>);

impl Written {
    fn write(self) -> Vec<u8> {
        self.0
    }
}
