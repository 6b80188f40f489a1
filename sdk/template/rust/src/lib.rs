//! The my-plugin plugin finds a code name in values.
#![cfg_attr(not(test), no_std)]

use sluice::{Batch, Edits, Failure, Manifest, Plugin, Value};

const CODENAME: usize = 0; // an index into kinds
const LONGEST: usize = 256; // 64 characters

struct Codename {
    word: [u8; LONGEST],
    length: usize,
}

impl Plugin for Codename {
    const MANIFEST: Manifest = Manifest {
        description: "finds a code name",
        kinds: &["codename"],
        reach: LONGEST as u32,
        settings: r#"{
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "word": {"description": "what to look for; Bluebird if absent", "type": "string", "minLength": 3, "maxLength": 64}
            }
        }"#,
        vectors: include_str!("../vectors.txt"),
        ..Manifest::new("my-plugin", "0.1.0")
    };

    fn configure(settings: Value) -> Result<Codename, Failure> {
        let mut c = Codename { word: [0; LONGEST], length: 0 };
        let word = settings.get(&["word"]);
        let word = if word.is_empty() { Value::new(b"\"Bluebird\"") } else { word };
        c.length = word.text(&mut c.word).ok_or_else(|| Failure::at("/word", "too long"))?.len();
        Ok(c)
    }

    fn mask(&self, batch: &Batch, found: &mut Edits) -> Result<(), Failure> {
        for cell in batch.cells() {
            let value = cell.value.unwrap_or(b"");
            let mut at = 0;
            while let Some(from) = self.find(value, at) {
                at = from + self.length;
                found.add(cell.index, from, at, CODENAME);
            }
        }
        Ok(())
    }
}

impl Codename {
    /// Where the word is next, from a place on.
    fn find(&self, value: &[u8], at: usize) -> Option<usize> {
        (at..value.len()).find(|at| value[*at] == self.word[0] && self.is_at(value, *at))
    }

    // Never inlined: the loop over bytes would pay for it at each byte.
    #[inline(never)]
    fn is_at(&self, value: &[u8], at: usize) -> bool {
        value[at..].starts_with(&self.word[..self.length])
    }
}

// What it provides: mask, and also classify and trigger if they are there.
sluice::plugin!(Codename: mask);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_word() {
        let c = Codename::configure(Value::new(b"{\"word\": \"Robin\"}")).unwrap();
        assert_eq!(c.find(b"a Robin", 0), Some(2));
        assert_eq!(c.find(b"a Robin", 3), None);
        assert_eq!(c.find(b"robin", 0), None);
    }
}
