//! `etutord`, the server. See `etutord --help`.

use std::process::ExitCode;

/// glibc gives each thread a heap of its own and keeps what was freed there: after eleven days of a
/// season four fifths of the server's memory were free and still held (benches/RESULTS.md,
/// "Memory").
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    etutor::daemon::main()
}
