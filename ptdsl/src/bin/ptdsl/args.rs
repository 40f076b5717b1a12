//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::number::{address, number};

/// Compiles, explains and applies page-table format files.
#[derive(Parser)]
#[command(name = "ptdsl", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Arguments {
    /// When to colour messages.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 if all is well; 1 if a format has problems, a file is not in canonical form, an address has no
translation or a listing is not complete; 2 if the request cannot be met.";

/// When to colour messages.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Reports every problem of format files
    Check(Check),
    /// Prints the Rust code that the attribute emits for a format
    Expand(Expand),
    /// Shows a format: levels, sizes, the bits of every word, choices, attributes and update rules
    Show(Show),
    /// Names every field of one word and says what is wrong with it
    Decode(Decode),
    /// Translates an address, or lists all mappings, by the tables in an image of physical memory
    Walk(Walk),
    /// Writes format files in their canonical form
    Fmt(Fmt),
}

/// `check`
#[derive(Args)]
pub struct Check {
    /// Format files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `expand`
#[derive(Args)]
pub struct Expand {
    #[command(flatten)]
    pub format: FormatChoice,
    /// The level whose table the root is, where the format leaves a choice
    #[arg(long, value_name = "LEVEL", alias = "root-level")]
    pub root: Option<String>,
}

/// `show`
#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    pub format: FormatChoice,
    /// The level whose table the root is, where the format leaves a choice
    #[arg(long, value_name = "LEVEL", alias = "root-level")]
    pub root: Option<String>,
    /// Draws the layouts as SVG instead
    #[arg(long)]
    pub svg: bool,
}

/// `decode`
#[derive(Args)]
pub struct Decode {
    #[command(flatten)]
    pub format: FormatChoice,
    /// The level in whose table the word stands, by name or number, or the name of the root word
    pub level: String,
    /// The word, as a number
    #[arg(value_parser = number)]
    pub word: u128,
    /// The level whose table the root is, where the format leaves a choice
    #[arg(long, value_name = "LEVEL", alias = "root-level")]
    pub root: Option<String>,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// `walk`
#[derive(Args)]
pub struct Walk {
    #[command(flatten)]
    pub format: FormatChoice,
    /// The image of physical memory: a raw file
    #[arg(long, value_name = "DUMP")]
    pub memory: PathBuf,
    /// The physical address of the root table
    #[arg(long, value_name = "ADDRESS", value_parser = address, required_unless_present = "root_word")]
    pub root: Option<u64>,
    /// What the processor's root register holds, in place of the address in it
    #[arg(long, value_name = "WORD", value_parser = number, conflicts_with = "root")]
    pub root_word: Option<u128>,
    /// The physical address of the first byte of the image
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "0")]
    pub base: u64,
    /// The level whose table the root is, where the format leaves a choice
    #[arg(long, value_name = "LEVEL")]
    pub root_level: Option<String>,
    /// Attributes that do not matter: ranges that differ in them only are merged, and they are not shown
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Shows output addresses: a new range begins where they are not contiguous
    #[arg(long)]
    pub outputs: bool,
    /// How many tables to look at before giving up [default: twice what the image can hold, at least 16384]
    #[arg(long, value_name = "NUMBER", value_parser = address)]
    pub max_tables: Option<u64>,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
    /// The address to translate; without it all mappings are listed
    #[arg(value_name = "VA", value_parser = address)]
    pub va: Option<u64>,
}

/// `fmt`
#[derive(Args)]
pub struct Fmt {
    /// Format files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Changes nothing, names the files that are not in canonical form and exits with 1 if there are any
    #[arg(long)]
    pub check: bool,
}

/// A format and what the client decides about it.
#[derive(Args)]
pub struct FormatChoice {
    /// A built-in format by name, or a file by path (`dir/file.ptf`, `file.ptf#name` for one of several)
    pub format: String,
    /// Settings of features: `name=on`, `name=off`, `name=runtime`
    #[arg(long, value_name = "SETTINGS", value_delimiter = ',')]
    pub features: Vec<String>,
    /// Values of parameters: `name=46`, `name=runtime`
    #[arg(long, value_name = "VALUES", value_delimiter = ',')]
    pub parameters: Vec<String>,
    /// Numbers of the names of a rebindable attribute: `memory_type.write_combining=1`
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub choices: Vec<String>,
    /// Which range of addresses the tables are for, where the format has several
    #[arg(long, value_name = "RANGE")]
    pub range: Option<String>,
}
