//! Builds all services, with the limits that each of them has, for the serving stack.

use super::kind::kinds;
use super::{
    DESCRIPTORS, MAX_RESPONSE_BYTES, catalog, class, clock, coach, continuation, enrollment, import,
    invitation, make_up, message, monitor, opening, pb, place, presence, staffing, student, substitution,
    tasks, waitlist,
};
use crate::app::App;
use crate::app::presence::write_gathered;
use crate::error::{Error, Result};
use crate::serve::{self, ServeOptions, Served};
use http::{HeaderMap, HeaderValue};
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// How long writing the last heartbeats may take at least.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// The response header by which a server in testing mode is known.
pub(crate) const TESTING_HEADER: &str = "etutor-testing";

/// The services of an application, to be served.
///
/// # Errors
/// The descriptors of the protocol cannot be read, which is a fault of the build.
pub fn served(app: &App) -> Result<Served<App>> {
    let mut headers = HeaderMap::new();
    if app.config.testing {
        headers.insert(TESTING_HEADER, HeaderValue::from_static("true"));
    }
    Ok(Served {
        routes: routes(app),
        descriptors: DESCRIPTORS,
        kinds: kinds(DESCRIPTORS).map_err(Error::internal)?,
        headers,
        database: app.clone(),
    })
}

/// Serves an application until `shutdown`, and then until what was begun has ended. Heartbeats that
/// are gathered by then are written last.
///
/// # Errors
/// Those of [`serve::serve`].
pub async fn serve(
    app: &App,
    listener: TcpListener,
    options: &ServeOptions,
    shutdown: CancellationToken,
) -> Result<()> {
    let mut serving = pin!(serve::serve(listener, served(app)?, options, shutdown.clone()));
    let (done, begun) = tokio::select! {
        biased;
        () = shutdown.cancelled() => {
            let begun = Instant::now();
            (serving.await, begun)
        }
        done = &mut serving => (done, Instant::now()),
    };
    // Those that are being written now are waited for.
    let rest = options.drain.saturating_sub(begun.elapsed()).max(LAST_MOMENT);
    match tokio::time::timeout(rest, write_gathered(app)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last heartbeats could not be written"),
        Err(_late) => tracing::warn!("the last heartbeats could not be written in time"),
    }
    done
}

/// All services.
fn routes(app: &App) -> Routes {
    use pb::catalog_service_server::CatalogServiceServer;
    use pb::class_service_server::ClassServiceServer;
    use pb::clock_service_server::ClockServiceServer;
    use pb::coach_service_server::CoachServiceServer;
    use pb::continuation_service_server::ContinuationServiceServer;
    use pb::enrollment_service_server::EnrollmentServiceServer;
    use pb::import_service_server::ImportServiceServer;
    use pb::invitation_service_server::InvitationServiceServer;
    use pb::make_up_service_server::MakeUpServiceServer;
    use pb::message_service_server::MessageServiceServer;
    use pb::monitor_service_server::MonitorServiceServer;
    use pb::opening_service_server::OpeningServiceServer;
    use pb::place_service_server::PlaceServiceServer;
    use pb::presence_service_server::PresenceServiceServer;
    use pb::staffing_service_server::StaffingServiceServer;
    use pb::student_service_server::StudentServiceServer;
    use pb::substitution_service_server::SubstitutionServiceServer;
    use pb::task_service_server::TaskServiceServer;
    use pb::waitlist_service_server::WaitlistServiceServer;
    let largest_request = app.config.server.max_message_bytes as usize;
    // A service with the limits that every one has.
    macro_rules! limited {
        ($service:expr) => {
            $service.max_decoding_message_size(largest_request).max_encoding_message_size(MAX_RESPONSE_BYTES)
        };
    }
    Routes::default()
        .add_service(limited!(CatalogServiceServer::new(catalog::CatalogRpc::new(app.clone()))))
        .add_service(limited!(CoachServiceServer::new(coach::CoachRpc::new(app.clone()))))
        .add_service(limited!(EnrollmentServiceServer::new(enrollment::EnrollmentRpc::new(app.clone()))))
        .add_service(limited!(WaitlistServiceServer::new(waitlist::WaitlistRpc::new(app.clone()))))
        .add_service(limited!(OpeningServiceServer::new(opening::OpeningRpc::new(app.clone()))))
        .add_service(limited!(PlaceServiceServer::new(place::PlaceRpc::new(app.clone()))))
        .add_service(limited!(ImportServiceServer::new(import::ImportRpc::new(app.clone()))))
        .add_service(limited!(StudentServiceServer::new(student::StudentRpc::new(app.clone()))))
        .add_service(limited!(StaffingServiceServer::new(staffing::StaffingRpc::new(app.clone()))))
        .add_service(limited!(SubstitutionServiceServer::new(substitution::SubstitutionRpc::new(
            app.clone()
        ))))
        .add_service(limited!(MakeUpServiceServer::new(make_up::MakeUpRpc::new(app.clone()))))
        .add_service(limited!(ContinuationServiceServer::new(continuation::ContinuationRpc::new(
            app.clone()
        ))))
        .add_service(limited!(InvitationServiceServer::new(invitation::InvitationRpc::new(app.clone()))))
        .add_service(limited!(MessageServiceServer::new(message::MessageRpc::new(app.clone()))))
        .add_service(limited!(PresenceServiceServer::new(presence::PresenceRpc::new(app.clone()))))
        .add_service(limited!(MonitorServiceServer::new(monitor::MonitorRpc::new(app.clone()))))
        .add_service(limited!(ClassServiceServer::new(class::ClassRpc::new(app.clone()))))
        .add_service(limited!(TaskServiceServer::new(tasks::TaskRpc::new(app.clone()))))
        .add_service(limited!(ClockServiceServer::new(clock::ClockRpc::new(app.clone()))))
}
