//! What happened to a person is found without reading what happened to others.

use super::{Migration, Step};

pub(super) const MIGRATION: Migration = Migration { name: "m20261206_timeline", steps: STEPS };

const STEPS: &[Step] = &[
    // What became of a sign-up?
    Step::Index {
        name: "place_change_reservation",
        table: "place_change",
        columns: "(reservation_id){given:reservation_id}",
    },
    // In whose place was somebody wanted, and who came?
    Step::Index { name: "vacancy_replaces", table: "vacancy", columns: "(replaces_id)" },
    Step::Index { name: "vacancy_coach", table: "vacancy", columns: "(coach_id){given:coach_id}" },
];
