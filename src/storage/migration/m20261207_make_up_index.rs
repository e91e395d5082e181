//! Who was asked to a make-up is found by it: an edit of the catalogue asks them anew.

use super::{Migration, Step};

pub(super) const MIGRATION: Migration = Migration { name: "m20261207_make_up_index", steps: STEPS };

const STEPS: &[Step] = &[Step::Index {
    name: "make_up_template",
    table: "make_up",
    columns: "(template_id){given:template_id}",
}];
