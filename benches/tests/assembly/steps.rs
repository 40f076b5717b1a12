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

/// What was executed, by addresses in the program: the same in every run.
#[derive(Debug, Default)]
pub struct Steps {
    /// How often each instruction was.
    counts: BTreeMap<u64, u64>,
    /// Which way each conditional jump went, each time: whether it was taken.
    jumps: BTreeMap<u64, Vec<bool>>,
}

impl Steps {
    /// How many instructions were executed.
    pub fn all(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How many of them belong to loops: were executed at least `times` times.
    pub fn repeated(&self, times: u64) -> u64 {
        self.counts.values().filter(|&&count| count >= times).sum()
    }

    /// How many of the conditional jumps of both runs went another way in one than in the other.
    pub fn forks(&self, other: &Self) -> usize {
        let both = self.jumps.iter().filter_map(|(at, ways)| Some((ways, other.jumps.get(at)?)));
        both.filter(|(ours, theirs)| ours != theirs).count()
    }
}

/// The length of the conditional jump with which the bytes begin: `Jcc` with a displacement of 8 or of 32 bits (Intel SDM
/// vol. 2A).
fn conditional_jump(bytes: [u8; 8]) -> Option<u64> {
    match bytes {
        [0x70..=0x7f, ..] => Some(2),
        [0x0f, 0x80..=0x8f, ..] => Some(6),
        _ => None,
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
    let base = base(pid)?;
    let mut steps = Steps::default();
    // Where the last instruction stands; if it is a conditional jump, what follows it.
    let (mut at, mut jump) = (0, None);
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
            if let Some(behind) = jump {
                steps.jumps.entry(at.wrapping_sub(base)).or_default().push(now != behind);
            }
            *steps.counts.entry(now.wrapping_sub(base)).or_default() += 1;
            jump = conditional_jump(code(pid, now)?).map(|length| now + length);
        }
        at = now;
    }
    Err("does not come to an end".into())
}

/// Where the system put the program.
fn base(pid: Pid) -> Result<u64, String> {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).map_err(|error| error.to_string())?;
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).map_err(|error| error.to_string())?;
    let program = program.to_string_lossy();
    let first = maps.lines().find(|line| line.ends_with(&*program)).and_then(|line| line.split('-').next());
    u64::from_str_radix(first.ok_or("the program is not in its own memory")?, 16).map_err(|error| error.to_string())
}

/// What stands at an address of the program.
fn code(pid: Pid, at: u64) -> Result<[u8; 8], String> {
    let word = ptrace::read(pid, at as ptrace::AddressType).map_err(|error| error.to_string())?;
    Ok(word.to_ne_bytes())
}

fn wait_for(pid: Pid, wanted: Signal) -> Result<(), String> {
    match waitpid(pid, None).map_err(|error| error.to_string())? {
        WaitStatus::Stopped(_, signal) if signal == wanted => Ok(()),
        other => Err(format!("unexpected: {other:?}")),
    }
}

#[test]
fn loops_are_told_from_straight_code() {
    let steps = Steps { counts: [(0x10, 1), (0x14, 64), (0x18, 63), (0x1c, 2)].into(), ..Steps::default() };
    assert_eq!((steps.all(), steps.repeated(32)), (130, 127));
}

#[test]
fn forks_are_jumps_that_went_another_way() {
    let run = |jumps: &[(u64, &[bool])]| Steps {
        jumps: jumps.iter().map(|(at, ways)| (*at, ways.to_vec())).collect(),
        ..Steps::default()
    };
    let one = run(&[(0x10, &[true]), (0x20, &[false, false, true]), (0x30, &[true])]);
    let other = run(&[(0x10, &[true]), (0x20, &[false, true]), (0x40, &[true])]);
    assert_eq!((one.forks(&one), one.forks(&other), other.forks(&one)), (0, 1, 1));
}

#[test]
fn conditional_jumps_are_told_from_others() {
    let length = |bytes: &[u8]| {
        let mut all = [0x90; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        conditional_jump(all)
    };
    // jne, near and far; jmp, call, cmovne, ret.
    assert_eq!((length(&[0x75, 0x10]), length(&[0x0f, 0x85, 0, 1, 0, 0])), (Some(2), Some(6)));
    for other in [&[0xeb, 0x10][..], &[0xe8], &[0x0f, 0x45, 0xc1], &[0xc3]] {
        assert_eq!(length(other), None, "{other:x?}");
    }
}
