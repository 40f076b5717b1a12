//! Running QEMU: one process a batch, memory shared through a file, a deadline.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;

use crate::control::Control;
use crate::{Image, MachineError, Missing};

/// How long a run may take. A full batch takes well under a second on an idle machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// One of QEMU's programs and the machine it is to be.
#[derive(Debug)]
pub(crate) struct Qemu {
    /// The program.
    pub(crate) program: &'static str,
    /// The value of `-machine`, to which the memory is added.
    pub(crate) machine: &'static str,
    /// Further arguments.
    pub(crate) arguments: Vec<OsString>,
}

impl Qemu {
    /// Asks the program for its version.
    pub(crate) fn version(program: &str, name: &'static str, remedy: &'static str) -> Result<String, Missing> {
        let missing = |reason: String| Missing { name, reason, remedy };
        let output = Command::new(program)
            .arg("--version")
            .output()
            .map_err(|error| missing(format!("{program} cannot be run: {error}")))?;
        if !output.status.success() {
            return Err(missing(format!("{program} --version: {}", output.status)));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().unwrap_or(program).to_owned())
    }

    /// Runs the machine on the image until it switches itself off.
    pub(crate) fn run(&self, image: &Image, control: Control<'_>) -> Result<(), MachineError> {
        self.run_until(image, control, || false)
    }

    /// Runs a machine that cannot switch itself off on the image until its stub has finished.
    pub(crate) fn run_until_done(&self, image: &Image, control: Control<'_>) -> Result<(), MachineError> {
        self.run_until(image, control, || control.done())
    }

    fn run_until(&self, image: &Image, control: Control<'_>, ends: impl Fn() -> bool) -> Result<(), MachineError> {
        let messages = File::from(
            rustix::fs::memfd_create("ptgen-qemu-messages", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?,
        );
        let mut child = self.command(image).stdout(Stdio::null()).stderr(messages.try_clone()?).spawn()?;
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if ends() {
                child.kill()?;
                break child.wait()?;
            }
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                return Err(MachineError::Timeout { left: control.left() });
            }
            thread::sleep(Duration::from_millis(2));
        };
        if control.done() {
            return Ok(());
        }
        Err(MachineError::Stopped {
            reason: format!("{} ended with {status}{}", self.program, tail(messages)),
            left: control.left(),
        })
    }

    fn command(&self, image: &Image) -> Command {
        let mut command = Command::new(self.program);
        let mut memory =
            OsString::from(format!("memory-backend-file,id=ram,share=on,size={},mem-path=", image.bytes()));
        memory.push(image.path());
        command
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-no-reboot", "-accel", "tcg", "-monitor", "none"])
            .arg("-object")
            .arg(memory)
            .arg("-m")
            .arg(format!("{}M", image.bytes() >> 20))
            .arg("-machine")
            .arg(format!("{},memory-backend=ram", self.machine))
            .args(&self.arguments)
            .stdin(Stdio::null());
        command
    }
}

/// What the process complained of, for a message.
fn tail(mut messages: File) -> String {
    let mut text = String::new();
    if messages.rewind().is_err() || messages.read_to_string(&mut text).is_err() || text.is_empty() {
        return String::new();
    }
    format!(": {}", text.trim())
}
