//! Every scenario on every case, and on every case with every allocation failing.

macro_rules! tests {
    ($($id:ident $name:literal: $shows:literal = $family:ident::$module:ident;)*) => {
        $(one!($id, $);)*
    };
}

macro_rules! one {
    ($id:ident, $d:tt) => {
        mod $id {
            macro_rules! case {
                                ($d case:ident) => {
                                    #[test]
                                    fn $d case() {
                                        simulated::SUITE.check(stringify!($id), stringify!($d case));
                                    }
                                };
                            }
            simulated::every_case!(case);

            mod starved {
                macro_rules! case {
                                    ($d case:ident) => {
                                        #[test]
                                        fn $d case() {
                                            simulated::SUITE.check_starved(stringify!($id), stringify!($d case));
                                        }
                                    };
                                }
                simulated::every_case!(case);
            }
        }
    };
}

ptgen_scenarios::registry!(tests);

#[allow(unused_macros, reason = "not every part has a format that grows")]
macro_rules! growing {
    ($case:ident) => {
        mod $case {
            #[test]
            fn grows() {
                simulated::SUITE.check("io_2", stringify!($case));
            }

            #[test]
            fn grows_or_fails() {
                simulated::SUITE.check_starved("io_2", stringify!($case));
            }
        }
    };
}

simulated::every_growing_case!(growing);

/// The table in the documentation is what comes of running the scenarios. `PTGEN_BLESS=1` writes it.
#[test]
fn table_of_scenarios() {
    let part =
        env!("CARGO_PKG_NAME").strip_prefix("ptgen-simulated-").expect("the name of the package says which part it is");
    let path = format!("{}/../../../docs/scenarios/{part}.md", env!("CARGO_MANIFEST_DIR"));
    let table = ptgen_scenarios::table(&simulated::SUITE, part);
    assert!(!table.contains("FAILS"), "a table with failures is not written:\n{table}");
    if std::env::var_os("PTGEN_BLESS").is_some() {
        std::fs::write(&path, &table).expect("the table can be written");
    }
    let written = std::fs::read_to_string(&path).expect("there is a table");
    assert!(written == table, "{path} is not what the scenarios say; PTGEN_BLESS=1 writes it:\n{table}");
}
