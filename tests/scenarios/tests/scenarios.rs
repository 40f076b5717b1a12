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
                                        ptgen_scenarios::check(stringify!($id), stringify!($d case));
                                    }
                                };
                            }
            ptgen_scenarios::every_case!(case);

            mod starved {
                macro_rules! case {
                                    ($d case:ident) => {
                                        #[test]
                                        fn $d case() {
                                            ptgen_scenarios::check_starved(stringify!($id), stringify!($d case));
                                        }
                                    };
                                }
                ptgen_scenarios::every_case!(case);
            }
        }
    };
}

ptgen_scenarios::registry!(tests);

macro_rules! growing {
    ($case:ident) => {
        mod $case {
            #[test]
            fn grows() {
                ptgen_scenarios::check("io_2", stringify!($case));
            }

            #[test]
            fn grows_or_fails() {
                ptgen_scenarios::check_starved("io_2", stringify!($case));
            }
        }
    };
}

ptgen_scenarios::every_growing_case!(growing);

/// The table in the documentation is what comes of running the scenarios. `PTGEN_BLESS=1` writes it.
#[test]
fn table_is_what_the_scenarios_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scenarios.md");
    let table = ptgen_scenarios::table();
    assert!(!table.contains("FAILS"), "a table with failures is not written:\n{table}");
    if std::env::var_os("PTGEN_BLESS").is_some() {
        std::fs::write(path, &table).expect("the table can be written");
    }
    let written = std::fs::read_to_string(path).expect("there is a table");
    assert!(written == table, "docs/scenarios.md is not what the scenarios say; PTGEN_BLESS=1 writes it:\n{table}");
}
