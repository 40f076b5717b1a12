//! `ptdsl walk` on images that mean harm, and with readers that leave early.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ptdsl::tree::ParameterSet;

use crate::support::{command, file, run};

/// An image whose tables are filled with one word each.
fn filled(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes().repeat(512)).collect()
}

#[test]
fn tables_that_point_to_themselves_everywhere_are_one_note() {
    let path = file("self.img", &filled(&[0x67])).display().to_string();
    let ran = run(&["walk", "x86_64_4level", "--memory", &path, "--root", "0"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 3, "{ran}");
    assert!(lines[0].starts_with("0x0000000000000000-0x0000800000000000  128 TiB"), "{ran}");
    assert!(lines[1].starts_with("0xffff800000000000-0x10000000000000000  128 TiB"), "{ran}");
    assert!(lines[0].contains("recursive") && lines[1].contains("recursive"), "{ran}");
    assert_eq!(lines[2], "2 lines, 0 leaf entries in 1 table, 512 recursive entries");
}

#[test]
fn tables_shared_by_all_their_parents_end_at_the_budget() {
    // Each of four tables is in all slots of the one above it: 512^4 leaves.
    let path = file("shared.img", &filled(&[0x1067, 0x2067, 0x3067, 0x63])).display().to_string();
    let started = Instant::now();
    let ran = run(&["walk", "x86_64_4level", "--memory", &path, "--root", "0", "--max-tables", "1000"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.starts_with("error: gave up at 0x7c800000 after 1000 tables\n"), "{ran}");
    assert!(ran.err.contains("--max-tables"), "{ran}");
    // Of the thousand one is of each upper level and two of `pd`; 996 of `pt` translate 2 MiB each.
    assert!(ran.out.starts_with("0x0000000000000000-0x000000007c800000 1992 MiB"), "{ran}");
    let ran = run(&["walk", "x86_64_4level", "--memory", &path, "--root", "0", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(found["summary"]["complete"], false);
    assert_eq!(found["summary"]["tables"], 16384);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    // Every second slot of many tables: far more lines than a pipe holds.
    let mut bytes = filled(&[0x1067, 0x2067, 0x3067]);
    bytes.extend([0x63u64, 0].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>().repeat(256));
    let path = file("pipe.img", &bytes).display().to_string();
    for more in [&[][..], &["--json"][..]] {
        let mut arguments = vec!["walk", "x86_64_4level", "--memory", &path, "--root", "0"];
        arguments.extend(more);
        let mut child = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}

#[test]
fn noise_is_listed_without_harm() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let bytes: Vec<u8> = (0..0x4000).flat_map(|_| next().to_le_bytes()).collect();
    let path = file("noise.img", &bytes).display().to_string();
    for format in ptgen_formats::FORMATS {
        for more in [&[][..], &["--json"][..], &["0x1234"][..]] {
            let mut arguments = vec!["walk", format.name, "--memory", &path, "--root", "0x10000"];
            arguments.extend(more);
            let addresses = addresses(format);
            if !addresses.is_empty() {
                arguments.extend(["--parameters", &addresses]);
            }
            let ran = run(&arguments);
            assert!(ran.code != Some(2), "{ran}");
            assert!(!ran.out.is_empty());
        }
    }
}

/// The parameters of a format that are addresses, which have no usual value, each with one.
fn addresses(format: &ptgen_formats::Builtin) -> String {
    let compiled = ptdsl::compile(format.file, format.text);
    let description = compiled.formats().find(|it| it.name.value == format.name).expect("it is in its file");
    let parameters = description.parameters.iter().filter(|it| matches!(it.node.set, ParameterSet::Address));
    parameters.map(|it| format!("{}=20480", it.node.name.value)).collect::<Vec<_>>().join(",")
}
