//! Every format, under several bindings, judged by the reference walker and by a plain map.

use std::cell::Cell;
use std::sync::Once;

use proptest::test_runner::{Config, TestRunner};
use ptgen_tests::operations::{Run, steps};
use ptgen_tests::{encodings, facts, levels, skips, words};

/// How many fillings of tables are compared for each value of a format.
const FILLINGS: u64 = 6;

/// How many sequences of operations are run for each value of a format.
const SEQUENCES: u32 = 12;

macro_rules! conforms {
    ($case:ident) => {
        mod $case {
            use super::*;
            use ptgen_tests::cases::$case as case;

            #[test]
            fn geometry_is_that_of_the_model() {
                for (format, decided) in case::values() {
                    geometry(format, &case::CASE.model(&decided), decided.range);
                }
            }

            #[test]
            fn software_bits_cleaning_and_held_leaves_are_those_of_the_model() {
                for (format, decided) in case::values() {
                    facts::compare(format, &case::CASE.model(&decided), decided.range);
                }
            }

            #[test]
            fn every_attribute_is_encoded_as_the_model_states() {
                for (format, decided) in case::values() {
                    let compared = encodings::compare(format, &case::CASE.model(&decided));
                    assert!(compared.words > 40, "{compared:?}");
                }
            }

            #[test]
            fn words_of_every_kind_mean_what_the_reference_walker_says() {
                for (format, decided) in case::values() {
                    let model = case::CASE.model(&decided);
                    for seed in 0..FILLINGS {
                        words::compare(format, &model, decided.range, seed);
                    }
                }
            }

            #[test]
            fn pointers_that_skip_levels_are_read_and_refused() {
                for (format, decided) in case::values() {
                    skips::compare(format, &case::CASE.model(&decided), decided.range);
                }
            }

            #[test]
            fn sequences_of_operations_do_what_a_plain_map_does() {
                for (format, _) in case::values() {
                    sequences(SEQUENCES, |steps| Run::sequence(format, steps));
                }
            }

            #[test]
            fn running_out_of_frames_changes_nothing() {
                let (format, _) = case::values()[0];
                sequences(SEQUENCES, |steps| {
                    Run::starved_sequence(format, steps);
                });
            }
        }
    };
}

ptgen_tests::every_case!(conforms);

thread_local! {
    /// Whether panics of this thread are being collected, and need not be printed one by one.
    static COLLECTING: Cell<bool> = const { Cell::new(false) };
}

/// Runs random sequences; of those that fail, the shortest one is told.
fn sequences(cases: u32, test: impl Fn(&[ptgen_tests::operations::Step])) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !COLLECTING.get() {
                usual(info);
            }
        }));
    });
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    COLLECTING.set(true);
    let result = TestRunner::new(config).run(&steps(24), |steps| {
        test(&steps);
        Ok(())
    });
    COLLECTING.set(false);
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// Levels and sizes are those of the model.
fn geometry<F: ptgen::Format>(f: F, model: &ptdsl::model::Format, range: usize) {
    let range = &model.ranges[range];
    let shapes = levels::shapes(f);
    assert_eq!(shapes.len(), model.levels.len() - range.root);
    for (shape, level) in shapes.iter().zip(&model.levels[range.root..]) {
        let is_root = level.number == model.levels[range.root].number;
        let index_bits = if is_root { range.root_index_bits } else { level.index_bits };
        assert_eq!((u32::from(shape.number), shape.shift, shape.index_bits), (level.number, level.shift, index_bits));
    }
    let last = range.width;
    assert!(
        f.is_canonical(f.extend(0)) && f.is_canonical(f.extend((1_u64 << (last - 1)) | ((1_u64 << (last - 1)) - 1)))
    );
}
