//! `invite notify_class`: the gate, the early warning, the night.
