//! `invite check`: tasks shrink and grow, coaches fall out.
