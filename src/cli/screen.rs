//! A screen that is drawn again in place; what stood on the terminal before is there again after
//! it.

use super::exit::Failure;
use super::output;
use rustix::termios::tcgetwinsize;

/// Rows and columns where the terminal does not say how large it is.
const SIZE: (usize, usize) = (24, 80);

/// The whole terminal, until it is dropped.
#[derive(Debug)]
pub(super) struct Screen(());

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> Self {
        // The other screen, from its top. Whoever cannot be told now cannot be shown anything.
        let _taken = output::write("\x1b[?1049h\x1b[H\x1b[2J");
        Self(())
    }

    /// Draws a text, as much of it as fits, and a last line.
    pub(super) fn draw(&self, text: &str, last: &str) -> Result<(), Failure> {
        let size = tcgetwinsize(std::io::stdout()).ok();
        let size = size.map(|size| (usize::from(size.ws_row), usize::from(size.ws_col)));
        let (rows, columns) = size.filter(|(rows, columns)| *rows > 0 && *columns > 0).unwrap_or(SIZE);
        output::write(&format!("\x1b[H\x1b[2J{}", fit(text, last, rows, columns)))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _left = output::write("\x1b[?1049l");
    }
}

/// The lines that fit into rows and columns, of more with how many are left out, and the last line.
fn fit(text: &str, last: &str, rows: usize, columns: usize) -> String {
    let cut = |line: &str| match line.chars().count() > columns {
        true => line.chars().take(columns.saturating_sub(1)).chain(['…']).collect(),
        false => line.to_owned(),
    };
    let lines: Vec<&str> = text.lines().collect();
    let room = rows.saturating_sub(1);
    let mut shown: Vec<String> = match lines.len() > room {
        true => {
            let kept = room.saturating_sub(1);
            let more = format!("… {} more", lines.len() - kept);
            lines.iter().take(kept).map(|line| cut(line)).chain([more]).collect()
        }
        false => lines.iter().map(|line| cut(line)).collect(),
    };
    shown.push(cut(last));
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_and_counted() {
        assert_eq!(fit("a\nb", "q ends", 24, 80), "a\nb\nq ends");
        assert_eq!(fit("head\n1\n2\n3\n4", "q ends", 4, 80), "head\n1\n… 3 more\nq ends");
        assert_eq!(fit("head\n1\n2", "q ends", 4, 80), "head\n1\n2\nq ends");
        assert_eq!(fit("12345\n1234", "q", 4, 4), "123…\n1234\nq");
    }
}
