//! Good requests about who teaches lessons in another's place, and about lessons that are owed.

use super::super::world::World;
use super::{Case, case, text};
use etutor::rpc::pb;

pub fn substitutions(world: &World) -> Vec<Case> {
    let (operator, remark) = (|| text("wang"), || text("coach is ill"));
    let start = pb::StartSubstitutionRequest {
        class_id: world.class,
        days: vec![text("2026-03-21")],
        operator: operator(),
        remark: remark(),
        ..Default::default()
    };
    let change = pb::StartCoachChangeRequest {
        class_id: world.class,
        from_day: text("2026-03-28"),
        operator: operator(),
        remark: remark(),
        ..Default::default()
    };
    // The first two of a new database.
    let cancel = pb::CancelSubstitutionRequest { substitution_id: 1, operator: operator(), remark: remark() };
    let cancel_change =
        pb::CancelCoachChangeRequest { coach_change_id: 2, operator: operator(), remark: remark() };
    vec![
        Case { needless: &["coach"], ..case("SubstitutionService/StartSubstitution", start) },
        Case { needless: &["coach"], ..case("SubstitutionService/StartCoachChange", change) },
        case("SubstitutionService/ListSubstitutions", pb::ListSubstitutionsRequest::default()),
        case("SubstitutionService/ListCoachChanges", pb::ListCoachChangesRequest::default()),
        case("SubstitutionService/CancelSubstitution", cancel),
        case("SubstitutionService/CancelCoachChange", cancel_change),
    ]
}

pub fn make_ups(world: &World) -> Vec<Case> {
    let (make_up_id, operator, remark) = (world.make_up, || text("wang"), || text("a holiday"));
    let schedule = pb::ScheduleMakeUpRequest {
        class_id: world.class,
        lesson_days: vec![text("2026-05-23")],
        day: text("2026-05-24"),
        period: text("p1900"),
        operator: operator(),
        remark: remark(),
        ..Default::default()
    };
    let answer = pb::AnswerMakeUpRequest {
        make_up_id,
        answer: pb::MakeUpAnswer::No.into(),
        operator: operator(),
        remark: remark(),
    };
    let waive = pb::WaiveMakeUpRequest { make_up_id, operator: operator(), remark: remark() };
    vec![
        case("MakeUpService/ListMakeUps", pb::ListMakeUpsRequest::default()),
        case("MakeUpService/ScheduleMakeUp", schedule),
        case("MakeUpService/AnswerMakeUp", answer),
        case("MakeUpService/WaiveMakeUp", waive),
    ]
}

pub fn continuing(world: &World) -> Vec<Case> {
    let (operator, remark) = (|| text("wang"), || text("parents want it"));
    let start = pb::ContinueClassRequest {
        class_id: world.ending,
        last_day: text("2026-04-25"),
        operator: operator(),
        remark: remark(),
        ..Default::default()
    };
    // After a substitution and a change.
    let cancel = pb::CancelContinuationRequest { continuation_id: 3, operator: operator(), remark: remark() };
    vec![
        Case {
            needless: &["first_day", "class_template", "reservation_ids", "coach"],
            ..case("ContinuationService/ContinueClass", start)
        },
        case("ContinuationService/ListContinuations", pb::ListContinuationsRequest::default()),
        case("ContinuationService/CancelContinuation", cancel),
    ]
}
