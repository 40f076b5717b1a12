//! What a program executes between two marks: it is stepped through one instruction at a time, by the debugging interface
//! of the system. Unrolled, vectorised or not, a loop costs what it costs.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// More than any case needs: who steps this far is lost.
const LIMIT: u64 = 2_000_000;

/// How often each instruction was executed, by its address.
#[derive(Debug, Default)]
pub struct Steps(BTreeMap<u64, u64>);

impl Steps {
    /// How many instructions were executed.
    pub fn all(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many of them belong to loops: were executed at least `times` times.
    pub fn repeated(&self, times: u64) -> u64 {
        self.0.values().filter(|&&count| count >= times).sum()
    }
}

/// Runs `program` with `arguments` and steps from one of its marks to the next.
///
/// The program says something when it is ready, reads a line before it begins, and raises `SIGUSR1` as its mark.
pub fn trace(program: &Path, arguments: &[&str]) -> Result<Steps, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let traced = step_through(&mut child);
    if traced.is_err() {
        // Nothing is left running.
        drop(child.kill());
    }
    let ended = child.wait().map_err(|error| error.to_string())?;
    let checked = traced.and_then(|steps| if ended.success() { Ok(steps) } else { Err("its check failed".into()) });
    checked.map_err(|error| format!("{} {}: {error}", program.display(), arguments.join(" ")))
}

fn step_through(child: &mut Child) -> Result<Steps, String> {
    let pid = Pid::from_raw(child.id().try_into().map_err(|_| "a strange process number")?);
    // Before that, it may still be on its way into the program.
    let mut said = String::new();
    let output = child.stdout.as_mut().ok_or("no output")?;
    BufReader::new(output).read_line(&mut said).map_err(|error| error.to_string())?;
    ptrace::attach(pid).map_err(|error| format!("cannot be traced ({error}); the system forbids it?"))?;
    wait_for(pid, Signal::SIGSTOP)?;
    child.stdin.take().ok_or("no input")?.write_all(b"\n").map_err(|error| error.to_string())?;
    ptrace::cont(pid, None).map_err(|error| error.to_string())?;
    wait_for(pid, Signal::SIGUSR1)?;
    let mut steps = Steps::default();
    let mut at = 0;
    for _ in 0..LIMIT {
        ptrace::step(pid, None).map_err(|error| error.to_string())?;
        match waitpid(pid, None).map_err(|error| error.to_string())? {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
            WaitStatus::Stopped(_, Signal::SIGUSR1) => {
                ptrace::detach(pid, None).map_err(|error| error.to_string())?;
                return Ok(steps);
            }
            other => return Err(format!("unexpected: {other:?}")),
        }
        let now = ptrace::getregs(pid).map_err(|error| error.to_string())?.rip;
        // A string instruction stops after each repetition, where it stands.
        if now != at {
            *steps.0.entry(now).or_default() += 1;
        }
        at = now;
    }
    Err("does not come to an end".into())
}

fn wait_for(pid: Pid, wanted: Signal) -> Result<(), String> {
    match waitpid(pid, None).map_err(|error| error.to_string())? {
        WaitStatus::Stopped(_, signal) if signal == wanted => Ok(()),
        other => Err(format!("unexpected: {other:?}")),
    }
}

#[test]
fn loops_are_told_from_straight_code() {
    let steps = Steps([(0x10, 1), (0x14, 64), (0x18, 63), (0x1c, 2)].into());
    assert_eq!((steps.all(), steps.repeated(32)), (130, 127));
}
