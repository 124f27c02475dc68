//! Frames of WebSocket (RFC 6455, 5.2), written by hand: a library would not write wrong ones.

pub const CONTINUED: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;

const LAST: u8 = 0x80;
const MASKED: u8 = 0x80;
/// In the place of a length: the next two bytes have it, or the next eight.
const IN_TWO: u8 = 0x7e;
const IN_EIGHT: u8 = 0x7f;

#[derive(Debug)]
pub struct Frame<'a> {
    pub opcode: u8,
    pub is_last: bool,
    pub data: &'a [u8],
}

impl Frame<'_> {
    /// As clients write it; the mask is zero, which leaves the data readable.
    pub fn write(&self, to: &mut Vec<u8>) {
        to.push(self.opcode | if self.is_last { LAST } else { 0 });
        match (u8::try_from(self.data.len()), u16::try_from(self.data.len())) {
            (Ok(length @ ..IN_TWO), _) => to.push(MASKED | length),
            (_, Ok(length)) => {
                to.push(MASKED | IN_TWO);
                to.extend(length.to_be_bytes());
            }
            _ => {
                to.push(MASKED | IN_EIGHT);
                to.extend((self.data.len() as u64).to_be_bytes());
            }
        }
        to.extend([0; 4]);
        to.extend_from_slice(self.data);
    }
}

/// The whole frames that a server wrote.
pub fn frames(mut bytes: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    while let Some((frame, rest)) = first(bytes) {
        frames.push(frame);
        bytes = rest;
    }
    frames
}

fn first(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let ([first, length], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match *length {
        IN_TWO => {
            let (length, rest) = rest.split_first_chunk()?;
            (u16::from_be_bytes(*length).into(), rest)
        }
        IN_EIGHT => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
        }
        length => (usize::from(length), rest),
    };
    let (data, rest) = rest.split_at_checked(length)?;
    assert_eq!(first & 0x70, 0, "bits that mean nothing here");
    Some((Frame { opcode: first & 0xf, is_last: first & LAST != 0, data }, rest))
}
