//! The first schema: catalogue, people, reservations, class tasks, invitations, classes, messages,
//! runs.
//!
//! One text serves all three databases; `storage/dialect.rs` replaces what must differ: `{id}` is
//! an automatic BIGINT key. (MySQL tables hold utf8mb4 and compare byte by byte, like the others.)
//! Instants are BIGINT seconds since 1970 UTC (columns `…_at`), civil days are DATE (columns
//! `…_day`), states are text.

use super::step::{Migration, Step};

/// This migration.
pub(super) const MIGRATION: Migration = Migration { name: "m20261122_season_staffed", steps: STEPS };

const STEPS: &[Step] = &[
    Step::Table {
        name: "subject",
        columns: "
        id BIGINT PRIMARY KEY,
        name VARCHAR(100) NOT NULL",
    },
    Step::Table {
        name: "season",
        columns: "
        id {id},
        code VARCHAR(64) NOT NULL UNIQUE,
        year INTEGER NOT NULL,
        type VARCHAR(10) NOT NULL,
        start_day DATE NOT NULL,
        end_day DATE NOT NULL",
    },
    Step::Table {
        name: "season_except_day",
        columns: "
        season_id BIGINT NOT NULL,
        day DATE NOT NULL,
        PRIMARY KEY (season_id, day),
        FOREIGN KEY (season_id) REFERENCES season (id)",
    },
    Step::Table {
        name: "period",
        columns: "
        id {id},
        code VARCHAR(64) NOT NULL,
        season_id BIGINT NOT NULL,
        grade_type VARCHAR(10) NOT NULL,
        start_time VARCHAR(5) NOT NULL,
        end_time VARCHAR(5) NOT NULL,
        UNIQUE (season_id, code),
        FOREIGN KEY (season_id) REFERENCES season (id)",
    },
    Step::Table {
        name: "class_template",
        columns: "
        id {id},
        code VARCHAR(64) NOT NULL UNIQUE,
        season_id BIGINT NOT NULL,
        subject_id BIGINT NOT NULL,
        grade INTEGER NOT NULL,
        period_id BIGINT NOT NULL,
        recurrence VARCHAR(200) NOT NULL,
        max_classes INTEGER NOT NULL,
        max_students_per_class INTEGER NOT NULL,
        FOREIGN KEY (season_id) REFERENCES season (id),
        FOREIGN KEY (subject_id) REFERENCES subject (id),
        FOREIGN KEY (period_id) REFERENCES period (id)",
    },
    // One row a lesson day of a template: its places, and when its lesson is.
    Step::Table {
        name: "place",
        columns: "
        template_id BIGINT NOT NULL,
        day DATE NOT NULL,
        start_at BIGINT NOT NULL,
        end_at BIGINT NOT NULL,
        capacity INTEGER NOT NULL,
        taken INTEGER NOT NULL DEFAULT 0,
        not_held_at BIGINT NOT NULL,
        not_held_told BOOLEAN NOT NULL DEFAULT FALSE,
        PRIMARY KEY (template_id, day),
        CHECK (taken >= 0 AND taken <= capacity),
        FOREIGN KEY (template_id) REFERENCES class_template (id)",
    },
    Step::Index { name: "place_day", table: "place", columns: "(day)" },
    Step::Index { name: "place_not_held", table: "place", columns: "(not_held_told, not_held_at)" },
    Step::Table {
        name: "coach",
        columns: "
        id {id},
        user_name VARCHAR(64) NOT NULL UNIQUE,
        real_name VARCHAR(100) NOT NULL,
        area_code VARCHAR(6) NOT NULL,
        school_name VARCHAR(200) NOT NULL,
        grade_type VARCHAR(10) NOT NULL,
        subject_id BIGINT NOT NULL,
        phone VARCHAR(20) NOT NULL,
        job_status VARCHAR(12) NOT NULL,
        coach_rank INTEGER NOT NULL,
        forbid_same_city BOOLEAN NOT NULL,
        blocked BOOLEAN NOT NULL DEFAULT FALSE,
        opted_out BOOLEAN NOT NULL DEFAULT FALSE,
        test_passed_at BIGINT,
        last_login_at BIGINT,
        last_invited_at BIGINT,
        version BIGINT NOT NULL DEFAULT 0,
        FOREIGN KEY (subject_id) REFERENCES subject (id)",
    },
    Step::Index { name: "coach_subject", table: "coach", columns: "(subject_id, grade_type, job_status)" },
    Step::Table {
        name: "coach_status_change",
        columns: "
        id {id},
        coach_id BIGINT NOT NULL,
        from_status VARCHAR(12) NOT NULL,
        to_status VARCHAR(12) NOT NULL,
        operator VARCHAR(64) NOT NULL,
        remark VARCHAR(500) NOT NULL,
        changed_at BIGINT NOT NULL,
        FOREIGN KEY (coach_id) REFERENCES coach (id)",
    },
    Step::Index {
        name: "coach_status_change_coach",
        table: "coach_status_change",
        columns: "(coach_id, id)",
    },
    Step::Table {
        name: "coach_availability",
        columns: "
        id {id},
        coach_id BIGINT NOT NULL,
        season_id BIGINT NOT NULL,
        period_id BIGINT NOT NULL,
        recurrence VARCHAR(200) NOT NULL,
        start_day DATE NOT NULL,
        end_day DATE NOT NULL,
        UNIQUE (coach_id, season_id, period_id, recurrence, start_day),
        FOREIGN KEY (coach_id) REFERENCES coach (id),
        FOREIGN KEY (season_id) REFERENCES season (id),
        FOREIGN KEY (period_id) REFERENCES period (id)",
    },
    Step::Table {
        name: "software_test",
        columns: "
        id {id},
        coach_id BIGINT NOT NULL,
        camera BOOLEAN NOT NULL,
        sound BOOLEAN NOT NULL,
        microphone BOOLEAN NOT NULL,
        lesson BOOLEAN NOT NULL,
        whiteboard BOOLEAN NOT NULL,
        passed BOOLEAN NOT NULL,
        tested_at BIGINT NOT NULL,
        FOREIGN KEY (coach_id) REFERENCES coach (id)",
    },
    Step::Index { name: "software_test_coach", table: "software_test", columns: "(coach_id, tested_at)" },
    Step::Table {
        name: "student",
        columns: "
        id {id},
        user_name VARCHAR(64) NOT NULL UNIQUE,
        real_name VARCHAR(100) NOT NULL,
        area_code VARCHAR(6) NOT NULL,
        school_name VARCHAR(200) NOT NULL,
        grade INTEGER NOT NULL,
        phone VARCHAR(20) NOT NULL,
        version BIGINT NOT NULL DEFAULT 0",
    },
    // The need for new classes of one template on one lesson day. `closes_at` is F, or s − 30 min
    // when staff reopened it.
    Step::Table {
        name: "class_task",
        columns: "
        id {id},
        template_id BIGINT NOT NULL,
        day DATE NOT NULL,
        state VARCHAR(10) NOT NULL,
        start_at BIGINT NOT NULL,
        gate_at BIGINT NOT NULL,
        freeze_at BIGINT NOT NULL,
        closes_at BIGINT NOT NULL,
        reopened BOOLEAN NOT NULL DEFAULT FALSE,
        cancelled_by VARCHAR(64) NOT NULL DEFAULT '',
        students INTEGER NOT NULL DEFAULT 0,
        needed INTEGER NOT NULL DEFAULT 0,
        dirty BOOLEAN NOT NULL DEFAULT FALSE,
        early_warned BOOLEAN NOT NULL DEFAULT FALSE,
        told_uncovered INTEGER NOT NULL DEFAULT 0,
        gate_alarmed BOOLEAN NOT NULL DEFAULT FALSE,
        created_at BIGINT NOT NULL,
        version BIGINT NOT NULL DEFAULT 0,
        UNIQUE (template_id, day),
        FOREIGN KEY (template_id) REFERENCES class_template (id)",
    },
    Step::Index { name: "class_task_state", table: "class_task", columns: "(state, closes_at)" },
    Step::Index { name: "class_task_day", table: "class_task", columns: "(day)" },
    // A class that was formed.
    Step::Table {
        name: "class",
        columns: "
        id {id},
        template_id BIGINT NOT NULL,
        task_id BIGINT NOT NULL,
        coach_id BIGINT NOT NULL,
        state VARCHAR(8) NOT NULL,
        first_day DATE NOT NULL,
        last_day DATE NOT NULL,
        formed_at BIGINT NOT NULL,
        version BIGINT NOT NULL DEFAULT 0,
        FOREIGN KEY (template_id) REFERENCES class_template (id),
        FOREIGN KEY (task_id) REFERENCES class_task (id),
        FOREIGN KEY (coach_id) REFERENCES coach (id)",
    },
    Step::Index { name: "class_template_days", table: "class", columns: "(template_id, last_day)" },
    Step::Index { name: "class_coach", table: "class", columns: "(coach_id, state)" },
    Step::Table {
        name: "lesson",
        columns: "
        id {id},
        class_id BIGINT NOT NULL,
        day DATE NOT NULL,
        start_at BIGINT NOT NULL,
        end_at BIGINT NOT NULL,
        coach_id BIGINT NOT NULL,
        state VARCHAR(12) NOT NULL,
        UNIQUE (class_id, day),
        FOREIGN KEY (class_id) REFERENCES class (id),
        FOREIGN KEY (coach_id) REFERENCES coach (id)",
    },
    Step::Index { name: "lesson_coach", table: "lesson", columns: "(coach_id, start_at)" },
    // `last_day` is the last day that still counts: `end_day`, or earlier after a cancellation.
    // `task_id` is the open task that counts the student; `class_id` the class, from `placed_from`
    // on. A reservation is in one class at most because it is one column.
    Step::Table {
        name: "reservation",
        columns: "
        id {id},
        student_id BIGINT NOT NULL,
        template_id BIGINT NOT NULL,
        start_day DATE NOT NULL,
        end_day DATE NOT NULL,
        last_day DATE NOT NULL,
        state VARCHAR(10) NOT NULL,
        created_at BIGINT NOT NULL,
        cancelled_at BIGINT,
        task_id BIGINT,
        class_id BIGINT,
        placed_from DATE,
        version BIGINT NOT NULL DEFAULT 0,
        FOREIGN KEY (student_id) REFERENCES student (id),
        FOREIGN KEY (template_id) REFERENCES class_template (id),
        FOREIGN KEY (task_id) REFERENCES class_task (id),
        FOREIGN KEY (class_id) REFERENCES class (id)",
    },
    Step::Index {
        name: "reservation_unplaced",
        table: "reservation",
        columns: "(state, template_id, start_day, last_day)",
    },
    Step::Index {
        name: "reservation_student",
        table: "reservation",
        columns: "(student_id, template_id, start_day, end_day, created_at)",
    },
    Step::Index { name: "reservation_task", table: "reservation", columns: "(task_id)" },
    Step::Index { name: "reservation_class", table: "reservation", columns: "(class_id)" },
    // `valid_until` bounds a QUEUED invitation, `expires_at` a SENT one. `last_day` is the last
    // lesson day it was planned for.
    Step::Table {
        name: "invitation",
        columns: "
        id {id},
        task_id BIGINT NOT NULL,
        coach_id BIGINT NOT NULL,
        kind VARCHAR(10) NOT NULL,
        state VARCHAR(12) NOT NULL,
        last_day DATE NOT NULL,
        queued_at BIGINT NOT NULL,
        valid_until BIGINT NOT NULL,
        sent_at BIGINT,
        expires_at BIGINT,
        answered_at BIGINT,
        test_deadline BIGINT,
        ended_at BIGINT,
        class_id BIGINT,
        reason VARCHAR(24) NOT NULL DEFAULT '',
        operator VARCHAR(64) NOT NULL DEFAULT '',
        remark VARCHAR(500) NOT NULL DEFAULT '',
        version BIGINT NOT NULL DEFAULT 0,
        UNIQUE (task_id, coach_id),
        UNIQUE (class_id),
        FOREIGN KEY (task_id) REFERENCES class_task (id),
        FOREIGN KEY (coach_id) REFERENCES coach (id),
        FOREIGN KEY (class_id) REFERENCES class (id)",
    },
    Step::Index { name: "invitation_coach", table: "invitation", columns: "(coach_id, queued_at)" },
    Step::Index { name: "invitation_due", table: "invitation", columns: "(state, expires_at)" },
    Step::Index { name: "invitation_deadline", table: "invitation", columns: "(state, test_deadline)" },
    // A day of an availability row that an accepted invitation (later its class) uses. The key
    // makes using it twice impossible.
    Step::Table {
        name: "availability_use",
        columns: "
        availability_id BIGINT NOT NULL,
        day DATE NOT NULL,
        invitation_id BIGINT NOT NULL,
        PRIMARY KEY (availability_id, day),
        FOREIGN KEY (availability_id) REFERENCES coach_availability (id),
        FOREIGN KEY (invitation_id) REFERENCES invitation (id)",
    },
    Step::Index {
        name: "availability_use_invitation",
        table: "availability_use",
        columns: "(invitation_id)",
    },
    // The outbox. `dedup_key` = kind, subject, person, version; `due_at` is when a sender should
    // look at it next.
    Step::Table {
        name: "message",
        columns: "
        id {id},
        dedup_key VARCHAR(190) NOT NULL UNIQUE,
        kind VARCHAR(24) NOT NULL,
        channel VARCHAR(4) NOT NULL,
        audience VARCHAR(8) NOT NULL,
        person VARCHAR(64) NOT NULL,
        address VARCHAR(200) NOT NULL,
        subject VARCHAR(200) NOT NULL DEFAULT '',
        body TEXT NOT NULL,
        state VARCHAR(12) NOT NULL,
        task_id BIGINT,
        invitation_id BIGINT,
        class_id BIGINT,
        lesson_at BIGINT,
        created_at BIGINT NOT NULL,
        due_at BIGINT NOT NULL,
        valid_until BIGINT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        lease_token VARCHAR(36),
        lease_until BIGINT,
        handed_at BIGINT,
        settled_at BIGINT,
        error VARCHAR(500) NOT NULL DEFAULT '',
        FOREIGN KEY (task_id) REFERENCES class_task (id),
        FOREIGN KEY (invitation_id) REFERENCES invitation (id),
        FOREIGN KEY (class_id) REFERENCES class (id)",
    },
    Step::Index { name: "message_due", table: "message", columns: "(state, due_at)" },
    Step::Index { name: "message_lease", table: "message", columns: "(state, lease_until)" },
    Step::Index { name: "message_address", table: "message", columns: "(address, settled_at)" },
    Step::Index { name: "message_person", table: "message", columns: "(person, created_at)" },
    Step::Index { name: "message_invitation", table: "message", columns: "(invitation_id)" },
    Step::Index { name: "message_task", table: "message", columns: "(task_id)" },
    // One row a run of a scheduled task; a tick is unique per task, forever.
    Step::Table {
        name: "task_run",
        columns: "
        id {id},
        task VARCHAR(40) NOT NULL,
        tick_at BIGINT,
        state VARCHAR(8) NOT NULL,
        logical_at BIGINT NOT NULL,
        started_at BIGINT NOT NULL,
        ended_at BIGINT,
        host VARCHAR(100) NOT NULL,
        lease_token VARCHAR(36) NOT NULL,
        lease_until BIGINT NOT NULL,
        report TEXT NOT NULL,
        error VARCHAR(1000) NOT NULL DEFAULT '',
        UNIQUE (task, tick_at)",
    },
    Step::Index { name: "task_run_task", table: "task_run", columns: "(task, id)" },
    // The clock of a testing server: one row. `running` = it goes on from `set_to` since the real
    // instant `set_at`.
    Step::Table {
        name: "test_clock",
        columns: "
        id BIGINT PRIMARY KEY,
        set_to BIGINT NOT NULL,
        set_at BIGINT NOT NULL,
        running BOOLEAN NOT NULL",
    },
    // What a request id was used for, so that a retry gets the same answer.
    Step::Table {
        name: "request_log",
        columns: "
        scope VARCHAR(64) NOT NULL,
        request_id VARCHAR(64) NOT NULL,
        fingerprint VARCHAR(64) NOT NULL,
        result TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (scope, request_id)",
    },
    // Rows that exist to be locked: `invite` serialises whoever makes invitations, `create` whoever
    // makes tasks, `sms` whoever judges which messages may go.
    Step::Table {
        name: "mutex",
        columns: "
        name VARCHAR(20) PRIMARY KEY,
        version BIGINT NOT NULL",
    },
    Step::Row { table: "mutex", cells: &[("name", "'invite'"), ("version", "0")] },
    Step::Row { table: "mutex", cells: &[("name", "'create'"), ("version", "0")] },
    Step::Row { table: "mutex", cells: &[("name", "'sms'"), ("version", "0")] },
];
