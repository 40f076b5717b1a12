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
