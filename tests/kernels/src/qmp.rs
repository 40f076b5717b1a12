//! QEMU's protocol for machines that drive it (QMP), over the standard streams of the process.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};

use serde_json::{Value, json};

use crate::Error;

/// So many commands are on the way before the first answer is read; few enough to fit in a pipe.
const AHEAD: usize = 128;

/// The connection.
pub struct Qmp {
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Qmp {
    /// Takes the streams of a process that was started with `-qmp stdio`.
    pub fn of(child: &mut Child) -> Result<Self, Error> {
        let (Some(commands), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the emulator's streams are not piped".into());
        };
        let mut qmp = Self { commands, answers: BufReader::new(answers) };
        qmp.line()?;
        qmp.command("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Carries out one command.
    pub fn command(&mut self, name: &str, arguments: &Value) -> Result<Value, Error> {
        self.send(name, arguments)?;
        self.answer()
    }

    /// What the monitor for people says to these lines.
    pub fn monitor(&mut self, lines: &[String]) -> Result<Vec<String>, Error> {
        let mut said = Vec::with_capacity(lines.len());
        for some in lines.chunks(AHEAD) {
            for line in some {
                self.send("human-monitor-command", &json!({ "command-line": line }))?;
            }
            for _ in some {
                said.push(self.answer()?.as_str().unwrap_or_default().to_owned());
            }
        }
        Ok(said)
    }

    fn send(&mut self, name: &str, arguments: &Value) -> Result<(), Error> {
        let text = json!({ "execute": name, "arguments": arguments }).to_string();
        self.commands.write_all(format!("{text}\n").as_bytes())?;
        Ok(())
    }

    /// The answer to the first command that has none. Events are passed over.
    fn answer(&mut self) -> Result<Value, Error> {
        loop {
            let mut line = self.line()?;
            if let Some(found) = line.get_mut("return") {
                return Ok(found.take());
            }
            if let Some(error) = line.get("error") {
                return Err(format!("the emulator refuses: {error}").into());
            }
        }
    }

    fn line(&mut self) -> Result<Value, Error> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the emulator has ended".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}
