//! An emulator that is driven from outside, by the protocol of QEMU's own device tests.
//!
//! `-qtest` reads and writes guest-physical memory, registers and ports for whoever holds the other end of a socket: no
//! guest program is needed. The processor is asleep; time is virtual (`-icount sleep=off`) and jumps to the next timer as
//! soon as nothing else is to be done, which is what makes a device with a slow timer fast.
//!
//! With `-d guest_errors` the emulator complains of every access to an address at which there is nothing, and names the
//! address. So it can be told where an access went that left the memory.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::fs::MemfdFlags;

use crate::{Image, MachineError};

/// How long a single answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// At most so many commands are under way, so that neither side waits for the other to read.
const UNDER_WAY: usize = 256;

/// What to do to guest-physical memory, registers and ports.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Write 32 bits to a port.
    Out(u16, u32),
    /// Write 32 bits.
    Write32(u64, u32),
    /// Write 64 bits.
    Write64(u64, u64),
    /// Read 32 bits.
    Read32(u64),
    /// Read 64 bits.
    Read64(u64),
}

impl Op {
    fn command(self) -> String {
        match self {
            Self::Out(port, value) => format!("outl {port:#x} {value:#x}\n"),
            Self::Write32(address, value) => format!("writel {address:#x} {value:#x}\n"),
            Self::Write64(address, value) => format!("writeq {address:#x} {value:#x}\n"),
            Self::Read32(address) => format!("readl {address:#x}\n"),
            Self::Read64(address) => format!("readq {address:#x}\n"),
        }
    }

    fn answers(self) -> bool {
        matches!(self, Self::Read32(_) | Self::Read64(_))
    }
}

/// A running emulator. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Qtest {
    child: Child,
    socket: BufReader<UnixStream>,
    messages: File,
    /// How much of the messages has been read.
    read: u64,
}

impl Qtest {
    /// Starts `program` as `machine`, with `arguments`, on the memory of `image`.
    pub(crate) fn start(
        program: &str,
        machine: &str,
        arguments: &[OsString],
        image: &Image,
    ) -> Result<Self, MachineError> {
        let messages = File::from(
            rustix::fs::memfd_create("ptgen-qemu-messages", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?,
        );
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        let theirs = OwnedFd::from(theirs);
        let child = command(program, machine, image)
            .args(arguments)
            .stdin(Stdio::from(theirs.try_clone()?))
            .stdout(Stdio::from(theirs))
            .stderr(messages.try_clone()?)
            .spawn()?;
        Ok(Self { child, socket: BufReader::new(ours), messages, read: 0 })
    }

    /// Does all of `ops` in order; what the reads found.
    pub(crate) fn run(&mut self, ops: &[Op]) -> Result<Vec<u64>, MachineError> {
        let mut found = Vec::new();
        for ops in ops.chunks(UNDER_WAY) {
            let commands: String = ops.iter().map(|op| op.command()).collect();
            self.socket.get_mut().write_all(commands.as_bytes()).map_err(|error| self.stopped(&error.to_string()))?;
            for op in ops {
                let answer = self.answer()?;
                if op.answers() {
                    found.push(answer.ok_or_else(|| self.stopped("a read without an answer"))?);
                }
            }
        }
        Ok(found)
    }

    /// One answer: `OK`, or `OK` and a number.
    fn answer(&mut self) -> Result<Option<u64>, MachineError> {
        let mut line = String::new();
        match self.socket.read_line(&mut line) {
            Ok(0) => return Err(self.stopped("it ended")),
            Ok(_) => {}
            Err(error) => return Err(self.stopped(&error.to_string())),
        }
        let mut words = line.split_whitespace();
        if words.next() != Some("OK") {
            return Err(self.stopped(&format!("it answered {line:?}")));
        }
        match words.next() {
            None => Ok(None),
            Some(word) => match number(word) {
                Some(number) => Ok(Some(number)),
                None => Err(self.stopped(&format!("it answered {line:?}"))),
            },
        }
    }

    /// The addresses, in order, of the accesses that found nothing since the last call.
    pub(crate) fn complaints(&mut self) -> Result<Vec<u64>, MachineError> {
        let text = self.news()?;
        let address = |line: &str| {
            let (_, rest) = line.split_once("Invalid ")?.1.split_once(" at addr ")?;
            number(rest.split(',').next()?)
        };
        Ok(text.lines().filter_map(address).collect())
    }

    /// What the emulator has said since the last call.
    fn news(&mut self) -> Result<String, MachineError> {
        let end = self.messages.metadata()?.len();
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(self.read)).expect("messages fit into memory")];
        self.messages.read_exact_at(&mut bytes, self.read)?;
        self.read = end;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// An error that says what the emulator said last.
    pub(crate) fn stopped(&self, reason: &str) -> MachineError {
        let mut last = vec![0; 600];
        let end = self.messages.metadata().map_or(0, |it| it.len());
        let count = self.messages.read_at(&mut last, end.saturating_sub(600)).unwrap_or(0);
        let said = String::from_utf8_lossy(&last[..count]).trim().to_owned();
        MachineError::Stopped { reason: format!("the emulator: {reason}: {said}"), left: 0 }
    }
}

impl Drop for Qtest {
    fn drop(&mut self) {
        // It has no state worth keeping; if it has ended already, that is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(program: &str, machine: &str, image: &Image) -> Command {
    let mut command = Command::new(program);
    let mut memory = OsString::from(format!("memory-backend-file,id=ram,share=on,size={},mem-path=", image.bytes()));
    memory.push(image.path());
    command
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot"])
        .args(["-accel", "tcg", "-icount", "shift=0,sleep=off"])
        .args(["-qtest", "stdio", "-qtest-log", "none", "-d", "guest_errors"])
        .arg("-object")
        .arg(memory)
        .arg("-m")
        .arg(format!("{}M", image.bytes() >> 20))
        .arg("-machine")
        .arg(format!("{machine},memory-backend=ram"));
    command
}

/// A hexadecimal number with its prefix.
fn number(word: &str) -> Option<u64> {
    u64::from_str_radix(word.trim().strip_prefix("0x")?, 16).ok()
}
