/// A piece of valid JSON, read where it lies: nothing is allocated. What is not there, or of another type, is empty, 0 or
/// false. On what is no JSON it ends, and says nothing sensible.
#[derive(Clone, Copy, Default)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    pub fn new(json: &'a [u8]) -> Value<'a> {
        Value(trim(json))
    }

    /// The JSON itself.
    pub fn json(self) -> &'a [u8] {
        self.0
    }

    /// There is no such member.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Walks down an object's members.
    pub fn get(self, path: &[&str]) -> Value<'a> {
        path.iter().fold(self, |v, name| {
            if v.0.first() != Some(&b'{') {
                return Value::default();
            }
            v.members().find(|(key, _)| key.is(name)).map_or(Value::default(), |(_, value)| value)
        })
    }

    /// Members of an object or elements of an array, whose keys are empty.
    pub fn members(self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> {
        let object = self.0.first() == Some(&b'{');
        let rest = if object || self.0.first() == Some(&b'[') { &self.0[1..] } else { &[] };
        Members { rest, object }
    }

    /// The value is `true`.
    pub fn bool(self) -> bool {
        self.0 == b"true"
    }

    /// A whole number, 0 for anything else.
    pub fn int(self) -> i64 {
        let (sign, digits) = match self.0.split_first() {
            Some((b'-', rest)) => (-1, rest),
            _ => (1, self.0),
        };
        let mut n: i64 = 0;
        for c in digits {
            if !c.is_ascii_digit() || n > 1 << 40 {
                return 0;
            }
            n = n * 10 + i64::from(c - b'0');
        }
        sign * n
    }

    /// The value is this string.
    pub fn is(self, s: &str) -> bool {
        self.chars().map_or(false, |chars| chars.eq(s.bytes()))
    }

    /// An array has this string.
    pub fn has(self, s: &str) -> bool {
        self.0.first() == Some(&b'[') && self.members().any(|(_, v)| v.is(s))
    }

    /// A string's text in `out`, its escapes undone; `None` if it is no string or `out` is too short.
    pub fn text(self, out: &mut [u8]) -> Option<&[u8]> {
        let mut n = 0;
        for c in self.chars()? {
            *out.get_mut(n)? = c;
            n += 1;
        }
        Some(&out[..n])
    }

    fn chars(self) -> Option<Chars<'a>> {
        if self.0.len() < 2 || self.0[0] != b'"' {
            return None;
        }
        Some(Chars { rest: &self.0[1..self.0.len() - 1], pending: [0; 4], left: 0 })
    }
}

fn trim(mut b: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\n' | b'\t' | b'\r', rest)) = b.split_first() {
        b = rest;
    }
    while let Some((b' ' | b'\n' | b'\t' | b'\r', rest)) = b.split_last() {
        b = rest;
    }
    b
}

/// How long the first value of b is.
fn first(b: &[u8]) -> usize {
    let mut depth = 0;
    let mut i = 0;
    while i < b.len() {
        match b[i] {
            b'"' => {
                i += 1;
                while i < b.len() && b[i] != b'"' {
                    i += 1 + usize::from(b[i] == b'\\');
                }
                if depth == 0 {
                    return b.len().min(i + 1);
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return i,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
            }
            b',' | b':' | b' ' | b'\n' | b'\t' | b'\r' if depth == 0 => return i,
            _ => {}
        }
        i += 1;
    }
    b.len()
}

struct Members<'a> {
    rest: &'a [u8],
    object: bool,
}

impl<'a> Members<'a> {
    fn value(&mut self) -> Value<'a> {
        self.rest = trim(self.rest);
        let (value, rest) = self.rest.split_at(first(self.rest));
        self.rest = rest;
        Value(value)
    }

    fn skip(&mut self, c: u8) {
        self.rest = trim(self.rest);
        if self.rest.first() == Some(&c) {
            self.rest = &self.rest[1..];
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Value<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip(b',');
        let before = self.rest.len();
        let mut key = Value::default();
        if self.object {
            key = self.value();
            self.skip(b':');
        }
        let value = self.value();
        if value.0.is_empty() || self.rest.len() >= before {
            self.rest = &[]; // the end, or malformed
            return None;
        }
        Some((key, value))
    }
}

/// The bytes of a string whose escapes are undone.
struct Chars<'a> {
    rest: &'a [u8],
    pending: [u8; 4], // of one character, its last byte first
    left: usize,
}

impl<'a> Chars<'a> {
    fn take(&mut self) -> Option<u8> {
        let (c, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*c)
    }

    fn hex(&mut self) -> u32 {
        let mut n = 0;
        for _ in 0..4 {
            let digit = self.take().and_then(|c| char::from(c).to_digit(16));
            match digit {
                Some(d) => n = n << 4 | d,
                None => return 0xfffd,
            }
        }
        n
    }

    fn escaped(&mut self) -> u8 {
        match self.take() {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'u') => {
                let mut n = self.hex();
                if (0xd800..0xdc00).contains(&n) && self.rest.starts_with(b"\\u") {
                    let after = self.rest;
                    self.rest = &self.rest[2..];
                    let low = self.hex();
                    if (0xdc00..0xe000).contains(&low) {
                        n = 0x10000 + ((n - 0xd800) << 10) + (low - 0xdc00);
                    } else {
                        self.rest = after;
                    }
                }
                let mut utf8 = [0; 4];
                let bytes = char::from_u32(n).unwrap_or('\u{fffd}').encode_utf8(&mut utf8).as_bytes();
                for (i, c) in bytes.iter().rev().enumerate() {
                    self.pending[i] = *c;
                }
                self.left = bytes.len() - 1;
                self.pending[self.left]
            }
            Some(c) => c,
            None => b'\\',
        }
    }
}

impl Iterator for Chars<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.left > 0 {
            self.left -= 1;
            return Some(self.pending[self.left]);
        }
        match self.take()? {
            b'\\' => Some(self.escaped()),
            c => Some(c),
        }
    }
}
