//! The scheduled tasks: registry, runner, one file per task.
