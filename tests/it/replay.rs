//! Replays: an academy imported by RPC, an advancing clock, tasks that fire, coaches who follow
//! their habits; and invariants that hold at every step.

pub mod invariants;
pub mod player;

use etutor::app::import::ImportData;
use etutor::demo::behaviour::Behaviour;
use etutor::rpc::pb;
use etutor::testing::TestApp;
use std::collections::HashMap;
use std::path::Path;

/// Imports files through the RPC, as `etutorctl import` does.
pub async fn import_through_rpc(app: &TestApp, data: &ImportData) -> pb::ImportResponse {
    crate::import::send(app, crate::import::steps(data, false)).await.unwrap()
}

/// The habits of `coach_behaviour.csv`.
pub fn habits(file: &Path) -> HashMap<String, Behaviour> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let mut values = line.split(',');
            let coach = values.next().unwrap().to_owned();
            let mut number = || values.next().unwrap().parse::<f64>().unwrap();
            let behaviour = Behaviour {
                accept_probability: number(),
                median_answer_minutes: number(),
                pass_test_probability: number(),
            };
            (coach, behaviour)
        })
        .collect()
}
