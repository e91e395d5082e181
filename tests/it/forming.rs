//! From coaches to classes: the freeze, spreading, students left over, reopening, and what becomes
//! of a class (docs/domain.md §§3, 4).

mod afterwards;
mod city;
mod daily;
mod freeze;
mod left_over;
mod reopening;
mod seats;
