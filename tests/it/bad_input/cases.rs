//! One good request for every RPC, and which of its fields may be wrong without being refused.

mod lessons;

use super::wire::Spoil;
use super::world::World;
use etutor::rpc::pb;
use etutor::testing::academy::{coach, student};
use prost::Message;
use prost_types::{Duration, Timestamp};

/// A good request.
#[derive(Debug)]
pub struct Case {
    /// `Service/Method`.
    pub rpc: &'static str,
    /// The request.
    pub request: Vec<u8>,
    /// The fields that another field of this request stands for.
    pub needless: &'static [&'static str],
}

pub fn passed(coach: &str) -> pb::CompleteSoftwareTestRequest {
    let passed = i32::from(pb::TestResult::Passed);
    pb::CompleteSoftwareTestRequest {
        coach: coach.to_owned(),
        camera: passed,
        sound: passed,
        microphone: passed,
        lesson: passed,
        whiteboard: passed,
        request_id: String::new(),
    }
}

/// A good request of every RPC but streams, in an order in which each is good when its turn comes.
pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = catalogue(world);
    cases.extend(people(world));
    cases.extend(sign_ups(world));
    cases.extend(staffing(world));
    cases.extend(lessons::substitutions(world));
    cases.extend(lessons::make_ups(world));
    cases.extend(lessons::continuing(world));
    cases.extend(places());
    cases.extend(presence(world));
    cases.extend(running(world));
    cases.extend(deleting());
    cases
}

fn case(rpc: &'static str, request: impl Message) -> Case {
    Case { rpc, request: request.encode_to_vec(), needless: &[] }
}

pub fn text(text: &str) -> String {
    text.to_owned()
}

fn catalogue(world: &World) -> Vec<Case> {
    let none = String::new;
    let season = pb::Season {
        code: text("spare"),
        year: 2026,
        r#type: pb::SeasonType::Autumn.into(),
        start_day: text("2026-09-01"),
        end_day: text("2026-12-31"),
        except_days: vec![text("2026-10-01")],
    };
    let period = pb::Period {
        season: text("spare"),
        code: text("spare"),
        grade_type: pb::GradeType::Junior.into(),
        start_time: text("08:00"),
        end_time: text("09:00"),
    };
    let template = world.academy.templates.last().cloned();
    let subject = pb::Subject { subject_id: 9, name: text("生物") };
    vec![
        case(
            "CatalogService/UpsertSubject",
            pb::UpsertSubjectRequest { subject: Some(subject), request_id: none() },
        ),
        case("CatalogService/GetSubject", pb::GetSubjectRequest { subject_id: 1 }),
        case("CatalogService/ListSubjects", pb::ListSubjectsRequest::default()),
        case(
            "CatalogService/UpsertSeason",
            pb::UpsertSeasonRequest { season: Some(season), request_id: none(), validate_only: false },
        ),
        case("CatalogService/GetSeason", pb::GetSeasonRequest { code: text("spring") }),
        case("CatalogService/ListSeasons", pb::ListSeasonsRequest::default()),
        case(
            "CatalogService/UpsertPeriod",
            pb::UpsertPeriodRequest { period: Some(period), request_id: none(), validate_only: false },
        ),
        case(
            "CatalogService/GetPeriod",
            pb::GetPeriodRequest { season: text("spring"), code: text("p1900") },
        ),
        case("CatalogService/ListPeriods", pb::ListPeriodsRequest::default()),
        case(
            "CatalogService/UpsertClassTemplate",
            pb::UpsertClassTemplateRequest {
                class_template: template,
                request_id: none(),
                validate_only: false,
            },
        ),
        case("CatalogService/GetClassTemplate", pb::GetClassTemplateRequest { code: text("sat") }),
        case("CatalogService/ListClassTemplates", pb::ListClassTemplatesRequest::default()),
        case(
            "CatalogService/ListLessonDays",
            pb::ListLessonDaysRequest { class_template: text("sat"), ..Default::default() },
        ),
    ]
}

fn people(world: &World) -> Vec<Case> {
    let none = String::new;
    let status = pb::SetCoachStatusRequest {
        user_name: coach(8),
        job_status: pb::JobStatus::Regular.into(),
        operator: text("wang"),
        remark: text("as before"),
        request_id: none(),
    };
    let limits = pb::SetClassLimitsRequest {
        season: text("spring"),
        limits: vec![pb::ClassLimit { rank: 5, base: 2, most: 3 }],
        operator: text("wang"),
        remark: text("a busy term"),
        request_id: none(),
    };
    let offer = pb::Availability {
        period: text("p1900"),
        recurrence: text("FREQ=DAILY"),
        start_day: text("2026-03-02"),
        end_day: text("2026-06-28"),
        ..Default::default()
    };
    let offers =
        pb::SetAvailabilityRequest { coach: coach(8), season: text("spring"), availability: vec![offer] };
    let blocked = pb::SetBlockRequest {
        coach: coach(7),
        student: student(12),
        operator: text("wang"),
        remark: text("complaint"),
        ..Default::default()
    };
    // The first of a new database.
    let unblocked = pb::RemoveBlockRequest { block_id: 1, operator: text("wang"), remark: text("over") };
    let signed_up = pb::CreateReservationRequest {
        student: student(1),
        class_template: text("mon"),
        start_day: text("2026-04-06"),
        end_day: text("2026-04-30"),
        request_id: none(),
    };
    vec![
        case(
            "CoachService/UpsertCoach",
            pb::UpsertCoachRequest { coach: world.academy.coaches.last().cloned(), request_id: none() },
        ),
        case("CoachService/GetCoach", pb::GetCoachRequest { user_name: coach(1) }),
        case("CoachService/ListCoaches", pb::ListCoachesRequest::default()),
        case("CoachService/SetCoachStatus", status),
        case("CoachService/SetAvailability", offers),
        case("CoachService/SetClassLimits", limits),
        Case { needless: &["student", "class_id"], ..case("CoachService/SetBlock", blocked) },
        case("CoachService/ListBlocks", pb::ListBlocksRequest::default()),
        case("CoachService/RemoveBlock", unblocked),
        case("CoachService/ListClassLimits", pb::ListClassLimitsRequest { season: text("spring") }),
        case(
            "CoachService/ListAvailability",
            pb::ListAvailabilityRequest { coach: coach(1), ..Default::default() },
        ),
        case(
            "StudentService/UpsertStudent",
            pb::UpsertStudentRequest { student: world.academy.students.last().cloned(), request_id: none() },
        ),
        case("StudentService/GetStudent", pb::GetStudentRequest { user_name: student(1) }),
        case("StudentService/ListStudents", pb::ListStudentsRequest::default()),
        case("EnrollmentService/CreateReservation", signed_up),
        case(
            "EnrollmentService/GetReservation",
            pb::GetReservationRequest { reservation_id: world.reservation },
        ),
        case("EnrollmentService/ListReservations", pb::ListReservationsRequest::default()),
        case(
            "EnrollmentService/CancelReservation",
            pb::CancelReservationRequest {
                reservation_id: world.reservation,
                from_day: text("2026-06-27"),
                operator: text("wang"),
                remark: text("ill"),
                request_id: none(),
            },
        ),
    ]
}

/// Holds, changes, leave, and the waiting list.
fn sign_ups(world: &World) -> Vec<Case> {
    let none = String::new;
    let (start_day, end_day) = (text("2026-06-02"), text("2026-06-20"));
    let hold = pb::HoldPlacesRequest {
        student: student(11),
        class_template: text("held"),
        start_day: start_day.clone(),
        end_day: end_day.clone(),
        request_id: none(),
    };
    let wait = pb::JoinWaitlistRequest {
        student: student(10),
        class_template: text("full"),
        start_day,
        end_day,
        request_id: none(),
    };
    let reservation_id = world.hold;
    let change = pb::ChangeReservationRequest {
        reservation_id: world.stays,
        class_template: text("sat"),
        class_id: world.class,
        from_day: text("2026-06-13"),
        end_day: text("2026-06-28"),
        request_id: none(),
        operator: text("wang"),
        remark: text("asked for it"),
    };
    let moved = pb::MoveStudentRequest {
        reservation_id: world.stays,
        class_id: world.class,
        from_day: text("2026-06-13"),
        operator: text("wang"),
        remark: text("asked for it"),
        request_id: none(),
    };
    let schedule = pb::GetStudentScheduleRequest {
        student: student(1),
        from_day: text("2026-03-12"),
        to_day: text("2026-04-12"),
    };
    vec![
        case("EnrollmentService/HoldPlaces", hold),
        case("EnrollmentService/RenewHold", pb::RenewHoldRequest { reservation_id }),
        case("EnrollmentService/ConfirmHold", pb::ConfirmHoldRequest { reservation_id }),
        case("EnrollmentService/ReleaseHold", pb::ReleaseHoldRequest { reservation_id }),
        case("EnrollmentService/MoveStudent", moved),
        case(
            "EnrollmentService/RequestLeave",
            pb::RequestLeaveRequest { reservation_id: world.stays, day: text("2026-06-06") },
        ),
        case(
            "EnrollmentService/CancelLeave",
            pb::CancelLeaveRequest { reservation_id: world.stays, day: text("2026-06-06") },
        ),
        case("EnrollmentService/GetStudentSchedule", schedule),
        case("EnrollmentService/ChangeReservation", change),
        case("WaitlistService/JoinWaitlist", wait),
        case("WaitlistService/ListWaitlist", pb::ListWaitlistRequest::default()),
        case("WaitlistService/AcceptOffer", pb::AcceptOfferRequest { reservation_id: world.offer }),
        case("WaitlistService/DeclineOffer", pb::DeclineOfferRequest { reservation_id: world.offer }),
        case("WaitlistService/LeaveWaitlist", pb::LeaveWaitlistRequest { reservation_id: world.offer }),
    ]
}

fn staffing(world: &World) -> Vec<Case> {
    let none = String::new;
    let by_hand = pb::InviteCoachRequest {
        task_id: world.task,
        coach: coach(4),
        operator: text("wang"),
        r#override: true,
        remark: text("asked for it"),
        request_id: none(),
        ..Default::default()
    };
    let by_name =
        pb::GetClassTaskRequest { task_id: 0, class_template: text("sun"), day: text("2026-03-15") };
    let ((first, one), (second, two), (third, _)) =
        (world.invitation(0), world.invitation(1), world.invitation(2));
    let cancelled = pb::CancelInvitationRequest {
        invitation_id: third,
        operator: text("wang"),
        remark: text("by mistake"),
    };
    let notice = pb::SendNoticeRequest {
        class_id: world.class,
        audiences: vec![pb::Audience::Student.into()],
        text: text("请带三角板"),
        operator: text("wang"),
        request_id: none(),
        validate_only: false,
    };
    vec![
        case("StaffingService/ListClassTasks", pb::ListClassTasksRequest::default()),
        Case {
            needless: &["class_template", "day"],
            ..case(
                "StaffingService/GetClassTask",
                pb::GetClassTaskRequest { task_id: world.task, ..Default::default() },
            )
        },
        Case { needless: &["task_id"], ..case("StaffingService/GetClassTask", by_name) },
        case("StaffingService/ListInvitations", pb::StaffingServiceListInvitationsRequest::default()),
        Case { needless: &["class_template", "day"], ..case("StaffingService/InviteCoach", by_hand) },
        case("StaffingService/CancelInvitation", cancelled),
        case(
            "InvitationService/ListInvitations",
            pb::ListInvitationsRequest { coach: coach(1), ..Default::default() },
        ),
        case(
            "InvitationService/GetInvitation",
            pb::GetInvitationRequest { invitation_id: first, coach: one.clone() },
        ),
        case(
            "InvitationService/AcceptInvitation",
            pb::AcceptInvitationRequest { invitation_id: first, coach: one.clone() },
        ),
        case(
            "InvitationService/WithdrawInvitation",
            pb::WithdrawInvitationRequest { invitation_id: first, coach: one },
        ),
        case(
            "InvitationService/DeclineInvitation",
            pb::DeclineInvitationRequest { invitation_id: second, coach: two },
        ),
        case("PresenceService/CompleteSoftwareTest", passed(&coach(8))),
        case("ClassService/ListClasses", pb::ListClassesRequest::default()),
        case("ClassService/GetClass", pb::GetClassRequest { class_id: world.class }),
        case("ClassService/SendNotice", notice),
        case("MessageService/ListMessages", pb::ListMessagesRequest::default()),
    ]
}

fn presence(world: &World) -> Vec<Case> {
    // Of the two one is named.
    let of = |rpc, request: Vec<u8>| Case { rpc, request, needless: &["student"] };
    let login = pb::RecordLoginRequest { person: Some(pb::record_login_request::Person::Coach(coach(8))) };
    let heartbeat = pb::HeartbeatRequest { person: Some(pb::heartbeat_request::Person::Coach(coach(8))) };
    let logout = pb::RecordLogoutRequest { person: Some(pb::record_logout_request::Person::Coach(coach(8))) };
    let get = pb::GetPresenceRequest {
        person: Some(pb::get_presence_request::Person::Coach(coach(8))),
        from_time: Some(Timestamp { seconds: world.now - 3600, nanos: 0 }),
        to_time: Some(Timestamp { seconds: world.now, nanos: 0 }),
    };
    let timeline = pb::ListTimelineRequest {
        person: coach(8),
        audience: pb::Audience::Coach.into(),
        from_time: Some(Timestamp { seconds: world.now - 3600, nanos: 0 }),
        to_time: Some(Timestamp { seconds: world.now, nanos: 0 }),
        ..Default::default()
    };
    vec![
        of("PresenceService/RecordLogin", login.encode_to_vec()),
        of("PresenceService/Heartbeat", heartbeat.encode_to_vec()),
        of("PresenceService/GetPresence", get.encode_to_vec()),
        case("PresenceService/ListPresent", pb::ListPresentRequest::default()),
        case("MonitorService/ListAttendance", pb::ListAttendanceRequest::default()),
        case("MonitorService/ListLessons", pb::ListLessonsRequest::default()),
        case("MonitorService/ListTimeline", timeline),
        case("MonitorService/ListUnusual", pb::ListUnusualRequest::default()),
        of("PresenceService/RecordLogout", logout.encode_to_vec()),
    ]
}

fn places() -> Vec<Case> {
    let day = pb::ExplainPlacesRequest {
        class_template: text("sat"),
        day: text("2026-03-14"),
        ..Default::default()
    };
    vec![
        case("OpeningService/ListOpenings", pb::ListOpeningsRequest { grade: 7, ..Default::default() }),
        case("PlaceService/GetEnrollmentOverview", pb::GetEnrollmentOverviewRequest::default()),
        case("PlaceService/ExplainPlaces", day),
    ]
}

fn running(world: &World) -> Vec<Case> {
    let now = Some(Timestamp { seconds: world.now, nanos: 0 });
    vec![
        case("TaskService/CreateClassTasks", pb::CreateClassTasksRequest::default()),
        case("TaskService/SendInvitations", pb::SendInvitationsRequest::default()),
        case("TaskService/CheckInvitations", pb::CheckInvitationsRequest::default()),
        case("TaskService/NotifySoftwareTests", pb::NotifySoftwareTestsRequest::default()),
        case("TaskService/NotifyUnstaffedClasses", pb::NotifyUnstaffedClassesRequest::default()),
        case("TaskService/NotifyMorningClasses", pb::NotifyMorningClassesRequest::default()),
        case("TaskService/NotifyUpcomingClasses", pb::NotifyUpcomingClassesRequest::default()),
        case("TaskService/InitPlaces", pb::InitPlacesRequest::default()),
        case("TaskService/RemoveExpiredStudents", pb::RemoveExpiredStudentsRequest::default()),
        case("TaskService/FreeAvailability", pb::FreeAvailabilityRequest::default()),
        case("TaskService/CorrectCoachStatus", pb::CorrectCoachStatusRequest::default()),
        case("TaskService/AssignStudents", pb::AssignStudentsRequest::default()),
        case("TaskService/OfferPlaces", pb::OfferPlacesRequest::default()),
        case("TaskService/CheckCoachesOnTime", pb::CheckCoachesOnTimeRequest::default()),
        case("TaskService/StartDueCoachChanges", pb::StartDueCoachChangesRequest::default()),
        case("TaskService/CompleteCoachChanges", pb::CompleteCoachChangesRequest::default()),
        case("TaskService/CloseEndedClasses", pb::CloseEndedClassesRequest::default()),
        case("TaskService/NotifyDisconnectedCoaches", pb::NotifyDisconnectedCoachesRequest::default()),
        case("TaskService/NotifyEmptyLessons", pb::NotifyEmptyLessonsRequest::default()),
        case("TaskService/PurgeMessages", pb::PurgeMessagesRequest::default()),
        case("TaskService/SendSms", pb::SendSmsRequest::default()),
        case("TaskService/ListTasks", pb::ListTasksRequest::default()),
        case("TaskService/ListTaskRuns", pb::ListTaskRunsRequest::default()),
        case("ClockService/GetClock", pb::GetClockRequest::default()),
        case("ClockService/SetClock", pb::SetClockRequest { time: now, running: false }),
        case(
            "ClockService/AdvanceClock",
            pb::AdvanceClockRequest { duration: Some(Duration { seconds: 1, nanos: 0 }) },
        ),
    ]
}

fn deleting() -> Vec<Case> {
    let empty = || text("empty");
    vec![
        case("CatalogService/DeletePeriod", pb::DeletePeriodRequest { season: empty(), code: empty() }),
        case("CatalogService/DeleteSeason", pb::DeleteSeasonRequest { code: empty() }),
        case("CatalogService/DeleteClassTemplate", pb::DeleteClassTemplateRequest { code: text("spare") }),
        case("CatalogService/DeleteSubject", pb::DeleteSubjectRequest { subject_id: 9 }),
    ]
}

/// Whether a field may be like this: it is optional, any text will do, or the server does not read
/// it.
pub fn accepted(case: &Case, path: &str, spoil: Spoil) -> bool {
    let (service, method) = case.rpc.split_once('/').unwrap_or_default();
    let name = path.rsplit('.').next().unwrap_or_default();
    let (missing, any) = (spoil == Spoil::Missing, matches!(spoil, Spoil::Missing | Spoil::NonExistent));
    if case.needless.contains(&path) {
        return missing;
    }
    match name {
        // Optional everywhere.
        "page_size" | "page_token" => missing,
        "request_id" => any,
        // The student cancels, changes or answers.
        "operator" | "remark"
            if matches!(method, "CancelReservation" | "ChangeReservation" | "AnswerMakeUp") =>
        {
            any
        }
        // Any text.
        "name" | "real_name" | "operator" | "text" => spoil == Spoil::NonExistent,
        "school_name" => any,
        "remark" => spoil == Spoil::NonExistent,
        // Answered, not asked for.
        "test_passed_time" | "last_login_time" | "last_invited_time" | "used_days" => true,
        _ if path == "availability.season" => true,
        // The key of what is made.
        "user_name" => method.starts_with("Upsert") && spoil == Spoil::NonExistent,
        "code" => method.starts_with("Upsert") && spoil == Spoil::NonExistent,
        _ if path == "subject.subject_id" => spoil == Spoil::NonExistent,
        // None at all.
        "base" => missing,
        // Left as it is; all that is still ahead; the clock's now; in three days.
        "job_status" if method == "UpsertCoach" => missing,
        "from_day" if matches!(method, "CancelReservation" | "ChangeReservation" | "MoveStudent") => missing,
        // Whatever it is now.
        "class_template" | "class_id" | "end_day" if method == "ChangeReservation" => missing,
        "from_day" | "to_day" if method == "GetStudentSchedule" => missing,
        "from_time" | "to_time" if method == "GetPresence" => missing,
        "firing" | "tick_at" | "when" | "day" if service == "TaskService" => missing,
        // Whoever does not exist is another coach too.
        "coach" if service == "InvitationService" && method != "ListInvitations" => {
            spoil == Spoil::NonExistent
        }
        // A filter that is not given, or that nothing passes.
        _ if method.starts_with("List") || method == "GetEnrollmentOverview" => {
            matches!(spoil, Spoil::Missing | Spoil::NonExistent | Spoil::Huge)
        }
        _ => false,
    }
}
