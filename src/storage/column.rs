//! How domain types are stored: instants as BIGINT seconds, words as text.

use crate::domain::state::*;
use crate::domain::time::Instant;
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, StringLen, Value, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, DbErr, QueryResult, TryGetError, TryGetable};

impl From<Instant> for Value {
    fn from(at: Instant) -> Self {
        at.unix().into()
    }
}

impl ValueType for Instant {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <i64 as ValueType>::try_from(value).map(Instant::from_unix)
    }
    fn type_name() -> String {
        "Instant".to_owned()
    }
    fn array_type() -> ArrayType {
        ArrayType::BigInt
    }
    fn column_type() -> ColumnType {
        ColumnType::BigInteger
    }
}

impl Nullable for Instant {
    fn null() -> Value {
        i64::null()
    }
}

impl TryGetable for Instant {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        i64::try_get_by(row, index).map(Instant::from_unix)
    }
}

macro_rules! text_columns {
    ($($name:ident),+ $(,)?) => {$(
        impl From<$name> for Value {
            fn from(word: $name) -> Self {
                word.as_str().into()
            }
        }

        impl ValueType for $name {
            fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
                $name::parse(&<String as ValueType>::try_from(value)?).ok_or(ValueTypeErr)
            }
            fn type_name() -> String {
                stringify!($name).to_owned()
            }
            fn array_type() -> ArrayType {
                ArrayType::String
            }
            fn column_type() -> ColumnType {
                ColumnType::String(StringLen::N(24))
            }
        }

        impl Nullable for $name {
            fn null() -> Value {
                String::null()
            }
        }

        impl TryGetable for $name {
            fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
                let text = String::try_get_by(row, index)?;
                $name::parse(&text).ok_or_else(|| TryGetError::DbErr(DbErr::Type(format!("{text:?} is not a \
                    valid {}", stringify!($name)))))
            }
        }
    )+};
}

text_columns!(
    ActorKind,
    TaskState,
    InvitationState,
    InvitationKind,
    VacancyKind,
    ReservationState,
    ClassState,
    LessonState,
    JobStatus,
    GradeType,
    SeasonType,
    MessageState,
    MessageKind,
    PlaceCause,
    Channel,
    Audience,
    PresenceState,
    AttendanceState,
    MakeUpCause,
    MakeUpState,
    RunState,
);
