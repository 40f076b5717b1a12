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

    /// A register of 64 bits of the system registers, by its name.
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
        let bytes = value.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        bytes.map(u64::swap_bytes).ok_or_else(|| format!("the register {name} holds {value:?}").into())
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
