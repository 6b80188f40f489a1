use crate::buffer::Buffer;
use crate::{u32_at, Value};

/// A command to classify (sdk/ABI.md 4), read where the gateway wrote it.
pub struct Command<'a> {
    fields: &'a [u8],
    /// `postgres`, `redis`, `ssh`, …
    pub protocol: &'a str,
    /// As the client sent it: any bytes.
    pub text: &'a [u8],
    /// What the gateway's parser knows.
    pub facts: Value<'a>,
    /// What was decided so far; only `trigger` sees it.
    pub decision: Value<'a>,
}

/// A bound value.
pub struct Param<'a> {
    /// The value is in the protocol's binary format.
    pub binary: bool,
    /// `None` is NULL.
    pub value: Option<&'a [u8]>,
}

/// One field of a sequence, and what is behind it; `None` where the sequence ends or is broken.
fn field(b: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    if b.len() < 8 {
        return None;
    }
    let n = u32_at(b, 4) as usize;
    if n > b.len() - 8 {
        return None;
    }
    let (value, rest) = b[8..].split_at(n);
    Some((u32_at(b, 0), value, rest))
}

struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, value, rest) = field(self.0)?;
        self.0 = rest;
        Some((tag, value))
    }
}

impl<'a> Command<'a> {
    /// `None` for what is no sequence of fields. Fields that it does not know are skipped.
    pub fn read(b: &'a [u8]) -> Option<Command<'a>> {
        let mut c = Command { fields: b, protocol: "", text: b"", facts: Value::default(), decision: Value::default() };
        let mut rest = b;
        while !rest.is_empty() {
            let (tag, value, after) = field(rest)?;
            rest = after;
            match tag {
                1 => c.protocol = core::str::from_utf8(value).ok()?,
                2 => c.text = value,
                3 => c.facts = Value::new(value),
                4 => drop(core::str::from_utf8(value).ok()?),
                5 if value.is_empty() => return None,
                7 => c.decision = Value::new(value),
                _ => {}
            }
        }
        Some(c)
    }

    /// The principal's groups.
    pub fn groups(&self) -> impl Iterator<Item = &'a str> {
        Fields(self.fields).filter(|f| f.0 == 4).map(|f| core::str::from_utf8(f.1).unwrap_or(""))
    }

    /// The bound values, in order.
    pub fn params(&self) -> impl Iterator<Item = Param<'a>> {
        Fields(self.fields).filter_map(|(tag, value)| match tag {
            5 => Some(Param { binary: value[0] & 1 != 0, value: Some(&value[1..]) }),
            6 => Some(Param { binary: false, value: None }),
            _ => None,
        })
    }
}

/// What a classifier finds.
pub struct Classification {
    b: Buffer,
    risk: u32,
}

impl Classification {
    pub const fn new() -> Classification {
        Classification { b: Buffer::new(), risk: 0 }
    }

    pub(crate) fn reset(&mut self) {
        self.b.clear();
        self.risk = 0;
    }

    /// Adds a label: `[a-z0-9][a-z0-9-_.:]*`, at most 64 bytes; at most 32 labels.
    pub fn label(&mut self, name: &str) {
        self.b.push_field(1, name.as_bytes());
    }

    /// Raises the risk to n, at most 100.
    pub fn risk(&mut self, n: u32) {
        self.risk = self.risk.max(n.min(100));
    }

    /// Says why, once, in one line of at most 512 bytes. It must not quote data: it is kept and shown.
    pub fn reason(&mut self, text: &str) {
        self.b.push_field(3, text.as_bytes());
    }

    /// Marks bytes `from..to` of the command's text as sensitive.
    pub fn span(&mut self, from: usize, to: usize, kind: &str) {
        self.mark(0, from, to, kind);
    }

    /// Marks bytes of bound value i as sensitive.
    pub fn param_span(&mut self, i: usize, from: usize, to: usize, kind: &str) {
        self.mark(i as u32 + 1, from, to, kind);
    }

    fn mark(&mut self, place: u32, from: usize, to: usize, kind: &str) {
        for v in [4, 12 + kind.len() as u32, place, from as u32, to as u32] {
            self.b.push_u32(v);
        }
        self.b.push(kind.as_bytes());
    }

    pub(crate) fn encode(&mut self) -> &[u8] {
        if self.risk > 0 {
            self.b.push_field(2, &self.risk.to_le_bytes());
        }
        self.b.bytes()
    }
}

impl Default for Classification {
    fn default() -> Self {
        Classification::new()
    }
}

/// Asks that somebody approves.
pub struct Hold<'a> {
    /// The name of an `approval` block.
    pub approval: &'a str,
    /// One line of at most 512 bytes, without data; may be empty.
    pub reason: &'a str,
}

impl Hold<'_> {
    pub(crate) fn encode(&self, out: &mut Buffer) {
        out.push_field(1, self.approval.as_bytes());
        if !self.reason.is_empty() {
            out.push_field(2, self.reason.as_bytes());
        }
    }
}
