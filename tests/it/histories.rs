//! Random histories of sign-ups, told to the service and to a simple model of docs/domain.md §2 and
//! §6, which must agree after every step. And the same calls by many callers at once, after which
//! nothing has been sold twice and nothing is lost.

mod calls;
mod crowd;
mod model;
mod races;

use calls::{Step, academy, play, steps};
use etutor::testing::on_every_app_at;
use proptest::test_runner::{Config, TestRunner};

#[test]
fn whatever_is_asked_in_whatever_order_the_service_answers_as_the_model_does() {
    let config = Config { cases: 5, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    let told = TestRunner::new(config).run(&steps(), |steps: Vec<Step>| {
        on_every_app_at("2026-03-02T10:00", async |app| {
            app.ignore_messages("this story is about places");
            academy().build(&app).await;
            play(&app, &steps).await;
        });
        Ok(())
    });
    if let Err(failure) = told {
        panic!("{failure}");
    }
}
