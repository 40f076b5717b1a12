//! As much of the protocol of remote debugging as it takes to read a register by its name.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::Error;

/// So much of a description is asked for at once.
const PART: usize = 0x800;

/// A connection to the emulator's stub.
pub struct Gdb {
    stream: UnixStream,
}

impl Gdb {
    /// Connects to the socket.
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut gdb = Self { stream };
        gdb.ask("qSupported:xmlRegisters=i386")?;
        Ok(gdb)
    }

    /// One of the system registers, of 32 or 64 bits, by its name.
    pub fn system_register(&mut self, name: &str) -> Result<u64, Error> {
        // The emulator gives registers their numbers when it writes the descriptions.
        self.description("target.xml")?;
        let registers = self.description("system-registers.xml")?;
        let wanted = format!("name=\"{name}\"");
        let described = registers.split('<').find(|element| element.contains(&wanted));
        let number =
            described.and_then(|element| element.split("regnum=\"").nth(1)?.split('"').next()?.parse::<u32>().ok());
        let number = number.ok_or_else(|| format!("the machine has no register {name}"))?;
        let value = self.ask(&format!("p{number:x}"))?;
        little(&value).ok_or_else(|| format!("the register {name} holds {value:?}").into())
    }

    fn description(&mut self, name: &str) -> Result<String, Error> {
        let mut text = String::new();
        loop {
            let part = self.ask(&format!("qXfer:features:read:{name}:{:x},{PART:x}", text.len()))?;
            let more = part.strip_prefix('m');
            text.push_str(more.or(part.strip_prefix('l')).ok_or_else(|| format!("{name}: {part:?}"))?);
            if more.is_none() {
                return Ok(text);
            }
        }
    }

    /// Sends a packet and reads the answer.
    fn ask(&mut self, packet: &str) -> Result<String, Error> {
        let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
        self.stream.write_all(format!("${packet}#{sum:02x}").as_bytes())?;
        let mut answer = Vec::new();
        let mut byte = [0];
        // What comes first acknowledges the packet. An end mark and two digits end the answer.
        while answer.len() < 3 || answer[answer.len() - 3] != b'#' {
            self.stream.read_exact(&mut byte)?;
            if byte != *b"$" && !(byte == *b"+" && answer.is_empty()) {
                answer.push(byte[0]);
            }
        }
        self.stream.write_all(b"+")?;
        answer.truncate(answer.len() - 3);
        Ok(String::from_utf8(answer)?)
    }
}

/// A number of 32 or 64 bits whose bytes come in the order of memory, the lowest first.
fn little(digits: &str) -> Option<u64> {
    let number = u64::from_str_radix(digits, 16).ok()?;
    match digits.len() {
        8 => Some(number.swap_bytes() >> 32),
        16 => Some(number.swap_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::little;

    #[test]
    fn registers_come_lowest_byte_first() {
        assert_eq!(little("003500b5"), Some(0xb500_3500));
        assert_eq!(little("0160f14100000000"), Some(0x41f1_6001));
        assert_eq!(little("E14"), None);
    }
}
