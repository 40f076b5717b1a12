//! A machine that ran a kernel until that had nothing more to do, and stands still.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::gdb::Gdb;
use crate::qmp::Qmp;
use crate::{Architecture, Error, Kernel};

/// The memory of the machine in bytes.
const MEMORY: u64 = 256 << 20;
/// How long a kernel may take. On an idle machine it is some seconds.
const DEADLINE: Duration = Duration::from_secs(180);

/// The machine.
pub struct Stopped {
    architecture: Architecture,
    child: Child,
    qmp: Qmp,
    folder: PathBuf,
}

/// What the machine's memory holds.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The bytes.
    pub file: PathBuf,
    /// The physical address of the first.
    pub base: u64,
}

impl Stopped {
    pub(crate) fn boot(kernel: &Kernel, processor: &str, words: &str) -> Result<Self, Error> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("ptgen-kernels-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let architecture = kernel.architecture;
        let mut child = Command::new(architecture.program())
            .args(["-machine", architecture.machine(), "-cpu", processor, "-m", &format!("{}M", MEMORY >> 20)])
            .args(["-nodefaults", "-display", "none", "-no-reboot", "-qmp", "stdio"])
            .args(["-chardev", &format!("file,id=line,path={}", serial(&folder).display())])
            .args(match architecture.console_device() {
                Some(device) => ["-device".to_owned(), format!("{device},chardev=line")],
                None => ["-serial".to_owned(), "chardev:line".to_owned()],
            })
            .args(["-gdb", &format!("unix:{},server=on,wait=off", socket(&folder).display())])
            .arg("-kernel")
            .arg(&kernel.image)
            .args(["-append", &format!("console={} {} {words}", architecture.console(), architecture.end().1)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("messages"))?)
            .spawn()?;
        let qmp = match Qmp::of(&mut child) {
            Ok(qmp) => qmp,
            Err(error) => {
                let said = std::fs::read_to_string(folder.join("messages")).unwrap_or_default();
                child.kill().and_then(|()| child.wait())?;
                return Err(format!("{}: {error}: {said}", architecture.program()).into());
            }
        };
        let mut machine = Self { architecture, child, qmp, folder };
        machine.wait()?;
        machine.qmp.command("stop", &json!({}))?;
        Ok(machine)
    }

    /// Waits for the kernel's last words.
    fn wait(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let said = std::fs::read(serial(&self.folder)).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            if said.contains(self.architecture.end().0) {
                return Ok(());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let lines: Vec<&str> = said.lines().rev().take(10).collect();
                let lines: Vec<&str> = lines.into_iter().rev().collect();
                return Err(
                    format!("the kernel did not come to its end, {ended:?}; it said\n{}", lines.join("\n")).into()
                );
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the monitor says to a line.
    ///
    /// # Errors
    ///
    /// If the machine has ended.
    pub fn monitor(&mut self, line: &str) -> Result<String, Error> {
        Ok(self.qmp.monitor(&[line.to_owned()])?.concat())
    }

    /// A register of the processor by its name: `CR3`, `satp`, `TTBR1_EL1`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn register(&mut self, name: &str) -> Result<u64, Error> {
        if self.architecture.hides_registers() {
            return Gdb::connect(&socket(&self.folder))?.system_register(name);
        }
        let listed = self.monitor("info registers")?;
        find_register(&listed, name).ok_or_else(|| format!("`info registers` does not list {name}").into())
    }

    /// All memory, in a file that lives as long as the machine.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn memory(&mut self) -> Result<Memory, Error> {
        let memory = Memory { file: self.folder.join("memory"), base: self.architecture.base() };
        let said = self.monitor(&format!("pmemsave {:#x} {MEMORY:#x} \"{}\"", memory.base, memory.file.display()))?;
        if !said.trim().is_empty() || std::fs::metadata(&memory.file)?.len() != MEMORY {
            return Err(format!("pmemsave: {said}").into());
        }
        Ok(memory)
    }

    /// What the machine translates each address to, as the processor stands now; `None` where it does not.
    ///
    /// # Errors
    ///
    /// If the machine has ended.
    pub fn physical(&mut self, addresses: &[u64]) -> Result<Vec<Option<u64>>, Error> {
        let lines: Vec<String> = addresses.iter().map(|address| format!("gva2gpa {address:#x}")).collect();
        let said = self.qmp.monitor(&lines)?;
        said.iter().map(|line| physical(line)).collect()
    }
}

/// Reads `gpa: 0x1234`, or `Unmapped`.
fn physical(line: &str) -> Result<Option<u64>, Error> {
    let line = line.trim();
    if line == "Unmapped" {
        return Ok(None);
    }
    let digits = line.strip_prefix("gpa: 0x").ok_or_else(|| format!("gva2gpa says {line:?}"))?;
    Ok(Some(u64::from_str_radix(digits, 16)?))
}

/// The value of a register in a listing: `CR3=0000000001834000`, ` satp     8000000000081fca`.
fn find_register(listed: &str, name: &str) -> Option<u64> {
    let mut words = listed.split([' ', '=', '\n', '\r']).filter(|word| !word.is_empty());
    words.find(|word| *word == name)?;
    u64::from_str_radix(words.next()?, 16).ok()
}

fn serial(folder: &Path) -> PathBuf {
    folder.join("serial")
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("gdb")
}

/// The process and its files go with the machine.
impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_found_by_their_whole_name() {
        let listed = "CR0=80050033 CR2=ffff8b8d48601000 CR3=0000000007622000 CR4=000006f0\n";
        assert_eq!(find_register(listed, "CR3"), Some(0x762_2000));
        assert_eq!(find_register(" vsatp    1\n satp     8000000000081fca\n", "satp"), Some(0x8000_0000_0008_1fca));
        assert_eq!(find_register(listed, "CR5"), None);
    }

    #[test]
    fn the_monitor_says_where_or_that_there_is_nothing() {
        assert_eq!(physical("gpa: 0x42997000\r\n").unwrap(), Some(0x4299_7000));
        assert_eq!(physical("Unmapped\r\n").unwrap(), None);
        assert!(physical("no memory is mapped").is_err());
    }
}
