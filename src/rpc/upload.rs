//! Reads a client stream, whole or not at all.
//!
//! HTTP/2 cannot tell a whole stream from half of one: a proxy ends the stream of a caller that has
//! gone as if the caller had ended it, and so does a connection that keepalive gives up. So a
//! stream counts only when its last step says that it is the last, with counts that agree with what
//! came before it, and nothing follows.

use crate::error::{Error, Result};
use tonic::{Status, Streaming};

/// What an upload holds while it arrives, one step after the other.
pub(super) trait Upload {
    /// A message of the stream.
    type Step: Send + 'static;

    /// Takes the next step; the last one tells what was sent.
    ///
    /// # Errors
    /// A step that is wrong or out of order. It ends the upload.
    fn take(&mut self, step: Self::Step) -> Result<Next>;

    /// What has come so far, as "2 files and 30 rows".
    fn so_far(&self) -> String;
}

/// What must follow a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another step.
    Step,
    /// Nothing: the step was the last one, and its counts agree.
    Nothing,
}

/// Reads an upload to its end. Nothing of it may be used unless this is `Ok`.
///
/// # Errors
/// A stream that breaks off, ends before its last step, or goes on after it; a wrong step.
pub(super) async fn read_whole<U: Upload>(
    mut upload: U,
    mut stream: Streaming<U::Step>,
) -> Result<U, Status> {
    loop {
        let Some(step) = stream.message().await? else {
            let reason =
                format!("is missing: the stream ended after {}, and nothing of it is used", upload.so_far());
            return Err(Error::invalid("end", reason).into());
        };
        match upload.take(step)? {
            Next::Step => {}
            Next::Nothing => break,
        }
    }
    match stream.message().await? {
        None => Ok(upload),
        Some(_) => {
            let reason = format!(
                "is not the last step: another follows after {}, and nothing of it is used",
                upload.so_far()
            );
            Err(Error::invalid("end", reason).into())
        }
    }
}
