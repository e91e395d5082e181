//! The gRPC service `CatalogService`: subjects, seasons, periods, class templates.

use super::{convert, pb};
use crate::app::App;
use crate::app::catalog::{self, TemplateQuery};
use tonic::{Request, Response, Status};

/// Subjects, seasons, periods, class templates.
#[derive(Clone, Debug)]
pub(crate) struct CatalogRpc {
    app: App,
}

impl CatalogRpc {
    /// The service of an application.
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl pb::catalog_service_server::CatalogService for CatalogRpc {
    async fn upsert_subject(
        &self,
        request: Request<pb::UpsertSubjectRequest>,
    ) -> Result<Response<pb::UpsertSubjectResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let spec = convert::catalog::subject(request.subject)?;
        let made = catalog::upsert_subject(&self.app.call().await?.keyed(key), &spec).await?;
        Ok(Response::new(pb::UpsertSubjectResponse { subject: Some(made.into()) }))
    }

    async fn get_subject(
        &self,
        request: Request<pb::GetSubjectRequest>,
    ) -> Result<Response<pb::GetSubjectResponse>, Status> {
        let pb::GetSubjectRequest { subject_id } = request.into_inner();
        let found = catalog::get_subject(&self.app, convert::id("subject_id", subject_id)?).await?;
        Ok(Response::new(pb::GetSubjectResponse { subject: Some(found.into()) }))
    }

    async fn list_subjects(
        &self,
        request: Request<pb::ListSubjectsRequest>,
    ) -> Result<Response<pb::ListSubjectsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListSubjectsRequest { page_size: _, page_token: _ } = request;
        let found = catalog::list_subjects(&self.app, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let subjects = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListSubjectsResponse { subjects, next_page_token }))
    }

    async fn delete_subject(
        &self,
        request: Request<pb::DeleteSubjectRequest>,
    ) -> Result<Response<pb::DeleteSubjectResponse>, Status> {
        let pb::DeleteSubjectRequest { subject_id } = request.into_inner();
        catalog::delete_subject(&self.app, convert::id("subject_id", subject_id)?).await?;
        Ok(Response::new(pb::DeleteSubjectResponse {}))
    }

    async fn upsert_season(
        &self,
        request: Request<pb::UpsertSeasonRequest>,
    ) -> Result<Response<pb::UpsertSeasonResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let spec = convert::catalog::season(request.season)?;
        let call = self.app.call().await?.keyed(key).rehearsed(request.validate_only);
        let (made, change) = catalog::upsert_season(&call, &spec).await?;
        Ok(Response::new(pb::UpsertSeasonResponse { season: Some(made.into()), change: Some(change.into()) }))
    }

    async fn get_season(
        &self,
        request: Request<pb::GetSeasonRequest>,
    ) -> Result<Response<pb::GetSeasonResponse>, Status> {
        let pb::GetSeasonRequest { code } = request.into_inner();
        let found = catalog::get_season(&self.app, &convert::code("code", code)?).await?;
        Ok(Response::new(pb::GetSeasonResponse { season: Some(found.into()) }))
    }

    async fn list_seasons(
        &self,
        request: Request<pb::ListSeasonsRequest>,
    ) -> Result<Response<pb::ListSeasonsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListSeasonsRequest { page_size: _, page_token: _ } = request;
        let found = catalog::list_seasons(&self.app, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let seasons = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListSeasonsResponse { seasons, next_page_token }))
    }

    async fn delete_season(
        &self,
        request: Request<pb::DeleteSeasonRequest>,
    ) -> Result<Response<pb::DeleteSeasonResponse>, Status> {
        let pb::DeleteSeasonRequest { code } = request.into_inner();
        catalog::delete_season(&self.app, &convert::code("code", code)?).await?;
        Ok(Response::new(pb::DeleteSeasonResponse {}))
    }

    async fn upsert_period(
        &self,
        request: Request<pb::UpsertPeriodRequest>,
    ) -> Result<Response<pb::UpsertPeriodResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let spec = convert::catalog::period(request.period)?;
        let call = self.app.call().await?.keyed(key).rehearsed(request.validate_only);
        let (made, change) = catalog::upsert_period(&call, &spec).await?;
        Ok(Response::new(pb::UpsertPeriodResponse { period: Some(made.into()), change: Some(change.into()) }))
    }

    async fn get_period(
        &self,
        request: Request<pb::GetPeriodRequest>,
    ) -> Result<Response<pb::GetPeriodResponse>, Status> {
        let pb::GetPeriodRequest { season, code } = request.into_inner();
        let (season, code) = convert::catalog::period_key(season, code)?;
        let found = catalog::get_period(&self.app, &season, &code).await?;
        Ok(Response::new(pb::GetPeriodResponse { period: Some(found.into()) }))
    }

    async fn list_periods(
        &self,
        request: Request<pb::ListPeriodsRequest>,
    ) -> Result<Response<pb::ListPeriodsResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListPeriodsRequest { season, page_size: _, page_token: _ } = request;
        let season = convert::optional_code("season", season)?;
        let found = catalog::list_periods(&self.app, season.as_deref(), &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let periods = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListPeriodsResponse { periods, next_page_token }))
    }

    async fn delete_period(
        &self,
        request: Request<pb::DeletePeriodRequest>,
    ) -> Result<Response<pb::DeletePeriodResponse>, Status> {
        let pb::DeletePeriodRequest { season, code } = request.into_inner();
        let (season, code) = convert::catalog::period_key(season, code)?;
        catalog::delete_period(&self.app, &season, &code).await?;
        Ok(Response::new(pb::DeletePeriodResponse {}))
    }

    async fn upsert_class_template(
        &self,
        request: Request<pb::UpsertClassTemplateRequest>,
    ) -> Result<Response<pb::UpsertClassTemplateResponse>, Status> {
        let request = request.into_inner();
        let key = convert::request_key(&request.request_id, &request)?;
        let spec = convert::catalog::class_template(request.class_template)?;
        let call = self.app.call().await?.keyed(key).rehearsed(request.validate_only);
        let (made, change) = catalog::upsert_template(&call, &spec).await?;
        Ok(Response::new(pb::UpsertClassTemplateResponse {
            class_template: Some(made.into()),
            change: Some(change.into()),
        }))
    }

    async fn get_class_template(
        &self,
        request: Request<pb::GetClassTemplateRequest>,
    ) -> Result<Response<pb::GetClassTemplateResponse>, Status> {
        let pb::GetClassTemplateRequest { code } = request.into_inner();
        let found = catalog::get_template(&self.app, &convert::code("code", code)?).await?;
        Ok(Response::new(pb::GetClassTemplateResponse { class_template: Some(found.into()) }))
    }

    async fn list_class_templates(
        &self,
        request: Request<pb::ListClassTemplatesRequest>,
    ) -> Result<Response<pb::ListClassTemplatesResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListClassTemplatesRequest { season, subject_id, grade, page_size: _, page_token: _ } =
            request;
        let query = TemplateQuery {
            season: convert::optional_code("season", season)?,
            subject_id: convert::optional_id("subject_id", subject_id)?,
            grade: convert::people::optional_grade(grade)?,
        };
        let found = catalog::list_templates(&self.app, &query, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let class_templates = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListClassTemplatesResponse { class_templates, next_page_token }))
    }

    async fn delete_class_template(
        &self,
        request: Request<pb::DeleteClassTemplateRequest>,
    ) -> Result<Response<pb::DeleteClassTemplateResponse>, Status> {
        let pb::DeleteClassTemplateRequest { code } = request.into_inner();
        catalog::delete_template(&self.app, &convert::code("code", code)?).await?;
        Ok(Response::new(pb::DeleteClassTemplateResponse {}))
    }

    async fn list_lesson_days(
        &self,
        request: Request<pb::ListLessonDaysRequest>,
    ) -> Result<Response<pb::ListLessonDaysResponse>, Status> {
        let request = request.into_inner();
        let paging = convert::paging(&request)?;
        let pb::ListLessonDaysRequest { class_template, from_day, to_day, page_size: _, page_token: _ } =
            request;
        let template = convert::code("class_template", class_template)?;
        let (from, to) = convert::day_range(("from_day", &from_day), ("to_day", &to_day))?;
        let found = catalog::list_lesson_days(&self.app, &template, from, to, &paging.page).await?;
        let next_page_token = paging.next(found.next);
        let lesson_days = found.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListLessonDaysResponse { lesson_days, next_page_token }))
    }
}
