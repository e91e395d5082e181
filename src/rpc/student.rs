//! The gRPC service `StudentService`.

use super::{convert, pb};
use crate::app::App;
use crate::app::student;
use tonic::{Request, Response, Status};

/// Students.
#[derive(Clone, Debug)]
pub(crate) struct StudentRpc {
    app: App,
}

impl StudentRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::student_service_server::StudentService for StudentRpc {
    async fn upsert_student(
        &self,
        request: Request<pb::UpsertStudentRequest>,
    ) -> Result<Response<pb::UpsertStudentResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let spec = convert::people::student(request.student)?;
        let made = student::upsert_student(&self.app.call().await?.keyed(key), &spec).await?;
        Ok(Response::new(pb::UpsertStudentResponse { student: Some(made.into()) }))
    }

    async fn get_student(
        &self,
        request: Request<pb::GetStudentRequest>,
    ) -> Result<Response<pb::GetStudentResponse>, Status> {
        let pb::GetStudentRequest { user_name } = request.into_inner();
        let found = student::get_student(&self.app, &convert::code("user_name", user_name)?).await?;
        Ok(Response::new(pb::GetStudentResponse { student: Some(found.into()) }))
    }

    async fn list_students(
        &self,
        request: Request<pb::ListStudentsRequest>,
    ) -> Result<Response<pb::ListStudentsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListStudentsRequest { grade, page_size: _, page_token: _ } = request;
        let grade = convert::people::optional_grade(grade)?;
        let found = student::list_students(&self.app, grade, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let students = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListStudentsResponse { students, next_page_token }))
    }
}
