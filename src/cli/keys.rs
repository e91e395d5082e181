//! The keys that are pressed while a screen is shown: `q` ends it, and so do Ctrl-C and whoever
//! ends the program, after which the terminal is as it was.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{IsTerminal as _, Read as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};

/// Keys as they are pressed, without waiting for a line.
pub(super) struct Keys {
    before: Option<Termios>,
    end: Option<Receiver<()>>,
}

impl Keys {
    /// Nobody presses any.
    pub(super) fn none() -> Self {
        Self { before: None, end: None }
    }

    /// Reads the keys of the terminal, if there is one.
    pub(super) fn read() -> Self {
        let stdin = std::io::stdin();
        let Some(before) = stdin.is_terminal().then(|| tcgetattr(&stdin).ok()).flatten() else {
            return Self::none();
        };
        let mut raw = before.clone();
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        if tcsetattr(&stdin, OptionalActions::Now, &raw).is_err() {
            return Self::none();
        }
        let (say, end) = channel(1);
        // It is never waited for: it ends with the program.
        std::thread::spawn(move || {
            let mut key = [0_u8];
            while matches!(std::io::stdin().read(&mut key), Ok(1)) {
                if matches!(key[0], b'q' | b'Q') {
                    let _heard = say.blocking_send(());
                    return;
                }
            }
        });
        Self { before: Some(before), end: Some(end) }
    }

    /// Waits until somebody ends the screen.
    pub(super) async fn ended(&mut self) {
        let pressed = async {
            let key = match &mut self.end {
                Some(end) => end.recv().await,
                None => None,
            };
            // Without a keyboard it goes on until Ctrl-C.
            if key.is_none() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = pressed => {}
            _ = tokio::signal::ctrl_c() => {}
            () = signalled(SignalKind::terminate()) => {}
            () = signalled(SignalKind::hangup()) => {}
        }
    }
}

/// Waits for a signal; without end where it cannot be waited for.
async fn signalled(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // There is nobody to tell.
            let _restored = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
