//! Classes that go on past their last day.

use super::{Migration, Step};

pub(super) const MIGRATION: Migration = Migration { name: "m20261207_continuing", steps: STEPS };

const STEPS: &[Step] = &[
    // What a vacancy of kind CONTINUE is about besides its listed days: the class that goes on (the
    // class of the vacancy is the one that goes on by then: in another season a new one), and when
    // the admins were told that its coach does not.
    Step::Table {
        name: "continuation",
        columns: "
        vacancy_id BIGINT NOT NULL PRIMARY KEY,
        class_id BIGINT NOT NULL,
        told_at BIGINT,
        FOREIGN KEY (vacancy_id) REFERENCES vacancy (id),
        FOREIGN KEY (class_id) REFERENCES class (id)",
    },
    Step::Index { name: "continuation_class", table: "continuation", columns: "(class_id)" },
    // Who gets a seat by it: a student of the class, to whom it is offered and who is reminded at
    // `remind_at`, or a newcomer whose sign-up was there before.
    Step::Table {
        name: "continuation_seat",
        columns: "
        reservation_id BIGINT NOT NULL,
        vacancy_id BIGINT NOT NULL,
        is_newcomer BOOLEAN NOT NULL,
        remind_at BIGINT,
        PRIMARY KEY (reservation_id, vacancy_id),
        FOREIGN KEY (reservation_id) REFERENCES reservation (id),
        FOREIGN KEY (vacancy_id) REFERENCES continuation (vacancy_id)",
    },
    Step::Index { name: "continuation_seat_of", table: "continuation_seat", columns: "(vacancy_id)" },
    Step::Index {
        name: "continuation_seat_remind",
        table: "continuation_seat",
        columns: "(remind_at){given:remind_at}",
    },
    // `class.task_id` is the key of what formed the class, as `invitation.task_id` is: of a class
    // task its id, of a row of `vacancy` the negative of its id.
    Step::Unbind { table: "class", column: "task_id", to: "class_task" },
];
