//! An image of physical memory in a file, of which only what is looked at is read.
//!
//! The file itself is not mapped: another process may shorten or change it at any moment, and no safe code can stand on
//! memory that does that. Instead anonymous memory of the same length is mapped, which costs nothing until it is used,
//! and a stretch of the file is copied into it when a word of it is wanted for the first time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use memmap2::{MmapMut, MmapOptions};

use crate::failure::{Failure, Outcome};

/// lg2 of the bytes that are read at once.
const STRETCH_LG2: u32 = 12;

/// The image.
pub struct Image {
    path: PathBuf,
    file: File,
    memory: MmapMut,
    /// Which stretches of the file are in `memory`.
    present: Vec<bool>,
    base: u64,
}

impl Image {
    /// Opens a file whose first byte is at the physical address `base`.
    pub fn open(path: &Path, base: u64) -> Outcome<Self> {
        let unreadable = |error: io::Error| {
            Failure::found(format!("cannot read the memory image {}: {error}", path.display()))
                .expected("a readable file with the raw bytes of physical memory")
        };
        let mut file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(Failure::found(format!("{} is a folder", path.display()))
                .expected("a file with the raw bytes of physical memory"));
        }
        let length = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
        if length == 0 {
            return Err(Failure::found(format!("the memory image {} is empty", path.display()))
                .expected("the raw bytes of physical memory"));
        }
        if base.checked_add(length - 1).is_none() {
            return Err(Failure::found(format!("an image of {length:#x} bytes from {base:#x} on"))
                .expected("an image that ends below 2^64")
                .help("--base is the physical address of the first byte of the image"));
        }
        let size = usize::try_from(length).map_err(|_| {
            Failure::found(format!("an image of {length:#x} bytes")).expected("one that fits this machine's addresses")
        })?;
        let memory = MmapOptions::new().len(size).no_reserve_swap().map_anon().map_err(|error| {
            Failure::found(format!("cannot reserve {size:#x} bytes of addresses for the image: {error}"))
        })?;
        let present = vec![false; ((size - 1) >> STRETCH_LG2) + 1];
        Ok(Self { path: path.to_owned(), file, memory, present, base })
    }

    /// The physical address of the first byte.
    pub fn first(&self) -> u64 {
        self.base
    }

    /// The physical address of the last byte.
    pub fn last(&self) -> u64 {
        self.base + (self.memory.len() as u64 - 1)
    }

    /// The length in bytes.
    pub fn length(&self) -> u64 {
        self.memory.len() as u64
    }

    /// The bytes from a physical address on, if all of them are in the image.
    pub fn bytes(&mut self, address: u64, length: usize) -> Outcome<Option<&[u8]>> {
        let Some(start) = address.checked_sub(self.base).and_then(|start| usize::try_from(start).ok()) else {
            return Ok(None);
        };
        let Some(end) = start.checked_add(length).filter(|end| *end <= self.memory.len()) else {
            return Ok(None);
        };
        if length > 0 {
            for stretch in (start >> STRETCH_LG2)..=((end - 1) >> STRETCH_LG2) {
                if !self.present[stretch] {
                    self.read(stretch)?;
                }
            }
        }
        Ok(Some(&self.memory[start..end]))
    }

    fn read(&mut self, stretch: usize) -> Outcome {
        let start = stretch << STRETCH_LG2;
        let end = (start + (1 << STRETCH_LG2)).min(self.memory.len());
        let read = self
            .file
            .seek(SeekFrom::Start(start as u64))
            .and_then(|_| self.file.read_exact(&mut self.memory[start..end]));
        read.map_err(|error| {
            let path = self.path.display();
            let found = if error.kind() == io::ErrorKind::UnexpectedEof {
                format!("the memory image {path} became shorter than {end:#x} bytes while it was read")
            } else {
                format!("cannot read the memory image {path} at {start:#x}: {error}")
            };
            Failure::found(found)
        })?;
        self.present[stretch] = true;
        Ok(())
    }
}
