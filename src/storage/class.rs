//! Classes, their lessons and rosters.
