/// Short, since every result has room for it.
const MAX: usize = 112;

/// Why a call failed. In [`configure`](crate::Plugin::configure) the operator reads it; elsewhere it goes nowhere but to
/// a tool that the plugin's author runs. The call, and the command with it, fails.
pub struct Failure {
    text: [u8; MAX],
    len: usize,
}

impl Failure {
    /// At most 112 bytes; the rest is cut.
    pub fn new(text: &str) -> Failure {
        let mut f = Failure { text: [0; MAX], len: 0 };
        f.push(text);
        f
    }

    /// A failure of the setting that a JSON pointer (`/detectors/1`) names.
    pub fn at(pointer: &str, text: &str) -> Failure {
        let mut f = Failure::new(pointer);
        f.push(": ");
        f.push(text);
        f
    }

    fn push(&mut self, text: &str) {
        let mut n = text.len().min(self.text.len() - self.len);
        while !text.is_char_boundary(n) {
            n -= 1;
        }
        self.text[self.len..self.len + n].copy_from_slice(&text.as_bytes()[..n]);
        self.len += n;
    }

    pub fn text(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Failure {
        Failure::new(text)
    }
}

/// So that `write!` can make the text.
impl core::fmt::Write for Failure {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        self.push(s);
        Ok(())
    }
}

impl core::fmt::Debug for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter) -> core::fmt::Result {
        f.write_str(core::str::from_utf8(self.text()).unwrap_or("?"))
    }
}
