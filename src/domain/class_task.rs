//! class_task
