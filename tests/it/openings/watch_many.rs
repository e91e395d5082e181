//! Open pages that are many, silent, or not read.

use super::WEDNESDAY;
use super::world::academy;
use etutor::rpc::pb::opening_service_client::OpeningServiceClient;
use etutor::rpc::{self, pb};
use etutor::serve::{self, ServeOptions};
use etutor::testing::{TestApp, on_every_app_at, on_every_app_with};
use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

fn of_grade() -> pb::WatchOpeningsRequest {
    pb::WatchOpeningsRequest { grade: 7, to_day: "2026-03-14".to_owned(), ..Default::default() }
}

#[test]
fn pages_opened_at_once_are_not_counted_as_calls() {
    on_every_app_at(WEDNESDAY, async |app: TestApp| {
        academy().build(&app).await;
        let options =
            ServeOptions { listen: ([127, 0, 0, 1], 0).into(), concurrency: 4, ..ServeOptions::default() };
        let listener = serve::bind(&options).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (served, shutdown) = (rpc::served(&app).unwrap(), CancellationToken::new());
        let until = shutdown.clone();
        let ended = tokio::spawn(async move { serve::serve(listener, served, &options, until).await });
        let client = OpeningServiceClient::new(Channel::from_shared(url).unwrap().connect().await.unwrap());
        let pages = (0..100).map(|_| {
            let mut client = client.clone();
            async move { client.watch_openings(of_grade()).await }
        });
        let mut pages = try_join_all(pages).await.expect("a page is refused");
        for page in &mut pages {
            assert_eq!(page.get_mut().message().await.unwrap().unwrap().openings.len(), 2);
        }
        shutdown.cancel();
        ended.await.unwrap().unwrap();
    });
}

#[test]
fn a_page_without_news_says_so_lest_proxies_close_it() {
    on_every_app_with(
        WEDNESDAY,
        |config| config.server.watch_quiet_s = 1,
        async |app: TestApp| {
            academy().build(&app).await;
            let mut page = app.openings().watch_openings(of_grade()).await.unwrap().into_inner();
            assert_eq!(page.message().await.unwrap().unwrap().openings.len(), 2);
            assert_eq!(page.message().await.unwrap().unwrap(), pb::WatchOpeningsResponse::default());
        },
    );
}
